"""What does the bot answer over HTTP? Probes and metrics for everybody who reaches the port, status and commands for the token.

A command is accepted when it is in the audit chain: 200 once it is carried out, 202 while it still is (own orders are being
cancelled), 409 if it is refused, 503 if it could not be recorded. Errors are `{"detail": …, "field": …}` with the remedy in the text.
"""

import json
from typing import Annotated, Any, Final

import structlog
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import Response
from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.access import bearer_matches
from bot.api_body import MOST_BYTES, AcceptBody, Body, Confirmed, MustSayWhy, Nothing, OnOff, TargetBody, TooLarge, Why, read_body
from bot.core.events import CommandGiven
from bot.core.model import Target
from bot.face import Bot, iso_utc, plain, plan_json, status_json
from bot.led import Led, Unled
from bot.logs import scrub
from bot.metrics import CONTENT_TYPE
from bot.ports import PortError
from bot.words import Misspoken, ratio_from, shortened, until_ms_from

log = structlog.get_logger(__name__)

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
SIMPLE: Final[dict[str, type[Body]]] = {  # commands that are their own name, and what they must be given
    "pause": Nothing,
    "resume": Nothing,
    "kill": Why,
    "rearm": MustSayWhy,
    "cancel-all": Nothing,
    "flatten": Confirmed,
}


def create_app(led: Led, token: SecretStr) -> FastAPI:
    """The application around the bots of this process; `?account=NAME` says which, where there are several. It has no state of its own."""
    app = FastAPI(title="hedgebot", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Threshold)
    app.add_exception_handler(Misspoken, misspoken)
    app.add_exception_handler(TooLarge, too_large)
    app.add_exception_handler(PortError, not_recorded)
    app.add_exception_handler(AnyHTTPException, http_error)

    def with_token(request: Request) -> None:
        if not bearer_matches(request.headers.get("authorization"), token):
            raise HTTPException(401, "send the header `Authorization: Bearer TOKEN`", {"www-authenticate": 'Bearer realm="hedgebot"'})

    guarded = [Depends(with_token)]

    def asked(account: str | None = None) -> Bot:
        return led.meant(account)

    One = Annotated[Bot, Depends(asked)]  # a type

    @app.get("/metrics")
    async def show_metrics() -> Response:
        return Response(led.scrape(), headers={"content-type": CONTENT_TYPE})

    @app.get("/livez")
    async def livez() -> Response:
        alive = led.alive()
        return answer({"alive": alive.ok, "why": alive.why}, 200 if alive.ok else 503)

    @app.get("/readyz")
    async def readyz() -> Response:
        checks = [{"name": name, "ok": check.ok, "why": scrub(check.why)} for name, check in led.checks()]
        ready = all(check["ok"] for check in checks)
        return answer({"ready": ready, "checks": checks}, 200 if ready else 503)

    @app.get("/api/v1/status", dependencies=guarded)
    async def status(account: str | None = None) -> Response:
        if led.several and account is None:
            return answer({"accounts": [status_json(bot.status()) for bot in led.bots()]})
        return answer(status_json(led.meant(account).status()))

    @app.get("/api/v1/plan", dependencies=guarded)
    async def plan(bot: One) -> Response:
        return answer(plan_json(bot.status()))

    @app.get("/api/v1/targets", dependencies=guarded)
    async def targets(bot: One) -> Response:
        return answer({"targets": [target_json(target) for target in bot.status().targets]})

    async def give(bot: Bot, name: str, **said: Any) -> Response:
        """Hand a word to the bot and answer with what became of it."""
        result = await bot.command(CommandGiven(name=name, by="api", at_ms=bot.health().now_ms, **said))
        log.info("command.given", account=bot.account, command=name, code=result.code, done=result.done, asset=said.get("asset"))
        shown = {
            "accepted": result.accepted,
            "done": result.done,
            "state": result.state.value,
            "code": result.code,
            "message": scrub(result.message),
        }
        if not result.accepted:
            return answer({"detail": shown["message"], "field": None, **shown}, 409)
        return answer(shown, 200 if result.done else 202)

    def simple(name: str, shape: type[Body]) -> None:
        async def command(request: Request, bot: One) -> Response:
            return await give(bot, name, reason=getattr(await read_body(request, shape), "reason", ""))

        app.post(f"/api/v1/{name}", dependencies=guarded, name=name)(command)

    for name, shape in SIMPLE.items():
        simple(name, shape)

    @app.post("/api/v1/dry-run", dependencies=guarded)
    async def dry_run(request: Request, bot: One) -> Response:
        body = await read_body(request, OnOff)
        return await give(bot, "dry-run-on" if body.on else "dry-run-off")

    def known(bot: Bot, asset: str) -> str:
        assets = [leg.asset for leg in bot.rules.legs]
        if asset not in assets:
            raise Unhedged("asset", f"{shortened(asset)} is not hedged by this account (known: {', '.join(assets)})")
        return asset

    @app.post("/api/v1/accept-contract", dependencies=guarded)
    async def accept_contract(request: Request, bot: One) -> Response:
        body = await read_body(request, AcceptBody)
        return await give(bot, "accept-contract", asset=known(bot, body.asset), reason=body.reason)

    @app.post("/api/v1/target", dependencies=guarded)
    async def target_set(request: Request, bot: One) -> Response:
        body = await read_body(request, TargetBody)
        asset = known(bot, body.asset)
        ratio = ratio_from(body.ratio, allow_over_hedge=bot.rules.risk.allow_over_hedge)
        until_ms = None if body.until is None else until_ms_from(body.until, now_ms=bot.health().now_ms)
        return await give(bot, "target-set", asset=asset, ratio=ratio, until_ms=until_ms)

    @app.delete("/api/v1/target/{asset}", dependencies=guarded)
    async def target_clear(asset: str, request: Request, bot: One) -> Response:
        await read_body(request, Nothing)
        return await give(bot, "target-clear", asset=known(bot, asset))

    return app


def target_json(target: Target) -> dict[str, Any]:
    return {
        "asset": target.asset,
        "ratio": plain(target.ratio),
        "source": target.source.value,
        "until": None if target.until_ms is None else iso_utc(target.until_ms),
    }


# ---------------------------------------------------------------------------------------------------------------- answers


def answer(content: dict[str, Any], status_code: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text, status_code, headers, media_type="application/json")


class Unhedged(Misspoken):
    """A command for an asset that this account does not hedge."""


def misspoken(_: Request, error: Exception) -> Response:
    return answer({"detail": str(error), "field": getattr(error, "field", None)}, 404 if isinstance(error, Unhedged | Unled) else 422)


def too_large(_: Request, __: Exception) -> Response:
    return answer({"detail": f"body: more than {MOST_BYTES} bytes", "field": "body"}, 413, {"connection": "close"})


def not_recorded(_: Request, error: Exception) -> Response:
    log.warning("command.not_recorded", error=str(error))
    return answer({"detail": f"nothing happened: {scrub(str(error))}", "field": None}, 503)


def http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return answer({"detail": error.detail, "field": None}, error.status_code, dict(error.headers or {}))


class Threshold:
    """What holds for every answer: the headers, no oversized body, and an unforeseen error that is logged rather than shown."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        request = Request(scope, receive)
        if length.isdecimal() and int(length) > MOST_BYTES:
            await too_large(request, TooLarge())(scope, receive, with_headers)
            return
        try:
            await self.app(scope, receive, with_headers)
        except Exception:
            log.exception("api.failed", method=scope["method"], path=scope["path"])
            if started:
                raise
            await answer({"detail": "the bot could not answer; its log says why", "field": None}, 500)(scope, receive, with_headers)
