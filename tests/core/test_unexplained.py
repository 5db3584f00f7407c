"""What does a look explain of which one part is missing, or whose fills are not told yet? Nothing that has to be taken back later."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core import planner
from bot.core.events import BagDeclared, CoinsMoved, Event, Halted, PositionUnexplained
from bot.core.model import Fill, Margin, OrderStatus, Position, Side
from bot.core.planner import client_id
from bot.core.reconcile import fill_seen
from tests.core.test_reconcile import D, foreign_order, hidden, kinds, lost, seen_with, selling, working
from tests.core.worlds import BTC, Account, World, hedged, leg_rule, rules, started


def held(made: World, contracts: int) -> Position:
    return Position(BTC.symbol, contracts, D(60_000), D(1), made.now_ms)


def noted(made: World, before: int, *wanted: type[Event]) -> list[Event]:
    return [event for event in made.events[before:] if isinstance(event, wanted)]


@pytest.mark.parametrize("coins", [None, D("NaN"), D("Infinity")])
def test_a_bag_that_could_not_be_read_is_no_empty_bag(coins: Decimal | None) -> None:
    """Taken for empty, the short that protects it would be bought back."""
    made = hedged(spot="2", wallet="3")
    before, placed, was = len(made.events), len(made.placed), made.state.leg("BTC")
    made.account().mark = D(50_000)
    for _ in range(3):
        decision = made.turn(made.snapshot(bag=(("BTC", coins),)))
        (leg,) = decision.legs
        assert (decision.orders, leg.aligned, leg.why) == ((), False, "UNKNOWN: bag")
        assert (leg.spot_coins, leg.delta_coins, leg.ratio_actual, leg.position_usd) == (None, None, None, None)
    assert made.placed[placed:] == []
    assert noted(made, before, BagDeclared) == []
    now = made.state.leg("BTC")
    assert (now.declared_coins, now.baseline) == (was.declared_coins, was.baseline)


def test_a_contract_that_changed_before_we_were_in_charge_is_not_taken_in_charge() -> None:
    said_rules = rules(leg_rule())
    made = World(said_rules, [Account(BTC, D(5), D(60_000), 0, None)], {"BTC": D(0)}, started(said_rules, armed=False))
    made.turn()
    assert made.state.leg("BTC").pin is not None
    seen = made.snapshot()
    other = replace(seen.views[0].instrument, contract_size=D(10))
    made.say("dry-run-off")
    made.turn(replace(seen, views=(replace(seen.views[0], instrument=other),)))
    assert made.state.leg("BTC").offered is not None
    assert made.state.leg("BTC").contracts is None


def test_a_position_moves_unexplained_only_where_the_fills_were_read() -> None:
    made = hedged()
    before = len(made.events)
    for _ in range(6):
        made.turn(seen_with(made, position=held(made, -2900), fills=None))
    assert noted(made, before, PositionUnexplained, Halted) == []
    made.turn(seen_with(made, position=held(made, -2900)))
    assert len(noted(made, before, PositionUnexplained)) == 1


def test_coins_moved_only_where_the_payments_were_read() -> None:
    made = hedged()
    margin = made.snapshot().views[0].margin
    assert margin is not None
    more = Margin(margin.currency, margin.wallet + 1, margin.equity + 1, made.now_ms)
    before = len(made.events)
    made.turn(seen_with(made, margin=more, funding=None))
    assert noted(made, before, CoinsMoved) == []


@pytest.mark.parametrize(
    ("held_before", "entry_before", "side", "count", "after", "entry", "realised"),
    [
        (-300, "60000", Side.BUY, 100, -200, "60000", "0.05"),  # 10,000 USD of it: 10,000 / 46,153.84… - 10,000 / 60,000
        (-300, "60000", Side.BUY, 300, 0, None, "0.15"),
        (-300, "60000", Side.BUY, 400, 100, "46153.84615384615384615384615", "0.15"),  # no more than was held is closed
        (-300, "60000", Side.SELL, 100, -400, None, "0"),
        (0, None, Side.SELL, 100, -100, "46153.84615384615384615384615", "0"),
    ],
)
def test_a_fill_closes_no_more_than_was_held_and_what_is_left_of_it_is_entered_at_its_price(
    held_before: int, entry_before: str | None, side: Side, count: int, after: int, entry: str | None, realised: str
) -> None:
    leg = replace(hedged().state.leg("BTC"), contracts=held_before, entry_price=None if entry_before is None else D(entry_before))
    fill = Fill("t1", "", BTC.symbol, side, count, D("46153.84615384615384615384615"), D(0), True, 1)
    seen = fill_seen(leg, BTC, fill, ours=False)
    assert seen.contracts_after == after
    assert abs(seen.realised - D(realised)) < D("1e-12")
    assert after == -400 or seen.entry_after == (None if entry is None else D(entry))


def test_after_dry_run_on_a_position_is_not_taken_while_an_order_may_still_explain_it() -> None:
    """Taken, it would prove a live order absent."""
    made = selling()
    lost(made)
    made.say("dry-run-on")
    hidden(made, 8, position=held(made, -1000))
    assert working(made).status is OrderStatus.UNKNOWN
    assert made.state.leg("BTC").contracts == 0


def test_what_an_ended_order_filled_is_expected_of_the_position_before_its_fills_are_told() -> None:
    made = selling()
    made.account().trade(made.now_ms + 1)
    made.turn(seen_with(made, fills=(), position=held(made, 0)))
    assert made.state.leg("BTC").owed < 0
    shown = [event for event in kinds(made, PositionUnexplained) if isinstance(event, PositionUnexplained)]
    assert {event.expected for event in shown} == {made.state.leg("BTC").owed}


def test_an_order_without_an_intent_is_cancelled_together_with_our_own() -> None:
    made = selling()
    made.say("kill", reason="test")
    orphan = foreign_order(client_id("aa", 7, "main", BTC.symbol, 3))
    own = working(made).order.client_id
    made.account().orders[orphan.client_id] = orphan
    decision = made.turn()
    assert {cancel.client_id for cancel in decision.cancels} == {orphan.client_id, own}


@pytest.mark.parametrize(
    ("name", "tagged"),
    [("hbzz" + "0" * 21, True), ("hbzz" + "0" * 20, False), ("hbzz" + "-" * 21, False), ("hb-by-hand", False), ("", False)],
)
def test_an_order_that_only_begins_like_ours_is_no_other_hedgebots(name: str, tagged: bool) -> None:
    assert planner.is_tagged(name) is tagged
