"""Does the loop come first, before the garbage collector and before threads?"""

import asyncio
import gc
import sys
import weakref

from bot.running import GIVE_WAY_SECONDS, undisturbed

CYCLES = 5_000  # by itself the collector would have come seven times


class Round:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


async def test_the_collector_works_between_callbacks_only():
    found, worked, freed = gc.get_threshold(), [], asyncio.Event()

    def watch(phase, _):
        if phase == "start":
            worked.append(asyncio.current_task().get_name())

    async with undisturbed():
        last = weakref.ref(Round(), lambda _: freed.set())
        gc.callbacks.append(watch)
        try:
            for _ in range(CYCLES):
                Round()
            assert worked == [], "in the middle of a callback"
            assert last() is not None
            await asyncio.wait_for(freed.wait(), 30)
        finally:
            gc.callbacks.remove(watch)
        assert set(worked) == {"garbage"}
    assert gc.get_threshold() == found
    assert "garbage" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_threads_give_way_to_the_loop_while_a_bot_runs_and_no_longer():
    found = sys.getswitchinterval()
    async with undisturbed():
        assert sys.getswitchinterval() == GIVE_WAY_SECONDS < found
    assert sys.getswitchinterval() == found
