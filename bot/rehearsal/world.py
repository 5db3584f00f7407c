"""What happens in one seed? A world is made of it, and a bot lives there, started again whenever it ends; in the end all must be well."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from bot import running
from bot.audit.database import upgrade
from bot.audit.lease import LeaseHeld
from bot.audit.store import Store
from bot.audit.verify import Verdict, verify
from bot.core.events import Event
from bot.core.model import Decision, Snapshot, State, View
from bot.engine import Engine
from bot.gate import SignGate
from bot.ports import LeaseLost, Misconfigured, PortError
from bot.rehearsal.database import RehearsedStore, Trouble
from bot.rehearsal.evidence import CLOSED, FINISHED, Evidence, Violated
from bot.rehearsal.faults import Dice, swarm
from bot.rehearsal.happenings import Happenings, command
from bot.rehearsal.invariants import CHECKS
from bot.rehearsal.loop import BEGAN_MS, BotClock, VirtualLoop
from bot.rehearsal.venue import PICO, Book, Venue
from bot.rehearsal.wire import LATEST_MS, Manner, Wire
from bot.settings import Settings, load

ACCOUNT: Final = "main"
INSTANCE: Final = "r0"
HOUR_MS: Final = 3_600_000
CYCLE_SECONDS: Final = 30
LEAST_FAULTY_MS: Final = 600_000
SETTLE_MS: Final = 60_000
AGAIN_MS: Final = 20_000  # a supervisor starts a bot that ended again after so long
VERIFY_EVERY: Final = 10  # seeds whose every decision is decided again at the end

Starter = Callable[["Stagehand"], Awaitable[Engine]]


class Crashed(BaseException):
    """The process is dead. Not an Exception: no handler of the bot's may see it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which rehearsal? The same plan gives the same trace."""

    seed: int
    hours: Decimal
    faults: tuple[str, ...] | None = None  # None: drawn from the seed
    trace: bool = False
    settings: tuple[tuple[str, str], ...] = ()  # over those drawn from the seed

    @property
    def on(self) -> tuple[str, ...]:
        return swarm(self.seed) if self.faults is None else self.faults


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed came to."""

    seed: int
    turns: int
    checks: int
    orders: int
    trades: int
    runs: int
    hash: str
    faults: tuple[str, ...]
    struck: tuple[tuple[str, int], ...]
    invariant: str = ""  # empty: all held
    problem: str = ""
    at_ms: int = 0
    lines: tuple[str, ...] = field(default=(), repr=False)


class Switch:
    """The kill file of a rehearsal."""

    def __init__(self) -> None:
        self.word: str | None = None
        self.readable: Callable[[], bool] = lambda: True

    def read(self) -> bool | None:
        return self.word is not None if self.readable() else None

    def set(self, reason: str) -> None:
        self.word = reason

    def clear(self) -> None:
        self.word = None


@dataclass(frozen=True, slots=True)
class Stagehand:
    """What is handed to the wiring to start the real bot with."""

    store: Store
    exchange: Wire
    settings: Settings
    clock: BotClock
    gate: SignGate
    run_id: str


class Process:
    """One run of the bot, from its start to its end or death."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number
        self.views: dict[str, View] = {}
        self.stop = asyncio.Event()
        self.dead = False
        self.engine: Engine | None = None
        self.gate = SignGate(world.clock, world.switch)
        self.wire = Wire(world.venue, world.manner, world.dice, world.evidence, self.gate)
        self.wire.boundary, self.wire.process = self.boundary, self
        self.wire.frozen = world.frozen
        opened = RehearsedStore.open(
            world.url, account=ACCOUNT, venue="paper", environment=None, synchronous="OFF", instance=INSTANCE, create=False
        )
        assert isinstance(opened, RehearsedStore)
        self.store = opened
        self.store.beset(world.trouble, self.boundary, self.landed)

    # ------------------------------------------------------------------------------------------------ what the evidence looks at

    @property
    def epoch(self) -> int:
        return self.store.epoch or 0

    @property
    def appended(self) -> bool:
        return self.store.taken

    @property
    def seen(self) -> Snapshot | None:
        return self.engine.seen if self.engine is not None else None

    @property
    def state(self) -> State:
        return self.engine.state if self.engine is not None else self.world.evidence.state

    @property
    def decision(self) -> Decision | None:
        return self.engine.decision if self.engine is not None else None

    def landed(self, events: Sequence[Event], seq: int, head: str) -> None:
        self.world.evidence.landed(self, events, seq, head)

    # ------------------------------------------------------------------------------------------------------------------ its life

    async def boundary(self, where: str) -> None:
        """Here the process may die, or be stopped for a while."""
        world = self.world
        if self.dead or world.evidence.violation is not None:
            raise Crashed(where)
        if world.dice.hits("crash"):
            world.evidence.note(f"bot {self.number} dies: {where}")
            self.dead = True
            raise Crashed(where)
        if world.dice.hits("stopped"):
            await asyncio.sleep(world.dice.upto("stopped", 600_000, 1_000) / 1000)
            world.venue.advance(world.loop.now_ms)

    async def start(self) -> Engine:
        world = self.world
        self.engine = await world.starter(Stagehand(self.store, self.wire, world.settings, world.clock, self.gate, f"run{self.number}"))
        turn = self.engine.turn

        async def judged() -> Decision | None:
            decision = await turn()
            world.venue.advance(world.loop.now_ms)
            world.evidence.turned(self, decision)
            return decision

        self.engine.turn = judged  # type: ignore[method-assign]  # after each turn of the real one, a look at it
        return self.engine

    async def live(self) -> None:
        """Until it ends or dies. What the end was worth is judged too."""
        world = self.world
        try:
            engine = await self.start()
            code = await running.run(engine, engine.parts.run_id, self.stop, running.Until())
            world.venue.advance(world.loop.now_ms)
            world.evidence.note(f"bot {self.number} ends with exit code {int(code)}")
            world.evidence.judge(CLOSED, self, int(code))
            self.dead = True
            self.store.close()
        except Crashed:
            self.die()
        except (PortError, LeaseLost) as error:
            world.evidence.note(f"bot {self.number} cannot go on: {type(error).__name__}: {world.plainly(error)}")
            self.die()
        except BaseException:
            self.die()
            raise

    def die(self) -> None:
        self.dead = True
        self.store.die()


class World:
    """Everything there is in one seed."""

    def __init__(self, plan: Plan, starter: Starter, folder: Path, loop: VirtualLoop) -> None:
        self.plan, self.starter, self.loop = plan, starter, loop
        draw = Random(f"{plan.seed}/world")
        flags = drawn_settings(draw)
        self.settings = load(None, {}, {**flags, **dict(plan.settings)})
        prices = {"BTC": draw.randint(2_000_000, 9_000_000), "ETH": draw.randint(100_000, 500_000)}
        swing = draw.choice((100, 300, 800))
        books = []
        for asset, hedge in self.settings.hedges.items():
            wallet = int(self.settings.paper.collateral[asset] * PICO)
            size, tick = (100, 10) if asset == "BTC" else (10, 1)
            books.append(
                Book(
                    hedge.instrument,
                    size_usd=size,
                    tick_cents=tick,
                    cents=prices[asset],
                    wallet_pico=wallet,
                    swing_ppm=swing,
                    source=Random(f"{plan.seed}/{asset}"),
                    began_ms=BEGAN_MS,
                )
            )
        self.venue = Venue(books, Random(f"{plan.seed}/funding"))
        self.manner = Manner(
            duplicates=draw.choice(("exists", "open-only", "taken")),
            window_ms=draw.choice((5_000, None)),
            post_only_cancels=draw.random() < 0.5,
            ids_only=draw.random() < 0.5,
            tells_age=draw.random() < 0.5,
        )
        self.evidence = Evidence(self.venue, ACCOUNT, INSTANCE, CHECKS, keep_lines=plan.trace)
        self.evidence.faults = frozenset(plan.on)
        self.dice = Dice(plan.seed, plan.on, self.evidence.strike)
        self.clock = BotClock(loop)
        if self.dice.hits("drift"):
            self.clock.drift_ppm = self.dice.upto("drift", 200, -200)
        self.trouble = Trouble(self.dice, lambda: loop.now_ms)
        self.kill_unreadable = False
        self.switch = Switch()
        self.switch.readable = lambda: not self.kill_unreadable
        self.frozen: dict[str, Any] = {}
        self.folder = folder
        self.url = f"sqlite:///{folder / 'audit.db'}"
        self.lock = folder / f"audit.db.{ACCOUNT}.lock"
        for book in books:
            book.fills_whole = lambda: not self.dice.hits("partial")
        self.processes: list[Process] = []
        self.main: Process | None = None
        self.aside: set[asyncio.Task[None]] = set()  # words on their way
        self.lives: set[asyncio.Task[None]] = set()
        self.usurped = asyncio.Event()
        wait_ms = LATEST_MS + 60_000 + self.manner.absence_ms + 10 * CYCLE_SECONDS * 1000
        self.end_ms = max(int(plan.hours * HOUR_MS), LEAST_FAULTY_MS + wait_ms + SETTLE_MS)
        self.quiet_from_ms = self.end_ms - wait_ms - SETTLE_MS
        self.restored_by_ms = self.quiet_from_ms + wait_ms

    def plainly(self, error: Exception) -> str:
        """What it says, without the name of a folder that is another one each time."""
        return str(error).replace(str(self.folder), "")

    # ------------------------------------------------------------------------------------------------------------- what may happen

    def say(self, name: str, **said: Any) -> None:
        """An operator's word to the bot that runs now; lost if none does."""
        engine = self.main.engine if self.main is not None and not self.main.dead else None
        if engine is None:
            return
        said.pop("reason", None) if name not in ("kill", "rearm", "accept-contract") else None
        self.evidence.note(f"word {name} {said}")
        self.keep(engine.command(command(name, self.clock.now_ms(), **said)))

    def keep(self, work: Any) -> None:
        async def quietly() -> None:
            with suppress(PortError):
                await work

        task = asyncio.get_running_loop().create_task(quietly())
        self.aside.add(task)
        task.add_done_callback(self.aside.discard)

    def terminate(self) -> None:
        if self.main is not None:
            self.main.stop.set()

    def second(self) -> None:
        """A second bot is started while the first is alive: it must be refused, and say who leads."""
        if self.main is None or self.main.dead or self.main.epoch == 0:
            return
        store = Store.open(self.url, account=ACCOUNT, venue="paper", environment=None, synchronous="OFF", create=False)
        try:
            store.lead("the second bot")
        except LeaseHeld:
            self.evidence.note("a second bot is refused")
        else:
            self.evidence.violation = Violated("i15_one_writer", "a second bot leads beside the first", self.venue.now_ms)
        finally:
            store.close()

    def usurp(self) -> None:
        """The lock file is deleted by hand, and a second bot started: the first still runs and must find out."""
        if self.main is not None and not self.main.dead and self.main.epoch:
            self.lock.unlink(missing_ok=True)
            self.usurped.set()

    def freeze(self, book: Book, until_ms: int) -> None:
        if self.main is not None:
            self.main.wire.freeze(book, until_ms)

    def declare(self, book: Book, coins: Decimal) -> None:
        """Takes effect at the next start, as an edited file does."""
        asset = book.symbol.partition("/")[0]
        bag = self.settings.bag
        self.settings = self.settings.model_copy(update={"bag": {**bag, asset: bag[asset].model_copy(update={"coins": coins})}})
        self.terminate()

    # --------------------------------------------------------------------------------------------------------------------- its life

    async def run(self) -> None:
        happenings = asyncio.get_running_loop().create_task(Happenings(self, self.quiet_from_ms).run())
        try:
            while self.loop.now_ms < self.restored_by_ms:
                await self.one_process()
            happenings.result()
            assert self.main is not None
            self.venue.advance(self.loop.now_ms)
            self.evidence.judge(FINISHED, self.main)
        finally:
            happenings.cancel()
            under_way = (happenings, *self.aside, *self.lives)
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            for process in self.processes:
                if not process.dead:
                    process.die()
        if self.evidence.violation is not None:
            raise self.evidence.violation
        self.verify_record()

    async def one_process(self) -> None:
        """From a start to an end, a death, or the moment when another takes over."""
        loop = asyncio.get_running_loop()
        self.usurped.clear()
        process = self.main = Process(self, len(self.processes) + 1)
        self.processes.append(process)
        self.evidence.note(f"bot {process.number} starts")
        life, over = loop.create_task(process.live()), loop.create_task(self.usurped.wait())
        self.lives.add(life)
        left = (self.restored_by_ms - self.loop.now_ms) / 1000
        await asyncio.wait((life, over), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if life.done():
            life.result()
        elif self.usurped.is_set():
            pass  # the process before lives on beside the new one, until it finds out
        else:  # the end: a clean stop
            self.evidence.judge(FINISHED, process)
            process.stop.set()
            await life
            return
        if self.evidence.violation is not None:
            raise self.evidence.violation
        if self.loop.now_ms < self.restored_by_ms and life.done():
            await asyncio.sleep(min(AGAIN_MS / 1000, max(0.0, (self.restored_by_ms - self.loop.now_ms) / 1000)))

    def verify_record(self) -> None:
        """In some seeds, what `audit verify` says of the record that all this left behind."""
        if self.plan.seed % VERIFY_EVERY:
            return
        store = Store.read(self.url)
        try:
            verdict = verify(store)
        finally:
            store.close()
        self.evidence.note(f"audit verify: {verdict.verdict.value}, {verdict.head.seq} entries")
        if verdict.verdict is not Verdict.GOOD:
            raise Violated("i23_the_record_verifies", verdict.what, self.loop.now_ms)


def drawn_settings(draw: Random) -> dict[str, str]:
    """A configuration of this seed: ratios, limits and policies that people really choose."""
    assets = ("BTC", "ETH") if draw.random() < 0.3 else ("BTC",)
    amounts = {"BTC": (("2", "3"), ("0", "5"), ("3", "2"), ("4", "1")), "ETH": (("20", "30"), ("0", "50"))}
    flags = {
        "mode": "live",
        "cycle_seconds": str(CYCLE_SECONDS),
        "reconcile.foreign": draw.choice(("halt", "absorb")),
        "execution.max_order_usd": draw.choice(("100000", "30000")),
        "execution.order_ttl_seconds": draw.choice(("30", "20", "60")),
        "execution.cross_after_seconds": draw.choice(("120", "60")),
        "risk.max_position_usd": draw.choice(("1000000", "200000")),
        "risk.max_turnover_usd_per_day": draw.choice(("2000000", "2000000", "500000")),
        "risk.max_leverage": draw.choice(("2", "1.5")),
        "risk.max_orders_per_minute": draw.choice(("20", "4")),
    }
    for asset in assets:
        bag, posted = draw.choice(amounts[asset])
        flags[f"bag.{asset}.coins"] = bag
        flags[f"paper.collateral.{asset}"] = posted
        flags[f"paper.price.{asset}"] = "1000"
        flags[f"hedges.{asset}.ratio"] = draw.choice(("1.0", "1.0", "0.8", "0.5"))
        flags[f"hedges.{asset}.basis"] = draw.choice(("coins", "coins", "value"))
    return flags


class Template:
    """An empty audit database with its tables, made once in a process and copied for every seed."""

    def __init__(self) -> None:
        self.folder: TemporaryDirectory[str] | None = None

    def copy(self, to: Path) -> None:
        if self.folder is None:
            self.folder = TemporaryDirectory(prefix="hedgebot-rehearsal-")
            upgrade(f"sqlite:///{self.folder.name}/audit.db")
        shutil.copy(f"{self.folder.name}/audit.db", to / "audit.db")


TEMPLATE: Final = Template()


def rehearse(plan: Plan, starter: Starter) -> Outcome:
    """One seed, whole."""
    with TemporaryDirectory(prefix="hedgebot-rehearsal-") as folder:
        TEMPLATE.copy(Path(folder))
        loop = VirtualLoop()
        try:
            return loop.run_until_complete(staged(plan, starter, Path(folder), loop))
        finally:
            loop.close()


async def staged(plan: Plan, starter: Starter, folder: Path, loop: VirtualLoop) -> Outcome:
    world = World(plan, starter, folder, loop)
    evidence = world.evidence
    owner = Store.open(world.url, account=ACCOUNT, venue="paper", environment=None, synchronous="OFF", instance=INSTANCE)
    evidence.checked_head = (0, owner.genesis)
    owner.close()
    broken: Violated | None = None
    try:
        await world.run()
    except Violated as error:
        broken = error
    except Misconfigured as error:
        broken = Violated("the bot starts", world.plainly(error), loop.now_ms)
    except Exception as error:
        broken = Violated("no error is unforeseen", f"{type(error).__name__}: {error}", loop.now_ms)
        if plan.trace:
            raise
    broken = broken or evidence.violation
    return Outcome(
        seed=plan.seed,
        turns=evidence.turns,
        checks=evidence.checked,
        orders=len(evidence.sent),
        trades=sum(len(book.trades) for book in world.venue.books.values()),
        runs=len(world.processes),
        hash=evidence.digest.hexdigest(),
        faults=plan.on,
        struck=tuple(sorted(evidence.struck.items())),
        invariant=broken.invariant if broken else "",
        problem=broken.text if broken else "",
        at_ms=broken.at_ms if broken else 0,
        lines=tuple(evidence.lines or ()),
    )
