"""Does the client of a tested venue stop where going on would be a guess?"""

import asyncio
from dataclasses import replace

import pytest

from bot.core.model import OrderStatus, Side
from bot.ports import Refused, Unknown
from tests.contract.ccxt_driver import INVERSE, CcxtUnderTest, under_test
from tests.contract.driver import D, Wanted, approved, seen
from tests.venues.markets import NOW, listed, venue

SELL = Side.SELL
RICH = Wanted(collateral={"BTC": D(10)})


@pytest.mark.parametrize("off_ms", [-700, 700])
async def test_while_the_clocks_disagree_by_more_than_half_a_second_there_is_no_price_and_then_there_is(off_ms: int) -> None:
    async with under_test("bybit", RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        tested.core.clock_offset_ms = off_ms
        view = await seen(tested)
        assert view.quote is None
        assert any("clock: this machine's is more than 500 ms" in error for error in view.errors)
        tested.core.clock_offset_ms = 0
        await tested.wait(2_000)
        view = await seen(tested)
        assert view.quote is not None
        assert view.errors == ()


async def test_a_clock_that_is_off_by_less_than_half_a_second_stops_nothing() -> None:
    async with under_test("bybit", RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        for off_ms in (-400, 400):
            tested.core.clock_offset_ms = off_ms
            await tested.wait(2_000)
            assert (await seen(tested)).quote is not None


async def test_a_look_up_that_does_not_end_proves_no_order_absent() -> None:
    async with under_test("krakenfutures", RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        tested.exchange.line.venue = replace(tested.exchange.venue, find_more=lambda asked, body: asked)
        view = await seen(tested, "never")
        assert view.found is None
        assert any("more than 40 pages" in error for error in view.errors)


def test_a_page_of_kraken_that_is_one_millisecond_whole_says_that_the_rest_is_not_shown() -> None:
    row = {"symbol": "PI_XBTUSD", "side": "sell", "size": 1, "price": 60000, "fillType": "maker", "fillTime": "2023-11-14T22:13:20.000Z"}
    rows = [row | {"fill_id": str(number)} for number in range(100)]
    contract, read = listed("krakenfutures"), venue("krakenfutures").read_fills
    with pytest.raises(ValueError, match="in one millisecond"):
        read(contract, {"fills": rows})
    assert read(contract, {"fills": rows[:99]}).more is None
    assert read(contract, {"fills": [rows[0] | {"fillTime": "2023-11-14T22:13:20.001Z"}, *rows[1:]]}).more == "2023-11-14T22:13:20.001Z"
    assert {fill.at_ms for fill in read(contract, {"fills": rows[:99]}).items} == {NOW}


@pytest.mark.parametrize("name", ["bybit", "binancecoinm"])
async def test_an_order_that_was_interrupted_on_its_way_is_never_sent_again(name: str) -> None:
    """Binance takes an id twice once the first order has ended."""
    async with under_test(name, RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        arrived = asyncio.Event()
        tested.core.order_watchers.append(lambda order: arrived.set())
        tested.server.faults.add("delay", "place", delay_ms=60_000)
        order = approved(tested, "a1", SELL, 1, 61000)
        placing = asyncio.create_task(tested.exchange.place(order))
        await arrived.wait()
        placing.cancel()
        await asyncio.gather(placing, return_exceptions=True)
        tested.core.cancel(tested.core.by_client_id("a1")[0])
        found = await tested.exchange.place(order)
        assert found.status is OrderStatus.CANCELLED
        assert len(tested.server.asked("place")) == 1


async def test_less_than_the_venue_takes_is_not_even_asked_for() -> None:
    async with under_test("bybit", RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        tested.core.contracts[INVERSE] = replace(tested.core.contracts[INVERSE], min_units=5)
        tested.exchange.listings._markets = await tested.exchange.client.markets()
        await tested.exchange.connect([INVERSE])
        with pytest.raises(Refused, match="at least 5"):
            await tested.exchange.place(approved(tested, "a1", SELL, 4, 61000))
        await tested.exchange.place(approved(tested, "a2", SELL, 5, 61000))
        assert len(tested.server.asked("place")) == 1


async def test_a_cancel_of_an_order_that_is_gone_is_done_and_one_without_an_answer_is_not() -> None:
    async with under_test("bybit", RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        await tested.exchange.place(approved(tested, "a1", SELL, 1, 61000))
        tested.lose_next_cancel_answer()
        with pytest.raises(Unknown):
            await tested.exchange.cancel(INVERSE, "a1")
        await tested.exchange.cancel(INVERSE, "a1")
        await tested.exchange.cancel(INVERSE, "never")
