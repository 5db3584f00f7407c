"""What must hold when an order is signed? The last moment before its first byte leaves; and what these promises reckon with."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from bot.core.decision import Approved
from bot.core.model import DAY_MS, Kind, OrderStatus, Side, View
from bot.core.rules import Rules
from bot.rehearsal.evidence import Check, Evidence, Process
from bot.rehearsal.nouns import coins, contract_size, notional_usd, price
from bot.rehearsal.venue import OWN, STEP_MS, Book

MINUTE_MS: Final = 60_000
FORGIVEN_MS: Final = 600_000  # what others did within so long may not be known yet: reads lag, processes are stopped


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
    most = int(rules_of(case, process).risk.max_position_usd / notional_usd(book, 1, shown_mark(case, process, order)))
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
    if order.side is Side.BUY or order.reduce_only or view is None or view.position is None or view.quote is None:
        return
    instrument, contracts = view.instrument, order.contracts - view.position.contracts
    usd = instrument.contract_size * contracts * (view.quote.mark if instrument.kind is Kind.LINEAR else 1)
    leverage = worst_leverage(case, process, view, usd)
    assert within(case, process, leverage), f"{order.client_id} leads to leverage {leverage:.4f}"


def i10_leverage_of_a_shared_margin_stays_within_its_limit(case: Evidence, process: Process, order: Approved) -> None:
    """Of every leg that stands on it, whatever subset of open, doubtful and this order fills. Only prices and equity are as the process
    was shown: the positions are the venue's, for one that is read late is no smaller for it."""
    book, view = case.venue.books[order.symbol], process.views.get(order.symbol)
    if not book.mates or order.side is Side.BUY or order.reduce_only or view is None:
        return
    usd = Decimal(0)
    for one in (book, *book.mates):
        seen = process.views.get(one.symbol)
        if seen is None or seen.quote is None:
            return  # i18 asks for it
        more = order.contracts if one is book else 0
        contracts = max(worst_short(case, one), abs(one.account.contracts)) + more - others_doing(case, one)
        usd += notional_usd(one, max(0, contracts), seen.quote.mark)
    leverage = worst_leverage(case, process, view, usd)
    assert within(case, process, leverage), f"{order.client_id} and all that shares its margin lead to leverage {leverage:.4f}"


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
    sent = [one for one in case.intents.values() if one.status is OrderStatus.INTENT]
    recent = sum(1 for one in sent if decided_ms - MINUTE_MS < one.mono_ms <= decided_ms)
    assert recent <= risk.max_orders_per_minute, f"{order.client_id} is order {recent} decided within a minute"
    execution = rules_of(case, process).execution
    usd = notional_usd(case.venue.books[order.symbol], order.contracts, shown_mark(case, process, order))
    assert usd <= execution.max_order_usd, f"{order.client_id} is worth {usd} USD, max_order_usd is {execution.max_order_usd}"


def i11_turnover_stays_within_its_limit(case: Evidence, process: Process, order: Approved) -> None:
    """Own fills of the day as they are on record, with this order, within max_turnover_usd_per_day where it grows the hedge."""
    if order.side is Side.BUY or order.reduce_only or case.dice_on("step"):
        return  # a wall clock that is an hour off may be in another day
    book = case.venue.books[order.symbol]
    day = book.stamp(case.now_ms) // DAY_MS
    usd = sum((one.notional_usd for one in case.fills.values() if one.ours and one.fill.at_ms // DAY_MS == day), Decimal(0))
    usd += notional_usd(book, order.contracts, shown_mark(case, process, order))
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
    for mate in case.venue.books[order.symbol].mates:
        other = process.views.get(mate.symbol)
        known = other is not None and other.position is not None and other.quote is not None
        assert known or order.reduce_only, f"{order.client_id} is signed while {mate.symbol}, on the same margin, is unknown"


def i20_no_order_against_another_contract(case: Evidence, process: Process, order: Approved) -> None:
    """The contract that was pinned is the one that the last look showed, and that one the venue's, unless it was changed after the look."""
    view, book = process.views[order.symbol], case.venue.books[order.symbol]
    leg = process.state.leg(order.asset)
    assert leg.pin == view.instrument.spec, f"{order.client_id} is signed for a contract that is not the pinned one"
    looked_ms = case.intents[order.client_id].mono_ms
    same = view.instrument.contract_size == contract_size(book) and view.instrument.tick == price(book.tick)
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


def i33_children_add_up_to_their_parent_at_most(case: Evidence, process: Process, order: Approved) -> None:
    """What the position shows of the plan, and this order, are no more than the slices that are due."""
    intent, view = case.intents[order.client_id], process.views.get(order.symbol)
    parent = process.state.leg(order.asset).parent
    assert parent is not None, f"{order.client_id} is a piece of no plan"
    assert order.side is parent.side, f"{order.client_id} is no {parent.side} like its plan"
    if view is None or view.position is None:
        return
    so_far = (-view.position.contracts - parent.from_short) * (1 if order.side is Side.SELL else -1)
    elapsed_ms = intent.mono_ms - parent.began_mono_ms if intent.epoch == parent.epoch else intent.at_ms - parent.began_at_ms
    whole, count = sum(parent.sizes), len(parent.sizes)
    due = sum(size for number, size in enumerate(parent.sizes) if number == 0 or parent.horizon_ms * number <= elapsed_ms * count)
    assert so_far + order.contracts <= due, f"{order.client_id} adds {order.contracts} to {so_far}, and {due} of {whole} are due"


def i33_no_order_is_more_than_its_share_of_the_book(case: Evidence, process: Process, order: Approved) -> None:
    share, view = rules_of(case, process).execution.max_depth_share, process.views.get(order.symbol)
    if share is None or view is None:
        return
    assert view.depth is not None, f"{order.client_id} was sent without a book to hold it to"
    mine, other = (view.depth.asks, view.depth.bids) if order.side is Side.SELL else (view.depth.bids, view.depth.asks)
    taken = sum(count for price, count in other if (price - order.limit_price) * order.side.sign <= 0)
    visible = mine[0][1] if order.post_only else taken
    assert order.contracts <= share * visible, f"{order.client_id} is more than {share} of the {visible} contracts visible where it reaches"


# --------------------------------------------------------------------------------------------------------------- what they reckon


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


def shown_mark(case: Evidence, process: Process, order: Approved) -> Decimal:
    """The price that the process went by; the venue's where it was shown none that counts."""
    view, book = process.views.get(order.symbol), case.venue.books[order.symbol]
    mark = view.quote.mark if view is not None and view.quote is not None else price(book.cents)
    return mark if mark.is_finite() and mark > 0 else price(book.cents)


def worst_leverage(case: Evidence, process: Process, view: View, usd: Decimal) -> Decimal:
    """Of a short of so many dollars at the mark, on the margin of this view: the worst at the mark and a collar away from it."""
    worst, collar, quote, margin = Decimal(0), rules_of(case, process).risk.price_collar, view.quote, view.margin
    if quote is None or margin is None:
        return worst  # i18 asks for it
    for move in (Decimal(0), collar, -collar):
        if view.instrument.kind is Kind.LINEAR:
            used, value = usd * (1 + move), margin.equity - usd * move
        else:
            used, value = usd, margin.equity * quote.mark * (1 + move) - usd * move
        worst = max(worst, used / value if value > 0 else Decimal("Infinity"))
    return worst


def within(case: Evidence, process: Process, leverage: Decimal) -> bool:
    return leverage <= rules_of(case, process).risk.max_leverage * Decimal("1.0000001")


def ideal_contracts(case: Evidence, process: Process, book: Book, order: Approved) -> Decimal | None:
    """N* of the leg in contracts, from the larger of the price and account as shown and as they are (domain.md §2)."""
    leg = next((one for one in process.state.legs if one.symbol == book.symbol), None)
    view: View | None = process.views.get(book.symbol)
    if leg is None or leg.baseline is None or view is None or view.margin is None or view.quote is None or leg.declared_coins is None:
        return None
    spot = leg.declared_coins - leg.transferred_coins
    found = []
    recent = [price(cents) for cents in book.prices[-(FORGIVEN_MS // STEP_MS) :]]
    for mark, equity in (
        (view.quote.mark, view.margin.equity),
        (price(book.cents), coins(book.equity())),
        (max(recent), view.margin.equity),
    ):
        whole = spot if book.linear else spot + equity
        ratio, base = leg.baseline.ratio, leg.baseline.coins
        wanted = whole - (1 - ratio) * base if leg.baseline.basis == "coins" else ratio * whole
        found.append(Decimal(0) if ratio == 0 else max(Decimal(0), wanted * mark / notional_usd(book, 1, mark)))
    return max(found)


CHECKS: Final[Sequence[Check]] = (
    i1_intent_is_committed_before_the_first_byte,
    i2_one_request_for_each_client_id,
    i8_every_possible_world_stays_within_the_cap,
    i9_no_order_overshoots_the_hedge,
    i10_leverage_stays_within_its_limit,
    i10_leverage_of_a_shared_margin_stays_within_its_limit,
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
    i33_children_add_up_to_their_parent_at_most,
    i33_no_order_is_more_than_its_share_of_the_book,
)
