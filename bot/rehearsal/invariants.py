"""What must hold after every event? Each promise as a small function over the evidence; an AssertionError names what broke it.

They compare the venue's truth (V), the record (D, and its chain A) and what a process knew when it signed. Amounts are exact.
Checked here: I1 to I11, I13, I15 to I20, I23 to I29, I31, I33. I29 (wall-clock steps) is every other promise held while the clock is
stepped. The rest is of parts that a rehearsal does not have: I12, I14, I21, I22 (the venue client), I30 and I34 (the code and the
configuration), I32 (the metrics); their tests stand beside those parts.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import fields
from typing import Final

from bot.core.decision import Decision, LegPlan, Mode
from bot.core.memory import State
from bot.core.model import OrderStatus
from bot.rehearsal import at_signature, collateral, on_record
from bot.rehearsal.at_signature import FORGIVEN_MS
from bot.rehearsal.evidence import CARRIED, CLOSED, FINISHED, LANDED, SIGNED, SIGNED_TRANSFER, TURNED, Check, Evidence, Process
from bot.rehearsal.venue import OWN, Book

MINUTE_MS: Final = 60_000
REMEMBERED: Final = tuple(part.name for part in fields(State) if part.name != "cycle")
DOUBTFUL: Final = (OrderStatus.INTENT, OrderStatus.SIGNED, OrderStatus.UNKNOWN)
MOST_TASKS: Final = 40
MOST_REMEMBERED: Final = 5_000
LOOK_AT_SIZES_EVERY: Final = 16  # turns: what grows without bound is still there then

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
    unwell = [f"{leg.asset}: {leg.why}" for leg in decision.legs if not leg.aligned and not accounted_for(process.state, decision, leg)]
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
    """With what is owed. Instead of one more look before the end, which may be the one that trades again, the check tells which fills no
    look could have shown; an older one is not forgiven, so that a bot that never learns its fills is found."""
    for leg in case.state.legs:
        book = case.venue.books[leg.symbol]
        truth = book.account.contracts
        held_back = case.state.killed is not None or leg.halted is not None or leg.offered is not None
        told = held_back or leg.unexplained or leg.contracts is None or leg.working is not None
        known = (leg.contracts or 0) + (leg.owed if traded_since_the_look(book, leg.owed_id, process) else 0)
        assert told or known == truth, f"{leg.symbol} holds {truth} contracts, on record are {leg.contracts}, and {leg.owed} are owed"


def i24_own_trades_are_all_on_record(case: Evidence, process: Process) -> None:
    """Trades of ours that the venue booked since we took charge, and more than a lag ago, stand in the record."""
    charged = {leg.symbol: leg.charged_at_ms for leg in case.state.legs if leg.contracts is not None}
    for book in case.venue.books.values():
        for trade in book.trades:
            known_by_now = book.symbol in charged and trade.stamp_ms >= charged[book.symbol] and case.now_ms - trade.at_ms > FORGIVEN_MS
            if trade.owner == OWN and known_by_now:
                assert (book.symbol, f"t{trade.number}") in case.fills, f"trade {trade.number} of {trade.client_id} is not on record"


# --------------------------------------------------------------------------------------------------------------- what they reckon


def traded_since_the_look(book: Book, client_id: str, process: Process) -> bool:
    """Did this order of ours trade only after the last look of the process?"""
    trades = [trade for trade in book.trades if trade.owner == OWN and trade.client_id == client_id]
    return bool(trades) and process.seen is not None and trades[0].at_ms >= process.seen.mono_ms


def same_memory(one: State, other: State) -> bool:
    """But for what a turn changes that was not worth recording."""
    return all(getattr(one, name) == getattr(other, name) for name in REMEMBERED)


def accounted_for(state: State, decision: Decision, leg: LegPlan) -> bool:
    """Is the leg held back by a person's word, by a halt, or by a limit that it names; or hedged, with coins that a person must move?"""
    if not state.armed or state.paused or state.killed or decision.mode in (Mode.HALTED, Mode.CANCEL_ONLY, Mode.PAUSED, Mode.STOPPING):
        return True
    named = ("halted", "limited by", "refused by the check on turnover", "not in charge", "declared bag is smaller")
    lacking = leg.settled and any(what.startswith("collateral: ") for what in leg.missing)
    return lacking or any(word in leg.why for word in named)


CHECKS: Final[dict[str, Sequence[Check]]] = {
    SIGNED: at_signature.CHECKS,
    **on_record.CHECKS,
    LANDED: (*on_record.CHECKS[LANDED], *collateral.LANDED_CHECKS),
    SIGNED_TRANSFER: collateral.SIGNED_CHECKS,
    CARRIED: collateral.CARRIED_CHECKS,
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
