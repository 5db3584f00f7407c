"""Is a large change worked in its slices, never beyond the change, on through restarts, and cut anew when the target moves?"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.core import pieces
from bot.core.decision import Effort, Parent
from bot.core.exposure import exposure
from bot.core.model import Side
from bot.core.rules import ExecutionRule, Foreign, Schedule
from bot.core.sizing import Size
from tests.core.worlds import CYCLE_MS, EXECUTION, World, hedged, started

D = Decimal
ALMGREN = replace(
    EXECUTION, max_order_usd=D(10**6), schedule=Schedule.ALMGREN_CHRISS, schedule_above_usd=D(50_000), slices=5, horizon_ms=100_000,
    urgency=D("1.5"),
)  # fmt: skip
TWAP = replace(ALMGREN, schedule=Schedule.TWAP)
EACH = 20_000 // CYCLE_MS  # turns of one slice


def flat(execution: ExecutionRule = ALMGREN, **more: object) -> World:
    """300,000 USD are to be hedged, 3000 contracts, and nothing is yet."""
    return hedged(short_usd=0, execution=execution, **more)  # type: ignore[arg-type]


def sent(made: World) -> list[int]:
    return [order.contracts for order in made.placed]


def test_V23_the_slices_of_almgren_chriss_are_sent_one_after_the_other() -> None:
    made = flat()
    times = [turn for turn in range(6 * EACH) if made.turn().orders]
    assert sent(made) == [873, 681, 549, 468, 429]
    assert times == [0, EACH, 2 * EACH, 3 * EACH, 4 * EACH]
    assert made.account().short == 3000
    assert made.state.leg("BTC").parent is None


def test_equal_slices_are_as_equal_as_whole_contracts_can_be() -> None:
    made = flat(TWAP)
    for _ in range(6 * EACH):
        made.turn()
    assert sent(made) == [600] * 5


def test_a_change_is_worked_at_once_by_default() -> None:
    made = flat(replace(EXECUTION, max_order_usd=D(10**6)))
    made.turn()
    assert sent(made) == [3000]


@pytest.mark.parametrize(("above", "first"), [(299_999, 600), (300_000, 3000)])
def test_only_what_is_larger_is_spread(above: int, first: int) -> None:
    made = flat(replace(TWAP, schedule_above_usd=D(above)))
    made.turn()
    assert sent(made) == [first]


def test_there_are_no_more_slices_than_smallest_orders() -> None:
    made = flat(replace(TWAP, slices=1000, min_order_usd=D(100_000), horizon_ms=1_000_000))
    made.turn()
    assert sent(made) == [1000]


def test_between_two_slices_it_says_which_one_is_done_and_wakes_for_the_next() -> None:
    made = flat()
    made.turn()
    waiting = made.turn()
    (plan,) = waiting.legs
    assert plan.why == "under-hedged, slice 1 of 5 is done: the next one follows"
    assert (plan.effort, plan.aligned, waiting.orders) == (Effort.ENDS, False, ())
    assert waiting.wake_mono_ms == made.mono_ms - CYCLE_MS + 20_000
    assert made.state.leg("BTC").effort_since_ms is None  # the next slice has patience of its own


def test_an_order_is_named_after_its_slice() -> None:
    made = flat()
    for _ in range(2 * EACH):
        made.turn()
    assert [order.why for order in made.placed] == ["under-hedged, slice 1 of 5", "under-hedged, slice 2 of 5"]
    assert len({order.client_id for order in made.placed}) == 2


def test_what_a_slice_left_is_due_with_the_next_one() -> None:
    made = flat(fill=False)
    made.turn()
    made.account().trade(made.now_ms + 1, most=100)
    made.account().cancel(made.placed[0].client_id)
    for _ in range(EACH):
        made.turn()
    assert sent(made)[:2] == [873, 773]
    made.account().cancel(made.placed[1].client_id)
    made.turn()
    assert sent(made)[2] == 773 + 681


def test_a_restart_goes_on_where_the_plan_was() -> None:
    made = flat()
    for _ in range(2 * EACH):
        made.turn()
    before = made.state.leg("BTC").parent
    made.state = started(made.rules, state=made.state, epoch=2)
    made.mono_ms = 77  # another process counts from another moment
    made.now_ms += CYCLE_MS
    for _ in range(5 * EACH):
        made.turn()
    assert sent(made) == [873, 681, 549, 468, 429]
    assert before is not None
    assert all(decision.legs[0].parent is None for decision in made.decisions[-5 * EACH :])


def test_a_restart_after_which_the_wall_clock_was_set_back_begins_the_plan_where_it_began() -> None:
    made = flat()
    made.turn()
    made.state = started(made.rules, state=made.state, epoch=2)
    made.now_ms -= 3_600_000
    made.account().fills.clear()
    parent = made.state.leg("BTC").parent
    assert parent is not None
    assert pieces.elapsed_ms(parent, 2, made.snapshot()) == 0
    assert pieces.reached(parent, 0) == 0


def test_what_is_left_of_a_slice_and_less_than_the_smallest_order_waits_for_the_next_one() -> None:
    made = flat(replace(TWAP, min_order_usd=D(10_000)), fill=False)  # 100 contracts at least
    made.turn()
    assert sent(made) == [600]
    made.account().trade(made.now_ms + 1, most=550)
    made.account().cancel(made.placed[0].client_id)
    for _ in range(EACH):
        made.turn()
    assert sent(made) == [600, 650]


def test_a_position_that_went_the_other_way_ends_the_plan() -> None:
    made = flat(foreign=Foreign.ABSORB)
    made.turn()
    parent = made.state.leg("BTC").parent
    assert parent is not None
    long = replace(made.account(), short=parent.from_short - 1)
    held = exposure(long.view(made.now_ms), made.state.leg("BTC"), D(0), D(0), D(0))
    assert held is not None
    assert pieces.ended(parent, held, Size(Side.SELL, 3001, False, 3000, 3001), 1)


def test_after_a_restart_beyond_the_horizon_all_of_it_is_due() -> None:
    made = flat()
    made.turn()
    made.state = started(made.rules, state=made.state, epoch=2)
    made.now_ms += 3_600_000
    made.turn()
    made.turn()
    assert sent(made) == [873, 2127]


@pytest.mark.parametrize("steps_ms", [3_600_000, -3_600_000])
def test_the_wall_clock_may_step_while_the_bot_runs(steps_ms: int) -> None:
    made = flat()
    made.turn()
    made.now_ms += steps_ms
    made.turn()
    assert sent(made) == [873]


def test_a_target_that_turns_round_ends_the_plan_and_begins_another() -> None:
    made = flat(TWAP)
    for _ in range(3 * EACH):
        made.turn()
    assert made.account().short == 1800
    made.say("target-set", asset="BTC", ratio=D(0))
    made.turn()
    assert (made.placed[-1].side, made.placed[-1].contracts, made.placed[-1].reduce_only) == (Side.BUY, 360, True)
    for _ in range(6 * EACH):
        made.turn()
    assert made.account().short == 0


def test_a_target_that_moves_by_more_than_a_slice_is_cut_anew_and_by_less_is_not() -> None:
    for ratio, cut in (("0.9", False), ("0.6", True)):
        made = flat(TWAP)
        made.turn()
        first = made.state.leg("BTC").parent
        made.say("target-set", asset="BTC", ratio=D(ratio))
        made.turn()
        assert (made.state.leg("BTC").parent != first) is cut
        for _ in range(7 * EACH):
            made.turn()
        assert made.account().short == int(3000 * D(ratio))


def test_what_comes_on_top_of_a_plan_is_a_change_of_its_own() -> None:
    """A deposit of less than a slice: the plan ends as planned, and then the rest is bought at once."""
    made = flat(TWAP)
    made.turn()
    made.bag["BTC"] += D("0.1")
    for _ in range(7 * EACH):
        made.turn()
    assert sent(made) == [600] * 5 + [60]


@pytest.mark.parametrize("word", ["pause", "dry-run-on"])
def test_a_plan_that_was_interrupted_by_a_person_begins_anew(word: str) -> None:
    made = flat(TWAP)
    made.turn()
    made.say(word)
    for _ in range(10 * EACH):
        made.turn()
    made.say({"pause": "resume", "dry-run-on": "dry-run-off"}[word])
    made.turn()
    assert sent(made) == [600, 480]


def test_flatten_takes_no_time() -> None:
    made = hedged(execution=TWAP)
    made.say("flatten")
    made.turn()
    assert sent(made) == [3000]


def test_too_much_leverage_is_reduced_at_once() -> None:
    made = hedged(spot="4", wallet="1", mark="60000", execution=replace(TWAP, schedule_above_usd=D(1000)))
    assert made.turn().legs[0].why.startswith("leverage above hard_leverage")
    assert len(made.placed) == 1
    made.turn()
    assert made.account().short * 100 <= made.account().equity() * 60_000 * 2


def test_another_manner_in_the_configuration_begins_the_plan_anew() -> None:
    made = flat(TWAP)
    made.turn()
    slow = replace(made.rules, execution=replace(TWAP, schedule=Schedule.NONE))
    made.rules, made.state = slow, started(slow, state=made.state, epoch=2)
    made.turn()
    made.turn()
    assert sent(made) == [600, 2400]


def test_in_a_dry_run_the_first_slice_is_planned_and_nothing_is_remembered() -> None:
    made = flat(TWAP, risk=replace(hedged().rules.risk))
    made.say("dry-run-on")
    for _ in range(3 * EACH):
        assert [order.contracts for order in made.turn().orders] == [600]
    assert made.state.leg("BTC").parent is None


@settings(max_examples=25, deadline=None)
@given(
    slices=st.integers(2, 12),
    urgency=st.decimals(0, 8, places=2),
    horizon_turns=st.integers(12, 40),
    wallet=st.decimals("0.5", 9, places=3),
    fills=st.lists(st.integers(0, 1500), min_size=40, max_size=40),
    moves=st.lists(st.tuples(st.integers(0, 39), st.sampled_from(["0", "0.3", "0.8", "1"])), max_size=3),
)
def test_pieces_never_exceed_their_parent_nor_cross_zero(
    slices: int, urgency: Decimal, horizon_turns: int, wallet: Decimal, fills: list[int], moves: list[tuple[int, str]]
) -> None:
    """Whatever trades when, and however the target moves: pieces add up to their plan at most, and in the end to what is wanted."""
    rule = replace(ALMGREN, slices=slices, urgency=urgency, horizon_ms=horizon_turns * CYCLE_MS, max_order_usd=D(40_000))
    made = hedged(short_usd=0, wallet=str(wallet), execution=rule, fill=False)
    account = made.account()
    for turn in range(40):
        for at, ratio in moves:
            if at == turn:
                made.say("target-set", asset="BTC", ratio=D(ratio))
        for order in account.open():
            if fills[turn]:
                account.trade(made.now_ms + 1, most=min(fills[turn], order.contracts - order.filled))
        before = account.short
        decision = made.turn()
        parent = made.state.leg("BTC").parent
        assert account.short >= 0
        for order in decision.orders:
            assert parent is not None
            worked = pieces_done(parent, before)
            assert worked + order.contracts <= parent.whole
            assert order.side is parent.side
            assert order.contracts * 100 <= 40_000
    made.fill = True
    for _ in range(horizon_turns + 40):
        decision = made.turn()
    assert decision.legs[0].settled
    assert made.state.leg("BTC").parent is None


def pieces_done(parent: Parent, short: int) -> int:
    return (short - parent.from_short) * (1 if parent.side is Side.SELL else -1)


@given(sizes=st.lists(st.integers(0, 500), min_size=1, max_size=20), horizon_ms=st.integers(0, 10**7), elapsed=st.integers(0, 2 * 10**7))
def test_slices_are_due_in_order_and_the_last_one_before_the_horizon(sizes: list[int], horizon_ms: int, elapsed: int) -> None:
    parent = Parent(Side.SELL, 0, tuple(sizes), horizon_ms, 0, 0, 1, D(1))
    assume(horizon_ms >= len(sizes) or horizon_ms == 0)
    slice_ = pieces.reached(parent, elapsed)
    assert pieces.starts_ms(parent, 0) == 0
    assert pieces.starts_ms(parent, slice_) <= elapsed
    assert slice_ == len(sizes) - 1 or pieces.starts_ms(parent, slice_ + 1) > elapsed
    assert elapsed < horizon_ms or slice_ == len(sizes) - 1
