"""A venue in a process of its own, so that its work is not measured as the bot's. Prints its address, and lives until its input ends.

python -m tests.bench.venue_process VENUE ENVIRONMENT DELAY_MS MARKETS MOVES TAKES

With MOVES it also moves the price so many times, each time that the account rests, lets the bot's answer trade, and prints as JSON after
how many milliseconds the first byte of each order was here. With TAKES somebody trades against each order as soon as it was answered.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import PIPE, Popen
from typing import Final

from tests.venue_server import KEY, PASSPHRASE, SECRET, VenueServer, serve
from tests.venue_server.core import Core
from tests.venue_server.nouns import Order

ENVIRONMENT: Final = {"bybit": "testnet", "okx": "demo", "deribit": "testnet", "krakenfutures": "demo", "binancecoinm": "demo"}
SECRETS: Final = {"HEDGEBOT__VENUE__API_KEY": KEY, "HEDGEBOT__VENUE__API_SECRET": SECRET, "HEDGEBOT__VENUE__PASSPHRASE": PASSPHRASE}
BTC: Final = "BTC/USD:BTC"
PRICES: Final = (60_000, 40_000)
TAKEN_S: Final = 0.003  # after an order came: its answer is on the way by then
REST_S: Final = 2.5  # longer than two gaps between wakes by streams: the echo of the last order is over


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def until(done: Callable[[], object], patience_s: float = 30) -> None:
    async with asyncio.timeout(patience_s):
        while not done():  # noqa: ASYNC110  # another process answers
            await asyncio.sleep(0.005)


async def moved(server: VenueServer, moves: int) -> list[float]:
    core, taken = server.core, []
    await traded(server, 0)
    for move in range(moves):
        await asyncio.sleep(REST_S)
        orders = len(server.asked("place"))
        began = time.monotonic()
        core.set_price(BTC, PRICES[(move + 1) % 2])
        await traded(server, orders)
        taken.append((server.asked("place")[orders].at_mono - began) * 1000)
    return taken


async def traded(server: VenueServer, orders: int) -> None:
    """The bot's next order came, and somebody took it."""
    await until(lambda: len(server.asked("place")) > orders and server.core.open_orders())
    for order in server.core.open_orders():
        server.core.trade_through(BTC, order.price or 0)


def take_everything(core: Core) -> None:
    loop = asyncio.get_running_loop()

    def soon(order: Order) -> None:
        if order.price is not None and order.left:
            loop.call_later(TAKEN_S, core.trade_through, BTC, order.price)

    core.order_watchers.append(soon)


async def live(venue: str, environment: str, delay_ms: str, markets: str, moves: str, takes: str) -> None:
    async with serve(venue, environment=environment, delay_ms=float(delay_ms), markets=int(markets)) as server:
        server.core.deposit("BTC", 10)
        if int(takes):
            take_everything(server.core)
        say(server.base_url)
        if int(moves):
            say(json.dumps(await moved(server, int(moves))))
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The other side's view of that process."""

    process: Popen[str]
    venue: str
    base_url: str

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def venue_process(venue: str, *, delay_ms: float = 20, markets: int = 0, moves: int = 0, takes: bool = False) -> Iterator[Elsewhere]:
    options = [str(delay_ms), str(markets), str(moves), str(int(takes))]
    words = [sys.executable, "-m", __name__, venue, ENVIRONMENT[venue], *options]
    with Popen(words, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Elsewhere(process, venue, process.stdout.readline().strip())
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


if __name__ == "__main__":
    asyncio.run(live(*sys.argv[1:]))
