"""Do legs on one margin leave room for each other, and say what the account lacks, in its own currency?"""

from decimal import Decimal

import pytest

from tests.core.worlds import BTC, SOL, XRP, Account, leg_rule, rules, world

D = Decimal


def test_the_settings_of_legs_on_one_margin_leave_room_for_each_other() -> None:
    """SOL alone would serve at 1, and would then tie up what XRP needs: the venue would refuse its order again and again."""
    sol, xrp = Account(SOL, D(10_000), D(100), leverage=D(10)), Account(XRP, D(10_000), D(1), leverage=D(10))
    made = world(sol, xrp, rules=rules(leg_rule(SOL), leg_rule(XRP)), bag={"SOL": D(150), "XRP": D(15_000)}, fill=False)
    decision = made.turn()
    assert [order.asset for order in decision.orders] == ["SOL", "XRP"]
    assert [(call.asset, call.leverage) for call in decision.leverage] == [("SOL", 2), ("XRP", 2)]


def test_a_leg_that_ties_up_what_another_one_needs_has_its_setting_raised_though_it_trades_nothing() -> None:
    sol, xrp = Account(SOL, D(10_000), D(100), 1_500, D(100)), Account(XRP, D(10_000), D(1), leverage=D(2))
    made = world(sol, xrp, rules=rules(leg_rule(SOL), leg_rule(XRP)), bag={"SOL": D(150), "XRP": D(15_000)}, fill=False)
    decision = made.turn()
    assert [order.asset for order in decision.orders] == ["XRP"]
    assert [(call.asset, call.leverage) for call in decision.leverage] == [("SOL", 2)]


def test_what_stands_on_another_margin_or_ties_up_nothing_keeps_its_setting() -> None:
    btc, sol, xrp = Account(BTC, D(5), D(60_000), 3_000, D(60_000)), Account(SOL, D(10_000), D(100)), Account(XRP, D(0), D(1))
    legs = rules(leg_rule(BTC), leg_rule(SOL), leg_rule(XRP, ratio="0"))
    made = world(btc, sol, xrp, rules=legs, bag={"BTC": D(0), "SOL": D(150), "XRP": D(0)}, fill=False)
    assert [(call.asset, call.leverage) for call in made.turn().leverage] == [("SOL", 2)]


def test_a_linear_leg_that_collateral_stops_says_how_much_of_its_settle_currency_is_lacking() -> None:
    made = world(Account(SOL, D(5_000), D(100)), rules=rules(leg_rule(SOL)), bag={"SOL": D(150)}, fill=False)
    leg = made.turn().legs[0]
    assert leg.lacking_coins == D("2725")  # 15,000 at 2, also after a move of 1 %: 15,000 * (1.01 + 0.02) / 2 = 7,725
    assert "lacks 2725.0000 USDT in the account" in leg.missing[0]


@pytest.mark.parametrize(("equity", "lacking"), [("8000", D(2_000)), ("8333.34", None)])
def test_a_linear_leg_above_low_says_what_brings_it_to_the_goal_in_its_settle_currency(equity: str, lacking: Decimal | None) -> None:
    """15,000 USD at 1.5 rest on 10,000 USDT; 1.8 is reached at 8,333.33."""
    made = world(Account(SOL, D(equity), D(100), 1_500, D(100)), rules=rules(leg_rule(SOL)), bag={"SOL": D(150)}, fill=False)
    decision = made.turn()
    assert decision.legs[0].lacking_coins == lacking
    assert ("SOL: collateral is lacking: leverage is above low 1.8" in decision.alerts) is (lacking is not None)
    assert decision.transfers == ()


def test_what_a_leg_lacks_is_told_apart_from_what_others_stand_for_on_the_same_margin() -> None:
    sol, xrp = Account(SOL, D(5_000), D(100), 1_500, D(100)), Account(XRP, D(5_000), D(1))
    made = world(sol, xrp, rules=rules(leg_rule(SOL), leg_rule(XRP)), bag={"SOL": D(150), "XRP": D(9_000)}, fill=False)
    said = made.turn().legs[1].missing[0]
    assert said.startswith("the full hedge of 9000 USD, with 15000 USD of other legs on this margin, at max_leverage 2 lacks ")


def test_legs_on_one_margin_are_liquidated_where_a_rise_of_all_of_them_leaves_the_maintenance_margin() -> None:
    """30,000 USD on 20,000 USDT at 1 %: each for itself SOL would seem to stand a rise to 231.02."""
    sol, xrp = Account(SOL, D(10_000), D(100), 1_500, D(100)), Account(XRP, D(10_000), D(1), 1_500, D(1))
    made = world(sol, xrp, rules=rules(leg_rule(SOL), leg_rule(XRP)), bag={"SOL": D(150), "XRP": D(15_000)}, fill=False)
    first, second = made.turn().legs
    assert first.liquidation_price is not None
    assert second.liquidation_price is not None
    assert first.liquidation_price.quantize(D("0.0001")) == D("165.0165")
    assert second.liquidation_price / xrp.mark == first.liquidation_price / sol.mark
    sol.mark, xrp.mark = first.liquidation_price, second.liquidation_price
    left, used = sol.equity() + xrp.equity(), 150 * sol.mark + 15_000 * xrp.mark
    assert abs(left - used * SOL.maintenance_rate) < D("0.0001")
    again = made.turn().legs[0].liquidation_price
    assert again is not None
    assert abs(again - sol.mark) < D("0.0001")  # the way there changes nothing
