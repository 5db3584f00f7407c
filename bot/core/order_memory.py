"""What does the bot remember of its own orders? Their part of the fold: from the intent to the end."""

from typing import Any, Final

from bot.core.decision import QUEUE_TOO_LONG, Approved
from bot.core.events import CancelAsked, IntentRecorded, LookedInVain, OrderMoved, QueueSeen
from bot.core.memory import LegState, State, Working, changed, with_leg
from bot.core.model import OrderStatus

MINUTE_MS: Final = 60_000


def worked(state: State, client_id: str) -> tuple[LegState, Working] | None:
    """The unfinished order of this name, and its leg."""
    return next(((leg, leg.working) for leg in state.legs if leg.working is not None and leg.working.order.client_id == client_id), None)


def carried_over(working: Working) -> Working:
    """Into another process, where stamps of this one's clock mean nothing."""
    return changed(working, cancel_asked_ms=None, cancel_since_ms=None, polls=0, vain_since_ms=None, behind_since_ms=None)


def intended(state: State, event: IntentRecorded) -> State:
    order = event.order
    leg = state.leg(order.asset)
    if event.status is OrderStatus.DRY_RUN:
        return with_leg(state, order.asset, dry_plan=dry_plan(order))
    working = Working(order, event.epoch, event.status, 0, event.at_ms, event.mono_ms, ahead=order.queue_ahead)
    state = with_leg(
        state,
        order.asset,
        working=working,
        placements_without_fill=leg.placements_without_fill + 1,
        effort_since_ms=event.mono_ms if leg.effort_since_ms is None else leg.effort_since_ms,
        missed_at_ms=None,
    )
    recent = tuple(stamp for stamp in state.order_times_ms if abs(event.at_ms - stamp) < MINUTE_MS)
    return changed(state, order_times_ms=(*recent, event.at_ms))


def dry_plan(order: Approved) -> str:
    """What makes one dry plan distinct from the next: not the price, nor the depth of the book, which move with every print."""
    size = "a share of the book" if order.cut_to_book else str(order.contracts)
    return f"{order.side} {size}{' reduce-only' if order.reduce_only else ''}"


def moved(state: State, event: OrderMoved) -> State:
    if (found := worked(state, event.client_id)) is None:
        return state
    leg, working = found
    filled = max(working.filled, event.filled)
    if not event.now.terminal:
        shown = changed(working, status=event.now, filled=filled, venue_id=event.venue_id or working.venue_id)
        if event.now is not working.status:
            shown = changed(shown, polls=0, vain_since_ms=None)
        return with_leg(state, leg.asset, working=shown)
    changes: dict[str, Any] = {"working": None}
    if owed := max(0, filled - working.traded):
        changes |= {"owed": working.order.side.sign * owed, "owed_id": event.client_id}
    crossed_short = not working.order.post_only and filled < working.order.contracts
    if event.now is OrderStatus.REJECTED or (crossed_short and event.now is not OrderStatus.ABSENT):
        changes |= {"missed_at_ms": event.mono_ms}
        if crossed_short:
            changes |= {"effort_since_ms": None}
    return with_leg(state, leg.asset, **changes)


def looked_in_vain(state: State, event: LookedInVain) -> State:
    if (found := worked(state, event.client_id)) is None:
        return state
    leg, working = found
    since = event.mono_ms if working.vain_since_ms is None else working.vain_since_ms
    return with_leg(state, leg.asset, working=changed(working, polls=working.polls + 1, vain_since_ms=since))


def queue_seen(state: State, event: QueueSeen) -> State:
    if (found := worked(state, event.client_id)) is None:
        return state
    leg, working = found
    began = working.behind_since_ms
    since = (event.mono_ms if began is None else began) if event.behind else None
    return with_leg(state, leg.asset, working=changed(working, ahead=event.ahead, behind_since_ms=since))


def cancel_asked(state: State, event: CancelAsked) -> State:
    if (found := worked(state, event.client_id)) is None:
        return state
    leg, working = found
    inside, since = leg.inside or event.why == QUEUE_TOO_LONG, working.cancel_since_ms
    working = changed(working, cancel_asked_ms=event.mono_ms, cancel_since_ms=event.mono_ms if since is None else since)
    return with_leg(state, leg.asset, working=working, inside=inside)
