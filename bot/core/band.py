"""When is the hedge wrong enough to trade?"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core.model import ONE, ZERO, Basis
from bot.core.rules import AutoBand, Band

FUNDING_DRIFT: Final = Decimal("0.025")  # what funding moves a hedge, as a share of what the price moves: see docs/bands.md
MOST: Final = Decimal("0.5")  # of the hedge, to either side


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


def together(parts: Sequence[tuple[Decimal, Band]]) -> Band:
    """The band of a sum: each part, in USD of its ideal, may be as wrong as its own band says."""
    whole = sum((usd for usd, _ in parts), ZERO)
    if whole <= 0 or len({band for _, band in parts}) == 1:
        return parts[0][1]

    def edge(name: str) -> Decimal:
        return sum((usd * getattr(band, name) for usd, band in parts), ZERO) / whole

    return Band(low=edge("low"), safe_low=edge("safe_low"), safe_high=edge("safe_high"), high=edge("high"))


def half_width(ratio: Decimal, cost_rate: Decimal, risk_aversion: Decimal) -> Decimal:
    """(3/(2γ)·w²(1-w)²·ε)^(1/3) in ratio points, w = 1 - h: how far a `value` hedge may drift before a trade pays. (§6, V22)"""
    return width_of((ONE - ratio) * ratio, cost_rate, risk_aversion)


def width_of(drift: Decimal, cost_rate: Decimal, risk_aversion: Decimal) -> Decimal:
    """The same for a gap that moves by `drift` of what the price moves: w(1-w) is the drift of a `value` hedge."""
    cube = Decimal(3) / (2 * risk_aversion) * drift**2 * cost_rate
    return cube ** (ONE / 3) if cube > 0 else ZERO


def cheapest(ratio: Decimal, basis: Basis, cost_rate: Decimal, rule: AutoBand) -> Band:
    """The band that costs least, fees and open gap taken together, for a hedge of `ratio` (h > 0) where a trade costs `cost_rate` of it.

    A `value` hedge below 1 drifts with the price (V22). Any other has no gamma: only funding and fees open a gap, and its floor is what
    closing it costs. Never wider than MOST, and edges that somebody wrote down stand.
    """
    drift = (ONE - ratio) * ratio if basis is Basis.VALUE else ZERO
    width = min(MOST, width_of(max(drift, FUNDING_DRIFT), cost_rate, rule.risk_aversion) / ratio)
    safe_low = ONE if rule.safe_low is None else rule.safe_low
    safe_high = ONE if rule.safe_high is None else rule.safe_high
    return Band(
        low=min(ONE - width, safe_low) if rule.low is None else rule.low,
        safe_low=safe_low,
        safe_high=safe_high,
        high=max(ONE + width, safe_high) if rule.high is None else rule.high,
    )


def above_the_lot(band: Band, ideal_usd: Decimal, smallest_usd: Decimal, rule: AutoBand) -> Band:
    """No gap below the smallest order is worth a trade: the edges that nobody wrote lie at least that far from 1."""
    if ideal_usd <= 0:
        return band
    least = min(MOST, smallest_usd / ideal_usd)
    low = band.low if rule.low is not None else min(band.low, ONE - least)
    high = band.high if rule.high is not None else max(band.high, ONE + least)
    return band if (low, high) == (band.low, band.high) else Band(low, band.safe_low, band.safe_high, high)
