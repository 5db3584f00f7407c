"""Does the fold remember what it must, and forget what it may?"""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core.decision import Mode
from bot.core.events import AlertRaised, BagDeclared, ErrorSeen, FillSeen, Halted, OrderMoved, RunEnded
from bot.core.ledger import DAY_MS, fold
from bot.core.memory import State
from bot.core.model import Fill, OrderStatus, Side, Target, TargetSource
from tests.core.worlds import BTC, CYCLE_MS, EXECUTION, NOW_MS, SOL, hedged, leg_rule, rules, said, started

D = Decimal


def fill_seen(at_ms: int, usd: int = 1000, *, ours: bool = True) -> FillSeen:
    fill = Fill("t", "", BTC.symbol, Side.SELL, usd // 100, D(60_000), D("0.001"), True, at_ms)
    return FillSeen("BTC", fill, ours, D(usd), D(0), -usd // 100, D(60_000))


def test_pause_and_resume() -> None:
    state = fold(started(rules()), said("pause"))
    assert state.paused
    assert not fold(state, said("resume")).paused


def test_kill_stays_until_rearm_and_survives_a_restart() -> None:
    state = fold(started(rules()), said("kill", reason="smoke"))
    assert started(rules(), state=state, epoch=2).killed == "smoke"
    assert fold(state, said("rearm", reason="ok")).killed is None
    assert fold(started(rules()), said("kill")).killed == "kill by test"


def test_pause_and_targets_survive_a_restart_and_a_stop_does_not() -> None:
    state = started(rules())
    for command in (said("pause"), said("stop"), said("cancel-all"), said("target-set", asset="BTC", ratio=D("0.3"))):
        state = fold(state, command)
    again = started(rules(), state=state, epoch=2)
    assert (again.paused, again.stopping, again.cancel_all) == (True, False, False)
    assert again.targets == (Target("BTC", D("0.3"), TargetSource.OPERATOR),)
    assert (again.mode, again.cycle, again.epoch) == (Mode.STARTING, 0, 2)


def test_dry_run_disarms_at_once_and_its_word_is_stored() -> None:
    state = fold(started(rules()), said("dry-run-on"))
    assert (state.armed, state.dry_run_word, state.draining) == (False, True, False)
    assert fold(state, said("dry-run-off")).armed
    dry = started(rules(live=False))
    assert not fold(dry, said("dry-run-off")).armed, "mode: dry-run never arms"


def test_dry_run_drains_while_an_order_works() -> None:
    made = hedged(short_usd=0, fill=False)
    made.turn()
    made.say("dry-run-on")
    assert made.state.draining
    assert [cancel.why for cancel in made.turn().cancels] == ["dry-run on"]
    made.turn()
    assert not made.state.draining
    assert made.state.leg("BTC").working is None


def test_a_dry_plan_is_remembered_once_and_forgotten_when_it_is_gone() -> None:
    made = hedged(short_usd=0)
    made.say("dry-run-on")
    made.turn()
    assert made.state.leg("BTC").dry_plan == "sell 1000"
    made.say("target-set", asset="BTC", ratio=D(0))
    made.turn()
    assert made.state.leg("BTC").dry_plan == ""


def test_targets_are_replaced_by_asset_and_cleared() -> None:
    state = started(rules(leg_rule(), leg_rule(SOL)))
    for asset, ratio in (("BTC", "0.3"), ("SOL", "0.4"), ("BTC", "0.5")):
        state = fold(state, said("target-set", asset=asset, ratio=D(ratio), until_ms=5))
    assert {(target.asset, target.ratio, target.until_ms) for target in state.targets} == {("BTC", D("0.5"), 5), ("SOL", D("0.4"), 5)}
    state = fold(state, said("target-clear", asset="BTC"))
    assert [target.asset for target in state.targets] == ["SOL"]


def test_flatten_ends_a_pause_and_kill_or_rearm_call_it_off() -> None:
    state = fold(fold(started(rules()), said("pause")), said("flatten"))
    assert (state.flattening, state.paused) == (True, False)
    assert not fold(state, said("kill")).flattening
    assert not fold(state, said("rearm", reason="no")).flattening


def test_flatten_closes_every_leg_in_chunks_then_halts_and_rearm_hedges_again() -> None:
    made = hedged(short_usd=300_000)
    made.say("flatten")
    for _ in range(6):
        made.turn()
    assert made.account().short == 0
    assert made.state.mode is Mode.HALTED
    assert made.state.killed == "flattened on the operator's word"
    assert [order.contracts for order in made.placed] == [1000, 1000, 1000]
    made.say("rearm", reason="again")
    assert made.turns(10).legs[0].aligned
    assert made.account().short == 3000


def test_flatten_works_while_the_target_document_cannot_be_trusted() -> None:
    made = hedged(short_usd=50_000)
    made.say("flatten")
    blind = replace(made.snapshot(), documents=None)
    made.turn(blind)
    assert [order.side for order in made.placed] == [Side.BUY]


def test_rearm_in_the_middle_of_a_flatten_goes_back_to_hedging() -> None:
    made = hedged(short_usd=300_000)
    made.say("flatten")
    made.turn()
    assert made.state.mode is Mode.REDUCING
    made.say("rearm", reason="changed my mind")
    made.turns(20)
    assert made.state.mode is Mode.WATCHING
    assert made.account().short == 3000
    assert made.state.killed is None


def test_rearm_and_resume_begin_the_attempt_afresh_so_that_the_first_order_is_a_maker() -> None:
    made = hedged(short_usd=0, fill=False)
    made.turn()
    made.say("kill", reason="x")
    for _ in range(40):
        made.turn()
    made.say("rearm", reason="y")
    assert made.state.leg("BTC").effort_since_ms is None
    made.turn()
    made.turn()
    assert made.placed[-1].post_only


def test_patience_runs_out_into_one_crossing_order_and_what_is_left_cools_down() -> None:
    made = hedged(short_usd=0, fill=False, execution=replace(EXECUTION, max_order_usd=D(500_000)))
    for _ in range(40):
        made.turn()
    kinds = [order.post_only for order in made.placed]
    assert kinds.count(False) == 1
    assert kinds[-1] is False
    assert made.account().short == 3000
    limit = made.placed[-1].limit_price
    assert limit == 60_000 * (1 - EXECUTION.max_slippage)
    assert made.decisions[-1].legs[0].aligned


def test_an_attempt_that_a_limit_ended_does_not_make_the_next_one_cross() -> None:
    made = hedged(spot="4", wallet="1", short_usd=0)
    for _ in range(40):
        made.turn()
    assert made.decisions[-1].legs[0].why == "limited by collateral"
    assert made.state.leg("BTC").effort_since_ms is None
    made.account().mark = D(55_000)
    made.turn()
    assert made.placed[-1].post_only


def test_turnover_counts_own_fills_of_the_day() -> None:
    state = started(rules())
    noon = NOW_MS // DAY_MS * DAY_MS + DAY_MS // 2
    state = fold(fold(state, fill_seen(noon)), fill_seen(noon, ours=False))
    assert state.turnover_usd == 1000
    state = fold(state, fill_seen(noon + DAY_MS, 3000))
    assert (state.turnover_usd, state.turnover_day) == (3000, noon // DAY_MS + 1)


def test_a_fill_of_yesterday_told_late_does_not_reset_the_turnover_of_today() -> None:
    state = fold(started(rules()), fill_seen(NOW_MS, 5000))
    state = fold(state, fill_seen(NOW_MS - DAY_MS, 1000))
    assert (state.turnover_usd, state.turnover_day) == (6000, NOW_MS // DAY_MS)


def test_a_halt_kills_and_informing_events_change_nothing() -> None:
    state = started(rules())
    assert fold(state, Halted("position", "moved", 0)).killed == "position: moved"
    for event in (AlertRaised("x", 0), ErrorSeen("x", "y", 0), RunEnded("r", True, "x", 0), said("nonsense")):
        assert fold(state, event) == state


def test_the_first_declaration_moves_no_baseline() -> None:
    state = fold(started(rules()), BagDeclared("BTC", D(5), None, 0))
    assert state.leg("BTC").baseline is None
    assert state.leg("BTC").declared_coins == 5


def test_a_moved_order_of_nobody_changes_nothing() -> None:
    state = started(rules())
    assert fold(state, OrderMoved("x", BTC.symbol, OrderStatus.OPEN, OrderStatus.FILLED, 1, "", 0, 0)) == state


def test_a_leg_that_left_the_configuration_is_kept_only_while_it_holds_something() -> None:
    both = started(rules(leg_rule(), leg_rule(SOL)))
    assert [leg.asset for leg in started(rules(), state=both, epoch=2).legs] == ["BTC"]
    held = replace(both, legs=tuple(replace(leg, contracts=-5) for leg in both.legs))
    assert [leg.asset for leg in started(rules(), state=held, epoch=2).legs] == ["BTC", "SOL"]


@pytest.mark.parametrize(("left_ms", "in_force"), [(None, True), (1, True), (0, False), (-1, False)])
def test_an_expired_word_of_the_operator_gives_way_to_the_configuration(left_ms: int | None, in_force: bool) -> None:
    made = hedged(short_usd=0)
    until = None if left_ms is None else made.now_ms + CYCLE_MS + left_ms
    made.say("target-set", asset="BTC", ratio=D(0), until_ms=until)
    plan = made.turn().legs[0]
    assert plan.ratio_target == (0 if in_force else 1)
    assert plan.target_source is (TargetSource.OPERATOR if in_force else TargetSource.CONFIG)


def test_the_instance_and_account_never_change() -> None:
    state = started(rules(), state=State("main", "zz"))
    assert (state.account, state.instance) == ("main", "zz")
