"""How is an asset hedged that has no contract of its own? With another asset's contract, β of its value. (domain.md §7)

Coin collateral is itself long the hedging coin, and is hedged along: posting it and shorting only β*V hedges nothing (V20).
"""

from collections.abc import Iterable
from decimal import Decimal

from bot.core.model import ONE, ZERO


def hedge_ratio(beta: Decimal, asset_usd: Decimal, hedge_usd: Decimal) -> Decimal:
    """HR = β*V_asset/V_hedge: how much of the hedging instrument one holding needs. (§7, V18)"""
    return beta * asset_usd / hedge_usd


def hedge_notional_usd(foreign: Iterable[tuple[Decimal, Decimal, Decimal]], own_usd: Decimal) -> Decimal:
    """N*_u = Σ h_a*β_a*V_a + N*_own(u): the short in the hedging coin's contract. `foreign`: ratio, β and value in USD of each asset."""
    return sum((ratio * beta * value for ratio, beta, value in foreign), ZERO) + own_usd


def equity_coins_needed(foreign_usd: Decimal, mark: Decimal, max_leverage: Decimal) -> Decimal | None:
    """Q_u >= Σ h*β*V / (P*(L_max - 1)), with no coin of u outside the account, whose own coins are hedged along; None where no amount
    suffices, as every coin posted needs a hedge of its own. (§7, V20)"""
    return foreign_usd / (mark * (max_leverage - ONE)) if max_leverage > 1 else None
