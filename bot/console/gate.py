"""Who sees the console, and what may its page load? A session of its own for each browser that showed a token, and a strict policy."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

import structlog
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.access_door import Denied, Door, Grant, TooOften
from bot.access_tokens import hashed
from bot.api_answers import refused

log = structlog.get_logger(__name__)

COOKIE: Final = "hedgebot"
SESSION_SECONDS: Final = 12 * 3600.0
MOST_SESSIONS: Final = 200
STYLE: Final = Path(__file__).with_name("style.css")
API: Final = ("/api/", "/metrics", "/livez", "/readyz")
PARTS: Final = ("/_nicegui/", "/_nicegui_ws/")  # what the page loads, and the socket over which it lives
TAGS: Final = re.compile(rb"<(script|style)(?=[\s>])")
LOGIN_POLICY: Final = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
# eval is what Vue compiles its templates with; style attributes are how the page places what it draws.
PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src-elem 'self' 'nonce-{nonce}'; "
    "style-src-attr 'unsafe-inline'; font-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
LOGIN: Final = """\
<!doctype html>
<html lang="en">
<head>
<title>hedgebot</title>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/console/style.css">
</head>
<body class="door">
<main>
<h1>hedgebot</h1>
<form method="post" action="/login">
<input type="hidden" name="account" value="{account}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Open the console</button>
{said}
</form>
<p class="hint">The bot wrote its own token beside its database; <code>hedgebot token add NAME</code> makes others.</p>
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that showed a token: what it is kept by is the hash of that token, so that a revoked one ends its sessions too."""

    digest: str
    until: float


class Gate:
    """Everything beside the API: the door, the page, and the socket behind it."""

    def __init__(self, app: ASGIApp, door: Door, sessions: "Sessions") -> None:
        self.app, self.door, self.sessions = app, door, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(API):
            await self.app(scope, receive, send)
            return
        path, inside = scope["path"], self.sessions.grant(HTTPConnection(scope)) is not None
        if scope["type"] == "websocket":
            if inside and path.startswith(PARTS) and same_origin(Headers(scope=scope)):
                await self.app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 4401})
            return
        request = Request(scope, receive)
        if path == "/login":
            answer = await self.login(request)
        elif path == "/logout" and request.method == "POST" and same_origin(request.headers):
            self.sessions.close(request)
            answer = RedirectResponse("/login", 303)
            answer.delete_cookie(COOKIE)
        elif path == "/console/style.css" and request.method == "GET":
            answer = Response(STYLE.read_bytes(), media_type="text/css")
        elif path == "/" and not inside:
            answer = RedirectResponse(of_account("/login", request.query_params.get("account", "")), 303)
        elif path == "/":
            await self.page(scope, receive, send)
            return
        elif path.startswith(PARTS) and inside:
            await self.app(scope, receive, send)
            return
        else:
            answer = refused("show a token first, at /login", 401) if path.startswith(PARTS) else refused("Not Found", 404)
        await answer(scope, receive, send)

    async def login(self, request: Request) -> Response:
        if request.method not in ("GET", "POST"):
            return refused("Method Not Allowed", 405)
        if request.method == "GET":
            return login_page("", account=request.query_params.get("account", ""))
        if not same_origin(request.headers):
            return login_page("This form was sent from another site.", 403)
        said = parse_qs((await request.body()).decode("utf-8", "replace"))
        address = request.client.host if request.client is not None else ""
        token, account = (said.get(name, [""])[0].strip() for name in ("token", "account"))
        try:
            grant = self.door.opened(token, address)
        except Denied:
            return login_page("This is none of the bot's tokens.", 401, account)
        except TooOften as error:
            answer = login_page(f"Too many wrong tokens from your address: wait {error.seconds} s.", 429, account)
            answer.headers["retry-after"] = str(error.seconds)
            return answer
        log.info("console.opened", by=grant.name or "the own token", address=address)
        opened = RedirectResponse(of_account("/", account), 303)
        secure = request.url.scheme == "https"
        opened.set_cookie(
            COOKIE, self.sessions.open(hashed(token)), max_age=int(SESSION_SECONDS), httponly=True, samesite="strict", secure=secure
        )
        return opened

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page as its library renders it, with a nonce on each of its own scripts and styles."""
        nonce = secrets.token_urlsafe(16)
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            text = TAGS.sub(rb'<\1 nonce="' + nonce.encode() + b'"', bytes(body))
            headers = MutableHeaders(scope=start)
            headers["content-length"] = str(len(text))
            headers["content-security-policy"] = PAGE_POLICY.format(nonce=nonce)
            await send(start)
            await send({"type": "http.response.body", "body": text})

        plain = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]}
        await self.app(plain, receive, collect)


class Sessions:
    """Random names that browsers hold in a cookie which no script can read. Forgotten when the process ends."""

    def __init__(self, door: Door, now: Callable[[], float] = time.monotonic) -> None:
        self.door, self.now = door, now
        self.known: dict[str, Session] = {}

    def open(self, digest: str) -> str:
        now = self.now()
        self.known = {name: one for name, one in self.known.items() if one.until > now}
        while len(self.known) >= MOST_SESSIONS:
            del self.known[next(iter(self.known))]
        name = secrets.token_urlsafe(32)
        self.known[hashed(name)] = Session(digest, now + SESSION_SECONDS)
        return name

    def grant(self, connection: HTTPConnection) -> Grant | None:
        """Who is it, and is the token behind the session still good?"""
        return self.holder(connection.cookies.get(COOKIE, ""))

    def holder(self, name: str) -> Grant | None:
        session = self.known.get(hashed(name))
        return self.door.grant(session.digest) if session is not None and session.until > self.now() else None

    def close(self, connection: HTTPConnection) -> None:
        self.known.pop(hashed(connection.cookies.get(COOKIE, "")), None)


def same_origin(headers: Headers) -> bool:
    """A browser says from which site it sends; what says nothing is no browser."""
    site = headers.get("sec-fetch-site")
    if site is not None:  # not told over plain HTTP to another machine
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def of_account(path: str, account: str) -> str:
    """The page of the account that was asked for: whoever logs in on the way to one must not command another."""
    return f"{path}?{urlencode({'account': account})}" if account else path


def login_page(said: str, status_code: int = 200, account: str = "") -> Response:
    note = f'<p class="wrong" role="alert">{escape(said)}</p>' if said else ""
    page = LOGIN.replace("{said}", note).replace("{account}", escape(account))
    return HTMLResponse(page, status_code, {"content-security-policy": LOGIN_POLICY, "referrer-policy": "same-origin"})
