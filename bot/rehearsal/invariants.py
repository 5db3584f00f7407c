"""What must hold after every event? Each promise as a small function over the evidence; an AssertionError names what broke it.

They compare the venue's truth (V), the record (D, and its chain A) and what a process knew when it signed. Amounts are exact.
Checked here: I1 to I11, I13, I15 to I20, I23 to I29, I31, I33. I29 (wall-clock steps) is every other promise held while the clock is
stepped. The rest is of parts that a rehearsal does not have: I12, I14, I21, I22 (the venue client), I30 and I34 (the code and the
configuration), I32 (the metrics); their tests stand beside those parts.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Final

from bot.audit.chain import link
from bot.audit.codec import encode
from bot.core.decision import Approved, Decision, Mode
from bot.core.events import DecisionMade, Event, FillSeen, FundingSeen, IntentRecorded, OrderMoved, RunStarted
from bot.core.machine import ORDER_TRANSITIONS
from bot.core.memory import State
from bot.core.model import OrderStatus, Side, View
from bot.core.rules import Rules
from bot.rehearsal.evidence import ACCEPTED, CLOSED, ENDED, FINISHED, LANDED, SIGNED, TRADED, TURNED, Check, Evidence, Process
from bot.rehearsal.venue import OWN, PICO, STEP_MS, Book, Trade, VenueOrder

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
FORGIVEN_MS: Final = 600_000  # what others did within so long may not be known yet: reads lag, processes are stopped
REMEMBERED: Final = tuple(part.name for part in fields(State) if part.name != "cycle")
NEVER: Final = (OrderStatus.REJECTED, OrderStatus.ABSENT)
DOUBTFUL: Final = (OrderStatus.INTENT, OrderStatus.SIGNED, OrderStatus.UNKNOWN)
MOST_TASKS: Final = 40
MOST_REMEMBERED: Final = 5_000
LOOK_AT_SIZES_EVERY: Final = 16  # turns: what grows without bound is still there then

# --------------------------------------------------------------------------------------------------------- when an order is signed


def i1_intent_is_committed_before_the_first_byte(case: Evidence, process: Process, order: Approved) -> None:
    intent = case.intents.get(order.client_id)
    assert intent is not None, f"{order.client_id} is signed and no intent of it was committed"
    assert intent.order == order, f"{order.client_id} is signed with other terms than those on record"
    assert intent.status is OrderStatus.INTENT, f"{order.client_id} is signed, on record it is {intent.status}"


def i2_one_request_for_each_client_id(case: Evidence, process: Process, order: Approved) -> None:
    assert order.client_id not in case.sent, f"{order.client_id} is signed a second time"


def i8_every_possible_world_stays_within_the_cap(case: Evidence, process: Process, order: Approved) -> None:
    """Whatever subset of open, doubtful and this order fills: the short stays within max_position_usd."""
    if order.side is Side.BUY:
        return
    book = case.venue.books[order.symbol]
    worst = worst_short(case, book) + order.contracts
    most = int(rules_of(case, process).risk.max_position_usd) // book.size_usd
    allowed = most + others_doing(case, book)
    assert worst <= allowed, f"{order.client_id}: all open and doubtful orders filled make a short of {worst}, the cap is {most}"


def i9_no_order_overshoots_the_hedge(case: Evidence, process: Process, order: Approved) -> None:
    """What this order and all open and doubtful ones lead to is at most the ideal hedge, its band, and one lot."""
    book = case.venue.books[order.symbol]
    if order.side is Side.BUY:
        held = -book.account.contracts
        assert order.reduce_only or held < 0, f"{order.client_id} buys without being reduce-only against a short of {held}"
        return
    ideal = ideal_contracts(case, process, book, order)
    if ideal is None:
        return
    band = next(leg.band for leg in rules_of(case, process).legs if leg.symbol == order.symbol)
    worst = worst_short(case, book) + order.contracts
    allowed = int(ideal * max(band.high, Decimal(1))) + 1 + others_doing(case, book)
    assert worst <= allowed, (
        f"{order.client_id}: all open and doubtful orders filled make a short of {worst}, the ideal hedge is {ideal:.1f}"
    )


def i10_leverage_stays_within_its_limit(case: Evidence, process: Process, order: Approved) -> None:
    """At the mark and at the mark with a move of the collar either way, from what the process was shown."""
    view = process.views.get(order.symbol)
    if order.side is Side.BUY or order.reduce_only or view is None or view.margin is None or view.position is None or view.quote is None:
        return
    risk = rules_of(case, process).risk
    size, mark, short = view.instrument.contract_size, view.quote.mark, order.contracts - view.position.contracts
    for move in (Decimal(0), risk.price_collar, -risk.price_collar):
        moved = mark * (1 + move)
        equity = view.margin.equity + size * short * (1 / moved - 1 / mark)
        leverage = size * short / (moved * equity) if equity > 0 else Decimal("Infinity")
        assert leverage <= risk.max_leverage * Decimal("1.0000001"), f"{order.client_id} leads to leverage {leverage:.4f} at {moved:.1f}"


def i11_no_order_on_bad_prices(case: Evidence, process: Process, order: Approved) -> None:
    view, risk = process.views.get(order.symbol), rules_of(case, process).risk
    assert view is not None and view.quote is not None, f"{order.client_id} is signed without a price"
    quote, seen = view.quote, process.seen
    prices = [quote.mark, quote.bid, quote.ask, *([] if quote.index is None else [quote.index])]
    assert all(one.is_finite() and one > 0 for one in prices), f"{order.client_id} is signed on the prices {prices}"
    assert quote.bid < quote.ask, f"{order.client_id} is signed on a crossed book {quote.bid} / {quote.ask}"
    assert seen is not None and abs(seen.now_ms - quote.at_ms) <= risk.max_data_age_ms, f"{order.client_id} is signed on a stale price"
    for reference in (quote.mark, quote.index):
        if reference is not None:
            off = abs(order.limit_price - reference)
            assert off <= risk.price_collar * reference, f"{order.client_id} at {order.limit_price} is outside the collar of {reference}"


def i11_no_order_waits_past_its_deadline(case: Evidence, process: Process, order: Approved) -> None:
    limit_ms = rules_of(case, process).risk.max_data_age_ms
    waited_ms = case.now_ms - case.intents[order.client_id].mono_ms
    assert waited_ms <= limit_ms, f"{order.client_id} is signed {waited_ms} ms after the look it was decided on"


def i11_no_more_orders_than_allowed(case: Evidence, process: Process, order: Approved) -> None:
    risk = rules_of(case, process).risk
    decided_ms = case.intents[order.client_id].mono_ms
    recent = sum(1 for one in case.intents.values() if decided_ms - MINUTE_MS < one.mono_ms <= decided_ms)
    assert recent <= risk.max_orders_per_minute, f"{order.client_id} is order {recent} decided within a minute"
    execution = rules_of(case, process).execution
    usd = order.contracts * case.venue.books[order.symbol].size_usd
    assert usd <= execution.max_order_usd, f"{order.client_id} is worth {usd} USD, max_order_usd is {execution.max_order_usd}"


def i11_turnover_stays_within_its_limit(case: Evidence, process: Process, order: Approved) -> None:
    """Own fills of the day as they are on record, with this order, within max_turnover_usd_per_day where it grows the hedge."""
    if order.side is Side.BUY or order.reduce_only or case.dice_on("step"):
        return  # a wall clock that is an hour off may be in another day
    book = case.venue.books[order.symbol]
    day = book.stamp(case.now_ms) // DAY_MS
    usd = sum(int(one.notional_usd) for one in case.fills.values() if one.ours and one.fill.at_ms // DAY_MS == day)
    usd += order.contracts * book.size_usd
    most = rules_of(case, process).risk.max_turnover_usd_per_day
    assert usd <= most, f"{order.client_id} makes a turnover of {usd} USD, max_turnover_usd_per_day is {most}"


def i13_dry_run_signs_nothing(case: Evidence, process: Process, order: Approved) -> None:
    assert process.state.armed, f"{order.client_id} is signed by a process that is not armed"
    assert case.said.dry_ms is None, f"{order.client_id} is signed after `dry-run on` went on record at {case.said.dry_ms} ms"


def i15_no_order_of_an_old_epoch(case: Evidence, process: Process, order: Approved) -> None:
    """An order that was on record before the new epoch may leave until its deadline; the new leader holds its slot and cancels it."""
    ended_ms = case.old_epochs_end_ms.get(process.epoch)
    if process.epoch != case.epoch and ended_ms is not None:
        grace_ms = rules_of(case, process).risk.max_data_age_ms
        assert case.now_ms - ended_ms <= grace_ms, f"{order.client_id} of epoch {process.epoch} is signed while epoch {case.epoch} leads"
    intent = case.intents.get(order.client_id)
    assert intent is None or intent.epoch == process.epoch, f"{order.client_id} is of epoch {intent and intent.epoch}, not {process.epoch}"


def i16_after_a_kill_nothing_is_signed(case: Evidence, process: Process, order: Approved) -> None:
    assert case.said.killed_ms is None, f"{order.client_id} is signed after the kill that went on record at {case.said.killed_ms} ms"
    assert case.said.paused_ms is None, f"{order.client_id} is signed after the pause that went on record at {case.said.paused_ms} ms"


def i17_database_down_signs_nothing(case: Evidence, process: Process, order: Approved) -> None:
    assert process.appended, f"{order.client_id} is signed although the last write was not taken"


def i18_missing_is_not_zero(case: Evidence, process: Process, order: Approved) -> None:
    view, seen = process.views.get(order.symbol), process.seen
    assert view is not None, f"{order.client_id} is signed for a contract that was not looked at"
    assert view.position is not None, f"{order.client_id} is signed while the position is unknown"
    assert view.margin is not None and view.margin.equity.is_finite(), f"{order.client_id} is signed while the equity is unknown"
    assert seen is not None and seen.bag_coins(order.asset) is not None, f"{order.client_id} is signed while the bag is unknown"


def i20_no_order_against_another_contract(case: Evidence, process: Process, order: Approved) -> None:
    """The contract that was pinned is the one that the last look showed, and that one the venue's, unless it was changed after the look."""
    view, book = process.views[order.symbol], case.venue.books[order.symbol]
    leg = process.state.leg(order.asset)
    assert leg.pin == view.instrument.spec, f"{order.client_id} is signed for a contract that is not the pinned one"
    looked_ms = case.intents[order.client_id].mono_ms
    same = view.instrument.contract_size == book.size_usd and view.instrument.tick == Decimal(book.tick) / 100
    assert same or book.respec_ms >= looked_ms - MINUTE_MS, f"{order.client_id} is signed for another contract than the venue's"


def i20_no_order_in_another_mode(case: Evidence, process: Process, order: Approved) -> None:
    """Nothing is signed while the account is in hedge mode, unless it was switched after the look."""
    since_ms, looked_ms = case.venue.books[order.symbol].hedge_mode_ms, case.intents[order.client_id].mono_ms
    assert since_ms is None or since_ms >= looked_ms - MINUTE_MS, f"{order.client_id} is signed while the account is in hedge mode"


def i20_crosses_only_after_patience(case: Evidence, process: Process, order: Approved) -> None:
    """Maker first: an order that takes comes only when the effort to align is older than cross_after_seconds."""
    intent = case.intents[order.client_id]
    since = case.efforts.get((order.asset, intent.epoch))
    patience_ms = rules_of(case, process).execution.cross_after_ms
    waited = since is not None and intent.mono_ms - since >= patience_ms
    assert order.post_only or waited, f"{order.client_id} takes liquidity before the patience of {patience_ms} ms has run out"


def i30_amounts_are_exact(case: Evidence, process: Process, order: Approved) -> None:
    assert type(order.contracts) is int and type(order.limit_price) is Decimal, f"{order.client_id} has an amount that is not exact"


def i33_children_stay_within_their_parent(case: Evidence, process: Process, order: Approved) -> None:
    """One unfinished order of a contract: another that may still trade would be a second child of the same plan."""
    book = case.venue.books[order.symbol]
    mine = process.state.instance
    doubtful = [one.order.client_id for one in case.under_way(order.symbol)]
    doubtful += [one.client_id for one in book.live(OWN) if one.client_id.startswith(f"hb{mine}")]
    assert not doubtful, f"{order.client_id} is signed while {doubtful[0]} may still trade"


# ------------------------------------------------------------------------------------------------------------------- at the venue


def i2_one_order_for_each_client_id(case: Evidence, book: Book, order: VenueOrder) -> None:
    if order.owner == OWN:
        assert len(book.by_client[order.client_id]) == 1, f"the venue holds two orders {order.client_id}"


def i3_what_is_on_record_as_refused_or_absent_never_appears(case: Evidence, book: Book, order: VenueOrder) -> None:
    status = case.orders.get(order.client_id, (None, 0))[0]
    assert status not in NEVER, f"the venue took {order.client_id}, which is on record as {status}"


def i1_every_own_order_was_signed(case: Evidence, book: Book, order: VenueOrder) -> None:
    if order.owner == OWN:
        assert order.client_id in case.sent, f"the venue holds {order.client_id}, which nobody signed"


def i7_position_is_the_sum_of_trades(case: Evidence, book: Book, trade: Trade) -> None:
    """Of the judge itself: contracts and coins are conserved."""
    book.sum_contracts += -trade.contracts if trade.sells else trade.contracts
    assert book.account.contracts == book.sum_contracts, (
        f"{book.symbol}: trades add up to {book.sum_contracts}, not {book.account.contracts}"
    )
    assert book.account.contracts or not book.account.cost_pico, f"{book.symbol} is flat and still costs {book.account.cost_pico}"


def i9_a_hedge_is_never_net_long(case: Evidence, book: Book, trade: Trade) -> None:
    if trade.owner == OWN and not trade.sells:
        before = book.account.contracts - trade.contracts
        assert book.account.contracts <= max(0, before), f"own buy {trade.client_id} made the position long by {book.account.contracts}"


def i19_foreign_orders_stay(case: Evidence, book: Book, order: VenueOrder) -> None:
    if order.owner != OWN:
        assert order.why != "cancelled by its owner", f"the bot cancelled the order {order.venue_id} of {order.owner}"


# ------------------------------------------------------------------------------------------------------------------ in the record


def i3_what_is_refused_or_absent_was_never_there(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    for event in events:
        if isinstance(event, OrderMoved) and event.now in NEVER:
            known = case.venue.books[event.symbol].by_client.get(event.client_id)
            assert not known, f"{event.client_id} goes on record as {event.now} ({event.why}) and the venue holds it"


def i5_fills_are_counted_once(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    seen = set()
    for event in events:
        if isinstance(event, FillSeen):
            key = (event.fill.symbol, event.fill.trade_id)
            assert key not in case.fills and key not in seen, f"trade {key[1]} is counted twice"
            seen.add(key)
            trade = case.venue.books[key[0]].trades[int(key[1][1:]) - 1]
            said = (event.notional_usd, event.fill.side is Side.SELL, event.fill.client_id)
            usd = Decimal(trade.contracts * case.venue.books[key[0]].size_usd)
            assert said == (usd, trade.sells, trade.client_id), f"trade {key[1]} of {usd} USD is on record as {said}"


def i5_funding_is_counted_once(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    for event in events:
        if isinstance(event, FundingSeen):
            key = (event.payment.symbol, event.payment.payment_id)
            assert key not in case.payments, f"payment {key[1]} is counted twice"
            case.payments.add(key)


def i6_only_listed_moves(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    moving = dict[str, tuple[OrderStatus, int]]()
    for event in events:
        if isinstance(event, OrderMoved):
            was, filled = moving.get(event.client_id) or case.orders.get(event.client_id) or (event.was, 0)
            assert event.was is was, f"{event.client_id} moves from {event.was} and was {was}"
            listed = event.now is was or event.now in ORDER_TRANSITIONS[was]
            assert listed, f"{event.client_id} moves from {was} to {event.now}, which is no row of the table"
            assert not was.terminal, f"{event.client_id} had ended as {was} and moves to {event.now}"
            order = case.intents[event.client_id].order
            assert event.filled <= order.contracts, f"{event.client_id} is filled by {event.filled} of {order.contracts}"
            assert not event.filled or event.filled >= filled, f"{event.client_id} was filled by {filled} and now by {event.filled}"
            moving[event.client_id] = (event.now, max(filled, event.filled))


def i15_only_the_newest_epoch_writes(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    assert process.epoch == case.epoch, f"rows of epoch {process.epoch} were committed while epoch {case.epoch} leads"


def i15_a_new_epoch_is_above_all_that_the_venue_shows(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    """Also after the record was put back to a time before them: an order that is open or has traded tells its epoch."""
    for event in events:
        if isinstance(event, RunStarted) and not case.dice_on("lag", "replica", "hidden-open"):
            shown = [case.sent[order.client_id] for _, order in case.venue.orders() if order.owner == OWN and (order.live or order.filled)]
            newest = max((sent.epoch for sent in shown), default=0)
            assert event.epoch > newest, f"a run starts with epoch {event.epoch}, and the venue shows orders of epoch {newest}"


def i23_the_chain_links(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    """The hash is counted once more, from what was recorded before."""
    for event in events:
        seq, head = case.checked_head
        case.checked_head = (seq + 1, link(seq + 1, head, encode(event)))
    assert case.checked_head == case.head, f"entry {case.head[0]} does not fit its hash"


def i1_one_unfinished_order_of_a_contract(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    for event in events:
        if isinstance(event, IntentRecorded) and event.status is OrderStatus.INTENT:
            working = before.leg(event.order.asset).working if any(leg.asset == event.order.asset for leg in before.legs) else None
            ended = working and any(
                isinstance(one, OrderMoved) and one.client_id == working.order.client_id and one.now.terminal for one in events
            )
            assert working is None or ended, (
                f"{event.order.client_id} is intended while {working and working.order.client_id} is unfinished"
            )


def i9_the_baseline_follows_the_ratio(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    """B is set anew, to all coins there are, by the decision that sees another ratio (domain.md §1)."""
    for event in events:
        if not isinstance(event, DecisionMade):
            continue
        for plan in event.decision.legs:
            old = event.state.leg(plan.asset).baseline
            if plan.ratio_effective is None or plan.spot_coins is None or plan.equity_coins is None:
                continue
            same = old is not None and (old.ratio, old.basis) == (plan.ratio_effective, plan.basis)
            assert same or plan.baseline is not None, f"{plan.asset}: the ratio is {plan.ratio_effective} now and the baseline stayed"
            whole = plan.spot_coins + plan.equity_coins
            assert plan.baseline is None or plan.baseline.coins == whole, f"{plan.asset}: the new baseline is not {whole}, all the coins"


# ---------------------------------------------------------------------------------------------------------------- after each turn


def i24_memory_is_the_fold_of_the_record(case: Evidence, process: Process, decision: Decision | None) -> None:
    if decision is not None and process.appended and process.epoch == case.epoch:
        assert same_memory(process.state, case.state), f"the state in memory is not the fold of the {case.head[0]} entries"


def i16_a_kill_cancels_at_once(case: Evidence, process: Process, decision: Decision | None) -> None:
    """The turn that knows of the kill has asked for the end of every order that may be cancelled."""
    if decision is None or not process.appended or process.state.killed is None:
        return
    for leg in process.state.legs:
        working = leg.working
        if working is not None and working.status not in DOUBTFUL and not case.dice_on("cancel-lost", "ban", "maintenance"):
            assert working.cancel_asked_ms is not None, f"killed, and nobody asked for the end of {working.order.client_id}"


def i15_orders_of_an_earlier_run_are_cancelled(case: Evidence, process: Process, decision: Decision | None) -> None:
    """A run that leads asks for the end of what the run before it left open, in the first turn that knows it is open."""
    if decision is None or not process.appended or process.epoch != case.epoch or case.dice_on("cancel-lost", "ban", "maintenance"):
        return
    for leg in process.state.legs:
        working = leg.working
        if working is not None and working.epoch != process.epoch and working.status not in DOUBTFUL:
            assert working.cancel_asked_ms is not None, f"{working.order.client_id} of epoch {working.epoch} is left open"


def i28_doubt_is_told(case: Evidence, process: Process, decision: Decision | None) -> None:
    """An order whose fate is unknown for more than a minute is an alert, for as long as it lasts."""
    if decision is None or process.seen is None:
        return
    for plan in decision.legs:
        leg = next((leg for leg in case.state.legs if leg.asset == plan.asset), None)
        working = leg.working if leg is not None else None
        if working is None or working.status not in DOUBTFUL or working.epoch != process.epoch or plan.ratio_actual is None:
            continue
        known_ms = process.seen.mono_ms - working.sent_mono_ms
        was_doubtful = known_ms >= MINUTE_MS and working.order.client_id not in {order.client_id for order in decision.orders}
        told = any("fate of an order" in alert for alert in decision.alerts)
        assert told or not was_doubtful, f"the fate of {working.order.client_id} is unknown for {known_ms} ms and nobody is told"


def i31_nothing_grows_without_bound(case: Evidence, process: Process, decision: Decision | None) -> None:
    if case.turns % LOOK_AT_SIZES_EVERY:
        return
    tasks = len(asyncio.all_tasks())
    assert tasks <= MOST_TASKS, f"{tasks} tasks are alive"
    for leg in process.state.legs:
        kept = len(leg.recent_fills) + len(leg.recent_payments)
        assert kept <= MOST_REMEMBERED, f"{leg.asset}: {kept} fills and payments are kept in memory"


def i27_after_the_faults_the_hedge_is_restored(case: Evidence, process: Process, decision: Decision | None) -> None:
    """Notes the first turn after the last fault whose answer is in order; `i27_never_silent` asks for it."""
    if case.quiet_from_ms is None or case.well_ms is not None or decision is None or process.epoch != case.epoch:
        return
    unwell = [f"{leg.asset}: {leg.why}" for leg in decision.legs if not leg.aligned and not accounted_for(process.state, decision, leg.why)]
    case.why_not_well = "; ".join(unwell)
    if not unwell:
        case.well_ms = case.now_ms


# ---------------------------------------------------------------------------------------------------------------------- at an end


def i26_a_good_exit_leaves_no_order(case: Evidence, process: Process, code: int) -> None:
    if code == 0 and process.state.live:
        for book in case.venue.books.values():
            for order in book.live(OWN):
                late = any(sent.at_ms < case.now_ms and sent.order.client_id == order.client_id for sent in case.sent.values())
                assert not late, f"exit 0, and {order.client_id} is still open"
            assert not case.under_way(book.symbol), f"exit 0, and {case.under_way(book.symbol)[0].order.client_id} is on its way"


def i27_never_silent(case: Evidence, process: Process) -> None:
    """The faults have ended: within the time allowed every leg was aligned, or held back for a reason that a person was told."""
    assert case.well_ms is not None, f"the faults ended at {case.quiet_from_ms} ms and the hedge is not restored: {case.why_not_well}"


def i4_at_rest_open_orders_agree(case: Evidence, process: Process) -> None:
    for book in case.venue.books.values():
        there = sorted(order.client_id for order in book.live(OWN))
        here = sorted(
            leg.working.order.client_id
            for leg in case.state.legs
            if leg.symbol == book.symbol and leg.working and leg.working.status not in DOUBTFUL
        )
        assert set(there) <= set(here) | {sent.order.client_id for sent in case.under_way(book.symbol)}, (
            f"at rest the venue holds {there}, on record are {here}"
        )


def i7_at_rest_positions_agree(case: Evidence, process: Process) -> None:
    for leg in case.state.legs:
        truth = case.venue.books[leg.symbol].account.contracts
        held_back = case.state.killed is not None or leg.halted is not None or leg.offered is not None
        told = held_back or leg.unexplained or leg.contracts is None or leg.working is not None
        assert told or leg.contracts == truth, f"{leg.symbol} holds {truth} contracts, on record are {leg.contracts}"


def i24_own_trades_are_all_on_record(case: Evidence, process: Process) -> None:
    """Trades of ours that the venue booked since we took charge, and more than a lag ago, stand in the record."""
    charged = {leg.symbol: leg.charged_at_ms for leg in case.state.legs if leg.contracts is not None}
    for book in case.venue.books.values():
        for trade in book.trades:
            known_by_now = book.symbol in charged and trade.stamp_ms >= charged[book.symbol] and case.now_ms - trade.at_ms > FORGIVEN_MS
            if trade.owner == OWN and known_by_now:
                assert (book.symbol, f"t{trade.number}") in case.fills, f"trade {trade.number} of {trade.client_id} is not on record"


# --------------------------------------------------------------------------------------------------------------- what they reckon


def same_memory(one: State, other: State) -> bool:
    """But for what a turn changes that was not worth recording."""
    return all(getattr(one, name) == getattr(other, name) for name in REMEMBERED)


def rules_of(case: Evidence, process: Process) -> Rules:
    return case.rules_at_start[process.epoch].rules


def worst_short(case: Evidence, book: Book) -> int:
    """The largest short that open and doubtful orders can make of the present position."""
    sells = sum(order.rest for order in book.live(OWN) if order.sells)
    doubtful = sum(sent.order.contracts for sent in case.under_way(book.symbol) if sent.order.side is Side.SELL)
    return -book.account.contracts + sells + doubtful


def others_doing(case: Evidence, book: Book) -> int:
    """Contracts that others moved lately, which the bot may not have been shown yet."""
    bought, sold = case.foreign_since(book.symbol, case.now_ms - FORGIVEN_MS)
    return bought + sold


def ideal_contracts(case: Evidence, process: Process, book: Book, order: Approved) -> Decimal | None:
    """N* of the leg in contracts, from the larger of the price and account as shown and as they are (domain.md §2)."""
    leg = next((one for one in process.state.legs if one.symbol == book.symbol), None)
    view: View | None = process.views.get(book.symbol)
    if leg is None or leg.baseline is None or view is None or view.margin is None or view.quote is None or leg.declared_coins is None:
        return None
    spot = leg.declared_coins - leg.transferred_coins
    found = []
    recent = [Decimal(cents) / 100 for cents in book.prices[-(FORGIVEN_MS // STEP_MS) :]]
    account = book.account
    for mark, equity in (
        (view.quote.mark, view.margin.equity),
        (Decimal(book.cents) / 100, Decimal(book.equity(account, book.cents)) / PICO),
        (max(recent), view.margin.equity),
    ):
        whole = spot + equity
        ratio, base = leg.baseline.ratio, leg.baseline.coins
        wanted = whole - (1 - ratio) * base if leg.baseline.basis == "coins" else ratio * whole
        found.append(Decimal(0) if ratio == 0 else max(Decimal(0), wanted * mark / book.size_usd))
    return max(found)


def accounted_for(state: State, decision: Decision, why: str) -> bool:
    """Is the leg held back by a person's word, by a halt, or by a limit that it names?"""
    if not state.armed or state.paused or state.killed or decision.mode in (Mode.HALTED, Mode.CANCEL_ONLY, Mode.PAUSED, Mode.STOPPING):
        return True
    named = ("halted", "limited by", "refused by the check on turnover", "not in charge", "declared bag is smaller")
    return any(word in why for word in named)


CHECKS: Final[dict[str, Sequence[Check]]] = {
    SIGNED: (
        i1_intent_is_committed_before_the_first_byte,
        i2_one_request_for_each_client_id,
        i8_every_possible_world_stays_within_the_cap,
        i9_no_order_overshoots_the_hedge,
        i10_leverage_stays_within_its_limit,
        i11_no_order_on_bad_prices,
        i11_no_order_waits_past_its_deadline,
        i11_no_more_orders_than_allowed,
        i11_turnover_stays_within_its_limit,
        i13_dry_run_signs_nothing,
        i15_no_order_of_an_old_epoch,
        i16_after_a_kill_nothing_is_signed,
        i17_database_down_signs_nothing,
        i18_missing_is_not_zero,
        i20_no_order_against_another_contract,
        i20_no_order_in_another_mode,
        i20_crosses_only_after_patience,
        i30_amounts_are_exact,
        i33_children_stay_within_their_parent,
    ),
    ACCEPTED: (i1_every_own_order_was_signed, i2_one_order_for_each_client_id, i3_what_is_on_record_as_refused_or_absent_never_appears),
    TRADED: (i7_position_is_the_sum_of_trades, i9_a_hedge_is_never_net_long),
    ENDED: (i19_foreign_orders_stay,),
    LANDED: (
        i3_what_is_refused_or_absent_was_never_there,
        i5_fills_are_counted_once,
        i5_funding_is_counted_once,
        i6_only_listed_moves,
        i15_only_the_newest_epoch_writes,
        i15_a_new_epoch_is_above_all_that_the_venue_shows,
        i23_the_chain_links,
        i1_one_unfinished_order_of_a_contract,
        i9_the_baseline_follows_the_ratio,
    ),
    TURNED: (
        i24_memory_is_the_fold_of_the_record,
        i16_a_kill_cancels_at_once,
        i15_orders_of_an_earlier_run_are_cancelled,
        i28_doubt_is_told,
        i31_nothing_grows_without_bound,
        i27_after_the_faults_the_hedge_is_restored,
    ),
    CLOSED: (i26_a_good_exit_leaves_no_order,),
    FINISHED: (i27_never_silent, i4_at_rest_open_orders_agree, i7_at_rest_positions_agree, i24_own_trades_are_all_on_record),
}
