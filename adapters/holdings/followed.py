"""What does a bag of several sources hold? Each is asked now and then, and believed while it is fresh and makes sense.

A source that fails keeps its last good amount up to its age, then it is UNKNOWN, and with it the sum: never 0. An amount that jumps by
nine tenths or more is not believed: more often than not it is a fault of whoever tells it. It is held likewise; who knows it to be true
restarts the bot, which takes the first amount as it is.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Protocol

import structlog

from bot.core.model import ZERO, Sourced
from bot.ports import Clock, PortError

log = structlog.get_logger("hedgebot")

LONGEST_READ_SECONDS: Final = 20.0
PATIENCE_SECONDS: Final = 2.0  # the most that one look at the bag may hold the loop up
JUMP: Final = Decimal("0.9")


@dataclass(frozen=True, slots=True)
class Reading:
    coins: Decimal
    at_ms: int | None = None  # the source's own stamp, where it has one


class Source(Protocol):
    async def read(self) -> Reading:
        """Coins now. Raise answers.Unreadable or a PortError with the reason."""


class Followed:
    """One source of the bag."""

    def __init__(self, asset: str, name: str, source: Source, *, poll_ms: int, max_age_ms: int, clock: Clock) -> None:
        self.asset, self.name = asset, name
        self._source, self._poll_ms, self._max_age_ms, self._clock = source, poll_ms, max_age_ms, clock
        self._coins: Decimal | None = None
        self._at_ms = self._mono_ms = 0
        self._error = ""
        self._tried_mono_ms: int | None = None
        self.reading: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Ask, if that is due and nothing is under way."""
        now = self._clock.mono_ms()
        due = self._tried_mono_ms is None or now - self._tried_mono_ms >= self._poll_ms
        if due and (self.reading is None or self.reading.done()):
            self._tried_mono_ms = now
            self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        at_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        try:
            async with asyncio.timeout(LONGEST_READ_SECONDS):
                found = await self._source.read()
        except TimeoutError:
            self._failed(f"did not answer within {LONGEST_READ_SECONDS:g} seconds")
        except PortError as error:
            self._failed(str(error))
        except Exception as error:
            self._failed(str(error) or type(error).__name__)
        else:
            age_ms = 0 if found.at_ms is None else max(0, at_ms - found.at_ms)
            self._found(found.coins, at_ms - age_ms, mono_ms - age_ms)

    def _found(self, coins: Decimal, at_ms: int, mono_ms: int) -> None:
        was = self._coins
        if was and abs(coins - was) >= JUMP * was:
            now, before = f"{coins.normalize():f}", f"{was.normalize():f}"
            self._failed(f"shows {now} where it showed {before}, which is not believed; if it is true, restart the bot")
            return
        if self._error or was is None:
            log.info("bag.read", asset=self.asset, source=self.name, coins=f"{coins:f}")
        self._coins, self._at_ms, self._mono_ms, self._error = coins, at_ms, mono_ms, ""

    def _failed(self, why: str) -> None:
        error = "".join(char if char.isprintable() else " " for char in why)[:300]
        if error != self._error:
            log.warning("bag.unreadable", asset=self.asset, source=self.name, error=error, held=self._coins is not None)
        self._error = error

    def told(self) -> Sourced:
        """What counts now."""
        if self._coins is None:
            return Sourced(self.asset, self.name, None, error=self._error or "has not answered yet")
        stamp = f"{datetime.fromtimestamp(self._at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if self._clock.mono_ms() - self._mono_ms > self._max_age_ms:
            error = f"{self._error or 'is stale'}; its amount of {stamp} is too old to count"
            return Sourced(self.asset, self.name, None, self._at_ms, self._mono_ms, error)
        error = self._error and f"{self._error}; its amount of {stamp} counts for {self._max_age_ms // 1000} seconds from then"
        return Sourced(self.asset, self.name, self._coins, self._at_ms, self._mono_ms, error)


class SourcedBag:
    """What is declared and what is read, together."""

    def __init__(self, declared: Mapping[str, Decimal], sources: Sequence[Followed]) -> None:
        self._declared, self._followed = dict(declared), tuple(sources)
        self._told: tuple[Sourced, ...] = ()

    async def coins(self, assets: Sequence[str]) -> dict[str, Decimal | None]:
        """The sum of each asset, asked anew where that is due. Waits a moment for answers; one that is late counts at a later look."""
        for source in self._followed:
            source.begin()
        asking = [source.reading for source in self._followed if source.reading is not None and not source.reading.done()]
        if asking:
            await asyncio.wait(asking, timeout=PATIENCE_SECONDS)
        self._told = tuple(source.told() for source in self._followed)
        return {asset: self._sum(asset) for asset in assets}

    def _sum(self, asset: str) -> Decimal | None:
        declared = self._declared.get(asset)
        shown = [told.coins for told in self._told if told.asset == asset]
        known = [coins for coins in shown if coins is not None]
        return None if declared is None or len(known) < len(shown) else declared + sum(known, ZERO)

    def sources(self) -> tuple[Sourced, ...]:
        return self._told

    async def close(self) -> None:
        """End what is under way. Never raises."""
        asking = [source.reading for source in self._followed if source.reading is not None and not source.reading.done()]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
