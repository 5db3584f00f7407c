"""Which bugs must the rehearsal find? Each is a small change to the real code, applied for one test; `finds` names the promises, any of
which may be the first to break.
"""

import itertools
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import pytest

import bot.engine
from bot import acting, gate, running, transfers
from bot.audit import projections, store, writing
from bot.core import contracts, keeper, ledger, leg, machine, order_memory, pieces, planner, policy, reconcile, risk, sizing, trust
from bot.core.events import CancelAsked, IntentRecorded, OrderMoved
from bot.core.memory import changed, with_leg
from bot.core.model import OrderStatus, Position, TransferStatus
from bot.ports import LeaseLost, Refused, Unknown
from bot.rehearsal import carrier, wire
from bot.wiring import start

Patch = pytest.MonkeyPatch
LIMITLESS: Final = Decimal(10) ** 12


@dataclass(frozen=True)
class Planted:
    name: str
    plant: Callable[[Patch], None]
    faults: tuple[str, ...]
    finds: tuple[str, ...]
    settings: tuple[tuple[str, str], ...] = ()
    first: int = 1
    hours: str = "0.5"  # the shortest day there is, with faults in more than half of it


def commit_and_send_swapped(patch: Patch) -> None:
    record = bot.engine.Engine.record

    async def sent_before(engine: Any, events: Any, thought: Any = None) -> bool:
        for event in events:
            if isinstance(event, IntentRecorded) and event.status is OrderStatus.INTENT:
                await engine.hands.place(event.order)
        return await record(engine, events, thought)

    patch.setattr(bot.engine.Engine, "record", sent_before)


def one_not_found_trusted(patch: Patch) -> None:
    patch.setattr(wire.Manner, "absence_ms", 0)
    patch.setattr(wire.Wire, "absence_polls", 1)


def duplicate_id_taken_for_a_rejection(patch: Patch) -> None:
    understood = wire.Wire.understood

    def refused(self: Any, book: Any, answer: Any) -> Any:
        if answer.verdict == "exists":
            raise Refused("InvalidOrder: duplicate client id")
        return understood(self, book, answer)

    patch.setattr(wire.Wire, "understood", refused)


def sent_again_on_a_timeout(patch: Patch) -> None:
    place = wire.Wire.place

    async def twice(self: Any, order: Any) -> Any:
        try:
            return await place(self, order)
        except Unknown:
            return await place(self, order)

    patch.setattr(wire.Wire, "place", twice)


def sent_again_under_another_name_on_a_timeout(patch: Patch) -> None:
    place = wire.Wire.place

    async def renamed(self: Any, order: Any) -> Any:
        try:
            return await place(self, order)
        except Unknown:
            return await place(self, replace(order, client_id=order.client_id[:-1] + "0"))

    patch.setattr(wire.Wire, "place", renamed)


def lock_without_epoch(patch: Patch) -> None:
    real = projections.statements(on_server=False)

    class Unfenced:
        def __init__(self, *, on_server: bool) -> None:
            assert not on_server

        entry = real.entry.replace("accounts.epoch = :epoch", "accounts.epoch >= 0")

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    assert Unfenced.entry != real.entry
    patch.setattr(writing, "statements", Unfenced)
    patch.setattr(store.Store, "_require_epoch", lambda self: None)


def baseline_kept_when_the_ratio_changes(patch: Patch) -> None:
    real = leg.baseline_now
    patch.setattr(
        leg,
        "baseline_now",
        lambda rule, state, target, held, seen: state.baseline or real(rule, state, target, held, seen),
    )


def fill_counted_twice(patch: Patch) -> None:
    patch.setattr(ledger, "remembered", lambda recent, cursor_ms, at_ms, identity: ())


def missing_position_read_as_zero(patch: Patch) -> None:
    real = trust.sane_view

    def zero(view: Any) -> Any:
        if view.position is None and view.quote is not None:
            view = replace(view, position=Position(view.instrument.symbol, 0, None, None, view.quote.at_ms))
        return real(view)

    patch.setattr(trust, "sane_view", zero)


def stale_price_accepted(patch: Patch) -> None:
    real = risk.quote_problem
    patch.setattr(risk, "quote_problem", lambda quote, now_ms, rule: real(replace(quote, at_ms=now_ms), now_ms, rule))


def nan_price_accepted(patch: Patch) -> None:
    real = risk.quote_problem

    def numbers_only(quote: Any, now_ms: int, rule: Any) -> Any:
        patched = {name: quote.mark for name in ("index",) if quote.index is not None and quote.index.is_nan()}
        patched |= {"bid": quote.ask - 1} if quote.bid.is_nan() else {}
        return real(replace(quote, **patched), now_ms, rule)

    patch.setattr(risk, "quote_problem", numbers_only)


def zero_price_accepted(patch: Patch) -> None:
    real = risk.quote_problem

    def any_number(quote: Any, now_ms: int, rule: Any) -> Any:
        return real(replace(quote, bid=quote.ask - 1) if quote.bid.is_finite() and quote.bid <= 0 else quote, now_ms, rule)

    patch.setattr(risk, "quote_problem", any_number)


def crossed_book_accepted(patch: Patch) -> None:
    real = risk.quote_problem

    def uncrossed(quote: Any, now_ms: int, rule: Any) -> Any:
        crossed = quote.bid.is_finite() and quote.ask.is_finite() and quote.bid >= quote.ask
        return real(replace(quote, bid=quote.ask, ask=quote.bid + 1) if crossed else quote, now_ms, rule)

    patch.setattr(risk, "quote_problem", uncrossed)


def armed_whatever_is_said(patch: Patch) -> None:
    """The dry-run gate ignored: in the plan, on record, and at the signature."""
    intents, act, check = bot.engine.Engine.intents, bot.engine.Engine.act, gate.SignGate.check
    patch.setattr(
        bot.engine.Engine, "intents", lambda self, state, seen, decision: intents(self, replace(state, armed=True), seen, decision)
    )
    patch.setattr(bot.engine.Engine, "act", lambda self, decision: act(self, replace(decision, armed=True)))

    def ungated(self: Any, order: Any) -> None:
        whole = self.state
        self.state = replace(whole, armed=True)
        try:
            check(self, order)
        finally:
            self.state = whole

    patch.setattr(gate.SignGate, "check", ungated)


def kill_flag_ignored(patch: Patch) -> None:
    """In the plan and at the signature: the word and the file."""
    blocked, check = leg.Want.blocked, gate.SignGate.check
    patch.setattr(leg.Want, "blocked", lambda self: blocked(replace(self, state=replace(self.state, killed=None))))

    def ungated(self: Any, order: Any) -> None:
        whole, switch = self.state, self.kill_switch
        self.state, self.kill_switch = whole and replace(whole, killed=None), Absent()
        try:
            check(self, order)
        finally:
            self.state, self.kill_switch = whole, switch

    patch.setattr(gate.SignGate, "check", ungated)


class Absent:
    """A kill file that is never there."""

    def read(self) -> bool:
        return False


def pause_ignored(patch: Patch) -> None:
    blocked, check = leg.Want.blocked, gate.SignGate.check
    patch.setattr(leg.Want, "blocked", lambda self: blocked(replace(self, state=replace(self.state, paused=False))))

    def ungated(self: Any, order: Any) -> None:
        whole = self.state
        self.state = whole and replace(whole, paused=False)
        try:
            check(self, order)
        finally:
            self.state = whole

    patch.setattr(gate.SignGate, "check", ungated)


def post_only_dropped(patch: Patch) -> None:
    real = planner.intent
    patch.setattr(planner, "intent", lambda *args, **kwargs: replace(real(*args, **kwargs), post_only=False))


def reduce_only_dropped(patch: Patch) -> None:
    real = risk.review

    def review(*args: Any) -> Any:
        verdict = real(*args)
        return replace(verdict, reduce_only=False) if isinstance(verdict, risk.Approved) else verdict

    patch.setattr(risk, "review", review)


def sign_of_delta_flipped(patch: Patch) -> None:
    patch.setattr(
        policy,
        "ideal_coins",
        lambda basis, ratio, long_coins, baseline_coins: Decimal(0) if ratio == 0 else long_coins + (1 - ratio) * baseline_coins,
    )


def five_percent_too_much(patch: Patch) -> None:
    real = sizing.size
    patch.setattr(sizing, "size", lambda held, usd, rule: real(held, usd * Decimal("1.05"), rule))


def contract_size_ten_times_too_small(patch: Patch) -> None:
    real = wire.instrument_of

    def tenth(book: Any) -> Any:
        whole = real(book)
        return replace(whole, contract_size=whole.contract_size / 10)

    patch.setattr(wire, "instrument_of", tenth)


def unknown_order_forgotten(patch: Patch) -> None:
    """UNKNOWN not counted in the cap: its slot is free at once."""
    moved, projected = order_memory.moved, projections.move

    def forgotten(state: Any, event: OrderMoved) -> Any:
        after = moved(state, event)
        held = any(one.working and one.working.order.client_id == event.client_id for one in after.legs)
        return with_leg(after, event.asset, working=None) if held and event.now is OrderStatus.UNKNOWN else after

    def freed(run: Any, sql: Any, account: str, seq: int, event: OrderMoved) -> None:
        projected(run, sql, account, seq, event)
        if event.now is OrderStatus.UNKNOWN:
            run(sql.free_slot, {"of_account": account, "of_symbol": event.symbol, "of_client_id": event.client_id})

    patch.setitem(ledger.STEPS, OrderMoved, forgotten)
    patch.setattr(projections, "move", freed)


def rejected_late_left_open(patch: Patch) -> None:
    """A step that the table does not have is taken for a lag of the venue."""

    def shown(reading: Any, working: Any, order: Any) -> None:
        reading.followed(working, order.status, max(working.filled, order.filled, working.traded), order.why, order.venue_id)

    patch.setattr(reconcile.Reading, "shown_order", shown)


def cancel_taken_for_gone(patch: Patch) -> None:
    real = acting.Hands.cancel

    async def gone(self: Any, decision: Any) -> Any:
        events = []
        for event in await real(self, decision):
            events.append(event)
            if isinstance(event, CancelAsked):
                now = (OrderStatus.OPEN, OrderStatus.CANCELLED)
                at = {
                    "filled": 0,
                    "why": "cancelled",
                    "at_ms": event.at_ms,
                    "mono_ms": event.mono_ms,
                    "asset": event.symbol.partition("/")[0],
                }
                events.append(OrderMoved(event.client_id, event.symbol, *now, **at))
        return events

    patch.setattr(acting.Hands, "cancel", gone)


def a_fill_is_skipped(patch: Patch) -> None:
    real = reconcile.Reading.fills

    def skipping(self: Any) -> bool:
        shown = self.view.fills
        if shown:
            self.view = replace(self.view, fills=tuple(fill for fill in shown if int(fill.trade_id[1:]) % 3))
        return real(self)

    patch.setattr(reconcile.Reading, "fills", skipping)


def funding_counted_twice(patch: Patch) -> None:
    real = ledger.funded
    patch.setitem(ledger.STEPS, ledger.FundingSeen, lambda state, event: with_leg(real(state, event), event.asset, recent_payments=()))


def slot_freed_before_its_late_fill(patch: Patch) -> None:
    real = order_memory.moved

    def unowed(state: Any, event: OrderMoved) -> Any:
        after = real(state, event)
        return with_leg(after, event.asset, owed=0, owed_id="") if event.now.terminal and event.asset else after

    patch.setitem(ledger.STEPS, OrderMoved, unowed)


def orders_of_an_earlier_run_left_open(patch: Patch) -> None:
    real = planner.reason_to_cancel

    def kept(state: Any, leg_state: Any, working: Any, *rest: Any) -> str:
        return real(replace(state, epoch=working.epoch), leg_state, working, *rest)

    patch.setattr(planner, "reason_to_cancel", kept)


def lease_lost_and_nobody_stops(patch: Patch) -> None:
    """Writes are refused, and the process goes on to sign what it had planned."""
    record = bot.engine.Engine.record

    async def deaf(self: Any, events: Any, thought: Any = None) -> bool:
        try:
            return await record(self, events, thought)
        except LeaseLost:
            self.parts.gate.lease_held = True
            return True

    patch.setattr(bot.engine.Engine, "record", deaf)
    patch.setattr(store.Store, "keep_lease", lambda self: None)


def order_deadline_ignored(patch: Patch) -> None:
    check = gate.SignGate.check
    patch.setattr(gate.SignGate, "check", lambda self, order: check(self, order and replace(order, deadline_mono_ms=10**12)))


def client_id_from_a_counter_of_the_process(patch: Patch) -> None:
    """As from a clock or uuid4: another one in each run."""
    count = itertools.count()
    patch.setattr(planner, "client_id", lambda instance, epoch, *_, **__: f"hb{instance}{planner.base36(epoch)}{next(count):018}")


def turnover_not_counted(patch: Patch) -> None:
    real = ledger.filled
    patch.setitem(ledger.STEPS, ledger.FillSeen, lambda state, event: replace(real(state, event), turnover_usd=Decimal(0)))


def leverage_checked_at_the_mark_only(patch: Patch) -> None:
    room, after = sizing.n_max_usd, risk.leverage_after
    patch.setattr(sizing, "n_max_usd", lambda instrument, most, equity, mark, shock: room(instrument, most, equity, mark, Decimal(0)))
    patch.setattr(risk, "leverage_after", lambda held, short, shock: after(held, short, Decimal(0)))


class Asked:
    """The planner with one answer to the question whose an order is."""

    def __init__(self, real: Any, *, of_everybody: bool) -> None:
        self.real, self.answer = real, of_everybody

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def is_ours(self, identity: str, instance: str) -> bool:
        return self.answer


def foreign_orders_cancelled(patch: Patch) -> None:
    patch.setattr(leg, "planner", Asked(leg.planner, of_everybody=True))


def database_down_and_still_sent(patch: Patch) -> None:
    record = bot.engine.Engine.record

    async def never_mind(self: Any, events: Any, thought: Any = None) -> bool:
        await record(self, events, thought)
        return True

    patch.setattr(bot.engine.Engine, "record", never_mind)


def shutdown_verified_unseen(patch: Patch) -> None:
    patch.setattr(running, "nothing_open", lambda engine: True)


def limits_not_checked(**limits: Any) -> Callable[[Patch], None]:
    """The rules as they stand in the file, and a decision by others."""

    def plant(patch: Patch) -> None:
        real = bot.engine.decide
        patch.setattr(
            bot.engine, "decide", lambda state, seen, rules: real(state, seen, replace(rules, risk=replace(rules.risk, **limits)))
        )

    return plant


def kill_leaves_orders_open(patch: Patch) -> None:
    real = planner.reason_to_cancel

    def kept(state: Any, *rest: Any) -> str:
        return real(replace(state, killed=None), *rest)

    patch.setattr(planner, "reason_to_cancel", kept)


def chain_without_its_place(patch: Patch) -> None:
    real = store.link
    patch.setattr(store, "link", lambda seq, previous, record: real(1, previous, record))


def word_forgotten_in_memory(patch: Patch) -> None:
    """State changed without an entry: what is in memory is not what the record says."""
    real = bot.engine.Engine.remember
    patch.setattr(bot.engine.Engine, "remember", lambda self, state: real(self, replace(state, paused=False)))


def doubt_not_told(patch: Patch) -> None:
    patch.setattr(leg, "OVERDUE_MS", 10**12)


def order_jumps_over_states(patch: Patch) -> None:
    patch.setattr(machine, "order_path", lambda was, now: () if was is now else (now,))


def doubt_never_ends(patch: Patch) -> None:
    patch.setattr(reconcile.Reading, "hidden_order", lambda self, working: None)


def orphan_left_alone(patch: Patch) -> None:
    """An order of ours that the record does not know, as after a backup was put back, is nobody's."""
    patch.setattr(leg, "planner", Asked(leg.planner, of_everybody=False))


def forgotten_epochs_led_again(patch: Patch) -> None:
    patch.setattr(start, "newest_epoch", lambda views, instance, epoch: epoch)


def changed_size_ignored(patch: Patch) -> None:
    """The contract as it was when it was first seen, whatever the venue says now."""
    real = wire.instrument_of
    first = weakref.WeakKeyDictionary[Any, Any]()
    patch.setattr(wire, "instrument_of", lambda book: first.setdefault(book, real(book)))


def changed_mode_ignored(patch: Patch) -> None:
    patch.setattr(wire.Wire, "one_way", lambda self, book: True)


def stale_position_absorbed(patch: Patch) -> None:
    """A real one, found here: with `reconcile.foreign: absorb` a position read from a copy that lags was taken for the truth."""
    real = reconcile.Reading.unexplained

    def at_once(self: Any, *rest: Any) -> None:
        whole = self.rules
        self.rules = replace(whole, absence_ms=0)
        try:
            real(self, *rest)
        finally:
            self.rules = whole

    patch.setattr(reconcile.Reading, "unexplained", at_once)


SPREAD: Final = (
    ("execution.schedule", "twap"),
    ("execution.schedule_above_usd", "1000"),
    ("execution.slices", "4"),
    ("execution.horizon_seconds", "480"),
)


def slices_all_due_at_once(patch: Patch) -> None:
    patch.setattr(pieces, "reached", lambda parent, elapsed: len(parent.sizes) - 1)
    patch.setattr(pieces, "cut", lambda held, size, rule: (size.whole // 2, size.whole - size.whole // 2))


def plan_that_forgets_what_was_done(patch: Patch) -> None:
    patch.setattr(pieces, "done", lambda parent, held: 0)


def share_of_the_book_ignored(patch: Patch) -> None:
    patch.setattr(pieces, "fitting", lambda size, held, depth, price, rule, *, crossing: (size, ""))


def transfer_asked_again_on_a_timeout(patch: Patch) -> None:
    ask = carrier.Carrier.transfer

    async def twice(self: Any, wanted: Any) -> Any:
        try:
            return await ask(self, wanted)
        except Unknown:
            return await ask(self, wanted)

    patch.setattr(carrier.Carrier, "transfer", twice)


def another_transfer_while_one_is_unknown(patch: Patch) -> None:
    verdict = keeper.verdict
    patch.setattr(keeper, "verdict", lambda rule, load, limits, kept, *rest: verdict(rule, load, limits, replace(kept, moving=None), *rest))


def limits_of_transfers_not_checked(patch: Patch) -> None:
    verdict = keeper.verdict

    def unlimited(rule: Any, *rest: Any) -> Any:
        return verdict(replace(rule, most_coins_per_day=LIMITLESS), *rest)

    patch.setattr(keeper, "verdict", unlimited)


def transfer_not_found_once_trusted(patch: Patch) -> None:
    def absent(self: Any, moving: Any) -> None:
        self.transfer_moved(moving, TransferStatus.ABSENT, "not found")

    patch.setattr(reconcile.Reading, "hidden_transfer", absent)


def transfer_without_an_intent(patch: Patch) -> None:
    patch.setattr(transfers, "intents", lambda state, seen, decision: [])


def other_leg_taken_as_it_is_shown(patch: Patch) -> None:
    """A real one: of two legs on one margin, the one whose position lags behind its fills counted as small as it was shown."""
    patch.setattr(leg, "other_usd", lambda view, state, seen: shown_usd(leg.sharing(view, seen)))

    def unfilled(view: Any, state: Any, seen: Any, placed: Any) -> Decimal:
        legs = tuple(replace_traded(one) for one in state.legs)
        return pending(view, changed(state, legs=legs), seen, placed)

    def replace_traded(one: Any) -> Any:
        return one if one.working is None else changed(one, working=changed(one.working, traded=one.working.filled))

    pending = leg.pending_usd
    patch.setattr(leg, "pending_usd", unfilled)


def shown_usd(others: Any) -> Decimal | None:
    if any(other.position is None or other.quote is None for other in others):
        return None
    return sum((abs(contracts.notional_usd(other.instrument, other.position.contracts, other.quote.mark)) for other in others), Decimal(0))


def orders_of_the_other_leg_not_counted(patch: Patch) -> None:
    patch.setattr(leg, "pending_usd", lambda view, state, seen, placed: Decimal(0))


SHARED: Final = (
    *(("hedges.BTC.instrument", "BTC/USDT:USDT"), ("bag.BTC.coins", "4"), ("hedges.BTC.ratio", "1.0"), ("paper.price.BTC", "1000")),
    *(("hedges.ETH.instrument", "ETH/USDT:USDT"), ("bag.ETH.coins", "80"), ("hedges.ETH.ratio", "1.0"), ("paper.price.ETH", "1000")),
    *(("paper.collateral.USDT", "60000"), ("risk.max_leverage", "2"), ("execution.max_order_usd", "100000")),
)

KEPT: Final = (
    *(("bag.BTC.coins", "4"), ("paper.wallet.BTC", "4"), ("paper.collateral.BTC", "1"), ("hedges.BTC.ratio", "1.0")),
    *(("collateral.BTC.auto_transfer", "true"), ("collateral.BTC.max_transfer_coins", "0.4")),
    *(("collateral.BTC.max_transfer_coins_per_day", "1"), ("risk.max_leverage", "2")),
)

PLANTED: Final = (
    Planted("all slices due at once", slices_all_due_at_once, (), ("i33_",), SPREAD),
    Planted("a plan that forgets what was done", plan_that_forgets_what_was_done, (), ("i33_",), SPREAD),
    Planted("share of the book ignored", share_of_the_book_ignored, (), ("i33_no_order",), (("execution.max_depth_share", "0.1"),)),
    Planted("commit and send swapped", commit_and_send_swapped, (), ("i1_intent",)),
    Planted("one not-found trusted", one_not_found_trusted, ("late-create", "lag", "hidden-open"), ("i3_", "i33_")),
    Planted("duplicate id taken for a rejection", duplicate_id_taken_for_a_rejection, ("twice",), ("i3_",)),
    Planted("sent again on a timeout", sent_again_on_a_timeout, ("lost-ack", "lost-before"), ("i2_",)),
    Planted("sent again under another name", sent_again_under_another_name_on_a_timeout, ("lost-ack",), ("i1_", "i33_")),
    Planted("lock without epoch", lock_without_epoch, ("usurped",), ("i15_",), first=8),
    Planted("baseline kept when the ratio changes", baseline_kept_when_the_ratio_changes, ("target",), ("i9_the_baseline",)),
    Planted("a fill counted twice", fill_counted_twice, (), ("i5_fills",)),
    Planted(
        "missing position read as zero",
        missing_position_read_as_zero,
        ("unread",),
        ("i18_", "i9_", "i8_"),
        first=211,
    ),
    Planted("stale price accepted", stale_price_accepted, ("stale",), ("i11_no_order_on_bad",)),
    Planted("NaN price accepted", nan_price_accepted, ("nan",), ("i11_no_order_on_bad", "no error")),
    Planted("zero price accepted", zero_price_accepted, ("zero",), ("i11_no_order_on_bad",)),
    Planted("crossed book accepted", crossed_book_accepted, ("crossed",), ("i11_no_order_on_bad",)),
    Planted("dry-run ignored", armed_whatever_is_said, ("dry-run", "target"), ("i13_",), first=17),
    Planted("kill flag ignored", kill_flag_ignored, ("kill", "target"), ("i16_after",)),
    Planted("pause ignored", pause_ignored, ("pause", "target"), ("i16_after",), first=29),
    Planted("post-only dropped", post_only_dropped, (), ("i20_crosses",)),
    Planted("reduce-only dropped", reduce_only_dropped, ("target",), ("i9_no_order",)),
    Planted("sign of delta flipped", sign_of_delta_flipped, (), ("i9_no_order",)),
    Planted("five percent too much", five_percent_too_much, (), ("i9_no_order", "i27_")),
    Planted("contract size ten times too small", contract_size_ten_times_too_small, (), ("i8_", "i9_", "i20_")),
    Planted("UNKNOWN order forgotten", unknown_order_forgotten, ("lost-ack", "late-create"), ("i33_", "i8_", "i9_")),
    Planted("cancel taken for gone at once", cancel_taken_for_gone, ("cancel-late", "target"), ("i33_", "i6_"), first=24),
    Planted("an order that was rejected late is left open", rejected_late_left_open, ("thrown-out", "target"), ("i27_", "i4_")),
    Planted("a fill skipped", a_fill_is_skipped, ("partial",), ("i24_", "i27_", "i7_"), (("reconcile.foreign", "absorb"),)),
    Planted("funding counted twice", funding_counted_twice, (), ("i5_funding",), hours="1.2"),
    Planted("slot freed before its late fill", slot_freed_before_its_late_fill, ("replica", "partial"), ("i8_", "i9_"), first=11),
    Planted("order of an earlier run left open", orders_of_an_earlier_run_left_open, ("crash", "target"), ("i15_orders",), first=104),
    Planted("lease lost and nobody stops", lease_lost_and_nobody_stops, ("usurped", "target"), ("i1_", "i15_", "i17_"), first=55),
    Planted("order deadline ignored", order_deadline_ignored, ("queued",), ("i11_no_order_waits",), first=8),
    Planted("client id not from the decision", client_id_from_a_counter_of_the_process, (), ("i25_",)),
    Planted(
        "turnover not counted",
        turnover_not_counted,
        ("target",),
        ("i11_turnover",),
        (("risk.max_turnover_usd_per_day", "400000"),),
        first=17,
    ),
    Planted("leverage checked at the mark only", leverage_checked_at_the_mark_only, (), ("i10_",)),
    Planted("foreign order cancelled", foreign_orders_cancelled, ("manual-order",), ("i19_",)),
    Planted("database down and still sent", database_down_and_still_sent, ("db-full", "db-lost-commit"), ("i1_", "i17_", "i28_"), first=15),
    Planted(
        "shutdown verified unseen",
        shutdown_verified_unseen,
        ("terminated", "cancel-late", "target"),
        ("i26_",),
        (("bag.BTC.coins", "0"), ("execution.max_order_usd", "4000"), ("execution.order_ttl_seconds", "60"), ("paper.collateral.BTC", "1")),
    ),
    Planted(
        "position limit not checked", limits_not_checked(max_position_usd=LIMITLESS), (), ("i8_",), (("risk.max_position_usd", "100000"),)
    ),
    Planted(
        "order rate not checked",
        limits_not_checked(max_orders_per_minute=10**6),
        ("turned-away", "target"),
        ("i11_no_more",),
        (("risk.max_orders_per_minute", "2"),),
    ),
    Planted("price collar not checked", limits_not_checked(price_collar=Decimal("0.99")), ("tenfold",), ("i11_no_order_on_bad",)),
    Planted("kill leaves orders open", kill_leaves_orders_open, ("kill", "target"), ("i16_a_kill",), first=15),
    Planted("chain without the place of a row", chain_without_its_place, (), ("i23_",)),
    Planted("state changed without an entry", word_forgotten_in_memory, ("pause",), ("i24_",)),
    Planted("doubt not told", doubt_not_told, ("lost-before", "late-create"), ("i28_",)),
    Planted("an order jumps over states", order_jumps_over_states, (), ("i6_",)),
    Planted("doubt never ends", doubt_never_ends, ("lost-before",), ("i27_",)),
    Planted(
        "orphan left after a restore",
        orphan_left_alone,
        ("restored", "partial"),
        ("i27_", "i33_", "i4_"),
        (
            *(("execution.order_ttl_seconds", "120"), ("execution.cross_after_seconds", "240"), ("hedges.BTC.ratio", "0.5")),
            *(("band.low", "0.999"), ("band.high", "1.001"), ("band.min_order_usd", "100"), ("band.cooldown_seconds", "1")),
        ),
        first=35,
        hours="2",
    ),
    Planted(
        "forgotten epochs led again",
        forgotten_epochs_led_again,
        ("restored", "terminated", "target"),
        ("i15_a_new", "i2_"),
        first=12,
        hours="2",
    ),
    Planted("changed size ignored", changed_size_ignored, ("resize", "target"), ("i20_no_order_against", "i5_", "i7_"), first=6, hours="2"),
    Planted("changed mode ignored", changed_mode_ignored, ("mode-by-hand", "target"), ("i20_no_order_in",), first=7, hours="2"),
    Planted(
        "stale position absorbed",
        stale_position_absorbed,
        ("lag", "partial"),
        ("i8_", "i9_"),
        (("cycle_seconds", "10"), ("reconcile.foreign", "absorb")),
        first=12,
    ),
    Planted(
        "transfer asked again on a timeout", transfer_asked_again_on_a_timeout, ("lost-ack",), ("i2_one_request_for_each_transfer",), KEPT
    ),
    Planted("another transfer while one is unknown", another_transfer_while_one_is_unknown, ("late-create",), ("i33_one_transfer",), KEPT),
    Planted("limits of transfers not checked", limits_of_transfers_not_checked, (), ("i8_transfers",), KEPT),
    Planted("transfer not found once trusted", transfer_not_found_once_trusted, ("late-create", "lag"), ("i3_",), KEPT),
    Planted("transfer without an intent", transfer_without_an_intent, (), ("i1_a_transfer",), KEPT),
    Planted(
        "other leg of a margin taken as it is shown", other_leg_taken_as_it_is_shown, ("lag", "replica"), ("i10_leverage_of_a",), SHARED
    ),
    Planted("orders of the other leg not counted", orders_of_the_other_leg_not_counted, (), ("i10_leverage_of_a",), SHARED),
)
