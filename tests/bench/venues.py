"""How long does a cycle take at a venue whose every answer takes 20 ms, and how soon after a move is the order there?"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from adapters.exchanges import ccxt_open
from adapters.exchanges.ccxt_exchange import CcxtExchange
from adapters.request_budget import Allowance
from bot.core.model import Ask
from bot.engine import Engine
from bot.event_loop import carried
from bot.running import Until, run
from bot.settings import Settings, load
from bot.wiring.start import Wired, wired
from tests.bench.figure import figure
from tests.bench.venue_process import BTC, ENVIRONMENT, SECRETS, Elsewhere, venue_process

DELAY_MS: Final = 20
WARM_UP: Final = 10
COUNTED: Final = 100
ALONE: Final = 20
MOVES: Final = 12
NAMES: Final = (*(f"cycle over the slowest call, {venue}" for venue in ENVIRONMENT), "order after a move, over one round of reads")
CONFIG: Final = """\
version: 1
mode: live
cycle_seconds: 600
venue: {{name: {venue}, environment: {environment}, base_url: "{url}", streams: {streams}}}
bag: {{BTC: {{coins: 1}}}}
hedges: {{BTC: {{ratio: 0.5, basis: value}}}}
band: {{cooldown_seconds: 0.1}}
execution: {{max_order_usd: 900000}}
risk: {{max_leverage: 3, hard_leverage: 4, max_turnover_usd_per_day: 100000000000, max_orders_per_minute: 10000}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
"""


def settings(folder: Path, there: Elsewhere, *, streams: bool) -> Settings:
    config = folder / "hedge.yaml"
    words = {"venue": there.venue, "environment": ENVIRONMENT[there.venue], "url": there.base_url, "folder": folder}
    config.write_text(CONFIG.format(**words, streams=str(streams).lower()), "utf-8")
    return load(config, SECRETS, {})


@contextmanager
def unhurried(venue: str) -> Iterator[None]:
    """A wide request budget: a hundred cycles in a row would wait for it, and that wait is not what is measured."""
    known = ccxt_open.VENUES[venue]
    ccxt_open.VENUES[venue] = replace(known, allowance=Allowance(burst=10**6, per_second=10**5))
    try:
        yield
    finally:
        ccxt_open.VENUES[venue] = known


@asynccontextmanager
async def bot_at(folder: Path, there: Elsewhere, *, streams: bool = False) -> AsyncIterator[Wired]:
    """A live bot at a venue whose reads cannot lag."""
    with unhurried(there.venue):
        async with wired(settings(folder, there, streams=streams), live_flag=True, absence=(0, 1)) as bot:
            yield bot


async def timed(turn: Any, count: int) -> list[float]:
    """Milliseconds of each."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        await turn()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def exchange_of(engine: Engine) -> CcxtExchange:
    assert isinstance(engine.parts.exchange, CcxtExchange)
    return engine.parts.exchange


async def slowest_alone(exchange: CcxtExchange) -> float:
    """The slowest of the reads of a round, each asked alone."""
    venue, listed, now_ms = exchange.venue, exchange.listed(BTC), time.time_ns() // 1_000_000
    calls = [*venue.quote(listed), *venue.position(listed), *venue.margin(listed), venue.open_orders(listed, None)]
    calls += [venue.fills(listed, now_ms - 60_000, now_ms, None), *venue.payments(listed, now_ms - 60_000, now_ms, None)]
    return max(
        [median(await timed(lambda asked=asked: exchange.line.ask(asked), ALONE)) for asked in dict.fromkeys(calls) if not asked.optional]
    )


async def cycles(folder: Path, there: Elsewhere) -> tuple[list[float], float]:
    """Milliseconds of whole turns, each of them on record; and of the slowest call alone."""
    async with bot_at(folder, there) as bot:
        engine = bot.engine
        engine.parts = replace(engine.parts, record_every_ms=0)
        await timed(engine.turn, WARM_UP)
        alone = await slowest_alone(exchange_of(engine))
        return await timed(engine.turn, COUNTED), alone


async def reactions(folder: Path, there: Elsewhere) -> tuple[list[float], float]:
    """Milliseconds from a move at the venue to the order's arrival there; and of one round of reads."""
    async with bot_at(folder, there, streams=True) as bot:
        engine, stop = bot.engine, asyncio.Event()
        living = asyncio.create_task(run(engine, bot.run_id, stop, Until()))
        try:
            told = json.loads(await asyncio.to_thread(there.line))
            now_ms = engine.parts.clock.now_ms()
            asks = [Ask(BTC, now_ms - 60_000, now_ms - 60_000)]
            rounds = await timed(lambda: engine.parts.exchange.look(asks), ALONE)
        finally:
            stop.set()
            await living
        return told, median(rounds)


def figures() -> Iterator[dict[str, Any]]:
    for venue in ENVIRONMENT:
        with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder, venue_process(venue, delay_ms=DELAY_MS) as there:
            taken, alone = carried(cycles(Path(folder), there))
        how = (
            f"{COUNTED} live turns, each on record (SQLite, synchronous=FULL), venue in another process, {DELAY_MS} ms added to "
            f"each answer: median {median(taken):.1f} ms, p95 {quantiles(taken, n=20)[-1]:.1f} ms, slowest read alone {alone:.1f} ms; "
            "wide request budget"
        )
        name, over = f"cycle over the slowest call, {venue}", ("the slowest call alone", median(taken) / alone)
        yield figure(name, round(median(taken) - alone, 1), "ms", "<= 15", how, over=over)
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder, venue_process("bybit", delay_ms=DELAY_MS, moves=MOVES) as there:
        taken, read = carried(reactions(Path(folder), there))
    how = (
        f"{MOVES} moves on Bybit's stream, until the order's first byte is at the venue: median {median(taken):.1f} ms, "
        f"slowest {max(taken):.1f} ms; one round of reads takes {read:.1f} ms"
    )
    yield figure(NAMES[-1], round(median(taken) - read, 1), "ms", "<= 15", how, over=("one round of reads", median(taken) / read))
