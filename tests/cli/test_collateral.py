"""Does the person at the terminal see what collateral is lacking, let the bot move it, and read what it did?"""

from decimal import Decimal

from tests.cli.desk import QUICK, Desk

D = Decimal
SHORT = QUICK.replace("coins: 2", "coins: 4").replace("collateral: {BTC: 3}", "collateral: {BTC: 1}, wallet: {BTC: 4}")
SHORT = SHORT.replace("execution: {", "execution: {max_order_usd: 400000, ")
MOVING = SHORT + "collateral: {BTC: {auto_transfer: true, max_transfer_coins: 3}}\n"


def test_a_plan_names_the_coins_to_move_and_moves_none(desk: Desk):
    desk.write(SHORT)
    (leg,) = desk.json("plan")["legs"]
    assert leg["lacking_coins"] == "1.5248"
    assert leg["transfers"] == []
    assert [one["move_percent"] for one in leg["stress"]] == [0, 10, 25, 50, 100]
    assert "collateral: 1.5248 BTC should be moved into the account" in desk.hb("plan").out


def test_where_it_may_the_bot_moves_them_and_the_record_tells(desk: Desk):
    desk.write(MOVING)
    planned = desk.json("plan")["legs"][0]
    assert planned["transfers"] == [{"coins": "1.5248", "why": "the hedge lacks collateral"}]
    ran = desk.hb("run", "--live", "--until-aligned", "--timeout", "60")
    assert ran.code == 0, ran
    (leg,) = desk.json("status")["legs"]
    assert leg["aligned"]
    assert D(leg["leverage"]) < D("1.8")
    assert D(leg["spot_coins"]) < D("2.5")
    assert abs(D(leg["spot_coins"]) + D(leg["equity_coins"]) - 5) < D("0.01")
    told = desk.good("audit", "tail", "--limit", "100").out
    assert "Wrote down, before asking for it, transfer" in " ".join(told.split())
    assert desk.hb("audit", "verify").code == 0


def test_a_replay_tops_up_from_the_bag_that_was_typed(desk: Desk):
    rows = ["timestamp,price", *(f"2024-01-01T{hour:02d}:00:00Z,{60000 + 4000 * max(0, hour - 3)}" for hour in range(16))]
    (desk.folder / "btc.csv").write_text("\n".join(rows) + "\n")
    bag = ("--prices", "btc.csv", "--bag", "4", "--collateral", "1", "--json")
    without, moved = desk.good("replay", *bag).json, desk.good("replay", *bag, "--top-up").json
    assert "transfers" not in without
    assert D(moved["transfers"][0]["coins"]) > D("1.5")
    assert sum(D(one["coins"]) for one in moved["transfers"]) <= 4
    assert not moved["liquidated"]
    assert D(moved["hedge_error_max_bps"]) < 50 < D(without["hedge_error_max_bps"])
    stepped = desk.good("replay", *bag, "--top-up", "--step").json
    alike = ("orders", "fills", "value_end_usd", "fees_coin", "transfers")
    assert {name: stepped[name] for name in alike} == {name: moved[name] for name in alike}
