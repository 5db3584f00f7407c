"""How does a run begin and end? Every exit code, the lease, signals, adoption, ports, disks and databases that are not ours."""

import os
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TextIO

import pytest

from tests.cli.desk import PATIENT, QUICK, SCRIPT, Desk

THREE = (
    QUICK.replace("bag: {BTC: {coins: 2}}", "bag: {BTC: {coins: 2}, ETH: {coins: 10}, SOL: {coins: 100}}")
    .replace("hedges: {BTC: {ratio: 1.0}}", "hedges: {BTC: {ratio: 1.0}, ETH: {ratio: 0.5}, SOL: {ratio: 1.0, basis: value}}")
    .replace("price: {BTC: 60000}", "price: {BTC: 60000, ETH: 3000, SOL: 150}")
    .replace("collateral: {BTC: 3}", "collateral: {BTC: 3, ETH: 20, SOL: 200}")
)


def test_btc_eth_and_sol_are_aligned_together_and_the_record_verifies(desk: Desk):
    desk.write(THREE)
    plan = desk.good("run", "--live", "--until-aligned", "--timeout", "60", "--json").json
    assert {leg["asset"]: leg["aligned"] for leg in plan["legs"]} == {"BTC": True, "ETH": True, "SOL": True}
    assert plan["armed"] is True
    assert plan["missing"] == []
    assert desk.open_at_venue() == 0
    verified = desk.json("audit", "verify")
    assert verified["verdict"] == "good"
    assert verified["decided_again"] > 0
    status = desk.json("status")  # nobody runs any more: from the record
    assert [leg["aligned"] for leg in status["legs"]] == [True, True, True]
    assert (status["open_orders"], status["unknown_orders"]) == (0, 0)
    assert {fill["asset"] for fill in desk.json("fills", "-n", "500")["fills"]} == {"BTC", "ETH", "SOL"}


def test_dry_run_prints_the_plan_sends_nothing_and_says_that_drift_is_left(desk: Desk):
    desk.write(QUICK.replace("mode: live", "mode: dry-run"))
    answer = desk.hb("run", "--until-aligned", "--json")
    assert answer.code == 3
    assert answer.json["armed"] is False
    assert answer.json["legs"][0]["orders"][0]["side"] == "sell"
    assert {order["status"] for order in desk.json("orders")["orders"]} == {"DRY_RUN"}
    assert desk.json("fills") == {"fills": []}


def test_a_dry_run_with_nothing_to_do_ends_with_zero(aligned: Desk):
    assert aligned.good("run", "--dry-run", "--until-aligned", "--json").json["legs"][0]["orders"] == []


def test_what_cannot_be_aligned_in_time_ends_with_five_and_no_open_order(desk: Desk):
    desk.write(PATIENT)
    answer = desk.hb("run", "--live", "--until-aligned", "--timeout", "1")
    assert answer.code == 5
    assert desk.open_at_venue() == 0


def unread() -> TextIO:
    """A pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


@pytest.mark.parametrize("form", [(), ("--json",)])
@pytest.mark.parametrize("disk", [False, True])
def test_an_answer_that_cannot_be_written_leaves_no_order_open(desk: Desk, form: tuple[str, ...], disk: bool):
    desk.write(PATIENT)
    args = [SCRIPT, "run", "--live", "--until-aligned", "--timeout", "1", "--log-json", *form]
    with open("/dev/full", "w") if disk else unread() as nowhere:
        answer = subprocess.run(
            args, cwd=desk.folder, env=desk.environment(), stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False
        )
    assert answer.returncode == 1
    assert desk.sent() > 0
    assert desk.open_at_venue() == 0
    assert "answer.unwritten" in answer.stderr
    assert "run.ended" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("--live", "--dry-run"), 2, "contradict"),
        (("--once", "--until-aligned"), 2, "give one of them"),
        (("--timeout", "5"), 2, "--until-aligned"),
        (("--live", "--set", "mode=dry-run"), 4, "mode: live"),
        (("--set", "venue.name=deribit", "--set", "venue.environment=demo"), 4, "testnet or production"),
        (("--once", "--set", "kill_file=."), 4, "a folder; name a file"),  # what `check` calls an error is one to `run`
    ],
)
def test_what_cannot_be_meant_is_refused(desk: Desk, args: tuple[str, ...], code: int, words: str):
    desk.write()
    answer = desk.hb("run", *args)
    assert (answer.code, words in answer.err) == (code, True), answer


def test_a_second_run_is_refused_and_names_who_leads_and_sigterm_ends_the_first_one_verified(desk: Desk):
    desk.write(PATIENT)
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        second = desk.hb("run", "--live")
        assert second.code == 3
        assert f"pid {bot.process.pid}" in second.err
        assert bot.stop(signal.SIGTERM) == 0
        assert bot.events()[-1] == "run.ended"
    assert desk.open_at_venue() == 0
    assert desk.json("orders", "--open") == {"orders": []}
    assert not (desk.folder / "hedgebot.db.api").exists()
    assert (desk.folder / "hedgebot.db.token").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_on_either_event_loop_it_aligns_answers_says_which_one_it_is_and_ends_verified(desk: Desk, loop: str):
    desk.write()
    desk.libuv = loop == "uvloop"
    with desk.start("--live") as bot:
        bot.until(lambda said: said["legs"][0]["aligned"])
        (began,) = [line for line in bot.log if line["event"] == "run.started"]
        assert began["loop"] == loop
        assert bot.stop(signal.SIGTERM) == 0
        assert bot.events()[-1] == "run.ended"
    assert desk.open_at_venue() == 0
    assert desk.json("audit", "verify")["verdict"] == "good"


def test_ctrl_c_is_a_verified_shutdown_too(desk: Desk):
    desk.write(PATIENT)
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        assert bot.stop(signal.SIGINT) == 0
    assert desk.open_at_venue() == 0


def test_a_short_that_this_record_did_not_open_is_taken_over_only_on_adopt(desk: Desk):
    desk.write()
    desk.good("run", "--live", "--until-aligned", "--timeout", "60")
    for file in desk.folder.glob("hedgebot.db*"):
        file.unlink()
    refused = desk.hb("run", "--live", "--until-aligned", "--timeout", "60")
    assert refused.code == 3
    assert "--adopt" in refused.err
    assert desk.json("orders") == {"orders": []}
    desk.good("run", "--live", "--until-aligned", "--timeout", "60", "--adopt")
    assert desk.json("orders") == {"orders": []}  # taken over as it is: nothing had to be traded
    assert desk.json("status")["legs"][0]["position_usd"].startswith("-")


def test_a_taken_port_ends_the_run_before_anything_is_traded(desk: Desk):
    desk.write()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = desk.hb("run", "--live", "--until-aligned", "--set", f"api.port={port}")
    assert answer.code == 1
    assert str(port) in answer.err
    assert "api.port" in answer.err
    assert desk.json("orders") == {"orders": []}


def test_a_full_disk_is_a_failure_with_the_database_named_and_nothing_lost(desk: Desk):
    desk.write()
    desk.good("pause")  # makes a record worth losing
    largest = max(file.stat().st_size for file in desk.folder.iterdir())
    answer = desk.hb("run", "--live", "--until-aligned", largest_file=largest // 2)
    assert answer.code == 1
    assert ".db" in answer.err
    assert "Traceback" not in answer.err
    assert desk.json("audit", "verify")["verdict"] == "good"


def test_a_word_that_a_full_disk_does_not_take_is_answered_with_the_remedy(desk: Desk):
    """SQLite says no more of it than "disk I/O error"."""
    desk.write()
    desk.good("pause")
    answer = desk.hb("resume", largest_file=20_000)
    assert answer.code == 1
    assert "free space on it" in answer.err


def test_a_locked_database_is_a_failure_that_names_it(desk: Desk):
    desk.write()
    desk.good("pause")
    with closing(sqlite3.connect(desk.folder / "hedgebot.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = desk.hb("run", "--live", "--until-aligned")
    assert answer.code == 1
    assert "hedgebot.db" in answer.err
    assert "locked" in answer.err


@pytest.mark.parametrize("setting", ["audit.url", "paper.url"])
def test_somebody_elses_database_is_refused_and_left_as_it_is(desk: Desk, setting: str):
    desk.write()
    file = desk.folder / "addresses.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE people (name TEXT)")
        other.commit()
    before = tables(file)
    answer = desk.hb("run", "--live", "--until-aligned", "--set", f"{setting}=sqlite:///addresses.db")
    assert answer.code == 4
    assert "people" in answer.err
    assert tables(file) == before


def test_the_record_of_another_account_is_refused(aligned: Desk):
    answer = aligned.hb("run", "--set", "account=other")
    assert answer.code == 4
    assert "account main" in answer.err


def tables(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [name for (name,) in database.execute("SELECT name FROM sqlite_master ORDER BY name")]
