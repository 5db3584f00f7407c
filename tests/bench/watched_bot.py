"""A bot as `hedgebot run` starts it, whose event loop is timed: how long does each callback keep everything else waiting?

    python -m tests.bench.watched_bot run --live -c hedge.yaml

SIGUSR1 begins the count anew. At its end the last line on standard output is a JSON object: how many callbacks there were, the longest in
processor time and in wall time, and the worst ones by name, with how often each of them took long.
"""

import asyncio
import json
import signal
import sys
import time
from collections import defaultdict
from typing import Any, Final

from bot.cli import main

WORST: Final = 12
LONG_S: Final = 0.0005


class Watch:
    """Every callback of the loop, by the name of what it runs."""

    def __init__(self) -> None:
        self.begin()

    def begin(self, *_: object) -> None:
        self.wall_s: list[float] = []
        self.cpu_s: defaultdict[str, list[float]] = defaultdict(list)  # of those that took long

    def note(self, handle: asyncio.Handle, wall_s: float, cpu_s: float) -> None:
        self.wall_s.append(wall_s)
        if cpu_s > LONG_S:
            self.cpu_s[named(handle)].append(cpu_s)

    def said(self) -> dict[str, Any]:
        walls = sorted(self.wall_s) or [0.0]
        worst = sorted(((max(times), len(times), name) for name, times in self.cpu_s.items()), reverse=True)
        return {
            "callbacks": len(walls),
            "longest_wall_ms": walls[-1] * 1000,
            "p999_wall_ms": walls[int(len(walls) * 0.999)] * 1000,
            "longest_cpu_ms": worst[0][0] * 1000 if worst else 0.0,
            "worst": [[name, round(cpu_s * 1000, 2), times] for cpu_s, times, name in worst[:WORST]],
        }


def named(handle: Any) -> str:
    """What a callback runs: the coroutine that a task goes on with, or the function."""
    callback = handle._callback
    if callback is None:
        return "a cancelled callback"
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        return innermost(task.get_coro())
    return getattr(callback, "__qualname__", repr(callback))


def innermost(coroutine: Any) -> str:
    """Its name, with that of the frame in which it waits now."""
    names = []
    while coroutine is not None and hasattr(coroutine, "cr_code"):
        names.append(coroutine.cr_code.co_qualname)
        coroutine = coroutine.cr_await
    return " > ".join((names[0], *names[-2:])) if len(names) > 3 else " > ".join(names)


def watch_the_loop() -> Watch:
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # the loop in Python can be looked into
    watch, run = Watch(), asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        wall, cpu = time.perf_counter(), time.thread_time()
        run(handle)
        watch.note(handle, time.perf_counter() - wall, time.thread_time() - cpu)

    asyncio.Handle._run = timed  # type: ignore[method-assign]
    return watch


if __name__ == "__main__":
    watching = watch_the_loop()
    signal.signal(signal.SIGUSR1, watching.begin)
    try:
        main()
    finally:
        sys.stdout.write(json.dumps(watching.said()) + "\n")
