"""In which orders? Maker first at the near touch; after patience runs out, one immediate-or-cancel limit within the slippage."""

import base64
import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core import contracts, queue
from bot.core.decision import Cancel, Intent
from bot.core.depth import arrival
from bot.core.memory import LegState, State, Working
from bot.core.model import ZERO, Instrument, OrderStatus, Quote, Side, View
from bot.core.rules import ExecutionRule
from bot.core.sizing import Size

TAG: Final = "hb"  # the first two characters of every client id of ours
DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
EPOCHS: Final = len(DIGITS) ** 3  # that a client id can tell apart
NO_LONGER_WANTED: Final = "no longer wanted"
CANCEL_AGAIN_MS: Final = 5_000  # a cancel that did not take effect by then is asked for again


@dataclass(frozen=True, slots=True)
class Market:
    """Prices that may be traded on."""

    quote: Quote
    tick: Decimal


def client_id(instance: str, epoch: int, account: str, symbol: str, cycle: int, piece: int = 0, attempt: int = 0, run: str = "") -> str:
    """A name that only this decision can have: 25 lower-case alphanumeric characters, which every venue takes.

    tag(2) + instance(2) + epoch in base 36 (3) + base32 of SHA-256(account, symbol, epoch, cycle, piece, attempt, run), first 18.
    The run was drawn when it was put on record: a database restored from a backup may count the same epoch again, and never that run.
    """
    text = "\x1f".join((account, symbol, str(epoch), str(cycle), str(piece), str(attempt), run))
    digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
    return f"{TAG}{instance}{base36(epoch)}{digest[:18]}"


def base36(number: int) -> str:
    """Three digits; the count starts again after 46,655 epochs (the hash holds the whole number)."""
    high, rest = divmod(number % 36**3, 36**2)
    return DIGITS[high] + DIGITS[rest // 36] + DIGITS[rest % 36]


def is_ours(identity: str, instance: str) -> bool:
    return identity.startswith(TAG + instance) and len(identity) == 25


def is_tagged(identity: str) -> bool:
    """Is it an order of hedgebot's, of whichever database?"""
    return identity.startswith(TAG) and len(identity) == 25 and identity.isalnum()


def epochs_ahead(identity: str, instance: str, epoch: int) -> int:
    """How many epochs after this one an order of ours was named; 0 if it is none, or of this or an earlier one."""
    if not is_ours(identity, instance):
        return 0
    start = len(TAG) + len(instance)
    named = identity[start : start + 3]
    if any(digit not in DIGITS for digit in named):
        return 0  # somebody's own id that happens to begin as ours do
    ahead = (int(named, 36) - epoch) % EPOCHS
    return ahead if ahead < EPOCHS // 2 else 0  # the three digits begin again after the last of them


def must_cross(leg: LegState, rule: ExecutionRule, mono_ms: int) -> bool:
    """Has this effort been patient long enough?"""
    return leg.effort_since_ms is not None and mono_ms - leg.effort_since_ms >= rule.cross_after_ms


def cooling(leg: LegState, rule: ExecutionRule, mono_ms: int) -> bool:
    """Does the rest still wait after a crossing order that left something, or a rejection?"""
    return leg.missed_at_ms is not None and mono_ms - leg.missed_at_ms < rule.cooldown_ms


def limit_price(instrument: Instrument, quote: Quote, side: Side, rule: ExecutionRule, *, crossing: bool, inside: bool) -> Decimal:
    """The near touch, one tick better if `inside` and there is a price between; or, crossing, `max_slippage` from mark."""
    if crossing:
        away = -rule.max_slippage if side is Side.SELL else rule.max_slippage
        return contracts.price_on_tick(quote.mark * (1 + away), instrument.tick, side, crossing=True)
    touch = quote.ask if side is Side.SELL else quote.bid
    better = instrument.tick * side.sign if inside and queue.has_room(quote, instrument.tick) else ZERO
    return contracts.price_on_tick(touch + better, instrument.tick, side, crossing=False)


def intent(
    asset: str, view: View, quote: Quote, size: Size, price: Decimal, plan_mid: Decimal, why: str, *, crossing: bool, cut: bool
) -> Intent:
    """The order for `size`: post-only, or crossing; with what the market was, to measure it against. `cut`: more was due."""
    instrument, depth = view.instrument, view.depth
    met = arrival(instrument, quote, depth, size.side, size.contracts)
    ahead = None if crossing or depth is None else dict(depth.resting(size.side)).get(price, 0)
    return Intent(
        asset, instrument.symbol, size.side, size.contracts, price, size.reduce_only, not crossing, why, met, plan_mid, ahead, cut
    )  # fmt: skip


def cancel(
    state: State, leg: LegState, working: Working, size: Size | None, market: Market | None, rule: ExecutionRule, mono_ms: int
) -> Cancel | None:
    """Should our open order go? Never amended: it is cancelled, its end is seen, and the plan is made anew.

    `size` is what the plan wants now, None where it wants nothing; without a `market` its price cannot be judged.
    """
    unseen = working.status is OrderStatus.UNKNOWN and not working.venue_id  # one that the venue knew may only be hidden from a read
    if unseen or working.status in (OrderStatus.INTENT, OrderStatus.SIGNED):
        return None  # nobody knows yet whether it exists
    if working.cancel_asked_ms is not None and mono_ms - working.cancel_asked_ms < CANCEL_AGAIN_MS:
        return None
    why = reason_to_cancel(state, leg, working, size, market, rule, mono_ms)
    return Cancel(leg.asset, leg.symbol, working.order.client_id, why) if why else None


def reason_to_cancel(
    state: State, leg: LegState, working: Working, size: Size | None, market: Market | None, rule: ExecutionRule, mono_ms: int
) -> str:
    order = working.order
    if working.cancel_asked_ms is not None:
        return "asked again: it is still open"
    if state.killed:
        return "killed"
    if leg.halted is not None:
        return "the leg is halted"
    if leg.offered is not None:
        return "the contract changed at the venue"
    if state.stopping:
        return "stopping"
    if state.draining:
        return "dry-run on"
    if state.cancel_all:
        return "cancel-all"
    if working.epoch != state.epoch:
        return "of an earlier run"
    if why := out_of_place(leg, working, market, rule, mono_ms):
        return why
    if state.paused:
        return ""
    if size is None:
        return NO_LONGER_WANTED
    if size.side is not order.side:
        return "the other side is wanted now"
    if order.contracts - working.filled > size.whole:
        return "more than is wanted now"
    return ""


def out_of_place(leg: LegState, working: Working, market: Market | None, rule: ExecutionRule, mono_ms: int) -> str:
    """Should it go because of its age or its place in the book? A pegged order keeps its place while that is worth something."""
    if rule.reprice_after_ms is None or market is None or not working.order.post_only:
        return "its time is up" if mono_ms - working.sent_mono_ms >= rule.order_ttl_ms else ""
    since = mono_ms if leg.effort_since_ms is None else leg.effort_since_ms
    patience_ms = rule.cross_after_ms - (mono_ms - since)
    return queue.given_up(working, market.quote, market.tick, rule.reprice_after_ms, patience_ms, mono_ms)
