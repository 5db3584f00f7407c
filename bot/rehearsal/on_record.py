"""What must hold at the venue and in the record, whenever either changes?"""

from collections.abc import Sequence
from typing import Final

from bot.audit.chain import link
from bot.audit.codec import encode
from bot.core.events import DecisionMade, Event, FillSeen, FundingSeen, IntentRecorded, OrderMoved, RunStarted
from bot.core.machine import ORDER_TRANSITIONS
from bot.core.memory import State
from bot.core.model import OrderStatus, Side
from bot.rehearsal.evidence import ACCEPTED, ENDED, LANDED, TRADED, Check, Evidence, Process
from bot.rehearsal.nouns import notional_usd, price
from bot.rehearsal.venue import OWN, Book, Trade, VenueOrder

NEVER: Final = (OrderStatus.REJECTED, OrderStatus.ABSENT)

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
    assert all(mate.account.wallet_pico == book.account.wallet_pico for mate in book.mates), f"{book.symbol} is not on the margin it shares"


def i9_a_hedge_is_never_net_long(case: Evidence, book: Book, trade: Trade) -> None:
    if trade.owner == OWN and not trade.sells:
        before = book.account.contracts - trade.contracts
        assert book.account.contracts <= max(0, before), f"own buy {trade.client_id} made the position long by {book.account.contracts}"


def i19_foreign_orders_stay(case: Evidence, book: Book, order: VenueOrder) -> None:
    if order.owner != OWN:
        assert order.why != "cancelled by its owner", f"the bot cancelled the order {order.venue_id} of {order.owner}"


# ------------------------------------------------------------------------------------------------------------------ in the record


def i3_what_is_refused_or_absent_was_never_there(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    """Or it was thrown out before it traded, by the venue's own word."""
    for event in events:
        if isinstance(event, OrderMoved) and event.now in NEVER:
            known = case.venue.books[event.symbol].by_client.get(event.client_id, ())
            held = [one for one in known if one.filled or one.status != event.now]
            assert not held, f"{event.client_id} goes on record as {event.now} ({event.why}) and the venue holds it"


def i5_fills_are_counted_once(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    seen = set()
    for event in events:
        if isinstance(event, FillSeen):
            key = (event.fill.symbol, event.fill.trade_id)
            assert key not in case.fills and key not in seen, f"trade {key[1]} is counted twice"
            seen.add(key)
            book = case.venue.books[key[0]]
            trade = book.trades[int(key[1][1:]) - 1]
            said = (event.notional_usd, event.fill.side is Side.SELL, event.fill.client_id)
            usd = notional_usd(book, trade.contracts, price(trade.cents))
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
            whole = plan.spot_coins if case.venue.books[plan.instrument].linear else plan.spot_coins + plan.equity_coins
            assert plan.baseline is None or plan.baseline.coins == whole, f"{plan.asset}: the new baseline is not {whole}, all the coins"


CHECKS: Final[dict[str, Sequence[Check]]] = {
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
}
