"""Do fills, orders and histories say what happened at the venue? The unmodified ccxt client against the local server of each tested one."""

from dataclasses import replace

import pytest

from adapters.exchanges.ccxt_translate import Listed
from adapters.exchanges.venues.sheet import Page
from bot.core.model import BOOK_LEVELS, Ask, Order, OrderStatus, Side
from tests.contract.ccxt_driver import ENVIRONMENT, INVERSE, CcxtUnderTest, under_test
from tests.contract.driver import D, Wanted, approved, open_at, seen, the_order, wallet

TESTED = sorted(ENVIRONMENT)
SELL, BUY = Side.SELL, Side.BUY
RICH = Wanted(collateral={"BTC": D(10)})


@pytest.mark.parametrize(("maker", "taker"), [("0.0002", "0.0005"), ("-0.0001", "0.0003")])
@pytest.mark.parametrize("name", TESTED)
async def test_the_fees_of_fills_are_what_left_the_wallet_and_a_rebate_came_into_it(name: str, maker: str, taker: str) -> None:
    async with under_test(name, Wanted(collateral={"BTC": D(10)}, fees=True)) as venue:
        core = venue.server.core  # type: ignore[attr-defined]
        core.maker_fee, core.taker_fee = D(maker), D(taker)
        await venue.exchange.connect([INVERSE])  # the account's rates, as they are now
        await open_at(venue, 100, 60000, client_id="maker")
        quote = (await seen(venue)).quote
        assert quote is not None
        await venue.exchange.place(approved(venue, "taker", SELL, 50, quote.bid, post_only=False))
        fills = (await seen(venue)).fills
        assert fills is not None
        assert [fill.maker for fill in fills] == [True, False]
        assert [fill.fee_coins > 0 for fill in fills] == [D(maker) > 0, True]
        assert abs(10 - sum(fill.fee_coins for fill in fills) - await wallet(venue)) < D("0.00000002")


@pytest.mark.parametrize("name", ["binancecoinm", "bybit", "okx"])
async def test_the_accounts_own_rates_are_asked_for_and_what_is_paid_is_positive(name: str) -> None:
    async with under_test(name, Wanted(collateral={"BTC": D(10)}, fees=True)) as venue:
        venue.server.core.maker_fee, venue.server.core.taker_fee = D("-0.00007"), D("0.00042")  # type: ignore[attr-defined]
        contract = (await venue.exchange.connect([INVERSE]))[INVERSE]
        assert (contract.maker_fee_rate, contract.taker_fee_rate) == (D("-0.00007"), D("0.00042"))


@pytest.mark.parametrize("name", TESTED)
async def test_an_order_is_shown_with_what_it_was_sent_with(name: str) -> None:
    async with under_test(name, RICH) as venue:
        await open_at(venue, 100, 60000, client_id="opened")
        await venue.wait(1000)
        begun = venue.clock.now_ms()  # type: ignore[attr-defined]
        sent = {
            "reduces": approved(venue, "reduces", BUY, 20, 59000, reduce_only=True),
            "grows": approved(venue, "grows", SELL, 30, 61000),
        }
        for order in sent.values():
            await venue.exchange.place(order)
        placed = venue.clock.now_ms()  # type: ignore[attr-defined]
        await venue.wait(60_000)
        await venue.others_take(5, D(59000), SELL)
        view = await seen(venue, *sent)
        assert view.open_orders is not None
        assert view.found is not None
        assert {order.client_id for order in view.open_orders} == set(sent)
        for order in (*view.open_orders, *view.found):
            wanted = sent[order.client_id]
            assert (order.side, order.contracts, order.limit_price) == (wanted.side, wanted.contracts, wanted.limit_price)
            assert (order.reduce_only, order.post_only) == (wanted.reduce_only, wanted.post_only)
            assert (order.filled, order.status) == ((5, OrderStatus.PARTIAL) if wanted.reduce_only else (0, OrderStatus.OPEN))
            assert begun <= order.at_ms <= placed + 1


@pytest.mark.parametrize("name", TESTED)
async def test_a_crossing_order_says_so_once_it_has_ended(name: str) -> None:
    async with under_test(name, RICH) as venue:
        await venue.exchange.place(approved(venue, "crosses", SELL, 30, 59000, post_only=False))
        order = await the_order(venue, "crosses")
        assert (order.post_only, order.reduce_only, order.status, order.filled) == (False, False, OrderStatus.FILLED, 30)


@pytest.mark.parametrize("name", TESTED)
async def test_a_crossing_order_leaves_nothing_behind_in_the_book(name: str) -> None:
    async with under_test(name, RICH) as venue:
        venue.server.core.quotes[INVERSE].bid_units = 10  # type: ignore[attr-defined]
        await venue.exchange.place(approved(venue, "crosses", SELL, 30, 59000, post_only=False))
        view = await seen(venue, "crosses")
        assert view.open_orders == ()
        assert view.found is not None
        assert [(order.filled, order.status.terminal) for order in view.found] == [(10, True)]


@pytest.mark.parametrize("name", TESTED)
async def test_more_fills_than_a_page_holds_are_read_whole_and_once(name: str) -> None:
    """Several in each millisecond, as when one order meets many: none is lost where one page ends and the next begins."""
    async with under_test(name, RICH) as venue:
        assert isinstance(venue, CcxtUnderTest)
        await venue.exchange.place(approved(venue, "a1", SELL, 2500, 60000))
        moment = venue.clock.now_ms() + 1
        venue.core.now_ms = lambda: moment
        for number in range(2310):
            moment += number % 7 == 0
            venue.core.trade_through(INVERSE, 60000, 1)
        venue.core.now_ms = venue.clock.now_ms
        await venue.wait(1000)
        first = venue.core.trades[0].at_ms
        fills = (await seen(venue, since_ms=first)).fills
        assert fills is not None
        assert len(fills) == len({fill.trade_id for fill in fills}) == 2310
        assert {fill.client_id for fill in fills} == {"a1"}


@pytest.mark.parametrize("name", TESTED)
async def test_more_open_orders_than_a_page_holds_are_all_shown(name: str) -> None:
    async with under_test(name, Wanted(collateral={"BTC": D(100)})) as venue:
        for number in range(130):
            await venue.stranger_orders(SELL, 1, D(61000 + number))
        view = await seen(venue)
        assert view.open_orders is not None
        assert [order.limit_price for order in view.open_orders] == [61000 + number for number in range(130)]


@pytest.mark.parametrize("name", ["bybit", "okx"])
async def test_an_order_that_comes_while_pages_are_read_makes_no_other_one_appear_twice(name: str) -> None:
    """The list moves on by one between two pages."""
    async with under_test(name, Wanted(collateral={"BTC": D(100)})) as venue:
        assert isinstance(venue, CcxtUnderTest)
        for number in range(130):
            await venue.stranger_orders(SELL, 1, D(61000 + number))
        sheet, pages = venue.exchange.venue, []

        def read(listed: Listed, body: object) -> Page[Order]:
            pages.append(sheet.read_open_orders(listed, body))
            venue.core.stranger_order(INVERSE, "sell", 1, D(70000 + len(pages)))
            return pages[-1]

        venue.exchange.line.venue = replace(sheet, read_open_orders=read)
        shown = (await seen(venue)).open_orders
        assert len(pages) > 1
        assert shown is not None
        assert [order.limit_price for order in shown][:130] == [61000 + number for number in range(130)]
        assert len(shown) == len({order.venue_id for order in shown})


@pytest.mark.parametrize("name", ["bybit", "okx", "binancecoinm"])
async def test_a_leverage_that_is_set_already_is_no_trouble(name: str) -> None:
    async with under_test(name, RICH) as venue:
        for _ in range(2):
            await venue.exchange.set_leverage(INVERSE, 7)
        position = (await seen(venue)).position
        assert position is not None
        assert position.leverage_setting == 7


@pytest.mark.parametrize("name", TESTED)
async def test_prices_are_as_old_as_the_venue_says_whenever_they_were_asked_for(name: str) -> None:
    """A stale answer that arrives now is stale."""
    async with under_test(name, RICH) as venue:
        assert isinstance(venue, CcxtUnderTest)
        venue.core.clock_offset_ms = -60_000
        quotes, problems = await venue.exchange.quotes([INVERSE])
        assert problems == {}
        (view,) = await venue.exchange.look([Ask(INVERSE, 0, 0, (), BOOK_LEVELS)])
        assert view.quote is None  # nobody can date a price while the clocks disagree
        assert view.depth is not None
        now = venue.clock.now_ms()
        assert [now - at_ms > 50_000 for at_ms in (quotes[INVERSE].at_ms, view.depth.at_ms)] == [True, True]
