"""May another request go to this venue now? One token bucket per venue, before the client.

A venue bans whoever asks too often, and a ban takes the cancels away with everything else. So the bucket is filled at no more than
80 % of what the venue allows, and only cancels may take its last fifth.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from bot.ports import Clock, NotSent

KEPT_FOR_CANCELS: Final = 0.2
OURS: Final = 0.8  # of what the venue allows
LONGEST_SILENCE_MS: Final = 2_000  # that is waited out; a longer one is told, so that the loop turns and says so


class Silenced(NotSent):
    """The venue asked for silence and it is not over: nothing was sent."""


class Errand(StrEnum):
    """What a request is for."""

    READ = "read"
    PLACE = "place"
    CANCEL = "cancel"
    SETTING = "setting"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a venue allows one client, in its own weights (requests, where it counts those)."""

    burst: int  # at once
    per_second: float  # and then steadily


class RequestBudget:
    """Tokens, counted on the monotonic clock. Waiting happens here and nowhere else, before anything is signed."""

    def __init__(self, clock: Clock, allowance: Allowance) -> None:
        self._clock = clock
        self.capacity: Final = max(2.0, allowance.burst * OURS)
        self._per_ms: Final = allowance.per_second * OURS / 1000
        self._kept: Final = self.capacity * KEPT_FOR_CANCELS
        self._tokens = self.capacity
        self._counted_ms = clock.mono_ms()
        self._banned_until_ms = 0
        self._why_banned = self._until = ""

    async def take(self, errand: Errand, *, weight: int = 1, deadline_mono_ms: int | None = None) -> None:
        """Wait for the tokens. Raise NotSent if they would come after the deadline, or if the venue asked for a long silence."""
        while (wait_ms := self._wait_ms(errand, weight)) > 0:
            now = self._clock.mono_ms()
            if self._banned_until_ms - now > LONGEST_SILENCE_MS:
                raise Silenced(f"{self._why_banned}; silent until {self._until}")
            if deadline_mono_ms is not None and now + wait_ms > deadline_mono_ms:
                why = self._why_banned if now < self._banned_until_ms else "the request budget of this venue is used up"
                raise NotSent(f"{why}: the next {errand.value} could go in {wait_ms} ms, after its deadline; nothing was sent")
            await self._clock.sleep_ms(wait_ms)
        self._tokens -= weight

    def hold(self, duration_ms: int, why: str) -> None:
        """The venue told us to be silent: nothing goes out before that is over, cancels neither."""
        until_ms = self._clock.mono_ms() + duration_ms
        if until_ms < self._banned_until_ms:
            return
        self._banned_until_ms, self._why_banned = until_ms, why
        ends = datetime.fromtimestamp((self._clock.now_ms() + duration_ms) / 1000, UTC)
        self._until = f"{ends:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def silent_until(self) -> str:
        """When the silence that was asked for ends; empty if it is over."""
        return self._until if self._clock.mono_ms() < self._banned_until_ms else ""

    def _wait_ms(self, errand: Errand, weight: int) -> int:
        now = self._clock.mono_ms()
        self._tokens = min(self.capacity, self._tokens + (now - self._counted_ms) * self._per_ms)
        self._counted_ms = now
        if now < self._banned_until_ms:
            return self._banned_until_ms - now
        floor = 0.0 if errand is Errand.CANCEL else self._kept
        missing = min(floor + weight, self.capacity) - self._tokens
        return 0 if missing <= 1e-9 else int(missing / self._per_ms) + 1
