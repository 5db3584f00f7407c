"""Does each order that is a GET go over a connection of its own, made beforehand and used only while it is good?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from adapters import own_connections
from adapters.own_connections import OwnConnections
from bot.core.model import Ask, OrderStatus, Side
from tests.contract.ccxt_driver import INVERSE, under_test
from tests.contract.driver import D, Wanted, approved

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"  # and the connection would be kept


@dataclass
class Listening:
    """A server that keeps every connection open, and knows what came over each."""

    address: str = ""
    requests: list[int] = field(default_factory=list)  # of each connection, in the order they were made
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    ended: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = len(self.requests)
        self.requests.append(0)
        self.writers.append(writer)
        while (line := await reader.readline()) != b"":
            if line == b"\r\n":
                self.requests[own] += 1
                writer.write(ANSWER)
        writer.close()
        await writer.wait_closed()
        self.ended += 1


@asynccontextmanager
async def listening() -> AsyncIterator[Listening]:
    found = Listening()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found
        for writer in found.writers:
            writer.close()
        await until(lambda: found.ended == len(found.requests))


@asynccontextmanager
async def orders() -> AsyncIterator[tuple[aiohttp.ClientSession, OwnConnections]]:
    connector = OwnConnections()
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session, connector


async def asked(session: aiohttp.ClientSession, there: Listening) -> str:
    async with session.get(f"{there.address}/order") as answer:
        return await answer.text()


async def until(reached: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not reached():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_each_request_has_a_connection_of_its_own_whether_it_was_made_beforehand_or_not() -> None:
    async with listening() as there, orders() as (session, connector):
        for number in range(3):
            connector.make_ready(there.address)
            await until(lambda number=number: len(there.requests) == number + 1)
            connector.make_ready(there.address)  # one is enough
            assert await asked(session, there) == "ok"
        assert there.requests == [1, 1, 1]
        connector.make_ready(there.address)
        assert await asked(session, there) == "ok"  # which was not there yet
        assert await asked(session, there) == "ok"
        assert there.requests == [1, 1, 1, 1, 1]


async def test_a_connection_that_the_venue_ended_meanwhile_carries_no_request() -> None:
    async with listening() as there, orders() as (session, connector):
        connector.make_ready(there.address)
        await until(lambda: there.writers)
        there.writers[0].close()
        await until(lambda: there.ended)
        assert await asked(session, there) == "ok"
        assert there.requests == [0, 1]


async def test_a_connection_that_nothing_was_said_on_for_long_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as there, orders() as (session, connector):
        connector.make_ready(there.address)
        await until(lambda: there.writers)
        monkeypatch.setattr(own_connections, "YOUNG_SECONDS", 0)
        assert await asked(session, there) == "ok"
        connector.make_ready(there.address)
        await until(lambda: there.ended == 2)
        await until(lambda: len(there.requests) == 3)
        assert there.requests == [0, 1, 0]


async def test_a_connection_to_another_host_carries_no_request() -> None:
    async with listening() as there, listening() as elsewhere, orders() as (session, connector):
        connector.make_ready(elsewhere.address)
        assert await asked(session, there) == "ok"
        assert (there.requests, sum(elsewhere.requests)) == ([1], 0)


async def test_a_connection_that_could_not_be_made_is_the_requests_own_trouble() -> None:
    async with listening() as there:
        pass
    async with orders() as (session, connector):
        connector.make_ready(there.address)
        with pytest.raises(aiohttp.ClientConnectorError):
            await asked(session, there)


async def test_what_was_made_in_vain_is_ended_with_the_session() -> None:
    async with listening() as there:
        async with orders() as (_, connector):
            connector.make_ready(there.address)
            await until(lambda: there.writers)
        await until(lambda: there.ended == 1)


# ------------------------------------------------------------------------------------------------------------------ at the venue


async def connections_made(name: str, monkeypatch: pytest.MonkeyPatch, why_closed: str = "") -> tuple[list[str], OrderStatus | None]:
    """During a look, and by the order after it; and what became of that."""
    during: list[str] = []
    connect, now = OwnConnections._create_connection, "look"

    async def counted(self: Any, *given: Any) -> Any:
        during.append(now)
        return await connect(self, *given)

    monkeypatch.setattr(OwnConnections, "_create_connection", counted)
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        if why_closed:
            venue.close_gate(why_closed)
        now_ms = venue.clock.now_ms()
        await venue.exchange.look([Ask(INVERSE, now_ms - 60_000, now_ms - 60_000)])
        now, placed = "order", None
        if not why_closed:
            placed = (await venue.exchange.place(approved(venue, "a1", Side.SELL, 10, 61000))).status
    return during, placed


async def test_an_order_that_is_a_get_finds_its_connection_made_while_prices_were_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await connections_made("deribit", monkeypatch) == (["look"], OrderStatus.OPEN)


async def test_who_may_sign_nothing_makes_no_connection_for_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await connections_made("deribit", monkeypatch, "mode: dry-run signs nothing") == ([], None)


async def test_orders_that_are_posts_share_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await connections_made("bybit", monkeypatch) == ([], OrderStatus.OPEN)
