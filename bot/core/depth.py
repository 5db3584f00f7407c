"""What would the visible book give to an order, just now?"""

from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from bot.core.decision import Arrival
from bot.core.model import Depth, Instrument, Kind, Levels, Quote, Side


def arrival(instrument: Instrument, quote: Quote, depth: Depth | None, side: Side, contracts: int) -> Arrival:
    """What the market was when an order was decided: what came of it is measured against this."""
    return Arrival((quote.bid + quote.ask) / 2, market_price(instrument, quote, depth, side, contracts), instrument.taker_fee_rate)


def market_price(instrument: Instrument, quote: Quote, depth: Depth | None, side: Side, contracts: int) -> Decimal:
    """The average price of a market order, the visible book walked level by level.

    What it needs beyond the visible levels is taken at the last of them, and without a book at the touch: it would have cost at least so
    much. In coins for an inverse contract, where the mean of prices is the harmonic one (V4).
    """
    touch = quote.bid if side is Side.SELL else quote.ask
    taken = walked(opposite(depth, side) or ((touch, contracts),), contracts)
    if instrument.kind is Kind.INVERSE:
        price = contracts / sum((count / at for at, count in taken), Decimal(0))
    else:
        price = sum((count * at for at, count in taken), Decimal(0)) / contracts
    step = instrument.tick / 100
    return (price / step).to_integral_value(ROUND_HALF_EVEN) * step


def allowed(depth: Depth, side: Side, limit_price: Decimal, share: Decimal, *, crossing: bool) -> int:
    """Most contracts of an order that is to be no more than a share of what is visible where it reaches: all levels up to its limit that
    it would take, or the best level of its own side, where it queues."""
    if crossing:
        reached = [count for price, count in opposite(depth, side) if (price - limit_price) * side.sign <= 0]
    else:
        reached = [count for _, count in depth.resting(side)[:1]]
    return int((share * sum(reached)).to_integral_value(ROUND_FLOOR))


def opposite(depth: Depth | None, side: Side) -> Levels:
    """What an order of this side would take."""
    if depth is None:
        return ()
    return depth.resting(Side.BUY if side is Side.SELL else Side.SELL)


def walked(levels: Levels, contracts: int) -> Levels:
    """How many are taken at which price; the rest at the last level."""
    taken: list[tuple[Decimal, int]] = []
    left = contracts
    for number, (price, offered) in enumerate(levels, 1):
        count = left if number == len(levels) else min(left, offered)
        if count:
            taken.append((price, count))
        left -= count
    return tuple(taken)
