"""Whole bots in virtual time: the real engine, record, gate and paper exchange, with a clock that the test turns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_feed import SyntheticFeed
from adapters.kill_file import KillFile
from bot.audit.store import Store
from bot.core.decision import Decision, Mode
from bot.core.events import CommandGiven, Event
from bot.core.memory import State
from bot.core.model import Target
from bot.engine import Engine
from bot.gate import SignGate
from bot.ports import Holdings, NotSent, Standing
from bot.settings import load
from bot.wiring.measures import open_measures
from bot.wiring.start import started

BEGAN_MS = 1_700_000_000_000


class Recorder(Store):
    """The real store, which can be told to be full, and even to be unreadable."""

    full = False
    away = False

    def state(self) -> State:
        if self.away:
            raise NotSent("the server does not answer (test)")
        return super().state()

    async def append(self, events: list[Event]) -> int:
        if self.full or self.away:
            raise NotSent("database or disk is full (test)")
        return await super().append(events)


class Document:
    """A target document of the test's own."""

    def __init__(self, targets: tuple[Target, ...] | None = ()) -> None:
        self.targets = targets

    async def read(self) -> tuple[Target, ...] | None:
        return self.targets

    def standing(self) -> Standing:
        return Standing("target document: is HTML, not JSON") if self.targets is None else Standing()


@dataclass
class Bot:
    """One run of a bot."""

    engine: Engine
    store: Recorder
    venue: PaperExchange
    clock: VirtualClock
    kill_file: Path
    document: Document | None

    @property
    def decision(self) -> Decision:
        assert self.engine.decision is not None
        return self.engine.decision

    @property
    def mode(self) -> Mode:
        return self.engine.state.mode

    @property
    def contracts(self) -> dict[str, int]:
        views = self.engine.seen.views if self.engine.seen is not None else ()
        return {view.instrument.asset: view.position.contracts for view in views if view.position is not None}

    @property
    def aligned(self) -> bool:
        return all(leg.aligned for leg in self.decision.legs)

    async def turn(self, seconds: int = 5) -> Decision | None:
        self.clock.advance_to(self.clock.now_ms() + seconds * 1000)
        return await self.engine.turn()

    async def turns(self, count: int, seconds: int = 5) -> None:
        for _ in range(count):
            await self.turn(seconds)

    async def until(self, reached: Callable[[], bool], turns: int = 200) -> None:
        for _ in range(turns):
            await self.turn()
            if reached():
                return
        raise AssertionError(f"not reached in {turns} turns: {self.mode} {[leg.why for leg in self.decision.legs]}")

    async def until_aligned(self, turns: int = 200) -> None:
        await self.until(lambda: self.aligned, turns)

    async def say(self, name: str, **said: object) -> None:
        """An operator's word, taken into the next turn, five seconds from now."""
        word = self.engine.hear(CommandGiven(name, "test", self.clock.now_ms(), **said))
        await self.turn()
        word.result()

    def orders(self) -> list[object]:
        """Every own order on record, oldest first."""
        return list(reversed(self.store.orders(limit=10_000)))

    def kinds(self) -> list[str]:
        return [row.kind for row in self.store.entries()]


class Phone:
    """Keeps what is told."""

    def __init__(self, bot: Bot) -> None:
        self.told: list[tuple[str, str]] = []
        bot.engine.parts = replace(bot.engine.parts, notifier=self)

    async def notify(self, severity: str, text: str) -> None:
        self.told.append((severity, text))


class Bots:
    """Starts bots over the same two databases, as one person would over a day."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = VirtualClock(BEGAN_MS)
        self.running: list[Bot] = []

    async def start(
        self,
        flags: Mapping[str, str] | None = None,
        *,
        assets: tuple[str, ...] = ("BTC",),
        live_flag: bool = True,
        dry_flag: bool = False,
        adopt: bool = False,
        matching: str = "book",
        document: Document | None = None,
        fresh_record: bool = False,
        latency_ms: int = 0,
        fed: bool = True,
        spread_bps: Decimal = Decimal(2),
        holdings: Holdings | None = None,
    ) -> Bot:
        prices = {"BTC": "60000", "ETH": "3000", "SOL": "150"}
        bags = {"BTC": "2", "ETH": "20", "SOL": "500"}
        posted = {"BTC": "3", "ETH": "30", "SOL": "700"}
        settings = load(
            None,
            {},
            {
                "mode": "live",
                **{f"bag.{asset}.coins": bags[asset] for asset in assets},
                **{f"hedges.{asset}.ratio": "1.0" for asset in assets},
                **{f"paper.price.{asset}": prices[asset] for asset in assets},
                **{f"paper.collateral.{asset}": posted[asset] for asset in assets},
                **(flags or {}),
            },
        )
        kill_file = self.folder / "hedgebot.kill"
        gate = SignGate(self.clock, KillFile(kill_file))
        venue = PaperExchange(
            self.clock,
            f"sqlite:///{self.folder / 'paper.db'}",
            settings.paper.price,
            settings.paper.collateral,
            seed=settings.paper.seed,
            feed=SyntheticFeed if fed else None,
            matching=matching,
            spread_bps=spread_bps,
            spot=settings.paper.wallet,
            latency_ms=latency_ms,
            gate=gate,
        )
        name = f"record-{len(self.running)}.db" if fresh_record else "hedgebot.db"
        store = Recorder.open(f"sqlite:///{self.folder / name}", account="main", venue="paper", environment=None, instance="t1")
        async with open_measures(venue, settings, self.clock) as measuring:  # on paper nothing is held open
            engine = await started(
                store,
                venue,
                document,
                settings,
                self.clock,
                gate,
                live_flag=live_flag,
                dry_flag=dry_flag,
                adopt=adopt,
                measuring=measuring,
                holdings=holdings,
            )
        bot = Bot(engine, store, venue, self.clock, kill_file, document)
        self.running.append(bot)
        return bot

    async def end(self, bot: Bot) -> None:
        """As a process that was killed: nothing is cancelled, nothing is said."""
        self.running.remove(bot)
        await bot.venue.close()
        bot.store.close()

    def close(self) -> None:
        for bot in self.running:
            bot.store.close()
            bot.venue._keeper.store.close()


def in_full(bot: Bot) -> bool:
    """Is the standard bag of 5 BTC hedged, but for a lot and what fees took?"""
    return -3000 <= bot.contracts["BTC"] <= -2985


def only(bot: Bot) -> Decimal:
    """The one leg's δ."""
    (leg,) = bot.decision.legs
    assert leg.delta_coins is not None
    return leg.delta_coins


async def working(bots: "Bots", **more: object) -> "Bot":
    """A bot with an order resting at the venue."""
    bot = await bots.start(fed=False, matching="print", **more)
    await bot.turns(2)
    assert bot.engine.state.legs[0].working is not None
    return bot
