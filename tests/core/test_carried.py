"""What does a leg do for assets that have no contract of their own? V20 in the whole core, and what it does when a part is UNKNOWN."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import band
from bot.core.cross_terms import CrossFit, CrossSeen
from bot.core.decide import decide
from bot.core.decision import Decision, LegPlan
from bot.core.model import Basis, Snapshot, Target, TargetSource
from bot.core.policy_terms import BasisRule, Policies, RampRule
from bot.core.rules import Band, CrossRule, RiskRule
from tests.core.worlds import BAND, BTC, NOW_MS, RISK, SOL, Account, World, leg_rule, rules, started, world

D = Decimal
WIDE = Band(D("0.95"), D("0.98"), D(1), D("1.03"))
CROSS = CrossRule("SOL", "BTC", D(1), BAND, "SOL/USDT:USDT", beta=D("1.3"))
AUTO = replace(CROSS, beta=None)
HOUR_MS = 3_600_000
ROOMY = replace(RISK, max_leverage=D("2.5"))


def fit(beta: str = "1.3", r_squared: str = "0.8", returns: int = 720, closed_ms: int = NOW_MS) -> CrossFit:
    return CrossFit(closed_ms, returns, D(beta), D(r_squared), D("0.9"), D("0.4"))


@dataclass(slots=True)
class Carrying(World):
    """A bot whose BTC leg carries SOL; what is seen of SOL is the test's to say."""

    shown: CrossSeen = field(default_factory=lambda: CrossSeen("SOL", D(100)))
    documents: tuple[Target, ...] | None = ()

    def snapshot(self, **changed: object) -> Snapshot:
        shown = self.shown if self.shown.at_ms is not None else replace(self.shown, at_ms=self.now_ms)
        return World.snapshot(self, crosses=(shown,), documents=self.documents, **changed)


def carrying(
    *crosses: CrossRule,
    wallet: str = "3.25",
    spot: str = "0",
    sol: str | None = "1500",
    ratio: str = "1",
    short: int = 0,
    mark: str = "60000",
    risk: RiskRule = RISK,
    basis: Basis = Basis.COINS,
) -> Carrying:
    """Collateral of 3.25 BTC, 1500 SOL at 100 USD and β 1.3: V20."""
    made_rules = replace(rules(leg_rule(ratio=ratio, basis=basis), risk=risk), crosses=crosses or (CROSS,))
    account = Account(BTC, D(wallet), D(mark), short, D(mark) if short else None)
    bag = {"BTC": D(spot), "SOL": None if sol is None else D(sol)}
    made = Carrying(made_rules, [account], bag, started(made_rules, adopt=True))  # type: ignore[arg-type]
    made.turn()
    return made


def leg(decision: Decision) -> LegPlan:
    return decision.legs[0]


def near(usd: object) -> object:
    """An amount but for one contract and what a maker's price is better than the mark."""
    return pytest.approx(float(str(usd)), abs=150)


def shorted(plan: LegPlan) -> float:
    return float(-(plan.position_usd or 0))


# ---------------------------------------------------------------------------------------------------------------- the sum


def test_v20_at_max_leverage_2_is_refused_for_the_collar_and_the_missing_coins_are_named() -> None:
    bot = carrying()
    assert leg(bot.decisions[-1]).target_usd == 390_000
    plan = leg(bot.turn())
    assert "limited by collateral" in plan.why
    (missing,) = plan.missing
    assert "390000 USD at max_leverage 2 lacks 0.0650 BTC in the account, 0.0650 of it from outside the bag (0.0000 at the mark" in missing
    done = leg(bot.turns(12))
    assert done.leverage is not None
    assert done.leverage < 2
    assert not done.aligned


def test_the_missing_coins_suffice_exactly_once_they_are_there() -> None:
    bot = carrying(wallet="3.315")
    plan = leg(bot.turns(12))
    assert plan.aligned
    assert plan.missing == ()
    assert shorted(plan) == near(195_000 + D("3.315") * 60_000)
    poorer = leg(carrying(wallet="3.314").turn())
    assert "lacks 0.0010 BTC" in poorer.missing[0]


def test_with_room_the_whole_sum_is_shorted_and_both_parts_are_told() -> None:
    bot = carrying(risk=ROOMY)
    plan = leg(bot.turns(12))
    assert plan.aligned
    assert shorted(plan) == near(plan.target_usd) == near(390_000)
    assert plan.leverage == pytest.approx(D(2), abs=D("0.001"))
    assert (plan.ratio_actual, plan.ratio_effective) == (pytest.approx(D(1), abs=D("0.001")), 1)
    assert plan.delta_coins == pytest.approx(D("-3.25"), abs=D("0.002"))
    (sol,) = plan.crosses
    assert (sol.asset, sol.beta, sol.coins, sol.price, sol.value_usd) == ("SOL", D("1.3"), 1500, 100, 150_000)
    assert (sol.target_usd, sol.hedged_usd, sol.why) == (195_000, pytest.approx(D(195_000), abs=150), "")


def test_coins_of_the_bag_that_move_into_the_account_need_no_new_hedge() -> None:
    """S -> C changes no target, so the bag's own coins carry all they can; only what lies beyond them is hedged along."""
    plan = leg(carrying(wallet="2.25", spot="1").turn())
    assert plan.target_usd == 390_000
    assert "lacks 1.0650 BTC in the account, 0.0650 of it from outside the bag (1.0000 at the mark alone" in plan.missing[0]
    within = leg(carrying(wallet="3", spot="1").turn())
    assert "lacks 0.6609 BTC in the account (" in within.missing[0]


def test_a_leverage_of_one_can_carry_nothing_and_says_so() -> None:
    plan = leg(carrying(risk=replace(RISK, max_leverage=D(1))).turn())
    assert "cannot be carried at max_leverage 1 by any amount of BTC" in plan.missing[0]


def test_the_carried_part_follows_its_value_and_its_beta_and_leaves_the_baseline_alone() -> None:
    bot = carrying(AUTO, ratio="0.5", risk=ROOMY)
    bot.shown = CrossSeen("SOL", D(100), None, fit())
    assert shorted(leg(bot.turns(12))) == near(195_000 + 97_500)
    baseline = bot.state.leg("BTC").baseline
    bot.shown = CrossSeen("SOL", D(50), None, fit())
    assert shorted(leg(bot.turns(12))) == near(97_500 + 97_500)
    bot.shown = CrossSeen("SOL", D(50), None, fit("2"))
    assert shorted(leg(bot.turns(12))) == near(150_000 + 97_500)
    assert bot.state.leg("BTC").baseline == baseline


def test_what_the_carried_part_won_stays_in_usd_with_half_of_the_own_coins_hedged() -> None:
    bot = carrying(ratio="0.5", risk=replace(RISK, max_leverage=D(5), hard_leverage=D(6)))
    bot.turns(12)
    start = bot.account().equity() * 60_000
    bot.account().mark = D(48_000)
    bot.shown = CrossSeen("SOL", D(74))  # 26 %, as β says
    plan = leg(bot.turns(12))
    account = bot.account()
    won = account.equity() * 48_000 - (start - D("3.25") / 2 * 12_000)  # the own half lost as if unhedged
    assert abs(won - 195_000 * D("0.2")) < 1
    assert plan.delta_coins is not None
    assert plan.crosses[0].target_usd == D("1.3") * 1500 * 74
    own_delta = plan.delta_coins + plan.crosses[0].target_usd / 48_000
    assert abs(own_delta - D("3.25") / 2) < D("0.01")  # B is what it was: half of 3.25


def test_several_assets_add_up_and_each_is_told() -> None:
    ada = replace(CROSS, asset="ADA", beta=D(2))
    bot = carrying(CROSS, ada, wallet="6.5")
    bot.bag["ADA"] = D(10_000)
    seen = bot.snapshot()
    both = replace(seen, crosses=(*seen.crosses, CrossSeen("ADA", D("0.5"), bot.now_ms)))
    plan = leg(decide(bot.state, both, bot.rules))
    assert [(one.asset, one.target_usd) for one in plan.crosses] == [("SOL", 195_000), ("ADA", 10_000)]
    assert plan.target_usd == 6.5 * 60_000 + 205_000


def test_a_linear_leg_carries_too_and_its_collateral_needs_no_hedge() -> None:
    rule = replace(CROSS, asset="ADA", hedge="SOL", beta=D(1))
    made = replace(rules(leg_rule(SOL)), crosses=(rule,))
    bot = world(Account(SOL, D(100_000), D(100)), rules=made, bag={"SOL": D(100), "ADA": D(10_000)})
    bot.mono_ms, bot.now_ms = bot.mono_ms + 5_000, bot.now_ms + 5_000
    plan = leg(decide(bot.state, bot.snapshot(crosses=(CrossSeen("ADA", D("0.5"), bot.now_ms),)), bot.rules))
    assert plan.target_usd == 10_000 + 5_000


# ---------------------------------------------------------------------------------------------------------------- UNKNOWN is not zero


UNKNOWN: Sequence[tuple[str, CrossSeen, str | None, str]] = (
    ("no price", CrossSeen("SOL", unpriced="HTTP 502"), "1500", "its price: HTTP 502"),
    ("a price of zero", CrossSeen("SOL", D(0), NOW_MS), "1500", "its price: 0 is none"),
    ("a price that is no number", CrossSeen("SOL", D("NaN"), NOW_MS), "1500", "its price: NaN is none"),
    ("a stale price", CrossSeen("SOL", D(100), NOW_MS - HOUR_MS), "1500", "its price: it is stale"),
    ("a price of tomorrow", CrossSeen("SOL", D(100), NOW_MS + 24 * HOUR_MS), "1500", "its price: it comes from the future"),
    ("no bag", CrossSeen("SOL", D(100)), None, "how many coins there are"),
)


@pytest.mark.parametrize(("shown", "sol", "words"), [one[1:] for one in UNKNOWN], ids=[one[0] for one in UNKNOWN])
def test_what_is_unknown_opens_only_the_own_part_and_says_what_is_missing(shown: CrossSeen, sol: str | None, words: str) -> None:
    bot = carrying(risk=ROOMY)
    bot.shown, bot.bag["SOL"] = shown, sol if sol is None else D(sol)  # type: ignore[assignment]
    plan = leg(bot.turns(12))
    assert shorted(plan) == near(195_000)  # no zero: what is posted is hedged in any case
    assert plan.target_usd is None
    assert plan.ratio_actual is None
    assert plan.missing == (f"SOL: {words}",) or plan.missing[0].startswith(f"SOL: {words}")
    assert not plan.aligned
    assert plan.crosses[0].target_usd is None


@pytest.mark.parametrize(("shown", "sol", "words"), [one[1:] for one in UNKNOWN], ids=[one[0] for one in UNKNOWN])
def test_what_is_unknown_neither_grows_nor_unwinds_what_is_hedged(shown: CrossSeen, sol: str | None, words: str) -> None:
    bot = carrying(risk=ROOMY)
    assert shorted(leg(bot.turns(12))) == near(390_000)
    placed = len(bot.placed)
    bot.shown, bot.bag["SOL"] = shown, sol if sol is None else D(sol)  # type: ignore[assignment]
    for mark in (60_000, 50_000, 45_000, 70_000):
        bot.account().mark = D(mark)
        plan = leg(bot.turns(3))
        assert shorted(plan) == near(390_000)
        assert plan.why == "UNKNOWN: what SOL adds, so nothing is bought back"
    assert len(bot.placed) == placed
    assert any(alert.startswith("SOL: what it adds to the short is UNKNOWN") for alert in bot.decisions[-1].alerts)


def test_own_coins_that_come_while_a_part_is_unknown_are_hedged_as_far_as_they_are_known_to_lack() -> None:
    bot = carrying(risk=ROOMY)
    bot.turns(12)
    bot.shown = CrossSeen("SOL", unpriced="away")
    bot.bag["BTC"] = D(3)  # own part 375,000 now: 390,000 may still be all of it
    assert shorted(leg(bot.turns(3))) == near(390_000)
    bot.bag["BTC"] = D(4)  # 435,000 without any SOL
    assert shorted(leg(bot.turns(12))) == near(435_000)


@pytest.mark.parametrize("word", ["0", "0.5"])
def test_a_ratio_of_zero_needs_neither_price_nor_beta_and_any_other_one_does(word: str) -> None:
    bot = carrying(AUTO, risk=ROOMY)
    bot.shown = CrossSeen("SOL", D(100), None, fit())
    bot.turns(12)
    bot.shown = CrossSeen("SOL", unpriced="away", unmeasured="away")
    bot.say("target-set", asset="SOL", ratio=D(word))
    assert shorted(leg(bot.turns(12))) == near(195_000 if word == "0" else 390_000)


def test_a_bag_that_was_sold_is_known_to_be_nothing() -> None:
    bot = carrying(risk=ROOMY)
    bot.turns(12)
    bot.shown, bot.bag["SOL"] = CrossSeen("SOL", unpriced="away"), D(0)
    assert shorted(leg(bot.turns(12))) == near(195_000)


def test_flatten_closes_what_is_carried_whatever_is_unknown() -> None:
    bot = carrying(risk=ROOMY)
    bot.turns(12)
    bot.shown = CrossSeen("SOL", unpriced="away")
    bot.say("flatten")
    for _ in range(12):
        bot.turn()
    assert bot.account().short == 0


def test_above_hard_leverage_the_short_is_cut_to_max_leverage_although_a_part_is_unknown() -> None:
    bot = carrying(risk=ROOMY)
    bot.turns(12)
    bot.shown = CrossSeen("SOL", unpriced="away")
    bot.account().mark = D(80_000)  # Q = 3.25 - 390000 (1/60000 - 1/80000) = 1.625: leverage 3
    assert leg(bot.turn()).leverage == pytest.approx(D(3), abs=D("0.01"))
    bot.account().mark = D(80_500)
    plan = leg(bot.turns(12))
    assert plan.leverage is not None
    assert D("2.4") < plan.leverage <= D("2.5")


def test_a_document_that_cannot_be_trusted_leaves_the_carried_part_as_it_is() -> None:
    bot = carrying(risk=ROOMY)
    bot.turns(12)
    bot.documents = None
    plan = leg(bot.turns(3))
    assert shorted(plan) == near(390_000)
    assert "SOL: the target document, which cannot be trusted now" in plan.missing
    bot.documents = (Target("SOL", D("0.5"), TargetSource.DOCUMENT),)
    assert shorted(leg(bot.turns(12))) == near(195_000 + 97_500)


# ---------------------------------------------------------------------------------------------------------------- β


@pytest.mark.parametrize(
    ("measured", "target"),
    [
        (fit(returns=30), 195_000),
        (fit(returns=29), "it rests on 29 returns, and at least 30 are needed"),
        (fit(returns=5), "it rests on 5 returns"),
        (fit(r_squared="0.5"), 195_000),
        (fit(r_squared="0.499999"), "R² 0.499999 is below the floor of 0.5"),
        (fit(beta="NaN"), "its β: not a number"),
        (fit(beta="3"), 450_000),
        (fit(beta="3.5"), 450_000),  # clamped
        (fit(beta="-0.4"), 0),  # never a long
        (fit(closed_ms=NOW_MS - HOUR_MS), 195_000),
        (fit(closed_ms=NOW_MS - 2 * HOUR_MS - 60_000), "its β: the last candle closed too long ago"),
        (None, "its β: nothing was measured yet"),
    ],
)
def test_a_beta_counts_within_its_limits_or_is_refused_with_the_reason(measured: CrossFit | None, target: int | str) -> None:
    bot = carrying(AUTO, risk=replace(RISK, max_leverage=D(10), hard_leverage=D(20)))
    bot.shown = CrossSeen("SOL", D(100), None, measured)
    plan = leg(bot.turn())
    if isinstance(target, str):
        assert plan.crosses[0].target_usd is None
        assert target in plan.missing[0]
    else:
        assert plan.crosses[0].target_usd == target
        assert plan.missing == ()


def test_a_refused_beta_keeps_what_is_hedged_and_a_good_one_goes_on() -> None:
    bot = carrying(AUTO, risk=ROOMY)
    bot.shown = CrossSeen("SOL", D(100), None, fit())
    bot.turns(12)
    bot.shown = CrossSeen("SOL", D(50), None, fit(r_squared="0.4"))
    plan = leg(bot.turns(3))
    assert shorted(plan) == near(390_000)
    assert plan.crosses[0].why == "UNKNOWN: β refused, R² too low"
    bot.shown = CrossSeen("SOL", D(50), None, fit())
    assert shorted(leg(bot.turns(12))) == near(195_000 + 97_500)


# ---------------------------------------------------------------------------------------------------------------- band, policies, record


def test_each_part_may_be_as_wrong_as_its_own_band_says() -> None:
    assert band.together([(D(300_000), BAND), (D(100_000), WIDE)]) == Band(D("0.98375"), D("0.995"), D(1), D("1.01125"))
    assert band.together([(D(0), BAND), (D(0), WIDE)]) == BAND
    assert band.together([(D(7), BAND), (D(3), BAND)]) is BAND
    bot = carrying(replace(CROSS, band=WIDE), risk=ROOMY)
    bot.turns(12)
    placed = len(bot.placed)
    bot.shown = CrossSeen("SOL", D("102.5"))  # 4,875 USD more: within 0.5 % of 195,000 and 5 % of 199,875
    plan = leg(bot.turn())
    assert plan.aligned
    assert len(bot.placed) == placed
    assert plan.band is not None
    bot.shown = CrossSeen("SOL", D(109))
    bot.turn()
    assert len(bot.placed) > placed


def test_policies_of_the_asset_change_its_ratio_alone_and_are_remembered() -> None:
    ramp = RampRule(D("0.25"), 1_000_000, 3)
    bot = carrying(replace(CROSS, policies=Policies(ramp=ramp)), risk=ROOMY)
    plan = leg(bot.turns(12))
    (sol,) = plan.crosses
    assert (sol.ratio_target, sol.ratio_effective) == (1, D("0.25"))
    assert [change.policy for change in sol.policies] == ["ramp"]
    assert shorted(plan) == near(195_000 + D("0.25") * 195_000)
    since = bot.state.cross("SOL").memory.ramp_since_ms
    assert since is not None
    bot.now_ms = since + 1_000_000
    assert shorted(leg(bot.turns(12))) == near(390_000)
    assert bot.state.cross("SOL").ratio == 1


@pytest.mark.parametrize(("rule", "coins"), [(AUTO, "1500"), (CROSS, None)], ids=["no beta", "no bag"])
def test_the_clock_of_a_carried_ramp_waits_until_its_part_is_known(rule: CrossRule, coins: str | None) -> None:
    bot = carrying(replace(rule, policies=Policies(ramp=RampRule(D("0.25"), 1_000_000, 3))), risk=ROOMY, sol=coins)
    bot.turns(12)
    assert bot.state.cross("SOL").memory.ramp_since_ms is None
    bot.shown, bot.bag["SOL"] = CrossSeen("SOL", D(100), fit=fit()), D(1500)
    bot.turns(12)
    assert bot.state.cross("SOL").memory.ramp_since_ms is not None


def test_a_basis_policy_holds_the_carried_ratio_at_what_it_was() -> None:
    bot = carrying(replace(CROSS, policies=Policies(basis=BasisRule(D("0.001"), D("0.0005")))), risk=ROOMY)
    bot.say("target-set", asset="SOL", ratio=D("0.5"))
    bot.turns(12)
    bot.say("target-clear", asset="SOL")
    seen = bot.snapshot()
    quote = seen.views[0].quote
    assert quote is not None
    under = replace(seen, views=(replace(seen.views[0], quote=replace(quote, index=quote.mark * D("1.002"))),))
    assert leg(decide(bot.state, under, bot.rules)).crosses[0].ratio_effective == D("0.5")
    assert leg(decide(bot.state, seen, bot.rules)).crosses[0].ratio_effective == 1


def test_a_decision_changes_its_reason_when_a_part_becomes_unknown_and_not_with_every_price() -> None:
    bot = carrying(risk=ROOMY)
    bot.turns(12)
    bot.turn()
    steady = bot.decisions[-1].reason
    bot.shown = CrossSeen("SOL", D("100.01"))
    assert bot.turn().reason == steady
    bot.shown = CrossSeen("SOL", unpriced="away")
    assert bot.turn().reason != steady


@given(
    beta=st.decimals("0.1", "3", places=4),
    price=st.decimals("1", "500", places=2),
    mark=st.integers(20_000, 120_000),
    wallet=st.decimals("0.5", "50", places=4),
    ratio=st.sampled_from(["0", "0.3", "1"]),
    share=st.sampled_from(["0", "0.4", "1"]),
)
def test_the_short_ends_at_the_sum_or_below_it_and_never_above_its_limits(
    beta: Decimal, price: Decimal, mark: int, wallet: Decimal, ratio: str, share: str
) -> None:
    bot = carrying(replace(CROSS, beta=beta, ratio=D(share)), wallet=str(wallet), ratio=ratio, mark=str(mark))
    bot.shown = CrossSeen("SOL", price)
    assert leg(bot.turn()).target_usd == D(ratio) * wallet * mark + D(share) * beta * 1500 * price
    plan = leg(bot.turns(20))
    assert plan.target_usd is not None
    short = -(plan.position_usd or D(0))
    assert short <= plan.target_usd * D("1.005")
    assert bot.account().equity() > 0
    if plan.aligned and plan.target_usd > 100:
        assert short >= plan.target_usd * D("0.995") - 200
