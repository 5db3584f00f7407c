"""How does time pass in a rehearsal? By jumping to the next timer: no socket, no thread, no waiting."""

import asyncio
import math
from typing import Any, Final

BEGAN_MS: Final = 1_700_000_000_000  # the wall clock of every rehearsal at its first moment
PPM: Final = 1_000_000


class Stalled(RuntimeError):
    """Everybody waits and no timer is set: nothing would ever happen again."""


class Jump:
    """Stands where a loop has its selector: waiting is over at once, and time has moved by as much."""

    def __init__(self) -> None:
        self.now_ms = 0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stalled("every task waits for another one")
        if timeout > 0:
            self.now_ms += math.ceil(timeout * 1000 - 1e-6)
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """A real asyncio loop in one process whose `time()` is virtual; the same program takes the same steps each time."""

    def __init__(self) -> None:
        super().__init__()
        self._selector = Jump()

    @property
    def now_ms(self) -> int:
        return self._selector.now_ms

    def time(self) -> float:
        return self._selector.now_ms / 1000

    def _process_events(self, event_list: list[Any]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody must be woken."""


class BotClock:
    """The clock port of one machine: durations are true, the wall may drift and be stepped."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.stepped_ms = 0
        self.drift_ppm = 0

    def now_ms(self) -> int:
        mono_ms = self.loop.now_ms
        return BEGAN_MS + mono_ms + self.stepped_ms + mono_ms * self.drift_ppm // PPM

    def mono_ms(self) -> int:
        return self.loop.now_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)
