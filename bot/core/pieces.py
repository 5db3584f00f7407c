"""Which piece of a wanted change is due now?

A change larger than `schedule_above_usd` is cut into slices when it begins, and the cut goes on record with the decision: a restart goes on
where it was. Each slice is due from its moment on, counted from the position at which the change began, so that pieces never add up to more
than the change. It is cut anew when the target turns round or moves by more than a slice.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal

from bot.core import contracts, slices
from bot.core.decision import Parent
from bot.core.depth import allowed
from bot.core.exposure import Exposure
from bot.core.memory import LegState, State
from bot.core.model import ZERO, Depth, Quote, Side, Snapshot
from bot.core.rules import ExecutionRule, Schedule
from bot.core.sizing import Size, first_chunk, part, smallest_usd


@dataclass(frozen=True, slots=True)
class Piece:
    """What may be ordered now of the change that `parent` is; None: the next slice is waited for."""

    size: Size | None
    parent: Parent
    number: int  # of the newest slice that is due, from 0
    why: str = ""  # which slice; empty where the change is not cut
    wake_mono_ms: int | None = None  # when the next slice is due


def due(leg: LegState, held: Exposure, size: Size, quote: Quote, rule: ExecutionRule, state: State, seen: Snapshot) -> Piece:
    """The piece of `size`, the whole change that is wanted now."""
    least = least_contracts(held, rule)
    parent = leg.parent
    if parent is None or ended(parent, held, size, least) or moved(parent, size, rule):
        parent = begun(held, size, quote, rule, state, seen)
    elapsed = elapsed_ms(parent, state.epoch, seen)
    slice_ = reached(parent, elapsed)
    last = slice_ == len(parent.sizes) - 1
    wake = None if last else seen.mono_ms + starts_ms(parent, slice_ + 1) - elapsed
    open_now = sum(parent.sizes[: slice_ + 1]) - done(parent, held)
    why = f"slice {slice_ + 1} of {len(parent.sizes)}" if len(parent.sizes) > 1 else ""
    if open_now <= 0 or (open_now < least and not last):
        return Piece(None, parent, slice_, why, wake)
    whole = min(size.whole, open_now)
    chunk = first_chunk(held.instrument, held.mark, whole, rule.max_order_usd)
    size = size if chunk == size.contracts else replace(size, contracts=chunk)
    return Piece(size, parent, slice_, why, wake)


def begun(held: Exposure, size: Size, quote: Quote, rule: ExecutionRule, state: State, seen: Snapshot) -> Parent:
    sizes = cut(held, size, rule)
    horizon_ms = rule.horizon_ms if len(sizes) > 1 else 0
    mid = (quote.bid + quote.ask) / 2
    return Parent(size.side, held.short, sizes, horizon_ms, seen.now_ms, seen.mono_ms, state.epoch, mid)


def cut(held: Exposure, size: Size, rule: ExecutionRule) -> tuple[int, ...]:
    """Whole contracts of each slice; no more slices than there are smallest orders in the change. What is urgent is not cut."""
    worth = contracts.notional_usd(held.instrument, size.whole, held.mark)
    count = min(rule.slices, size.whole // least_contracts(held, rule))
    if rule.schedule is Schedule.NONE or size.urgent or worth <= rule.schedule_above_usd or count < 2:
        return (size.whole,)
    return slices.sizes(size.whole, count, rule.urgency if rule.schedule is Schedule.ALMGREN_CHRISS else ZERO)


def least_contracts(held: Exposure, rule: ExecutionRule) -> int:
    """Of the smallest order that is sent."""
    unit = contracts.notional_usd(held.instrument, 1, held.mark)
    return max(1, int((smallest_usd(held.instrument, held.mark, rule.min_order_usd) / unit).to_integral_value(ROUND_CEILING)))


def done(parent: Parent, held: Exposure) -> int:
    """Contracts of the change that the position shows; negative where it went the other way."""
    return (held.short - parent.from_short) * (1 if parent.side is Side.SELL else -1)


def ended(parent: Parent, held: Exposure, size: Size, least: int) -> bool:
    """Nothing is left of it that could be ordered, although more is wanted; or the position went the other way."""
    so_far = done(parent, held)
    left = parent.whole - so_far
    return so_far < 0 or left <= 0 or (left < least and left < size.whole)


def moved(parent: Parent, size: Size, rule: ExecutionRule) -> bool:
    """Is another change wanted than the one that was planned, or in another manner?"""
    if parent.side is not size.side:
        return True
    if not parent.horizon_ms:
        return False
    planned = parent.from_short + parent.whole * (1 if parent.side is Side.SELL else -1)
    other_manner = size.urgent or rule.schedule is Schedule.NONE or rule.horizon_ms != parent.horizon_ms
    return other_manner or abs(size.final_short - planned) > max(parent.sizes)


def elapsed_ms(parent: Parent, epoch: int, seen: Snapshot) -> int:
    """Since it began: by the monotonic clock of that run, after a restart by the wall."""
    return max(0, seen.mono_ms - parent.began_mono_ms if epoch == parent.epoch else seen.now_ms - parent.began_at_ms)


def starts_ms(parent: Parent, slice_: int) -> int:
    """When a slice is due, counted from the beginning: the last one a slice's length before the horizon."""
    return parent.horizon_ms * slice_ // len(parent.sizes)


def reached(parent: Parent, elapsed: int) -> int:
    """The newest slice that is due."""
    return max(slice_ for slice_ in range(len(parent.sizes)) if starts_ms(parent, slice_) <= elapsed)


def fitting(
    size: Size, held: Exposure, depth: Depth | None, price: Decimal, rule: ExecutionRule, *, crossing: bool
) -> tuple[Size | None, str]:
    """As much of `size` as is at most `max_depth_share` of what is visible where the order reaches; None, and why, if too little."""
    if rule.max_depth_share is None:
        return size, ""
    if depth is None:
        return None, "UNKNOWN: the visible book, of which max_depth_share is a part"
    most = allowed(depth, size.side, price, rule.max_depth_share, crossing=crossing)
    count = min(size.contracts, part(held.instrument, held.mark, size.whole, most))
    if count < min(size.contracts, least_contracts(held, rule)):
        return None, f"the visible book is too thin for an order within max_depth_share {rule.max_depth_share:f}"
    return replace(size, contracts=count), ""
