"""How does a linear (USDT-settled) perpetual behave? For assets without an inverse contract.

Shapes: `coins` is q, positive for a short; prices are USD per coin; results are USDT. Source: domain.md §7a, V26.
"""

from decimal import Decimal

from bot.core.model import NO_LIQUIDATION, ONE, ZERO


def unrealised(coins: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """Profit of a short in USDT: q(E - P)."""
    return coins * (entry - price)


def liquidation_price_cross(
    coins: Decimal, entry: Decimal, wallet: Decimal, maintenance_rate: Decimal, close_fee_rate: Decimal = ZERO
) -> Decimal:
    """P_liq = (C + qE)/(q(1 + m + f)) of a short on cross margin, on mark."""
    if coins <= 0:
        return NO_LIQUIDATION
    return (wallet + coins * entry) / (coins * (ONE + maintenance_rate + close_fee_rate))


def funding(coins: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """q*P*r: what a short receives when the rate is positive, at the mark of settlement."""
    return coins * price * rate
