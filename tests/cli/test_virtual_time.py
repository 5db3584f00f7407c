"""Do replay and demo run from the command line alone, and do they say what is wrong with a file by its line?"""

import shlex
from pathlib import Path

import pytest

from tests.cli.desk import SCRIPT, Desk

HEADER = "timestamp,open,high,low,close\n"
CALM = [
    f"2024-01-01T{hour:02d}:00:00Z,{40000 + 10 * hour},{40100 + 10 * hour},{39900 + 10 * hour},{40010 + 10 * hour}" for hour in range(24)
]
ANSWER = {
    *("steps", "orders", "fills", "value_start_usd", "value_end_usd", "value_min_usd", "unhedged_value_end_usd", "hedge_error_max_bps"),
    *("funding_coin", "funding_usd", "fees_coin", "fees_usd", "turnover_usd", "liquidated", "seconds"),
}  # fmt: skip


def prices(desk: Desk, rows: list[str], name: str = "btc.csv") -> str:
    (desk.folder / name).write_text(HEADER + "\n".join(rows) + "\n")
    return name


def test_replay_answers_with_its_fields_and_names_the_limits_it_widened(desk: Desk):
    (desk.folder / "funding.csv").write_text("timestamp,rate\n2024-01-01T08:00:00Z,0.0001\n2024-01-01T16:00:00Z,-0.0002\n")
    answer = desk.hb(
        *("replay", "--prices", prices(desk, CALM), "--funding", "funding.csv", "--bag", "BTC=20", "--collateral", "BTC=30", "--json")
    )
    assert answer.code == 0, answer
    said = answer.json
    assert set(said) == ANSWER
    assert (said["steps"], said["value_start_usd"], said["liquidated"]) == (24, "2000000", False)
    assert abs(float(said["value_end_usd"]) - 2_000_000 - float(said["funding_usd"]) + float(said["fees_usd"])) < 10_000
    assert "max_order_usd 20,000,000" in answer.err
    assert sorted(path.name for path in desk.folder.iterdir()) == ["btc.csv", "funding.csv"]


def test_a_window_and_funding_that_do_not_meet_the_prices_are_noted_and_replayed(desk: Desk):
    (desk.folder / "funding.csv").write_text("timestamp,rate\n2024-01-01T08:00:00Z,0.0001\n")
    words = ("replay", "--prices", prices(desk, CALM), "--funding", "funding.csv", "--bag", "2", "--collateral", "3", "--json")
    answer = desk.good(*words, "--to", "2024-01-11")
    assert "note: the window ends 2024-01-11 00:00, prices end 2024-01-02 00:00: the 9 days after are left out\n" in answer.err
    assert "note: funding of BTC ends 2024-01-01 08:00, its prices end 2024-01-02 00:00: none is counted after\n" in answer.err


def test_funding_is_said_to_be_received_or_paid_and_without_rates_not_to_be_counted(desk: Desk):
    words = ("replay", "--prices", prices(desk, CALM), "--bag", "2", "--collateral", "3")

    def told(*more: str) -> list[str]:
        return [" ".join(line.split()) for line in desk.good(*words, *more).out.splitlines() if line.startswith("funding")]

    assert told() == ["funding not counted: no rates were given (--funding FILE)"]
    for rate, way in (("0.0001", "received"), ("-0.0001", "paid")):
        (desk.folder / "funding.csv").write_text(f"timestamp,rate\n2024-01-01T08:00:00Z,{rate}\n2024-01-01T16:00:00Z,{rate}\n")
        (line,) = told("--funding", "funding.csv")
        assert line.startswith(f"funding {way} 40.")  # 0.01 % of 200,000 USD, twice


def test_a_ratio_of_zero_places_nothing_and_a_word_midway_brings_the_hedge_to_flat(desk: Desk):
    file = prices(desk, CALM)
    bag = ("--prices", file, "--bag", "2", "--collateral", "3", "--json")
    none = desk.good("replay", *bag, "--ratio", "0").json
    assert (none["orders"], none["value_end_usd"]) == (0, none["unhedged_value_end_usd"])
    flat = desk.good("replay", *bag, "--ratio", "BTC=1.0", "--target-at", "BTC=0@2024-01-01T12:00Z").json
    assert flat["fills"] >= 2
    assert float(flat["turnover_usd"]) == pytest.approx(400_000, rel=0.02)  # opened, and closed again


def test_a_word_from_before_the_prices_stands_from_the_first_one_on_and_is_noted_and_one_in_the_last_second_counts(desk: Desk):
    words = ("replay", "--prices", prices(desk, CALM), "--bag", "2", "--collateral", "3", "--json")
    before, half = desk.good(*words, "--target-at", "BTC=0.5@2023-06-01"), desk.good(*words, "--ratio", "0.5")
    assert "note: the target of BTC is set 2023-06-01 00:00, its prices begin 2024-01-01 00:00: it stands from then on\n" in before.err
    assert (before.json["turnover_usd"], before.json["value_end_usd"]) == (half.json["turnover_usd"], half.json["value_end_usd"])
    last = desk.good(*words, "--target-at", "BTC=0.5@2024-01-01T23:59:59")
    assert "the target of BTC" not in last.err
    assert float(last.json["turnover_usd"]) > 1.4 * float(desk.good(*words).json["turnover_usd"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([*CALM[:3], CALM[1]], "line 5: is older"),
        ([*CALM[:3], CALM[2]], "line 5: the same time twice"),
        ([*CALM[:3], *CALM[5:]], "line 5: bars are missing before it: 2"),
        ([*CALM[:2], CALM[2].replace("40020", "nan")], "line 4: 'nan' is not a finite number"),
        ([*CALM[:2], CALM[2].replace("40020", "0")], "line 4: a price of 0"),
        ([*CALM[:2], "2024-01-01T02:00:00Z,1"], "line 4: 2 cells"),
        ([*CALM[:2], "soon,1,1,1,1"], "line 4: 'soon' is not a time"),
    ],
)
def test_a_price_file_that_cannot_be_trusted_is_refused_by_file_and_line(desk: Desk, rows: list[str], words: str):
    answer = desk.hb("replay", "--prices", f"BTC={prices(desk, rows)}", "--bag", "2", "--collateral", "3")
    assert answer.code == 4
    assert f"btc.csv, {words}" in answer.err


def test_a_file_that_cannot_be_read_is_refused_by_name(desk: Desk):
    answer = desk.hb("replay", "--prices", "missing.csv", "--collateral", "3")
    assert answer.code == 4
    assert "missing.csv" in answer.err


def test_gaps_are_held_through_on_request(desk: Desk):
    args = ("--prices", prices(desk, [*CALM[:3], *CALM[5:]]), "--bag", "2", "--collateral", "3", "--allow-gaps")
    assert desk.good("replay", *args, "--json").json["steps"] == 22


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--prices", "btc=x.csv"), "is not the name of an asset"),
        (("--prices", "BTC=btc.csv", "--prices", "btc.csv"), "given twice for BTC"),
        (("--prices", "btc.csv", "--funding", "ETH=f.csv", "--collateral", "3"), "--prices ETH=FILE"),
        (("--prices", "btc.csv", "--bag", "2"), "--collateral BTC=COINS"),
        (("--prices", "btc.csv", "--collateral", "3", "--bag", "two"), "is not a number"),
        (("--prices", "btc.csv", "--collateral", "3", "--target-at", "BTC=0"), "ASSET=RATIO@TIME"),
        (("--prices", "btc.csv", "--collateral", "3", "--target-at", "BTC=0@"), "ASSET=RATIO@TIME"),
        (
            ("--prices", "btc.csv", "--collateral", "3", "--target-at", "BTC=0@2024-01-02"),
            "prices of BTC end 2024-01-02 00:00, and nothing",
        ),
        (
            ("--prices", "btc.csv", "--collateral", "3", "--to", "2024-01-01T08:00", "--target-at", "BTC=0@2024-01-01T09:00"),
            "--target-at BTC=0@2024-01-01T09:00: prices of BTC end 2024-01-01 08:00",
        ),
        (("--prices", "btc.csv", "--collateral", "3", "--from", "spring"), "--from spring"),
        (("--prices", "", "--collateral", "3"), "--prices '': is empty"),
        (("--prices", "btc.csv", "--collateral", "0", "--bag", "0"), "--bag, --collateral: both are nothing, so there is nothing to hedge"),
    ],
)
def test_what_was_mistyped_is_a_usage_mistake_that_names_the_option(desk: Desk, args: tuple[str, ...], words: str):
    prices(desk, CALM)
    answer = desk.hb("replay", *args)
    assert (answer.code, words in answer.err) == (2, True), answer


def test_a_configuration_sets_the_limits_of_a_replay(desk: Desk):
    desk.write("version: 1\nbag: {BTC: {coins: 1}}\nhedges: {BTC: {ratio: 0.5}}\nrisk: {max_position_usd: 10000}\n")
    said = desk.good("replay", "-c", "hedge.yaml", "--prices", prices(desk, CALM), "--json").json
    assert 0 < float(said["turnover_usd"]) <= 10_000


def test_of_several_accounts_one_is_replayed_by_its_name_whatever_the_others_hedge(desk: Desk):
    other = "eth: {bag: {ETH: {coins: 1}}, hedges: {ETH: {}}, paper: {price: {ETH: 3000}, collateral: {ETH: 1}}}"
    desk.write("version: 1\naccounts:\n  btc: {bag: {BTC: {coins: 1}}, hedges: {BTC: {ratio: 0.5}}}\n  " + other + "\n")
    words = ("replay", "-c", "hedge.yaml", "--prices", prices(desk, CALM))
    assert "say which one by --account NAME" in desk.hb(*words).err
    said = desk.good(*words, "--account", "btc", "--bag", "2", "--collateral", "1", "--json").json
    alone = desk.good("replay", "--prices", prices(desk, CALM), "--bag", "2", "--ratio", "0.5", "--collateral", "1", "--json").json
    assert said["turnover_usd"] == alone["turnover_usd"]


def test_the_demo_hedges_through_a_crash_and_every_next_step_that_it_prints_works(desk: Desk):
    said = desk.good("demo", "--json").json
    assert float(said["unhedged_value_min_usd"]) < 200_000 < 290_000 < float(said["value_min_usd"])
    assert float(said["hedge_error_max_bps"]) < 50
    assert said["audit_verify"]["verdict"] == "good"
    assert (desk.folder / said["audit_database"]).is_file()
    assert said["seconds"] < 60
    for command in said["try_next"]:
        script, *args = shlex.split(command)
        assert script == Path(SCRIPT).name
        answer = desk.script(*args, *(("--set", "cycle_seconds=0.2", "--set", "api.port=0") if args[0] == "run" else ()))
        assert answer.code == 0, (command, answer)


def test_the_demo_is_remade_each_time_but_never_over_somebody_elses_folder(desk: Desk):
    folder = desk.folder / "hedgebot-demo"
    folder.mkdir()
    (folder / "diary.txt").write_text("mine")
    answer = desk.hb("demo")
    assert answer.code == 4
    assert (folder / "diary.txt").read_text() == "mine"
    (folder / "diary.txt").unlink()
    table = desk.good("demo").out
    assert "unhedged" in table
    assert "Try next:" in table
    desk.good("demo")


@pytest.mark.parametrize(("bag", "noted"), [("0.0024", True), ("0.0026", False)])  # at 40,000 USD, beside 0
def test_a_replayed_hedge_that_is_too_small_to_be_traded_is_noted(desk: Desk, bag: str, noted: bool):
    answer = desk.good("replay", "--prices", prices(desk, CALM), "--bag", "0", "--collateral", bag, "--json")
    said = "note: hedging BTC takes 96.00 USD at the first price, and band.min_order_usd is 100: so little counts as none\n"
    assert (said in answer.err, answer.json["orders"] == 0) == (noted, noted)
