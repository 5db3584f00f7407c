"""Does the client of a tested venue stop where going on would be a guess?"""

import asyncio
from dataclasses import replace

import pytest

from adapters.exchanges.venues.sheet import Placed
from bot.core.decision import Approved
from bot.core.model import OrderStatus, Side
from bot.ports import Refused, Unknown
from tests.contract.ccxt_driver import ENVIRONMENT, INVERSE, CcxtUnderTest, under_test
from tests.contract.driver import D, Wanted, approved, seen
from tests.venues.markets import NOW, listed, venue

TESTED = sorted(ENVIRONMENT)
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


@pytest.mark.parametrize("name", TESTED)
async def test_a_code_that_nobody_listed_leaves_order_and_cancel_in_doubt_wherever_in_the_answer_it_stands(name: str) -> None:
    """OKX and Kraken put what they refuse into a success."""
    async with under_test(name, RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        code = {"krakenfutures": "somethingNew", "binancecoinm": "-9999"}.get(name, "99999")
        tested.server.faults.add("error", "place", code=code)
        with pytest.raises(Unknown):
            await tested.exchange.place(approved(tested, "a1", SELL, 1, 61000))
        await tested.exchange.place(approved(tested, "a2", SELL, 1, 61000))
        tested.server.faults.add("error", "cancel", code=code)
        with pytest.raises(Unknown):
            await tested.exchange.cancel(INVERSE, "a2")


async def test_a_code_inside_of_a_success_that_nobody_listed_is_no_refusal_and_no_end() -> None:
    async with under_test("krakenfutures", RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        sheet = tested.exchange.venue
        strange = replace(sheet, read_placed=lambda *_: Placed(code="somethingNew"), read_cancelled=lambda _: "somethingNew")
        tested.exchange.line.venue = strange
        with pytest.raises(Unknown, match="somethingNew"):
            await tested.exchange.place(approved(tested, "a1", SELL, 1, 61000))
        with pytest.raises(Unknown, match="somethingNew"):
            await tested.exchange.cancel(INVERSE, "a1")
        tested.exchange.line.venue = replace(sheet, read_cancelled=lambda _: "notFound")
        await tested.exchange.cancel(INVERSE, "a1")  # what is gone needs no cancel


@pytest.mark.parametrize("name", ["deribit", "binancecoinm"])
async def test_an_order_in_doubt_is_never_sent_again_where_the_venue_would_take_its_id_twice(name: str) -> None:
    async with under_test(name, RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        order = approved(tested, "a1", SELL, 1, 61000)
        tested.lose_next_answer()
        with pytest.raises(Unknown):
            await tested.exchange.place(order)
        tested.core.cancel(tested.core.open_orders()[0])
        assert (await tested.exchange.place(order)).status is OrderStatus.CANCELLED
        assert len(tested.server.asked("place")) == len(tested.core.orders) == 1


@pytest.mark.parametrize("name", ["bybit", "okx", "krakenfutures"])
async def test_an_order_that_an_earlier_process_sent_is_found_under_its_id_and_is_no_refusal(name: str) -> None:
    async with under_test(name, RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        tested.core.place(INVERSE, "sell", 3, D(61000), client_id="a1")
        shown = await tested.exchange.place(approved(tested, "a1", SELL, 3, 61000))
        assert (shown.client_id, shown.contracts, shown.status) == ("a1", 3, OrderStatus.OPEN)
        assert len(tested.core.open_orders()) == 1


@pytest.mark.parametrize("name", TESTED)
async def test_a_process_that_never_saw_an_order_cancels_it_by_our_id(name: str) -> None:
    async with under_test(name, RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        tested.core.place(INVERSE, "sell", 3, D(61000), client_id="a1")
        await tested.exchange.cancel(INVERSE, "a1")
        assert tested.core.open_orders() == []


SPELLED: dict[str, dict[str, object]] = {
    "bybit": {
        "category": "inverse", "symbol": "BTCUSD", "side": "Sell", "orderType": "Limit", "qty": "10", "price": "61000.5",
        "orderLinkId": "a1", "timeInForce": "PostOnly", "reduceOnly": False, "positionIdx": 0,
    },
    "okx": {
        "instId": "BTC-USD-SWAP", "tdMode": "cross", "side": "sell", "ordType": "post_only", "sz": "1", "px": "61000.5", "clOrdId": "a1",
    },
    "deribit": {
        "instrument_name": "BTC-PERPETUAL", "amount": "100", "type": "limit", "price": "61000.5", "label": "a1",
        "time_in_force": "good_til_cancelled", "post_only": "true", "reject_post_only": "true",
    },
    "krakenfutures": {
        "symbol": "PI_XBTUSD", "side": "sell", "size": "10", "cliOrdId": "a1", "orderType": "post", "limitPrice": "61000.5",
    },
    "binancecoinm": {
        "symbol": "BTCUSD_PERP", "side": "SELL", "type": "LIMIT", "timeInForce": "GTX", "quantity": "10", "price": "61000.5",
        "newClientOrderId": "a1", "newOrderRespType": "RESULT",
    },
}  # fmt: skip
CROSSES: dict[str, dict[str, object]] = {  # and reduces only
    "bybit": {"timeInForce": "IOC", "reduceOnly": True},
    "okx": {"ordType": "ioc", "reduceOnly": True},
    "deribit": {"time_in_force": "immediate_or_cancel", "reduce_only": "true", "post_only": None, "reject_post_only": None},
    "krakenfutures": {"orderType": "ioc", "reduceOnly": "true"},
    "binancecoinm": {"timeInForce": "IOC", "reduceOnly": "true"},
}


@pytest.mark.parametrize("name", TESTED)
async def test_an_order_is_spelled_to_the_last_word_as_the_venue_asks_for_it(name: str) -> None:
    async with under_test(name, RICH) as tested:
        order = approved(tested, "a1", SELL, 10, "61000.5")
        contract, place = listed(name), venue(name).place
        assert place(contract, order).as_dict == SPELLED[name]
        crossing = place(contract, replace(order, post_only=False, reduce_only=True)).as_dict
        assert crossing == {word: value for word, value in (SPELLED[name] | CROSSES[name]).items() if value is not None}
        buying = place(contract, replace(order, side=Side.BUY))
        assert "Buy" in buying.method if name == "deribit" else str(buying.as_dict["side"]).lower() == "buy"


def test_a_refusal_of_kraken_that_stands_in_an_event_counts_before_the_status_beside_it() -> None:
    answer = {"sendStatus": {"status": "placed", "order_id": "1", "orderEvents": [{"type": "REJECT", "reason": "POST_WOULD_EXECUTE"}]}}
    read = venue("krakenfutures").read_placed
    wanted = Approved("a1", "BTC", INVERSE, SELL, 10, D(61000), False, True, D(61000), D(10), 1, "test")
    assert read(listed("krakenfutures"), wanted, answer).code == "postWouldExecute"
    answer["sendStatus"]["orderEvents"] = []
    assert read(listed("krakenfutures"), wanted, answer).code == ""


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


@pytest.mark.parametrize("name", ["binancecoinm", "krakenfutures", "okx"])
async def test_the_countdown_of_a_venue_is_set_in_its_own_unit_and_stopped_by_nothing(name: str) -> None:
    async with under_test(name, RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        await tested.exchange.count_down(60_000, lambda own: True)
        (due,) = tested.core.dead_man.values()
        assert 55_000 < due - tested.core.clock_ms() <= 60_000
        await tested.stranger_orders(SELL, 1, D(61000))
        await tested.exchange.count_down(0, lambda own: False)
        assert tested.core.dead_man == {}


@pytest.mark.parametrize("name", ["krakenfutures", "okx"])
async def test_a_countdown_that_would_end_orders_of_others_is_refused(name: str) -> None:
    async with under_test(name, RICH) as tested:
        assert isinstance(tested, CcxtUnderTest)
        await tested.stranger_orders(SELL, 1, D(61000))
        with pytest.raises(Refused, match="1 open orders of the account are not ours"):
            await tested.exchange.count_down(60_000, lambda own: own.startswith("hb"))
        assert tested.core.dead_man == {}


def test_an_answer_to_a_cancel_is_read_for_what_it_says() -> None:
    read = venue("krakenfutures").read_cancelled
    assert [read({"cancelStatus": {"status": word}}) for word in ("cancelled", "notFound", "somethingNew")] == [
        "",
        "notFound",
        "somethingNew",
    ]
    read = venue("okx").read_cancelled
    assert [read({"data": [{"sCode": code}]}) for code in ("0", "51400", "99999")] == ["", "51400", "99999"]


@pytest.mark.parametrize(
    ("own", "forced"), [("autoclose-1", True), ("adl_autoclose", True), ("settlement_autoclose-1", True), ("a1", False), ("", False)]
)
def test_binance_names_the_orders_that_it_makes_itself(own: str, forced: bool) -> None:
    assert venue("binancecoinm").forced(own) is forced


def test_only_what_is_available_at_okx_can_be_moved() -> None:
    sheet = venue("okx").transfers
    assert sheet is not None
    assert sheet.read_spot("BTC", {"code": "0", "data": [{"ccy": "BTC", "bal": "3", "availBal": "2", "frozenBal": "1"}]}) == 2
    assert sheet.read_spot("BTC", {"code": "0", "data": []}) == 0
