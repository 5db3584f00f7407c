"""Do websockets wake the bot, and never more than that? The unmodified ccxt.pro against the local Bybit."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.ccxt_client import Keys
from adapters.clock import SystemClock
from adapters.exchanges.ccxt_open import VENUES, open_venue
from adapters.exchanges.streams import Streams, Waker, Watched, price_in
from bot.ports import Misconfigured, NotSent
from bot.running import Until, run
from bot.settings import load
from bot.wiring.start import Wired, wired
from tests.contract.driver import D
from tests.venue_server import KEY, PASSPHRASE, SECRET, VenueServer, serve

BTC = "BTC/USD:BTC"
KEYS = Keys(KEY, SECRET, PASSPHRASE)
PLACES = [
    (name, environment)
    for name, venue in sorted(VENUES.items())
    for environment, place in venue.places.items()
    if venue.price_stream and place.stream_hosts
]
CONFIG = """\
version: 1
mode: live
cycle_seconds: 600
venue: {{name: bybit, environment: testnet, base_url: "{url}", streams: true}}
bag: {{BTC: {{coins: 1}}}}
hedges: {{BTC: {{ratio: 1.0}}}}
execution: {{max_order_usd: 200000}}
risk: {{max_leverage: 3, hard_leverage: 4}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
"""


@pytest.fixture
async def server() -> AsyncIterator[VenueServer]:
    async with serve("bybit") as served:
        served.core.deposit("BTC", 2)
        yield served


@dataclass(slots=True)
class Heard:
    """What came of the streams."""

    wakes: int = 0
    told: list[bool] = field(default_factory=list)

    def wake(self) -> None:
        self.wakes += 1


async def until(done: Callable[[], object], patience_s: float = 10) -> None:
    async with asyncio.timeout(patience_s):
        while not done():  # noqa: ASYNC110  # a venue in another task, with no event to wait for
            await asyncio.sleep(0.005)


def sockets(server: VenueServer) -> int:
    return len(server.asked("stream"))


@asynccontextmanager
async def listening(server: VenueServer, *, keys: Keys = KEYS, symbols: tuple[str, ...] = (BTC,), **more: Any) -> AsyncIterator[Heard]:
    heard = Heard()
    exchange = open_venue("bybit", "testnet", keys, SystemClock(), None, base_url=server.base_url, streams=True)
    try:
        await exchange.connect(symbols)
        watched = [Watched(symbol, D("0.001")) for symbol in symbols]
        streams = Streams(exchange.venue, exchange.client, SystemClock(), watched, heard.wake, told=heard.told.append, gap_ms=0, **more)
        async with streams.listening():
            yield heard
    finally:
        await exchange.close()


# ------------------------------------------------------------------------------------------------------------------ the whole bot


@asynccontextmanager
async def running(server: VenueServer, folder: Path) -> AsyncIterator[Wired]:
    """A bot that would look again in ten minutes."""
    config = folder / "hedge.yaml"
    config.write_text(CONFIG.format(url=server.base_url, folder=folder), "utf-8")
    secrets = {"HEDGEBOT__VENUE__API_KEY": KEY, "HEDGEBOT__VENUE__API_SECRET": SECRET}
    stop = asyncio.Event()
    async with wired(load(config, secrets, {}), live_flag=True, absence=(0, 1)) as bot:
        life = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))
        try:
            yield bot
        finally:
            stop.set()
            await asyncio.wait_for(life, 30)


def connected(bot: Wired) -> bool | None:
    return bot.metrics.gauges.stream_connected


def marked(bot: Wired) -> Decimal | None:
    """The price that the bot saw last."""
    quote = bot.engine.seen.views[0].quote if bot.engine.seen is not None else None
    return None if quote is None else quote.mark


async def aligned(server: VenueServer, bot: Wired) -> None:
    """The first hedge is open, and nothing is being worked on."""
    await until(server.core.open_orders)
    order = server.core.open_orders()[0]
    server.core.trade_through(BTC, order.price or 0)
    await until(lambda: bot.engine.decision and bot.engine.decision.legs[0].aligned)


async def test_a_fill_and_a_price_wake_the_bot_long_before_its_cycle(server: VenueServer, tmp_path: Path) -> None:
    async with running(server, tmp_path) as bot:
        await until(lambda: connected(bot) and sockets(server) == 2)
        await aligned(server, bot)  # seen by the message about the order alone
        server.core.set_price(BTC, 50_000)
        await until(lambda: marked(bot) == 50_000)
        assert b'hedgebot_stream_connected{account="main",venue="bybit"} 1.0' in bot.metrics.scrape()


async def test_a_stream_that_lies_costs_a_look_and_no_order(server: VenueServer, tmp_path: Path) -> None:
    async with running(server, tmp_path) as bot:
        await until(lambda: connected(bot) and sockets(server) == 2)
        await aligned(server, bot)
        turns, placed = bot.engine.turns, len(server.asked("place"))
        prices = next(stream for stream in server._streams if hasattr(stream, "topics"))
        lie = {"symbol": "BTCUSD", "markPrice": "30000", "lastPrice": "30000", "bid1Price": "29999", "ask1Price": "30001"}
        await prices.socket.send_json({"topic": "tickers.BTCUSD", "type": "delta", "ts": 1, "cs": 1, "data": lie})
        await until(lambda: bot.engine.turns > turns)
        assert bot.engine.seen is not None
        assert bot.engine.seen.views[0].quote is not None
        assert bot.engine.seen.views[0].quote.mark == 60_000
        assert len(server.asked("place")) == placed


async def test_the_bot_hedges_without_its_streams(server: VenueServer, tmp_path: Path) -> None:
    server.wire.stream = lambda path: None  # type: ignore[method-assign]  # the websocket host is down
    async with running(server, tmp_path) as bot:
        await until(server.core.open_orders)
        await until(lambda: b'hedgebot_stream_reconnects_total{account="main",venue="bybit"} 1.0' in bot.metrics.scrape())
        assert connected(bot) is False


# ------------------------------------------------------------------------------------------------------------------ connections


async def test_a_dropped_stream_is_connected_anew_and_wakes_as_before(server: VenueServer) -> None:
    async with listening(server, own_orders=True) as heard:
        await until(lambda: heard.told == [True] and sockets(server) == 2)
        server.drop_streams()
        await until(lambda: heard.told == [True, False, True])
        assert heard.wakes == 0
        server.core.set_price(BTC, 59_000)
        await until(lambda: heard.wakes == 1)


async def test_what_moved_while_nobody_listened_wakes_at_the_next_connection(server: VenueServer) -> None:
    async with listening(server) as heard:
        await until(lambda: heard.told == [True])
        server.drop_streams()
        server.core.watchers.clear()
        server.core.set_price(BTC, 59_000)
        await until(lambda: heard.wakes == 1)


async def test_a_contract_that_is_silent_while_another_speaks_ends_no_connection(server: VenueServer) -> None:
    """As a suspended one is: the prices of the others would come and go with it."""
    async with listening(server, symbols=(BTC, "ETH/USD:ETH"), silence_ms=700) as heard:
        await until(lambda: heard.told == [True])
        for step in range(40):
            server.core.set_price("ETH/USD:ETH", 3_000 + step)
            await asyncio.sleep(0.05)
        assert heard.told == [True]
        await until(lambda: heard.told[:2] == [True, False])  # now both are


async def test_a_silent_stream_is_connected_anew(server: VenueServer) -> None:
    async with listening(server, silence_ms=300) as heard:
        await until(lambda: heard.told == [True])
        server.wire.silent = True
        await until(lambda: False in heard.told)
        server.wire.silent = False
        await until(lambda: heard.told[-1] is True)
        assert sockets(server) >= 2


class Waits(SystemClock):
    """A clock that notes how long it should wait, and does not."""

    def __init__(self) -> None:
        self.paused_ms: list[int] = []

    async def sleep_ms(self, duration_ms: int) -> None:
        self.paused_ms.append(duration_ms)
        await asyncio.sleep(0)


async def test_pauses_between_attempts_grow_and_are_jittered(server: VenueServer) -> None:
    clock = Waits()
    server.wire.stream = lambda path: None  # type: ignore[method-assign]
    exchange = open_venue("bybit", "testnet", KEYS, SystemClock(), None, base_url=server.base_url, streams=True)
    await exchange.connect([BTC])
    async with Streams(exchange.venue, exchange.client, clock, [Watched(BTC, D(0))], lambda: None).listening():
        await until(lambda: len(clock.paused_ms) >= 9)
    await exchange.close()
    for attempt, paused in enumerate(clock.paused_ms[:9]):
        longest = min(60_000, 500 * 2**attempt)
        assert longest // 2 <= paused <= longest
    assert len({round(paused / min(60_000, 500 * 2**n), 3) for n, paused in enumerate(clock.paused_ms[:9])}) > 1


async def test_nothing_is_left_behind(server: VenueServer) -> None:
    before = asyncio.all_tasks()
    async with listening(server, own_orders=True) as heard:
        await until(lambda: heard.told == [True] and sockets(server) == 2)
        server.drop_streams()
        await until(lambda: heard.told == [True, False, True])
    await until(lambda: not [task for task in asyncio.all_tasks() - before if "server" not in repr(task)])
    await until(lambda: not server.core.watchers and not server.core.order_watchers)


# ------------------------------------------------------------------------------------------------------------------ when to wake


async def test_a_price_wakes_when_it_has_moved_enough_since_the_last_time(server: VenueServer) -> None:
    async with listening(server) as heard:
        await until(lambda: heard.told == [True])
        for price, wakes in (("60059.9", 0), ("60060", 1), ("60120", 1), ("60120.1", 2), ("60059.9", 3), ("60059.9", 3)):
            server.core.set_price(BTC, price)
            await asyncio.sleep(0.05)
            assert heard.wakes == wakes, price


async def test_a_busy_market_wakes_once_at_first_and_once_after_the_gap() -> None:
    heard = Heard()
    waker = Waker(heard.wake, gap_ms=50)
    for _ in range(100):
        waker.knock()
    assert heard.wakes == 1
    await until(lambda: heard.wakes == 2)
    await asyncio.sleep(0.12)
    assert heard.wakes == 2
    waker.knock()
    assert heard.wakes == 3
    waker.knock()
    waker.close()
    await asyncio.sleep(0.1)
    assert heard.wakes == 3


async def test_own_orders_wake_only_with_the_key_that_owns_them(server: VenueServer) -> None:
    async with listening(server, own_orders=True) as heard:
        await until(lambda: heard.told == [True] and server.core.order_watchers)
        server.core.stranger_order(BTC, "sell", 100, D(70_000))
        await until(lambda: heard.wakes == 1)
    async with listening(server, keys=Keys(KEY, "wrong-secret-canary"), own_orders=True) as heard:
        await until(lambda: False in heard.told)


async def test_without_own_orders_nothing_private_is_listened_to(server: VenueServer) -> None:
    async with listening(server) as heard:
        await until(lambda: heard.told == [True])
        server.core.set_price(BTC, 59_000)
        await until(lambda: heard.wakes == 1)
        assert sockets(server) == 1


async def test_a_venue_that_tells_no_orders_is_listened_to_for_its_prices(server: VenueServer) -> None:
    heard, venue = Heard(), replace(VENUES["bybit"], order_stream="")
    exchange = open_venue("bybit", "testnet", KEYS, SystemClock(), None, base_url=server.base_url, streams=True)
    await exchange.connect([BTC])
    watched = [Watched(BTC, D("0.001"))]
    streams = Streams(venue, exchange.client, SystemClock(), watched, heard.wake, told=heard.told.append, own_orders=True, gap_ms=0)
    async with streams.listening():
        await until(lambda: heard.told == [True])
        server.core.set_price(BTC, 59_000)
        await until(lambda: heard.wakes == 1)
    await exchange.close()
    assert heard.told == [True]


async def test_a_price_that_is_told_again_is_no_move_however_little_one_has_to_be(server: VenueServer) -> None:
    heard = Heard()
    exchange = open_venue("bybit", "testnet", KEYS, SystemClock(), None, base_url=server.base_url, streams=True)
    await exchange.connect([BTC])
    watched = [Watched(BTC, D(0))]
    async with Streams(exchange.venue, exchange.client, SystemClock(), watched, heard.wake, told=heard.told.append, gap_ms=0).listening():
        await until(lambda: heard.told == [True])
        for price, wakes in ((60_000, 0), (60_001, 1), (60_001, 1), (60_001, 1), (60_002, 2)):
            server.core.set_price(BTC, price)
            await until(lambda wakes=wakes: heard.wakes >= wakes)  # type: ignore[misc]
    await exchange.close()
    assert heard.wakes == 2


async def test_what_knocked_within_the_gap_wakes_nobody_after_the_end(server: VenueServer) -> None:
    heard, over = Heard(), asyncio.Event()
    exchange = open_venue("bybit", "testnet", KEYS, SystemClock(), None, base_url=server.base_url, streams=True)
    await exchange.connect([BTC])
    watched = [Watched(BTC, D("0.001"))]
    streams = Streams(exchange.venue, exchange.client, SystemClock(), watched, heard.wake, told=heard.told.append, gap_ms=500)
    async with streams.listening():
        await until(lambda: heard.told == [True])
        server.core.set_price(BTC, 59_000)
        await until(lambda: heard.wakes == 1)
        asyncio.get_running_loop().call_later(0.55, over.set)  # on the loop's own clock, behind the end of the gap
        server.core.set_price(BTC, 58_000)
        await until(lambda: streams._waker._knocked)
    await over.wait()
    await exchange.close()
    assert heard.wakes == 1


async def test_once_a_connection_has_spoken_the_next_pause_is_short_again(server: VenueServer) -> None:
    clock, heard, stream = Waits(), Heard(), server.wire.stream
    server.wire.stream = lambda path: None  # type: ignore[method-assign]
    exchange = open_venue("bybit", "testnet", KEYS, SystemClock(), None, base_url=server.base_url, streams=True)
    await exchange.connect([BTC])
    watched = [Watched(BTC, D(0))]
    async with Streams(exchange.venue, exchange.client, clock, watched, heard.wake, told=heard.told.append, gap_ms=0).listening():
        await until(lambda: len(clock.paused_ms) >= 5)
        server.wire.stream = stream  # type: ignore[method-assign]
        await until(lambda: heard.told[-1:] == [True])
        tried = len(clock.paused_ms)
        server.drop_streams()
        await until(lambda: len(clock.paused_ms) > tried)
    await exchange.close()
    assert clock.paused_ms[tried] <= 500


@pytest.mark.parametrize(
    ("message", "price"),
    [
        ({"markPrice": 60000.5, "last": 1.0}, D("60000.5")),
        ({"markPrice": None, "last": 59_999}, D(59_999)),
        ({"markPrice": None, "last": None}, None),
        ({"markPrice": float("nan")}, None),
        ({"markPrice": -1.0}, None),
        ([], None),
    ],
)
def test_a_message_without_a_price_says_nothing(message: object, price: object) -> None:
    assert price_in(message) == price


# ------------------------------------------------------------------------------------------------------------------ hosts and secrets


@pytest.mark.parametrize(("name", "environment"), PLACES)
async def test_a_websocket_opens_only_at_its_environment(name: str, environment: str) -> None:
    made = open_venue(name, environment, KEYS, SystemClock(), None, streams=True).client
    place = VENUES[name].places[environment]
    for host in place.stream_hosts:
        made.admit_stream(f"wss://{host}/any/path")
    for other in {host for each in VENUES[name].places.values() for host in each.stream_hosts} - place.stream_hosts | {"example.org"}:
        with pytest.raises(NotSent, match="is not a websocket host"):
            made.admit_stream(f"wss://{other}/any/path")
    assert hasattr(made._api, VENUES[name].price_stream)
    await made.close()


@pytest.mark.parametrize(("name", "environment"), PLACES)
async def test_base_url_moves_websockets_too(name: str, environment: str) -> None:
    exchange = open_venue(
        name, environment, KEYS, SystemClock(), None, base_url="http://127.0.0.1:9", allow_base_url_production=True, streams=True
    )
    assert "wss://" not in str(exchange.client._api.urls["api"])
    assert "ws://127.0.0.1:9/" in str(exchange.client._api.urls["api"])
    with pytest.raises(NotSent, match="is not a websocket host"):
        exchange.client._api.client(f"wss://{next(iter(VENUES[name].places[environment].stream_hosts))}/ws")
    await exchange.close()


async def test_no_stream_writes_a_secret(server: VenueServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    for secret in (SECRET, "wrong-secret-canary"):
        async with listening(server, keys=Keys(KEY, secret), own_orders=True) as heard:
            await until(lambda: heard.told and (secret == SECRET or False in heard.told))  # noqa: B023
    signed = [row.body for row in server.log if row.endpoint == "stream"]
    said = caplog.text + "".join(capsys.readouterr()) + str(signed)
    assert "stream.lost" in said
    for word in (KEY, SECRET, "wrong-secret-canary", "GET/realtime", '"args"'):
        assert word not in said


NO_STREAMS = r"venue\.streams is true.*write `venue\.streams: false`"


async def test_streams_are_refused_on_paper(tmp_path: Path) -> None:
    files = {"audit.url": f"sqlite:///{tmp_path}/audit.db", "paper.url": f"sqlite:///{tmp_path}/paper.db"}
    with pytest.raises(Misconfigured, match=NO_STREAMS):
        async with wired(load(None, {}, {"bag.BTC.coins": "1", "hedges.BTC.ratio": "1", "venue.streams": "true", **files})):
            pass


async def test_streams_are_refused_where_no_websocket_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VENUES, "bybit", replace(VENUES["bybit"], price_stream=""))
    with pytest.raises(Misconfigured, match=NO_STREAMS):
        open_venue("bybit", "testnet", KEYS, SystemClock(), None, streams=True)
