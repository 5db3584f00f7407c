"""What must a venue offer to be put through the contract suite?

The suite talks to the bot's side through the `Exchange` port and to the venue's side through a `VenueUnderTest`: the paper exchange
implements it with its own methods, a real venue's adapter with a local server that plays the venue.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bot.core.decision import Approved
from bot.core.model import Ask, Instrument, Order, Side, View
from bot.ports import Exchange

D = Decimal
BTC_PRICE, ABC_PRICE, SIZE, MAINTENANCE = D(60000), D(100), D(100), D("0.005")


@dataclass(frozen=True)
class Wanted:
    """The venue a test asks for: one inverse contract BTC/USD:BTC and one linear ABC/USDT:USDT."""

    collateral: dict[str, Decimal]
    price: Decimal = BTC_PRICE
    linear_price: Decimal = ABC_PRICE
    contract_size: Decimal = SIZE  # USD of the inverse contract; the linear one is 1 coin
    fees: bool = False
    maintenance_rate: Decimal = MAINTENANCE


class VenueUnderTest(Protocol):
    exchange: Exchange
    inverse: Instrument
    linear: Instrument
    began_ms: int  # nothing happened before
    most_at_touch: int | None  # more contracts than the best level of the inverse book ever holds; None: its depth has no end

    async def market(self, price: Decimal, instrument: Instrument | None = None) -> None:
        """Move the price (of the inverse contract if none is named); what rests on the way trades."""

    async def others_take(self, contracts: int, price: Decimal, side: Side) -> None:
        """Strangers trade just so many of *our* contracts that rest at `price`; `side` is theirs."""

    async def deposit(self, currency: str, amount: Decimal) -> None: ...

    async def hold_beside(self, currency: str, amount: Decimal) -> None:
        """So much lies in the venue's spot wallet."""

    async def settle_funding(self, rate: Decimal, instrument: Instrument | None = None) -> None: ...

    async def stranger_orders(self, side: Side, contracts: int, price: Decimal) -> None: ...

    async def stranger_trades(self, side: Side, contracts: int) -> None: ...

    def lose_next_request(self) -> None: ...

    def lose_next_answer(self) -> None: ...

    def refuse_connection_once(self) -> None: ...

    def reject_next(self) -> None: ...

    def lose_next_cancel_answer(self) -> None: ...

    def lose_next_transfer(self) -> None: ...

    def lose_next_transfer_answer(self) -> None: ...

    def refuse_transfers(self) -> None:
        """From now on the key may not move coins."""

    def transfers_made(self) -> int:
        """As the venue counts them."""

    def fail_next_read(self, part: str) -> None: ...

    def close_gate(self, why: str) -> None:
        """From now on the gate raises NotSent with this reason."""

    async def wait(self, duration_ms: int) -> None: ...


Build = Callable[[Wanted], Awaitable[VenueUnderTest]]


def approved(venue: VenueUnderTest, client_id: str, side: Side, contracts: int, price: Decimal | str | int, **changes: object) -> Approved:
    """An order of the inverse contract (or `instrument`), post-only unless `post_only=False`."""
    instrument = changes.pop("instrument", venue.inverse)
    assert isinstance(instrument, Instrument)
    values: dict[str, object] = {
        "client_id": client_id,
        "asset": instrument.asset,
        "symbol": instrument.symbol,
        "side": side,
        "contracts": contracts,
        "limit_price": D(price),
        "reduce_only": False,
        "post_only": True,
        "reference_price": D(price),
        "notional_usd": instrument.contract_size * contracts,
        "deadline_mono_ms": 1 << 60,
        "why": "test",
        **changes,
    }
    return Approved(**values)  # type: ignore[arg-type]


async def seen(venue: VenueUnderTest, *client_ids: str, instrument: Instrument | None = None, since_ms: int | None = None) -> View:
    symbol, since = (instrument or venue.inverse).symbol, venue.began_ms if since_ms is None else since_ms
    (view,) = await venue.exchange.look([Ask(symbol, since, since, client_ids)])
    return view


async def the_order(venue: VenueUnderTest, client_id: str) -> Order:
    view = await seen(venue, client_id)
    assert view.found is not None
    (order,) = view.found
    return order


async def open_at(
    venue: VenueUnderTest,
    contracts: int,
    price: Decimal | str,
    *,
    client_id: str,
    side: Side = Side.SELL,
    instrument: Instrument | None = None,
) -> None:
    """Trade as maker at exactly `price`, and leave the market there."""
    of, at = instrument or venue.inverse, D(price)
    away = (at / 100 // of.tick) * of.tick * side.sign
    await venue.market(at + away, of)
    await venue.exchange.place(approved(venue, client_id, side, contracts, at, instrument=of))
    await venue.market(at - away, of)
    await venue.market(at, of)


async def wallet(venue: VenueUnderTest, instrument: Instrument | None = None) -> Decimal:
    view = await seen(venue, instrument=instrument)
    assert view.margin is not None
    return view.margin.wallet


async def equity(venue: VenueUnderTest, instrument: Instrument | None = None) -> Decimal:
    view = await seen(venue, instrument=instrument)
    assert view.margin is not None
    return view.margin.equity


async def contracts_held(venue: VenueUnderTest, instrument: Instrument | None = None) -> int:
    view = await seen(venue, instrument=instrument)
    assert view.position is not None
    return view.position.contracts


def near(value: Decimal | None, wanted: str, within: str = "0.00000002") -> bool:
    """Equal to the printed digits of a vector."""
    assert value is not None
    return abs(value - D(wanted)) <= D(within)
