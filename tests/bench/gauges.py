"""What do the metrics cost a turn?"""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge

from bot.metrics import LEG_GAUGES, Metrics
from tests.bench.cycles import paper_bot, turns
from tests.bench.figure import figure

ASSETS: Final = ("BTC", "ETH", "SOL")
ROUNDS, CALLS = 30, 200
COUNT: Final = len(LEG_GAUGES) * len(ASSETS)
NAMES: Final = ("gauges, each turn",)


def microseconds(call: Callable[[], object]) -> float:
    """Of processor time, at its best: what others do to the machine only adds."""
    found = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(CALLS):
            call()
        found.append((time.thread_time() - began) / CALLS)
    return min(found) * 1e6


async def measure(folder: Path) -> tuple[float, float, float]:
    """Microseconds of a turn's metrics; and of as many bare gauges, with their children kept and looked up."""
    async with paper_bot(folder, ASSETS) as (engine, clock, _):
        await turns(engine, clock, 100)
        metrics = engine.parts.metrics
        assert isinstance(metrics, Metrics)
        ours = microseconds(lambda: metrics.turned(engine.status(), 0.01))
    registry = CollectorRegistry()
    gauges = [Gauge(f"bare_{gauge.name}", gauge.tells, ("account", "venue", "asset"), registry=registry) for gauge in LEG_GAUGES]
    children = [gauge.labels("main", "paper", asset) for gauge in gauges for asset in ASSETS]

    def kept() -> None:
        for child in children:
            child.set(1.5)

    def looked_up() -> None:
        for gauge in gauges:
            for asset in ASSETS:
                gauge.labels("main", "paper", asset).set(1.5)

    return ours, microseconds(kept), microseconds(looked_up)


def figures() -> Iterator[dict[str, Any]]:
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        ours, kept, looked_up = asyncio.run(measure(Path(folder)))
    how = (
        f"processor time of a turn's metrics with {COUNT} gauges of {len(ASSETS)} legs, their status included; as many bare "
        f"gauges set each turn cost {kept:.1f} us with their children kept and {looked_up:.1f} us looked up by labels"
    )
    yield figure(NAMES[0], round(ours, 1), "us", "<= 20", how, over=("as many bare gauges", ours / kept))
