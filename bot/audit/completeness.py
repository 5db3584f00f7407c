"""Does the record hold every own trade that the venue knows, and no other?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bot.audit.rows import FillRow
from bot.audit.verify import Verdict, Verification
from bot.core.ledger import OVERLAP_MS
from bot.core.model import Fill

WORST_FIRST: Final = (Verdict.BROKEN, Verdict.UNCLEAR, Verdict.GOOD)


@dataclass(frozen=True, slots=True)
class Completeness:
    verdict: Verdict
    what: str
    bad_seq: int | None = None  # of the entry that says otherwise


def compare(recorded: Iterable[FillRow], known: Mapping[str, Iterable[Fill]], *, looked_ms: int) -> Completeness:
    """Own trades on record against those of the venue, by symbol, over the whole record.

    `looked_ms`: when the bot looked last. A trade may be told late: what is younger than that less the overlap of two reads is not missing
    yet. A trade on record that is older than the oldest one the venue still shows proves nothing.
    """
    ours: dict[str, dict[str, FillRow]] = {}
    for booked in recorded:
        ours.setdefault(booked.symbol, {})[booked.trade_id] = booked
    alike, unclear = 0, []
    for symbol in sorted({*ours, *known}):
        mine = ours.get(symbol, {})
        theirs = {fill.trade_id: fill for fill in known.get(symbol, ())}
        for fill in theirs.values():
            row = mine.get(fill.trade_id)
            if row is None and fill.at_ms <= looked_ms - OVERLAP_MS:
                what = f"the venue knows trade {fill.trade_id} of order {fill.client_id} ({symbol}), and it is not on record"
                return Completeness(Verdict.BROKEN, what)
            if row is None:
                unclear.append(f"trade {fill.trade_id} ({symbol}) is younger than the last look: run the bot, then verify again")
            elif (row.client_id, row.side, row.contracts, row.price) != (fill.client_id, fill.side, fill.contracts, fill.price):
                is_now = f"{fill.side.value} {fill.contracts} at {fill.price}"
                what = (
                    f"trade {fill.trade_id} ({symbol}) is {row.side.value} {row.contracts} at {row.price} on record, at the venue {is_now}"
                )
                return Completeness(Verdict.BROKEN, what, row.seq)
            else:
                alike += 1
        oldest_ms = min((fill.at_ms for fill in theirs.values()), default=None)
        for only in mine.values():
            if only.trade_id in theirs:
                continue
            if oldest_ms is not None and only.at_ms > oldest_ms:
                return Completeness(
                    Verdict.BROKEN, f"trade {only.trade_id} ({symbol}) is on record, and the venue does not know it", only.seq
                )
            unclear.append(f"trade {only.trade_id} ({symbol}) is older than what the venue still shows")
    if unclear:
        return Completeness(Verdict.UNCLEAR, f"{len(unclear)} own trades could not be compared; the first: {unclear[0]}")
    return Completeness(Verdict.GOOD, f"{alike} own trades, the same at the venue and on record")


def with_trades(found: Verification, trades: Completeness) -> Verification:
    """One verdict of both: the worse one, with its words."""
    if WORST_FIRST.index(trades.verdict) < WORST_FIRST.index(found.verdict):
        return replace(found, verdict=trades.verdict, what=trades.what, bad_seq=trades.bad_seq, notes=(found.what, *found.notes))
    return replace(found, notes=(*found.notes, trades.what))
