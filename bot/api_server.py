"""How does the API get its port? Bound before the bot trades, served inside its loop, closed with it."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI

from bot.face import CannotListen

log = structlog.get_logger(__name__)

GRACE_SECONDS: Final = 2
MOST_CONNECTIONS: Final = 100
MOST_WS_BYTES: Final = 1024 * 1024
REMEDIES: Final = {
    errno.EADDRINUSE: "is taken: stop what listens there, or set api.port",
    errno.EACCES: "is not allowed to this user: set api.port to 1024 or above",
    errno.EADDRNOTAVAIL: "is no address of this machine: set api.host",
}


class QuietServer(uvicorn.Server):
    """Uvicorn inside somebody else's loop: the bot answers SIGTERM and SIGINT itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Serving:
    """A running API. `stop` ends it; `port` is the one that was got, also where 0 was asked for."""

    def __init__(self, server: QuietServer, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self._server = server
        self._task = asyncio.create_task(server.serve(sockets=[listener]), name="api")
        self._task.add_done_callback(ended)

    async def stop(self) -> None:
        """Take no more requests, let those in flight end within GRACE_SECONDS, close. May be called again."""
        self._server.should_exit = True
        await asyncio.wait([self._task])


async def serve(app: FastAPI, host: str, port: int, *, console: bool = False) -> Serving:
    """Listen on `host:port` and answer from now on; the console lives over a socket. Raise CannotListen before anything else happens."""
    listener = await bound(host, port)
    config = uvicorn.Config(
        app,
        loop="none",
        http="h11",
        ws="websockets-sansio" if console else "none",
        ws_max_size=MOST_WS_BYTES,
        lifespan="on" if console else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    serving = Serving(QuietServer(config), listener)
    log.info("api.listening", host=host, port=serving.port)
    return serving


async def bound(host: str, port: int) -> socket.socket:
    """A listening socket: the port is ours from here on."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listener = socket.create_server((str(address[0]), port), family=family)
    except (OSError, UnicodeError) as error:
        remedy = REMEDIES.get(getattr(error, "errno", None) or 0, f"cannot be had ({error}): set api.host and api.port")
        raise CannotListen(f"port {port} on {host} {remedy}; nothing was traded") from error
    listener.setblocking(False)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited; else an answer's second part waits 40 ms for a receipt
    return listener


def ended(task: "asyncio.Task[None]") -> None:
    """The end of the server, which is worth a line when nobody asked for it."""
    if not task.cancelled() and task.exception() is not None:
        log.error("api.stopped", exc_info=task.exception())
