"""Which event loop carries a bot, and what runs on it beside something else? libuv's where uvloop is installed, else Python's own."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")


def carried(life: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(life)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(life)


def carrier() -> str:
    """The loop that runs this: `uvloop` or `asyncio`."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """It runs while the context lasts, and has ended when that does."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
