"""What does the bot answer over HTTP? Probes and metrics for everybody who reaches the port, the rest for a token.

A token reads, or reads and commands. A command is accepted when it is in the audit chain: 200 once it is carried out, 202 while it still
is (own orders are being cancelled), 409 if it is refused, 503 if it could not be recorded. Errors are `{"detail": …, "field": …}` with
the remedy in the text.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from bot.access_door import Door, Grant
from bot.api_answers import HANDLERS, ReadOnly, Threshold, Unhedged, answer, not_recorded, refused
from bot.api_body import AcceptBody, Body, Confirmed, MustSayWhy, Nothing, OnOff, TargetBody, Why, read_body
from bot.api_docs import PLAN, a_list, an_object, body_of, commanded, described, openapi
from bot.api_record import PREFIX, Account, record_routes
from bot.core.events import CommandGiven
from bot.core.model import Target
from bot.face import Bot, bag_json, hedges_json, iso_utc, plain, plan_json, status_json
from bot.led import Led
from bot.logs import scrub
from bot.metrics import CONTENT_TYPE
from bot.ports import PortError
from bot.words import carried_along, ratio_from, shortened, until_ms_from

log = structlog.get_logger(__name__)

SIMPLE: Final[dict[str, type[Body]]] = {  # commands that are their own name, and what they must be given
    "pause": Nothing,
    "resume": Nothing,
    "kill": Why,
    "rearm": MustSayWhy,
    "cancel-all": Nothing,
    "flatten": Confirmed,
}


def create_app(led: Led, door: Door) -> FastAPI:
    """The application around the bots of this process; `?account=NAME` says which, where there are several. It has no state of its own."""
    app = FastAPI(title="hedgebot", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Threshold)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_exception_handler(PortError, not_recorded)
    app.add_exception_handler(RequestValidationError, wrong_parameter)

    async def with_token(request: Request) -> Grant:  # async, like all that requests depend on: else each is run in a thread
        address = request.client.host if request.client is not None else ""
        return door.bearer(request.headers.get("authorization"), address)

    async def may_operate(grant: Annotated[Grant, Depends(with_token)]) -> Grant:
        if not grant.operates:
            raise ReadOnly
        return grant

    open_to_all(app, led)
    for routes in (to_read(led, with_token), record_routes(led, with_token), to_command(led, may_operate)):
        app.router.routes.extend(routes.routes)  # as they are: an included router is looked through a second time for each request

    @app.get(f"{PREFIX}/openapi.json", dependencies=[Depends(with_token)], include_in_schema=False)
    async def description() -> Response:
        return answer(openapi(app))

    return app


def open_to_all(app: FastAPI, led: Led) -> None:
    """What needs no token: it tells nothing about money."""

    @app.get("/metrics", include_in_schema=False)
    async def show_metrics() -> Response:
        return Response(await led.scrape(), headers={"content-type": CONTENT_TYPE})

    @app.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        alive = led.alive()
        return answer({"alive": alive.ok, "why": alive.why}, 200 if alive.ok else 503)

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        checks = [{"name": name, "ok": check.ok, "why": scrub(check.why)} for name, check in led.checks()]
        ready = all(check["ok"] for check in checks)
        return answer({"ready": ready, "checks": checks}, 200 if ready else 503)


def bot_of(led: Led) -> Callable[[str | None], Awaitable[Bot]]:
    async def asked(account: Account = None) -> Bot:
        return led.meant(account)

    return asked


def to_read(led: Led, with_token: Callable[..., Awaitable[Grant]]) -> APIRouter:
    """What the bot knows now."""
    routes = APIRouter(prefix=PREFIX, dependencies=[Depends(with_token)])
    One = Annotated[Bot, Depends(bot_of(led))]  # a type

    @routes.get("/status", responses=described())
    async def status(account: Account = None) -> Response:
        if led.several and account is None:
            unled = [{"account": account, "why": scrub(why)} for account, why in led.unled()]
            return answer({"accounts": [status_json(bot.status()) for bot in led.bots()], "unled": unled})
        return answer(status_json(led.meant(account).status()))

    @routes.get("/plan", responses=described(PLAN))
    async def plan(bot: One) -> Response:
        return answer(plan_json(bot.status()))

    @routes.get("/bag", responses=described(an_object(bag=a_list({"type": "object"}))))
    async def bag(bot: One) -> Response:
        """The coins of each asset, outside and in the account, and what they are worth."""
        return answer(bag_json(bot.status()))

    @routes.get("/hedges", responses=described(an_object(hedges=a_list({"type": "object"}))))
    async def hedges(bot: One) -> Response:
        """What each asset's hedge should be, and is."""
        return answer(hedges_json(bot.rules, bot.status()))

    @routes.get("/targets", responses=described(an_object(targets=a_list({"type": "object"}))))
    async def targets(bot: One) -> Response:
        return answer({"targets": [target_json(target) for target in bot.status().targets]})

    return routes


def to_command(led: Led, may_operate: Callable[..., Awaitable[Grant]]) -> APIRouter:
    """An operator's words."""
    routes = APIRouter(prefix=PREFIX)
    One = Annotated[Bot, Depends(bot_of(led))]  # types
    Operator = Annotated[Grant, Depends(may_operate)]

    async def give(bot: Bot, grant: Grant, name: str, **said: Any) -> Response:
        """Hand a word to the bot and answer with what became of it."""
        by = f"api {grant.name}".rstrip()
        result = await bot.command(CommandGiven(name=name, by=by, at_ms=bot.health().now_ms, **said))
        log.info("command.given", account=bot.account, command=name, by=by, code=result.code, done=result.done, asset=said.get("asset"))
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
        async def command(request: Request, grant: Operator, bot: One) -> Response:
            return await give(bot, grant, name, reason=getattr(await read_body(request, shape), "reason", ""))

        routes.post(f"/{name}", name=name, responses=commanded(), openapi_extra=body_of(shape))(command)

    for name, shape in SIMPLE.items():
        simple(name, shape)

    @routes.post("/dry-run", responses=commanded(), openapi_extra=body_of(OnOff))
    async def dry_run(request: Request, grant: Operator, bot: One) -> Response:
        body = await read_body(request, OnOff)
        return await give(bot, grant, "dry-run-on" if body.on else "dry-run-off")

    def known(asset: str, assets: Sequence[str]) -> str:
        if asset not in assets:
            raise Unhedged("asset", f"{shortened(asset)} is not hedged by this account (known: {', '.join(assets)})")
        return asset

    @routes.post("/accept-contract", responses=commanded(), openapi_extra=body_of(AcceptBody))
    async def accept_contract(request: Request, grant: Operator, bot: One) -> Response:
        body = await read_body(request, AcceptBody)
        for cross in bot.rules.crosses:
            if cross.asset == body.asset:
                raise Unhedged("asset", carried_along(cross.asset, cross.hedge))
        return await give(bot, grant, "accept-contract", asset=known(body.asset, [leg.asset for leg in bot.rules.legs]), reason=body.reason)

    @routes.post("/target", responses=commanded(), openapi_extra=body_of(TargetBody))
    async def target_set(request: Request, grant: Operator, bot: One) -> Response:
        body = await read_body(request, TargetBody)
        asset = known(body.asset, bot.rules.assets)
        ratio = ratio_from(body.ratio, allow_over_hedge=bot.rules.risk.allow_over_hedge)
        until_ms = None if body.until is None else until_ms_from(body.until, now_ms=bot.health().now_ms)
        return await give(bot, grant, "target-set", asset=asset, ratio=ratio, until_ms=until_ms)

    @routes.delete("/target/{asset}", responses=commanded())
    async def target_clear(asset: str, request: Request, grant: Operator, bot: One) -> Response:
        await read_body(request, Nothing)
        given = {target.asset for target in bot.status().targets}  # also of an asset that left the configuration: it would hold again there
        return await give(bot, grant, "target-clear", asset=asset if asset in given else known(asset, bot.rules.assets))

    return routes


def wrong_parameter(_: Request, error: Exception) -> Response:
    """A parameter in path or query that cannot be meant."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return refused(f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}", 422, field=name)


def target_json(target: Target) -> dict[str, Any]:
    return {
        "asset": target.asset,
        "ratio": plain(target.ratio),
        "source": target.source.value,
        "until": None if target.until_ms is None else iso_utc(target.until_ms),
    }
