"""Does an operator's word arrive, is it carried out, and does it last? Through a running bot, and without one."""

import json
import signal
import socket
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select

import httpx
import pytest

from bot.audit.lease import LeaseHeld
from bot.cli_exit import Wrong
from bot.cli_operate import dry_run, simple, to_bot
from bot.exit_codes import Exit
from bot.settings import load
from tests.cli.desk import PATIENT, QUICK, Desk


def test_dry_run_toggled_while_orders_work_stops_them_at_once_and_off_resumes(desk: Desk):
    desk.write(PATIENT)
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        assert desk.good("dry-run", "on", "--json").json["done"] is True  # own orders are seen gone
        status = bot.status()
        assert (status["armed"], status["open_orders"]) == (False, 0)
        assert desk.open_at_venue() == 0
        before = desk.sent()
        bot.cycles(3)
        assert desk.sent() == before
        assert desk.good("dry-run", "off", "--json").json["accepted"] is True
        assert bot.until(lambda said: said["open_orders"] == 1)["armed"] is True
        desk.good("dry-run", "on")
        assert bot.stop() == 0
    with desk.start("--live") as bot:  # the stored word goes before --live
        bot.cycles(2)
        assert bot.status()["armed"] is False
        assert bot.stop() == 0
        assert "dry_run.stored" in bot.events()


def test_kill_lasts_over_a_restart_until_rearmed(desk: Desk):
    desk.write(PATIENT)
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        said = desk.good("kill", "--reason", "smoke", "--json").json
        assert said["state"] == "HALTED"
        assert desk.open_at_venue() == 0
        assert "smoke" in (desk.folder / "hedgebot.kill").read_text()
        assert bot.stop() == 0
    before = desk.sent()
    with desk.start("--live") as bot:
        bot.until(lambda said: said["state"] == "HALTED")
        bot.cycles(2)
        assert desk.sent() == before
        assert desk.hb("rearm").code == 2  # a reason is needed
        desk.good("rearm", "--reason", "put out")
        assert not (desk.folder / "hedgebot.kill").exists()
        bot.until(lambda said: said["open_orders"] == 1)
        assert bot.stop() == 0


def test_a_running_bot_is_paused_targeted_and_probed(desk: Desk):
    desk.write(PATIENT)
    assert desk.hb("probe").code == 1
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        assert desk.json("probe")["ready"] is True
        assert desk.good("pause", "--json").json["state"] == "PAUSED"
        desk.good("cancel-all")
        before = desk.sent()
        bot.cycles(3)
        assert desk.sent() == before
        desk.good("resume")
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        desk.good("target", "set", "BTC", "0.5", "--until", tomorrow.isoformat())
        assert desk.json("plan")["legs"][0]["ratio_target"] == "0.5"
        listed = desk.json("target", "list")["targets"]
        assert [(target["source"], target["ratio"]) for target in listed] == [("operator", "0.5"), ("config", "1")]
        assert listed[0]["until"] == f"{tomorrow + timedelta(days=1)}T00:00:00.000Z"
        desk.good("target", "clear", "BTC")
        assert desk.json("status")["legs"][0]["ratio_target"] == "1"
        assert desk.hb("db", "upgrade").code == 3
        assert desk.hb("flatten").code == 2  # no terminal, no --yes
        assert bot.stop() == 0


def test_words_without_a_bot_go_on_record_and_hold_for_the_next_run(desk: Desk):
    desk.write()
    assert "hedgebot.db" in desk.good("target", "set", "BTC", "0").out
    assert desk.json("target", "list")["targets"][0]["until"] is None
    desk.good("target", "set", "BTC", "0", "--until", "2099-12-31")
    assert desk.json("target", "list")["targets"][0]["until"] == "2100-01-01T00:00:00.000Z"
    desk.good("kill", "--reason", "holiday")
    assert (desk.folder / "hedgebot.kill").read_text() == "holiday\n"
    plan = desk.json("plan")
    assert plan["legs"][0]["ratio_target"] == "0"
    assert plan["legs"][0]["orders"] == []
    answer = desk.hb("run", "--live", "--once", "--json")
    assert (answer.code, answer.json["state"]) == (3, "HALTED"), answer
    desk.good("rearm", "--reason", "back")
    desk.good("target", "clear", "BTC")
    assert not (desk.folder / "hedgebot.kill").exists()
    assert desk.json("plan")["legs"][0]["orders"] != []


def test_a_word_for_an_asset_that_left_the_configuration_is_listed_and_can_be_taken_back(desk: Desk):
    two = QUICK.replace("bag: {", "bag: {ETH: {coins: 1}, ").replace("price: {", "price: {ETH: 3000, ")
    desk.write(two.replace("hedges: {", "hedges: {ETH: {}, ").replace("collateral: {", "collateral: {ETH: 1, "))
    desk.good("target", "set", "ETH", "0.5")
    desk.write()
    assert [row["asset"] for row in desk.json("target", "list")["targets"]] == ["ETH", "BTC"]
    desk.good("target", "clear", "ETH")
    assert [row["asset"] for row in desk.json("target", "list")["targets"]] == ["BTC"]
    assert "known: BTC" in desk.hb("target", "clear", "ETH").err


def test_what_needs_a_bot_says_so_and_changes_nothing(desk: Desk):
    desk.write()
    for args in (("cancel-all",), ("flatten", "--yes")):
        answer = desk.hb(*args)
        assert answer.code == 3
        assert "hedgebot run" in answer.err


def test_dry_run_off_is_refused_where_the_configuration_forbids_sending(desk: Desk):
    desk.write(PATIENT.replace("mode: live", "mode: dry-run"))
    answer = desk.hb("dry-run", "off")
    assert answer.code == 4
    assert "mode: live" in answer.err


def test_a_word_that_cannot_be_taken_names_what_is_wrong_with_it(desk: Desk):
    desk.write()
    for args, words in (
        (("target", "set", "BTC", "85"), "write 0.85"),
        (("target", "set", "BTC", "1.01"), "a ratio above 1 needs risk.allow_over_hedge"),
        (("target", "set", "DOGE", "0.5"), "known: BTC"),
        (("target", "set", "BTC", "0.5", "--until", "2020-01-01"), "already over"),
    ):
        answer = desk.hb(*args)
        assert answer.code == 2
        assert words in answer.err
    desk.write(
        QUICK.replace("bag: {", "bag: {DOGE: {coins: 1}, ")
        .replace("price: {", "price: {DOGE: 0.2, ")
        .replace("hedges: {", "hedges: {DOGE: {cross: {with: BTC, beta: 1}}, ")
    )
    assert "'DOGE' has no contract of its own, it is hedged with that of BTC" in desk.hb("accept-contract", "DOGE", "--reason", "no").err


def test_a_bot_that_hangs_is_named_and_kill_still_writes_the_file(desk: Desk):
    desk.write(PATIENT.replace("cycle_seconds: 0.2", "cycle_seconds: 60"))
    with desk.start("--live") as bot:
        bot.until(lambda _: desk.open_at_venue() == 1)
        (desk.folder / "hedgebot.db.api").write_text("http://127.0.0.1:9\n")  # nobody answers there
        answer = desk.hb("kill", "--reason", "hangs")
        assert answer.code == 1
        assert f"pid {bot.process.pid}" in answer.err
        assert "the kill file is written, and that stops it from sending" in answer.err
        assert bot.until(lambda said: said["state"] == "HALTED")["open_orders"] == 0  # it read the file, and waited for no turn
        unwritten = desk.hb("kill", "--reason", "hangs", env={"HEDGEBOT__KILL_FILE": "absent/hedgebot.kill"})
        assert (unwritten.code, "the kill file is written" in unwritten.err) == (1, False)
        assert "; nothing was changed: look at that process" in unwritten.err
        assert bot.stop() == 0


def test_a_kill_that_cannot_be_recorded_says_that_the_kill_file_is_written(desk: Desk):
    """In the middle of an upgrade: the old program still runs, and the new one does not take its database."""
    desk.write()
    desk.good("pause")
    with closing(sqlite3.connect(desk.folder / "hedgebot.db")) as record:
        record.execute("UPDATE hedgebot_audit_version SET version_num = '0002'")
        record.commit()
    answer = desk.hb("kill", "--reason", "upgrade")
    assert answer.code == 4
    assert "run `hedgebot db upgrade`" in answer.err
    assert "the kill file is written: it stops a bot that runs" in answer.err
    assert (desk.folder / "hedgebot.kill").exists()


def test_a_kill_whose_file_cannot_be_written_is_on_record_all_the_same(desk: Desk):
    desk.write(f"{QUICK}kill_file: absent/hedgebot.kill\n")
    answer = desk.hb("kill")
    assert answer.code == 0
    assert "alert: halted: kill by cli" in desk.good("status").out  # no decision is on record that could say so
    assert "warning: kill file " in answer.err
    assert "cannot be written: No such file or directory; the kill is given to bot and database without it" in answer.err
    (desk.folder / "absent").mkdir()
    desk.good("kill")
    assert (desk.folder / "absent/hedgebot.kill").read_text() == "kill by cli\n"


def test_a_restore_names_what_was_said_since_the_copy(desk: Desk):
    """A bot that was told to send nothing would send again, and nobody would know why."""
    desk.write()
    desk.good("dry-run", "off")
    desk.good("target", "set", "BTC", "0.9")
    desk.good("backup", "copy.db")
    for word in (("dry-run", "on"), ("pause",), ("target", "set", "BTC", "0.5")):
        desk.good(*word)
    said = desk.json("restore", "copy.db", "--force")
    assert said["words_lost"] == ["dry-run on", "pause", "target set BTC 0.5"]
    desk.good("pause")
    assert "give it again if it is to hold: pause" in desk.good("restore", "copy.db", "--force").out
    assert desk.json("restore", "copy.db", "--force")["words_lost"] == []


def test_a_restore_names_what_was_said_to_accounts_at_venues(desk: Desk):
    """Their records are those of an environment."""
    accounts = "accounts: {a: {venue: {name: bybit, environment: testnet}}, b: {venue: {name: deribit, environment: testnet}}}"
    desk.write(f"version: 1\nbag: {{BTC: {{coins: 1}}}}\nhedges: {{BTC: {{ratio: 1}}}}\n{accounts}\n")
    for account in ("a", "b"):
        desk.good("target", "set", "BTC", "0.9", "--account", account)
    desk.good("backup", "copy.db")
    desk.good("pause", "--account", "b")
    assert desk.json("restore", "copy.db", "--force")["words_lost"] == ["b: pause"]


def test_a_word_whose_answer_is_lost_is_not_said_to_have_changed_nothing(desk: Desk):
    desk.write(PATIENT)
    place = desk.folder / "hedgebot.db.api"
    with desk.start("--live") as bot, socket.create_server(("127.0.0.1", 0)) as line:
        bot.until(lambda said: said["open_orders"] == 1)
        there = place.read_text().strip().removeprefix("http://").rsplit(":", 1)

        def lose_the_answer() -> None:
            with line.accept()[0] as caller, socket.create_connection((there[0], int(there[1]))) as api:
                while api not in select([caller, api], [], [])[0]:  # head and body of a request may come apart
                    api.sendall(caller.recv(65536))

        between = threading.Thread(target=lose_the_answer)
        between.start()
        place.write_text(f"http://127.0.0.1:{line.getsockname()[1]}\n")
        answer = desk.hb("pause")
        between.join()
        assert bot.status()["state"] == "PAUSED"
        assert answer.code == 1
        assert "nothing was changed" not in answer.err
        assert "it may have taken the pause" in answer.err
        place.write_text("http://127.0.0.1:9\n")  # nobody answers there
        refused = desk.hb("resume")
        assert (refused.code, "nothing was changed" in refused.err) == (1, True)
        assert bot.status()["state"] == "PAUSED"
        assert bot.stop() == 0


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("pause", 200, Exit.DONE),
        ("flatten", 202, Exit.ATTENTION),
        ("flatten", 409, Exit.ATTENTION),
        ("dry-run-off", 409, Exit.CONFIGURATION),
        ("pause", 404, Exit.USAGE),
        ("pause", 422, Exit.USAGE),
        ("pause", 429, Exit.FAILURE),
        ("pause", 503, Exit.FAILURE),
    ],
)
def test_what_the_bot_answers_to_a_word_is_the_exit_code_of_the_command(tmp_path: Path, name: str, status: int, code: Exit):
    heard: list[object] = []

    class Bot(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"detail": "so it is"}')

    (tmp_path / "hedge.yaml").write_text(QUICK.replace("version: 1\n", f"version: 1\naudit: {{url: 'sqlite:///{tmp_path}/record.db'}}\n"))
    settings, held = load(tmp_path / "hedge.yaml", {}, {}), LeaseHeld("main", "pid 1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Bot) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "record.db.api").write_text(f"http://127.0.0.1:{server.server_port}\n")
        word = dry_run(on=False) if name == "dry-run-off" else simple(name)
        try:
            if code in (Exit.DONE, Exit.ATTENTION) and status != 409:
                assert to_bot(settings, word, held, pulled=False) == (code, {"detail": "so it is"})
            else:
                with pytest.raises(Wrong, match="so it is") as refused:
                    to_bot(settings, word, held, pulled=False)
                assert refused.value.code is code
        finally:
            server.shutdown()
    assert heard == [{"flatten": {"confirm": True}, "dry-run-off": {"on": False}, "pause": {}}[name]]


def test_a_bot_that_died_is_not_said_to_be_at_work(desk: Desk):
    desk.write(PATIENT)
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        bot.stop(signal.SIGKILL)
    answer = desk.hb("status")
    assert answer.code == 0
    assert f"by the record pid {bot.process.pid} on" in answer.err
    assert "it has just begun, it hangs, or it died and the next `hedgebot run` goes on; this is what the record says" in answer.err


def test_a_bot_that_does_not_take_questions_is_said_to_have_answered(desk: Desk):
    desk.write(PATIENT)
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        url = (desk.folder / "hedgebot.db.api").read_text().strip()
        for _ in range(10):
            httpx.get(f"{url}/api/v1/status", headers={"authorization": "Bearer wrong"})
        answer = desk.hb("status")
        assert answer.code == 0
        assert "the bot that leads account main answered 429: too many wrong tokens from your address" in answer.err
        assert "this is what the record says" in answer.err
        assert bot.stop() == 0


def test_while_the_server_of_the_record_is_down_a_bot_on_this_machine_still_says_what_it_holds(desk: Desk):
    desk.write(PATIENT)
    down = {"HEDGEBOT__AUDIT__URL": "postgresql://hedgebot@127.0.0.1:9/hedgebot"}
    with desk.start("--live") as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        for end in ("api", "token"):  # where they lie beside a server
            (desk.folder / f"hedgebot-main.{end}").write_bytes((desk.folder / f"hedgebot.db.{end}").read_bytes())
        for command in ("status", "plan"):
            answer = desk.hb(command, env=down)
            assert answer.code == 0, answer.err
            assert "note: the record cannot be read (audit database postgresql://hedgebot@127.0.0.1:9/hedgebot: " in answer.err
            assert "; this is what the bot on this machine says" in answer.err
            assert "armed" in answer.out
        for record, code in ((down, 1), ({}, 4)):
            answer = desk.hb("status", env={**record, "HEDGEBOT__VENUE__NAME": "bybit", "HEDGEBOT__VENUE__ENVIRONMENT": "testnet"})
            assert (answer.code, answer.out) == (code, ""), "what a bot at another venue holds is no answer"
        assert bot.stop() == 0
    answer = desk.hb("status", env=down)
    assert (answer.code, answer.out) == (1, "")
    assert "the server does not answer; check host and port" in answer.err
