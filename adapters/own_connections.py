"""How does each request go over a connection of its own, and not wait for it?"""

import asyncio
import time
from typing import Any, Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

YOUNG_SECONDS: Final = 30.0  # no venue ends a connection so soon because nothing was said on it
COUNTS_SLEEP: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # of the machine: it finds a connection old afterwards
CONNECTED_WITHIN: Final = aiohttp.ClientTimeout(connect=10)


class OwnConnections(aiohttp.TCPConnector):
    """Nothing was sent over a connection before its one request. The next request's can be made while something else is waited for:
    that takes three times as long as the way to the venue and back."""

    def __init__(self, **how: Any) -> None:
        super().__init__(force_close=True, **how)
        self._ready: asyncio.Task[Connection] | None = None
        self._ready_for: aiohttp.ClientRequest | None = None
        self._begun = 0.0

    def make_ready(self, address: str) -> None:
        """Begin with the connection of the next request to this host, unless one is there or begun."""
        if self._ready is not None and (not self._ready.done() or self._good(self._ready)):
            return
        self._forget()
        self._ready_for = aiohttp.ClientRequest("GET", URL(address))
        self._ready = asyncio.ensure_future(super().connect(self._ready_for, [], CONNECTED_WITHIN))
        self._ready.add_done_callback(heard)
        self._begun = time.clock_gettime(COUNTS_SLEEP)

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  (as aiohttp calls it)
    ) -> Connection:
        ready = self._ready
        if ready is not None:
            await asyncio.wait([ready])
            if self._ready is ready and self._good(ready) and self._ready_for and self._ready_for.connection_key == req.connection_key:
                self._ready = None
                return ready.result()
        return await super().connect(req, traces, timeout)

    def _good(self, made: asyncio.Task[Connection]) -> bool:
        if made.cancelled() or made.exception() is not None or time.clock_gettime(COUNTS_SLEEP) - self._begun > YOUNG_SECONDS:
            return False
        protocol = made.result().protocol
        return protocol is not None and protocol.is_connected() and not protocol.should_close

    def _forget(self) -> None:
        ready, self._ready = self._ready, None
        if ready is None or ready.cancel() or ready.cancelled() or ready.exception() is not None:
            return
        ready.result().close()

    def close(self, *, abort_ssl: bool = False) -> Any:
        self._forget()
        return super().close(abort_ssl=abort_ssl)


def heard(made: asyncio.Task[Connection]) -> None:
    """A connection that cannot be made is made again by the request that needs it, and told there."""
    if not made.cancelled():
        made.exception()
