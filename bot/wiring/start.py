"""How does a bot start, and what does one need that only looks?"""

import asyncio
import secrets
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

import structlog

from adapters.clock import SystemClock
from bot.audit.lease import TTL_MS
from bot.audit.store import Store
from bot.commanding import heeded
from bot.core.decide import RULES_VERSION
from bot.core.events import RunStarted
from bot.core.ledger import OVERLAP_MS, fold
from bot.core.memory import LegState, State
from bot.core.model import Ask
from bot.core.release import RELEASE, WayToFlat, way_to_flat
from bot.core.rules import Rules
from bot.engine import Engine, Parts
from bot.event_loop import beside
from bot.gate import Sealed, SignGate
from bot.leading import lead, newest_epoch, proving, takeover_wait_ms
from bot.metrics import Metrics
from bot.ports import Clock, Exchange, Holdings, Misconfigured, Notifier, NotReady, Targets, Unlisted
from bot.program import program_version
from bot.settings import Settings, config_hash, defaulted_limits, to_rules
from bot.settings_values import sqlite_file
from bot.wiring.bag import open_bag
from bot.wiring.choice import chosen
from bot.wiring.fit import fit_to_hedge, refuse_what_check_refuses, require_key, sealed
from bot.wiring.measures import NOTHING_MEASURED, Measuring, open_measures
from bot.wiring.notify import open_notifier
from bot.wiring.record import holder, open_store, recorded_state
from bot.wiring.unheeded import unheeded
from bot.wiring.unrecorded import NOBODY, common_parts, unrecorded_engine
from bot.wiring.venue import countdown, kill_switch, open_document, open_exchange, open_streams

log = structlog.get_logger("hedgebot")
LOOKS: Final = 3  # at own orders and trades before a start is given up


@dataclass(frozen=True, slots=True)
class Wired:
    """A bot that leads its account, ready to turn."""

    engine: Engine
    store: Store
    metrics: Metrics
    run_id: str


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
    run_id: str | None = None,
    over_beat_ms: int | None = None,
    holdings: Holdings | None = None,
    measuring: Measuring = NOTHING_MEASURED,
) -> Engine:
    """Take the lease, put the start on record, connect. Raise PortError. `run_id` is drawn unless a run must repeat exactly."""
    rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
    try:
        instruments = await exchange.connect([leg.symbol for leg in rules.legs])
    except Unlisted as error:
        raise with_way_out(error, await store.aside(store.state)) from None
    by_word = await fit_to_hedge(exchange, settings, list(instruments), clock)
    gate.lease_ttl_ms = store.ttl_ms
    gate.lease_proven(clock.mono_ms())
    await lead(store, holder(), clock, over_beat_ms)
    wait_ms = await store.aside(partial(takeover_wait_ms, store, exchange.absence_ms))
    state = await store.aside(store.state)
    armed = armed_at_start(state, rules, live_flag=live_flag, dry_flag=dry_flag)
    if armed:
        require_key(settings)
    require_every_leg(settings, state, rules, clock.now_ms())
    require_a_horizon_ahead(settings, state, clock.now_ms())
    if wait_ms:
        log.warning("takeover.waiting", seconds=wait_ms / 1000, why="the run before did not end cleanly: its requests may be under way")
        async with proving(store, gate, clock, lambda: None):
            await clock.sleep_ms(wait_ms)
    seen = state.epoch if sealed(settings) else await epochs_seen(exchange, state, rules, clock)
    epoch = await store.aside(partial(store.raise_epoch, seen))
    start = RunStarted(
        run_id=run_id or secrets.token_hex(8),
        program_version=program_version(),
        epoch=epoch,
        config_hash=config_hash(settings),
        rules=rules,
        live=rules.live,
        armed=armed,
        adopt=adopt,
        at_ms=clock.now_ms(),
        overrides=by_word,
    )
    await store.append([start])
    gate.lease_held = True
    if why := sealed(settings):
        log.warning("run.sealed", why=why, did="reads prices, plans nothing, sends nothing")
    return Engine(
        Parts(
            **common_parts(settings, start, exchange, clock, gate, holdings),
            targets=targets,
            audit=store,
            instruments=instruments,
            metrics=metrics,
            notifier=notifier,
            measures=measuring.measures,
            crosses=measuring.crosses,
            record_every_ms=record_every_ms,
            countdown=countdown(settings, exchange),
            sealed=sealed(settings),
        ),
        fold(state, start),
    )


async def epochs_seen(exchange: Exchange, state: State, rules: Rules, clock: Clock) -> int:
    """The highest epoch that our own tags at the venue bear: more than the record knows, if that was restored from a backup.

    Raise NotReady if the venue does not tell although orders may be sent.
    """
    if not state.epoch:
        return 0
    connected = {rule.symbol for rule in rules.legs}
    asks = [
        Ask(leg.symbol, max(leg.charged_at_ms, leg.fills_cursor_ms - OVERLAP_MS), clock.now_ms())
        for leg in state.legs
        if leg.contracts is not None and leg.symbol in connected
    ]
    for _ in range(LOOKS):
        views = await exchange.look(asks)
        if all(view.open_orders is not None and view.fills is not None for view in views) or not rules.live:
            return newest_epoch(views, state.instance, state.epoch)
        await clock.sleep_ms(1_000)
    why = "; ".join(error for view in views for error in view.errors)
    raise NotReady(f"own orders and trades could not be read at the start ({why}); nothing was sent: start again when the venue answers")


def with_way_out(error: Unlisted, remembered: State) -> Misconfigured:
    """The same, with what to do where the venue took away what the record hedges with."""
    leg = next((leg for leg in remembered.legs if leg.symbol == error.symbol and leg.contracts is not None), None)
    if leg is None:
        return error
    first = f"{releasing(leg)}, then " if leg.is_open else ""
    way_out = f"{first}take hedges.{leg.asset} out of the configuration or write another instrument"
    return Misconfigured(f"{error}. It was hedged with until now; nothing was sent: if the venue took it away, {way_out}")


def releasing(leg: LegState) -> str:
    return f"`hedgebot {RELEASE} {leg.asset} --reason …`"


def armed_at_start(state: State, rules: Rules, *, live_flag: bool, dry_flag: bool) -> bool:
    """Armed if `mode: live` and the last stored word is `dry-run off`, or, with none stored, --live was given."""
    if not rules.live or dry_flag:
        return False
    return live_flag if state.dry_run_word is None else not state.dry_run_word


def require_every_leg(settings: Settings, state: State, rules: Rules, now_ms: int) -> None:
    """A hedge that is open may not be forgotten by editing a file."""
    symbols = {rule.asset: rule.symbol for rule in rules.legs}
    lost = [leg for leg in state.legs if symbols.get(leg.asset) != leg.symbol and leg.is_open]
    if not lost:
        return
    leg = lost[0]
    way = to_flat(settings, state, leg.asset, now_ms)
    closed = f"or, if the venue or somebody else closed it, {releasing(leg)}"
    if leg.asset in symbols:
        raise Misconfigured(
            f"hedges.{leg.asset}.instrument is {symbols[leg.asset]} now, but the hedge of {leg.asset} is open in {leg.symbol} "
            f"({leg.contracts} contracts); nothing was sent: write `instrument: {leg.symbol}` with {way.how} until it is flat, "
            f"then change it{way.after}, {closed} first"
        )
    if leg.asset in settings.crosses:
        raise Misconfigured(
            f"hedges.{leg.asset} has a cross now, but the hedge of {leg.asset} is open in {leg.symbol} ({leg.contracts} contracts); "
            f"nothing was sent: write it without `cross`, with {way.how} until it is flat, then put the cross back{way.after}, "
            f"{closed} first"
        )
    then = f", then take it out, of the document too,{way.after}" if way.after else ""
    raise Misconfigured(
        f"hedges.{leg.asset} is gone from the configuration, but {leg.symbol} holds {leg.contracts} contracts; nothing was sent: "
        f"put it back with {way.how} until it is flat{then}, {closed}"
    )


def to_flat(settings: Settings, state: State, asset: str, now_ms: int) -> WayToFlat:
    """With this configuration, and with what the operator said."""
    carried = [one for one, cross in sorted(settings.crosses.items()) if cross.with_ == asset]
    return way_to_flat(asset, carried, state.targets, document=settings.targets is not None, now_ms=now_ms)


def require_a_horizon_ahead(settings: Settings, state: State, now_ms: int) -> None:
    """A new hedge that could never be, or never whole, is a mistake. One that is in our charge goes on, and unwinds."""
    ours = {leg.asset for leg in state.legs if leg.contracts is not None} | {one.asset for one in state.crosses if one.ratio is not None}
    for asset, hedge in settings.hedges.items():
        for key, problem, remedy in hedge.policies.pointless_at(now_ms):
            if asset in ours:
                log.warning("policy.pointless", key=f"hedges.{asset}.policies.{key}", what=problem, next=remedy)
            else:
                raise Misconfigured(f"hedges.{asset}.policies.{key} {problem}; nothing was sent: {remedy}")


def metrics_of(settings: Settings) -> Metrics:
    """What is shown to Prometheus of one account."""
    crosses = tuple((asset, cross.with_) for asset, cross in sorted(settings.crosses.items()))
    sources = tuple((asset, name) for asset, held in settings.outside.items() for name in held.read)
    legs = tuple(sorted(settings.legs))
    return Metrics(settings.account, settings.venue.name, legs, crosses, sources, document=settings.targets is not None)


@asynccontextmanager
async def wired(
    settings: Settings,
    *,
    live_flag: bool = False,
    dry_flag: bool = False,
    adopt: bool = False,
    absence: tuple[int, int] | None = None,
    ttl_ms: int = TTL_MS,
    over_beat_ms: int | None = None,
) -> AsyncIterator[Wired]:
    """A bot in real time. Everything is closed again, and the lease released, whatever happens.

    `absence`: as in `open_exchange`; `ttl_ms`: of the lease, on a server; `over_beat_ms`: as in `Store.lead`.
    """
    refuse_what_check_refuses(settings)
    clock = SystemClock()
    gate = SignGate(clock, kill_switch(settings))
    async with AsyncExitStack() as closing_time:
        store = await asyncio.to_thread(open_store, settings, ttl_ms=ttl_ms)  # a server may answer late; other accounts go on trading
        closing_time.push_async_callback(asyncio.to_thread, store.close)  # a file is tidied up then
        for found in unheeded(settings):
            log.warning("setting.unheeded", key=found.key, what=found.problem, next=found.remedy)
        exchange = open_exchange(settings, clock, gate, absence)
        closing_time.push_async_callback(exchange.close)
        settings = await chosen(exchange, settings, await store.aside(store.state))
        targets = await closing_time.enter_async_context(open_document(settings, clock))
        notifier = open_notifier(settings, clock)
        closing_time.push_async_callback(notifier.close)
        holdings = await closing_time.enter_async_context(open_bag(settings, clock))
        measuring = await closing_time.enter_async_context(open_measures(exchange, settings, clock))
        metrics = metrics_of(settings)
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
            notifier=notifier,
            over_beat_ms=over_beat_ms,
            holdings=holdings,
            measuring=measuring,
        )
        store.hurry(engine.hurried)
        await closing_time.enter_async_context(beside(heeded(engine.hurried, engine.wake.set), "kill file"))
        await closing_time.enter_async_context(proving(store, gate, clock, engine.wake.set))
        metrics.lease(True)
        metrics.clock_skew((await exchange.server_time_ms() - clock.now_ms()) / 1000)
        for key, value in defaulted_limits(settings):
            log.info("limit.default", key=key, value=value)
        await closing_time.enter_async_context(open_streams(exchange, settings, clock, engine.wake.set, metrics.stream))
        yield Wired(engine, store, metrics, engine.parts.run_id)


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[Engine]:
    """An engine that reads and decides beside whoever leads: it signs nothing, records nothing and leaves the paper venue as it is."""
    clock = SystemClock()
    gate = Sealed(clock, kill_switch(settings))
    remembered = recorded_state(settings) or State(account=settings.account, instance=NOBODY)
    with paper_aside(settings) as aside:
        exchange = open_exchange(aside, clock, gate)
        try:
            settings = await chosen(exchange, settings, remembered)
            rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
            try:
                instruments = await exchange.connect([leg.symbol for leg in rules.legs])
            except Unlisted as error:
                raise with_way_out(error, remembered) from None
            require_every_leg(settings, remembered, rules, clock.now_ms())
            async with (
                open_document(settings, clock) as targets,
                open_bag(settings, clock) as holdings,
                open_measures(exchange, settings, clock) as measuring,
            ):
                yield unrecorded_engine(
                    settings,
                    rules,
                    instruments,
                    exchange,
                    clock,
                    gate,
                    remembered,
                    run_id="plan",
                    armed=False,
                    measuring=measuring,
                    holdings=holdings,
                    targets=targets,
                )
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
