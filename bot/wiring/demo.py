"""How does the same engine run in virtual time with everything else as in earnest?"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Final

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from bot.audit.store import Store
from bot.engine import Engine
from bot.gate import SignGate
from bot.replay import Happening, Replay
from bot.settings import Settings
from bot.wiring.record import open_store
from bot.wiring.start import started
from bot.wiring.venue import kill_switch

RECORD_EVERY_MS: Final = 3_600_000  # of virtual time: what acts or changes its reason is on record anyhow


@dataclass(frozen=True, slots=True)
class Demo:
    """A run in virtual time whose record and venue lie on disk, as in earnest."""

    replay: Replay
    engine: Engine
    store: Store
    run_id: str


@asynccontextmanager
async def demo(settings: Settings, starts_ms: int, timeline: Sequence[Iterator[Happening]]) -> AsyncIterator[Demo]:
    """Everything real but the time: durable commits, the lease, the paper venue's own database."""
    clock = VirtualClock(starts_ms)
    gate = SignGate(clock, kill_switch(settings))
    with closing(open_store(settings)) as store:
        exchange = PaperExchange(
            clock,
            settings.paper.url,
            settings.paper.price,
            settings.paper.collateral,
            spread_bps=settings.paper.spread_bps,
            seed=settings.paper.seed,
            matching="print",
            gate=gate,
        )
        try:
            engine = await started(store, exchange, None, settings, clock, gate, live_flag=True, record_every_ms=RECORD_EVERY_MS)
            bag = {asset: held.declared for asset, held in settings.outside.items()}
            first = settings.paper.price
            yield Demo(Replay(engine, exchange, clock, bag, settings.paper.collateral, first, timeline), engine, store, engine.parts.run_id)
        finally:
            await exchange.close()
