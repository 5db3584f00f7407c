"""How much later is an order at the venue because a bot sends it, and not a line of ccxt? One durable commit lies in between."""

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from adapters.request_budget import Errand
from bot import logs
from bot.core.memory import State
from bot.engine import Engine, Thought
from bot.event_loop import carried
from bot.running import settle
from tests.bench.figure import figure
from tests.bench.venue_process import BTC, ENVIRONMENT, TAKEN_S, venue_process
from tests.bench.venues import bot_at, exchange_of
from tests.venue_server.plain_client import amount_of, identity, plain_client

ORDERS: Final = {"bybit": 1_000}  # where the slowest of a hundred is asked for too
FEWER: Final = 200
RATIOS: Final = (Decimal("0.5"), Decimal("0.4"))
NAMES: Final = tuple(
    f"order over bare ccxt, {part}, {venue}"
    for venue in ENVIRONMENT
    for part in (("p50", "p99") if ORDERS.get(venue, FEWER) >= 1_000 else ("p50",))
)
PRICE: Final = 60_010  # rests


@dataclass(slots=True)
class Stopwatch:
    """When it was decided, and when the venue's answer to the order was here."""

    decided: float = 0.0
    answered: list[float] = field(default_factory=list)  # seconds after it was decided

    def put_into(self, engine: Engine) -> None:
        engine.thought = self.deciding(engine.thought)  # type: ignore[method-assign]
        client = exchange_of(engine).client
        client.call = self.asking(client.call)  # type: ignore[method-assign]

    def deciding(self, think: Callable[..., Awaitable[Thought]]) -> Callable[..., Awaitable[Thought]]:
        async def thought(*said: Any) -> Thought:
            found = await think(*said)
            self.decided = time.perf_counter()
            return found

        return thought

    def asking(self, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def asked(method: str, params: Any, errand: Errand = Errand.READ, *rest: Any, **more: Any) -> object:
            answer = await call(method, params, errand, *rest, **more)
            if errand is Errand.PLACE:
                self.answered.append(time.perf_counter() - self.decided)
            return answer

        return asked


async def measure(folder: Path, venue: str, count: int) -> tuple[list[float], list[float]]:
    """Seconds from a decision to the venue's answer, and of ccxt's own `create_order`; in turn, at two servers of the same kind."""
    alone: list[float] = []
    with venue_process(venue, delay_ms=0, takes=True) as there, venue_process(venue, delay_ms=0, takes=True) as beside:
        async with plain_client(beside) as bare, bot_at(folder, there) as bot:  # type: ignore[arg-type]
            await bare.load_markets()
            engine, watch = bot.engine, Stopwatch()
            watch.put_into(engine)
            await engine.turn()  # the first look never trades
            settle()
            while len(watch.answered) < count:
                (leg,) = engine.rules.legs
                engine.rules = replace(engine.rules, legs=(replace(leg, ratio=RATIOS[len(alone) % 2]),))
                await engine.turn()
                await asyncio.sleep(2 * TAKEN_S)
                await engine.turn()  # sees it filled
                engine.remember(minutes_later(engine.state))
                alone.append(await create(bare, venue, f"alone{len(alone)}"))
                await asyncio.sleep(2 * TAKEN_S)
    return watch.answered[-count:], alone[-count:]


def minutes_later(state: State) -> State:
    """As if the last order and its trades were minutes ago. A bot sends at most twenty a minute, and sees no more of them at a look; here
    it would soon be seven hundred, whose trades are part of each decision's record."""
    legs = tuple(replace(leg, charged_at_ms=leg.fills_cursor_ms + 1, recent_fills=()) for leg in state.legs)
    return replace(state, legs=legs, order_times_ms=())


async def create(client: Any, venue: str, client_id: str) -> float:
    words = {"postOnly": True, **identity(venue, client_id)}
    amount = amount_of(venue, 1_000, BTC)
    began = time.perf_counter()
    await client.create_order(BTC, "limit", "sell", amount, PRICE, words)
    return time.perf_counter() - began


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 2)


def figures() -> Iterator[dict[str, Any]]:
    for venue in ENVIRONMENT:
        count = ORDERS.get(venue, FEWER)
        with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder, redirect_stderr(io.StringIO()):
            logs.configure(json=True)  # the bot tells its log what it does, as it would in a container
            through, alone = carried(measure(Path(folder), venue, count))
        p50 = median(through), median(alone)
        how = (
            f"{count} orders, each from its decision to the venue's answer, with decision and intent committed (SQLite, WAL, "
            f"synchronous=FULL) before it is sent; in turn with create_order of bare ccxt at a server of the same kind, both in "
            f"processes of their own: median {milliseconds(p50[0])} ms over {milliseconds(p50[1])} ms"
        )
        over = "create_order of bare ccxt"
        name = f"order over bare ccxt, p50, {venue}"
        yield figure(name, milliseconds(p50[0] - p50[1]), "ms", "<= 1", how, over=(over, p50[0] / p50[1]))
        if count >= 1_000:
            p99 = quantiles(through, n=100)[98], quantiles(alone, n=100)[98]
            how = f"of the same orders: {milliseconds(p99[0])} ms over {milliseconds(p99[1])} ms"
            name = f"order over bare ccxt, p99, {venue}"
            yield figure(name, milliseconds(p99[0] - p99[1]), "ms", "<= 2", how, over=(over, p99[0] / p99[1]))
