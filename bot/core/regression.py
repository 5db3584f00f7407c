"""How much does one asset move with another? β and R² of returns, exact in Decimal. (domain.md §7, V17, V19)"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from bot.core.contracts import CONTEXT
from bot.core.model import ONE, ZERO


@dataclass(frozen=True, slots=True)
class Fit:
    beta: Decimal
    r_squared: Decimal


def from_correlation(correlation: Decimal, asset_volatility: Decimal, hedge_volatility: Decimal) -> Fit:
    """β = ρ*σ_asset/σ_hedge, R² = ρ²."""
    return Fit(correlation * asset_volatility / hedge_volatility, correlation * correlation)


def residual_volatility(fit: Fit, asset_volatility: Decimal) -> Decimal:
    """What the best hedge leaves: σ*sqrt(1 - R²)."""
    return asset_volatility * (ONE - fit.r_squared).sqrt(CONTEXT)


def ordinary_least_squares(hedge_returns: Sequence[Decimal], asset_returns: Sequence[Decimal]) -> Fit | None:
    """β = Cov/Var of paired returns; None where a series does not move or they do not pair."""
    n = len(hedge_returns)
    if n < 2 or n != len(asset_returns):
        return None
    with localcontext(CONTEXT):
        mean_x, mean_y = sum(hedge_returns, ZERO) / n, sum(asset_returns, ZERO) / n
        pairs = [(x - mean_x, y - mean_y) for x, y in zip(hedge_returns, asset_returns, strict=True)]
        sxx = sum((x * x for x, _ in pairs), ZERO)
        syy = sum((y * y for _, y in pairs), ZERO)
        sxy = sum((x * y for x, y in pairs), ZERO)
        if sxx == 0 or syy == 0:
            return None
        return Fit(sxy / sxx, sxy * sxy / (sxx * syy))
