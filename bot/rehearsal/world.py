"""What happens in one seed? A world is made of it, and a bot lives there, started again whenever it ends; in the end all must be well."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from bot.audit.database import upgrade
from bot.audit.lease import LeaseHeld
from bot.audit.store import Store
from bot.audit.verify import Verdict, verify
from bot.ports import Misconfigured, PortError
from bot.rehearsal.database import Trouble
from bot.rehearsal.drawn import (
    CYCLE_SECONDS,
    drawn_books,
    drawn_collateral,
    drawn_manner,
    drawn_manner_of_trading,
    drawn_margin,
    drawn_prices,
    drawn_settings,
    require_what_is_played,
)
from bot.rehearsal.evidence import FINISHED, Evidence, Violated
from bot.rehearsal.faults import Dice, swarm
from bot.rehearsal.happenings import Happenings, command
from bot.rehearsal.invariants import CHECKS
from bot.rehearsal.loop import BotClock, VirtualLoop
from bot.rehearsal.process import ACCOUNT, INSTANCE, Process, Starter, Switch
from bot.rehearsal.venue import Book, Venue
from bot.rehearsal.wire import LATEST_MS, Manner
from bot.settings import Settings, load

HOUR_MS: Final = 3_600_000
LEAST_FAULTY_MS: Final = 600_000
SETTLE_MS: Final = 60_000
BACKUP: Final = "backup.db"
SOON_RESTORED_MS: Final = 5_000  # what a script needs to put a backup back
RESTORED_MS: Final = 180_000  # what people need: where orders arrive late, none is on its way any more by then
AGAIN_MS: Final = 20_000  # a supervisor starts a bot that ended again after so long
VERIFY_EVERY: Final = 10  # seeds whose every decision is decided again at the end


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


@dataclass(frozen=True, slots=True)
class Script:
    """A rehearsal whose venue and faults are not drawn."""

    manner: Manner
    dice: Callable[[Callable[[str], None]], Dice]  # given what notes a strike
    faulty_ms: int
    stop_ms: int | None = None  # when the bot is told to stop, once


class World:
    """Everything there is in one seed."""

    def __init__(self, plan: Plan, starter: Starter, folder: Path, loop: VirtualLoop, script: Script | None = None) -> None:
        self.plan, self.starter, self.loop = plan, starter, loop
        draw = Random(f"{plan.seed}/world")
        flags = drawn_settings(draw)
        prices, chosen = drawn_prices(draw), dict(plan.settings)
        flags |= drawn_margin(plan.seed, flags, prices, chosen)
        flags |= {**drawn_manner_of_trading(plan.seed), **drawn_collateral(plan.seed, flags, chosen)}
        self.settings = load(None, {}, {**flags, **chosen})
        require_what_is_played(self.settings, prices)
        books = drawn_books(plan.seed, self.settings, prices, draw.choice((100, 300, 800)))
        self.venue = Venue(books, Random(f"{plan.seed}/funding"))
        self.manner = script.manner if script is not None else drawn_manner(draw)
        self.evidence = Evidence(self.venue, ACCOUNT, INSTANCE, CHECKS, keep_lines=plan.trace)
        self.evidence.faults = frozenset(plan.on)
        self.dice = script.dice(self.evidence.strike) if script is not None else Dice(plan.seed, plan.on, self.evidence.strike)
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
            book.throws_out = lambda: self.dice.hits("thrown-out")
        self.processes: list[Process] = []
        self.main: Process | None = None
        self.aside: set[asyncio.Task[None]] = set()  # words on their way
        self.lives: set[asyncio.Task[None]] = set()
        self.usurped, self.restoring = asyncio.Event(), asyncio.Event()
        self.backup: dict[str, Any] | None = None  # what the evidence knew of the record when it was copied
        wait_ms = LATEST_MS + 60_000 + self.manner.absence_ms + 10 * CYCLE_SECONDS * 1000 + longer_ms(self.settings)
        least_ms = script.faulty_ms if script is not None else LEAST_FAULTY_MS
        self.stop_ms = script.stop_ms if script is not None else None
        self.end_ms = max(int(plan.hours * HOUR_MS), least_ms + wait_ms + SETTLE_MS)
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

    def back_up(self) -> None:
        """People copy the database while the bot runs. One copy at a time."""
        if self.backup is not None:
            return
        with closing(sqlite3.connect(self.folder / "audit.db")) as now, closing(sqlite3.connect(self.folder / BACKUP)) as copied:
            now.backup(copied)
        self.backup = self.evidence.of_the_record()
        self.evidence.note(f"the database is copied at entry {self.evidence.head[0]}")

    def restore(self) -> None:
        """The bot is killed, and the copy put in the place of the database."""
        if self.backup is not None:
            self.restoring.set()

    async def put_back(self) -> None:
        assert self.backup is not None
        for process in self.processes:
            process.dead = True
        for life in self.lives:
            life.cancel()
        await asyncio.gather(*self.lives, return_exceptions=True)
        for left in ("-wal", "-shm"):
            (self.folder / f"audit.db{left}").unlink(missing_ok=True)
        (self.folder / BACKUP).replace(self.folder / "audit.db")
        self.evidence.recall(self.backup)
        self.backup = None
        self.restoring.clear()
        self.evidence.note(f"the database is as it was at entry {self.evidence.head[0]}")
        await asyncio.sleep((RESTORED_MS if self.evidence.dice_on("late-create") else SOON_RESTORED_MS) / 1000)

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
        if self.stop_ms is not None:
            asyncio.get_running_loop().call_later(self.stop_ms / 1000, self.terminate)
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
        restoring = loop.create_task(self.restoring.wait())
        self.lives.add(life)
        left = (self.restored_by_ms - self.loop.now_ms) / 1000
        await asyncio.wait((life, over, restoring), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        restoring.cancel()
        if self.restoring.is_set():
            if life.done():
                life.result()
            await self.put_back()
        elif life.done():
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


def longer_ms(settings: Settings) -> int:
    """What the manner of trading adds to the time within which a hedge is restored: its slices, or the pieces of the book it takes."""
    execution = settings.execution
    slices_ms = 0 if execution.schedule == "none" else int(execution.horizon_seconds * 1000)
    return slices_ms + (0 if execution.max_depth_share is None else 20 * CYCLE_SECONDS * 1000)


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


def rehearse(plan: Plan, starter: Starter, script: Script | None = None) -> Outcome:
    """One seed, whole."""
    with TemporaryDirectory(prefix="hedgebot-rehearsal-") as folder:
        TEMPLATE.copy(Path(folder))
        loop = VirtualLoop()
        try:
            return loop.run_until_complete(staged(plan, starter, Path(folder), loop, script))
        finally:
            loop.close()


async def staged(plan: Plan, starter: Starter, folder: Path, loop: VirtualLoop, script: Script | None = None) -> Outcome:
    world = World(plan, starter, folder, loop, script)
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
