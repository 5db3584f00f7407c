"""How did it go? A bounded series of what each account was worth and how it was hedged, seeded from the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.audit.store import Store
from bot.core.events import DecisionMade
from bot.core.model import ZERO
from bot.face import Status, status_json

MOST: Final = 720  # then every other sample is dropped, and samples are taken half as often
SEEDED: Final = 240


@dataclass(frozen=True, slots=True)
class Sample:
    at_ms: int
    hedged_usd: Decimal | None  # bag and account with the hedge
    unhedged_usd: Decimal | None  # the same coins without it
    ratios: tuple[tuple[str, Decimal | None], ...]


class History:
    def __init__(self, first_every_ms: int = 2_000) -> None:
        self.samples: list[Sample] = []
        self.every_ms = first_every_ms

    def take(self, sample: Sample) -> None:
        if self.samples and sample.at_ms - self.samples[-1].at_ms < self.every_ms:
            return
        self.samples.append(sample)
        if len(self.samples) > MOST:
            self.samples = self.samples[::2]
            self.every_ms *= 2


def sampled(status: Status) -> Sample | None:
    """What the bot knows now; None before its first turn."""
    if status.decision is None or status.as_of_ms is None:
        return None
    total = status_json(status)["value_total_usd"]
    marks = {leg.asset: leg.mark for leg in status.decision.legs}
    worth = [None if marks.get(asset) is None else coins * (marks[asset] or ZERO) for asset, coins in status.baselines]
    worth += [one.value_usd for leg in status.decision.legs for one in leg.crosses]
    known = [usd for usd in worth if usd is not None]
    return Sample(
        status.as_of_ms,
        None if total is None else Decimal(total),
        sum(known, ZERO) if worth and len(known) == len(worth) else None,
        tuple((leg.asset, leg.ratio_actual) for leg in status.decision.legs),
    )


def remembered(store: Store) -> list[Sample]:
    """The last recorded decisions as samples, oldest first. Each is some kilobytes: only so many are read."""
    found = []
    for row in reversed(store.decisions(limit=SEEDED)):
        event = row.event
        if isinstance(event, DecisionMade) and (sample := of_decision(event)) is not None:
            found.append(sample)
    return found


def of_decision(made: DecisionMade) -> Sample | None:
    """The account's worth is S + Q of each leg at its mark: legs that share a margin account are left to the running bot."""
    legs = made.decision.legs
    if any(leg.mark is None or leg.spot_coins is None or leg.equity_coins is None for leg in legs):
        return None
    carried = [one.value_usd for leg in legs for one in leg.crosses]
    if any(usd is None for usd in carried):
        return None
    baselines = {leg.asset: leg.baseline for leg in made.state.legs} | {leg.asset: leg.baseline for leg in legs if leg.baseline}
    worth = [(leg.mark or ZERO) * ((leg.spot_coins or ZERO) + (leg.equity_coins or ZERO)) for leg in legs]
    bare = [(leg.mark or ZERO) * base.coins for leg in legs if (base := baselines.get(leg.asset)) is not None]
    elsewhere = sum((usd for usd in carried if usd is not None), ZERO)
    return Sample(
        made.seen.now_ms,
        sum(worth, elsewhere),
        sum(bare, elsewhere) if len(bare) == len(legs) else None,
        tuple((leg.asset, leg.ratio_actual) for leg in legs),
    )


def funding_usd(store: Store) -> Sequence[tuple[int, Decimal]]:
    """What funding came to, in USD at the mark of each payment: the running sum, oldest first."""
    total, found = ZERO, []
    for row in reversed(store.funding(limit=MOST)):
        total += row.coins * row.mark
        found.append((row.at_ms, total))
    return found
