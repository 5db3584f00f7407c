"""How does an inverse perpetual behave? The exact mathematics of a contract worth a fixed number of USD, settled in coin.

Shapes: `notional_usd` is N, positive for a short; prices are USD per coin; results are coins unless named otherwise.
Source of every formula: domain.md §1-5 (the contract mathematics of the venues' own pages, checked by the vectors V1-V20).
"""

from decimal import Decimal

from bot.core.model import NO_LIQUIDATION, ONE, ZERO


def unrealised(notional_usd: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """Profit of a short in coins: N(1/P - 1/E). A long is a negative N. (§1)"""
    return notional_usd / price - notional_usd / entry


def equity(wallet: Decimal, notional_usd: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """Q = C + N(1/P - 1/E). (§1)"""
    return wallet + unrealised(notional_usd, entry, price)


def delta(spot_coins: Decimal, equity_coins: Decimal, notional_usd: Decimal, price: Decimal) -> Decimal:
    """δ = S + Q - N/P: what bag and hedge together gain per USD of price, in coins. (§1)"""
    return spot_coins + equity_coins - notional_usd / price


def harmonic_entry(first_usd: Decimal, first_entry: Decimal, second_usd: Decimal, second_entry: Decimal) -> Decimal:
    """Entry price of two fills taken together: total USD over total coins. (§1 E, V4)"""
    return (first_usd + second_usd) / (first_usd / first_entry + second_usd / second_entry)


def liquidation_price_cross(
    notional_usd: Decimal, entry: Decimal, wallet: Decimal, maintenance_rate: Decimal, close_fee_rate: Decimal = ZERO
) -> Decimal:
    """P_liq = N(1-m-f)/(N/E - C) of a short on cross margin, on mark; NO_LIQUIDATION if C >= N/E. (§3, V8, V9)"""
    if notional_usd <= 0:
        return NO_LIQUIDATION
    uncovered = notional_usd / entry - wallet
    if uncovered <= 0:
        return NO_LIQUIDATION
    return notional_usd * (ONE - maintenance_rate - close_fee_rate) / uncovered


def liquidation_price_isolated(entry: Decimal, leverage: Decimal, maintenance_rate: Decimal) -> Decimal:
    """P_liq = E/(1 - 1/L + m) of a short on isolated margin; for reading venues only. (§3, V10)"""
    denominator = ONE - ONE / leverage + maintenance_rate
    return entry / denominator if denominator > 0 else NO_LIQUIDATION


def leverage_after_move(leverage_at_entry: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    """L(P) = 1/(1 - (P/E)(1 - 1/L0)): how leverage drifts with price; Infinity once equity is gone. (§3, V11)"""
    left = ONE - price / entry * (ONE - ONE / leverage_at_entry)
    return ONE / left if left > 0 else Decimal("Infinity")


def funding(notional_usd: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """F = N/P * r: what a short receives when the rate is positive, at the mark of settlement. (§4, V12, V13)"""
    return notional_usd / price * rate


def relative_funding_rate(coins_per_contract_usd: Decimal, price: Decimal) -> Decimal:
    """Relative rate from an absolute one in coin per USD of contract. (§4, V14)"""
    return coins_per_contract_usd * price
