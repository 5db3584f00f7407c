"""How does one run of the bot live and die? From its start to its end, or to a death at whatever moment."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bot import running
from bot.audit.store import Store
from bot.core.decision import Decision
from bot.core.events import Event
from bot.core.memory import State
from bot.core.model import Snapshot, View
from bot.engine import Engine
from bot.gate import SignGate
from bot.ports import LeaseLost, PortError
from bot.rehearsal.database import RehearsedStore, Trouble
from bot.rehearsal.evidence import CLOSED, Evidence
from bot.rehearsal.faults import Dice
from bot.rehearsal.loop import BotClock, VirtualLoop
from bot.rehearsal.venue import Venue
from bot.rehearsal.wire import Manner, Wire
from bot.settings import Settings

INSTANCE: Final = "r0"
TURN_BEGINS: Final = "a turn begins"
ACCOUNT: Final = "main"


class Crashed(BaseException):
    """The process is dead. Not an Exception: no handler of the bot's may see it."""


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


Starter = Callable[[Stagehand], Awaitable[Engine]]


class Surroundings(Protocol):
    """What a run finds around it."""

    loop: VirtualLoop
    clock: BotClock
    switch: Switch
    settings: Settings
    venue: Venue
    manner: Manner
    dice: Dice
    evidence: Evidence
    trouble: Trouble
    frozen: dict[str, Any]
    url: str
    starter: Starter
    quiet_from_ms: int  # until then something may go wrong

    def plainly(self, error: Exception) -> str: ...


class Process:
    """One run of the bot, from its start to its end or death."""

    def __init__(self, world: Surroundings, number: int) -> None:
        self.world, self.number = world, number
        self.views: dict[str, View] = {}
        self.stop = asyncio.Event()
        self.dead = False
        self.engine: Engine | None = None
        self.gate = SignGate(world.clock, world.switch)
        self.wire = Wire(world.venue, world.manner, world.dice, world.evidence, self.gate)
        self.wire.boundary, self.wire.process = self.boundary, self
        self.wire.frozen = world.frozen
        self.wire.carrier.boundary, self.wire.carrier.process = self.boundary, self
        opened = RehearsedStore.open(
            world.url, account=ACCOUNT, venue="paper", environment=None, synchronous="OFF", instance=INSTANCE, create=False
        )
        assert isinstance(opened, RehearsedStore)
        self.store = opened
        self.store.beset(world.trouble, self.boundary, self.may_die, self.landed)

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

    def may_die(self, where: str) -> None:
        """Here the process may die."""
        world = self.world
        if self.dead or world.evidence.violation is not None:
            raise Crashed(where)
        world.dice.where = where
        if world.dice.hits("crash"):
            world.evidence.note(f"bot {self.number} dies: {where}")
            self.dead = True
            raise Crashed(where)

    async def boundary(self, where: str) -> None:
        """Here the process may die, or be stopped for a while."""
        self.may_die(where)
        world = self.world
        if world.dice.hits("stopped"):
            stopped_ms = min(world.dice.upto("stopped", 600_000, 1_000), world.quiet_from_ms - world.loop.now_ms)
            await asyncio.sleep(stopped_ms / 1000)
            world.venue.advance(world.loop.now_ms)

    async def start(self) -> Engine:
        world = self.world
        self.engine = await world.starter(Stagehand(self.store, self.wire, world.settings, world.clock, self.gate, f"run{self.number}"))
        turn = self.engine.turn

        async def judged() -> Decision | None:
            self.may_die(TURN_BEGINS)
            decision = await watched(turn(), self.may_die)
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


@types.coroutine
def watched(turn: Coroutine[Any, Any, Decision | None], may_die: Callable[[str], None]) -> Generator[Any, Any, Decision | None]:
    """The turn as it is; wherever it waits, the process may die."""
    step: Callable[[Any], Any] = turn.send
    given: Any = None
    while True:
        try:
            waited_for = step(given)
        except StopIteration as done:
            decision: Decision | None = done.value
            return decision
        try:
            may_die("while it waits")
            step, given = turn.send, (yield waited_for)
        except Crashed:
            turn.close()
            raise
        except BaseException as error:
            step, given = turn.throw, error
