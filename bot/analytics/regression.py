"""How much does one market move with another? β, R² and residual volatility of paired log returns of closed candles.

Only returns over candles that both markets have, one after the other, are paired. With a half-life a return of so many candles ago weighs
half as much as the newest one; without one all weigh alike, which is ordinary least squares (core/regression.py says the same exactly).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from math import sqrt

import numpy as np

from bot.analytics.candles import YEAR_MS, Floats, share
from bot.core.cross_terms import CrossFit
from bot.core.rules import CrossRule
from bot.ports import Candle


@dataclass(frozen=True, slots=True)
class Returns:
    """Log returns of several markets over the same candles, oldest first."""

    by_asset: Mapping[str, Floats]
    closed_ms: int  # of the newest candle; 0 where there is none

    def __len__(self) -> int:
        return min(map(len, self.by_asset.values()), default=0)


def returns_of(candles: Mapping[str, Sequence[Candle]], length_ms: int, most: int | None = None) -> Returns:
    """The newest `most` returns that all markets share."""
    closes = {asset: {candle.opened_ms: float(candle.close) for candle in found} for asset, found in candles.items()}
    shared = sorted(set.intersection(*(set(found) for found in closes.values()))) if closes else []
    ends = [now for was, now in pairwise(shared) if now - was == length_ms]
    ends = ends if most is None else ends[len(ends) - min(most, len(ends)) :]
    by_asset = {
        asset: np.log(np.array([found[at] for at in ends]) / np.array([found[at - length_ms] for at in ends])) if ends else np.array([])
        for asset, found in closes.items()
    }
    return Returns(by_asset, ends[-1] + length_ms if ends else 0)


def weights(count: int, half_life: Decimal | None) -> Floats:
    """Of `count` returns, oldest first; they add up to 1."""
    if half_life is None:
        return np.full(count, 1 / count)
    raw: Floats = 0.5 ** (np.arange(count - 1, -1, -1) / float(half_life))
    whole: Floats = raw / raw.sum()
    return whole


@dataclass(frozen=True, slots=True)
class Moments:
    """Weighted variances and covariance of two series of returns."""

    of_x: float
    of_y: float
    both: float

    @property
    def beta(self) -> float:
        """Of y on x."""
        return self.both / self.of_x

    @property
    def correlation(self) -> float:
        return self.both / sqrt(self.of_x * self.of_y)


def moments(x: Floats, y: Floats, half_life: Decimal | None) -> Moments | None:
    """None where a series does not move."""
    if len(x) < 2:
        return None
    by = weights(len(x), half_life)
    dx, dy = x - (by * x).sum(), y - (by * y).sum()
    found = Moments(float((by * dx * dx).sum()), float((by * dy * dy).sum()), float((by * dx * dy).sum()))
    return found if found.of_x > 0 and found.of_y > 0 else None


def yearly(variance: float, count: int, length_ms: int, half_life: Decimal | None) -> float:
    """A volatility; unweighted ones are of a sample (n-1)."""
    sample = variance if half_life is not None else variance * count / (count - 1)
    return sqrt(sample * YEAR_MS / length_ms)


def fitted(rule: CrossRule, asset: Sequence[Candle], hedge: Sequence[Candle]) -> tuple[CrossFit | None, str]:
    """The regression of a cross-hedge, or why there is none. How good it must be is judged in core/carried.py."""
    if not asset or not hedge:
        return None, f"no closed candle of {rule.hedge if asset else rule.asset} is known"
    found = returns_of({"x": hedge, "y": asset}, rule.candle_ms, rule.lookback)
    x, y = found.by_asset["x"], found.by_asset["y"]
    both = moments(x, y, rule.half_life)
    if both is None:
        return None, f"{len(x)} returns that both markets share give no β"
    explained = both.correlation**2
    volatility = yearly(both.of_y, len(y), rule.candle_ms, rule.half_life)
    return CrossFit(
        closed_ms=found.closed_ms,
        returns=len(x),
        beta=share(both.beta),
        r_squared=share(explained),
        volatility=share(volatility),
        residual_volatility=share(volatility * sqrt(max(0.0, 1 - explained))),
    ), ""
