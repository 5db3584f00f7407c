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


def coins_lacking(
    whole_usd: Decimal, own_ratio: Decimal, mark: Decimal, equity: Decimal, spot: Decimal, usd_per_coin: Decimal
) -> Decimal | None:
    """How many coins must come into an inverse account of `equity` coins so that it carries a short of `whole_usd`, where each coin
    there carries `usd_per_coin`.

    Coins of the bag (`spot`) are counted already and change no target; beyond them each new one is hedged along at `own_ratio`, as in
    `equity_coins_needed`. None where no amount suffices.
    """
    needed = whole_usd / usd_per_coin - equity
    if needed <= spot or own_ratio == 0:
        return needed
    room = usd_per_coin - own_ratio * mark  # what a new coin carries beyond its own hedge
    return spot + (whole_usd - usd_per_coin * (equity + spot)) / room if room > 0 else None
