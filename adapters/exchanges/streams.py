"""When is a look worth more than the rest of the pause? A venue's websocket tells; the look itself asks over REST, as ever.

What a stream says is a hint: it is compared with what it said before and then forgotten, so a stream that lies costs one look and no order.
One connection lives until anything about it fails or its prices stay silent too long; then all of it is closed and made anew after a pause
that grows and is jittered, so that a venue which comes back is not met by all its clients at once. Meanwhile the bot keeps its usual pace.
A contract that is silent while others speak, as a suspended one is, ends nothing.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import structlog

from adapters.ccxt_client import CcxtClient, Failed
from adapters.exchanges.ccxt_translate import Malformed, price
from adapters.exchanges.venues.sheet import Venue
from bot.ports import Clock

GAP_MS: Final = 1_000  # streams cause at most one turn in this time, however busy the market
SILENCE_MS: Final = 30_000  # without a price for so long, a connection counts as dead, whether or not it answers pings
FIRST_PAUSE_MS: Final = 500
LONGEST_PAUSE_MS: Final = 60_000
log = structlog.get_logger("hedgebot")


@dataclass(frozen=True, slots=True)
class Watched:
    """A contract, and the share of its price by which it must have moved since it last woke the bot."""

    symbol: str
    move: Decimal


class Waker:
    """Passes on the first knock at once, and those of the following `gap_ms` as one at their end."""

    def __init__(self, wake: Callable[[], None], gap_ms: int) -> None:
        self._wake = wake
        self._gap_ms = gap_ms
        self._timer: asyncio.TimerHandle | None = None
        self._knocked = False

    def knock(self) -> None:
        if self._timer is not None:
            self._knocked = True
            return
        self._wake()
        self._timer = asyncio.get_running_loop().call_later(self._gap_ms / 1000, self._over)

    def _over(self) -> None:
        self._timer = None
        if self._knocked:
            self._knocked = False
            self.knock()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class Streams:
    """The websockets of one venue: prices of the hedged contracts and, with a key, the account's own orders."""

    def __init__(
        self,
        venue: Venue,
        client: CcxtClient,
        clock: Clock,
        watched: Sequence[Watched],
        wake: Callable[[], None],
        *,
        told: Callable[[bool], None] = lambda connected: None,
        own_orders: bool = False,
        gap_ms: int = GAP_MS,
        silence_ms: int = SILENCE_MS,
        chance: random.Random | None = None,
    ) -> None:
        """`told` hears of every connection made and lost."""
        self._venue = venue
        self._client = client
        self._clock = clock
        self._watched = watched
        self._waker = Waker(wake, gap_ms)
        self._told = told
        self._own_orders = own_orders and bool(venue.order_stream)
        self._silence_ms = silence_ms
        self._chance = chance or random.Random()  # noqa: S311  # jitter, not a secret
        self._reference: dict[str, Decimal] = {}  # the price at the last knock
        self._spoke_mono_ms: dict[str, int] = {}  # by socket: when a contract was last heard
        self._failures = 0  # since a connection last said something
        self._connected = False

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the block runs; afterwards no task and no connection is left."""
        task = asyncio.create_task(self._keep_connected(), name="streams")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._waker.close()

    async def _keep_connected(self) -> None:
        while True:
            why = ""
            try:
                await self._one_connection()
            except ExceptionGroup as group:  # the first that failed took the others with it
                why = self._client.scrubbed(str(group.exceptions[0]))
            finally:
                await self._client.end_streams()
            self._lost(why)
            await self._clock.sleep_ms(self._pause_ms())
            self._failures += 1

    async def _one_connection(self) -> None:
        async with asyncio.TaskGroup() as group:
            for watched in self._watched:
                group.create_task(self._prices(watched))
            if self._own_orders:
                group.create_task(self._orders())

    async def _prices(self, watched: Watched) -> None:
        while True:
            try:
                async with asyncio.timeout(self._silence_ms / 1000):
                    message = await self._client.watch(self._venue.price_stream, watched.symbol)
            except TimeoutError as error:
                if self._clock.mono_ms() - self._spoke_mono_ms.get(socket_of(watched), -self._silence_ms) < self._silence_ms:
                    continue
                raise Failed(f"{watched.symbol}: no price for {self._silence_ms / 1000:g} s") from error
            self._spoke_mono_ms[socket_of(watched)] = self._clock.mono_ms()
            self._heard()
            now = price_in(message)
            if now is None:
                continue
            before = self._reference.setdefault(watched.symbol, now)
            if abs(now - before) >= before * watched.move and now != before:
                self._reference[watched.symbol] = now
                self._waker.knock()

    async def _orders(self) -> None:
        while True:  # an account that does nothing is silent for days: only prices tell whether the connection lives
            await self._client.watch(self._venue.order_stream, None)
            self._waker.knock()

    def _heard(self) -> None:
        self._failures = 0
        if not self._connected:
            self._connected = True
            self._told(True)
            log.info("stream.connected", venue=self._venue.name)

    def _lost(self, why: str) -> None:
        self._connected = False
        self._spoke_mono_ms.clear()
        self._told(False)
        log.warning("stream.lost", venue=self._venue.name, why=why, did="looks once a cycle, as without streams; connects again")

    def _pause_ms(self) -> int:
        longest = min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << min(self._failures, 16))
        return int(longest * self._chance.uniform(0.5, 1))


def socket_of(watched: Watched) -> str:
    """Venues tell of linear and of inverse contracts over different connections."""
    return "linear" if watched.symbol.endswith(":USDT") else "inverse"


def price_in(message: object) -> Decimal | None:
    """The mark of a ticker as ccxt shows it, else its last price; None where it says nothing of the price."""
    if not isinstance(message, Mapping):
        return None
    try:
        return price(message.get("markPrice") or message.get("last"))
    except Malformed:
        return None
