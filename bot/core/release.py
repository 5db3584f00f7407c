"""When is a hedge over that the bot did not close? The venue took its contract away, or somebody closed it by hand; a person says so."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.events import CommandGiven, OrderMoved, order_moved
from bot.core.memory import LegState
from bot.core.model import OrderStatus, Target, View
from bot.core.policy import in_force

RELEASE: Final = "release"


@dataclass(frozen=True, slots=True)
class WayToFlat:
    """What a person has to write and say for a hedge to become flat, and what to say then, with an "and" before it."""

    how: str
    after: str = ""


def way_to_flat(asset: str, carried: Sequence[str], words: Iterable[Target], *, document: bool, now_ms: int) -> WayToFlat:
    """A `ratio: 0` in the file brings nothing to flat while an operator's word or a target document says another one.

    `carried`: assets that are hedged with this one's contract; `document`: is there one?
    """
    how = "`ratio: 0`" + (f" (and so for {', '.join(carried)}, which it carries)" if carried else "")
    said = {word.asset: word.ratio for word in words if in_force(word, now_ms)}
    held = [one for one in (asset, *carried) if said.get(one, document)]
    if not held:
        return WayToFlat(how)
    cleared = ", ".join(f"`hedgebot target clear {one}`" for one in held)
    if not document:
        return WayToFlat(f"{how} (and take your own word back, which goes before it: {cleared})")
    zeroes = ", ".join(f"`hedgebot target set {one} 0`" for one in held)
    return WayToFlat(f"{how} and say {zeroes}, which goes before the target document as that goes before the file,", f" and say {cleared}")


def refusal(leg: LegState, view: View | None, way: WayToFlat) -> str:
    """Why the hedge is not over; empty if it is. `view`: as the venue shows the contract now; None: it lists it no more.

    What is listed may be held, and an order of it may be alive: then the venue has to show that neither is so.
    """
    if view is None:
        return ""
    if view.position is None:
        told = "; ".join(view.errors) or "the venue does not show it"
        return f"the position in {leg.symbol} could not be read ({told}): release it when the venue answers"
    if view.position.contracts:
        return (
            f"the venue still holds {view.position.contracts} contracts of {leg.symbol}: put `hedges.{leg.asset}` back with {way.how} and "
            f"run until it is flat, or close it by hand first"
        )
    if leg.working is not None:
        return (
            f"the order {leg.working.order.client_id} of {leg.symbol} may still be open: put `hedges.{leg.asset}` back with {way.how} and "
            f"run until its end is on record"
        )
    return ""


def ended(leg: LegState, command: CommandGiven, mono_ms: int) -> tuple[OrderMoved, ...]:
    """The end of the order that was under way when the contract went: as far as anybody can know, on record before the word."""
    working = leg.working
    if working is None:
        return ()
    was_there = bool(working.venue_id or working.filled or working.traded)
    last = OrderStatus.CANCELLED if was_there else OrderStatus.ABSENT
    path = (last,) if working.status is OrderStatus.UNKNOWN else (OrderStatus.UNKNOWN, last)
    filled, why, order = max(working.filled, working.traded), f"its contract is gone: {command.reason}", working.order
    return tuple(
        order_moved(order.client_id, order.symbol, was, now, filled, why, command.at_ms, mono_ms, working.venue_id, order.asset)
        for was, now in zip((working.status, *path), path, strict=False)
    )
