"""What is a position worth, whichever kind of contract it is? One answer over inverse.py and linear.py.

`short` counts contracts of a short as positive; a long is negative.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from decimal import Context as DecimalContext
from typing import Final

from bot.core import inverse, linear
from bot.core.model import INVERSE, NO_LIQUIDATION, ZERO, Instrument, Side

CONTEXT: Final = DecimalContext(prec=28)  # every decision computes under it, whatever the process has set


def notional_usd(instrument: Instrument, short: int, price: Decimal) -> Decimal:
    """N in USD, signed as `short`."""
    size = instrument.contract_size * short
    return size if instrument.kind is INVERSE else size * price


def notional_coins(instrument: Instrument, short: int, price: Decimal) -> Decimal:
    """The coins of the asset that `short` contracts cancel: N/P, or q."""
    size = instrument.contract_size * short
    return size / price if instrument.kind is INVERSE else size


def unrealised(instrument: Instrument, short: int, entry: Decimal, price: Decimal) -> Decimal:
    """Profit in settle currency of `short` contracts opened at `entry`."""
    size = instrument.contract_size * short
    return inverse.unrealised(size, entry, price) if instrument.kind is INVERSE else linear.unrealised(size, entry, price)


def average_entry(instrument: Instrument, held: int, entry: Decimal, added: int, price: Decimal) -> Decimal:
    """Entry price after `added` contracts join `held` ones of the same side: harmonic for inverse, arithmetic for linear (V4)."""
    if instrument.kind is INVERSE:
        return inverse.harmonic_entry(Decimal(held), entry, Decimal(added), price)
    return (held * entry + added * price) / (held + added)


def fee(instrument: Instrument, contracts: int, price: Decimal, rate: Decimal) -> Decimal:
    """Fee in settle currency for trading `contracts` (positive) at `price`."""
    if instrument.kind is INVERSE:
        return instrument.contract_size * contracts / price * rate
    return instrument.contract_size * contracts * price * rate


def funding(instrument: Instrument, short: int, mark: Decimal, rate: Decimal) -> Decimal:
    """What `short` contracts receive in settle currency at a settlement (V12, V26)."""
    size = instrument.contract_size * short
    return inverse.funding(size, mark, rate) if instrument.kind is INVERSE else linear.funding(size, mark, rate)


def liquidation_price(
    instrument: Instrument, short: int, entry: Decimal | None, wallet: Decimal, close_fee_rate: Decimal = ZERO
) -> Decimal:
    """Cross-margin liquidation price of a short standing alone on `wallet`; NO_LIQUIDATION if flat, long or fully covered."""
    if short <= 0 or entry is None:
        return NO_LIQUIDATION
    formula = inverse.liquidation_price_cross if instrument.kind is INVERSE else linear.liquidation_price_cross
    return formula(instrument.contract_size * short, entry, wallet, instrument.maintenance_rate, close_fee_rate)


def margin_usd(instrument: Instrument, amount: Decimal, price: Decimal) -> Decimal:
    """USD value of an amount of the settle currency."""
    return amount * price if instrument.kind is INVERSE else amount


def leverage(instrument: Instrument, short: int, equity: Decimal, price: Decimal) -> Decimal:
    """L = N/(P*Q), from equity at mark; Infinity where N > 0 and Q <= 0, 0 when flat (§1, V25)."""
    used = abs(notional_usd(instrument, short, price))
    if used == 0:
        return ZERO
    value = margin_usd(instrument, equity, price)
    return used / value if value > 0 else Decimal("Infinity")


def contracts_floor(instrument: Instrument, usd: Decimal, price: Decimal) -> int:
    """Whole contracts in a USD amount, rounded towards under-hedging (§5, V15)."""
    size = usd if instrument.kind is INVERSE else usd / price
    return int((size / instrument.contract_size).to_integral_value(ROUND_FLOOR))


def price_on_tick(price: Decimal, tick: Decimal, side: Side, *, crossing: bool) -> Decimal:
    """A limit price as an exact multiple of the tick: a sell rounds up and a buy down, the other way round when crossing (§5)."""
    up = (side is Side.SELL) != crossing
    return (price / tick).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * tick
