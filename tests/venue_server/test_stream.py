"""Does ccxt's websocket client follow the core's price through Bybit's public stream?"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.venue_server import VenueServer, serve
from tests.venue_server.plain_client import BTC, plain_client


@pytest.fixture
async def server() -> AsyncIterator[VenueServer]:
    async with serve("bybit") as served:
        yield served


@pytest.fixture
async def client(server: VenueServer) -> AsyncIterator[Any]:
    async with plain_client(server, streams=True) as made:
        yield made


async def test_streams_every_move_of_the_mark(server: VenueServer, client: Any) -> None:
    assert (await client.watch_ticker(BTC))["markPrice"] == 60_000
    server.core.set_price(BTC, 59_000)
    async with asyncio.timeout(60):
        while (seen := await client.watch_ticker(BTC))["markPrice"] != 59_000:
            pass
    assert (seen["bid"], seen["ask"], seen["indexPrice"]) == (58_999.9, 59_000.1, 59_000)


async def test_streams_the_book(server: VenueServer, client: Any) -> None:
    assert (await client.watch_order_book(BTC))["bids"][0][0] == 59_999.9
    server.core.set_price(BTC, 60_000, bid=59_000, ask=61_000, bid_units=7)
    async with asyncio.timeout(60):
        while (seen := await client.watch_order_book(BTC))["bids"][0] != [59_000, 7]:
            pass
    assert seen["asks"][0][0] == 61_000


async def test_says_nothing_while_silent(server: VenueServer, client: Any) -> None:
    await client.watch_ticker(BTC)
    server.wire.silent = True
    server.core.set_price(BTC, 59_000)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.watch_ticker(BTC), 0.2)


async def test_a_dropped_stream_is_an_error_to_whoever_waits(server: VenueServer, client: Any) -> None:
    await client.watch_ticker(BTC)
    waiting = asyncio.create_task(client.watch_ticker(BTC))
    await asyncio.sleep(0)
    server.drop_streams()
    async with asyncio.timeout(60):
        with pytest.raises(Exception, match=r"(?i)clos|network|reset|1006"):
            await waiting
    assert [row.endpoint for row in server.log if row.endpoint == "stream"] == ["stream"]
    assert (await client.watch_ticker(BTC))["markPrice"] == 60_000
