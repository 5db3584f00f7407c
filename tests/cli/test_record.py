"""Does the record answer at the terminal? Tail, show, explain, verify, export, and the exit codes of verify."""

import csv
import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.desk import Desk


def copy_of(aligned: Desk, folder: Path) -> Desk:
    desk = Desk(folder, aligned.forks)
    for name in ("hedge.yaml", "hedgebot.db"):
        shutil.copy(aligned.folder / name, folder / name)
    return desk


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


def test_status_carries_the_fields_that_scripts_rely_on(aligned: Desk):
    status = aligned.json("status")
    assert set(status) == {
        *("mode", "armed", "state", "venue", "environment", "account", "as_of", "legs", "missing", "overrides"),
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
