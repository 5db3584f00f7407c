"""Which parts make a bot? The only file that names an adapter: live, dry-run, paper and replay side by side."""

import os
import random
import secrets
import socket
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict
from urllib.parse import quote

import structlog

from adapters.clock import SystemClock, VirtualClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_feed import Feed, Opened, Print, ScriptedFeed, SyntheticFeed
from adapters.history import Bar, Rate, instant_ms, read_bars, read_rates
from adapters.holdings.declared import DeclaredBag
from adapters.kill_file import KillFile
from adapters.notify import LogNotifier
from bot.audit.store import Store
from bot.core.decide import RULES_VERSION
from bot.core.events import CommandGiven, RunStarted
from bot.core.ledger import fold
from bot.core.model import Instrument, Kind, Rules, State
from bot.engine import Engine, Parts
from bot.gate import Sealed, SignGate
from bot.metrics import Metrics, program_version
from bot.ports import Clock, Exchange, KillSwitch, Misconfigured, Notifier, Targets
from bot.replay import Happening, Replay, Unrecorded, fundings, prices, words
from bot.settings import Settings, config_hash, defaulted_limits, to_rules

if TYPE_CHECKING:
    from adapters.targets.document import TargetDocument

log = structlog.get_logger("hedgebot")
REPLAY_INSTANCE: Final = "00"
DEMO_RECORD_EVERY_MS: Final = 3_600_000  # of virtual time: what acts or changes its reason is on record anyhow


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


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite address; None in memory and on a server."""
    name = url.removeprefix("sqlite:///")
    return None if name == url or name in {"", ":memory:"} else Path(name)


def recorded_state(settings: Settings) -> State | None:
    """What the record remembers, read beside whoever leads; None where there is no record yet. Raise Misconfigured."""
    file = sqlite_file(settings.audit.url)
    if file is not None and not file.exists():
        return None
    with closing(read_store(settings)) as store:
        return store.state()


def real_time() -> Clock:
    return SystemClock()


def kill_switch(settings: Settings) -> KillSwitch:
    return KillFile(Path(settings.kill_file))


def holder() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()}"


# ------------------------------------------------------------------------------------------------------------------ the venue


def open_exchange(settings: Settings, clock: Clock, gate: SignGate | None) -> Exchange:
    """The venue of the configuration. Raise Misconfigured."""
    if settings.venue.name != "paper":
        return open_real(settings, clock, gate)
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


def open_real(settings: Settings, clock: Clock, gate: SignGate | None) -> Exchange:
    """A venue behind the network; nothing is sent yet. Raise Misconfigured."""
    from adapters.ccxt_client import Keys  # whoever trades on paper loads no client
    from adapters.exchanges.ccxt_open import open_venue, sheet

    venue = settings.venue
    unproven = not sheet(venue.name).tested or venue.environment == "production"  # a changed contract would not be noticed there yet
    if settings.mode == "live" and unproven and not venue.untested_ok:
        raise Misconfigured(
            f"venue {venue.name} in environment {venue.environment} is unproven in this version: use a test environment or "
            f"`mode: dry-run`, or write `venue.untested_ok: true` to arm it anyway"
        )
    secrets_ = (venue.api_key, venue.api_secret, venue.passphrase)
    return open_venue(
        venue.name,
        venue.environment,
        Keys(*(None if secret is None else secret.get_secret_value() for secret in secrets_)),
        clock,
        gate,
        base_url=venue.base_url,
        allow_base_url_production=venue.allow_base_url_production,
        linear=any(settings.kind(asset) is Kind.LINEAR for asset in settings.hedges),
    )


async def fit_to_hedge(exchange: Exchange, settings: Settings, symbols: Sequence[str], clock: Clock) -> None:
    """Pre-flight of a real venue, once it is connected. Raise Misconfigured with the first thing that must change."""
    if settings.venue.name == "paper" or settings.venue.api_key is None:
        return
    from adapters.exchanges.ccxt_exchange import CcxtExchange
    from adapters.exchanges.preflight import preflight

    assert isinstance(exchange, CcxtExchange)
    found = await preflight(
        exchange, symbols, clock, min_order_usd=settings.band.min_order_usd, allow_withdraw_key=settings.venue.allow_withdraw_key
    )
    for finding in found:
        (log.error if finding.severity == "error" else log.warning)("preflight", what=finding.what, next=finding.remedy)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        raise Misconfigured("; ".join(str(finding) for finding in errors) + "; nothing was sent")


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
    notifier: Notifier | None = None,
    record_every_ms: int | None = 60_000,
) -> Engine:
    """Take the lease, put the start on record, connect. Raise PortError."""
    rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
    instruments = await exchange.connect([leg.symbol for leg in rules.legs])
    await fit_to_hedge(exchange, settings, list(instruments), clock)
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
    gate.lease_held = True
    return Engine(
        Parts(
            **common_parts(settings, start, exchange, clock, gate),
            targets=targets,
            audit=store,
            instruments=instruments,
            metrics=metrics,
            notifier=notifier,
            record_every_ms=record_every_ms,
        ),
        fold(state, start),
    )


class CommonParts(TypedDict):
    """What every engine is given, whether its time and its record are real or not."""

    rules: Rules
    config_hash: str
    exchange: Exchange
    holdings: DeclaredBag
    clock: Clock
    gate: SignGate
    cycle_ms: int
    run_id: str


def common_parts(settings: Settings, start: RunStarted, exchange: Exchange, clock: Clock, gate: SignGate) -> CommonParts:
    return CommonParts(
        rules=start.rules,
        config_hash=start.config_hash,
        exchange=exchange,
        holdings=DeclaredBag({asset: held.coins for asset, held in settings.bag.items()}),
        clock=clock,
        gate=gate,
        cycle_ms=int(settings.cycle_seconds * 1000),
        run_id=start.run_id,
    )


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
    gate = SignGate(clock, kill_switch(settings))
    async with AsyncExitStack() as closing_time:
        store = closing_time.enter_context(closing(open_store(settings)))
        exchange = open_exchange(settings, clock, gate)
        closing_time.push_async_callback(exchange.close)
        targets = open_targets(settings, clock)
        if targets is not None:
            closing_time.push_async_callback(targets.close)
        metrics = Metrics(settings.account, settings.venue.name, tuple(sorted(settings.hedges)))
        engine = await started(
            store,
            exchange,
            targets,
            settings,
            clock,
            gate,
            live_flag=live_flag,
            dry_flag=dry_flag,
            adopt=adopt,
            metrics=metrics,
            notifier=LogNotifier(),
        )
        metrics.lease(True)
        metrics.clock_skew((await exchange.server_time_ms() - clock.now_ms()) / 1000)
        for key, value in defaulted_limits(settings):
            log.info("limit.default", key=key, value=value)
        yield Wired(engine, store, metrics, engine.parts.run_id)


# ------------------------------------------------------------------------------------------------------------------ looking only


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[Engine]:
    """An engine that reads and decides beside whoever leads: it signs nothing, records nothing and leaves the paper venue as it is."""
    clock = SystemClock()
    gate = Sealed(clock, kill_switch(settings))
    remembered = recorded_state(settings) or State(account=settings.account, instance=REPLAY_INSTANCE)
    with paper_aside(settings) as aside:
        exchange = open_exchange(aside, clock, gate)
        try:
            rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
            instruments = await exchange.connect([leg.symbol for leg in rules.legs])
            require_every_leg(remembered, rules)
            yield unrecorded_engine(settings, rules, instruments, exchange, clock, gate, remembered, run_id="plan", armed=False)
        finally:
            await exchange.close()


@contextmanager
def paper_aside(settings: Settings) -> Iterator[Settings]:
    """The same settings over a copy of the paper venue's database, or over one in memory where there is none yet."""
    if settings.venue.name != "paper":
        yield settings
        return
    file = sqlite_file(settings.paper.url)
    with tempfile.TemporaryDirectory(prefix="hedgebot-") as folder:
        url = "sqlite://"
        if file is not None and file.exists():
            url = f"sqlite:///{folder}/{file.name}"
            try:
                with (
                    closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as venue,
                    closing(sqlite3.connect(f"{folder}/{file.name}")) as copy,
                ):
                    venue.backup(copy)
            except sqlite3.Error as error:
                raise Misconfigured(f"paper.url: {file} cannot be read ({error}); name the paper venue's own database") from error
        yield settings.model_copy(update={"paper": settings.paper.model_copy(update={"url": url})})


# ------------------------------------------------------------------------------------------------------------------ replay


@dataclass(frozen=True, slots=True)
class History:
    """What a replay runs on, by asset."""

    bars: Mapping[str, Path]
    rates: Mapping[str, Path]
    from_ms: int | None = None
    to_ms: int | None = None
    allow_gaps: bool = False


def instant(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 date or time, UTC if it names no zone. Raise ValueError."""
    return instant_ms(text)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A history that was read."""

    bars: Mapping[str, Sequence[Bar]]
    rates: Mapping[str, Sequence[Rate]]


def recorded(history: History) -> Recorded:
    """Raise HistoryError naming file and line."""
    since, until = history.from_ms, history.to_ms
    return Recorded(
        {asset: read_bars(path, from_ms=since, to_ms=until, allow_gaps=history.allow_gaps) for asset, path in history.bars.items()},
        {asset: read_rates(path, from_ms=since, to_ms=until) for asset, path in history.rates.items()},
    )


async def replay(settings: Settings, history: History | Recorded, commands: Sequence[CommandGiven] = ()) -> Replay:
    """The same engine and paper exchange in virtual time, armed, with nothing on disk."""
    read = recorded(history) if isinstance(history, History) else history
    bars, rates = read.bars, read.rates
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
    empty = State(account=rules.account, instance=REPLAY_INSTANCE)
    engine = unrecorded_engine(settings, rules, instruments, exchange, clock, gate, empty, run_id="replay", armed=True)
    bag = {asset: held.coins for asset, held in settings.bag.items()}
    timeline = [
        *(prices(asset, [bar.prints() for bar in one]) for asset, one in bars.items()),
        *(fundings(asset, [(rate.at_ms, rate.rate) for rate in one]) for asset, one in rates.items()),
        words(commands),
    ]
    return Replay(engine, exchange, clock, bag, settings.paper.collateral, timeline)


def unrecorded_engine(
    settings: Settings,
    rules: Rules,
    instruments: dict[str, Instrument],
    exchange: Exchange,
    clock: Clock,
    gate: SignGate,
    remembered: State,
    *,
    run_id: str,
    armed: bool,
) -> Engine:
    """An engine that goes on from `remembered` and whose own record is kept nowhere."""
    start = RunStarted(run_id, program_version(), 1, config_hash(settings), rules, rules.live, armed, armed, clock.now_ms())
    state = fold(remembered, start)
    gate.lease_held = True
    common = common_parts(settings, start, exchange, clock, gate)
    return Engine(Parts(**common, targets=None, audit=Unrecorded(state), instruments=instruments, record_every_ms=None), state)


# ------------------------------------------------------------------------------------------------------------------ demo


@dataclass(frozen=True, slots=True)
class Demo:
    """A run in virtual time whose record and venue lie on disk, as in earnest."""

    replay: Replay
    engine: Engine
    store: Store
    run_id: str


@asynccontextmanager
async def demo(settings: Settings, starts_ms: int, timeline: Sequence[Iterator[Happening]]) -> AsyncIterator[Demo]:
    """Everything real but the time: durable commits, the lease, the paper venue's own database."""
    clock = VirtualClock(starts_ms)
    gate = SignGate(clock, kill_switch(settings))
    with closing(open_store(settings)) as store:
        exchange = PaperExchange(
            clock,
            settings.paper.url,
            settings.paper.price,
            settings.paper.collateral,
            spread_bps=settings.paper.spread_bps,
            seed=settings.paper.seed,
            matching="print",
            gate=gate,
        )
        try:
            engine = await started(store, exchange, None, settings, clock, gate, live_flag=True, record_every_ms=DEMO_RECORD_EVERY_MS)
            bag = {asset: held.coins for asset, held in settings.bag.items()}
            yield Demo(Replay(engine, exchange, clock, bag, settings.paper.collateral, timeline), engine, store, engine.parts.run_id)
        finally:
            await exchange.close()
