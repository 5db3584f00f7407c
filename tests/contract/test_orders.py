"""Do orders behave on every venue as the bot relies on?"""

from contextlib import suppress

import pytest

from bot.core.model import OrderStatus, Side
from bot.ports import Misconfigured, NotSent, Refused, Unknown
from tests.contract.driver import Build, D, VenueUnderTest, Wanted, approved, contracts_held, open_at, seen, the_order

SELL, BUY = Side.SELL, Side.BUY


async def test_connecting_describes_the_contracts(venue: VenueUnderTest) -> None:
    assert await venue.exchange.connect([venue.inverse.symbol]) == {venue.inverse.symbol: venue.inverse}


@pytest.mark.parametrize("symbol", ["BTC/USD:BTC-260327", "BTC/USD:USDT", "XYZ/USD:XYZ", "BTCUSD"])
async def test_an_unfit_symbol_is_refused_by_name(venue: VenueUnderTest, symbol: str) -> None:
    with pytest.raises(Misconfigured, match=symbol) as told:
        await venue.exchange.connect([symbol])
    assert venue.inverse.symbol in str(told.value)


async def test_a_placed_order_rests_and_is_seen(venue: VenueUnderTest) -> None:
    placed = await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    assert (placed.client_id, placed.status, placed.filled, placed.contracts) == ("a1", OrderStatus.OPEN, 0, 10)
    assert placed.limit_price == 60100
    assert placed.post_only
    view = await seen(venue, "a1")
    assert view.open_orders == view.found == (placed,)


async def test_placing_one_client_id_twice_makes_one_order(venue: VenueUnderTest) -> None:
    first = await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    again = await venue.exchange.place(approved(venue, "a1", SELL, 25, 60200))
    assert again == first
    assert (await seen(venue)).open_orders == (first,)


async def test_a_client_id_stays_used_after_its_order_ended(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    again = await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    assert (again.status, again.filled) == (OrderStatus.FILLED, 10)
    assert (await seen(venue)).open_orders == ()
    assert await contracts_held(venue) == -10


async def test_an_order_whose_answer_was_lost_is_found_by_its_id(venue: VenueUnderTest) -> None:
    venue.lose_next_answer()
    with pytest.raises(Unknown):
        await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    assert (await the_order(venue, "a1")).status is OrderStatus.OPEN


async def test_an_order_that_was_lost_on_the_way_is_not_found(venue: VenueUnderTest) -> None:
    venue.lose_next_request()
    with pytest.raises(Unknown):
        await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    view = await seen(venue, "a1")
    assert (view.found, view.open_orders, view.errors) == ((), (), ())


async def test_a_refused_connection_sent_nothing(venue: VenueUnderTest) -> None:
    venue.refuse_connection_once()
    with pytest.raises(NotSent):
        await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    assert (await seen(venue, "a1")).found == ()


async def test_a_rejected_order_is_refused_and_never_trades(venue: VenueUnderTest) -> None:
    venue.reject_next()
    with pytest.raises(Refused):
        await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    await venue.market(D(61000))
    view = await seen(venue, "a1")
    assert view.open_orders == view.fills == ()
    assert all(order.status is OrderStatus.REJECTED for order in view.found or ())


async def test_a_refused_client_id_cannot_become_an_order_later(venue: VenueUnderTest) -> None:
    with pytest.raises(Refused):
        await venue.exchange.place(approved(venue, "a1", SELL, 10, 59000))  # post-only into the bids
    with suppress(Refused):  # some venues answer with the rejected order, some reject again
        again = await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
        assert (again.status, again.filled) == (OrderStatus.REJECTED, 0)
    assert (await seen(venue)).open_orders == ()


async def test_nothing_is_placed_through_a_closed_gate(venue: VenueUnderTest) -> None:
    await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    venue.close_gate("the kill file exists")
    with pytest.raises(NotSent, match="the kill file exists"):
        await venue.exchange.place(approved(venue, "a2", SELL, 10, 60100))
    with pytest.raises(NotSent):
        await venue.exchange.cancel(venue.inverse.symbol, "a1")
    with pytest.raises(NotSent):
        await venue.exchange.set_leverage(venue.inverse.symbol, 3)
    view = await seen(venue, "a1", "a2")
    assert [order.client_id for order in view.found or ()] == ["a1"]


async def test_an_order_fills_in_parts(venue: VenueUnderTest) -> None:
    await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    await venue.others_take(4, D(60100), BUY)
    partial = await the_order(venue, "a1")
    assert (partial.status, partial.filled) == (OrderStatus.PARTIAL, 4)
    assert await contracts_held(venue) == -4
    await venue.others_take(6, D(60100), BUY)
    assert (await the_order(venue, "a1")).status is OrderStatus.FILLED
    fills = (await seen(venue)).fills
    assert fills is not None
    assert [(fill.client_id, fill.contracts, fill.price, fill.maker) for fill in fills] == [("a1", 4, 60100, True), ("a1", 6, 60100, True)]


@pytest.mark.parametrize(("side", "away", "into"), [(SELL, "60012.1", "59980"), (BUY, "59987.9", "60020")])
async def test_post_only_rests_outside_and_is_refused_where_it_would_take(venue: VenueUnderTest, side: Side, away: str, into: str) -> None:
    assert (await venue.exchange.place(approved(venue, "a1", side, 10, away))).status is OrderStatus.OPEN
    with pytest.raises(Refused) as told:
        await venue.exchange.place(approved(venue, "a2", side, 10, into))
    assert told.value.code == "post-only"
    assert await contracts_held(venue) == 0


async def test_post_only_is_refused_at_the_touch_and_rests_one_tick_inside_it(venue: VenueUnderTest) -> None:
    quote = (await seen(venue)).quote
    assert quote is not None
    with pytest.raises(Refused):
        await venue.exchange.place(approved(venue, "a1", SELL, 1, quote.bid))
    assert (await venue.exchange.place(approved(venue, "a2", SELL, 1, quote.bid + venue.inverse.tick))).status is OrderStatus.OPEN


@pytest.mark.parametrize(
    ("contracts", "price", "code"), [(0, "60100", "contracts"), (-5, "60100", "contracts"), (1, "60100.05", "tick"), (1, "0", "tick")]
)
async def test_a_malformed_order_is_refused(venue: VenueUnderTest, contracts: int, price: str, code: str) -> None:
    with pytest.raises(Refused) as told:
        await venue.exchange.place(approved(venue, "a1", SELL, contracts, price))
    assert told.value.code == code
    assert (await seen(venue)).open_orders == ()


async def test_an_unknown_contract_is_refused(venue: VenueUnderTest) -> None:
    with pytest.raises(Refused) as told:
        await venue.exchange.place(approved(venue, "a1", SELL, 1, 60100, symbol="XYZ/USD:XYZ"))
    assert told.value.code == "symbol"


async def test_an_ioc_order_within_reach_trades_at_once_as_taker(venue: VenueUnderTest) -> None:
    quote = (await seen(venue)).quote
    assert quote is not None
    placed = await venue.exchange.place(approved(venue, "a1", SELL, 1, quote.bid, post_only=False))
    assert (placed.status, placed.filled) == (OrderStatus.FILLED, 1)
    fills = (await seen(venue)).fills
    assert fills is not None
    assert [(fill.price, fill.maker) for fill in fills] == [(quote.bid, False)]


async def test_an_ioc_order_out_of_reach_ends_without_a_trade(venue: VenueUnderTest) -> None:
    quote = (await seen(venue)).quote
    assert quote is not None
    placed = await venue.exchange.place(approved(venue, "a1", SELL, 1, quote.bid + venue.inverse.tick, post_only=False))
    assert placed.status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED)
    assert placed.filled == 0
    assert (await seen(venue)).open_orders == ()


async def test_what_the_book_cannot_fill_of_an_ioc_order_ends(venue: VenueUnderTest) -> None:
    quote = (await seen(venue)).quote
    assert quote is not None
    asked = venue.most_at_touch or 900
    placed = await venue.exchange.place(approved(venue, "a1", SELL, asked, quote.bid, post_only=False))
    if venue.most_at_touch is None:  # depth without end
        assert (placed.status, placed.filled) == (OrderStatus.FILLED, asked)
    else:
        assert placed.status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED)
        assert 0 < placed.filled < asked
    assert await contracts_held(venue) == -placed.filled
    assert (await seen(venue)).open_orders == ()


async def test_a_cancelled_order_is_gone_and_keeps_what_it_filled(venue: VenueUnderTest) -> None:
    await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    await venue.others_take(3, D(60100), BUY)
    await venue.exchange.cancel(venue.inverse.symbol, "a1")
    order = await the_order(venue, "a1")
    assert (order.status, order.filled) == (OrderStatus.CANCELLED, 3)
    await venue.market(D(61000))
    assert await contracts_held(venue) == -3


async def test_cancelling_what_is_already_gone_is_no_error(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    await venue.exchange.cancel(venue.inverse.symbol, "a1")
    await venue.exchange.cancel(venue.inverse.symbol, "neverplaced")
    order = await the_order(venue, "a1")
    assert (order.status, order.filled) == (OrderStatus.FILLED, 10)


async def test_a_fill_that_comes_before_the_cancel_counts(venue: VenueUnderTest) -> None:
    await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    await venue.others_take(10, D(60100), BUY)
    await venue.exchange.cancel(venue.inverse.symbol, "a1")
    assert (await the_order(venue, "a1")).status is OrderStatus.FILLED
    assert await contracts_held(venue) == -10


async def test_a_cancel_whose_answer_was_lost_is_seen_in_the_next_look(venue: VenueUnderTest) -> None:
    await venue.exchange.place(approved(venue, "a1", SELL, 10, 60100))
    venue.lose_next_cancel_answer()
    with pytest.raises(Unknown):
        await venue.exchange.cancel(venue.inverse.symbol, "a1")
    assert (await the_order(venue, "a1")).status is OrderStatus.CANCELLED


async def test_a_strangers_order_is_shown_without_a_client_id(venue: VenueUnderTest) -> None:
    await venue.stranger_orders(BUY, 5, D(59000))
    (order,) = (await seen(venue)).open_orders or ()
    assert (order.client_id, order.contracts) == ("", 5)


async def test_a_strangers_trade_moves_the_position_and_carries_no_client_id(venue: VenueUnderTest) -> None:
    await venue.stranger_trades(SELL, 5)
    view = await seen(venue)
    assert view.fills is not None
    assert {fill.client_id for fill in view.fills} == {""}
    assert await contracts_held(venue) == -5


# ------------------------------------------------------------------------------------------------------------ reduce-only


async def test_reduce_only_without_a_position_is_refused(venue: VenueUnderTest) -> None:
    with pytest.raises(Refused) as told:
        await venue.exchange.place(approved(venue, "a1", BUY, 1, 59000, reduce_only=True))
    assert told.value.code == "reduce-only"


@pytest.mark.parametrize(("contracts", "allowed"), [(10, True), (11, False)])
async def test_reduce_only_may_close_the_position_and_no_more(venue: VenueUnderTest, contracts: int, allowed: bool) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    order = approved(venue, "a2", BUY, contracts, 59000, reduce_only=True)
    if allowed:
        assert (await venue.exchange.place(order)).status is OrderStatus.OPEN
    else:
        with pytest.raises(Refused) as told:
            await venue.exchange.place(order)
        assert told.value.code == "reduce-only"


async def test_reduce_only_on_the_side_of_the_position_is_refused(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    with pytest.raises(Refused):
        await venue.exchange.place(approved(venue, "a2", SELL, 1, 61000, reduce_only=True))


async def test_reduce_only_is_trimmed_to_a_smaller_position(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    await venue.exchange.place(approved(venue, "a2", BUY, 10, 59000, reduce_only=True))
    await venue.stranger_trades(BUY, 7)
    order = await the_order(venue, "a2")
    assert order.status is OrderStatus.OPEN
    assert order.contracts == 3
    await venue.market(D(58000))
    assert (await the_order(venue, "a2")).filled == 3
    assert await contracts_held(venue) == 0


async def test_reduce_only_ends_when_there_is_nothing_left_to_reduce(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    await venue.exchange.place(approved(venue, "a2", BUY, 10, 59000, reduce_only=True))
    await venue.stranger_trades(BUY, 10)
    assert (await the_order(venue, "a2")).status is OrderStatus.CANCELLED
    await venue.market(D(58000))
    assert await contracts_held(venue) == 0


# ------------------------------------------------------------------------------------------------------------ margin and leverage


@pytest.mark.parametrize(("leverage", "contracts", "allowed"), [(2, 1200, True), (2, 1201, False), (4, 2400, True), (4, 2401, False)])
async def test_an_order_needs_its_initial_margin(build: Build, leverage: int, contracts: int, allowed: bool) -> None:
    venue = await build(Wanted(collateral={"BTC": D(1)}))  # 1 BTC at 60,000: 120,000 USD at leverage 2
    await venue.exchange.set_leverage(venue.inverse.symbol, leverage)
    order = approved(venue, "a1", SELL, contracts, 60100)
    if allowed:
        assert (await venue.exchange.place(order)).status is OrderStatus.OPEN
    else:
        with pytest.raises(Refused, match="insufficient margin") as told:
            await venue.exchange.place(order)
        assert told.value.code == "margin"


async def test_working_orders_tie_up_margin_too(build: Build) -> None:
    venue = await build(Wanted(collateral={"BTC": D(1)}))
    await venue.exchange.set_leverage(venue.inverse.symbol, 2)
    await venue.exchange.place(approved(venue, "a1", SELL, 1000, 60100))
    with pytest.raises(Refused):
        await venue.exchange.place(approved(venue, "a2", SELL, 201, 60100))
    await venue.exchange.cancel(venue.inverse.symbol, "a1")
    assert (await venue.exchange.place(approved(venue, "a3", SELL, 1200, 60100))).status is OrderStatus.OPEN


async def test_the_leverage_setting_is_shown_and_bounded(venue: VenueUnderTest) -> None:
    await venue.exchange.set_leverage(venue.inverse.symbol, 3)
    position = (await seen(venue)).position
    assert position is not None
    assert position.leverage_setting == 3
    with pytest.raises(Refused):
        await venue.exchange.set_leverage(venue.inverse.symbol, 0)


async def test_lowering_the_leverage_below_what_the_position_needs_is_refused(build: Build) -> None:
    venue = await build(Wanted(collateral={"BTC": D(1)}))
    await open_at(venue, 1800, 60000, client_id="a1")  # leverage 3
    with pytest.raises(Refused) as told:
        await venue.exchange.set_leverage(venue.inverse.symbol, 2)
    assert told.value.code == "margin"
    await venue.exchange.set_leverage(venue.inverse.symbol, 3)
