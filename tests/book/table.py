"""What do many trials add up to, and how sure is that?"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean, median
from typing import Final

from tests.book.trial import MAKER, TAKER, Outcome

BLOCK_MS: Final = 60_000  # starts closer than that share their market
DRAWS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Summary:
    """Basis points saved against a market order, seconds, and shares."""

    trials: int
    done: int
    bar: float  # half the spread, and the difference of the fees
    per_order: float  # mean of all orders, each against a market order of its own moment
    whole_median: float  # of the whole change, against a market order at its beginning
    whole_mean: float
    whole_low: float  # the mean lies between these in 90 of 100 draws of whole minutes
    whole_high: float
    seconds_median: float
    seconds_90: float
    crossed: int
    orders: float


def summary(outcomes: Sequence[Outcome]) -> Summary:
    done = [one for one in outcomes if one.seconds is not None and one.cost is not None]
    saved = {one: float(one.cost.saved_bps) for one in done if one.cost is not None}
    seconds = sorted(float(one.seconds) for one in done if one.seconds is not None)
    low, high = interval([(one.wish.start_ms // BLOCK_MS, value) for one, value in saved.items()])
    return Summary(
        trials=len(outcomes),
        done=len(done),
        bar=fmean(float(one.half_spread_bps + (TAKER - MAKER) * 10_000) for one in outcomes),
        per_order=fmean(float(each) for one in done for each in one.order_costs),
        whole_median=median(saved.values()),
        whole_mean=fmean(saved.values()),
        whole_low=low,
        whole_high=high,
        seconds_median=median(seconds),
        seconds_90=seconds[int(len(seconds) * 0.9)],
        crossed=sum(one.crossed for one in done),
        orders=fmean(one.orders for one in done),
    )


def interval(values: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Of the mean, from drawing whole blocks again and again: what lies in one minute is hardly more than one observation."""
    blocks: dict[int, list[float]] = {}
    for block, value in values:
        blocks.setdefault(block, []).append(value)
    draw, names = Random(7), sorted(blocks)
    means = sorted(fmean([value for name in draw.choices(names, k=len(names)) for value in blocks[name]]) for _ in range(DRAWS))
    return means[DRAWS // 20], means[-DRAWS // 20]


HEAD: Final = (
    "| manner | contracts | starts | half the spread + fees | saved: each order | whole, median | whole, mean (90 %) "
    "| seconds: median, 90 % | crossed | orders |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def line(manner: str, contracts: int, of: Summary) -> str:
    mean = f"{of.whole_mean:.2f} ({of.whole_low:.1f} … {of.whole_high:.1f})"
    return (
        f"| {manner} | {contracts:,} | {of.trials} | {of.bar:.2f} | {of.per_order:.2f} | {of.whole_median:.2f} | {mean} "
        f"| {of.seconds_median:.0f}, {of.seconds_90:.0f} | {of.crossed} | {of.orders:.1f} |"
    )
