"""In what shape does every answer leave? JSON with the remedy in its text, and the headers that hold for all of them."""

import asyncio
import json
from typing import Any, Final

import structlog
from fastapi import Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.access_door import Denied, TooOften
from bot.api_body import MOST_BYTES, TooLarge
from bot.audit.explain import NotOnRecord
from bot.led import Unled
from bot.logs import scrub
from bot.words import Misspoken

log = structlog.get_logger(__name__)

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
SENT: Final = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())


class Unhedged(Misspoken):
    """A command for an asset that this account does not hedge."""


class ReadOnly(Exception):
    """A command by a token that may only read."""


def answer(content: dict[str, Any], status_code: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text, status_code, headers, media_type="application/json")


def refused(detail: str, status_code: int, *, field: str | None = None, headers: dict[str, str] | None = None) -> Response:
    return answer({"detail": detail, "field": field}, status_code, headers)


def misspoken(_: Request, error: Exception) -> Response:
    return refused(str(error), 404 if isinstance(error, Unhedged | Unled) else 422, field=getattr(error, "field", None))


def too_large(_: Request, __: Exception) -> Response:
    return refused(f"body: more than {MOST_BYTES} bytes", 413, field="body", headers={"connection": "close"})


def denied(_: Request, __: Exception) -> Response:
    return refused("send the header `Authorization: Bearer TOKEN`", 401, headers={"www-authenticate": 'Bearer realm="hedgebot"'})


def too_often(_: Request, error: Exception) -> Response:
    assert isinstance(error, TooOften)
    return refused(str(error), 429, headers={"retry-after": str(error.seconds)})


def read_only(_: Request, __: Exception) -> Response:
    return refused("this token may only read: commands need one with the role operate", 403)


def not_on_record(_: Request, error: Exception) -> Response:
    return refused(str(error), 404)


def not_recorded(_: Request, error: Exception) -> Response:
    log.warning("command.not_recorded", error=str(error))
    return refused(f"nothing happened: {scrub(str(error))}", 503)


def http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return refused(error.detail, error.status_code, headers=dict(error.headers or {}))


HANDLERS: Final = {
    Misspoken: misspoken,
    TooLarge: too_large,
    Denied: denied,
    TooOften: too_often,
    ReadOnly: read_only,
    NotOnRecord: not_on_record,
    AnyHTTPException: http_error,
}


class Threshold:
    """What holds for every answer: the headers, no oversized body, and an unforeseen error that is logged rather than shown."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, taken = False, 0

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                await asyncio.sleep(0)  # finding an answer and sending it take about as long: what waits for the loop goes in between
                said = message.get("headers", ())
                names = {name for name, _ in said}  # the console has a policy of its own
                message = {**message, "headers": [*said, *(header for header in SENT if header[0] not in names)]}
            await send(message)

        async def up_to_the_limit() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > MOST_BYTES:
                raise TooLarge
            return message

        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length) > MOST_BYTES:
            await too_large(Request(scope, receive), TooLarge())(scope, receive, with_headers)
            return
        try:
            await self.app(scope, up_to_the_limit, with_headers)
        except TooLarge:
            if started:
                raise
            await too_large(Request(scope, receive), TooLarge())(scope, receive, with_headers)
        except Exception:
            log.exception("api.failed", method=scope["method"], path=scope["path"])
            if started:
                raise
            await refused("the bot could not answer; its log says why", 500)(scope, receive, with_headers)
