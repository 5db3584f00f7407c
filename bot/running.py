"""How does a bot live and end? Turn after turn until it is told to stop, then a shutdown that is verified."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Final

import structlog

from bot.core.decision import Decision, Effort, Mode, Refused
from bot.core.events import CommandGiven, RunEnded
from bot.core.leg import IN_DOUBT
from bot.core.memory import State
from bot.core.pin import halt
from bot.core.reconcile import adoption_needed
from bot.engine import Engine
from bot.event_loop import beside
from bot.exit_codes import Exit
from bot.face import Status
from bot.logs import scrub
from bot.ports import LeaseLost, PortError

log = structlog.get_logger("hedgebot")
THROTTLE: Final = "orders per minute"  # the check whose refusal passes by itself
FAST_MS: Final = 250  # between two turns while own orders are being cancelled
SHUTDOWN_MS: Final = 60_000
UNRECORDED_MS: Final = 3_000  # how long a shutdown waits for a record that cannot be written, once own orders are seen gone
GIVE_WAY_SECONDS: Final = 0.0005
COLLECT_SECONDS: Final = 0.25
OLDER_EVERY: Final = 20  # rounds; the others look only at what was made since the last one
ALL_EVERY: Final = 2_400  # ten minutes: this one takes 1 or 2 ms
MANY: Final = 10_000  # objects made and not freed since the last round: somebody loads markets, and the collector comes by itself
UNRECORDED: Final = "no own order is open, but the record cannot be written: the next start finds out what became of the last ones"
BRING_BACK: Final = "bring the database back; the next `hedgebot run` reads at the venue what is not on record"
LOOK_THERE: Final = "look at the venue; the next `hedgebot run` under `mode: live` cancels orders of earlier runs"
GONE_LOOKS: Final = 2  # own orders are gone when so many looks in a row show none


@dataclass(frozen=True, slots=True)
class Until:
    """When a run ends by itself."""

    once: bool = False  # when nothing is being worked any more: aligned, or waiting for something
    aligned: bool = False
    timeout_ms: int | None = None


def settle() -> None:
    """Take what a start has loaded, which stays to the end, out of the garbage collector's rounds: one through all of it, with a venue's
    thousands of markets, would stop every order and answer for a tenth of a second."""
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def undisturbed() -> AsyncIterator[None]:
    """While the context lasts the loop comes first. The garbage collector works between callbacks: in the middle of a turn or an answer a
    round makes that one longer. And a thread that reads a long page of the record gives way after half a millisecond, not after Python's
    usual five, for which each callback would wait."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(MANY, *threshold[1:])
    sys.setswitchinterval(GIVE_WAY_SECONDS)
    try:
        async with beside(collect(), "garbage"):
            yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)


async def collect() -> None:
    for rounds in count(1):
        await asyncio.sleep(COLLECT_SECONDS)
        gc.collect(2 if rounds % ALL_EVERY == 0 else 1 if rounds % OLDER_EVERY == 0 else 0)


async def run(engine: Engine, run_id: str, stop: asyncio.Event, until: Until, tell: Callable[[Status], None] = lambda _: None) -> Exit:
    """Turn until told to stop or until `until` is reached; then cancel own orders, see them gone, and say so.

    `tell` is given what a bounded run ended with, before the shutdown.
    """
    clock = engine.parts.clock
    deadline = None if until.timeout_ms is None else clock.mono_ms() + until.timeout_ms
    reached: Exit | None = None
    try:
        async with beside(heard(engine, stop), "stop"):
            while not stop.is_set() and reached is None:
                decision = await engine.turn()
                reached = refused_to_adopt(engine) or finished(engine, decision, until)
                if reached is None and deadline is not None and clock.mono_ms() >= deadline:
                    reached = Exit.TIMEOUT
                if reached is None:
                    await pause(engine, stop, next_turn_ms(engine, decision, deadline))
        if reached is not None:
            tell(engine.status())
        verified = await shut_down(engine, run_id)
    except LeaseLost as error:
        log.error("lease.lost", error=str(error), did="nothing more is signed", next="see who leads this account: `hedgebot status`")
        await call(engine, "warning", f"this process no longer leads {engine.account}, and signs nothing more: {error}")
        return Exit.ATTENTION
    except Exception as error:  # whatever it was, nobody hedges here until somebody starts a run again
        await call(engine, "critical", f"the run of {engine.account} ended, and own orders may still be open: {error!r}")
        raise
    if reached is Exit.TIMEOUT:
        return reached
    return (reached or Exit.DONE) if verified else Exit.ATTENTION


def refused_to_adopt(engine: Engine) -> Exit | None:
    """The first look found a short that this database did not open."""
    if engine.turns != 1 or engine.seen is None:
        return None
    found = adoption_needed(engine.state, engine.seen, engine.rules)
    if not found:
        return None
    log.error(
        "adoption.needed", found=list(found), did="nothing was sent", next="run once with --adopt to take it over, or close it by hand"
    )
    return Exit.ATTENTION


def finished(engine: Engine, decision: Decision | None, until: Until) -> Exit | None:
    """Has a bounded run reached its end, and how?"""
    if decision is None or not (until.once or until.aligned) or engine.turns == 1:
        return None  # the first look never trades
    aligned = all(leg.aligned for leg in decision.legs)
    if aligned:
        return Exit.DONE
    if not decision.armed or decision.mode is Mode.HALTED:
        return Exit.ATTENTION
    waiting = any(leg.effort is not Effort.KEEPS for leg in decision.legs)  # for the next slice, or for a deeper book
    working = bool(decision.orders) or waiting or any(leg.working for leg in engine.state.legs)
    if working or engine.busy:
        return None
    halted = {leg.asset for leg in engine.state.legs if halt(leg) is not None}
    read = all(leg.delta_coins is not None for leg in decision.legs)  # what could not be read now may be read in the next turn
    lacking = read and all(
        leg.aligned or leg.asset in halted or stands(leg.refused) or (leg.missing and leg.ratio_target is not None) for leg in decision.legs
    )
    return Exit.ATTENTION if until.once or lacking else None


def stands(refused: tuple[Refused, ...]) -> bool:
    """Was an order refused by what does not pass by itself within a minute?"""
    return any(one.check != THROTTLE for one in refused)


def next_turn_ms(engine: Engine, decision: Decision | None, deadline: int | None) -> int:
    """How long to wait: a cycle, less where a timer of ours or the deadline comes first."""
    now = engine.parts.clock.mono_ms()
    times = [now + engine.parts.cycle_ms]
    wake, seen = None if decision is None else decision.wake_mono_ms, engine.seen
    if wake is not None and seen is not None and wake > seen.mono_ms:  # a timer that had run out by then was heard by this decision
        times.append(max(now + FAST_MS, wake))
    if engine.turns == 1:
        times.append(now)
    if cancelling(engine.state) or (engine.hurried() and engine.own_open_orders()):
        times.append(now + FAST_MS)
    if deadline is not None:
        times.append(deadline)
    return max(0, min(times) - now)


def cancelling(state: State) -> bool:
    """Are own orders being cancelled, so that their end is worth looking for at once? Not those of which nobody knows whether they exist:
    that proof takes its time, however often one looks."""
    wanted = state.draining or state.cancel_all or state.mode is Mode.CANCEL_ONLY
    working = (leg.working for leg in state.legs if leg.working is not None and leg.working.status not in IN_DOUBT)
    return any(wanted or one.cancel_asked_ms is not None for one in working)


async def pause(engine: Engine, stop: asyncio.Event, duration_ms: int) -> None:
    """Wait until the next turn is due, somebody speaks, or the end is asked for."""
    waits = [asyncio.ensure_future(engine.wake.wait()), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, timeout=duration_ms / 1000, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in waits:
            waiting.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    engine.wake.clear()


async def shut_down(engine: Engine, run_id: str) -> bool:
    """Stop planning, cancel own orders, see them gone twice, put the end on record. False if that could not be verified."""
    clock = engine.parts.clock
    stopping = told_to_stop(engine)
    deadline = clock.mono_ms() + SHUTDOWN_MS
    gone, unrecorded, silent_since = 0, False, None
    while clock.mono_ms() < deadline and not unrecorded:
        decision = await engine.turn()
        if stopping.done() and stopping.exception() is not None:  # the record did not take it: unsaid, the next turn would send orders
            stopping = told_to_stop(engine)
        gone = gone + 1 if decision is not None and nothing_open(engine) else 0
        if gone >= GONE_LOOKS or (engine.only_looks and decision is not None):
            break
        if decision is not None or not (engine.only_looks or seen_gone(engine)):
            silent_since = None
        elif silent_since is None:
            silent_since = clock.mono_ms()
        unrecorded = silent_since is not None and clock.mono_ms() - silent_since >= UNRECORDED_MS
        await clock.sleep_ms(FAST_MS if gone == 0 else 0)
    verified = gone >= GONE_LOOKS or (engine.only_looks and nothing_known_open(engine))
    why = "no own order is open" if verified else UNRECORDED if unrecorded else "own orders may still be open"
    if not unrecorded:
        with suppress(PortError):
            await engine.parts.audit.append([RunEnded(run_id, verified, why, clock.now_ms())])
    if verified:
        log.info("run.ended", why=why)
    else:
        log.error("run.ended", why=why, next=BRING_BACK if unrecorded else LOOK_THERE)
        await call(engine, "critical", f"the run of {engine.account} ended, and {why}")
    return verified


async def call(engine: Engine, severity: str, text: str) -> None:
    if engine.parts.notifier is not None:
        await engine.parts.notifier.notify(severity, scrub(text))


async def heard(engine: Engine, stop: asyncio.Event) -> None:
    """Tell the engine at once that the end was asked for: a turn may be waiting for the record."""
    await stop.wait()
    told_to_stop(engine)


def told_to_stop(engine: Engine) -> asyncio.Future[None]:
    """The word that is on its way, or a new one where it never was or went unrecorded."""
    for said in (*engine.said, *engine.taken):
        if said.command.name == "stop" and not (said.applied.done() and said.applied.exception() is not None):
            return said.applied
    word = engine.hear(CommandGiven("stop", "run", engine.parts.clock.now_ms()))
    word.add_done_callback(asyncio.Future.exception)  # it is looked at only where it matters
    return word


def nothing_known_open(engine: Engine) -> bool:
    """Who only looks cancels nothing, and may have no key to read the venue: an order of an earlier run still counts."""
    return not engine.holds_orders


def nothing_open(engine: Engine) -> bool:
    return none_seen(engine) and nothing_known_open(engine)


def none_seen(engine: Engine) -> bool:
    """The venue was asked for open orders, and showed none of ours."""
    read = engine.seen is not None and all(view.open_orders is not None for view in engine.seen.views)
    return read and engine.own_open_orders() == 0


def seen_gone(engine: Engine) -> bool:
    """The venue shows of each own order how it ended, though that could not be put on record."""
    return none_seen(engine) and all(leg.working is None for leg in engine.foreseen.legs)
