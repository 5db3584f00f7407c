"""How does Bybit stream? Its v5 websockets: prices for everybody, a snapshot on subscription and then a message for each move of the core;
and for who signs in with a key, a message for each step of an own order."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.venue_server.nouns import Order
from tests.venue_server.wire import KEY, SECRET

if TYPE_CHECKING:
    from tests.venue_server.wire_bybit import Bybit

PRIVATE_PATH = "/v5/private"
PATHS = ("/v5/public/inverse", "/v5/public/linear", "/v5/public/spot")
DELTA = ("symbol", "markPrice", "indexPrice", "bid1Price", "bid1Size", "ask1Price", "ask1Size", "lastPrice")


class BybitStream:
    """One connection: the topics that it asked for, and what to send next."""

    def __init__(self, wire: Bybit, category: str) -> None:
        self.wire = wire
        self.category = category
        self.topics: dict[str, str] = {}  # topic → unified symbol
        self.moves: asyncio.Queue[str] = asyncio.Queue()
        self.socket = web.WebSocketResponse()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        await self.socket.prepare(request)
        self.wire.core.watchers.append(self.moves.put_nowait)
        writer = asyncio.create_task(self._write())
        try:
            async for message in self.socket:
                if message.type == WSMsgType.TEXT:
                    await self._hear(json.loads(message.data))
        finally:
            self.wire.core.watchers.remove(self.moves.put_nowait)
            writer.cancel()
        return self.socket

    async def _hear(self, message: dict[str, Any]) -> None:
        said = {"success": True, "ret_msg": "", "conn_id": "1", "req_id": message.get("req_id", ""), "op": message.get("op")}
        if message.get("op") == "ping":
            await self.socket.send_json(said | {"ret_msg": "pong"})
        if message.get("op") == "subscribe":
            for topic in message["args"]:
                symbol = next((s for s, c in self.wire.core.listed.items() if self._carries(c.id, c.kind, topic)), None)
                if symbol is None:
                    await self.socket.send_json(said | {"success": False, "ret_msg": f"error:handler not found,topic:{topic}"})
                    return
                self.topics[topic] = symbol
            await self.socket.send_json(said)
            for topic in message["args"]:
                await self._say(topic, "snapshot")

    def _carries(self, venue_id: str, kind: str, topic: str) -> bool:
        inverse = kind in ("inverse", "quanto")
        return topic.rpartition(".")[2] == venue_id and self.category == ("inverse" if inverse else kind)

    async def _write(self) -> None:
        while True:
            symbol = await self.moves.get()
            for topic in [topic for topic, carried in self.topics.items() if carried == symbol]:
                await self._say(topic, "delta")

    async def _say(self, topic: str, kind: str) -> None:
        if self.wire.silent:
            return
        symbol, now = self.topics[topic], self.wire.core.clock_ms()
        contract = self.wire.core.contracts[symbol]
        if topic.startswith("orderbook."):
            kind, data = "snapshot", self.wire.book_of(symbol, contract)
        else:
            data = self.wire.ticker(symbol, contract)
            data = data if kind == "snapshot" else {name: data[name] for name in DELTA if name in data}
        await self.socket.send_json({"topic": topic, "type": kind, "ts": now, "cs": now, "data": data})


class BybitPrivateStream:
    """One connection of the account: nothing is told before it has signed in."""

    def __init__(self, wire: Bybit) -> None:
        self.wire = wire
        self.signed_in = False
        self.steps: asyncio.Queue[Order] = asyncio.Queue()
        self.socket = web.WebSocketResponse()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        await self.socket.prepare(request)
        writer = asyncio.create_task(self._write())
        try:
            async for message in self.socket:
                if message.type == WSMsgType.TEXT:
                    await self._hear(json.loads(message.data))
        finally:
            if self.steps.put_nowait in self.wire.core.order_watchers:
                self.wire.core.order_watchers.remove(self.steps.put_nowait)
            writer.cancel()
        return self.socket

    async def _hear(self, message: dict[str, Any]) -> None:
        op = message.get("op")
        said = {"success": True, "ret_msg": "", "conn_id": "2", "req_id": message.get("req_id", ""), "op": op}
        if op == "auth":
            key, expires, signature = message["args"]
            expected = hmac.new(SECRET.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
            self.signed_in = key == KEY and hmac.compare_digest(expected, signature) and int(expires) > self.wire.core.clock_ms()
            if not self.signed_in:  # the real one repeats the request, key and signature and all
                said |= {"success": False, "ret_msg": "error:USVC1111", "request": message}
        elif op == "subscribe" and message["args"] == ["order"] and self.signed_in:
            self.wire.core.order_watchers.append(self.steps.put_nowait)
        elif op == "subscribe":
            said |= {"success": False, "ret_msg": f"error:handler not found,topic:{message['args']}"}
        elif op == "ping":
            said |= {"ret_msg": "pong"}
        await self.socket.send_json(said)

    async def _write(self) -> None:
        while True:
            order = await self.steps.get()
            if not self.wire.silent:
                data = [self.wire.row(order) | {"category": "inverse"}]
                await self.socket.send_json({"topic": "order", "creationTime": self.wire.core.clock_ms(), "data": data})
