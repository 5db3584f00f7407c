"""Over which connections does a request go, and which request is on its way?"""

import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from adapters.request_budget import Errand
from bot.core.decision import Approved, Transfer
from bot.ports import NotSent

GOODBYE_SECONDS: Final = 1.0  # how long a websocket that is closed may take to say so


@dataclass(slots=True)
class Sending:
    """One request on its way: what it is for, and what became of it."""

    errand: Errand
    order: Approved | Transfer | None = None
    signed: bool = False
    status: int | None = None
    body: str = ""
    silence_ms: int | None = None  # for how long the venue asked us to be silent


IN_FLIGHT: ContextVar[Sending] = ContextVar("hedgebot_request")


class Sessions:
    """What ccxt takes for its aiohttp session: no redirect is followed, and nothing that changes something is sent a second time.

    aiohttp repeats a GET, PUT or DELETE whose connection ends without an answer, on a fresh connection too. Where orders are GETs that
    would be a second order. So all but reads go through a session with that switched off, and such orders each over a connection of
    their own (own_connections.py), so that a connection the venue has meanwhile closed does not leave them in doubt.
    """

    headers: Final[dict[str, str]] = {}  # ccxt reads them and adds its own

    def __init__(self, orders_are_gets: bool, last_look: Callable[[], None]) -> None:
        """`last_look` is asked before the first byte of whatever changes something; it may raise NotSent."""
        self._orders_are_gets = orders_are_gets
        self._last_look = last_look
        self._reads: Any = None
        self._writes: Any = None
        self._streams: Any = None

    def _session(self) -> Any:
        sending = IN_FLIGHT.get(None)
        return self._reading() if sending is None or sending.errand is Errand.READ else self._writing()

    def _reading(self) -> Any:
        import aiohttp

        if self._reads is None:
            self._reads = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls(), limit=32))
        return self._reads

    def _writing(self) -> Any:
        import aiohttp

        from adapters.own_connections import OwnConnections

        if self._writes is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(self._before_the_first_byte)  # aiohttp calls it so, and writes them afterwards
            connector = (OwnConnections if self._orders_are_gets else aiohttp.TCPConnector)(ssl=tls())
            self._writes = aiohttp.ClientSession(connector=connector, trace_configs=[trace])
            self._writes._retry_connection = False  # not public, and without a public twin; tests/venues holds what it does
        return self._writes

    def make_ready(self, address: str) -> None:
        """An order may follow, over a connection of its own: make that now."""
        if self._orders_are_gets:
            self._writing().connector.make_ready(address)

    async def _before_the_first_byte(self, *_: object) -> None:
        self._last_look()

    def get(self, url: Any, **more: Any) -> Any:
        return self._session().get(url, allow_redirects=False, **more)

    def post(self, url: Any, **more: Any) -> Any:
        return self._session().post(url, allow_redirects=False, **more)

    def put(self, url: Any, **more: Any) -> Any:
        return self._session().put(url, allow_redirects=False, **more)

    def delete(self, url: Any, **more: Any) -> Any:
        return self._session().delete(url, allow_redirects=False, **more)

    def ws_connect(self, url: str, **more: Any) -> Any:
        import aiohttp

        if self._streams is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_redirect.append(refuse_redirect)
            self._streams = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls()), trace_configs=[trace])
        plain = {**more, "compress": 0}  # a packer takes 200 kB, and ccxt's connections linger until the garbage is collected
        return self._streams.ws_connect(url, timeout=aiohttp.ClientWSTimeout(ws_close=GOODBYE_SECONDS), **plain)

    async def close_streams(self) -> None:
        """Websockets with everything that was about to become one."""
        session, self._streams = self._streams, None
        if session is not None:
            await session.close()

    async def close(self) -> None:
        await self.close_streams()
        for session in (self._reads, self._writes):
            if session is not None:
                await session.close()


async def refuse_redirect(*_: object) -> None:
    raise NotSent("a websocket was redirected elsewhere: it was not followed")


@cache
def tls() -> ssl.SSLContext:
    """Built once: reading the certificates takes longer than a request."""
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def never_connected(error: Exception | None) -> bool:
    """Is it certain that no byte was sent? Only where the connection itself could not be made."""
    import aiohttp

    cause = error.__cause__ if error is not None else None
    return isinstance(cause, (aiohttp.ClientConnectorError, socket.gaierror))
