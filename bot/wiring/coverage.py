"""Which part of a window do prices and funding not cover, and how is it counted? Nothing is counted as nothing in silence."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from adapters.history_terms import DAY_MS, HOUR_MS, Bar, Rate, first_gap, intervals, late_ms
from bot.core.events import CommandGiven
from bot.wiring.past import Recorded

MINUTE_MS: Final = 60_000
UNITS: Final = ((DAY_MS, "days"), (HOUR_MS, "hours"), (MINUTE_MS, "minutes"))
MOST_CHANGES: Final = 4  # of an interval, that are told
USUAL_MS: Final = 8 * HOUR_MS  # between settlements, where a file holds too few to tell


def uncovered(read: Recorded) -> Iterator[str]:
    """Sentences about what is missing; none where everything is there."""
    since, until = read.history.from_ms, read.history.to_ms
    begins = {asset: bars[0].at_ms for asset, bars in read.bars.items()}
    ends = {asset: ends_ms(bars) for asset, bars in read.bars.items()}
    lengths = {asset: bars[0].length_ms for asset, bars in read.bars.items()}
    first, last = min(begins, key=lambda asset: begins[asset]), max(ends, key=lambda asset: ends[asset])
    if since is not None and begins[first] - since >= lengths[first]:
        yield f"the window begins {when(since)}, prices begin {when(begins[first])}: the {span(begins[first] - since)} before are left out"
    if until is not None and until - ends[last] >= lengths[last]:
        yield f"the window ends {when(until)}, prices end {when(ends[last])}: the {span(until - ends[last])} after are left out"
    for asset, ended in ends.items():
        if until is not None and ended > until:
            yield f"the window ends {when(until)} within a bar of {asset}: the whole bar counts, to {when(ended)}"
    for asset, bars in read.bars.items():
        if len(bars) == 1 and lengths[asset] == MINUTE_MS:  # what the readers take it for where a file has no second one
            yield f"prices of {asset} are one bar alone, {when(begins[asset])}, counted as one minute: two or more would tell their length"
        if begins[asset] - begins[first] >= max(lengths[asset], lengths[first]):
            later = span(begins[asset] - begins[first])
            yield (
                f"prices of {asset} begin {when(begins[asset])}, {later} after those of {first}: until then {asset} stands at its first "
                "price, without a hedge"
            )
        if ends[last] - ends[asset] >= max(lengths[asset], lengths[last]):
            sooner = span(ends[last] - ends[asset])
            yield (
                f"prices of {asset} end {when(ends[asset])}, {sooner} before those of {last}: from then on {asset} stands at its last "
                "price, without funding"
            )
    for asset, rates in read.rates.items():
        yield from unfunded(asset, rates, begins[asset], ends[asset])


def unfunded(asset: str, rates: Sequence[Rate], begins_ms: int, ends_ms: int) -> Iterator[str]:
    settled = [one.at_ms for one in rates if one.at_ms >= begins_ms]
    every = intervals(settled, usual_ms(rates)) or [usual_ms(rates)]
    if not settled:
        if ends_ms - begins_ms > late_ms(every[0]):
            yield f"funding of {asset} has nothing from {when(begins_ms)} to {when(ends_ms)}: none is counted"
        return
    if settled[0] - begins_ms > late_ms(every[0]):
        yield f"funding of {asset} begins {when(settled[0])}, its prices begin {when(begins_ms)}: none is counted before"
    if ends_ms - settled[-1] > late_ms(every[-1]):
        yield f"funding of {asset} ends {when(settled[-1])}, its prices end {when(ends_ms)}: none is counted after"
    changes = [f"{hours(one)} from {when(at_ms)}" for at_ms, (last, one) in zip(settled[1:], pairwise(every), strict=False) if one != last]
    if changes:
        more = len(changes) - MOST_CHANGES
        rest = [f"and {more} more change{'s' if more > 1 else ''}"] if more > 0 else []
        yield f"funding of {asset} settles every {', '.join([hours(every[0]), *(f'every {one}' for one in changes[:MOST_CHANGES]), *rest])}"


def without_funding(read: Recorded, hedged: Iterable[str]) -> Iterator[str]:
    """A sentence where funding of some contracts is known and that of others is not; of who gave none at all, none is expected."""
    lacking = sorted(set(hedged) - set(read.rates)) if read.rates else []
    if lacking:
        yield f"funding of {' and '.join(lacking)} is not given: none is counted"


def hours(distance_ms: int) -> str:
    return "hour" if distance_ms == HOUR_MS else f"{distance_ms // HOUR_MS} hours"


def spoken_before(commands: Sequence[CommandGiven], read: Recorded) -> Iterator[str]:
    """Sentences about words that stand already when prices begin."""
    for said in commands:
        if said.asset is not None and said.at_ms < (begins_ms := read.bars[said.asset][0].at_ms):
            yield f"the target of {said.asset} is set {when(said.at_ms)}, its prices begin {when(begins_ms)}: it stands from then on"


def settlements_follow(rates: Sequence[Rate]) -> bool:
    """Is none missing between two others?"""
    return first_gap([one.at_ms for one in rates], usual_ms(rates), None, None) is None


def usual_ms(rates: Sequence[Rate]) -> int:
    """Between two settlements."""
    steps = Counter(after.at_ms - before.at_ms for before, after in pairwise(rates))
    return steps.most_common(1)[0][0] if steps else USUAL_MS


def ends_ms(bars: Sequence[Bar]) -> int:
    return bars[-1].at_ms + bars[-1].length_ms


def when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"


def span(distance_ms: int) -> str:
    size, unit = next((size, unit) for size, unit in UNITS if distance_ms >= 2 * size or size == MINUTE_MS)
    return f"{distance_ms / size:,.0f} {unit}"
