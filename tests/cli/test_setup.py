"""What does a person meet first? Help, init, check, venues, version; quickly, and with a remedy for everything wrong."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.cli.desk import QUICK, Desk

HEAVY = ("pydantic", "sqlalchemy", "sqlmodel", "httpx", "fastapi", "structlog", "rich", "yaml", "uvicorn", "prometheus_client")
COMMANDS = (
    *("init", "check", "probe", "plan", "run", "status", "orders", "fills", "target", "pause", "resume", "dry-run", "kill", "rearm"),
    *("cancel-all", "flatten", "audit", "replay", "venues", "demo", "db", "version"),
)


def test_help_names_every_command(desk: Desk):
    said = desk.good("--help").out
    assert [name for name in COMMANDS if f"\n  {name} " not in said] == []


def test_help_loads_nothing_that_only_a_command_needs():
    """`--help` is quick because it imports typer and nothing else of weight."""
    code = "import sys, bot.cli\ntry: bot.cli.main()\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_an_unknown_command_is_a_usage_mistake(desk: Desk):
    assert desk.hb("hedge").code == 2


def test_python_dash_m_bot_is_the_same_program(desk: Desk):
    done = subprocess.run([sys.executable, "-m", "bot", "version", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == desk.json("version")


def test_the_console_script_answers_and_refuses_with_its_exit_code(desk: Desk):
    assert desk.script("version").out.startswith("hedgebot ")
    refused = desk.script("plan")
    assert (refused.code, "hedgebot init" in refused.err) == (4, True)


def test_what_init_writes_is_a_good_configuration_that_plans(desk: Desk):
    desk.good("init")
    assert desk.json("check") == {"ok": True, "findings": []}
    plan = desk.json("plan")
    assert plan["mode"] == "dry-run"
    assert plan["legs"][0]["orders"][0]["side"] == "sell"
    assert sorted(path.name for path in desk.folder.iterdir()) == ["hedge.yaml"]  # planning leaves nothing behind


def test_init_never_overwrites_unasked(desk: Desk):
    desk.write("mine\n")
    refused = desk.hb("init")
    assert refused.code == 2
    assert "--force" in refused.err
    assert (desk.folder / "hedge.yaml").read_text() == "mine\n"
    desk.good("init", "--force")
    assert "version: 1" in (desk.folder / "hedge.yaml").read_text()


def test_init_prints_the_schema_and_writes_nothing(desk: Desk):
    assert json.loads(desk.good("init", "--schema").out)["title"] == "hedge.yaml"
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize("command", ["plan", "run", "status"])
def test_without_a_configuration_the_way_to_one_is_named(desk: Desk, command: str):
    answer = desk.hb(command)
    assert answer.code == 4
    assert "hedgebot init" in answer.err


@pytest.mark.parametrize(
    ("was", "now", "named"),
    [
        ("risk: {max_orders_per_minute: 1000}", "risk: {max_levrage: 2}", ("risk.max_levrage", "did you mean risk.max_leverage?")),
        ("ratio: 1.0", "ratio: 85", ("hedges.BTC.ratio", "did you mean 0.85?")),
        ("ratio: 1.0", "ratio: -0.1", ("hedges.BTC.ratio", "at least 0")),
        ("coins: 2", "coins: -2", ("bag.BTC.coins", "at least 0")),
        ("coins: 2", "coins: two", ("bag.BTC.coins", "two")),
        ("coins: 2", "coins: nan", ("bag.BTC.coins", "nan")),
        ("ratio: 1.0", "instrument: BTC/USD:BTC-260925", ("hedges.BTC.instrument", "expires")),
        ("ratio: 1.0", "instrument: BTC/USD", ("hedges.BTC.instrument", "BASE/QUOTE:SETTLE")),
        ("ratio: 1.0", "instrument: BTC/USD:USDC", ("hedges.BTC.instrument", "settled in USDC")),
        ("version: 1", "version: [", ("hedge.yaml:1", "version is a list")),
    ],
)
def test_a_wrong_configuration_is_refused_by_line_key_and_remedy(desk: Desk, was: str, now: str, named: tuple[str, str]):
    assert was in QUICK
    desk.write(QUICK.replace(was, now))
    answer = desk.hb("check")
    assert answer.code == 4
    assert "hedge.yaml:" in answer.out
    for words in named:
        assert words in answer.out
    assert "Traceback" not in answer.err


def test_what_check_refuses_run_refuses_with_the_same_words_and_nothing_is_made(desk: Desk):
    desk.write(QUICK.replace("ratio: 1.0", "ratio: 85"))
    answer = desk.hb("run", "--live")
    assert answer.code == 4
    assert "did you mean 0.85?" in answer.err
    assert sorted(path.name for path in desk.folder.iterdir()) == ["hedge.yaml"]


def test_a_flag_goes_before_the_file_and_is_judged_like_it(desk: Desk):
    desk.write()
    assert desk.json("plan", "--set", "hedges.BTC.ratio=0.25")["legs"][0]["ratio_target"] == "0.25"
    assert desk.hb("plan", "--set", "hedges.BTC.ratio=25").code == 4
    assert desk.hb("plan", "--set", "hedges.BTC.ratio").code == 2


def test_the_environment_alone_can_be_the_configuration(desk: Desk):
    env = {"HEDGEBOT__BAG__BTC__COINS": "1", "HEDGEBOT__HEDGES__BTC__RATIO": "0.5"}
    answer = desk.hb("plan", "--json", env=env)
    assert answer.code == 0, answer
    assert answer.json["legs"][0]["ratio_target"] == "0.5"


def test_check_online_asks_venue_database_and_document(desk: Desk):
    desk.write()
    assert desk.json("check", "--online") == {"ok": True, "findings": []}
    (desk.folder / "hedgebot.db").write_bytes(b"this is not a database" * 100)
    answer = desk.hb("check", "--online", "--json")
    assert answer.code == 4
    assert [finding["key"] for finding in answer.json["findings"]] == ["audit.url"]


@pytest.mark.parametrize(
    ("coins", "posted", "band", "said"),
    [
        ("0.0004", "0.001", "", "takes no order below 100.00 USD, and "),
        ("0.001", "0.005", "", "is traded in steps of 100.00 USD, and "),
        ("0.001", "0.005", "high: 1.26, ", "up to 28% of it may stay without a hedge"),
        ("0.001", "0.005", "high: 1.30, ", ""),
        ("0.001", "0.005", "auto: true, ", ""),
        ("0.01", "0.0240", "", ""),  # 2,040 USD: steps of less than 5 %
    ],
)
def test_check_online_finds_a_hedge_of_few_contracts(desk: Desk, coins: str, posted: str, band: str, said: str):
    small = QUICK.replace("{coins: 2}", f"{{coins: {coins}}}").replace("{BTC: 3}", f"{{BTC: {posted}}}")
    desk.write(small.replace("band: {", f"band: {{{band}min_order_usd: 1, "))
    problems = [finding["problem"] for finding in desk.json("check", "--online")["findings"]]
    assert [said in one for one in problems] == [True] * bool(said)


def test_check_and_a_start_say_which_settings_of_the_paper_venue_no_longer_count(desk: Desk):
    desk.write()
    desk.good("run", "--live", "--until-aligned")
    desk.write(QUICK.replace("collateral: {BTC: 3}", "collateral: {BTC: 4, ETH: 1}, seed: 8").replace("BTC: 60000", "BTC: 70000"))
    answer = desk.good("check", "--json")
    told = {finding["key"]: finding for finding in answer.json["findings"]}
    assert set(told) == {"paper.seed", "paper.collateral.BTC", "paper.price.BTC"}
    assert "is 4, and the paper venue in" in told["paper.collateral.BTC"]["problem"]
    assert "began with 3: that stands" in told["paper.collateral.BTC"]["problem"]
    assert "setting.unheeded" in desk.good("run", "--once").err
    desk.write()
    assert desk.json("check")["findings"] == []


@pytest.mark.parametrize("found", ["0002", "9999"])
def test_check_warns_of_a_record_of_another_version(desk: Desk, found: str):
    desk.write(QUICK)
    desk.hb("run", "--once")
    assert desk.json("check")["findings"] == []
    with closing(sqlite3.connect(desk.folder / "hedgebot.db")) as record, record:
        record.execute("UPDATE hedgebot_audit_version SET version_num = ?", (found,))
    (warning,) = desk.json("check")["findings"]
    assert (warning["severity"], warning["key"]) == ("warning", "audit.url")
    refused = desk.hb("run", "--once")
    assert refused.code == 4
    assert refused.err.split("error: ")[1].strip() in warning["problem"]
    assert ("hedgebot db upgrade" if found < "9999" else "install the newer hedgebot") in warning["problem"]


def test_who_names_the_record_of_another_account_is_told_so_by_check_and_by_workers(desk: Desk):
    desk.write(QUICK)
    desk.hb("run", "--once")
    desk.write(QUICK + "account: other\n")
    (warning,) = desk.json("check")["findings"]
    assert (warning["severity"], warning["key"]) == ("warning", "audit.url")
    for command in ("workers", "run"):
        refused = desk.hb(command)
        assert refused.code == 4
        assert refused.err.split("error: ")[1].strip() in warning["problem"]
        assert "belongs to account main on paper, but the configuration is for account other on paper" in refused.err


def test_venues_are_listed_with_their_environments(desk: Desk):
    listed = {venue["name"]: venue for venue in desk.json("venues")["venues"]}
    kinds = {"inverse": "first-class", "linear": "first-class", "why_not": "", "transfers": True, "no_transfer": ""}
    assert listed["paper"] == {"name": "paper", "environments": [], "available": True, "proven": "here", **kinds}
    assert "testnet" in listed["deribit"]["environments"]


def test_venues_say_what_is_recorded_only_and_why_nothing_is_sent_to_weex(desk: Desk):
    listed = {venue["name"]: venue for venue in desk.json("venues")["venues"]}
    assert (listed["bybit"]["inverse"], listed["bybit"]["linear"]) == ("first-class", "recorded only")
    assert (listed["mexc"]["inverse"], listed["binance"]["inverse"]) == ("recorded only", "none")
    assert (listed["weex"]["linear"], listed["weex"]["available"]) == ("plan only", False)
    assert "no cancel" in listed["weex"]["why_not"]
    shown = desk.hb("venues").out
    assert all(name in shown for name in (*listed, "recorded only", "plan only"))


class Page(BaseHTTPRequestHandler):
    """What a proxy's login page looks like to a bot."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><p>please log in")

    def log_message(self, *_: object) -> None:
        return None


def test_a_target_document_that_is_html_is_found_by_check_and_leaves_the_ratio_unknown(desk: Desk):
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        desk.write(QUICK + f'targets: {{url: "http://127.0.0.1:{server.server_port}/targets.json"}}\n')
        checked = desk.hb("check", "--online", "--json")
        ran = desk.hb("run", "--live", "--until-aligned", "--timeout", "1", "--json")
        server.shutdown()
    assert checked.code == 4
    assert [finding["key"] for finding in checked.json["findings"]] == ["targets.url"]
    assert ran.code in (3, 5)
    assert ran.json["legs"][0]["ratio_target"] is None
    assert desk.json("orders") == {"orders": []}
