"""How did it go? A bounded series of what each account was worth and how it was hedged, seeded from the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.audit.store import Store
from bot.core.decision import Decision
from bot.core.events import DecisionMade
from bot.core.model import ZERO, Snapshot
from bot.face import Status, held_usd, total

MOST: Final = 720  # then every other sample is dropped, and samples are taken half as often
SEEDED: Final = 240


@dataclass(frozen=True, slots=True)
class Sample:
    at_ms: int
    hedged_usd: Decimal | None  # bag and account with the hedge
    bare_usd: Decimal | None  # the coins of the baselines, without hedge
    other_usd: Decimal | None  # of accounts in a currency that is no coin of the bag: USDT
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


def unhedged_usd(samples: Sequence[Sample]) -> list[Decimal | None]:
    """The same coins without the hedge, with the USDT that lay in the account at first: what became of it since is the hedge's."""
    posted = next((sample.other_usd for sample in samples if sample.other_usd is not None), None)
    return [None if posted is None or sample.bare_usd is None else sample.bare_usd + posted for sample in samples]


def sampled(status: Status) -> Sample | None:
    """What the bot knows now; None before its first turn."""
    if status.decision is None or status.seen is None or status.as_of_ms is None:
        return None
    return taken(status.as_of_ms, status.decision, status.seen, dict(status.baselines))


def taken(at_ms: int, decision: Decision, seen: Snapshot, baselines: Mapping[str, Decimal]) -> Sample:
    marks = {leg.asset: leg.mark for leg in decision.legs}
    held = tuple(held_usd(decision, seen))
    coins = {*marks, *(one.asset for leg in decision.legs for one in leg.crosses)}
    bare = [None if mark is None or asset not in baselines else baselines[asset] * mark for asset, mark in marks.items()]
    bare += [one.value_usd for leg in decision.legs for one in leg.crosses]
    return Sample(
        at_ms,
        total(tuple(usd for one in held for usd in (one.bag_usd, one.account_usd))),
        total(tuple(bare)),
        total((ZERO, *(one.account_usd for one in held if one.currency not in coins))),
        tuple((leg.asset, leg.ratio_actual) for leg in decision.legs),
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
    """None while something of it was UNKNOWN."""
    known = {leg.asset: leg.baseline.coins for leg in made.state.legs if leg.baseline is not None}
    set_anew = {leg.asset: leg.baseline.coins for leg in made.decision.legs if leg.baseline is not None}
    sample = taken(made.seen.now_ms, made.decision, made.seen, known | set_anew)
    return None if sample.hedged_usd is None else sample


def funding_usd(store: Store) -> Sequence[tuple[int, Decimal]]:
    """What funding came to, in USD at the mark of each payment: the running sum, oldest first."""
    total, found = ZERO, []
    for row in reversed(store.funding(limit=MOST)):
        total += row.coins * row.mark
        found.append((row.at_ms, total))
    return found
