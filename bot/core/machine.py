"""Which state are we in? The transition tables of the bot and of an order, and nothing that moves outside them.

The documentation draws its diagrams from these tables (`mermaid`). An event without a row raises IllegalMove and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from bot.core.decision import Mode, Move
from bot.core.making import maker
from bot.core.memory import State
from bot.core.model import OrderStatus, TransferStatus

TRANSFER_TRANSITIONS: Final[Mapping[TransferStatus, frozenset[TransferStatus]]] = {
    TransferStatus.INTENT: frozenset(
        {TransferStatus.DONE, TransferStatus.REFUSED, TransferStatus.UNKNOWN, TransferStatus.ABSENT, TransferStatus.SEEN}
    ),
    TransferStatus.UNKNOWN: frozenset({TransferStatus.DONE, TransferStatus.REFUSED, TransferStatus.ABSENT, TransferStatus.SEEN}),
    TransferStatus.DONE: frozenset({TransferStatus.SEEN}),
}


class IllegalMove(Exception):
    """The table has no row for this event in this state."""


class BotEvent(StrEnum):
    CONNECTED = "Connected"
    POSITIONS_READ = "PositionsRead"
    OUTCOME_UNKNOWN = "OutcomeUnknown"
    PLAN_APPROVED = "PlanApproved"
    ORDERS_DONE = "OrdersDone"
    PAUSE_ASKED = "PauseAsked"
    RESUME_ASKED = "ResumeAsked"
    FLATTEN_ASKED = "FlattenAsked"
    FLAT = "Flat"
    KILLED = "Killed"
    ORDERS_GONE = "OrdersGone"
    REARMED = "Rearmed"
    STOP_ASKED = "StopAsked"


TRANSITIONS: Final[Mapping[tuple[Mode, BotEvent], Mode]] = {
    (Mode.STARTING, BotEvent.CONNECTED): Mode.RECONCILING,
    (Mode.RECONCILING, BotEvent.POSITIONS_READ): Mode.WATCHING,
    (Mode.WATCHING, BotEvent.PLAN_APPROVED): Mode.WORKING,
    (Mode.WORKING, BotEvent.ORDERS_DONE): Mode.WATCHING,
    (Mode.WATCHING, BotEvent.OUTCOME_UNKNOWN): Mode.RECONCILING,  # it may exist: look before acting
    (Mode.WORKING, BotEvent.OUTCOME_UNKNOWN): Mode.RECONCILING,
    (Mode.RECONCILING, BotEvent.PAUSE_ASKED): Mode.PAUSED,
    (Mode.WATCHING, BotEvent.PAUSE_ASKED): Mode.PAUSED,
    (Mode.WORKING, BotEvent.PAUSE_ASKED): Mode.PAUSED,
    (Mode.PAUSED, BotEvent.RESUME_ASKED): Mode.RECONCILING,
    (Mode.RECONCILING, BotEvent.FLATTEN_ASKED): Mode.REDUCING,
    (Mode.WATCHING, BotEvent.FLATTEN_ASKED): Mode.REDUCING,
    (Mode.WORKING, BotEvent.FLATTEN_ASKED): Mode.REDUCING,
    (Mode.PAUSED, BotEvent.FLATTEN_ASKED): Mode.REDUCING,
    (Mode.REDUCING, BotEvent.FLAT): Mode.CANCEL_ONLY,
    (Mode.RECONCILING, BotEvent.KILLED): Mode.CANCEL_ONLY,
    (Mode.WATCHING, BotEvent.KILLED): Mode.CANCEL_ONLY,
    (Mode.WORKING, BotEvent.KILLED): Mode.CANCEL_ONLY,
    (Mode.PAUSED, BotEvent.KILLED): Mode.CANCEL_ONLY,
    (Mode.REDUCING, BotEvent.KILLED): Mode.CANCEL_ONLY,
    (Mode.REDUCING, BotEvent.REARMED): Mode.RECONCILING,  # the flatten was called off
    (Mode.CANCEL_ONLY, BotEvent.ORDERS_GONE): Mode.HALTED,
    (Mode.CANCEL_ONLY, BotEvent.REARMED): Mode.RECONCILING,
    (Mode.HALTED, BotEvent.REARMED): Mode.RECONCILING,
    **{(mode, BotEvent.STOP_ASKED): Mode.STOPPING for mode in Mode if mode is not Mode.STOPPING},
}

ORDER_TRANSITIONS: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = {
    OrderStatus.PLANNED: frozenset({OrderStatus.INTENT, OrderStatus.DRY_RUN}),
    OrderStatus.INTENT: frozenset(
        {
            OrderStatus.SIGNED,
            OrderStatus.UNKNOWN,  # the process died before the outcome was on record
            OrderStatus.ABSENT,  # the sign gate stopped it: nothing left the machine
        }
    ),
    OrderStatus.SIGNED: frozenset({OrderStatus.ACKED, OrderStatus.UNKNOWN, OrderStatus.REJECTED, OrderStatus.ABSENT}),
    OrderStatus.ACKED: frozenset(
        {
            OrderStatus.OPEN,
            OrderStatus.PARTIAL,
            OrderStatus.FILLED,
            OrderStatus.CANCELLED,
            OrderStatus.EXPIRED,
            OrderStatus.REJECTED,
            OrderStatus.UNKNOWN,
        }
    ),
    OrderStatus.OPEN: frozenset({OrderStatus.PARTIAL, OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.UNKNOWN}),
    OrderStatus.PARTIAL: frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.UNKNOWN}),
    OrderStatus.UNKNOWN: frozenset(
        {
            OrderStatus.ACKED,
            OrderStatus.OPEN,
            OrderStatus.PARTIAL,
            OrderStatus.FILLED,
            OrderStatus.CANCELLED,
            OrderStatus.EXPIRED,
            OrderStatus.REJECTED,
            OrderStatus.ABSENT,
        }
    ),
    OrderStatus.FILLED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
    OrderStatus.REJECTED: frozenset(),
    OrderStatus.ABSENT: frozenset(),
    OrderStatus.DRY_RUN: frozenset(),
}


def step(mode: Mode, event: BotEvent) -> Mode:
    """The next state, or IllegalMove."""
    try:
        return TRANSITIONS[mode, event]
    except KeyError:
        raise IllegalMove(f"{event} is not possible in {mode}") from None


def order_step(was: OrderStatus, now: OrderStatus) -> OrderStatus:
    """The next state of an order, or IllegalMove. Staying is always possible."""
    if was is now or now in ORDER_TRANSITIONS[was]:
        return now
    raise IllegalMove(f"an order cannot go from {was} to {now}")


@cache
def order_path(was: OrderStatus, now: OrderStatus) -> tuple[OrderStatus, ...]:
    """The states an order passes from `was` to `now`, without `was`: the shortest way, never through UNKNOWN; IllegalMove if none."""
    paths: list[tuple[OrderStatus, ...]] = [(was,)]
    for path in paths:
        if path[-1] is now:
            return path[1:]
        nexts = (status for status in OrderStatus if status in ORDER_TRANSITIONS[path[-1]] and status not in path)
        paths.extend((*path, status) for status in nexts if status is now or status is not OrderStatus.UNKNOWN)
    raise IllegalMove(f"an order cannot go from {was} to {now}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the machine needs to know of this turn."""

    doubtful: bool  # a leg has an order or a position that must be explained first
    working: bool  # an own order is unfinished, or one is about to be placed
    unfinished: bool  # an own order is unfinished
    flat: bool  # every leg is at zero contracts


facts: Final = maker(Facts)
WATCHING: Final = Mode.WATCHING


def moves(state: State, facts: Facts) -> tuple[Move, ...]:
    """Every step of this turn, in order; each one is a row of the table."""
    mode, killed, flattening = state.mode, state.killed, state.flattening
    if mode is WATCHING and not (state.stopping or killed or flattening or state.paused or facts.doubtful or facts.working):
        return ()  # as nearly always
    steps: list[Move] = []
    while (event := next_event(mode, state, facts, killed, flattening)) is not None:
        now = step(mode, event[0])
        steps.append(Move(mode, event[0], now, event[1]))
        if event[0] is BotEvent.FLAT:
            killed, flattening = "flattened", False
        if mode is Mode.STARTING:
            break  # trading starts with the turn after the first look
        mode = now
    return tuple(steps)


def next_event(mode: Mode, state: State, facts: Facts, killed: str | None, flattening: bool) -> tuple[BotEvent, str] | None:
    if mode is Mode.STOPPING:
        return None
    if state.stopping:
        return BotEvent.STOP_ASKED, "asked to stop"
    match mode:
        case Mode.STARTING:
            return BotEvent.CONNECTED, "first look taken"
        case Mode.HALTED:
            return None if killed else (BotEvent.REARMED, "re-armed")
        case Mode.CANCEL_ONLY if not killed:
            return BotEvent.REARMED, "re-armed"
        case Mode.CANCEL_ONLY:
            return None if facts.unfinished else (BotEvent.ORDERS_GONE, "no own order is open")
    if killed:
        return BotEvent.KILLED, killed
    if mode is Mode.REDUCING and not flattening:
        return BotEvent.REARMED, "re-armed"
    if mode is Mode.REDUCING:
        return (BotEvent.FLAT, "every leg is flat") if facts.flat and not facts.unfinished else None
    if flattening:
        return BotEvent.FLATTEN_ASKED, "flatten asked"
    if mode is Mode.PAUSED:
        return None if state.paused else (BotEvent.RESUME_ASKED, "resumed")
    if state.paused:
        return BotEvent.PAUSE_ASKED, "pause asked"
    if mode is Mode.RECONCILING:
        return None if facts.doubtful else (BotEvent.POSITIONS_READ, "positions and orders are explained")
    if facts.doubtful:
        return BotEvent.OUTCOME_UNKNOWN, "an order or a position must be explained first"
    if facts.working != (mode is Mode.WORKING):
        return (BotEvent.PLAN_APPROVED, "orders to work") if facts.working else (BotEvent.ORDERS_DONE, "no order is left")
    return None


def mermaid() -> dict[str, str]:
    """Both tables as Mermaid state diagrams, by name: the documentation holds exactly these."""
    stops = {mode for mode, event in TRANSITIONS if event is BotEvent.STOP_ASKED}
    bot = ["stateDiagram-v2", "    [*] --> STARTING"]
    bot += [f"    {was} --> {now}: {event}" for (was, event), now in TRANSITIONS.items() if event is not BotEvent.STOP_ASKED]
    bot += [f"    note right of STOPPING: StopAsked leads here from each of the other {len(stops)} states", "    STOPPING --> [*]"]
    order = ["stateDiagram-v2", "    [*] --> PLANNED"]
    order += [f"    {was} --> {now}" for was, nows in ORDER_TRANSITIONS.items() for now in OrderStatus if now in nows]
    order += [f"    {status} --> [*]" for status, nows in ORDER_TRANSITIONS.items() if not nows]
    return {"bot": "\n".join(bot), "order": "\n".join(order)}
