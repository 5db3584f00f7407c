"""Does each venue have its own traps, as the real one has them?"""

import asyncio
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.venue_server import KEY, serve
from tests.venue_server.plain_client import BTC, ETH, WORDS, amount_of, find, identity, plain_client
from tests.venue_server.venues import WIRES

VENUES = sorted(WIRES)


async def place(client: Any, venue: str, client_id: str, price: float = 60_100, kind: str = "post_only", side: str = "sell") -> Any:
    params = {**identity(venue, client_id), **WORDS[venue].kinds[kind]}
    return await client.create_order(BTC, "limit", side, amount_of(venue, 1_000, BTC), price, params)


async def outcome(call: Any) -> Any:
    return (await asyncio.gather(call, return_exceptions=True))[0]


async def test_bybit_ignores_a_client_id_by_the_wrong_name_and_shows_another_order() -> None:
    async with serve("bybit") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await place(client, "bybit", "mine")
        server.core.stranger_order(BTC, "sell", 100, Decimal("60500"), "theirs")
        shown = await client.fetch_open_orders(BTC, params={"clientOrderId": "mine"})
        assert {order["clientOrderId"] for order in shown} == {"mine", "theirs"}


async def test_bybit_finds_an_ended_order_by_its_client_id_among_the_open_ones() -> None:
    async with serve("bybit") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await place(client, "bybit", "gone")
        server.core.cancel(server.core.by_client_id("gone")[0])
        assert (await find(client, "bybit", "gone"))["status"] == "canceled"
        assert await client.fetch_open_orders(BTC) == []


async def test_bybit_shows_linear_positions_unless_asked_for_inverse_ones() -> None:
    async with serve("bybit") as server, plain_client(server) as client:
        server.core.hold(BTC, -1_000, 60_000)
        assert await client.fetch_positions() == []
        assert [row["symbol"] for row in await client.fetch_positions(None, {"subType": "inverse"})] == [BTC]


async def test_bybit_pages_its_positions() -> None:
    async with serve("binancecoinm") as other:  # any contracts will do
        inverse = {f"X{n}/USD:X{n}": other.wire.filler(f"X{n}") for n in range(205)}
    async with serve("bybit") as server, plain_client(server) as client:
        server.core.contracts.update(inverse)
        for symbol, contract in inverse.items():
            server.core.hold(symbol, -1, 10)
            server.core.quotes[symbol] = server.core.quotes[BTC]
            assert contract.kind == "inverse"
        await client.load_markets()
        assert len(await client.fetch_positions(None, {"subType": "inverse"})) == 200
        assert len(await client.fetch_positions(None, {"subType": "inverse", "paginate": True})) == 205


async def test_okx_turns_a_demo_key_away_without_the_simulated_header() -> None:
    async with serve("okx", environment="demo") as server, plain_client(server) as client:
        await client.fetch_balance()
        assert server.log[-1].headers["x-simulated-trading"] == "1"
        client.headers = {}
        with pytest.raises(ccxt.AuthenticationError, match="50101"):
            await client.fetch_balance()


async def test_okx_turns_a_production_key_away_with_the_simulated_header() -> None:
    async with serve("okx", environment="production") as server, plain_client(server) as client:
        with pytest.raises(ccxt.AuthenticationError, match="50101"):
            await client.fetch_balance()


async def test_okx_takes_only_plain_letters_and_digits_as_a_client_id() -> None:
    async with serve("okx") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        assert "51000" in str(await outcome(place(client, "okx", "hb-01")))
        assert server.core.orders == {}


async def test_okx_trades_tenths_of_a_contract() -> None:
    async with serve("okx") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await client.create_order(BTC, "limit", "sell", 0.3, 60_100, {"clientOrderId": "tenths", "postOnly": True})
        assert server.core.by_client_id("tenths")[0].units * server.core.contracts[BTC].unit == 30


async def test_deribit_shows_flat_rows_with_no_direction() -> None:
    async with serve("deribit") as server, plain_client(server) as client:
        (row,) = await client.fetch_positions([BTC])
        assert (row["contracts"], row["info"]["direction"]) == (0, "zero")


async def test_deribit_hides_unfilled_orders_from_its_history_unless_asked() -> None:
    async with serve("deribit") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await place(client, "deribit", "unfilled")
        server.core.cancel(server.core.by_client_id("unfilled")[0])
        assert await client.fetch_closed_orders(BTC) == []
        assert len(await client.fetch_closed_orders(BTC, params={"include_unfilled": True})) == 1


async def test_deribit_moves_a_crossing_post_only_order_that_does_not_ask_to_be_rejected() -> None:
    async with serve("deribit") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await client.create_order(BTC, "limit", "sell", 1_000, 59_000, {"post_only": True, "reject_post_only": False, "label": "moved"})
        (order,) = server.core.by_client_id("moved")
        assert (order.status, order.price) == ("open", Decimal("60000"))


async def test_deribit_puts_the_label_and_the_order_into_the_address() -> None:
    async with serve("deribit") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await place(client, "deribit", "seen")
        (row,) = server.changes
        assert (row.method, row.path) == ("GET", "/api/v2/private/sell")
        assert "label=seen" in row.query


async def test_kraken_publishes_funding_in_coin_so_that_ccxt_gets_the_rate_of_inverse_contracts_wrong() -> None:
    async with serve("krakenfutures") as server, plain_client(server) as client:
        server.core.quotes[BTC].funding_rate = Decimal("0.0001")
        rates = await client.fetch_funding_rates([BTC])
        right = float(rates[BTC]["info"]["fundingRate"]) * 60_000
        assert right == pytest.approx(0.0001)
        assert rates[BTC]["fundingRate"] == pytest.approx(0.0001 / 60_000**2)
        assert (await client.fetch_funding_rate_history(BTC))[-1]["fundingRate"] == 0.0001


async def test_kraken_forgets_an_ended_order_after_five_seconds_but_its_history_does_not() -> None:
    async with serve("krakenfutures") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await place(client, "krakenfutures", "brief")
        server.core.cancel(server.core.by_client_id("brief")[0])
        assert (await find(client, "krakenfutures", "brief"))["status"] == "canceled"
        server.core.clock_offset_ms += 5_001
        with pytest.raises(ccxt.OrderNotFound):
            await find(client, "krakenfutures", "brief")
        events = (await client.historyGetOrders())["elements"]
        assert any(row["event"].get("OrderCancelled", {}).get("order", {}).get("clientId") == "brief" for row in events)


async def test_kraken_takes_a_capital_ioc_for_a_resting_order() -> None:
    async with serve("krakenfutures") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await client.create_order(BTC, "limit", "sell", 1_000, 60_100, {"timeInForce": "IOC", "clientOrderId": "rests"})
        assert server.core.by_client_id("rests")[0].status == "open"


async def test_kraken_shows_the_collateral_of_a_contract_only_when_its_account_is_named() -> None:
    async with serve("krakenfutures") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        assert "BTC" not in await client.fetch_balance()
        assert (await client.fetch_balance({"type": "fi_xbtusd"}))["BTC"]["total"] == 1


async def test_binance_lets_a_client_id_be_used_again_once_the_order_ended() -> None:
    async with serve("binancecoinm") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        first = await place(client, "binancecoinm", "again")
        server.core.cancel(server.core.by_client_id("again")[0])
        second = await place(client, "binancecoinm", "again")
        assert first["id"] != second["id"] == (await find(client, "binancecoinm", "again"))["id"]


@pytest.mark.parametrize("venue", ["binancecoinm", "krakenfutures", "okx"])
async def test_a_dead_mans_switch_cancels_what_is_open_when_nobody_renews_it(venue: str) -> None:
    async with serve(venue) as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await place(client, venue, "left1")
        if venue == "binancecoinm":
            await client.dapiPrivatePostCountdownCancelAll({"symbol": "BTCUSD_PERP", "countdownTime": 15_000})
        else:
            await client.cancel_all_orders_after(15_000)
        assert len(await client.fetch_open_orders(BTC)) == 1
        server.core.clock_offset_ms += 15_001
        client.options["timeDifference"] = -server.core.clock_offset_ms
        assert await outcome(client.fetch_open_orders(BTC)) is not None
        assert [order.why for order in server.core.by_client_id("left1")] == ["dead_man"]


@pytest.mark.parametrize(
    ("venue", "code", "accepted"),
    [
        ("bybit", "10016", True), ("bybit", "10006", False), ("bybit", "110007", False),
        ("okx", "50004", True), ("okx", "51149", True), ("okx", "51006", False), ("okx", "50011", False),
        ("deribit", "13888", True), ("deribit", "13028", True), ("deribit", "10028", False),
        ("krakenfutures", "Server Error", True), ("krakenfutures", "outsidePriceCollar", False),
        ("binancecoinm", "-1008", False), ("binancecoinm", "-1015", False), ("binancecoinm", "-1021", False),
    ],
)  # fmt: skip
async def test_says_any_error_of_the_venue_with_the_order_taken_or_not(venue: str, code: str, accepted: bool) -> None:
    async with serve(venue) as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await client.load_markets()
        server.faults.add("error", "place", code=code, accepted=accepted)
        said = await outcome(place(client, venue, "hb20"))
        assert isinstance(said, ccxt.BaseError)
        assert code in str(said)
        assert len(server.core.by_client_id("hb20")) == (1 if accepted else 0)


async def test_binance_can_answer_503_unknown_with_the_order_taken() -> None:
    async with serve("binancecoinm") as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await client.load_markets()
        text = '{"code":-1000,"msg":"Unknown error, please check your request or try again later."}'
        server.faults.add("status", "place", status=503, text=text, accepted=True)
        assert "Unknown error" in str(await outcome(place(client, "binancecoinm", "hb21")))
        assert len(server.core.by_client_id("hb21")) == 1


@pytest.mark.parametrize("venue", VENUES)
async def test_lets_a_fill_overtake_a_cancel(venue: str) -> None:
    async with serve(venue) as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await place(client, venue, "hb22")
        server.meanwhile("cancel", lambda core: core.trade_through(BTC, 60_200))
        assert isinstance(await outcome(WORDS[venue].cancel(client, "hb22")), ccxt.BaseError)
        assert server.core.by_client_id("hb22")[0].status == "filled"


@pytest.mark.parametrize("venue", VENUES)
async def test_takes_nothing_while_frozen_and_knows_no_delisted_contract(venue: str) -> None:
    async with serve(venue) as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await client.load_markets()
        server.core.frozen = True
        assert isinstance(await outcome(place(client, venue, "hb23")), ccxt.BaseError)
        server.core.frozen = False
        server.core.delist(BTC)
        assert isinstance(await outcome(place(client, venue, "hb24")), ccxt.BaseError)
        assert server.core.orders == {}
        async with plain_client(server) as later:
            assert BTC not in await later.load_markets()
            assert ETH in later.markets


@pytest.mark.parametrize("venue", ["binancecoinm", "bybit", "okx"])
async def test_refuses_a_one_way_order_in_hedge_mode(venue: str) -> None:
    async with serve(venue) as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        server.core.hedge_mode = True
        assert isinstance(await outcome(place(client, venue, "hb25")), ccxt.BaseError)
        assert server.core.orders == {}


async def test_tells_whether_a_key_may_withdraw_where_the_venue_tells() -> None:
    async def told(venue: str, withdraw: bool) -> bool:
        async with serve(venue) as server, plain_client(server) as client:
            server.rights.withdraw = withdraw
            if venue == "bybit":
                return "Withdraw" in (await client.privateGetV5UserQueryApi())["result"]["permissions"]["Wallet"]
            if venue == "okx":
                return "withdraw" in (await client.privateGetAccountConfig())["data"][0]["perm"]
            if venue == "binancecoinm":
                return bool((await client.sapiGetAccountApiRestrictions())["enableWithdrawals"])
            keys = (await client.privateGetListApiKeys())["result"]
            return any(key["client_id"] == KEY and "wallet:read_write" in key["max_scope"] for key in keys)

    for venue in ("bybit", "okx", "binancecoinm", "deribit"):
        assert [await told(venue, granted) for granted in (True, False)] == [True, False]


@pytest.mark.parametrize("venue", VENUES)
async def test_a_request_that_arrives_late_is_taken_although_the_client_gave_up(venue: str) -> None:
    async with serve(venue) as server, plain_client(server) as client:
        server.core.deposit("BTC", 1)
        await client.load_markets()
        server.faults.add("delay", "place", delay_ms=2_000, accepted=False)
        patience_ms, client.timeout = client.timeout, 1_000  # for the order alone: whatever else is asked has all its time
        assert isinstance(await outcome(place(client, venue, "hb26")), ccxt.RequestTimeout)
        assert server.core.orders == {}
        client.timeout = patience_ms
        async with asyncio.timeout(60):
            while not server.core.orders:
                await client.fetch_ticker(BTC)
        assert len(server.core.by_client_id("hb26")) == 1
