"""A bot that hedges at a local venue: the real wiring, a real database, and a market in which somebody takes its orders.

The account holds 2 BTC and 20 ETH, the bag 1 BTC and 10 ETH; one coin costs 60,000 and 3,000 USD. Nobody charges a fee and whoever waits
trades at the mark, so that the intended position is exact: `ratio` times 180,000 and 90,000 USD, whatever goes wrong on the way.
"""

import asyncio
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final

from bot.exit_codes import Exit
from bot.face import Status
from bot.running import Until, run
from bot.settings import Settings, load
from bot.wiring.start import wired
from tests.venue_server import KEY, PASSPHRASE, SECRET, VenueServer, serve
from tests.venue_server.core import Order

ENVIRONMENT: Final = {"bybit": "testnet", "okx": "demo", "deribit": "testnet", "krakenfutures": "demo", "binancecoinm": "demo"}
SECRETS: Final = {"HEDGEBOT__VENUE__API_KEY": KEY, "HEDGEBOT__VENUE__API_SECRET": SECRET, "HEDGEBOT__VENUE__PASSPHRASE": PASSPHRASE}
SYMBOLS: Final = {"BTC/USD:BTC": 180_000, "ETH/USD:ETH": 90_000}  # and what a ratio of 1 shorts of it, in USD
STRICT: Final = (0, 1)  # a server whose reads never lag proves an absence with one look
PATIENCE_S: Final = 240.0
OWN_ID: Final = re.compile(r"hb[0-9a-z]{23}")

CONFIG: Final = """\
version: 1
mode: {mode}
cycle_seconds: {cycle}
venue: {{name: {venue}, environment: {environment}, base_url: "{url}"}}
bag: {{BTC: {{coins: 1}}, ETH: {{coins: 10}}}}
hedges: {{BTC: {{ratio: {ratio}}}, ETH: {{ratio: {ratio}}}}}
band: {{cooldown_seconds: 0.1}}
execution: {{order_ttl_seconds: {ttl}, cross_after_seconds: {cross}, max_order_usd: 200000}}
risk: {{max_leverage: 3, hard_leverage: 4, max_orders_per_minute: 1000, max_data_age_seconds: {age}}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
api: {{port: 0}}
"""


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that other tasks do."""
    for _ in range(int(PATIENCE_S * 20)):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came true")


def intended_usd(ratio: str) -> dict[str, int]:
    return {symbol: -int(Decimal(ratio) * whole) for symbol, whole in SYMBOLS.items()}


def held_usd(server: VenueServer) -> dict[str, int]:
    core = server.core
    return {symbol: int(core.position(symbol).units * core.contracts[symbol].unit) for symbol in SYMBOLS}


@dataclass(slots=True)
class Market:
    """Somebody who takes what rests, `wait_s` after it came, `parts` times a part of it."""

    server: VenueServer
    wait_s: float = 0.05
    parts: int = 1
    takes: bool = True
    after_cancels: int = 0  # so many cancels must have been asked for before anybody takes anything
    thrown_out: int = 0  # so many orders that were shown open are called post-only violations after all
    seen: dict[int, float] = field(default_factory=dict)
    reads: dict[int, int] = field(default_factory=dict)  # of the open orders, when an order came

    def quote(self, *, selling: bool) -> None:
        """Our side of the book stands at the mark."""
        for symbol in SYMBOLS:
            quote, tick = self.server.core.quotes[symbol], self.server.core.contracts[symbol].tick
            quote.bid, quote.ask = (quote.mark - tick, quote.mark) if selling else (quote.mark, quote.mark + tick)

    async def live(self) -> None:
        core, loop = self.server.core, asyncio.get_running_loop()
        while True:
            for order in core.open_orders():
                since = self.seen.setdefault(order.id, loop.time())
                done = order.filled * self.parts // order.units  # parts that were taken
                if self.thrown_out:
                    self.throw_out(order)
                    continue
                willing = self.takes and len(self.server.asked("cancel")) >= self.after_cancels
                if willing and order.price is not None and loop.time() - since >= self.wait_s * (done + 1):
                    core.trade_through(order.symbol, order.price, -(-order.units // self.parts))
            await asyncio.sleep(0.02)

    def throw_out(self, order: Order) -> None:
        reads = len(self.server.asked("read-open-orders"))
        if reads > self.reads.setdefault(order.id, reads) + 1:
            self.thrown_out -= 1
            self.server.core.cancel(order, "post_only")


@dataclass(slots=True)
class Desk:
    """One account at one venue, and the person who runs a bot on it."""

    server: VenueServer
    folder: Path
    market: Market
    absence: tuple[int, int] | None = STRICT
    cycle: str = "0.2"
    ttl: str = "20"
    cross: str = "30"
    age: str = "15"
    runs: int = 0
    last: Status | None = None

    def settings(self, ratio: str, mode: str = "live") -> Settings:
        path = self.folder / "hedge.yaml"
        path.write_text(self.text(ratio, mode), "utf-8")
        return load(path, SECRETS, {})

    def text(self, ratio: str, mode: str = "live") -> str:
        venue = self.server.venue
        return CONFIG.format(
            mode=mode, cycle=self.cycle, venue=venue, environment=ENVIRONMENT[venue], url=self.server.base_url, ratio=ratio, ttl=self.ttl,
            cross=self.cross, age=self.age, folder=self.folder,
        )  # fmt: skip

    async def hedge(self, ratio: str) -> Exit:
        """`hedgebot run --live --until-aligned` with this ratio, to its end."""
        self.runs += 1
        async with wired(self.settings(ratio), live_flag=True, absence=self.absence) as bot:
            until = Until(aligned=True, timeout_ms=int(PATIENCE_S * 1000))
            return await run(bot.engine, bot.run_id, asyncio.Event(), until, self.told)

    def told(self, status: Status) -> None:
        self.last = status

    def orders(self) -> list[tuple[str, str, int]]:
        """Client id, status and filled contracts of every order on record."""
        with closing(sqlite3.connect(f"file:{self.folder / 'hedgebot.db'}?mode=ro", uri=True)) as record:
            return record.execute("SELECT client_id, status, filled FROM orders ORDER BY seq").fetchall()

    def problems(self) -> list[str]:
        """Everything that breaks a promise about orders: venue and record side by side."""
        core = self.server.core
        at_venue = Counter(order.client_id for order in core.orders.values())
        sent = Counter(found for row in self.server.asked("place") for found in OWN_ID.findall(row.query + row.body))
        recorded = {own: (status, filled) for own, status, filled in self.orders()}
        found = [f"{own} is {times} orders at the venue" for own, times in at_venue.items() if times > 1]
        found += [f"{own} was sent {times} times" for own, times in sent.items() if times > 1]
        found += [f"{own} is at the venue and not on record" for own in at_venue if own not in recorded]
        for order in core.orders.values():
            status, filled = recorded.get(order.client_id, ("", order.filled))
            ended_unfilled = order.status == "cancelled" and not order.filled  # Bybit and OKX take what they then refuse
            if status == "ABSENT" or (status == "REJECTED" and not ended_unfilled):
                found.append(f"{order.client_id} is {status} on record and {order.status} at the venue")
            if filled != order.filled:
                found.append(f"{order.client_id} filled {order.filled} at the venue, {filled} on record")
        found += [f"{order.client_id} is still open" for order in core.open_orders()]
        return found


@asynccontextmanager
async def desk(venue: str, folder: Path, bend: Callable[[Desk], None] | None = None, **core: object) -> AsyncIterator[Desk]:
    async with serve(venue, environment=ENVIRONMENT[venue], maker_fee=Decimal(0), taker_fee=Decimal(0), **core) as server:
        server.core.deposit("BTC", 2)
        server.core.deposit("ETH", 20)
        market = Market(server)
        made = Desk(server, folder, market)
        if bend is not None:
            bend(made)
        trading = asyncio.create_task(market.live())
        try:
            yield made
        finally:
            trading.cancel()
            with suppress(asyncio.CancelledError):
                await trading
