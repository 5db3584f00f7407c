"""What time is it? The only place that asks the machine; everything else is given a Clock."""

import asyncio
import time
from typing import Final

DURATIONS: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # counts on while the machine sleeps, where it can


class SystemClock:
    """Wall time in UTC for stamps; for durations a clock that never steps and also counts the time in which the machine slept."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.clock_gettime_ns(DURATIONS) // 1_000_000

    async def sleep_ms(self, duration_ms: int) -> None:
        await asyncio.sleep(duration_ms / 1000)


class VirtualClock:
    """Time that moves only when told: for replay and tests. Sleeping takes no real time and never yields to the event loop."""

    __slots__ = ("_mono_ms", "_now_ms")

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._mono_ms = 0

    def now_ms(self) -> int:
        return self._now_ms

    def mono_ms(self) -> int:
        return self._mono_ms

    def advance_to(self, at_ms: int) -> None:
        """Move both clocks forward to `at_ms`. Time never runs backwards: an earlier moment changes nothing."""
        if at_ms > self._now_ms:
            self._mono_ms += at_ms - self._now_ms
            self._now_ms = at_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.advance_to(self._now_ms + max(0, duration_ms))
