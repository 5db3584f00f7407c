"""What were a venue's candles and funding? Read over its public API: once at the start, then once for each candle that closes.

The first reading is waited for; after that no turn is held up: the past is read in the background and handed over when it is there.
What cannot be read is said, and what was read before stays; how long that may still be gone by is judged where it is used
(bot/core/policies).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Final, Protocol

from adapters.candles import candles_of
from adapters.history import Bar
from bot.ports import Candle, Clock, PortError, Series, Settled, Wanted

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
LATE_MS: Final = 3_000  # after a close the venue may need a moment to tell the candle
AGAIN_MS: Final = 30_000  # after a failure
MOST_PAGES: Final = 60
FIRST_WAIT_S: Final = 60  # at the start: then the bot turns, and says what it lacks


class Source(Protocol):
    """A venue's public history."""

    async def candles(self, symbol: str, timeframe: str, since_ms: int) -> Sequence[Sequence[object]]:
        """[opened_ms, open, high, low, close, …] from `since_ms` on, as many as one request brings. Raise PortError."""

    async def funding_rates(self, symbol: str, since_ms: int) -> Sequence[tuple[int, Decimal]]:
        """(at_ms, rate) from `since_ms` on, likewise."""


class VenuePast:
    """The past of each market that is asked for."""

    def __init__(self, source: Source, clock: Clock) -> None:
        self._source, self._clock = source, clock
        self._bars: dict[Wanted, dict[int, Bar]] = {}
        self._rates: dict[Wanted, dict[int, Decimal]] = {}
        self._shown: dict[Wanted, Series] = {}
        self._due_ms: dict[Wanted, int] = {}
        self._reading: dict[Wanted, asyncio.Task[None]] = {}

    async def read(self, wanted: Wanted) -> Series:
        """The first reading of a past is waited for, since nothing can be decided without; no other one is."""
        if wanted not in self._due_ms:
            self._due_ms[wanted] = self._clock.now_ms() + AGAIN_MS
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_WAIT_S):
                    await self._renew(wanted)
        reading, now_ms = self._reading.get(wanted), self._clock.now_ms()
        if (reading is None or reading.done()) and now_ms >= self._due_ms[wanted]:
            self._reading[wanted] = asyncio.ensure_future(self._renew(wanted))
        return self._shown.get(wanted, Series(problems=("the venue's history is being read",)))

    async def close(self) -> None:
        for task in self._reading.values():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _renew(self, wanted: Wanted) -> None:
        now_ms, known = self._clock.now_ms(), self._shown.get(wanted, Series())
        length_ms = wanted.candle_ms
        try:
            if wanted.candles:
                await self._read_candles(wanted, now_ms)
            if wanted.funding_ms is not None:
                await self._read_rates(wanted, wanted.funding_ms, now_ms)
        except (PortError, ArithmeticError, TypeError, ValueError, LookupError) as error:
            self._due_ms[wanted] = now_ms + AGAIN_MS
            self._shown[wanted] = replace(known, problems=(f"the venue's history could not be read: {error}",))
            return
        closes_ms = min(length_ms, HOUR_MS if wanted.funding_ms is not None else length_ms)
        self._due_ms[wanted] = now_ms - now_ms % closes_ms + closes_ms + LATE_MS
        closed = [bar for _, bar in sorted(self._bars.get(wanted, {}).items()) if bar.at_ms + bar.length_ms <= now_ms]
        candles = unbroken(candles_of(closed, length_ms), length_ms)
        rates = [Settled(at_ms, rate) for at_ms, rate in sorted(self._rates.get(wanted, {}).items())]
        if wanted not in self._shown or (list(known.candles), list(known.rates), known.problems) != (candles, rates, ()):
            self._shown[wanted] = Series(candles, rates)

    async def _read_candles(self, wanted: Wanted, now_ms: int) -> None:
        """A venue's own days, or hours that are joined."""
        bars = self._bars.setdefault(wanted, {})
        timeframe, step_ms = ("1d", DAY_MS) if wanted.candle_ms == DAY_MS else ("1h", HOUR_MS)
        since_ms = now_ms - (wanted.candles + 2) * wanted.candle_ms
        oldest_ms = since_ms - since_ms % wanted.candle_ms
        since_ms = max(oldest_ms, max(bars, default=0))
        for _ in range(MOST_PAGES):
            page = await self._source.candles(wanted.symbol, timeframe, since_ms)
            for opened_ms, first, high, low, close, *_ in page:
                bars[int(str(opened_ms))] = Bar(int(str(opened_ms)), step_ms, *(Decimal(str(one)) for one in (first, high, low, close)))
            newest_ms = max(bars, default=0)
            if newest_ms <= since_ms or newest_ms + step_ms > now_ms:
                break
            since_ms = newest_ms
        for opened_ms in [one for one in bars if one < oldest_ms]:
            del bars[opened_ms]

    async def _read_rates(self, wanted: Wanted, lookback_ms: int, now_ms: int) -> None:
        rates = self._rates.setdefault(wanted, {})
        oldest_ms = now_ms - lookback_ms - DAY_MS
        since_ms = max(oldest_ms, max(rates, default=0))
        for _ in range(MOST_PAGES):
            page = await self._source.funding_rates(wanted.symbol, since_ms)
            rates.update((at_ms, rate) for at_ms, rate in page if at_ms <= now_ms)
            newest_ms = max(rates, default=0)
            if newest_ms <= since_ms:
                break
            since_ms = newest_ms
        for at_ms in [one for one in rates if one < oldest_ms]:
            del rates[at_ms]


def unbroken(candles: Sequence[Candle], length_ms: int) -> list[Candle]:
    """The newest candles that follow each other: statistics over a hole would be of another length than they say."""
    kept: list[Candle] = []
    for candle in reversed(candles):
        if kept and candle.opened_ms + length_ms != kept[-1].opened_ms:
            break
        kept.append(candle)
    return kept[::-1]
