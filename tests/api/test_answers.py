"""Do the JSON answers say what the bot knows, in the words that scripts rely on?"""

import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from bot.cli_bag import bag_tables
from bot.cli_show import leg_lines, legs_table
from bot.core.decision import CrossPlan, Mode, Transfer
from bot.core.model import NO_LIQUIDATION, TargetSource
from bot.core.policy_terms import Change
from bot.core.rules import Band
from bot.face import CommandResult, alerts_besides, bag_json, hedges_json, iso_utc, plain, plan_json, status_json
from bot.transfers import amount_lacking
from tests.api.worlds import RULES, decision, fresh_status, leg, order, snapshot, status, view

D = Decimal
PLAN_FIELDS = ["mode", "armed", "state", "venue", "environment", "account", "as_of", "legs", "missing", "alerts", "overrides"]
LEG_FIELDS = [
    "asset",
    "instrument",
    "basis",
    "ratio_target",
    "ratio_effective",
    "ratio_actual",
    "ratio_planned",
    "spot_coins",
    "equity_coins",
    "delta_coins",
    "position_usd",
    "target_usd",
    "leverage",
    "liquidation_price",
    "aligned",
    "why",
    "policies",
    "costs",
    "orders",
    "mark",
    "liquidation_distance",
    "band",
    "band_why",
    "crosses",
    "lacking_coins",
    "transfers",
    "stress",
]


def only_leg(**changed):
    return plan_json(status(decision=decision(leg(**changed))))["legs"][0]


def test_the_plan_has_exactly_the_fields_of_the_contract():
    shown = plan_json(status())
    assert list(shown) == PLAN_FIELDS
    assert list(shown["legs"][0]) == LEG_FIELDS
    assert list(shown["legs"][0]["costs"]) == ["fees_usd", "funding_usd_per_year"]
    assert list(shown["legs"][0]["orders"][0]) == ["side", "contracts", "limit_price", "reduce_only", "post_only"]


@pytest.mark.parametrize(
    ("price", "shown"), [(D(66000), "0.1"), (D(120000), "1"), (D("60006"), "0.0001"), (NO_LIQUIDATION, None), (None, None)]
)
def test_the_distance_to_liquidation_is_a_share_of_the_mark(price, shown):
    assert only_leg(liquidation_price=price)["liquidation_distance"] == shown


def test_what_would_become_of_a_leg_is_told_at_each_shock_and_is_empty_while_it_is_unknown():
    shown = only_leg()["stress"]
    assert [one["move_percent"] for one in shown] == [0, 10, 25, 50, 100]
    assert set(shown[0]) == {"move_percent", "leverage", "liquidation_distance"}
    assert only_leg(mark=None)["stress"] == []


def test_collateral_that_moves_and_that_is_lacking_is_told():
    assert only_leg()["transfers"] == []
    assert only_leg(lacking_coins=D("1.5248"))["lacking_coins"] == "1.5248"


def test_the_band_of_a_leg_is_shown_where_it_is_known():
    assert only_leg()["band"] is None
    banded = status(bands=tuple((leg.asset, leg.band) for leg in RULES.legs))
    assert plan_json(banded)["legs"][0]["band"] == {"low": "0.995", "high": "1.005"}


def test_a_band_that_was_chosen_by_its_cost_is_shown_with_the_reason():
    chosen = leg(band=Band(D("0.95"), D(1), D(1), D("1.05")), band_why="a trade costs 6 bp")
    shown = plan_json(status(decision=decision(chosen), bands=tuple((leg.asset, leg.band) for leg in RULES.legs)))["legs"][0]
    assert (shown["band"], shown["band_why"]) == ({"low": "0.95", "high": "1.05"}, "a trade costs 6 bp")
    assert only_leg()["band_why"] == "as configured"
    assert hedges_json(RULES, status(decision=decision(chosen)))["hedges"][0]["band"]["high"] == "1.05"


def carried(**changed):
    plan = CrossPlan(
        asset="SOL",
        ratio_target=D("1.0"),
        ratio_effective=D("0.5"),
        target_source=TargetSource.CONFIG,
        beta=D("1.300000"),
        r_squared=D("0.62"),
        residual_volatility=D("0.48"),
        coins=D("1500.0"),
        price=D(100),
        value_usd=D(150_000),
        target_usd=D("97500.00"),
        hedged_usd=D("97000"),
        why="",
        policies=(Change("ramp", D(1), D("0.5"), "step 1 of 2"),),
    )
    return replace(plan, **changed)


def test_a_leg_shows_what_it_carries_and_the_band_that_applied():
    one = only_leg(crosses=(carried(),), band=Band(D("0.98"), D(1), D(1), D("1.015")))
    (sol,) = one["crosses"]
    assert sol == {
        "asset": "SOL",
        "ratio_target": "1",
        "ratio_effective": "0.5",
        "beta": "1.3",
        "r_squared": "0.62",
        "residual_volatility": "0.48",
        "coins": "1500",
        "price": "100",
        "value_usd": "150000",
        "target_usd": "97500",
        "hedged_usd": "97000",
        "why": "",
        "policies": [{"policy": "ramp", "before": "1", "after": "0.5", "why": "step 1 of 2"}],
    }
    assert one["band"] == {"low": "0.98", "high": "1.015"}
    shown = leg_lines(one)
    assert "  + SOL: 97,500 USD = ratio 1 → 0.5 × β 1.3 (R² 0.62) × 1,500 SOL at 100" in [str(line) for line in shown]


def test_what_is_carried_counts_with_the_bag_and_an_unknown_part_leaves_the_sum_unknown():
    known = status(decision=decision(leg(crosses=(carried(),))))
    assert status_json(known)["value_bag_usd"] == "270000"
    assert [(row["asset"], row["spot_usd"], row["share"], row["hedged_by"]) for row in bag_json(known)["bag"]] == [
        ("BTC", "120000", "0.4444", "BTC/USD:BTC"),
        ("SOL", "150000", "0.5556", "BTC/USD:BTC"),
    ]
    unknown = carried(price=None, value_usd=None, target_usd=None, hedged_usd=None, beta=None, why="UNKNOWN: price")
    blind = status(decision=decision(leg(crosses=(unknown,))))
    assert (status_json(blind)["value_bag_usd"], status_json(blind)["value_total_usd"]) == (None, None)
    assert bag_json(blind)["bag"][1]["spot_usd"] is None
    line = next(str(line) for line in leg_lines(only_leg(crosses=(unknown,))) if "SOL" in str(line))
    assert line == "  + SOL: – USD = ratio 1 → 0.5 × β – (R² 0.62) × 1,500 SOL at –; UNKNOWN: price"


def test_the_status_is_the_plan_with_orders_and_values():
    shown = status_json(status())
    values = {"value_bag_usd": "120000", "value_account_usd": "180000", "value_total_usd": "300000"}
    assert shown == {**plan_json(status()), "open_orders": 1, "unknown_orders": 0, **values}


def test_the_plan_speaks_in_plain_words():
    shown = plan_json(status())
    assert (shown["mode"], shown["armed"], shown["state"], shown["account"]) == ("live", True, "WATCHING", "main")
    assert (shown["venue"], shown["environment"], shown["as_of"]) == ("paper", None, "2026-03-01T12:00:00.250Z")
    one = shown["legs"][0]
    assert (one["asset"], one["instrument"], one["basis"], one["aligned"]) == ("BTC", "BTC/USD:BTC", "coins", False)
    assert (one["ratio_target"], one["ratio_actual"], one["spot_coins"], one["target_usd"]) == ("1", "0.98", "2", "-300000")
    assert one["costs"] == {"fees_usd": "-0.6", "funding_usd_per_year": "-3285"}
    assert one["orders"] == [{"side": "sell", "contracts": 60, "limit_price": "60000.5", "reduce_only": False, "post_only": True}]
    json.dumps(shown, allow_nan=False)  # nothing but JSON's own types


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("60000", "60000"),
        ("100", "100"),
        ("1.500", "1.5"),
        ("6E+4", "60000"),
        ("1E-12", "0.000000000001"),
        ("-0.000", "0"),
        ("0E+3", "0"),
        ("-2.50", "-2.5"),
        ("0.9999999999999999999999999999", "0.9999999999999999999999999999"),
        ("123456789012345678901234567890.123", "123456789012345678901234567890.123"),
        ("Infinity", "Infinity"),
    ],
)
def test_a_number_is_written_with_every_digit_and_no_exponent(value, text):
    assert plain(D(value)) == text


def test_a_nan_is_never_an_answer():
    with pytest.raises(ValueError, match="NaN"):
        plain(D("NaN"))


@pytest.mark.parametrize(("price", "shown"), [(D("Infinity"), None), (None, None), (D("74625.00"), "74625")])
def test_no_liquidation_price_is_null(price, shown):
    assert only_leg(liquidation_price=price)["liquidation_price"] == shown


@pytest.mark.parametrize(("leverage", "shown"), [(None, None), (D("Infinity"), "Infinity"), (D(0), "0"), (D("2.0"), "2")])
def test_leverage_is_null_when_unknown_and_infinite_when_equity_is_gone(leverage, shown):
    assert only_leg(leverage=leverage)["leverage"] == shown


def test_what_is_unknown_is_null_and_never_zero():
    unknown = [name for name in LEG_FIELDS if name.startswith("ratio_") or name.endswith(("_coins", "_usd"))]
    shown = only_leg(**dict.fromkeys(unknown), funding_usd_per_year=None)
    assert len(unknown) == 10
    assert [shown[name] for name in unknown] == [None] * 10
    assert shown["costs"]["funding_usd_per_year"] is None


def test_each_leg_shows_its_own_orders():
    two = decision(leg("BTC"), leg("SOL"), orders=(order("SOL", contracts=5), order("BTC", contracts=1)))
    assert [[made["contracts"] for made in one["orders"]] for one in plan_json(status(decision=two))["legs"]] == [[1], [5]]


def test_what_is_missing_is_gathered_at_the_top_under_its_asset():
    two = decision(leg("BTC", missing=("price",)), leg("SOL", missing=("1.5 SOL of collateral",)))
    assert plan_json(status(decision=two))["missing"] == ["BTC: price", "SOL: 1.5 SOL of collateral"]


def test_alerts_are_told_and_those_that_missing_tells_already_only_once():
    made = replace(decision(leg("BTC", missing=("bag.BTC.sources.cold: is stale",))), alerts=("bag.BTC.sources.cold: is stale", "0.5 left"))
    shown = plan_json(status(decision=made))
    assert shown["alerts"] == ["bag.BTC.sources.cold: is stale", "0.5 left"]
    assert alerts_besides(shown) == ["0.5 left"]


def test_before_the_first_turn_the_answer_says_what_it_waits_for():
    shown = status_json(fresh_status())
    assert shown["legs"] == []
    assert (shown["as_of"], shown["value_bag_usd"], shown["value_account_usd"], shown["value_total_usd"]) == (None, None, None, None)
    assert shown["missing"] == ["no decision yet: the first turn has not ended"]


def test_an_unknown_part_makes_the_value_unknown():
    no_margin = status_json(status(seen=snapshot(view(margin=None))))
    assert (no_margin["value_bag_usd"], no_margin["value_account_usd"], no_margin["value_total_usd"]) == ("120000", None, None)
    no_mark = status_json(status(decision=decision(leg(mark=None))))
    assert (no_mark["value_bag_usd"], no_mark["value_account_usd"]) == (None, None)
    no_view = status_json(status(decision=decision(leg("SOL"))))
    assert no_view["value_account_usd"] is None


def test_legs_that_share_a_margin_account_count_it_once():
    legs = decision(leg("SOL", spot_coins=D(10), mark=D(100)), leg("XRP", spot_coins=D(1000), mark=D(2)))
    shown = status_json(status(decision=legs, seen=snapshot(view("SOL"), view("XRP"))))
    assert (shown["value_bag_usd"], shown["value_account_usd"], shown["value_total_usd"]) == ("3000", "3", "3003")


def test_a_shared_margin_account_is_known_if_any_leg_shows_it():
    legs = decision(leg("SOL", spot_coins=D(10), mark=D(100)), leg("XRP", spot_coins=D(1000), mark=D(2)))
    for views in ((view("SOL", margin=None), view("XRP")), (view("SOL"), view("XRP", margin=None))):
        assert status_json(status(decision=legs, seen=snapshot(*views)))["value_account_usd"] == "3"


@pytest.mark.parametrize(
    ("at_ms", "text"), [(0, "1970-01-01T00:00:00.000Z"), (1_772_366_400_250, "2026-03-01T12:00:00.250Z"), (-1, "1969-12-31T23:59:59.999Z")]
)
def test_times_are_utc_with_milliseconds(at_ms, text):
    assert iso_utc(at_ms) == text


@pytest.mark.parametrize(("code", "accepted"), [("ok", True), ("draining", True), ("refused", False)])
def test_only_a_refusal_is_not_accepted(code, accepted):
    assert CommandResult(code, False, Mode.WATCHING, "").accepted is accepted


def linear(**changed):
    return leg("SOL", spot_coins=D(500), equity_coins=D(400), mark=D(150), position_usd=D(-30_000), target_usd=D(75_000), **changed)


def test_the_account_of_a_linear_contract_holds_none_of_the_coins_that_it_hedges():
    shown = status(decision=decision(leg(), linear()), seen=snapshot(view(), view("SOL")))
    assert [(row["asset"], row["equity_coins"]) for row in bag_json(shown)["bag"]] == [("BTC", "3"), ("SOL", "0")]
    unread = status(decision=decision(replace(linear(), equity_coins=None)), seen=snapshot(view("SOL", margin=None)))
    assert bag_json(unread)["bag"][0]["equity_coins"] is None


def test_what_is_posted_and_what_is_lacking_is_named_by_its_own_currency():
    said = plan_json(status(decision=decision(leg(lacking_coins=D("1.5")), linear(lacking_coins=D(2725)))))
    bitcoin, solana = ("\n".join(str(line) for line in leg_lines(one)) for one in said["legs"])
    assert "2 outside + 3 in the account" in bitcoin
    assert "collateral: 1.5 BTC should be moved into the account" in bitcoin
    assert "500 outside + USDT worth 400 SOL in the account" in solana
    assert "collateral: 2,725 USDT should be moved into the account" in solana
    told = decision(linear(lacking_coins=D(2725)))
    assert amount_lacking("SOL: limited by collateral", told) == ": move 2725 USDT into the account"


@pytest.mark.parametrize(
    ("armed", "coins", "said"),
    [
        (True, "1.5", "the bot moves 1.5"),
        (True, "1", "the bot moves 1; move 0.5 BTC more into the account"),
        (False, "1", "move 1.5 BTC into the account"),
    ],
)
def test_an_alert_tells_apart_what_the_bot_moves_and_what_a_person_must(armed: bool, coins: str, said: str):
    moves = (Transfer("hbt1", "BTC", D(coins), 1, "the hedge lacks collateral"),)
    told = decision(leg(lacking_coins=D("1.5")), armed=armed, transfers=moves)
    assert amount_lacking("BTC: limited by collateral", told) == f": {said}"


def alerts_of(**changed) -> list[str]:
    return plan_json(status(decision=decision(leg(**changed))))["alerts"]


def test_a_hedge_too_small_to_be_traded_is_told_although_nothing_is_left_to_do():
    small = {"aligned": True, "position_usd": D(0), "target_usd": D("24.004")}
    said = "nothing is hedged: all of 24.00 USD is less than one order takes (band.min_order_usd, or one contract)"
    assert f"BTC: {said}" in alerts_of(**small)
    for other in ({"target_usd": D(0)}, {"target_usd": None}, {"position_usd": D(-100)}, {"aligned": False}):
        assert not any("nothing is hedged" in one for one in alerts_of(**(small | other)))


def test_the_price_of_a_coin_worth_next_to_nothing_is_shown_beside_its_bag():
    row = {"asset": "PEPE", "declared_coins": "1", "spot_coins": "1", "mark": "0.0000123436", "spot_usd": "-0.0001", "share": "1"}
    row |= {"hedged_by": "P", "sources": []}
    console = Console(width=200, file=StringIO())
    console.print(bag_tables({"bag": [row], "value_bag_usd": "0"})[0])
    assert " 0.000012344    0 " in console.file.getvalue()  # and a tenth of a cent less is 0, not -0


def test_a_figure_with_more_digits_than_decisions_are_computed_with_can_be_told():
    assert only_leg(liquidation_price=D("3e32"))["liquidation_distance"] == plain(D("3e32") / D(60000) - 1)


@pytest.mark.parametrize(
    ("liquidated", "shown"),
    [
        ("0.00003684255762", "0.000036843"),
        ("0.2987866559", "0.29879"),
        ("149.2537", "149.25"),
        ("119400.4", "119,400"),
        ("3e32", "300" + ",000" * 10),
    ],
)
def test_a_liquidation_price_is_shown_whatever_the_coin_costs(liquidated, shown):
    shown_leg = only_leg(liquidation_price=D(liquidated))
    console = Console(width=200, file=StringIO())
    console.print(legs_table([shown_leg]))
    assert f" {shown} " in console.file.getvalue()
