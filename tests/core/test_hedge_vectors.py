"""Does `decide` hedge as domain.md says? V1, V2, V6, V7, V24, V25 and the collateral-limited hedge, through the real decision."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core import contracts, inverse, risk, sizing
from bot.core.decision import Approved, Intent
from bot.core.exposure import exposure
from bot.core.model import Basis, Position, Side
from bot.core.policy import ideal_coins
from bot.core.rules import Band, CollateralRule
from tests.core.worlds import BTC, EXECUTION, RISK, SOL, XRP, Account, hedged, leg_rule, rules, world

D = Decimal
BIG = replace(EXECUTION, max_order_usd=D(1_000_000))


class NaiveAccount:
    """The trap as a test double: N = h * spot coins * P, recomputed as the price moves, trading at each price it sees."""

    def __init__(self, coins: str, wallet: str, notional: int, price: int) -> None:
        self.coins, self.wallet = D(coins), D(wallet)
        self.notional, self.entry = D(notional), D(price)

    def equity(self, price: Decimal) -> Decimal:
        return inverse.equity(self.wallet, self.notional, self.entry, price)

    def rebalance(self, price: Decimal, coins: Decimal) -> None:
        self.wallet, self.entry = self.equity(price), price  # everything is realised at this price: the same value, simpler books
        self.notional = coins * price


NAIVE_ENDS = [((60, 48, 36), 285_000), ((60, 75, 90), 285_000), ((60, 48, 60), 315_000)]


@pytest.mark.parametrize("path", [path for path, _ in NAIVE_ENDS])
def test_v6_the_right_bot_keeps_300000_on_every_path_with_zero_orders(path: tuple[int, ...]) -> None:
    made = hedged(spot="0", wallet="5", short_usd=300_000)
    for thousands in path:
        made.account().mark = D(thousands * 1000)
        for _ in range(3):
            decision = made.turn()
            assert decision.legs[0].aligned
        assert made.value_usd().quantize(D("0.000001")) == 300_000
    assert made.placed == []


@pytest.mark.parametrize(("path", "value"), NAIVE_ENDS)
def test_v6_the_naive_rule_loses_or_gambles(path: tuple[int, ...], value: int) -> None:
    naive = NaiveAccount("0", "5", 300_000, 60_000)
    for thousands in path[:-1]:
        naive.rebalance(D(thousands * 1000), D(5))
    last = D(path[-1] * 1000)
    assert (naive.equity(last) * last).quantize(D("0.01")) == value


def test_v6_the_naive_rule_leaves_a_fifth_open_after_a_fall() -> None:
    naive = NaiveAccount("0", "5", 300_000, 60_000)
    fallen, risen = D(48_000), D(75_000)
    assert inverse.delta(D(0), naive.equity(fallen), 5 * fallen, fallen) == D("1.25")
    assert inverse.delta(D(0), naive.equity(risen), 5 * risen, risen) == -1


def ladder() -> list[Decimal]:
    """60000 times 0.99 again and again, the last step clipped at 30000."""
    prices, price = [], D(60_000)
    while price > 30_000:
        price = max(D(30_000), price * D("0.99"))
        prices.append(price)
    return prices


def test_v6_down_the_ladder_the_naive_rule_ends_at_404496_of_600000() -> None:
    naive = NaiveAccount("5", "5", 300_000, 60_000)
    naive.notional, spot = D(300_000), D(5)
    for price in ladder():
        naive.rebalance(price, spot)
    assert ((spot + naive.equity(D(30_000))) * 30_000).quantize(D(1)) == 404_496


def test_v6_down_the_ladder_counting_equity_keeps_600000_without_an_order() -> None:
    made = hedged(spot="5", wallet="5", short_usd=600_000)
    for price in ladder():
        made.account().mark = price
        assert made.turn().legs[0].aligned
    assert made.value_usd().quantize(D("0.01")) == 600_000
    assert made.placed == []


@pytest.mark.parametrize("mark", ["48000", "36000", "75000", "150000"])
def test_v7_half_a_hedge_on_coins_never_trades_on_price(mark: str) -> None:
    made = hedged(wallet="5", short_usd=150_000, ratio="0.5")
    made.account().mark = D(mark)
    plan = made.turn().legs[0]
    assert plan.target_usd is not None
    assert plan.delta_coins is not None
    assert plan.target_usd.quantize(D("0.0001")) == 150_000
    assert plan.delta_coins.quantize(D("0.0001")) == D("2.5")
    assert made.placed == []


@pytest.mark.parametrize(("mark", "target"), [("48000", 135_000), ("75000", 168_750), ("60000", 150_000)])
def test_v7_half_a_hedge_on_value_follows_the_value(mark: str, target: int) -> None:
    made = hedged(wallet="5", short_usd=150_000, ratio="0.5", basis=Basis.VALUE)
    made.account().mark = D(mark)
    plan = made.turn().legs[0]
    assert plan.target_usd is not None
    assert plan.target_usd.quantize(D("0.0001")) == target


@pytest.mark.parametrize(("mark", "share"), [("60000", "0.5"), ("48000", "0.555556"), ("30000", "0.666667"), ("90000", "0.4")])
def test_a_half_hedge_left_alone_is_a_changing_share_of_the_value(mark: str, share: str) -> None:
    made = hedged(spot="5", wallet="5", short_usd=300_000, ratio="0.5")
    made.account().mark = D(mark)
    plan = made.turn().legs[0]
    assert plan.aligned
    assert (300_000 / made.value_usd()).quantize(D(share)) == D(share)


@pytest.mark.parametrize("mark", ["48000", "75000"])
@pytest.mark.parametrize("basis", list(Basis))
@pytest.mark.parametrize(("ratio", "target"), [("0", 0), ("0.1", 30_000), ("0.5", 150_000), ("1", 300_000)])
def test_v24_at_a_ratio_change_both_bases_agree(mark: str, basis: Basis, ratio: str, target: int) -> None:
    made = hedged(wallet="5", short_usd=300_000, basis=basis, execution=BIG)
    made.account().mark = D(mark)
    made.turn()
    made.say("target-set", asset="BTC", ratio=D(ratio))
    plan = made.turn().legs[0]
    assert plan.target_usd is not None
    assert plan.target_usd.quantize(D("0.0001")) == target
    last = made.turns(20)
    assert last.legs[0].aligned
    assert made.account().short in (target // 100, max(0, target // 100 - 1))


def test_v24_a_ratio_of_zero_means_flat_whatever_the_hedge_has_lost() -> None:
    made = hedged(wallet="5", short_usd=300_000)
    made.account().mark = D(75_000)
    made.say("target-set", asset="BTC", ratio=D(0))
    assert made.turns(30).legs[0].aligned
    assert made.account().short == 0
    assert all(order.side is Side.BUY and order.reduce_only for order in made.placed)


def test_v11_a_drifted_leverage_is_kept_and_alerted() -> None:
    made = hedged(spot="2.5", wallet="2.5", short_usd=300_000)  # L = 2
    made.account().mark = D(66_000)  # L = 2.5
    decision = made.turn()
    assert decision.legs[0].leverage is not None
    assert decision.legs[0].leverage.quantize(D("0.0001")) == inverse.leverage_after_move(D(2), D(60_000), D(66_000)).quantize(D("0.0001"))
    assert decision.alerts == ("BTC: leverage is above max_leverage", "BTC: collateral is lacking: leverage is above low 1.8")
    assert decision.legs[0].aligned, "the hedge is complete: only its leverage drifted"
    assert made.placed == []


@pytest.mark.parametrize(("mark", "reduces"), [("79900", False), ("80100", True)])
def test_hard_leverage_is_where_the_bot_reduces_to_max_leverage(mark: str, reduces: bool) -> None:
    made = hedged(spot="2.5", wallet="2.5", short_usd=300_000, execution=BIG)  # L = 3 at 80000
    made.account().mark = D(mark)
    decision = made.turn()
    assert bool(decision.orders) is reduces
    if reduces:
        (order,) = decision.orders
        assert (order.side, order.reduce_only) == (Side.BUY, True)
        made.turn()
        equity = made.account().equity() * made.account().mark
        assert made.account().short * 100 / equity <= D("2.01")
        assert made.account().short * 100 / equity > D("1.95")
        assert decision.legs[0].missing != ()


def test_v25_without_equity_the_leg_only_reduces_and_alerts() -> None:
    made = hedged(spot="4", wallet="1", short_usd=300_000, execution=BIG)
    made.account().mark = D(80_000)
    decision = made.turn()
    (order,) = decision.orders
    plan = decision.legs[0]
    assert (order.side, order.reduce_only, order.contracts) == (Side.BUY, True, 3000)
    assert plan.leverage == D("Infinity")
    assert plan.equity_coins == D("-0.25")
    assert not plan.aligned
    assert any("leverage is above hard_leverage" in alert for alert in decision.alerts)
    assert sizing.n_max_usd(BTC, D(2), D("-0.25"), D(80_000), D(0)) == 0


def test_v25_a_ratio_over_nothing_is_none() -> None:
    made = hedged(spot="0", wallet="1", short_usd=300_000, execution=BIG, basis=Basis.VALUE)
    made.account().mark = D(80_000)
    plan = made.turn().legs[0]
    assert plan.ratio_actual is None
    assert plan.ratio_planned is None


@pytest.mark.parametrize("mark", ["79000", "80000", "90000"])
def test_v2_the_split_bag_never_sells_more_once_its_equity_is_gone(mark: str) -> None:
    made = hedged(spot="4", wallet="1", short_usd=300_000)
    made.account().mark = D(mark)
    for _ in range(10):
        assert all(order.side is Side.BUY and order.reduce_only for order in made.turn().orders)


def test_short_of_collateral_the_bot_hedges_what_it_may_and_names_what_is_missing() -> None:
    made = hedged(spot="4", wallet="1", short_usd=0)
    assert sizing.n_max_usd(BTC, D(2), D(1), D(60_000), D(0)) == 120_000
    assert sizing.equity_needed(BTC, D(300_000), D(2), D(60_000), D(0)) - 1 == D("1.5")
    within_collar = sizing.n_max_usd(BTC, D(2), D(1), D(60_000), D("0.01"))
    assert within_collar.quantize(D("0.01")) == D("118823.53")
    decision = made.turn()
    for _ in range(4):
        decision = made.turn()
    plan = decision.legs[0]
    assert made.account().short == 1188
    assert not plan.aligned
    assert plan.why == "limited by collateral"
    (missing,) = plan.missing
    assert "1.5000 at the mark alone" in missing
    assert plan.ratio_actual is not None
    assert plan.ratio_actual.quantize(D("0.001")) == D("0.396")
    assert decision.orders == ()


def test_a_safe_edge_above_one_does_not_reach_beyond_what_the_collateral_allows() -> None:
    made = hedged(spot="4", wallet="1", short_usd=0, band=Band(D("0.9"), D("1.01"), D("1.01"), D("1.02")), execution=BIG)
    made.turn()
    assert [order.contracts for order in made.placed] == [1188]


def test_the_missing_coins_moved_from_the_bag_complete_the_hedge() -> None:
    made = hedged(spot="4", wallet="1", short_usd=0)
    for _ in range(4):
        made.turn()
    made.account().wallet += D("1.6")  # the whole bag still counts 5 coins: the bot takes the move off the declared 4
    before = made.decisions[-1].legs[0].delta_coins
    decision = made.turn()
    assert decision.legs[0].delta_coins == before
    assert made.turns(10).legs[0].aligned
    assert made.account().short in (2999, 3000)


@pytest.mark.parametrize(("equity", "passes"), [("3.25", False), ("3.2821", False), ("3.2822", True)])
def test_v20_an_order_to_exactly_two_is_refused_for_the_collar(equity: str, passes: bool) -> None:
    made = hedged(spot="0", wallet=equity, short_usd=0, execution=replace(EXECUTION, max_order_usd=D(500_000)))
    view = made.snapshot().views[0]
    held = exposure(view, made.state.leg("BTC"), D(0), D(0), D(0))
    assert held is not None
    assert view.quote is not None
    intent = Intent("BTC", BTC.symbol, Side.SELL, 3900, D("60000.5"), False, True, "")
    verdict = risk.review(intent, held, view.quote, made.state, made.snapshot(), made.rules, "x" * 25, ())
    assert isinstance(verdict, Approved) is passes
    if not passes:
        assert verdict.check == "leverage"  # type: ignore[union-attr]


def test_a_chunk_never_exceeds_max_order_usd_and_all_chunks_sum_up() -> None:
    made = hedged(spot="0", wallet="5", short_usd=0, execution=replace(EXECUTION, max_order_usd=D(70_050)))
    assert made.turns(20).legs[0].aligned
    assert [order.contracts for order in made.placed] == [700, 700, 700, 700, 200]


@pytest.mark.parametrize(
    ("least", "most", "placed"),
    [
        (1, 999, [999, 999, 999]),
        (1, 1000, [1000, 1000, 1000]),
        (1, 1001, [1000, 1000, 1000]),  # max_order_usd is the smaller one
        (10, 999, [999, 999, 992]),  # what is left, within the band, is an order that the venue takes
    ],
)
def test_a_chunk_is_never_larger_than_the_venue_takes_and_all_chunks_make_the_hedge(least: int, most: int, placed: list[int]) -> None:
    assert EXECUTION.max_order_usd == 100_000
    contract = replace(BTC, min_contracts=least, max_contracts=most)
    made = world(Account(contract, D(5), D(60_000)), rules=rules(leg_rule(contract)), bag={"BTC": D(0)})
    assert made.turns(20).legs[0].aligned
    assert [order.contracts for order in made.placed] == placed


def test_two_legs_on_one_margin_grow_one_order_at_a_time_within_the_limit() -> None:
    both = rules(leg_rule(SOL), leg_rule(XRP), execution=BIG, risk=replace(RISK, max_leverage=D(1)))
    accounts = (Account(SOL, D(500), D(100)), Account(XRP, D(500), D(1)))
    made = world(*accounts, rules=both, bag={"SOL": D(9), "XRP": D(900)})
    decision = made.turn()
    worst = sum(contracts.notional_usd(a.instrument, o.contracts, a.mark) for a, o in zip(accounts, decision.orders, strict=False))
    assert len(decision.orders) >= 1
    assert [plan.refused for plan in decision.legs] == [(), ()], "the second leg is sized for what the first one takes"
    assert worst * D("1.01") <= 1000 - worst * D("0.01")


def test_two_legs_share_the_turnover_of_the_day_within_one_turn() -> None:
    both = rules(leg_rule(SOL), leg_rule(XRP), execution=BIG, risk=replace(RISK, max_turnover_usd_per_day=D(1500)))
    accounts = (Account(SOL, D(5000), D(100)), Account(XRP, D(5000), D(1)))
    made = world(*accounts, rules=both, bag={"SOL": D(9), "XRP": D(900)})
    decision = made.turn()
    assert [order.asset for order in decision.orders] == ["SOL"]
    assert [refused.check for refused in decision.legs[1].refused] == ["turnover"]


def test_v24_zero_is_zero_also_where_the_bag_has_grown_since() -> None:
    assert ideal_coins(Basis.COINS, D(0), D(6), D(5)) == 0
    assert ideal_coins(Basis.COINS, D("0.1"), D(6), D(5)) == D("1.5")
    assert ideal_coins(Basis.COINS, D("0.1"), D(4), D(5)) == 0


def test_two_legs_on_one_margin_stay_within_max_leverage_also_while_the_position_of_one_lags_behind_its_fills() -> None:
    both = rules(leg_rule(SOL), leg_rule(XRP), execution=BIG)
    sol, xrp = Account(SOL, D(10_000), D(100)), Account(XRP, D(10_000), D(1))
    made = world(sol, xrp, rules=both, bag={"SOL": D(350), "XRP": D(35_000)}, fill=False)
    made.turn()

    for _ in range(4):
        sol.trade(made.now_ms)
        xrp.trade(made.now_ms)
        shown = made.snapshot()
        first, second = shown.views
        flat = Position(first.instrument.symbol, 0, None, D(1), shown.now_ms)
        made.turn(replace(shown, views=(replace(first, position=flat), second)))
    sol.trade(made.now_ms)
    xrp.trade(made.now_ms)
    notional = sum((contracts.notional_usd(one.instrument, one.short, one.mark) for one in (sol, xrp)), D(0))
    assert sol.short > 0
    assert notional / (sol.equity() + xrp.equity()) <= RISK.max_leverage


def test_two_legs_above_hard_leverage_shrink_in_proportion_and_do_not_end_naked() -> None:
    both = rules(leg_rule(SOL), leg_rule(XRP), execution=BIG)
    accounts = (Account(SOL, D(1000), D(100), 400, D(100)), Account(XRP, D(1000), D(1), 400, D(1)))  # 8000 USD on 2000: L = 4
    made = world(*accounts, rules=both, bag={"SOL": D(40), "XRP": D(4000)}, fill=True)
    for _ in range(6):
        made.turn()
    assert [account.short for account in accounts] == [200, 200]


def test_a_leg_is_unknown_while_another_on_its_margin_is() -> None:
    both = rules(leg_rule(SOL), leg_rule(XRP))
    made = world(Account(SOL, D(500), D(100)), Account(XRP, D(500), D(1)), rules=both, bag={"SOL": D(9), "XRP": D(900)})
    seen = made.snapshot()
    blind = replace(seen, views=(seen.views[0], replace(seen.views[1], position=None)))
    decision = made.turn(blind)
    assert decision.orders == ()
    assert decision.legs[0].why == "UNKNOWN: another leg on the same margin"


def test_an_over_hedge_above_max_position_is_cut_back_to_the_ideal() -> None:
    limit = replace(RISK, max_position_usd=D(120_000), max_leverage=D(3))
    made = hedged(wallet="2.5", short_usd=200_000, risk=limit, execution=BIG)  # ideal 150000
    assert [(order.side, order.contracts) for order in made.turn().orders] == [(Side.BUY, 500)]


def test_what_a_hedge_lacks_is_what_it_lacks_up_to_max_position_usd() -> None:
    rule = replace(leg_rule(BTC), collateral=CollateralRule(auto=True, most_coins=D(9), most_coins_per_day=D(9)))
    made = hedged(spot="39", wallet="1", short_usd=0, risk=replace(RISK, max_position_usd=D(300_000)))
    made.rules = replace(made.rules, legs=(rule,))
    (plan,) = made.turns(4).legs
    assert plan.lacking_coins is not None
    (said, *_) = plan.missing
    assert said.startswith(
        f"the hedge of 300000 USD, which is max_position_usd, at max_leverage 2 lacks {plan.lacking_coins} BTC in the account"
    )


def test_a_hedge_up_to_max_position_usd_names_what_stands_beside_it_on_its_margin() -> None:
    both = rules(leg_rule(SOL), leg_rule(XRP), execution=BIG, risk=replace(RISK, max_leverage=D(1), max_position_usd=D(40_000)))
    accounts = (Account(SOL, D(30_000), D(100)), Account(XRP, D(30_000), D(1)))
    made = world(*accounts, rules=both, bag={"SOL": D(500), "XRP": D(50_000)})
    said = [text for leg in made.turns(10).legs for text in leg.missing]
    assert any(text.startswith("the hedge of 40000 USD, which is max_position_usd, with ") for text in said), said
    assert not any(",," in text for text in said)


@pytest.mark.parametrize(
    ("most", "said"),
    [
        ("100000", "the full hedge of 300000 USD exceeds max_position_usd 100000"),
        ("201000", "the hedge of 201000 USD, which is max_position_usd, at max_leverage 2 lacks 0.0"),
    ],
)
def test_above_hard_leverage_a_limit_that_is_lowered_below_what_stays_asks_for_no_collateral(most: str, said: str) -> None:
    made = hedged(spot="2.5", wallet="2.5", short_usd=300_000, execution=BIG, risk=replace(RISK, max_position_usd=D(most)))
    made.account().mark = D(80_000) + 50  # where 200,000 USD may stay
    (missing, *_) = made.turn().legs[0].missing
    assert missing.startswith(said)


@pytest.mark.parametrize(("short_usd", "told"), [(300_000, False), (303_000, False), (303_100, True)])
def test_a_limit_lowered_below_an_open_hedge_sells_nothing_and_is_told(short_usd: int, told: bool) -> None:
    made = hedged(
        wallet="5.05", short_usd=short_usd, risk=replace(RISK, max_position_usd=D(300_000)), band=Band(D("0.98"), D(1), D(1), D("1.02"))
    )
    decision = made.turn()
    assert decision.orders == ()
    assert any("BTC: the short is above max_position_usd" in alert for alert in decision.alerts) is told


@pytest.mark.parametrize(("wallet", "trades"), [("5", False), ("5.01", False), ("5.03", True)])
def test_funding_is_hedged_once_it_leaves_the_band(wallet: str, trades: bool) -> None:
    made = hedged(wallet="5", short_usd=300_000, band=Band(D("0.995"), D(1), D(1), D("1.005")))
    account = made.account()
    account.settle_funding((D(wallet) - 5) / 5, made.now_ms + 1)
    assert bool(made.turn().orders) is trades
