"""How does a venue answer on the loopback? One HTTP server that logs every request, spends the faults and asks the venue's wire."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.venue_server.core import Core
from tests.venue_server.faults import Fault, Faults
from tests.venue_server.wire import Answer, Call, Rights, Route, Stream, Wire

HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
NOT_OF_THE_QUESTION = ("timestamp", "signature", "recvWindow")


@dataclass(slots=True)
class Logged:
    """One request as it arrived. `status` is what went back; 0 if the connection was ended instead."""

    endpoint: str
    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]
    at_mono: float
    status: int = -1
    fault: str = ""


@dataclass(slots=True)
class VenueServer:
    venue: str
    wire: Wire
    base_url: str = ""
    delay_ms: float = 0
    log: list[Logged] = field(default_factory=list)
    _meanwhile: list[tuple[str, Callable[[Core], object]]] = field(default_factory=list)
    _streams: list[Stream] = field(default_factory=list)
    _before: dict[tuple[str, str, str], Answer] = field(default_factory=dict)
    _routes: dict[tuple[str, str], Route] = field(default_factory=dict)

    @property
    def core(self) -> Core:
        return self.wire.core

    @property
    def faults(self) -> Faults:
        return self.wire.faults

    @property
    def rights(self) -> Rights:
        return self.wire.rights

    @property
    def changes(self) -> list[Logged]:
        """The requests that ask the venue to do something: none of these may come from a dry run."""
        return [row for row in self.log if not row.endpoint.startswith(("read", "public", "stream", "unknown"))]

    def asked(self, endpoint: str) -> list[Logged]:
        return [row for row in self.log if row.endpoint == endpoint]

    def drop_streams(self) -> None:
        """End every websocket without a goodbye."""
        for stream in self._streams:
            if not stream.socket.closed and (transport := stream.socket.get_extra_info("socket")) is not None:
                transport.shutdown(socket.SHUT_RDWR)
        self._streams.clear()

    def meanwhile(self, endpoint: str, act: Callable[[Core], object]) -> None:
        """Let something happen at the venue just before it takes the next request of this class."""
        self._meanwhile.append((endpoint, act))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        arrived = time.monotonic()
        query = request.raw_path.partition("?")[2]  # as it was signed, still encoded
        call = Call(request.method, request.path, query, await request.text(), request.headers, {})
        route = self._routes.get((call.method, call.path))
        if (stream := self.wire.stream(call.path)) is not None:
            self.log.append(Logged("stream", call.method, call.path, call.query, "", dict(call.headers), arrived, 101))
            self._streams.append(stream)
            return await stream.serve(request)
        if route is None:
            self.log.append(Logged("unknown", call.method, call.path, call.query, call.body, dict(call.headers), arrived, 404))
            return web.Response(status=404, text=HTML.format("404 Not Found"), content_type="text/html")
        row = Logged(route.endpoint, call.method, call.path, call.query, call.body, dict(call.headers), arrived)
        self.log.append(row)
        fault = self.faults.take(route.endpoint)
        row.fault = fault.kind if fault else ""
        late = fault.delay_ms / 1000 if fault is not None and fault.kind == "delay" else 0
        if fault is not None and not fault.carried_out:
            await asyncio.sleep(late)  # on its way: the venue takes it when the client may have given up
            late = 0
        answer = self.ask(call, route, fault)
        await asyncio.sleep(late)
        if self.delay_ms:
            await asyncio.sleep(max(0.0, self.delay_ms / 1000 - (time.monotonic() - arrived)))
        if answer is None:
            row.status = 0
            return hang_up(request, reset=fault is not None and fault.kind == "reset")
        row.status = answer.status
        kind = "text/html" if answer.text.startswith("<") else "application/json"
        return web.Response(status=answer.status, text=answer.text, content_type=kind, headers=answer.headers)

    def ask(self, call: Call, route: Route, fault: Fault | None) -> Answer | None:
        """The wire's answer, bent by the fault; None if the connection ends without one."""
        if fault is None:
            return self._remember(call, route)
        if fault.kind == "stale":
            return self._before.get(self._question(call)) or self._remember(call, route)
        true = self._remember(call, route) if fault.carried_out else None
        if fault.kind in ("delay", "twice"):
            return true if fault.kind == "delay" and true is not None else self._remember(call, route)
        if fault.kind == "error":
            return self.wire.error(fault.code, fault.text, call)
        if fault.kind == "maintenance":
            return self.wire.maintenance()
        if fault.kind == "status":
            after = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
            if 300 <= fault.status < 400:
                after["Location"] = f"{call.path}?{call.query}"
            return Answer(fault.text or HTML.format(f"{fault.status} Refused"), fault.status, after)
        if fault.kind == "truncate" and true is not None:
            return Answer(true.text[: len(true.text) // 2], true.status)
        pages = {"html": HTML.format("Just a moment"), "empty": "", "null": "null", "braces": "{}"}
        return Answer(pages[fault.kind]) if fault.kind in pages else None

    def _remember(self, call: Call, route: Route) -> Answer:
        self.wire.read(call)
        for entry in [entry for entry in self._meanwhile if entry[0] == route.endpoint][:1]:
            self._meanwhile.remove(entry)
            entry[1](self.core)
        answer = self.wire.answer(call, route)
        if route.endpoint.startswith(("read", "public")):
            self._before[self._question(call)] = answer
        return answer

    @staticmethod
    def _question(call: Call) -> tuple[str, str, str]:
        words = sorted(w for w in call.query.split("&") if not w.startswith(NOT_OF_THE_QUESTION))
        return call.method, call.path, "&".join(words)


def hang_up(request: web.Request, *, reset: bool) -> web.StreamResponse:
    """End the connection without an answer: FIN, or RST."""
    transport = request.transport
    if transport is not None:
        if reset:
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


@asynccontextmanager
async def serve(
    venue: str, *, environment: str = "testnet", markets: int = 0, delay_ms: float = 0, **core: Any
) -> AsyncIterator[VenueServer]:
    """A venue on a port of its own. `core` sets fields of the matching core (maker_fee, default_leverage, now_ms …)."""
    from tests.venue_server.venues import WIRES

    wire = WIRES[venue](environment, markets)
    for name, value in core.items():
        if not hasattr(wire.core, name):
            raise TypeError(f"the matching core has no {name!r}")
        setattr(wire.core, name, value)
    server = VenueServer(venue, wire, delay_ms=delay_ms, _routes=wire.routes())
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
