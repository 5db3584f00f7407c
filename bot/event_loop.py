"""Which event loop carries a bot? libuv's where uvloop is installed, else Python's own."""

import asyncio
from collections.abc import Coroutine
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
