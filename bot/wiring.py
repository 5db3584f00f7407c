"""Which parts make a bot? The only file that names an adapter: live, dry-run, paper and replay side by side."""

import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from adapters.clock import SystemClock, VirtualClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_feed import Feed, Opened, Print, ScriptedFeed, SyntheticFeed
from adapters.history import read_bars, read_rates
from adapters.holdings.declared import DeclaredBag
from adapters.kill_file import KillFile
from bot.audit.store import Store
from bot.core.decide import RULES_VERSION
from bot.core.events import CommandGiven, RunStarted
from bot.core.ledger import fold
from bot.core.model import Instrument, Rules, State
from bot.engine import Engine, Parts
from bot.gate import SignGate
from bot.metrics import Metrics, program_version
from bot.ports import AuditLog, Clock, Exchange, Misconfigured, Targets
from bot.replay import Replay, Unrecorded, fundings, prices, words
from bot.settings import Settings, config_hash, defaulted_limits, to_rules

if TYPE_CHECKING:
    from adapters.targets.document import TargetDocument

log = structlog.get_logger("hedgebot")
REPLAY_INSTANCE: Final = "00"


@dataclass(frozen=True, slots=True)
class Wired:
    """A bot that leads its account, ready to turn."""

    engine: Engine
    store: Store
    metrics: Metrics
    run_id: str


class NoKillSwitch:
    """For virtual time: nobody can pull a plug there."""

    def read(self) -> bool | None:
        return False

    def set(self, reason: str) -> None:
        return None

    def clear(self) -> None:
        return None


# ------------------------------------------------------------------------------------------------------------------ the record


def password(settings: Settings) -> str | None:
    secret = settings.audit.password
    return None if secret is None else secret.get_secret_value()


def open_store(settings: Settings) -> Store:
    """The audit database, to lead and to write. Raise Misconfigured."""
    return Store.open(
        settings.audit.url,
        account=settings.account,
        venue=settings.venue.name,
        environment=settings.venue.environment,
        password=password(settings),
    )


def read_store(settings: Settings) -> Store:
    """The audit database, to read beside a running bot. Raise Misconfigured."""
    return Store.read(
        settings.audit.url,
        account=settings.account,
        venue=settings.venue.name,
        environment=settings.venue.environment,
        password=password(settings),
    )


def holder() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()}"


# ------------------------------------------------------------------------------------------------------------------ the venue


def open_exchange(settings: Settings, clock: Clock, gate: SignGate | None) -> PaperExchange:
    """The venue of the configuration. Raise Misconfigured."""
    if settings.venue.name != "paper":
        raise Misconfigured(f"venue {settings.venue.name} is not available in this version; `hedgebot venues` lists what is")
    paper = settings.paper
    assets = dict.fromkeys(settings.hedges)
    return PaperExchange(
        clock,
        paper.url,
        {asset: paper.price.get(asset) or first_price(settings, asset) for asset in assets},
        paper.collateral,
        spread_bps=paper.spread_bps,
        seed=paper.seed,
        feed=lambda opened: open_feed(settings, opened),
        matching="book",
        gate=gate,
    )


def first_price(settings: Settings, asset: str) -> Decimal:
    return read_bars(Path(settings.paper.feed), allow_gaps=True)[0].open


def open_feed(settings: Settings, opened: Opened) -> Feed:
    """Synthetic prices, or a file replayed from the moment the venue was made."""
    if settings.paper.feed == "synthetic":
        return SyntheticFeed(opened)
    if settings.paper.feed.startswith("live:"):
        raise Misconfigured(f"paper.feed {settings.paper.feed} is not available in this version: use synthetic or a CSV file")
    bars = read_bars(Path(settings.paper.feed), allow_gaps=True)
    shift = opened.born_ms - bars[0].at_ms
    asset = next(iter(settings.hedges))
    return ScriptedFeed([Print(asset, price, at_ms + shift) for bar in bars for at_ms, price in bar.prints()])


def open_targets(settings: Settings, clock: Clock) -> "TargetDocument | None":
    document = settings.targets
    if document is None:
        return None
    import httpx  # only who reads a document pays for the client

    from adapters.targets.document import TargetDocument

    return TargetDocument(
        httpx.AsyncClient(),
        document.url,
        poll_ms=int(document.poll_seconds * 1000),
        max_age_ms=int(document.max_age_seconds * 1000),
        clock=clock,
        assets=tuple(settings.hedges),
        allow_over_hedge=settings.risk.allow_over_hedge,
        chance=random.Random(),  # noqa: S311  # jitter, not a secret
    )


# ------------------------------------------------------------------------------------------------------------------ the bot


async def started(
    store: Store,
    exchange: Exchange,
    targets: Targets | None,
    settings: Settings,
    clock: Clock,
    gate: SignGate,
    *,
    live_flag: bool = False,
    dry_flag: bool = False,
    adopt: bool = False,
    metrics: Metrics | None = None,
    record_every_ms: int | None = 60_000,
) -> Engine:
    """Take the lease, put the start on record, connect. Raise PortError."""
    rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
    instruments = await exchange.connect([leg.symbol for leg in rules.legs])
    epoch = store.lead(holder())
    state = store.state()
    require_every_leg(state, rules)
    run_id = secrets.token_hex(8)
    start = RunStarted(
        run_id=run_id,
        program_version=program_version(),
        epoch=epoch,
        config_hash=config_hash(settings),
        rules=rules,
        live=rules.live,
        armed=armed_at_start(state, rules, live_flag=live_flag, dry_flag=dry_flag),
        adopt=adopt,
        at_ms=clock.now_ms(),
    )
    await store.append([start])
    state = fold(state, start)
    gate.lease_held = True
    parts = Parts(
        rules=rules,
        config_hash=start.config_hash,
        exchange=exchange,
        holdings=DeclaredBag({asset: held.coins for asset, held in settings.bag.items()}),
        targets=targets,
        clock=clock,
        audit=store,
        gate=gate,
        instruments=instruments,
        cycle_ms=int(settings.cycle_seconds * 1000),
        run_id=run_id,
        metrics=metrics,
        record_every_ms=record_every_ms,
    )
    return Engine(parts, state)


def armed_at_start(state: State, rules: Rules, *, live_flag: bool, dry_flag: bool) -> bool:
    """Armed if `mode: live` and the last stored word is `dry-run off`, or, with none stored, --live was given."""
    if not rules.live or dry_flag:
        return False
    return live_flag if state.dry_run_word is None else not state.dry_run_word


def require_every_leg(state: State, rules: Rules) -> None:
    """A hedge that is open may not be forgotten by editing a file."""
    named = {rule.asset for rule in rules.legs}
    forgotten = [leg for leg in state.legs if leg.asset not in named and (leg.contracts or leg.working)]
    if forgotten:
        leg = forgotten[0]
        raise Misconfigured(
            f"hedges.{leg.asset} is gone from the configuration, but {leg.symbol} holds {leg.contracts} contracts; nothing was sent: "
            f"put it back with `ratio: 0` until it is flat, or close it by hand and start with a new audit database"
        )


@asynccontextmanager
async def wired(settings: Settings, *, live_flag: bool = False, dry_flag: bool = False, adopt: bool = False) -> AsyncIterator[Wired]:
    """A bot in real time. Everything is closed again, and the lease released, whatever happens."""
    clock = SystemClock()
    gate = SignGate(clock, KillFile(Path(settings.kill_file)))
    store = open_store(settings)
    try:
        exchange = open_exchange(settings, clock, gate)
        try:
            metrics = Metrics(settings.account, settings.venue.name, tuple(sorted(settings.hedges)))
            targets = open_targets(settings, clock)
            engine = await started(
                store, exchange, targets, settings, clock, gate, live_flag=live_flag, dry_flag=dry_flag, adopt=adopt, metrics=metrics
            )
            metrics.lease(True)
            metrics.clock_skew((await exchange.server_time_ms() - clock.now_ms()) / 1000)
            for key, value in defaulted_limits(settings):
                log.info("limit.default", key=key, value=value)
            yield Wired(engine, store, metrics, engine.parts.run_id)
            if targets is not None:
                await targets.close()
        finally:
            await exchange.close()
    finally:
        store.close()


# ------------------------------------------------------------------------------------------------------------------ replay


@dataclass(frozen=True, slots=True)
class History:
    """What a replay runs on, by asset."""

    bars: Mapping[str, Path]
    rates: Mapping[str, Path]
    from_ms: int | None = None
    to_ms: int | None = None
    allow_gaps: bool = False


async def replay(settings: Settings, history: History, commands: Sequence[CommandGiven] = ()) -> Replay:
    """The same engine and paper exchange in virtual time, armed, with nothing on disk."""
    since, until = history.from_ms, history.to_ms
    bars = {asset: read_bars(path, from_ms=since, to_ms=until, allow_gaps=history.allow_gaps) for asset, path in history.bars.items()}
    rates = {asset: read_rates(path, from_ms=since, to_ms=until) for asset, path in history.rates.items()}
    starts_ms = min(one[0].at_ms for one in bars.values())
    clock = VirtualClock(starts_ms)
    gate = SignGate(clock, NoKillSwitch())
    exchange = PaperExchange(
        clock,
        "sqlite://",
        {asset: one[0].open for asset, one in bars.items()},
        settings.paper.collateral,
        spread_bps=settings.paper.spread_bps,
        seed=settings.paper.seed,
        matching="print",
        synchronous="OFF",
        gate=gate,
    )
    rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
    instruments = await exchange.connect([leg.symbol for leg in rules.legs])
    engine = virtual_engine(settings, rules, instruments, exchange, clock, gate)
    bag = {asset: held.coins for asset, held in settings.bag.items()}
    timeline = [
        *(prices(asset, [bar.prints() for bar in one]) for asset, one in bars.items()),
        *(fundings(asset, [(rate.at_ms, rate.rate) for rate in one]) for asset, one in rates.items()),
        words(commands),
    ]
    return Replay(engine, exchange, clock, bag, settings.paper.collateral, timeline)


def virtual_engine(
    settings: Settings, rules: Rules, instruments: dict[str, Instrument], exchange: Exchange, clock: VirtualClock, gate: SignGate
) -> Engine:
    """An armed engine whose record is kept nowhere."""
    start = RunStarted("replay", program_version(), 1, config_hash(settings), rules, True, True, True, clock.now_ms())
    state = fold(State(account=rules.account, instance=REPLAY_INSTANCE), start)
    audit: AuditLog = Unrecorded(state)
    gate.lease_held = True
    parts = Parts(
        rules=rules,
        config_hash=start.config_hash,
        exchange=exchange,
        holdings=DeclaredBag({asset: held.coins for asset, held in settings.bag.items()}),
        targets=None,
        clock=clock,
        audit=audit,
        gate=gate,
        instruments=instruments,
        cycle_ms=int(settings.cycle_seconds * 1000),
        run_id=start.run_id,
        record_every_ms=None,
    )
    return Engine(parts, state)
