"""Is what happened counted once, and is what own trades do not explain named?"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core.decision import Mode
from bot.core.events import (
    AlertRaised,
    CancelAsked,
    CoinsMoved,
    Event,
    FillSeen,
    FundingSeen,
    Halted,
    LegHalted,
    OrderMoved,
    PositionUnexplained,
    TookCharge,
)
from bot.core.ledger import OVERLAP_MS
from bot.core.memory import Working
from bot.core.model import Order, OrderStatus, Position, Side, Snapshot, View
from bot.core.planner import client_id
from bot.core.reconcile import adoption_needed, reconcile
from bot.core.rules import Foreign
from tests.core.worlds import BTC, CYCLE_MS, EXECUTION, Account, World, hedged, leg_rule, rules, started

D = Decimal


def kinds(made: World, kind: type[Event]) -> list[Event]:
    return [event for event in made.events if isinstance(event, kind)]


def seen_with(made: World, **changed: object) -> Snapshot:
    seen = made.snapshot()
    return replace(seen, views=(replace(seen.views[0], **changed), *seen.views[1:]))  # type: ignore[arg-type]


def working(made: World) -> Working:
    found = made.state.leg("BTC").working
    assert found is not None
    return found


def selling(**ruled: object) -> World:
    """A bot whose first sell order rests, unfilled."""
    made = hedged(short_usd=0, fill=False, **ruled)  # type: ignore[arg-type]
    made.turn()
    assert working(made).status is OrderStatus.OPEN
    return made


def ends(made: World) -> list[OrderStatus]:
    return [event.now for event in kinds(made, OrderMoved) if isinstance(event, OrderMoved) and event.now.terminal]


def hidden(made: World, turns: int = 1, **changed: object) -> None:
    """The venue shows nothing of our order."""
    for _ in range(turns):
        made.turn(seen_with(made, found=(), open_orders=(), **changed))


# ------------------------------------------------------------------------------------------------------------------- fills


def test_a_fill_is_counted_once_however_often_it_is_shown() -> None:
    made = hedged(short_usd=0)
    made.turns(20)
    assert len(kinds(made, FillSeen)) == len(made.account().fills) == 3
    for _ in range(50):
        made.turn()
    assert len(kinds(made, FillSeen)) == 3
    assert made.state.leg("BTC").contracts == -2999 - 1 == -made.account().short


def test_an_old_fill_is_not_counted_again_after_a_funding_payment_hours_later() -> None:
    made = hedged(short_usd=0)
    made.turns(20)
    made.now_ms += 8 * 3_600_000
    made.account().settle_funding(D("0.0001"), made.now_ms)
    made.turn()
    made.turn()
    assert len(kinds(made, FillSeen)) == 3
    assert len(kinds(made, FundingSeen)) == 1
    assert made.state.killed is None


def test_a_venue_that_shows_more_than_was_asked_for_is_not_counted_twice() -> None:
    made = hedged(short_usd=0)
    made.turns(20)
    made.now_ms += 10 * OVERLAP_MS
    made.account().settle_funding(D("0.02"), made.now_ms)  # so much that one more order fills, long after the first ones
    made.turns(20)
    for _ in range(3):
        made.turn()
    assert len(kinds(made, FillSeen)) == len(made.account().fills) > 3
    assert made.state.killed is None


def test_fills_told_in_parts_and_overlaps_add_up() -> None:
    made = selling()
    for part in (100, 200, 300, 400):
        made.account().trade(made.now_ms + 1, part)
        made.turn()
    assert [event.fill.contracts for event in kinds(made, FillSeen) if isinstance(event, FillSeen)] == [100, 200, 300, 400]
    assert made.state.leg("BTC").contracts == -1000


def test_filled_never_shrinks() -> None:
    made = selling()
    made.account().trade(made.now_ms + 1, 300)
    made.turn()
    assert working(made).filled == 300
    (order,) = made.account().open()
    made.turn(seen_with(made, found=(replace(order, filled=100),)))
    assert working(made).filled == 300


def test_a_venue_that_shows_all_funding_that_ever_was_is_not_counted_twice() -> None:
    made = hedged()
    made.account().settle_funding(D("0.0001"), made.now_ms + 1)
    made.turn()
    made.now_ms += 8 * 3_600_000
    made.account().settle_funding(D("0.0001"), made.now_ms + 1)
    for _ in range(3):
        made.turn()
    assert len(made.snapshot().views[0].funding or ()) == 2
    assert len(kinds(made, FundingSeen)) == 2
    assert kinds(made, CoinsMoved) == []


def test_funding_is_counted_once_and_is_no_transfer() -> None:
    made = hedged()
    made.account().settle_funding(D("0.0001"), made.now_ms + 1)
    for _ in range(5):
        made.turn()
    assert len(kinds(made, FundingSeen)) == 1
    assert kinds(made, CoinsMoved) == []


def test_a_trade_and_a_payment_of_one_name_and_moment_are_both_counted() -> None:
    made = selling()
    made.account().trade(made.now_ms + 1)
    made.account().settle_funding(D("0.0001"), made.now_ms + 1)
    made.account().funding[0] = replace(made.account().funding[0], payment_id="t0")
    made.turn()
    assert len(kinds(made, FillSeen)) == len(kinds(made, FundingSeen)) == 1


# ------------------------------------------------------------------------------------------------------------------- orders


def test_a_venue_that_still_shows_a_cancelled_order_does_not_move_it_back() -> None:
    made = selling()
    made.account().trade(made.now_ms + 1, 300)
    made.turn()
    (partial,) = made.account().open()
    made.turn(seen_with(made, found=(replace(partial, status=OrderStatus.OPEN, filled=0),)))
    assert working(made).status is OrderStatus.PARTIAL
    made.account().cancel(partial.client_id)
    seen = seen_with(made, open_orders=(partial,))  # the list of open orders lags
    made.turn(seen)
    assert made.state.leg("BTC").working is None
    moved = [event.now for event in kinds(made, OrderMoved) if isinstance(event, OrderMoved)]
    assert moved[-1] is OrderStatus.CANCELLED


@pytest.mark.parametrize("traded", [0, 300])
def test_an_order_that_was_in_the_book_and_that_the_venue_calls_rejected_has_ended(traded: int) -> None:
    made = selling()
    if traded:
        made.account().trade(made.now_ms + 1, traded)
        made.turn()
    (shown,) = made.account().open()
    made.account().cancel(shown.client_id)
    made.turn(seen_with(made, found=(replace(shown, status=OrderStatus.REJECTED),), open_orders=()))
    assert ends(made) == [OrderStatus.CANCELLED], "a rejected order never was in the book, and has no fills"
    assert made.state.leg("BTC").contracts == -traded
    assert made.turns(3).legs[0].why != "an order is working"
    assert working(made).order.client_id != shown.client_id, "the hedge goes on"


def test_an_order_with_fills_is_never_taken_for_a_rejected_one() -> None:
    made = selling()
    (shown,) = made.account().open()
    made.account().trade(made.now_ms + 1, 300)
    seen = made.snapshot()
    lagging = replace(
        seen, views=(replace(seen.views[0], found=(replace(shown, status=OrderStatus.REJECTED, filled=300),)), *seen.views[1:])
    )
    made.turn(lagging)
    assert ends(made) == [OrderStatus.CANCELLED]


def test_an_order_that_stays_open_a_minute_after_its_cancel_is_told_until_it_is_gone() -> None:
    made = selling()
    made.rules = replace(made.rules, execution=replace(made.rules.execution, order_ttl_ms=CYCLE_MS))
    made.account().cancels = False
    turns = [made.turn() for _ in range(60_000 // CYCLE_MS + 5)]
    stuck = "BTC: an order is still open a minute after its cancel"
    asked = [event.at_ms for event in kinds(made, CancelAsked) if isinstance(event, CancelAsked)]
    first = next(at for at, turn in enumerate(turns) if stuck in turn.alerts)
    assert all(stuck in turn.alerts for turn in turns[first:])
    assert turns[first].at_ms - asked[0] == 60_000
    assert len(asked) > 5, "it is asked for again and again meanwhile"
    made.account().cancels = True
    made.turns(3)
    assert stuck not in made.decisions[-1].alerts


def lost(made: World) -> None:
    """The first order went out and nobody answered: it never reached the venue."""
    (name,) = made.account().orders
    made.account().orders.clear()
    assert made.state.leg("BTC").working is not None
    made.state = replace(
        made.state,
        legs=tuple(
            replace(leg, working=replace(leg.working, status=OrderStatus.UNKNOWN, venue_id="")) if leg.working else leg
            for leg in made.state.legs
        ),
    )
    assert name == working(made).order.client_id


@pytest.mark.parametrize(
    ("polls", "seconds", "looks", "absent"), [(3, 0, 2, False), (3, 0, 3, True), (1, 60, 12, False), (1, 60, 13, True)]
)
def test_absence_needs_polls_and_time(polls: int, seconds: int, looks: int, absent: bool) -> None:
    made = selling(absence=(polls, seconds * 1000))
    lost(made)
    for _ in range(looks):
        made.turn()
    assert ends(made) == ([OrderStatus.ABSENT] if absent else [])


def test_a_strictly_consistent_venue_proves_absence_by_one_look() -> None:
    made = selling(absence=(1, 0))
    lost(made)
    made.turn()
    assert ends(made) == [OrderStatus.ABSENT]


def test_time_since_an_order_was_sent_is_no_proof_only_time_since_it_was_missed() -> None:
    made = selling(absence=(3, 60_000))
    made.rules = replace(made.rules, execution=replace(made.rules.execution, order_ttl_ms=10**9))
    for _ in range(30):
        made.turn()
    hidden(made, 12)
    assert working(made).status is OrderStatus.UNKNOWN
    made.turn()  # it was a lag: there it is again
    assert working(made).status is OrderStatus.OPEN
    hidden(made, 12)
    assert working(made).status is OrderStatus.UNKNOWN, "the proof begins anew"


def test_a_position_that_own_fills_do_not_explain_is_no_proof_of_absence() -> None:
    made = selling(absence=(1, 0))
    lost(made)
    moved = Position(BTC.symbol, -1000, D(60_000), D(1), made.now_ms)
    hidden(made, 10, position=moved)
    assert working(made).status is OrderStatus.UNKNOWN


@pytest.mark.parametrize("part", ["found", "open_orders", "fills"])
def test_a_look_with_a_part_missing_is_no_poll(part: str) -> None:
    made = selling(absence=(1, 0))
    lost(made)
    name = working(made).order.client_id
    made.turn(seen_with(made, **{"found": (), "open_orders": (), part: None}))
    assert (working(made).order.client_id, working(made).polls) == (name, 0)


def test_an_order_that_the_venue_once_showed_ends_as_cancelled_never_as_absent() -> None:
    made = selling(absence=(1, 0))
    made.account().orders.clear()
    made.turn()
    assert ends(made) == [OrderStatus.CANCELLED]


def test_an_order_forgotten_by_the_venue_after_its_fill_is_filled_by_its_fills() -> None:
    made = selling()
    made.account().trade(made.now_ms + 1)
    hidden(made, 1)
    assert ends(made) == [OrderStatus.FILLED]
    assert made.state.leg("BTC").owed == 0


def test_a_restart_begins_the_proof_of_absence_and_the_patience_of_cancels_anew() -> None:
    made = selling()
    lost(made)
    hidden(made, 5)
    assert working(made).polls == 5
    made.state = started(made.rules, state=made.state, epoch=2)
    assert (working(made).polls, working(made).vain_since_ms, working(made).cancel_asked_ms) == (0, None, None)


def test_an_order_of_an_earlier_run_is_cancelled_however_the_clock_of_this_one_runs() -> None:
    made = selling()
    made.note(CancelAsked(working(made).order.client_id, BTC.symbol, "its time is up", made.now_ms, made.mono_ms))
    made.state = started(made.rules, state=made.state, epoch=2)
    made.mono_ms = 3  # a new process counts from its own beginning
    assert [cancel.why for cancel in made.turn().cancels] == ["of an earlier run"]


def test_ended_but_its_fills_lag_behind_so_nothing_new_is_sent() -> None:
    made = selling()
    made.account().trade(made.now_ms + 1)
    lagging = seen_with(made, fills=(), position=Position(BTC.symbol, 0, None, D(1), made.now_ms))
    placed = len(made.placed)
    for _ in range(2):
        decision = made.turn(lagging)
        assert decision.orders == ()
        assert "fills of the last order" in decision.legs[0].why
        assert made.state.leg("BTC").working is None
        assert made.state.leg("BTC").owed == -1000
    made.turn()
    assert made.state.leg("BTC").owed == 0
    assert len(made.placed) == placed + 1
    assert made.state.killed is None


def test_a_position_that_does_not_move_after_a_fill_halts() -> None:
    made = selling()
    made.account().trade(made.now_ms + 1)
    lagging = seen_with(made, fills=(), position=Position(BTC.symbol, 0, None, D(1), made.now_ms))
    for _ in range(4):
        made.turn(lagging)
    assert [event.check for event in kinds(made, Halted) if isinstance(event, Halted)] == ["position did not move"]


# ------------------------------------------------------------------------------------------------------------------- positions


def stranger(made: World, count: int = 100) -> Callable[[], None]:
    """The venue's position moves, and no fill tells why (a liquidation by hand, an ADL)."""

    def move() -> None:
        made.account().book(Side.BUY, count, made.account().mark, made.now_ms)
        made.account().fills.pop()

    return move


@pytest.mark.parametrize(("looks", "halts"), [(1, False), (3, False), (4, True)])
def test_an_unexplained_position_holds_then_halts(looks: int, halts: bool) -> None:
    made = hedged()
    stranger(made)()
    for _ in range(looks):
        assert made.turn().orders == ()
    assert bool(kinds(made, Halted)) is halts
    assert len(kinds(made, PositionUnexplained)) == min(looks, 4)


def test_it_halts_also_where_the_process_clock_begins_at_zero() -> None:
    made = hedged()
    stranger(made)()
    made.mono_ms = -CYCLE_MS
    for _ in range(4):
        made.turn()
    assert kinds(made, Halted)


def test_a_lag_that_ends_leaves_no_trace() -> None:
    made = hedged()
    made.turn(seen_with(made, position=Position(BTC.symbol, -2900, D(60_000), D(1), made.now_ms)))
    assert made.state.leg("BTC").unexplained == 1
    made.turn()
    assert made.state.leg("BTC").unexplained == 0
    assert made.state.mode is Mode.WATCHING


def test_rearm_takes_the_position_as_the_venue_shows_it() -> None:
    made = hedged()
    stranger(made)()
    for _ in range(6):
        made.turn()
    assert made.state.mode is Mode.HALTED
    made.say("rearm", reason="looked at it: ADL")
    decision = made.turns(20)
    assert decision.legs[0].aligned
    assert made.state.killed is None
    assert made.account().short == 3000 or made.account().short == 2999
    assert kinds(made, CoinsMoved) == []


def test_rearm_of_an_explained_position_accepts_no_later_one() -> None:
    made = hedged()
    made.say("kill", reason="test")
    made.turn()
    made.say("rearm", reason="test")
    made.turn()
    stranger(made)()
    made.turn()
    assert made.state.leg("BTC").unexplained == 1


def test_absorb_takes_an_unexplained_position_and_says_so() -> None:
    made = hedged(foreign=Foreign.ABSORB)
    stranger(made)()
    for _ in range(14):
        made.turn()
    assert kinds(made, AlertRaised)
    assert made.state.killed is None
    assert made.state.leg("BTC").contracts == -made.account().short


def test_absorb_waits_as_long_as_a_read_may_lag_lest_own_fills_be_traded_twice() -> None:
    """A copy that lags shows the position of before our fills: for as long as that may last (60 s here), it is not taken for the truth."""
    made = hedged(foreign=Foreign.ABSORB)
    stranger(made)()
    for _ in range(12):
        made.turn()
    assert kinds(made, AlertRaised) == []
    made.turn()
    assert len(kinds(made, AlertRaised)) == 1


def test_absorb_waits_while_an_own_order_may_still_explain_the_position() -> None:
    made = selling(foreign=Foreign.ABSORB)
    lost(made)
    hidden(made, 8, position=Position(BTC.symbol, -1000, D(60_000), D(1), made.now_ms))
    assert kinds(made, AlertRaised) == []
    assert working(made).status is OrderStatus.UNKNOWN


def test_after_an_absorbed_position_profit_is_booked_at_the_venues_entry_price_so_that_no_transfer_appears() -> None:
    made = hedged(foreign=Foreign.ABSORB)
    account = made.account()
    account.book(Side.SELL, 1000, D(70_000), made.now_ms)
    account.fills.pop()
    for _ in range(14):
        made.turn()
    made.turns(40)
    assert kinds(made, CoinsMoved) == []


# ------------------------------------------------------------------------------------------------------------------- strangers


def foreign_order(name: str) -> Order:
    return Order(name, "v99", BTC.symbol, Side.SELL, 5, 0, D(61_000), OrderStatus.OPEN, False, True, 0)


@pytest.mark.parametrize(
    ("name", "check"),
    [("", "foreign order"), ("abc", "foreign order"), ("hbzz" + "0" * 21, "second bot")],
)
@pytest.mark.parametrize("policy", list(Foreign))
def test_a_foreign_order_halts_or_is_left_alone(name: str, check: str, policy: Foreign) -> None:
    """An order of another hedgebot halts whatever the policy: two bots on one account would undo each other's hedges."""
    made = hedged(foreign=policy)
    decision = made.turn(seen_with(made, open_orders=(foreign_order(name),)))
    halts = policy is Foreign.HALT or check == "second bot"
    assert [event.check for event in kinds(made, Halted) if isinstance(event, Halted)] == ([check] if halts else [])
    assert decision.cancels == (), "foreign orders are never touched"


def test_an_own_order_without_an_intent_is_cancelled_and_nothing_is_sent_before() -> None:
    made = hedged(short_usd=0)
    name = client_id("aa", 7, "main", BTC.symbol, 3)
    decision = (
        made.turn(seen_with(made, open_orders=(foreign_order(name),)))
        if made.account().orders.setdefault(name, foreign_order(name))
        else None
    )
    assert decision is not None
    assert [cancel.client_id for cancel in decision.cancels] == [name]
    assert decision.orders == ()
    assert not decision.legs[0].aligned


@pytest.mark.parametrize("policy", list(Foreign))
def test_a_trade_of_another_hedgebot_halts_whatever_strangers_may_do(policy: Foreign) -> None:
    made = hedged(foreign=policy)
    made.account().book(Side.SELL, 10, D(60_000), made.now_ms + 1, "hbzz" + "0" * 21)
    made.turn()
    assert [event.check for event in kinds(made, Halted) if isinstance(event, Halted)] == ["second bot"]


# ------------------------------------------------------------------------------------------------------------- again and again


def sold_in_vain(made: World, times: int) -> None:
    """Each order trades, and each time the bag turns out to be larger by what was sold."""
    for _ in range(times):
        made.turn()
        made.bag["BTC"] += D(1)
        made.account().trade(made.now_ms)


def test_orders_that_trade_and_bring_the_hedge_no_nearer_stop_until_a_person_looked() -> None:
    made = hedged(short_usd=0, spot="5", wallet="50", fill=False, execution=replace(EXECUTION, max_order_usd=D(10_000)))
    sold_in_vain(made, 40)
    (halted,) = [event for event in kinds(made, LegHalted) if isinstance(event, LegHalted)]
    assert halted.why == "repeated execution: 10 orders in a row traded and the hedge came no nearer to its target"
    sent = len(made.placed)
    sold_in_vain(made, 10)
    assert len(made.placed) == sent
    made.say("rearm", reason="the bag was counted wrongly")
    made.turns(3)
    assert len(made.placed) > sent


def test_a_hedge_that_comes_nearer_with_each_order_is_never_stopped_however_many_it_takes() -> None:
    made = hedged(short_usd=0, execution=replace(EXECUTION, max_order_usd=D(5_000)))
    made.turns(200)
    assert len(made.placed) == 60
    assert kinds(made, LegHalted) == []


def test_orders_that_do_not_trade_are_no_repeated_execution() -> None:
    made = hedged(short_usd=0, fill=False, execution=replace(EXECUTION, cross_after_ms=10**9))
    for turn in range(400):
        made.account().mark = D(60_000 + turn)
        made.turn()
    assert len(made.placed) > 20
    assert kinds(made, LegHalted) == []


@pytest.mark.parametrize("policy", list(Foreign))
def test_a_foreign_trade_halts_or_is_hedged_around(policy: Foreign) -> None:
    made = hedged(foreign=policy)
    made.account().book(Side.BUY, 500, D(60_000), made.now_ms + 1)
    made.turn()
    assert bool(kinds(made, Halted)) is (policy is Foreign.HALT)
    if policy is Foreign.ABSORB:
        assert made.turns(10).legs[0].aligned
        assert made.account().short == 3000


def test_a_liquidation_halts_the_leg_and_cancels_its_order() -> None:
    made = selling()
    fill = made.account().book(Side.SELL, 10, D(60_000), made.now_ms + 1)
    made.account().fills[-1] = replace(fill, liquidation=True)
    decision = made.turn()
    assert [cancel.why for cancel in decision.cancels] == ["the leg is halted"]
    assert decision.legs[0].why == "halted: the venue liquidated this position"


def test_after_a_liquidation_the_ratio_refers_to_what_is_left() -> None:
    """Without that the coins that are gone stay in B: half of what was there is more than the bag, and it would never be hedged again."""
    made = hedged("1", "1.5", short_usd=0, ratio="0.5")
    made.turns(10)
    account = made.account()
    assert made.state.leg("BTC").baseline is not None
    assert account.short == 750
    account.mark = D(200_000)
    account.book(Side.BUY, account.short, D(200_000), made.now_ms + 1)
    account.fills[-1] = replace(account.fills[-1], liquidation=True)
    account.wallet = D(0)
    decision = made.turn()
    assert decision.legs[0].ratio_actual == 0
    made.say("rearm", reason="collateral is there again")
    account.wallet = D(1)
    made.turns(10)
    assert account.short == 1000, "half of the coin that is left, at 200,000 USD"


def test_an_order_that_the_venue_knew_and_that_a_read_hides_is_cancelled_all_the_same_when_the_bot_is_killed() -> None:
    made = selling()
    made.say("kill", reason="storm")
    decision = made.turn(seen_with(made, found=(), open_orders=()))
    assert working(made).status is OrderStatus.UNKNOWN
    assert [cancel.why for cancel in decision.cancels] == ["killed"]
    made.turn()
    assert ends(made) == [OrderStatus.CANCELLED]


# ------------------------------------------------------------------------------------------------------------------- coins


@pytest.mark.parametrize("moved", ["0.5", "-0.5"])
def test_a_transfer_is_recognised_and_taken_off_the_bag(moved: str) -> None:
    made = hedged(spot="4", wallet="5", short_usd=540_000)
    made.account().wallet += D(moved)
    plan = made.turn().legs[0]
    assert [event.coins for event in kinds(made, CoinsMoved) if isinstance(event, CoinsMoved)] == [D(moved)]
    assert plan.spot_coins == 4 - D(moved)
    assert plan.delta_coins == 0
    assert made.placed == []


@pytest.mark.parametrize(("moved", "counts"), [("0.000005", False), ("0.0000051", True)])
def test_dust_is_no_transfer(moved: str, counts: bool) -> None:
    made = hedged(spot="4", wallet="5", short_usd=540_000)
    made.account().wallet += D(moved)
    made.turn()
    assert bool(kinds(made, CoinsMoved)) is counts


@pytest.mark.parametrize(("told", "share", "moves"), [(False, "0.0009", False), (False, "0.0011", True), (True, "0.0009", True)])
@pytest.mark.parametrize("late", [False, True])
def test_a_fee_that_the_venue_does_not_tell_is_no_transfer(told: bool, share: str, moves: bool, late: bool) -> None:
    """Charged otherwise than it was worked out, at once or a look later."""
    made = hedged(short_usd=0, fill=False)
    made.turn()
    account = made.account()
    account.trade(made.now_ms + 1)
    account.fills[-1] = replace(account.fills[-1], fee_told=told)
    charged = D(share) * account.fills[-1].contracts * 100 / 60_000
    if late:
        made.turn()
    account.wallet -= charged
    made.turns(3)
    assert bool(kinds(made, CoinsMoved)) is moves
    assert made.state.leg("BTC").wallet == account.wallet


def test_fees_and_profits_are_no_transfers() -> None:
    made = hedged(short_usd=0)
    made.account().fees = True
    made.turns(20)
    made.account().mark = D(48_000)
    made.say("target-set", asset="BTC", ratio=D("0.3"))
    made.turns(30)
    assert kinds(made, CoinsMoved) == []
    assert made.state.leg("BTC").contracts == -made.account().short


def test_more_moved_out_than_was_declared_holds_and_alerts() -> None:
    made = hedged(spot="1", wallet="5", short_usd=360_000)
    made.account().wallet += D("1.5")
    decision = made.turn()
    assert decision.orders == ()
    assert any("declare bag.BTC.coins anew" in alert for alert in decision.alerts)
    assert not decision.legs[0].aligned


def test_declaring_new_coins_moves_the_baseline_by_them() -> None:
    made = hedged(spot="5", wallet="5", short_usd=300_000, ratio="0.5")
    made.bag["BTC"] = D(7)
    made.turn()
    baseline = made.state.leg("BTC").baseline
    assert baseline is not None
    assert baseline.coins == 12
    assert made.turns(10).legs[0].aligned
    assert made.account().short == 3600


def test_a_transfer_before_a_new_declaration_is_history() -> None:
    made = hedged(spot="4", wallet="5", short_usd=540_000)
    made.account().wallet += 1
    made.turn()
    made.bag["BTC"] = D(3)  # the operator writes down what is left
    plan = made.turn().legs[0]
    assert plan.spot_coins == 3
    assert plan.delta_coins == 0
    assert made.placed == []


# ------------------------------------------------------------------------------------------------------------------- first start


def first(short: int, *, armed: bool = True, adopt: bool = False) -> tuple[World, View]:
    made_rules = rules(leg_rule())
    account = Account(BTC, D(5), D(60_000), short, D(60_000) if short else None)
    made = World(made_rules, [account], {"BTC": D(0)}, started(made_rules, armed=armed, adopt=adopt))
    return made, account.view(made.now_ms)


@pytest.mark.parametrize(
    ("short", "armed", "adopt", "asked"),
    [(3000, True, False, 1), (3000, True, True, 0), (3000, False, False, 0), (0, True, False, 0), (-5, True, False, 0)],
)
def test_a_first_start_with_a_short_needs_adopt(short: int, armed: bool, adopt: bool, asked: int) -> None:
    made, _ = first(short, armed=armed, adopt=adopt)
    assert len(adoption_needed(made.state, made.snapshot(), made.rules)) == asked


@pytest.mark.parametrize("short", [3000, -5])
def test_a_position_nobody_adopted_halts_the_leg(short: int) -> None:
    made, _ = first(short)
    for _ in range(5):
        made.turn()
    (event,) = kinds(made, LegHalted)
    assert isinstance(event, LegHalted)
    assert ("position against the hedge" in event.why) is (short < 0)
    assert made.placed == []
    assert made.state.leg("BTC").contracts is None


def test_an_adopted_long_is_closed_by_an_order_of_its_own_before_the_short_is_opened() -> None:
    made, _ = first(-50, adopt=True)
    made.turn()
    made.turn()
    (order,) = made.placed
    assert (order.side, order.contracts, order.reduce_only) == (Side.SELL, 50, True)
    assert made.turns(20).legs[0].aligned
    assert made.account().short >= 2999


def test_flat_is_taken_in_charge_at_once_and_dry_takes_charge_of_nothing() -> None:
    made, _ = first(0)
    made.turn()
    assert len(kinds(made, TookCharge)) == 1
    dry, _ = first(0, armed=False)
    dry.turn()
    assert kinds(dry, TookCharge) == []


def test_nothing_is_sent_for_a_leg_that_is_not_in_charge() -> None:
    made, _ = first(0, armed=False)
    made.turn()
    made.turn()
    made.say("dry-run-off")
    decision = made.turn(replace(made.snapshot(), views=(replace(made.snapshot().views[0], margin=None),)))
    assert decision.orders == ()
    made.turn()
    assert made.placed != [], "in charge, it trades"


def test_a_missing_part_explains_nothing_and_changes_nothing() -> None:
    made = hedged()
    blind = View(BTC, errors=("timeout",))
    assert reconcile(made.state, replace(made.snapshot(), views=(blind,), bag=(("BTC", None),)), made.rules) == ()


def test_dry_leaves_somebody_elses_position_to_them() -> None:
    made = hedged()
    made.say("dry-run-on")
    made.turn()
    stranger(made)()
    made.turn()
    assert made.state.leg("BTC").contracts == -2900
    assert made.state.killed is None
