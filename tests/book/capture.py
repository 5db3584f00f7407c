"""What was in the book, and who traded? A raw capture of Binance's COIN-M stream, in whole ticks, whole contracts and the venue's own time.

It holds diffs of the book, trades, and one snapshot; the touch that it also tells is left out, for the book gives it. A diff older than the
snapshot is dropped; times are the venue's (`T`), for the clock that captured was off.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

TICK: Final = Decimal("0.1")
FILES: Final = ("btcusd_perp_20240808.gz", "btcusd_perp_20240809.gz")
Rows = tuple[tuple[int, int], ...]  # price in ticks, contracts


@dataclass(frozen=True, slots=True)
class Diff:
    at_ms: int
    bids: Rows
    asks: Rows


@dataclass(frozen=True, slots=True)
class Trade:
    at_ms: int
    ticks: int
    contracts: int
    bought: bool  # by the one who attacked


@dataclass(frozen=True, slots=True)
class Capture:
    """One snapshot and what followed, in the order of the venue's time."""

    began_ms: int
    bids: Rows
    asks: Rows
    events: Sequence[Diff | Trade]

    @property
    def ended_ms(self) -> int:
        return self.events[-1].at_ms


def ticks(price: str) -> int:
    count = Decimal(price) / TICK
    assert count == count.to_integral_value(), f"{price} is off the grid"
    return int(count)


def rows(told: Sequence[Sequence[str]]) -> Rows:
    return tuple((ticks(price), int(contracts)) for price, contracts in told)


def lines(folder: Path) -> Iterator[dict[str, Any]]:
    for name in FILES:
        with gzip.open(folder / name, "rt") as file:
            for line in file:
                if "@bookTicker" not in line[:80]:
                    yield json.loads(line.split(" ", 1)[1])


@cache
def captured(folder: Path) -> Capture:
    """Raise AssertionError where the sequence has a gap."""
    snapshot, diffs, trades = None, [], []
    for told in lines(folder):
        if "data" not in told:
            snapshot = told
        elif told["data"]["e"] == "trade":
            trades.append(told["data"])
        else:
            diffs.append(told["data"])
    assert snapshot is not None
    assert all(was["u"] == now["pu"] for was, now in pairwise(diffs)), "a diff is missing"
    began_ms, last = snapshot["T"], snapshot["lastUpdateId"]
    events: list[Diff | Trade] = [
        Trade(one["T"], ticks(one["p"]), int(one["q"]), not one["m"]) for one in trades if one["T"] >= began_ms
    ]  # fmt: skip
    events += [Diff(one["T"], rows(one["b"]), rows(one["a"])) for one in diffs if one["u"] >= last]
    events.sort(key=lambda event: event.at_ms)  # of one moment the trades first: what they took is not yet gone from the book
    return Capture(began_ms, rows(snapshot["bids"]), rows(snapshot["asks"]), events)
