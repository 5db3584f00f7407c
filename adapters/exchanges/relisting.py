"""Does the venue still list a contract as it did when we connected? Its list is read again in the background, now and then.

The answer is handed over at the beginning of a look and at no other time: an order is placed as the contract of its own decision, or
not at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from bot.ports import Clock, PortError

Markets = Mapping[str, Mapping[str, Any]]
RELOAD_MS: Final = 3_600_000  # a list of thousands of markets is heavy, and contracts change a few times a year, with notice
AGAIN_MS: Final = 60_000  # after a failure, and at most so often after refusals


class Relisting:
    """One reading of the list at a time."""

    def __init__(self, clock: Clock, load: Callable[[], Awaitable[Markets]]) -> None:
        self._clock, self._load = clock, load
        self._reading: asyncio.Task[Markets] | None = None
        self._read_mono_ms = clock.mono_ms()
        self.due_mono_ms = self._read_mono_ms + RELOAD_MS

    def soon(self) -> None:
        """The venue refused what the contract should allow: it may be another one now."""
        self.due_mono_ms = min(self.due_mono_ms, max(self._clock.mono_ms(), self._read_mono_ms + AGAIN_MS))

    def arrived(self) -> Markets | None:
        """A list that was read since the last call; starts reading one when it is due. Never waits, never raises."""
        now = self._clock.mono_ms()
        reading = self._reading
        if reading is None:
            if now >= self.due_mono_ms:
                self._reading = asyncio.ensure_future(self._load())
            return None
        if not reading.done():
            return None
        self._reading, self._read_mono_ms, self.due_mono_ms = None, now, now + AGAIN_MS
        try:
            markets = reading.result()
        except PortError:
            return None
        if markets:  # an empty answer is no list
            self.due_mono_ms = now + RELOAD_MS
        return markets or None

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError, PortError):
                await self._reading
