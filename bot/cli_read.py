"""What does a bot hold, plan and remember? Commands that only read: beside a running bot, or from what it left on record."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from bot.audit.database import Unreadable
from bot.audit.store import NothingYet, Store
from bot.cli_call import NoAnswer, address_here, ask, exact
from bot.cli_exit import Wrong, code_of, on_terminal, say
from bot.core.decide import RULES_VERSION, decide
from bot.core.decision import Mode
from bot.core.events import RunStarted
from bot.core.ledger import fold
from bot.core.leg import IN_DOUBT
from bot.core.memory import State
from bot.core.model import Snapshot
from bot.core.pin import halt
from bot.core.planner import is_ours
from bot.core.rules import Rules
from bot.exit_codes import Exit, worst
from bot.face import Status, iso_utc, plain, plan_json, status_json
from bot.ports import Misconfigured, NotSent, PortError
from bot.record_face import fills_json, orders_json
from bot.settings import Settings, config_hash, overrides, to_rules
from bot.settings_values import sqlite_file
from bot.wiring.choice import as_recorded
from bot.wiring.record import PUT_BACK, forgotten, password, read_store, recorded_state
from bot.wiring.start import looking, require_every_leg
from bot.wiring.venue import real_time
from bot.workers import listed

WATCH_SECONDS: Final = 1.0


def leader(settings: Settings) -> str | None:
    """The name that the leading process left in the record. After a crash it may be that of a process which is gone."""
    file = sqlite_file(settings.audit.url)
    if file is not None and not file.exists():
        return None
    with closing(read_store(settings)) as store:
        return store.owner.holder


def from_bot(settings: Settings, path: str, *, otherwise: str, note: Callable[[str], None] = say) -> dict[str, Any] | None:
    """A running bot's answer; None if none is on record as running, or if it does not answer: then that is said."""
    try:
        name = leader(settings)
    except (Unreadable, NotSent) as unread:
        return without_record(settings, path, unread, note)
    if name is None:
        return None
    try:
        answer = ask(settings, "GET", path)
        said = exact(answer)
    except NoAnswer as error:
        note(
            f"note: by the record {name} leads account {settings.account}, but its API does not answer ({error}): it has just begun, "
            f"it hangs, or it died and the next `hedgebot run` goes on; {otherwise}"
        )
        return None
    if answer.is_success:
        return said
    note(f"note: the bot that leads account {settings.account} answered {answer.status_code}: {said.get('detail')}; {otherwise}")
    return None


def without_record(settings: Settings, path: str, unread: PortError, note: Callable[[str], None]) -> dict[str, Any]:
    """What a bot on this machine still knows. Raise `unread` where there is none of this account and venue."""
    try:
        answer = ask(settings, "GET", path, url=address_here(settings))
        said = exact(answer)
    except (NoAnswer, Wrong):
        raise unread from None
    asked = {"venue": settings.venue.name, "environment": settings.venue.environment}
    if not answer.is_success or any(said.get(name, value) != value for name, value in asked.items()):
        raise unread
    note(f"note: the record cannot be read ({unread}); this is what the bot on this machine says")
    return said


# ---------------------------------------------------------------------------------------------------------------- plan


def plan(settings: Settings) -> dict[str, Any]:
    """What the bot would do now."""
    told = from_bot(settings, "/api/v1/plan", otherwise="this plan was made beside it")
    return told if told is not None else asyncio.run(plan_beside(settings))


async def plan_beside(settings: Settings) -> dict[str, Any]:
    """Two turns of an engine that neither signs nor records: the first one never trades, the second one plans."""
    async with looking(settings) as engine:
        await engine.turn()
        await engine.turn()
        return plan_json(engine.status())


# ---------------------------------------------------------------------------------------------------------------- status


def status(settings: Settings, note: Callable[[str], None] = say) -> dict[str, Any]:
    """What the bot says, else what the record says; `note` hears which, where it is the record."""
    told = from_bot(settings, "/api/v1/status", otherwise="this is what the record says", note=note)
    if told is not None:
        return told
    with closing(read_store(settings)) as store:
        known = last_known(store, settings)
        if store.owner.holder is None:
            seen = "it has never looked at the venue" if known.as_of_ms is None else f"it looked last at {iso_utc(known.as_of_ms)}"
            note(f"note: no bot is running; {seen}")
        try:
            state = store.state()
            require_every_leg(settings, state, rules_of(as_recorded(settings, state)), real_time().now_ms())
        except Misconfigured as error:  # what stands open and no longer in the configuration is not in the answer either
            note(f"note: the next `hedgebot run` refuses: {error}")
        return status_json(known)


def rules_of(settings: Settings) -> Rules:
    return to_rules(settings, version=RULES_VERSION, absence_ms=0, absence_polls=1)


def last_known(store: Store, settings: Settings) -> Status:
    """What was seen last, judged by what the record says now: a stop is no reason to call an aligned hedge misaligned."""
    state, made, head = store.state(), store.last_decision(), store.head()
    settings = as_recorded(settings, state)
    rules = rules_of(settings)
    decision = None
    if made is not None:
        decision = decide(as_if_running(state, rules, config_hash(settings), made.seen.now_ms), without_ended(made.seen, state), rules)
    return Status(
        account=settings.account,
        venue=settings.venue.name,
        environment=settings.venue.environment,
        mode="live" if rules.live else "dry-run",
        armed=state.armed,
        state=state.mode,
        draining=state.draining,
        as_of_ms=None if made is None else made.seen.now_ms,
        cycle=state.cycle,
        decision=decision,
        seen=None if made is None else made.seen,
        open_orders=sum(1 for leg in state.legs if leg.working is not None and leg.working.status not in IN_DOUBT),
        unknown_orders=sum(1 for leg in state.legs if leg.working is not None and leg.working.status in IN_DOUBT),
        targets=state.targets,
        halted=state.killed,
        halted_legs=tuple((leg.asset, why) for leg in state.legs if (why := halt(leg)) is not None),
        seq=head.seq,
        head=head.hash,
        why_not_ready=("no decision is on record yet",),
        overrides=overrides(settings),
        bands=tuple((leg.asset, leg.band) for leg in rules.legs),
    )


def without_ended(seen: Snapshot, state: State) -> Snapshot:
    """What was seen, less the own orders that the record has seen end since."""
    unfinished = {leg.working.order.client_id for leg in state.legs if leg.working is not None}
    views = tuple(
        replace(
            view,
            open_orders=tuple(
                order for order in view.open_orders or () if not is_ours(order.client_id, state.instance) or order.client_id in unfinished
            ),
        )
        for view in seen.views
    )
    return replace(seen, views=views)


def as_if_running(state: State, rules: Rules, rules_hash: str, at_ms: int) -> State:
    """The same memory past the first look of a run under these rules."""
    armed = state.armed and rules.live
    start = RunStarted("status", "", state.epoch, rules_hash, rules, rules.live, armed, state.adopt, at_ms)
    return replace(fold(state, start), cycle=state.cycle, mode=Mode.WATCHING)


def statuses(accounts: Sequence[Settings], note: Callable[[str], None] = say) -> tuple[list[dict[str, Any]], Exit]:
    """Of every account that has one, and the worst that was in the way of another. With several, notes name the account."""
    found: list[dict[str, Any]] = []
    failed: list[tuple[str, Exception]] = []
    for settings in accounts:
        about = note if len(accounts) == 1 else lambda text, account=settings.account: note(f"{account}: {text}")
        try:
            found.append(status(settings, about))
        except (PortError, Wrong) as error:
            failed.append((settings.account, error))
    if len(failed) == len(accounts) and len({str(error) for _, error in failed}) == 1:  # they share a database
        raise failed[0][1]
    with suppress(PortError):
        for account, held in forgotten(accounts[0]).items():
            note(f"{account}: note: it left the configuration, and by the record it holds {held}: {PUT_BACK}")
    for account, why in failed:
        note(f"{account}: {'note' if isinstance(why, NothingYet) else 'error'}: {why}")
    return found, worst(code_of(why) or Exit.FAILURE for _, why in failed if not isinstance(why, NothingYet))


def together(said: Sequence[dict[str, Any]], *, several: bool) -> dict[str, Any]:
    """One document: of the only account, or of those of several that have anything to tell."""
    return {"accounts": list(said)} if several else said[0]


def leaders(accounts: Sequence[Settings]) -> list[dict[str, Any]]:
    return listed(accounts, password(accounts[0]))


def watch(accounts: Sequence[Settings], *, as_json: bool) -> None:
    """The status once a second until interrupted."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from bot.cli_show import answer_json, console, facts

    if not as_json and not on_terminal():
        raise Wrong(Exit.USAGE, "status --watch draws on a terminal, and there is none: add --json for one line each second")

    def drawn() -> Group:
        notes: list[str] = []
        said = [facts(one) for one in statuses(accounts, notes.append)[0]]
        return Group(*said, *(Text(note, "dim") for note in notes))

    with suppress(KeyboardInterrupt), told_to_end() as ended:
        while as_json and not ended.is_set():
            answer_json(together(statuses(accounts, lambda _: None)[0], several=len(accounts) > 1))
            ended.wait(WATCH_SECONDS)
        if not as_json:
            with Live(drawn(), console=console(), auto_refresh=False) as live:
                while not ended.wait(WATCH_SECONDS):
                    live.update(drawn(), refresh=True)


@contextmanager
def told_to_end() -> Iterator[threading.Event]:
    """Set by the first Ctrl-C: raised amidst a reading it can be lost, or leave a lock behind. The second one is raised."""
    ended = threading.Event()
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # whoever began us in the background has it ignored
        yield ended
        return

    def heard(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        ended.set()

    signal.signal(signal.SIGINT, heard)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# ---------------------------------------------------------------------------------------------------------------- record


def orders(settings: Settings, *, limit: int, open_only: bool) -> dict[str, Any]:
    with closing(read_store(settings)) as store:
        return {"orders": orders_json(store, store.orders(limit=limit, open_only=open_only))}


def fills(settings: Settings, *, limit: int) -> dict[str, Any]:
    with closing(read_store(settings)) as store:
        return {"fills": fills_json(store, store.fills(limit=limit))}


def targets(settings: Settings) -> dict[str, Any]:
    """Whose word counts: the operator's where there is one, else the configuration's."""
    told = from_bot(settings, "/api/v1/targets", otherwise="this is what the record says")
    given = operators_targets(settings) if told is None else list(told["targets"])
    words = [
        {"asset": asset, "ratio": plain(hedge.ratio), "source": "config", "until": None}
        for asset, hedge in sorted({**settings.legs, **settings.hedges}.items())
    ]
    return {"targets": [*given, *words]}


def operators_targets(settings: Settings) -> list[dict[str, Any]]:
    state = recorded_state(settings)
    return [
        {
            "asset": target.asset,
            "ratio": plain(target.ratio),
            "source": target.source.value,
            "until": None if target.until_ms is None else iso_utc(target.until_ms),
        }
        for target in (state.targets if state is not None else ())
    ]
