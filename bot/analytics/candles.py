"""What do closed candles say? Averages, falls, trend and volatility at the close of the newest one."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import accumulate
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.policy_terms import CandleSigns, Policies
from bot.ports import Candle

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
YEAR_MS: Final = 365 * 86_400_000
DAY_MS: Final = 86_400_000
SHARE: Final = Decimal("0.000001")
SPANS: Final = 12  # an EMA forgets what lies further back: the weight of the rest is e^-24


def measured(policies: Policies, candles: Sequence[Candle]) -> tuple[CandleSigns | None, tuple[str, ...]]:
    """The signs that these policies go by, and what is lacking for the rest. Candles are closed, evenly spaced, oldest first."""
    if not candles:
        return None, ("no closed candle is known",)
    wanted = needed(policies)
    lacking = tuple(f"{name} needs {count} closed candles, {len(candles)} are known" for name, count in wanted if len(candles) < count)
    newest = candles[-depth(policies) :]
    close = np.array([float(candle.close) for candle in newest])
    high = np.array([float(candle.high) for candle in newest])
    low = np.array([float(candle.low) for candle in newest])
    known = {name for name, count in wanted if len(candles) >= count}
    drawdown, reversal, volatility = policies.drawdown, policies.reversal, policies.volatility
    signs = CandleSigns(
        closed_ms=candles[-1].opened_ms + policies.candle_ms,
        close=candles[-1].close,
        average=price(close[-count(policies, drawdown.average) :].mean())
        if "average" in known and drawdown is not None and drawdown.average is not None
        else None,
        fall=share(fall(high[-count(policies, drawdown.fall_days) :], close[-1]))
        if "fall" in known and drawdown is not None and drawdown.fall_days is not None
        else None,
        ema_fast=price(ema(close, reversal.fast)[-1]) if "reversal" in known and reversal is not None else None,
        ema_slow=price(ema(close, reversal.slow)[-1]) if "reversal" in known and reversal is not None else None,
        trend=streak(high, low, close, reversal.fast, reversal.slow, reversal.channel)
        if "reversal" in known and reversal is not None
        else None,
        volatility=share(deviation(close[-count(policies, volatility.days) - 1 :]) * sqrt(YEAR_MS / policies.candle_ms))
        if "volatility" in known and volatility is not None
        else None,
    )
    return signs, lacking


def count(policies: Policies, days: Decimal) -> int:
    """How many candles so many days are."""
    return max(1, int(days * DAY_MS / policies.candle_ms))


def needed(policies: Policies) -> list[tuple[str, int]]:
    """How many closed candles each statistic needs."""
    wanted = []
    if policies.drawdown is not None and policies.drawdown.average is not None:
        wanted.append(("average", count(policies, policies.drawdown.average)))
    if policies.drawdown is not None and policies.drawdown.fall_days is not None:
        wanted.append(("fall", count(policies, policies.drawdown.fall_days)))
    if policies.reversal is not None:
        wanted.append(("reversal", max(policies.reversal.slow, policies.reversal.channel + 1) + policies.reversal.confirmations))
    if policies.volatility is not None:
        wanted.append(("volatility", count(policies, policies.volatility.days) + 1))
    return wanted


def depth(policies: Policies) -> int:
    """How many candles are worth keeping."""
    trend = 0 if policies.reversal is None else SPANS * max(policies.reversal.slow, policies.reversal.channel)
    return max([trend, 1, *(count for _, count in needed(policies))])


# ---------------------------------------------------------------------------------------------------------------- formulas


def ema(values: Floats, span: int) -> Floats:
    """e_0 = x_0, e_t = e_(t-1) + 2/(span+1) · (x_t - e_(t-1))."""
    weight = 2 / (span + 1)
    return np.fromiter(accumulate(values.tolist(), lambda before, value: before + weight * (value - before)), np.float64, len(values))


def breaks(high: Floats, low: Floats, close: Floats, channel: int) -> Whole:
    """+1 where a close lies above the highest high of the `channel` candles before it, -1 where it lies below their lowest low; else the
    last of these, and 0 before there was one."""
    last = np.zeros(len(close), np.int64)
    if len(close) <= channel:
        return last
    windows = np.lib.stride_tricks.sliding_window_view
    highest, lowest = windows(high, channel)[:-1].max(axis=1), windows(low, channel)[:-1].min(axis=1)
    last[channel:] = np.where(close[channel:] > highest, 1, np.where(close[channel:] < lowest, -1, 0))
    where = np.maximum.accumulate(np.where(last != 0, np.arange(len(last)), 0))
    filled: Whole = last[where]
    return filled


def streak(high: Floats, low: Floats, close: Floats, fast: int, slow: int, channel: int) -> int:
    """For how many candles in a row, up to the newest, EMA cross and last break have agreed: positive upwards, negative downwards."""
    side = np.sign(ema(close, fast) - ema(close, slow)).astype(np.int64)
    broken = breaks(high, low, close, channel)
    agreed = np.where(side == broken, broken, 0)
    way = int(agreed[-1])
    if way == 0:
        return 0
    others = np.flatnonzero(agreed != way)
    return way * (len(agreed) - (int(others[-1]) + 1 if len(others) else 0))


def fall(high: Floats, close: float) -> float:
    """From the highest price of the window, as a share of it."""
    return 1 - close / float(high.max())


def deviation(close: Floats) -> float:
    """Standard deviation of log returns (n-1)."""
    returns = np.diff(np.log(close))
    return float(returns.std(ddof=1)) if len(returns) > 1 else 0.0


def share(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(SHARE, ROUND_HALF_EVEN)


def price(value: float) -> Decimal:
    """Ten digits: more than any price has, fewer than a float's noise."""
    return Decimal(f"{float(value):.10g}")
