"""How does the console join the API? Its library is loaded only where the configuration asks for it."""

import os

from fastapi import FastAPI
from starlette.middleware import Middleware

from bot.access_door import Door
from bot.console.gate import Gate, Sessions
from bot.led import Led
from bot.ports import Misconfigured


def with_console(app: FastAPI, led: Led, door: Door) -> None:
    """Put the console at / of the application. Raise Misconfigured where the `console` extra is not installed."""
    os.environ.setdefault("MATPLOTLIB", "false")  # an optional part of the library that nothing here draws with
    try:
        from nicegui import ui  # noqa: PLC0415 (a second, and an extra)
    except ModuleNotFoundError:
        raise Misconfigured("api.console is true, and the console needs one more package: pip install 'hedgebot[console]'") from None
    from bot.console.page import build  # noqa: PLC0415

    sessions = Sessions(door)
    app.user_middleware.append(Middleware(Gate, door=door, sessions=sessions))  # inside what holds for every answer
    build(led, sessions)
    ui.run_with(
        app,
        title="hedgebot",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        gzip_middleware_factory=None,
        reconnect_timeout=10.0,
        message_history_length=100,
    )
