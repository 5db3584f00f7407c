"""Does the record answer at the terminal? Tail, show, explain, verify, export, and the exit codes of verify."""

import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.desk import Desk


def copy_of(aligned: Desk, folder: Path) -> Desk:
    desk = Desk(folder, aligned.forks)
    for name in ("hedge.yaml", "hedgebot.db"):
        shutil.copy(aligned.folder / name, folder / name)
    return desk


@pytest.mark.parametrize(
    ("was", "now", "why"),
    [
        ("hedges: {BTC: ", "hedges: {ETH: ", "hedges.BTC is gone from the configuration, but BTC/USD:BTC holds -"),
        ("{ratio: 1.0}", "{instrument: BTC/USDT:USDT}", "hedges.BTC.instrument is BTC/USDT:USDT now, but the hedge of BTC is open in"),
    ],
)
def test_an_open_hedge_that_left_the_configuration_is_told_by_status_and_refuses_the_next_run(aligned: Desk, tmp_path, was, now, why):
    desk = copy_of(aligned, tmp_path)
    beside = {"bag: {": "bag: {ETH: {coins: 1}, ", "price: {": "price: {ETH: 3000, ", "collateral: {": "collateral: {ETH: 1, USDT: 100, "}
    text = (desk.folder / "hedge.yaml").read_text()
    for old, new in {**beside, was: now}.items():
        assert old in text
        text = text.replace(old, new)
    desk.write(text)
    assert f"note: the next `hedgebot run` refuses: {why}" in desk.hb("status").err
    refused = desk.hb("run", "--once")
    assert refused.code == 4
    assert why in refused.err
    assert "target clear" not in refused.err


def test_whoever_is_told_to_write_a_ratio_of_zero_is_told_of_the_word_that_goes_before_it(aligned: Desk, tmp_path):
    desk = copy_of(aligned, tmp_path)
    desk.good("target", "set", "BTC", "0.9")
    text = (desk.folder / "hedge.yaml").read_text()
    desk.write(text.replace("{ratio: 1.0}", "{instrument: BTC/USDT:USDT}").replace("collateral: {", "collateral: {USDT: 100, "))
    refused = desk.hb("run", "--once")
    assert refused.code == 4
    assert "take your own word back, which goes before it: `hedgebot target clear BTC`" in refused.err
    desk.good("target", "clear", "BTC")
    assert "target clear" not in desk.hb("run", "--once").err


def test_an_order_is_explained_from_its_id(aligned: Desk):
    order = aligned.json("orders")["orders"][0]
    story = aligned.good("audit", "explain", order["client_id"]).out
    assert order["client_id"] in story
    assert "Why: under-hedged" in story
    assert f"Decision {order['decision_seq']}" in story
    unknown = aligned.hb("audit", "explain", "hbnobody")
    assert unknown.code == 2
    assert "hedgebot orders" in unknown.err


def test_tail_and_show_agree(aligned: Desk):
    last = aligned.json("audit", "tail", "-n", "2")["entries"][-1]
    assert last["kind"] == "RunEnded"
    shown = aligned.json("audit", "show", str(last["seq"]))
    assert shown["hash"] == last["hash"]
    assert shown["event"]["verified"] is True
    assert aligned.hb("audit", "show", str(last["seq"] + 1)).code == 2


def test_every_entry_is_exported_in_both_forms(aligned: Desk):
    lines = aligned.good("audit", "export").out.splitlines()
    rows = list(csv.DictReader(io.StringIO(aligned.good("audit", "export", "--format", "csv").out)))
    assert [json.loads(line)["seq"] for line in lines] == [int(row["seq"]) for row in rows] == list(range(1, len(lines) + 1))
    assert aligned.hb("audit", "export", "--format", "xml").code == 2


def test_verify_tells_good_broken_and_cannot_tell_apart(aligned: Desk, tmp_path: Path):
    desk = copy_of(aligned, tmp_path)
    head = desk.json("audit", "verify")
    (tmp_path / "heads").write_text(f"{head['head_seq']} {head['head_hash']}\n")
    assert desk.json("audit", "verify", "--heads", "heads")["heads_checked"] == 1
    (tmp_path / "empty").write_text("nothing\n")
    assert desk.hb("audit", "verify", "--heads", "empty").code == 3
    assert desk.hb("audit", "verify", "--heads", "missing").code == 2
    (tmp_path / "later").write_text(f"{head['head_seq'] + 5} {head['head_hash']}\n")  # a deleted tail
    assert desk.hb("audit", "verify", "--heads", "later").code == 1
    with closing(sqlite3.connect(tmp_path / "hedgebot.db")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE entries SET record = replace(record, 'BTC', 'BTX') WHERE seq = 3")
        database.commit()
    broken = desk.hb("audit", "verify")
    assert broken.code == 1
    assert "entry 3" in broken.out


def test_tables_fit_into_eighty_columns(aligned: Desk):
    for args in (("status",), ("plan",), ("orders",), ("fills",), ("target", "list")):
        assert max(map(len, aligned.good(*args).out.splitlines())) <= 80, args


def test_where_no_order_is_open_the_list_of_open_ones_does_not_say_that_there_never_was_one(aligned: Desk):
    assert aligned.good("orders", "--open").out == "no order that is not finished\n"
    assert "FILLED" in aligned.good("orders").out


def test_status_carries_the_fields_that_scripts_rely_on(aligned: Desk):
    status = aligned.json("status")
    assert set(status) == {
        *("mode", "armed", "state", "venue", "environment", "account", "as_of", "legs", "missing", "alerts", "overrides"),
        *("open_orders", "unknown_orders", "value_bag_usd", "value_account_usd", "value_total_usd"),
    }
    assert set(aligned.json("plan")) == set(status) - {
        *("open_orders", "unknown_orders", "value_bag_usd", "value_account_usd", "value_total_usd")
    }


def test_planning_beside_nobody_leaves_the_paper_venue_as_it_is(aligned: Desk):
    before = (aligned.folder / "paper.db").read_bytes()
    aligned.good("plan")
    assert (aligned.folder / "paper.db").read_bytes() == before


def test_watching_without_a_terminal_names_the_way_out(aligned: Desk):
    answer = aligned.hb("status", "--watch")
    assert answer.code == 2
    assert "--json" in answer.err


def test_own_trades_are_compared_with_those_of_the_venue(aligned: Desk, tmp_path: Path):
    said = aligned.json("audit", "verify", "--online")
    assert said["verdict"] == "good"
    assert any("own trades, the same at the venue and on record" in note for note in said["notes"])
    gone = aligned.hb("audit", "verify", "--online", env={"HEDGEBOT__PAPER__URL": f"sqlite:///{tmp_path / 'other.db'}"})
    assert gone.code == 3
    assert "could not be compared" in gone.out


def strip(row: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in names}


def test_old_entries_are_dropped_and_everything_else_goes_on(desk: Desk):
    desk.write()
    with desk.start("--live") as bot:
        bot.until(lambda said: said["legs"][0]["aligned"])
        refused = desk.hb("audit", "prune", "--before", "2999-01-01", "--archive", "old.db")
        assert (refused.code, "already led by" in refused.err) == (3, True)
        assert bot.stop() == 0
    orders, status = desk.json("orders")["orders"], desk.json("status")
    said = desk.json("audit", "prune", "--before", "2999-01-01", "--archive", "old.db")
    assert said["dropped"] == said["upto_seq"] > 10
    verified = desk.json("audit", "verify")
    assert (verified["verdict"], verified["head_seq"]) == ("good", said["checkpoint_seq"])
    inputs = ("arrival_mid", "cost")  # what an order met is told by the decision behind it, which went
    kept = desk.json("orders")["orders"]
    assert [strip(one, inputs) for one in kept] == [strip(one, inputs) for one in orders]
    assert {one[name] for one in kept for name in inputs} == {None}
    assert desk.json("status") == status
    gone = desk.hb("audit", "show", "1")
    assert (gone.code, f"entries go from {said['upto_seq'] + 1} to" in gone.err) == (2, True)
    assert desk.json("audit", "tail", "-n", "1")["entries"][0]["says"].startswith(f"Checkpoint: entries up to {said['upto_seq']} ")
    (desk.folder / "heads").write_text(f"{said['upto_seq']} {said['hash']}\n")
    archive = {"HEDGEBOT__AUDIT__URL": "sqlite:///old.db"}
    assert desk.hb("audit", "verify", "--heads", "heads", env=archive).code == 0
    desk.good("run", "--live", "--until-aligned", "--timeout", "60")
    assert desk.json("audit", "verify")["verdict"] == "good"
    assert desk.hb("audit", "verify", "--online").code == 0
    desk.good("report")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--before", "soon", "--archive", "old.db"), 2, "--before: 'soon' is not a time; write 2026-03-12"),
        (("--before", "2999-01-01", "--archive", "hedge.yaml"), 4, "hedge.yaml exists already and was left as it is"),
        (("--before", "2999-01-01", "--archive", "no/where.db"), 4, "the folder no does not exist"),
    ],
)
def test_a_prune_that_cannot_be_says_why_and_drops_nothing(aligned: Desk, words: tuple[str, ...], code: int, said: str):
    before = aligned.json("audit", "verify")["head_seq"]
    refused = aligned.hb("audit", "prune", *words)
    assert (refused.code, said in refused.err) == (code, True), refused
    assert aligned.json("audit", "verify")["head_seq"] == before
    assert aligned.hb("audit", "prune", "--before", "2000-01-01", "--archive", "old.db").out.startswith("main: nothing to drop")


def test_a_report_that_begins_after_the_last_look_says_so(aligned: Desk):
    assert "the record holds no look at an account after --since 2999-01-01" in aligned.good("report", "--since", "2999-01-01").out
