"""What does each policy say at its edges, what does it remember, and what does it do when it cannot tell?"""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core import policies
from bot.core.decide import decide
from bot.core.events import DecisionMade
from bot.core.ledger import fold
from bot.core.model import Quote, Target, TargetSource
from bot.core.policy_terms import NOTHING_YET, CandleSigns, FundingSigns, Memory, Signs
from bot.core.rules import LegRule
from bot.settings_policies import Policies, moment_ms
from tests.core.worlds import BTC, Account, D, World, leg_rule, rules, said, started

NOW = 1_772_366_400_000
DAY = 86_400_000
CONFIG = TargetSource.CONFIG


def rule(**written: object) -> LegRule:
    return replace(leg_rule(), policies=Policies.model_validate(written).rules)


def candle(closed_ms: int = NOW, **told: str | int) -> Signs:
    parts = {name: value if name == "trend" else D(value) for name, value in told.items()}
    return Signs("BTC", candles=CandleSigns(closed_ms, parts.pop("close", D(100)), **parts))  # type: ignore[arg-type]


def paid(cost: str, at_ms: int = NOW) -> Signs:
    return Signs("BTC", funding=FundingSigns(at_ms, D(cost)))


def asked(
    leg: LegRule,
    signs: Signs | None = None,
    memory: Memory = NOTHING_YET,
    *,
    ratio: str = "1",
    quote: Quote | None = None,
    current: str | None = None,
    now_ms: int = NOW,
    armed: bool = True,
    source: TargetSource = CONFIG,
) -> policies.Applied:
    target = Target("BTC", D(ratio), source)
    return policies.apply(leg, target, memory, signs, quote, None if current is None else D(current), now_ms, armed=armed)


def effective(applied: policies.Applied) -> Decimal | None:
    return None if applied.target is None else applied.target.ratio


# ---------------------------------------------------------------------------------------------------------------- each at its edges


@pytest.mark.parametrize(
    ("before", "close", "after"),
    [(False, "98.99", "1"), (False, "99", "0"), (True, "101", "1"), (True, "101.01", "0"), (True, "100", "1"), (False, "100", "0")],
)
def test_a_drawdown_is_called_in_below_the_average_and_stays_until_above_it(before: bool, close: str, after: str) -> None:
    signs = candle(close=close, average="100")
    assert effective(asked(rule(drawdown={"average_days": "20"}), signs, Memory(triggered=before))) == D(after)


@pytest.mark.parametrize(
    ("before", "fall", "after"), [(False, "0.1499", "0.2"), (False, "0.15", "1"), (True, "0.0751", "1"), (True, "0.075", "0.2")]
)
def test_a_fall_calls_in_and_its_recovery_dismisses(before: bool, fall: str, after: str) -> None:
    leg = rule(drawdown={"fall": "0.15", "fall_days": "14", "keep": "0.2"})
    assert effective(asked(leg, candle(fall=fall), Memory(triggered=before))) == D(after)


@pytest.mark.parametrize(
    ("before", "trend", "after"), [(False, 2, "1"), (False, 3, "0"), (True, 1, "0"), (True, -2, "0"), (True, -3, "1"), (None, 0, "1")]
)
def test_a_reversal_needs_its_confirmations_both_ways(before: bool | None, trend: int, after: str) -> None:
    leg = rule(reversal={"confirmations": 3})
    assert effective(asked(leg, candle(trend=trend), Memory(unwound=before))) == D(after)


@pytest.mark.parametrize(
    ("before", "cost", "after"),
    [(False, "0.1", "1"), (False, "0.1001", "0.5"), (True, "0.0501", "0.5"), (True, "0.05", "1"), (None, "-1", "1")],
)
def test_funding_over_its_budget_scales_down_until_it_is_half_as_dear(before: bool | None, cost: str, after: str) -> None:
    leg = rule(funding={"budget": "0.1", "keep": "0.5"})
    assert effective(asked(leg, paid(cost), Memory(costly=before))) == D(after)


@pytest.mark.parametrize(
    ("before", "volatility", "after"),
    [
        (None, "0.6", "0.5"),
        (None, "0.3", "0"),
        (None, "0.2", "0"),
        ("0.5", "0.749", "0.5"),
        ("0.5", "0.75", "0.6"),
        ("0.5", "0.501", "0.5"),
    ],
)
def test_volatility_moves_the_ratio_by_whole_steps_only(before: str | None, volatility: str, after: str) -> None:
    memory = Memory(calmed=None if before is None else D(before))
    assert effective(asked(rule(volatility={"target": "0.3"}), candle(volatility=volatility), memory)) == D(after)


@pytest.mark.parametrize(
    ("elapsed", "after"),
    [(0, "0.25"), (2 * DAY - 1, "0.25"), (2 * DAY, "0.4375"), (8 * DAY - 1, "0.8125"), (8 * DAY, "1"), (99 * DAY, "1")],
)
def test_a_ramp_goes_up_in_equal_steps(elapsed: int, after: str) -> None:
    leg = rule(ramp={"days": "8"})
    assert effective(asked(leg, None, Memory(ramp_since_ms=NOW), now_ms=NOW + elapsed)) == D(after)


def test_the_clock_of_a_ramp_starts_with_the_first_armed_wish_for_a_hedge_and_again_after_each_end() -> None:
    leg = rule(ramp={"days": "8"})
    dry = asked(leg, armed=False)
    assert (effective(dry), dry.memory.ramp_since_ms) == (D("0.25"), None)
    armed = asked(leg)
    assert (effective(armed), armed.memory.ramp_since_ms) == (D("0.25"), NOW)
    assert asked(leg, None, armed.memory, ratio="0").memory.ramp_since_ms is None


def book(middle: str, index: str | None = "1000") -> Quote:
    return Quote("BTC/USD:BTC", D(middle), None if index is None else D(index), D(middle), D(middle), None, NOW)


@pytest.mark.parametrize(
    ("before", "middle", "after"),
    [(False, "998.01", "1"), (False, "998", "0.4"), (True, "998.99", "0.4"), (True, "999", "1"), (None, "1001", "1")],
)
def test_a_discount_lets_nothing_new_in_and_pushes_nothing_out(before: bool | None, middle: str, after: str) -> None:
    leg = rule(basis={"discount_bps": "20"})
    assert effective(asked(leg, None, Memory(discounted=before), quote=book(middle), current="0.4")) == D(after)
    assert effective(asked(leg, None, Memory(discounted=True), quote=book("998"), current="0.4", ratio="0.1")) == D("0.1")


@pytest.mark.parametrize(
    ("at", "after"),
    [
        ("2026-02-28T23:59:59.999Z", "0"),
        ("2026-03-01T00:00Z", "1"),
        ("2026-03-31T23:59:59.999Z", "1"),
        ("2026-04-01T00:00Z", "0.5"),
        ("2026-04-02T00:00Z", "0"),
    ],
)
def test_a_schedule_holds_from_its_first_day_to_the_end_of_its_last_and_then_unwinds(at: str, after: str) -> None:
    leg = rule(schedule={"start": "2026-03-01", "until": "2026-03-31", "unwind_days": 2})
    assert effective(asked(leg, now_ms=moment_ms(at, end=False))) == D(after)


# ---------------------------------------------------------------------------------------------------------------- together


def test_each_takes_what_the_one_before_it_left_and_says_so() -> None:
    leg = rule(drawdown={"fall": "0.1", "fall_days": "5", "keep": "0.5"}, volatility={"target": "0.3"}, ramp={"days": "4"})
    applied = asked(leg, candle(fall="0", volatility="0.5"), ratio="0.8")
    assert [(change.policy, change.before, change.after) for change in applied.changes] == [
        ("drawdown", D("0.8"), D("0.4")),
        ("volatility", D("0.4"), D("0.4")),
        ("ramp", D("0.4"), D("0.1")),
    ]
    assert all(change.why for change in applied.changes)


def test_the_operators_word_is_final_and_policies_forget_nothing_over_it() -> None:
    leg, memory = rule(reversal={}, ramp={"days": "4"}), Memory(unwound=True)
    applied = asked(leg, candle(trend=9), memory, ratio="0.7", source=TargetSource.OPERATOR)
    assert (effective(applied), applied.changes, applied.memory) == (D("0.7"), (), memory)
    assert effective(asked(leg, candle(trend=9), memory, ratio="0.7", source=TargetSource.DOCUMENT)) == 0


# ---------------------------------------------------------------------------------------------------------------- what cannot be told

BY_CANDLES = [
    ({"drawdown": {"average_days": "20"}}, Memory(triggered=True, candle_ms=NOW), "1"),
    ({"reversal": {}}, Memory(unwound=True, candle_ms=NOW), "0"),
    ({"volatility": {"target": "0.3"}}, Memory(calmed=D("0.4"), candle_ms=NOW), "0.4"),
]


@pytest.mark.parametrize(("written", "memory", "held"), BY_CANDLES)
@pytest.mark.parametrize("signs", [None, Signs("BTC"), candle(NOW - 3 * DAY, trend=9, average="1", volatility="9")])
def test_without_a_fresh_candle_the_last_verdict_stands_for_two_candles_and_then_nobody_knows(
    written: dict[str, object], memory: Memory, held: str, signs: Signs | None
) -> None:
    leg = rule(**written)
    still = asked(leg, signs, memory, now_ms=NOW + 2 * DAY)
    assert (effective(still), still.lacking) == (D(held), ())
    late = asked(leg, signs, memory, now_ms=NOW + 2 * DAY + 1)
    assert effective(late) is None
    assert "UNKNOWN" in late.lacking[0]
    assert effective(asked(leg, None, Memory())) is None


def test_funding_that_is_not_told_any_more_counts_for_a_day() -> None:
    leg, memory = rule(funding={}), Memory(costly=True, funding_ms=NOW)
    assert effective(asked(leg, None, memory, now_ms=NOW + DAY)) == 0
    assert effective(asked(leg, None, memory, now_ms=NOW + DAY + 1)) is None


def test_a_number_that_is_none_is_not_gone_by() -> None:
    assert effective(asked(rule(volatility={"target": "0.3"}), candle(volatility="NaN"))) is None
    assert effective(asked(rule(funding={}), paid("NaN"))) is None


def test_without_an_index_nothing_new_is_hedged_and_nothing_is_closed() -> None:
    leg = rule(basis={"discount_bps": "20"})
    assert effective(asked(leg, quote=book("998", None), current="0.4")) == D("0.4")
    assert effective(asked(leg, quote=None, current=None)) is None


# ---------------------------------------------------------------------------------------------------------------- in a decision


def hedging(leg: LegRule) -> World:
    made = rules(leg)
    return World(made, [Account(BTC, D(5), D(60000))], {"BTC": D(0)}, started(made))


def test_what_a_policy_goes_by_and_nobody_knows_sends_nothing_and_closes_nothing() -> None:
    bot = hedging(rule(reversal={}))
    bot.accounts[0].short, bot.accounts[0].entry = 0, None
    for _ in range(4):
        bot.turn()
    assert bot.placed == []
    plan = bot.decisions[-1].legs[0]
    assert (plan.ratio_target, plan.ratio_effective, plan.aligned) == (D(1), None, False)
    assert plan.missing == ("policy reversal: UNKNOWN: nothing was measured yet",)
    assert bot.decisions[-1].alerts == ("BTC: policy reversal: UNKNOWN: nothing was measured yet",)


def test_a_ramp_moves_the_baseline_at_its_steps_and_at_no_other_time() -> None:
    bot = hedging(rule(ramp={"days": "1", "steps": 2, "start": "0.5"}))
    seen = set()
    for turn in range(60):
        bot.accounts[0].mark = D(60000 + 500 * (turn % 7))
        bot.turn()
        bot.now_ms += DAY // 40
        bot.mono_ms += DAY // 40
        seen.add(bot.state.leg("BTC").baseline)
    ratios = sorted(baseline.ratio for baseline in seen if baseline is not None)
    assert ratios == [D("0.5"), D("0.75"), D("1")]


def test_the_clock_of_a_ramp_waits_until_there_is_a_price_and_then_goes_on_without_one() -> None:
    bot = hedging(rule(ramp={"days": "1", "steps": 2, "start": "0.5"}))
    bot.turn()
    state, seen = replace(bot.state, legs=started(bot.rules).legs), bot.snapshot()
    (view,) = seen.views
    blind = replace(seen, views=(replace(view, quote=None),))
    assert decide(state, blind, bot.rules).legs[0].memory is None
    begun = decide(state, seen, bot.rules).legs[0].memory
    assert begun == Memory(ramp_since_ms=seen.now_ms)
    state = replace(state, legs=tuple(replace(leg, memory=begun) for leg in state.legs))
    half_way = replace(blind, now_ms=seen.now_ms + DAY // 2)
    assert decide(state, half_way, bot.rules).legs[0].ratio_effective == D("0.75")


def test_what_policies_remember_is_what_the_recorded_decision_says() -> None:
    made = rules(rule(reversal={"confirmations": 2}))
    state = started(made)
    snapshot = hedging(rule(reversal={})).snapshot()
    decision = decide(state, replace(snapshot, signs=(candle(snapshot.now_ms, trend=2),)), made)
    assert decision.legs[0].memory == Memory(candle_ms=snapshot.now_ms, unwound=True)
    state = fold(state, DecisionMade(state, snapshot, "hash", decision))
    assert state.leg("BTC").memory == decision.legs[0].memory
    again = decide(state, replace(snapshot, signs=(candle(snapshot.now_ms, trend=2),)), made)
    assert again.legs[0].memory is None


def test_the_operators_target_reaches_the_plan_past_every_policy() -> None:
    bot = hedging(rule(schedule={"start": "2099-01-01"}))
    bot.turn()
    assert bot.decisions[-1].legs[0].ratio_effective == 0
    bot.state = fold(bot.state, said("target-set", asset="BTC", ratio=D("0.5")))
    bot.turn()
    assert bot.decisions[-1].legs[0].ratio_effective == D("0.5")
