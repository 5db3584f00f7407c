"""When is the hedge wrong enough to trade?"""

from dataclasses import dataclass
from decimal import Decimal

from bot.core.model import ONE, ZERO
from bot.core.rules import Band


@dataclass(frozen=True, slots=True)
class Hold:
    why: str


@dataclass(frozen=True, slots=True)
class Trade:
    """Change the short by `usd`: positive sells, negative buys back."""

    usd: Decimal
    why: str


def wanted(hedged_usd: Decimal, ideal_usd: Decimal, band: Band, ignore_below_usd: Decimal) -> Hold | Trade:
    """Outside low..high, trade back to the nearer safe edge; a target below `ignore_below_usd` counts as 0.

    USD of short, positive; a long is negative. (domain.md §6, V16)
    """
    if ideal_usd < ignore_below_usd:
        return Trade(-hedged_usd, "close: the target is zero") if hedged_usd else Hold("flat, as the target is zero")
    if hedged_usd < ideal_usd * band.low:
        return Trade(ideal_usd * band.safe_low - hedged_usd, "under-hedged")
    if hedged_usd > ideal_usd * band.high:
        return Trade(ideal_usd * band.safe_high - hedged_usd, "over-hedged")
    return Hold("inside the band")


def half_width(ratio: Decimal, cost_rate: Decimal, risk_aversion: Decimal) -> Decimal:
    """(3/(2γ)·w²(1-w)²·ε)^(1/3) in ratio points, w = 1 - h: how far a `value` hedge may drift before a trade pays. (§6, V22)"""
    w = ONE - ratio
    cube = Decimal(3) / (2 * risk_aversion) * (w * ratio) ** 2 * cost_rate
    return cube ** (ONE / 3) if cube else ZERO


def value_band(ratio: Decimal, cost_rate: Decimal, risk_aversion: Decimal) -> Band:
    """The band of a `value` hedge at `ratio` (0 < h <= 1): edges a half-width away, and back to the ratio itself. (§6, V22)"""
    width = half_width(ratio, cost_rate, risk_aversion) / ratio
    return Band(low=ONE - width, safe_low=ONE, safe_high=ONE, high=ONE + width)
