"""`hedgebot sweep`: every combination of a grid, each once, ranked; whatever happens, what was finished is kept."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest

from bot import cli_replay, cli_sweep, settings_text
from bot.cli_exit import Wrong
from bot.cli_grid import grid_of
from bot.cli_replay import fitted, from_flags, history_of
from bot.cli_sweep import Asked, figure, jobs_of, shown, swept
from bot.jumping.columns import Columns
from bot.settings_docs import example_yaml
from bot.sweep.attempt import Answer
from bot.sweep.finished import Journal
from bot.sweep.heat import Heat, heat_map
from bot.wiring.past import recorded
from tests.cli.desk import SCRIPT, Desk
from tests.sweep.desk import GRID, grid

pq = pytest.importorskip("pyarrow.parquet")
ONE = ("--cores", "1", "--json")


def journal(desk: Desk, name: str = "grid.journal") -> list[dict[str, object]]:
    return [json.loads(line) for line in (desk.folder / name).read_text("utf-8").splitlines()]


def test_every_combination_is_replayed_ranked_and_kept_in_parquet(desk: Desk) -> None:
    said = desk.good("sweep", grid(desk.folder), "--json", "--cores", "2").json
    assert (said["runs"], said["finished_before"], said["failed"], said["ranked_by"]) == (4, 0, [], "worst_ratio")
    rows = said["results"]
    assert {(row["hedges.BTC.ratio"], row["band"]) for row in rows} == {
        (ratio, band) for ratio in ("0.5", "1.0") for band in ("low=0.98 high=1.02", "low=0.995 high=1.005")
    }
    assert [row["worst_ratio"] for row in rows] == sorted((row["worst_ratio"] for row in rows), reverse=True)
    assert rows[0]["hedges.BTC.ratio"] == "1.0"
    table = pq.read_table(desk.folder / "grid.parquet").to_pylist()
    assert sorted(row["value_end_usd"] for row in table) == sorted(row["value_end_usd"] for row in rows)
    assert {row["hedges.BTC.ratio"] for row in table} == {0.5, 1.0}
    ours = next(row for row in rows if row["hedges.BTC.ratio"] == "0.5" and row["band"].startswith("low=0.98 "))
    words = ("--prices", "prices/btc.csv", "--bag", "2", "--collateral", "3", "--ratio", "0.5")
    alone = desk.good("replay", *words, "--set", "band.low=0.98", "--set", "band.high=1.02", "--json").json
    assert (ours["value_end_usd"], ours["orders"]) == (float(alone["value_end_usd"]), alone["orders"])


def test_a_period_that_prices_and_funding_do_not_cover_is_noted_once_and_a_gap_of_funding_refuses_its_period(
    desk: Desk,
) -> None:
    funding = desk.folder / "funding.csv"
    whole = "timestamp,rate\n" + "".join(f"{1_704_067_200 + 8 * 3600 * place},0.0001\n" for place in range(7))
    funding.write_text(whole)
    periods = "funding: funding.csv\nperiods: {first: {from: 2024-01-01, to: 2024-01-02}, beyond: {from: 2024-01-02, to: 2024-02-01}}\n"
    said = desk.good("sweep", grid(desk.folder, GRID + periods), *ONE)
    notes = [line for line in said.err.splitlines() if "period" in line]
    assert notes == ["note: period beyond: the window ends 2024-02-01 00:00, prices end 2024-01-03 00:00: the 29 days after are left out"]
    funding.write_text("".join(line + "\n" for place, line in enumerate(whole.splitlines()) if place != 5))
    refused = desk.hb("sweep", "grid.yaml", *ONE)
    assert refused.code == 4
    assert "funding.csv, line 6: settlements are missing before it: 1" in refused.err
    assert (
        desk.good("sweep", grid(desk.folder, GRID + periods.replace(", beyond: {from: 2024-01-02, to: 2024-02-01}", "")), *ONE).json["runs"]
        == 4
    )


def test_a_finished_sweep_is_ranked_anew_without_running_and_a_grid_that_grew_runs_only_what_is_new(desk: Desk) -> None:
    desk.good("sweep", grid(desk.folder), *ONE)
    lines = journal(desk)
    again = desk.good("sweep", "grid.yaml", *ONE, "--by", "fees_usd").json
    assert (again["finished_before"], again["results"][0]["hedges.BTC.ratio"]) == (4, "0.5")
    assert journal(desk) == lines
    grown = desk.good("sweep", grid(desk.folder, GRID.replace("[0.5, 1.0]", "[0.5, 0.75]")), *ONE)
    assert (grown.json["finished_before"], len(grown.json["results"])) == (2, 4)
    assert "also keeps 2 results of another grid, other prices or another version" in grown.err
    assert len(journal(desk)) == 6
    assert {row["hedges.BTC.ratio"] for row in pq.read_table(desk.folder / "grid.parquet").to_pylist()} == {0.5, 0.75}


def test_other_prices_make_every_run_anew(desk: Desk) -> None:
    desk.good("sweep", grid(desk.folder), *ONE)
    again = desk.good("sweep", grid(desk.folder, bars=40), *ONE)
    assert again.json["finished_before"] == 0
    assert again.json["results"][0]["steps"] == 40


def test_prices_become_arrays_once_for_all_runs_of_a_period(tmp_path: Path, monkeypatch) -> None:
    made, of = [], Columns.of
    monkeypatch.setattr(Columns, "of", lambda bars: made.append(len(bars)) or of(bars))
    name = grid(tmp_path, GRID + "periods:\n  first: {to: 2024-01-02}\n  second: {from: 2024-01-02}\n")
    said = swept(Asked(tmp_path / name, tmp_path / "out.parquet", None, 3, None, None, None, 1, None))
    assert (said["runs"], sorted(made)) == (8, [24, 24])


def test_killed_midway_it_keeps_what_was_finished_and_runs_only_the_rest(desk: Desk) -> None:
    many = GRID.replace("[0.5, 1.0]", "{from: 0.01, to: 1, step: 0.01}")
    name = grid(desk.folder, many, bars=24)
    log = desk.folder / "grid.journal"
    command = [SCRIPT, "sweep", name, "--cores", "2"]
    with subprocess.Popen(command, cwd=desk.folder, env=desk.environment(), stderr=subprocess.DEVNULL, start_new_session=True) as child:
        while child.poll() is None and (not log.exists() or log.read_bytes().count(b"\n") < 3):
            time.sleep(0.02)
        workers = psutil.Process(child.pid).children(recursive=True)
        child.kill()
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    kept = log.read_bytes()
    kept = kept[: kept.rfind(b"\n") + 1]
    finished = kept.count(b"\n")
    assert 3 <= finished < 200
    said = desk.good("sweep", name, "--json").json
    assert (said["runs"], said["finished_before"], len(said["results"])) == (200, finished, 200)
    assert log.read_bytes().startswith(kept)
    assert len({line["run"] for line in journal(desk)}) == len(journal(desk)) == 200


@pytest.mark.parametrize("cores", ["1", "2"])
def test_ctrl_c_ends_a_sweep_at_once_with_what_was_finished_and_tells_how_it_goes_on(desk: Desk, cores: str) -> None:
    """Every second run is over at once; the others last far longer than the end may take."""
    text = GRID.replace("collateral: 3", "collateral: 3\nbasis: value\nperiods: {short: {to: 2024-01-02}, long: {from: 2024-01-02}}")
    name = grid(desk.folder, text, bars=30_000)
    log = desk.folder / "grid.journal"
    command = [SCRIPT, "sweep", name, "--cores", cores]
    with subprocess.Popen(
        command, cwd=desk.folder, env=desk.environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        while child.poll() is None and not (log.exists() and log.read_bytes()):
            time.sleep(0.02)
        workers = psutil.Process(child.pid).children(recursive=True)
        began = time.monotonic()
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does
        os.killpg(child.pid, signal.SIGINT)
        assert child.stderr is not None
        said = child.stderr.read()
        assert child.wait() == 130
    assert time.monotonic() - began < 5
    assert psutil.wait_procs(workers, timeout=5)[1] == []
    lines = [line for line in said.splitlines() if not line.startswith("note: ")]
    assert lines == [f"interrupted: {len(journal(desk))} of 8 runs are kept in grid.journal; the same command goes on from there"]


def test_a_full_disk_stops_it_with_what_is_finished_and_it_goes_on_when_there_is_room(desk: Desk) -> None:
    stopped = desk.hb("sweep", grid(desk.folder), "--cores", "1", largest_file=1000)
    assert stopped.code == 1
    assert "grid.journal: cannot be written" in stopped.err
    assert "make room and start the same command again" in stopped.err
    finished = len(journal(desk))
    assert 0 < finished < 4
    assert f"{finished} finished results are kept there" in stopped.err
    assert desk.good("sweep", "grid.yaml", *ONE).json["finished_before"] == finished


def test_ctrl_c_that_another_thread_hears_waits_until_a_result_is_kept_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = Journal.add

    def add(journal: Journal, came: Mapping[str, Answer]) -> None:
        other = threading.Thread(target=lambda: signal.pthread_kill(threading.get_ident(), signal.SIGINT))
        other.start()
        other.join()
        keep(journal, came)

    monkeypatch.setattr(Journal, "add", add)
    file = tmp_path / grid(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        swept(Asked(file, tmp_path / "out.parquet", None, 20, None, None, None, 1, None))
    assert "interrupted: 1 of 4 runs are kept in " in capsys.readouterr().err
    assert len((tmp_path / "out.journal").read_text().splitlines()) == 1


def test_ctrl_c_before_a_run_was_finished_names_no_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def add(journal: Journal, came: Mapping[str, Answer]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "add", add)
    with pytest.raises(KeyboardInterrupt):
        swept(Asked(tmp_path / grid(tmp_path), tmp_path / "out.parquet", None, 20, None, None, None, 1, None))
    assert "interrupted: no run was finished, and nothing is kept" in capsys.readouterr().err
    assert not (tmp_path / "out.journal").exists()


def test_a_heat_map_that_cannot_be_written_in_the_end_does_not_cost_the_answer(tmp_path: Path) -> None:
    told = []
    maps = tmp_path / "maps"
    maps.mkdir()

    def tell(said: dict[str, object]) -> None:
        told.append(said)
        maps.rmdir()

    asked = Asked(tmp_path / grid(tmp_path), tmp_path / "out.parquet", None, 3, maps / "map.svg", None, None, 1, None)
    with pytest.raises(Wrong, match=r"--heat .*map.svg: cannot be written \(No such file") as refused:
        swept(asked, tell)
    assert refused.value.code == 1
    assert len(told[0]["results"]) == 4


def test_results_that_were_cut_off_are_written_anew_and_a_file_that_is_not_ours_is_left_alone(desk: Desk) -> None:
    desk.good("sweep", grid(desk.folder), *ONE)
    file = desk.folder / "grid.parquet"
    file.write_bytes(file.read_bytes()[:200])
    again = desk.good("sweep", "grid.yaml", *ONE)
    assert "grid.parquet was not a whole Parquet file: it is written anew from grid.journal" in again.err
    assert len(pq.read_table(file).to_pylist()) == 4
    whole = file.read_bytes()
    (desk.folder / "grid.journal").unlink()
    refused = desk.hb("sweep", "grid.yaml")
    assert refused.code == 1
    assert "name another place with --to, or move it away" in refused.err
    assert file.read_bytes() == whole


def test_periods_are_cut_from_the_same_file_and_compared_with_ratios(desk: Desk) -> None:
    text = GRID + "periods:\n  first: {to: 2024-01-02}\n  second: {from: 2024-01-02}\n"
    answer = desk.good("sweep", grid(desk.folder, text), *ONE)
    rows = answer.json["results"]
    assert len(rows) == 8
    assert re.search(r"note: risk.max_position_usd [\d,]+ to [\d,]+, execution.max_order_usd [\d,]+ to ", answer.err)
    assert {row["period"]: row["steps"] for row in rows} == {"first": 24, "second": 24}
    part = next(row for row in rows if row["period"] == "second" and row["hedges.BTC.ratio"] == "1.0" and "0.98" in row["band"])
    words = ("--prices", "prices/btc.csv", "--bag", "2", "--collateral", "3", "--from", "2024-01-02")
    alone = desk.good("replay", *words, "--set", "band.low=0.98", "--set", "band.high=1.02", "--json").json
    assert part["value_end_usd"] == float(alone["value_end_usd"])


def test_a_grid_is_about_the_account_that_it_names(desk: Desk) -> None:
    paper = "paper: {price: {BTC: 60000}, collateral: {BTC: 3}}"
    desk.write(
        f"version: 1\n{paper}\nhedges: {{BTC: {{}}}}\naccounts:\n  a: {{bag: {{BTC: {{coins: 1}}}}}}\n  b: {{bag: {{BTC: {{coins: 5}}}}}}\n"
    )
    text = "prices: prices/btc.csv\nconfig: hedge.yaml\naccount: b\nvary: {hedges.BTC.ratio: [0, 0.5]}\n"
    rows = desk.good("sweep", grid(desk.folder, text), *ONE).json["results"]
    assert {row["value_start_usd"] for row in rows} == {8 * 60_000}
    unnamed = desk.hb("sweep", grid(desk.folder, text.replace("account: b\n", ""), name="other.yaml"), *ONE)
    assert (unnamed.code, "names 2 accounts (a, b): say which one by `account` NAME" in unnamed.err) == (4, True)


def test_policies_and_ranges_are_varied_and_a_heat_map_shows_two_keys(desk: Desk) -> None:
    text = """
prices: {BTC: prices/btc.csv}
bag: {BTC: 2}
collateral: {BTC: 3}
vary:
  policy: [none, "ramp:days=1"]
  ratio: {from: 0.5, to: 1.0, step: 0.25}
"""
    said = desk.good("sweep", grid(desk.folder, text), *ONE, "--heat", "map.svg").json
    assert {(row["policy"], row["ratio"]) for row in said["results"]} == {
        (policy, ratio) for policy in ("none", "ramp:days=1") for ratio in ("0.5", "0.75", "1")
    }
    picture = (desk.folder / "map.svg").read_text("utf-8")
    assert picture.count("<title>") == 6
    assert "worst_ratio" in picture
    assert "ramp:days=1" in picture
    pytest.importorskip("vl_convert")
    desk.good("sweep", "grid.yaml", *ONE, "--heat", "map.png", "--x", "policy", "--y", "ratio")
    assert (desk.folder / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("higher", "best"), [(True, "high"), (False, "low")])
def test_the_brightest_field_of_a_heat_map_is_the_best(higher: bool, best: str) -> None:
    cells = {("low", "a"): -0.00096, ("high", "a"): 0.02}
    tree = ElementTree.fromstring(heat_map(Heat("x", ("x", ["low", "high"]), ("y", ["a"]), cells, partial(figure, "cost_ratio"), higher)))
    fields = {one[0].text: one.get("fill") for one in tree.iter("{http://www.w3.org/2000/svg}rect") if len(one)}
    assert fields == {"-0.0960%": "#fde725" if best == "low" else "#440154", "+2.0000%": "#fde725" if best == "high" else "#440154"}
    words = [one.text for one in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert ("worst -0.0960%, best +2.0000%" if higher else "worst +2.0000%, best -0.0960%") in words
    assert "+2.0000%" in words


def test_the_heat_map_in_the_docs_looks_as_the_command_draws_one_now() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sweeps.svg").read_text("utf-8")
    titles = re.findall(r"<title>(.*?)</title>", text)
    values = [float(one.rstrip("%")) / 100 for one in titles]
    keys = ("ratio", [str(at) for at in range(6)]), ("policy", [str(at) for at in range(3)])
    cells = {(x, y): values[int(y) * 6 + int(x)] for x in keys[0][1] for y in keys[1][1]}
    now = heat_map(Heat("x", *keys, cells, partial(figure, "worst_ratio"), higher=True))
    assert re.findall(r"<title>(.*?)</title>", now) == titles
    assert re.findall(r"worst .*?, best .*?<", now) == re.findall(r"worst .*?, best .*?<", text)


def test_a_heat_map_says_its_figures_as_the_table_does(desk: Desk) -> None:
    said = desk.good("sweep", grid(desk.folder), *ONE, "--by", "cost_ratio", "--heat", "map.svg").json
    picture = (desk.folder / "map.svg").read_text("utf-8")
    costs = [row["cost_ratio"] for row in said["results"]]
    assert all(f"<title>{cost:+.4%}</title>" in picture for cost in costs)
    assert f"best {min(costs):+.4%}<" in picture


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("vary:", "varied:"), 4, "grid.yaml:4: varied is no key of a grid"),
        (
            ("hedges.BTC.ratio:", "hedges.BTC.ratios:"),
            4,
            "grid.yaml:5: vary.hedges.BTC.ratios is not a key of the configuration; did you mean",
        ),
        (("{low: 0.98,", "{lowest: 0.98,"), 4, "grid.yaml:6: vary.band.lowest is not a key"),
        (("[0.5, 1.0]", "[0.5, 1.5]"), 4, "(combination hedges.BTC.ratio=1.5, band=low=0.98 high=1.02)"),
        (("[0.5, 1.0]", "[0.5, 9]"), 4, "error: grid.yaml:5: hedges.BTC.ratio is 9"),
        (("{low: 0.98,", "{low: 7,"), 4, "error: grid.yaml:6: band.low"),
        (("bag: 2", "bag: -2"), 4, "error: grid.yaml:2: bag.BTC.coins"),
        (("bag: 2", "bag: two"), 4, "`bag` BTC=two: 'two' is not a number"),
        (("[0.5, 1.0]", "[0.5, much]"), 4, "combination hedges.BTC.ratio=much, "),
        (("[0.5, 1.0]", "[0.5, 0.5]"), 4, "grid.yaml:5: vary.hedges.BTC.ratio has 0.5 twice"),
        (("[0.5, 1.0]", "0.5"), 4, "is not a list of values; write `[0.5, 1.0]`"),
        (("[0.5, 1.0]", "{from: 1, to: 0, step: 0.1}"), 4, "is not a range"),
        (("prices/btc.csv", "prices/eth.csv"), 4, "prices/eth.csv: cannot be read"),
        (("collateral: 3", "collateral: 3\nbag: 4"), 4, "grid.yaml:4: bag is given twice"),
        (("collateral: 3", "collateral: ["), 4, "is not YAML"),
        (("collateral: 3", "collateral: 3\nrank_by: luck"), 4, "grid.yaml:4: rank_by luck is no such figure"),
        (
            ("collateral: 3", "collateral: 3\nperiods: {late: {from: 2030-01-01}}"),
            4,
            "grid.yaml:4: periods.late: prices/btc.csv: holds no bar",
        ),
        (("collateral: 3", "collateral: 3\nperiods: {late: {from: 2030-01-01}}"), 4, "2024-01-02 23:00 UTC); widen `from` and `to`"),
        (("collateral: 3", "collateral: 3\nperiods: {late: soon}"), 4, "grid.yaml:4: periods.late is not a period"),
    ],
)
def test_what_is_wrong_with_a_grid_is_named_before_anything_runs(desk: Desk, change: tuple[str, str], code: int, words: str) -> None:
    answer = desk.hb("sweep", grid(desk.folder, GRID.replace(*change)), "--cores", "1")
    assert (answer.code, words in answer.err) == (code, True), answer
    assert not (desk.folder / "grid.journal").exists()
    assert not (desk.folder / "grid.parquet").exists()


def test_coins_of_several_currencies_are_no_rank_and_their_sums_are_left_empty(desk: Desk) -> None:
    two = "prices: {BTC: prices/btc.csv, ETH: prices/btc.csv}\nbag: {BTC: 2, ETH: 1}\ncollateral: {BTC: 3, ETH: 2}\n"
    grid(desk.folder, two + "vary: {hedges.BTC.ratio: [0.5, 1.0]}\n", name="two.yaml")
    refused = desk.hb("sweep", "two.yaml", *ONE, "--by", "fees_coin")
    assert (refused.code, refused.err.splitlines()[-1]) == (
        2,
        "error: fees_coin would compare coins of BTC, ETH: rank by fees_usd; nothing was run",
    )
    rows = desk.good("sweep", "two.yaml", *ONE).json["results"]
    assert [(row["fees_coin"], row["fees_usd"] > 0) for row in rows] == [(None, True)] * 2
    assert [row["fees_coin"] for row in pq.read_table(desk.folder / "two.parquet").to_pylist()] == [None, None]


def test_a_gap_is_refused_by_line_only_where_a_period_holds_it(desk: Desk) -> None:
    name = grid(desk.folder)
    prices = Path(desk.folder, "prices", "btc.csv")
    lines = prices.read_text().splitlines(keepends=True)
    prices.write_text("".join(lines[:30] + lines[32:]))
    refused = desk.hb("sweep", name, "--cores", "1")
    assert refused.code == 4
    assert "btc.csv, line 31: bars are missing before it: 2" in refused.err
    desk.good("sweep", grid_over(desk, "{to: 2024-01-02}"), *ONE)


def grid_over(desk: Desk, period: str) -> str:
    (desk.folder / "part.yaml").write_text(GRID + f"periods: {{part: {period}}}\n")
    return "part.yaml"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--by", "luck"), "--by luck: no such figure; rank by one of worst_ratio"),
        (("--to", "results.csv"), "--to results.csv: results are written in Parquet; name a file that ends in .parquet"),
        (("--to", "no/x.parquet"), "--to no/x.parquet: there is no folder no; make it, or name another file"),
        (("--to", "prices"), "--to prices: is a folder; name a file"),
        (("--to", "prices/btc.csv"), "--to prices/btc.csv: would be written over prices/btc.csv; name another file"),
        (("--heat", "map.gif"), "a picture ends in .svg or .png"),
        (("--heat", "no/map.svg"), "--heat no/map.svg: there is no folder no; make it, or name another file"),
        (("--heat", "map.svg", "--to", "map.svg"), "--heat map.svg: would be written over map.svg; name another file"),
        (("--heat", "map.svg", "--x", "policy"), "--x policy: is not varied; there are hedges.BTC.ratio, band"),
    ],
)
def test_words_that_make_no_sense_are_refused(desk: Desk, args: tuple[str, ...], words: str) -> None:
    answer = desk.hb("sweep", grid(desk.folder), "--cores", "1", *args)
    assert answer.code == 2
    assert words in answer.err
    assert not list(desk.folder.rglob("*.journal"))  # before any work
    assert not (desk.folder / "grid.journal").exists()


@pytest.mark.parametrize("written", ["", "set: {risk.max_position_usd: 5e6}\n", "set: {band.min_order_usd: 50}\n"])
def test_a_limit_that_nobody_wrote_down_is_as_if_it_had_been_typed(tmp_path: Path, written: str) -> None:
    one = grid_of(tmp_path / grid(tmp_path, f"{written}{GRID}")).combinations[0].asked
    read = recorded(history_of(one))
    settings, limits = fitted(one, read)
    named = dict(limit.split(" ") for limit in limits.replace(",0", "0").split(", "))
    assert ("risk.max_position_usd" in named) == ("5e6" not in written)
    typed, none = fitted(replace(one, sets=[*one.sets, *(f"{key}={value}" for key, value in named.items())]), read)
    assert none == ""
    assert typed.model_dump_json() == settings.model_dump_json()
    for section in ("risk", "execution", "band"):
        assert getattr(typed, section).model_fields_set == getattr(settings, section).model_fields_set


def test_a_combination_is_judged_once_and_its_configuration_parsed_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hedge.yaml").write_text(example_yaml(), "utf-8")
    judged: list[object] = []
    monkeypatch.setattr(cli_replay, "from_flags", lambda config, flags, account: judged.append(flags) or from_flags(config, flags, account))
    before = settings_text._parsed.cache_info().misses
    jobs = jobs_of(grid_of(tmp_path / grid(tmp_path, f"config: hedge.yaml\n{GRID}")))
    assert (len(jobs), len(judged), settings_text._parsed.cache_info().misses - before) == (4, 4, 1)
    assert len({job.key for job in jobs}) == 4


def test_a_bag_beyond_all_money_is_refused(desk: Desk) -> None:
    refused = desk.hb("sweep", grid(desk.folder, GRID.replace("bag: 2", "bag: 1e11")))
    assert (refused.code, "`bag`, `collateral`: 6000000000180000 USD at the first prices" in refused.err) == (4, True), refused


def test_a_word_after_a_period_is_refused_and_one_from_before_it_stands(desk: Desk) -> None:
    early, late = "early: {to: 2024-01-02}", "late: {from: 2024-01-02}"
    text = f"{GRID}target_at: BTC=0@2024-01-02\nperiods: {{{early}, {late}}}\n"
    refused = desk.hb("sweep", grid(desk.folder, text))
    assert (refused.code, "period=early: `target_at` BTC=0@2024-01-02: prices of BTC end 2024-01-02 00:00" in refused.err) == (4, True)
    stands = desk.good("sweep", grid(desk.folder, text.replace("BTC=0@2024-01-02", "BTC=0@2024-01-01T12:00")), *ONE)
    noted = "note: period late: the target of BTC is set 2024-01-01 12:00, its prices begin 2024-01-02 00:00: it stands from then on"
    assert stands.err.count(noted) == 1
    assert {row["fills"] for row in stands.json["results"] if row["period"] == "late"} == {0}


def test_a_sweep_whose_runs_all_failed_leaves_nothing_in_the_way_of_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(tmp_path / grid(tmp_path), tmp_path / "out.parquet", None, 20, None, None, None, 1, None)
    with monkeypatch.context() as broken:
        broken.setattr(cli_sweep, "run", lambda job, files: Decimal(1) / 0)
        said = swept(asked)
    assert (len(said["failed"]), said["file"]) == (4, None)
    assert "0 of 4 runs finished" in (text := str(shown(said, 20)[0]))
    assert "no file was written" in text
    assert not list(tmp_path.glob("out.*"))
    assert swept(asked)["failed"] == []
