"""The server that holds the record stops answering at one exact moment of a turn: does a kill cancel within a second all the same?

And does a stop end? The bot has its real wiring and runs in this process, so that the moment can be chosen: as it asks for that very thing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from bot.audit import database
from bot.core.decision import Mode
from bot.core.events import CommandGiven, DecisionMade, OrderMoved
from bot.exit_codes import Exit
from bot.face import CommandResult
from bot.running import UNRECORDED_MS, Until, run
from bot.settings import Settings, load
from bot.wiring.start import Wired, wired
from tests.audit.freezing import frozen
from tests.killed.rounds import LEASE_MS, problems
from tests.live.desk import PATIENCE_S, SECRETS, STRICT, Desk, desk

IN_TIME_S: Final = 1.0 + 0.5  # and what a busy machine takes
PAUSE_S: Final = 0.5
ENDS_S: Final = UNRECORDED_MS / 1000 + 3.0


@dataclass(slots=True)
class Bot:
    """One that runs, and the hand on its database."""

    place: Desk
    url: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    ice: ExitStack = field(default_factory=ExitStack)
    wired: Wired | None = None
    life: "asyncio.Task[Exit] | None" = None

    @property
    def it(self) -> Wired:
        assert self.wired is not None
        return self.wired

    def settings(self) -> Settings:
        path = self.place.folder / "hedge.yaml"
        whole = self.place.text("0.5").replace(f"sqlite:///{self.place.folder}/hedgebot.db", self.url.replace(":@", "@"))
        path.write_text(whole, "utf-8")
        return load(path, SECRETS, {})

    async def live(self, until: Until = Until(), ttl_ms: int | None = None) -> Exit:
        async with wired(self.settings(), live_flag=True, absence=STRICT, **({} if ttl_ms is None else {"ttl_ms": ttl_ms})) as bot:
            self.wired = bot
            return await run(bot.engine, bot.run_id, self.stop, until)

    async def until(self, holds: Callable[[], object]) -> float:
        """How long it took."""
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                assert self.life is None or not self.life.done(), self.life
                await asyncio.sleep(0.005)
        return time.monotonic() - began

    async def turning_until(self, holds: Callable[[], object]) -> None:
        """With short pauses between its turns: a venue allows only so many requests."""
        woken = time.monotonic()

        def held() -> object:
            nonlocal woken
            if self.wired is not None and time.monotonic() - woken > PAUSE_S:
                woken = time.monotonic()
                self.it.engine.wake.set()
            return self.wired is not None and holds()

        await self.until(held)

    def freeze(self) -> None:
        self.ice.enter_context(frozen(self.url))

    def when_it_asks(self, step: str, of: Callable[..., object], then: Callable[[], None]) -> asyncio.Event:
        """From the moment on in which the store is asked for that, `then` has happened."""
        store, asked = self.it.store, asyncio.Event()
        real: Callable[..., Awaitable[Any]] = getattr(store, step)

        async def asking(*given: Any) -> Any:
            if not asked.is_set() and of(*given):
                then()
                asked.set()
            return await real(*given)

        setattr(store, step, asking)
        return asked

    def word(self, name: str) -> None:
        """Something that must go on record."""
        self.it.engine.hear(CommandGiven(name, "test", 0)).add_done_callback(asyncio.Future.exception)

    @property
    def open(self) -> int:
        return len(self.place.server.core.open_orders())

    @property
    def sent(self) -> int:
        return len(self.place.server.asked("place"))

    async def at_rest(self) -> None:
        """Two orders rest, everything is on record, and the next turn is seconds away."""
        await self.turning_until(lambda: self.open == 2 and self.it.engine.turns > 3)
        await asyncio.wait_for(self.it.engine.turned.rings(), PATIENCE_S)


async def between_two_turns(bot: Bot) -> None:
    await bot.at_rest()
    bot.freeze()


async def in_the_proof_of_the_lease(bot: Bot) -> None:
    await bot.at_rest()
    asked = bot.when_it_asks("prove", lambda: True, bot.freeze)
    bot.it.engine.parts.gate.lease_proven_mono_ms -= 5_000
    bot.it.engine.wake.set()
    await asked.wait()


async def as_a_decision_is_written(bot: Bot) -> None:
    await bot.at_rest()
    asked = bot.when_it_asks("append", lambda rows: any(isinstance(row, DecisionMade) for row in rows), bot.freeze)
    bot.word("pause")
    await asked.wait()


async def as_outcomes_are_written(bot: Bot) -> None:
    await bot.until(lambda: bot.wired is not None)
    asked = bot.when_it_asks(
        "append", lambda rows: any(isinstance(row, OrderMoved) for row in rows) and not isinstance(rows[0], DecisionMade), bot.freeze
    )
    await asked.wait()


async def as_the_record_is_read_back(bot: Bot) -> None:
    await bot.at_rest()
    bot.freeze()
    asked = bot.when_it_asks("reread", lambda: True, lambda: None)
    bot.word("pause")
    await asked.wait()


MOMENTS: Final = (
    between_two_turns,
    in_the_proof_of_the_lease,
    as_a_decision_is_written,
    as_outcomes_are_written,
    as_the_record_is_read_back,
)


Told = asyncio.Task[CommandResult] | None


def by_file(bot: Bot) -> Told:
    (bot.place.folder / "hedgebot.kill").touch()
    return None


def by_word(bot: Bot) -> Told:
    return asyncio.create_task(bot.it.engine.command(CommandGiven("kill", "test", 0, reason="drill")))


@pytest.fixture
def server(fresh_server_url: str) -> str:
    database.upgrade(fresh_server_url)
    return fresh_server_url


@asynccontextmanager
async def running(folder: Path, url: str) -> AsyncIterator[Bot]:
    """A bot whose orders rest untouched at the venue, and that looks again after five seconds."""
    async with desk("deribit", folder) as place:
        place.cycle, place.ttl, place.cross = "5", "600", "600"
        place.server.delay_ms = 3
        place.market.takes = False
        bot = Bot(place, url)
        bot.life = asyncio.create_task(bot.live())
        try:
            with bot.ice:
                yield bot
        finally:
            bot.stop.set()
            await asyncio.wait([bot.life])


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("kill", [by_file, by_word])
async def test_a_kill_cancels_within_a_second_at_whatever_moment_the_record_stopped_answering(
    tmp_path: Path, server: str, moment: Callable[[Bot], Awaitable[None]], kill: Callable[[Bot], Told]
) -> None:
    async with running(tmp_path, server) as bot:
        await moment(bot)
        assert bot.open == 2
        sent = bot.sent
        told = kill(bot)
        assert await bot.until(lambda: not bot.open) < IN_TIME_S
        turns = bot.it.engine.turns
        await bot.turning_until(lambda: bot.it.engine.turns > turns + 1)
        bot.ice.close()
        await bot.turning_until(lambda: bot.it.engine.state.mode is Mode.HALTED)
        assert told is None or (await told).done
        bot.stop.set()
        assert await bot.life == Exit.DONE
        assert bot.sent == sent
        assert [one for one in problems(bot.place.server, bot.settings()) if "intended was" not in one] == []


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_stop_cancels_within_a_second_and_ends_soon_after_at_whatever_moment_the_record_stopped_answering(
    tmp_path: Path, server: str, moment: Callable[[Bot], Awaitable[None]]
) -> None:
    async with running(tmp_path, server) as bot:
        await moment(bot)
        assert bot.open == 2
        sent = bot.sent
        bot.stop.set()
        with capture_logs() as said:
            assert await bot.until(lambda: not bot.open) < IN_TIME_S
            began = time.monotonic()
            assert await bot.life == Exit.ATTENTION
            assert time.monotonic() - began < ENDS_S
        ended: list[Mapping[str, Any]] = [line for line in said if line["event"] == "run.ended"]
        assert "no own order is open, but the record cannot be written" in ended[0]["why"]
        assert bot.sent == sent
        bot.ice.close()
        bot.place.market.takes = True
        bot.place.cycle = "0.05"
        again = Bot(bot.place, server)
        assert await again.live(Until(aligned=True, timeout_ms=60_000), LEASE_MS) == Exit.DONE
        assert problems(bot.place.server, again.settings()) == []
