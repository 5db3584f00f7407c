"""Does the unmodified ccxt client find a venue behind the loopback address?"""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from tests.venue_server import VenueServer, serve
from tests.venue_server.plain_client import BTC, ETH, WORDS, amount_of, find, identity, plain_client
from tests.venue_server.venues import WIRES

VENUES = sorted(WIRES)


@pytest.fixture(params=VENUES)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[VenueServer]:
    async with serve(request.param, maker_fee=Decimal(0), taker_fee=Decimal(0)) as served:
        served.core.deposit("BTC", 2)
        served.core.deposit("ETH", 20)
        yield served


@pytest.fixture
async def client(server: VenueServer) -> AsyncIterator[Any]:
    async with plain_client(server) as made:
        await made.load_markets()
        yield made


async def place(
    client: Any, venue: str, client_id: str, side: str, usd: int, price: float, kind: str = "post_only", symbol: str = BTC
) -> Any:
    """An order in the venue's own words; `kind` is post_only, ioc or reduce_only (an ioc)."""
    words = WORDS[venue]
    params = {**identity(venue, client_id), **words.kinds[kind]}
    return await client.create_order(symbol, "limit", side, amount_of(venue, usd, symbol), price, params)


async def test_lists_the_inverse_perpetuals_among_markets_that_must_not_be_chosen(client: Any) -> None:
    markets = client.markets.values()
    own = [m["symbol"] for m in markets if m["inverse"] and m["swap"] and m["settle"] == m["base"] and m["quote"] == "USD"]
    assert own == [BTC, ETH]
    assert any(m["future"] and m["inverse"] and m["base"] == "BTC" for m in markets)
    assert any(m["swap"] and m["base"] == "ETH" and m["settle"] == "BTC" for m in markets) or client.id == "krakenfutures"
    assert any(m["spot"] or m["linear"] for m in markets) or client.id == "binancecoinm"  # that class lists nothing else


async def test_spells_one_position_as_this_venue_does(server: VenueServer, client: Any) -> None:
    words = WORDS[server.venue]
    server.core.wallets["BTC"] = Decimal(1)
    contract = server.core.contracts[BTC]
    server.core.hold(BTC, -int(Decimal(60_000) / contract.unit), 60_000)
    server.core.set_price(BTC, 50_000)
    row = await words.position_of(client)
    assert (row["contractSize"], row["contracts"], row["side"], row["notional"]) == words.position
    balance = await client.fetch_balance(words.balance)
    assert balance["BTC"]["total"] == pytest.approx(words.total) if words.total is not None else "BTC" not in balance
    assert words.equity(balance) == pytest.approx(1.2)


async def test_shows_mark_index_and_touch(server: VenueServer, client: Any) -> None:
    server.core.set_price(BTC, 50_000, bid=49_990, ask=50_010, index=50_005)
    seen = await WORDS[server.venue].prices(client)
    assert seen == pytest.approx((50_000, 50_005, 49_990, 50_010))


async def test_takes_a_resting_order_and_shows_it_by_its_client_id(server: VenueServer, client: Any) -> None:
    made = await place(client, server.venue, "hb01", "sell", 1_000, 60_100)
    found = await find(client, server.venue, "hb01")
    (listed,) = await client.fetch_open_orders(BTC)
    assert found["id"] == listed["id"] == made["id"]
    assert (found["status"], found["side"], found["filled"]) == ("open", "sell", 0)
    assert found["amount"] == listed["amount"] == amount_of(server.venue, 1_000, BTC)


async def test_says_after_placing_only_what_the_venue_says(server: VenueServer, client: Any) -> None:
    made = await place(client, server.venue, "hb01", "sell", 1_000, 60_100)
    assert made["status"] == WORDS[server.venue].status_of_create


async def test_fills_an_ioc_as_far_as_the_book_holds(server: VenueServer, client: Any) -> None:
    lots = int(Decimal(1_000) / server.core.contracts[BTC].unit)
    server.core.set_price(BTC, 60_000, bid=59_990, ask=60_010, bid_units=lots * 2 // 5)
    await place(client, server.venue, "hb02", "sell", 1_000, 59_900, "ioc")
    (order,) = server.core.by_client_id("hb02")
    assert (order.filled, order.status) == (lots * 2 // 5, "cancelled")
    assert await client.fetch_open_orders(BTC) == []
    (trade,) = await client.fetch_my_trades(BTC)
    amount = trade["amount"] or float(trade["info"]["size"])  # ccxt drops the amount of an inverse Kraken trade
    assert (trade["side"], trade["price"], amount) == ("sell", 59_990, amount_of(server.venue, 400, BTC))
    assert WORDS[server.venue].client_id_of_trade(trade) in ("hb02", None)


async def test_fills_resting_orders_in_part_when_somebody_trades_through(server: VenueServer, client: Any) -> None:
    await place(client, server.venue, "hb03", "sell", 1_000, 60_100)
    lots = int(Decimal(1_000) / server.core.contracts[BTC].unit)
    server.core.trade_through(BTC, 60_200, lots * 3 // 10)
    found = await find(client, server.venue, "hb03")
    assert (found["status"], found["filled"]) == ("open", amount_of(server.venue, 300, BTC))


async def test_refuses_reduce_only_without_a_position_and_never_turns_one_round(server: VenueServer, client: Any) -> None:
    answer = await asyncio.gather(place(client, server.venue, "hb04", "buy", 1_000, 60_100, "reduce_only"), return_exceptions=True)
    assert not server.core.trades, answer
    server.core.hold(BTC, -int(Decimal(500) / server.core.contracts[BTC].unit), 60_000)
    await asyncio.gather(place(client, server.venue, "hb05", "buy", 1_000, 60_100, "reduce_only"))
    assert server.core.position(BTC).units == 0


async def test_cancels_an_order_once(server: VenueServer, client: Any) -> None:
    await place(client, server.venue, "hb06", "sell", 1_000, 60_100)
    await WORDS[server.venue].cancel(client, "hb06")
    assert await client.fetch_open_orders(BTC) == []
    with pytest.raises(ccxt.BaseError):
        await WORDS[server.venue].cancel(client, "hb06")


async def test_treats_a_second_use_of_a_client_id_as_the_venue_does(server: VenueServer, client: Any) -> None:
    words = WORDS[server.venue]
    await place(client, server.venue, "hb07", "sell", 1_000, 60_100)
    again = (await asyncio.gather(place(client, server.venue, "hb07", "sell", 1_000, 60_100), return_exceptions=True))[0]
    assert len(server.core.by_client_id("hb07")) == (2 if words.unique == "never" else 1)
    if words.unique != "never":
        assert words.duplicate in str(again)
    for order in server.core.by_client_id("hb07"):
        server.core.cancel(order)
    await asyncio.gather(place(client, server.venue, "hb07", "sell", 1_000, 60_100), return_exceptions=True)
    assert len(server.core.by_client_id("hb07")) == {"ever": 1, "open": 2, "never": 3}[words.unique]


async def test_answers_a_crossing_post_only_order_as_the_venue_does(server: VenueServer, client: Any) -> None:
    words = WORDS[server.venue]
    (answer,) = await asyncio.gather(place(client, server.venue, "hb08", "sell", 1_000, 59_000), return_exceptions=True)
    assert server.core.trades == []
    if words.post_only == "cancelled":
        assert isinstance(answer, dict)
        assert [o.status for o in server.core.by_client_id("hb08")] == ["cancelled"]
    else:
        assert isinstance(answer, ccxt.BaseError)
        assert words.post_only in str(answer)
        assert server.core.by_client_id("hb08") == []


async def test_refuses_an_order_that_the_collateral_does_not_carry(server: VenueServer, client: Any) -> None:
    server.core.wallets["BTC"] = Decimal("0.0001")
    (answer,) = await asyncio.gather(place(client, server.venue, "hb09", "sell", 90_000, 60_100), return_exceptions=True)
    assert isinstance(answer, ccxt.BaseError)
    assert WORDS[server.venue].funds in str(answer)


async def test_pays_funding_with_the_sign_of_the_venue(server: VenueServer, client: Any) -> None:
    server.core.hold(BTC, -int(Decimal(60_000) / server.core.contracts[BTC].unit), 60_000)
    paid = server.core.settle_funding(BTC, "0.001")
    assert (paid.received, server.core.wallets["BTC"]) == (Decimal("0.001"), Decimal("2.001"))
    words = WORDS[server.venue]
    assert await words.funding(client) == words.funding_seen


@pytest.mark.parametrize("venue", [venue for venue in VENUES if WORDS[venue].leverage is not None])
async def test_moves_leverage_and_says_when_it_already_stands_there(venue: str) -> None:
    words = WORDS[venue]
    async with serve(venue) as server, plain_client(server) as client:
        await client.set_leverage(7, BTC, words.leverage)
        assert server.core.leverage(BTC) == 7
        (answer,) = await asyncio.gather(client.set_leverage(7, BTC, words.leverage), return_exceptions=True)
        assert (words.leverage_unchanged in str(answer)) if words.leverage_unchanged else isinstance(answer, dict)


async def test_turns_an_unsigned_or_wrongly_signed_call_away(server: VenueServer) -> None:
    for wrong in ({"apiKey": "somebody-else"}, {"secret": "d3Jvbmc="}):
        async with plain_client(server, **wrong) as stranger:
            with pytest.raises(ccxt.BaseError):
                await stranger.fetch_balance(WORDS[server.venue].balance)


async def test_refuses_an_order_by_a_key_that_may_only_read(server: VenueServer, client: Any) -> None:
    server.rights.trade = False
    with pytest.raises(ccxt.BaseError):
        await place(client, server.venue, "hb10", "sell", 1_000, 60_100)
    assert server.core.orders == {}


async def test_keeps_the_order_of_a_lost_acknowledgement_and_nothing_of_a_dropped_request(server: VenueServer, client: Any) -> None:
    sends = WORDS[server.venue].sends_on_a_broken_connection
    for kind, made in (("lost_ack", sends), ("reset", sends), ("drop", 0)):
        server.faults.add(kind, "place", count=sends)
        with pytest.raises(ccxt.BaseError):
            await place(client, server.venue, f"hb11{kind.replace('_', '')}", "sell", 1_000, 60_100)
        assert len(server.core.by_client_id(f"hb11{kind.replace('_', '')}")) == made


@pytest.mark.parametrize("kind", ["html", "empty", "null", "braces", "truncate"])
async def test_takes_the_order_behind_an_answer_that_says_nothing(server: VenueServer, client: Any, kind: str) -> None:
    server.faults.add(kind, "place")
    (answer,) = await asyncio.gather(place(client, server.venue, "hb12", "sell", 1_000, 60_100), return_exceptions=True)
    assert isinstance(answer, ccxt.BaseError | TypeError) or answer["id"] is None  # ccxt subscripts a missing Deribit order
    assert len(server.core.by_client_id("hb12")) == 1


@pytest.mark.parametrize("status", [429, 418, 502, 503, 504, 520])
async def test_refuses_with_a_status_before_taking_anything(server: VenueServer, client: Any, status: int) -> None:
    server.faults.add("status", "place", status=status, retry_after_s=3)
    with pytest.raises(ccxt.BaseError):
        await place(client, server.venue, "hb13", "sell", 1_000, 60_100)
    assert server.core.orders == {}
    assert server.log[-1].status == status


async def test_hides_a_new_order_for_as_many_reads_as_the_lag_says(server: VenueServer, client: Any) -> None:
    server.faults.read_lag["read-open-orders"] = 2
    await place(client, server.venue, "hb14", "sell", 1_000, 60_100)
    assert [len(await client.fetch_open_orders(BTC)) for _ in range(3)] == [0, 0, 1]


async def test_repeats_an_old_position_while_reads_are_stale(server: VenueServer, client: Any) -> None:
    words = WORDS[server.venue]
    server.core.hold(BTC, -int(Decimal(1_000) / server.core.contracts[BTC].unit), 60_000)
    before = (await words.position_of(client))["contracts"]
    server.core.hold(BTC, -int(Decimal(3_000) / server.core.contracts[BTC].unit), 60_000)
    server.faults.add("stale", "read-position")
    assert (await words.position_of(client))["contracts"] == before
    assert (await words.position_of(client))["contracts"] == 3 * before


async def test_is_under_maintenance_in_the_words_of_the_venue(server: VenueServer, client: Any) -> None:
    server.faults.add("maintenance", "read-balance")
    with pytest.raises(ccxt.BaseError):
        await client.fetch_balance(WORDS[server.venue].balance)


async def test_tells_a_clock_that_is_off(server: VenueServer, client: Any) -> None:
    server.core.clock_offset_ms = 60_000
    if client.has["fetchTime"]:
        told = await client.fetch_time()
    else:
        told = client.parse8601((await client.publicGetTickers())["serverTime"])
    assert abs(told - client.milliseconds() - 60_000) < 5_000


async def test_logs_every_request_and_knows_which_ones_change_something(server: VenueServer, client: Any) -> None:
    await client.fetch_balance(WORDS[server.venue].balance)
    assert server.changes == []
    await place(client, server.venue, "hb15", "sell", 1_000, 60_100)
    (row,) = server.changes
    assert (row.endpoint, row.status) == ("place", 200)
    assert "hb15" in row.query + row.body
    assert not [r.path for r in server.log if r.endpoint == "unknown"]


@pytest.mark.parametrize("venue", VENUES)
async def test_lists_two_thousand_markets_when_asked_to(venue: str) -> None:
    async with serve(venue, markets=2_000) as server, plain_client(server) as client:
        assert len(await client.load_markets()) >= 2_000
