"""What did an order cost, against the market it met?

Fills and fees against the mid when the order was decided (implementation shortfall), and beside it what a market order of the same size
would have cost at that moment. Basis points of what was traded; positive is a cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from bot.core.decision import Arrival
from bot.core.model import ONE, ZERO, Side, settle_of

BPS: Final = Decimal(10_000)


class Traded(Protocol):
    """A fill, as a row of the record."""

    @property
    def price(self) -> Decimal: ...
    @property
    def notional_usd(self) -> Decimal: ...
    @property
    def fee_coins(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Cost:
    """Of what an order filled."""

    price: Decimal  # on average
    slippage_bps: Decimal  # against the mid
    fees_bps: Decimal
    market_bps: Decimal  # what a market order would have cost: the visible book walked, and the taker's fee

    @property
    def saved_bps(self) -> Decimal:
        """Against that market order."""
        return self.market_bps - self.slippage_bps - self.fees_bps


def slippage(side: Side, mid: Decimal, price: Decimal) -> Decimal:
    """What trading at `price` lost against `mid`, as a share of the notional at `price`; the same for both kinds of contracts."""
    return (ONE if side is Side.SELL else -ONE) * (mid / price - ONE)


def cost(arrival: Arrival | None, symbol: str, side: Side, fills: Sequence[Traded]) -> Cost | None:
    """None where nothing was filled, or where the record does not tell the market it met."""
    notional = sum((fill.notional_usd for fill in fills), ZERO)
    if arrival is None or not notional:
        return None
    in_coin = symbol.partition("/")[0] == settle_of(symbol)  # fees and margin of an inverse contract
    slipped = sum((fill.notional_usd * slippage(side, arrival.mid, fill.price) for fill in fills), ZERO)
    fees = sum((fill.fee_coins * fill.price if in_coin else fill.fee_coins for fill in fills), ZERO)
    coins = sum((fill.notional_usd / fill.price for fill in fills), ZERO)
    market = slippage(side, arrival.mid, arrival.market) + arrival.taker_fee_rate
    return Cost(notional / coins, slipped / notional * BPS, fees / notional * BPS, market * BPS)
