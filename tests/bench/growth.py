"""Does a turn cost in proportion to what is hedged? More assets in one account, and more accounts in one process."""

import asyncio
import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from bot.running import settle, undisturbed
from tests.bench.cycles import CYCLE_MS, paper_bot
from tests.bench.figure import curve, figure

SIZES: Final = (1, 3, 10, 30, 100)
SETTLED: Final = 60  # turns after which every hedge stands
COUNTED: Final = 40
OLDER: Final = 1  # generation, with the younger: what a running bot collects every 5 s (bot/running.py), between turns; that is a turn here
NAMES: Final = tuple(f"cost of one in {SIZES[-1]} {over} over one in 10" for over in ("assets", "accounts"))


async def turn_of_assets(folder: Path, count: int) -> float:
    """Milliseconds of processor time of a turn with so many hedges."""
    async with paper_bot(folder, assets(count)) as (engine, clock, _), undisturbed():
        settle()
        taken = []
        for turn in range(SETTLED + COUNTED):
            clock.advance_to(clock.now_ms() + CYCLE_MS)
            began = time.thread_time()
            await engine.turn()
            if turn >= SETTLED:
                taken.append(time.thread_time() - began)
            gc.collect(OLDER)
        assert engine.decision is not None
        assert len(engine.decision.legs) == count
        return median(taken) * 1000


async def turn_of_accounts(folder: Path, count: int) -> float:
    """Milliseconds of processor time in which each of so many accounts turns once."""
    async with AsyncExitStack() as open_bots:
        bots = [await open_bots.enter_async_context(paper_bot(folder, account=f"a{number}")) for number in range(count)]
        await open_bots.enter_async_context(undisturbed())
        settle()
        taken = []
        for turn in range(SETTLED + COUNTED):
            began = time.thread_time()
            for engine, clock, _ in bots:
                clock.advance_to(clock.now_ms() + CYCLE_MS)
                await engine.turn()
            if turn >= SETTLED:
                taken.append(time.thread_time() - began)
            gc.collect(OLDER)
        return median(taken) * 1000


def assets(count: int) -> tuple[str, ...]:
    return tuple(f"A{number:02}" for number in range(count))


def grown(points: Sequence[tuple[int, float]]) -> float:
    """The cost of each of the most, over that of each of ten."""
    each = {size: cost / size for size, cost in points}
    return round(each[SIZES[-1]] / each[10], 2)


def figures() -> Iterator[dict[str, Any]]:
    for name, over, turn in zip(NAMES, ("assets", "accounts"), (turn_of_assets, turn_of_accounts), strict=True):
        points = []
        for size in SIZES:
            with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
                points.append((size, round(asyncio.run(turn(Path(folder), size)), 3)))
        how = (
            f"processor time of a turn of all {over} together, medians of {COUNTED} on paper with a record, "
            f"garbage collected between turns as in a running bot: "
            f"{', '.join(f'{cost} ms for {size}' for size, cost in points)}"
        )
        yield figure(name, grown(points), "x", "<= 1.25", how, curve(over, "ms of a turn", (f"all {over} in turn", points)))
