"""How many whole turns are there in a second, and does memory stay where it is?"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_feed import SyntheticFeed
from bot.audit.store import Store
from bot.engine import Engine
from bot.gate import SignGate
from bot.metrics import Metrics
from bot.settings import load
from bot.wiring.past import NoKillSwitch
from bot.wiring.start import started
from tests.bench.figure import figure

WARM_UP: Final = 5_000
COUNTED: Final = 10_000
LONG: Final = 30_000
CYCLE_MS: Final = 5_000
MEGABYTE: Final = 1 << 20
NAMES: Final = ("paper cycles", "memory growth")
PRICES: Final = {"BTC": 60_000, "ETH": 3_000, "SOL": 150}


@asynccontextmanager
async def paper_bot(
    folder: Path, assets: Sequence[str] = ("BTC",), account: str = "main", clock: VirtualClock | None = None
) -> AsyncIterator[tuple[Engine, VirtualClock, Store]]:
    """A live, armed bot: synthetic prices, an order book, an audit file and a venue file, as in `hedgebot run` but for the clock."""
    settings = load(None, {}, said_of(assets))
    clock = clock or VirtualClock(1_700_000_000_000)
    gate = SignGate(clock, NoKillSwitch())
    venue = PaperExchange(
        clock,
        f"sqlite:///{folder / f'paper-{account}.db'}",
        settings.paper.price,
        settings.paper.collateral,
        feed=SyntheticFeed,
        matching="book",
        synchronous="OFF",
        gate=gate,
    )
    file = f"sqlite:///{folder / f'audit-{account}.db'}"
    store = Store.open(file, account=account, venue="paper", environment=None, synchronous="OFF")
    metrics = Metrics(account, "paper", tuple(assets))
    try:
        yield await started(store, venue, None, settings, clock, gate, live_flag=True, metrics=metrics), clock, store
    finally:
        store.close()
        await venue.close()


def said_of(assets: Sequence[str]) -> dict[str, str]:
    """The configuration of a bag of these, each hedged in full."""
    said = {"mode": "live", "risk.max_position_usd": "100000000", "risk.max_turnover_usd_per_day": "1000000000"}
    said["risk.max_orders_per_minute"] = "10000"
    for asset in assets:
        said |= {f"bag.{asset}.coins": "2", f"hedges.{asset}.ratio": "1.0", f"paper.collateral.{asset}": "3"}
        said |= {f"paper.price.{asset}": str(PRICES.get(asset, 100))}
    return said


async def turns(engine: Engine, clock: VirtualClock, count: int) -> float:
    """Seconds of wall time for `count` turns."""
    began = time.perf_counter()
    for _ in range(count):
        await engine.turn()
        clock.advance_to(clock.now_ms() + CYCLE_MS)
    return time.perf_counter() - began


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def measure(folder: Path) -> tuple[float, float, int, Decimal | None]:
    """Turns a second, growth in MB for 10,000 turns, entries on record, the ratio held in the end."""
    async with paper_bot(folder) as (engine, clock, store):
        await turns(engine, clock, WARM_UP)
        seconds = await turns(engine, clock, COUNTED)
        before = resident_bytes()
        await turns(engine, clock, LONG)
        grown = (resident_bytes() - before) / MEGABYTE / LONG * 10_000
        ratio = engine.decision.legs[0].ratio_actual if engine.decision is not None else None
        return COUNTED / seconds, grown, store.head().seq, ratio


def figures() -> list[dict[str, Any]]:
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        rate, grown, entries, ratio = asyncio.run(measure(Path(folder)))
    how = f"live paper bot, 1 leg, synthetic feed, book matching, metrics, virtual time; audit and venue in SQLite files, synchronous=OFF; \
{entries} entries on record, ratio held {ratio:.4f}"
    return [
        figure(NAMES[0], round(rate), "1/s", ">= 1000", f"{COUNTED} turns after {WARM_UP}; {how}"),
        figure(NAMES[1], round(grown, 3), "MB / 10,000 cycles", "< 1", f"resident size over {LONG} turns after {WARM_UP + COUNTED}"),
    ]
