"""What is left when bots at a venue are killed at random moments? Bot, venue and record are three processes.

Each round starts a bot on the same database with another ratio, lets it work and kills it with SIGKILL after a random number of its steps
and up to a few milliseconds more, so that a death falls on, before and after commits, signatures and answers. A nursery process has the
program imported and forks each bot, so that a round costs less than a second.
"""

import asyncio
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from bot.audit.store import Store
from bot.audit.verify import verify
from bot.running import Until, run
from bot.settings import Settings, load
from bot.wiring.start import wired
from tests.live.desk import PATIENCE_S, SECRETS, STRICT, Desk, desk, held_usd, intended_usd
from tests.venue_server import Core, VenueServer

NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(["tests.killed.rounds", "ccxt.async_support", "psycopg"])
STEPS = (b"order.intent", b"order.moved")
MOST_STEPS = 12
BAND = 0.005
SILENCE_S = 0.5
LEASE_MS = 600  # on a server the successor of a killed bot waits for so long
RATIOS = ("1", "0.5", "0.8", "0.2", "0")


def bot_until_killed(settings: Settings, log: Connection) -> None:
    """The life of one bot: everything it says goes to `log`; nothing of it is cleaned up when it is killed."""
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    asyncio.run(living(settings, Until()))


async def living(settings: Settings, until: Until) -> int:
    async with wired(settings, live_flag=True, absence=STRICT, ttl_ms=LEASE_MS) as bot:
        return int(await run(bot.engine, bot.run_id, asyncio.Event(), until))


@dataclass(slots=True)
class Told:
    """What came out of a series of rounds."""

    kills: int = 0
    orders: int = 0
    problems: list[str] = field(default_factory=list)


@contextmanager
def started(settings: Settings) -> Iterator[tuple[multiprocessing.process.BaseProcess, Connection]]:
    ours, theirs = NURSERY.Pipe(duplex=False)
    bot = NURSERY.Process(target=bot_until_killed, args=(settings, theirs), daemon=True)
    bot.start()
    theirs.close()
    try:
        yield bot, ours
    finally:
        bot.kill()
        bot.join()
        ours.close()


async def one_kill(settings: Settings, chance: random.Random, idle: Callable[[], bool]) -> bool:
    """True if the bot was killed while it worked. One that has nothing left to do is killed idle."""
    steps = chance.randrange(1, MOST_STEPS)
    with started(settings) as (_, log):
        reader = asyncio.StreamReader(limit=1 << 20)
        pipe = os.fdopen(os.dup(log.fileno()), "rb", 0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        line = asyncio.ensure_future(reader.readline())
        patience = asyncio.get_running_loop().time() + PATIENCE_S
        try:
            while True:
                assert asyncio.get_running_loop().time() < patience, "the bot neither ends its work nor says what it does"
                await asyncio.wait([line], timeout=SILENCE_S)
                if not line.done():
                    if idle():
                        return False
                    continue
                assert line.result(), "the bot ended by itself"
                steps -= any(step in line.result() for step in STEPS)
                if steps <= 0:
                    await asyncio.sleep(chance.random() * 0.01)
                    return True
                line = asyncio.ensure_future(reader.readline())
        finally:
            line.cancel()
            transport.close()


def settings_of(place: Desk, ratio: str, url: str) -> Settings:
    text = place.text(ratio).replace(f"sqlite:///{place.folder}/hedgebot.db", url.replace(":@", "@"))  # no empty password in it
    path = place.folder / "hedge.yaml"
    text = text.replace("max_order_usd: 200000", "max_order_usd: 4000")
    limits = "max_orders_per_minute: 1000, max_turnover_usd_per_day: 1000000000"  # a thousand rounds trade more than a day's default
    path.write_text(text.replace("max_orders_per_minute: 1000", limits), "utf-8")
    return load(path, SECRETS, {})


async def series(rounds: int, venue: str, folder: Path, url: str, *, seed: int = 1, meddle: Callable[[Core], object] | None = None) -> Told:
    """`rounds` kills, then one bot that is left alone until it is aligned; and everything that broke a promise on the way.

    `meddle` falsifies what the venue shows before the comparison, to try the comparison itself.
    """
    chance, told = random.Random(seed), Told()
    async with desk(venue, folder) as place:
        place.cycle, place.ttl, place.cross = "0.05", "0.5", "1"
        place.server.delay_ms = 3  # a request is under way long enough to be killed in
        ratio = RATIOS[-1]
        for _ in range(rounds):
            ratio = chance.choice([other for other in RATIOS if other != ratio])
            told.kills += await one_kill(settings_of(place, ratio, url), chance, partial(there, place.server, ratio))
        last = settings_of(place, "0.5", url)
        try:
            async with asyncio.timeout(PATIENCE_S * 1.5):
                code = await living(last, Until(aligned=True, timeout_ms=int(PATIENCE_S * 1000)))
        except TimeoutError:
            code = -1
        if meddle is not None:
            meddle(place.server.core)
        told.problems += [f"the last bot ended with {code}"] if code else []
        told.problems += problems(place.server, last)
        told.orders = len(place.server.core.orders)
    return told


def there(server: VenueServer, ratio: str) -> bool:
    """The venue holds the hedge of this ratio, and no order."""
    held, intended = held_usd(server), intended_usd(ratio)
    return not server.core.open_orders() and all(abs(held[one] - intended[one]) <= abs(intended[one]) * BAND for one in held)


def problems(server: VenueServer, settings: Settings) -> list[str]:
    """Everything in which venue and record contradict each other or a promise."""
    core = server.core
    store = Store.read(settings.audit.url, account="main", venue=server.venue, environment=settings.venue.environment)
    try:
        checked = verify(store)
        orders = {order.client_id: order for order in store.orders(limit=1_000_000)}
        fills = store.fills(limit=1_000_000)
        state = store.state()
    finally:
        store.close()
    at_venue = Counter(order.client_id for order in core.orders.values())
    found = [] if checked.exit_code == 0 else [f"the chain does not verify: {checked.what}"]
    found += [f"{own} is {times} orders at the venue" for own, times in at_venue.items() if times > 1]
    found += [f"{own} is at the venue and not on record" for own in at_venue if own not in orders]
    found += [f"{own} is open at the venue" for own in (order.client_id for order in core.open_orders())]
    filled = Counter[str]()
    for fill in fills:
        filled[fill.client_id] += fill.contracts
    for order in core.orders.values():
        recorded = orders.get(order.client_id)
        if recorded is not None and not recorded.filled == order.filled == filled[order.client_id]:
            found.append(f"{order.client_id} filled {order.filled}, on record {recorded.filled} and {filled[order.client_id]} in its fills")
        if recorded is not None and recorded.status == "ABSENT":
            found.append(f"{order.client_id} is ABSENT on record and at the venue")
    for leg in state.legs:
        units = core.position(leg.symbol).units
        traded = sum(fill.contracts if fill.side == "buy" else -fill.contracts for fill in fills if fill.symbol == leg.symbol)
        if not leg.contracts == traded == units:
            found.append(f"{leg.symbol} holds {units}, {leg.contracts} on record, {traded} by the fills")
    if not there(server, "0.5"):
        found.append(f"the position is {held_usd(server)}, intended was {intended_usd('0.5')}")
    return found
