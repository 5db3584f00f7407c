"""How are several accounts run, asked and commanded from one configuration?"""

import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.desk import PATIENCE, PATIENT, QUICK, Desk, Running

TWO = "accounts:\n  alice: {bag: {BTC: {coins: 2}}}\n  bob: {bag: {BTC: {coins: 1}}, hedges: {BTC: {ratio: 0.5}}}\n"


def two(text: str) -> str:
    return text.replace("bag: {BTC: {coins: 2}}\n", "") + TWO


@pytest.fixture
def both(desk: Desk) -> Desk:
    desk.write(two(QUICK))
    return desk


def accounts(bot: Running) -> dict[str, Any]:
    return {one["account"]: one for one in bot.status()["accounts"]}


def told(bot: Running, holds: Callable[[dict[str, Any]], bool]) -> None:
    """Wait until every account is there and it holds."""
    deadline = time.monotonic() + PATIENCE
    while len(found := accounts(bot)) < 2 or not holds(found):
        assert time.monotonic() < deadline, found
        with bot.heard:
            bot.heard.wait(0.1)


def test_two_accounts_are_aligned_in_one_process_on_one_record(both: Desk):
    said = both.good("run", "--live", "--until-aligned", "--timeout", "60", "--json").json
    assert [(one["account"], one["legs"][0]["aligned"]) for one in said["accounts"]] == [("alice", True), ("bob", True)]
    status = both.json("status")
    held = {one["account"]: float(one["legs"][0]["position_usd"]) for one in status["accounts"]}
    assert held["alice"] < 1.5 * held["bob"] < 0
    for account in ("alice", "bob"):
        assert both.json("audit", "verify", "--account", account)["verdict"] == "good"
        assert both.json("status", "--account", account)["account"] == account
    assert [(one["account"], one["holder"], one["epoch"]) for one in both.json("workers")["workers"]] == [
        ("alice", None, 1),
        ("bob", None, 1),
    ]


def test_status_of_several_accounts_has_one_shape_and_tells_of_each_what_it_can(both: Desk):
    nothing = both.hb("status", "--json")
    assert (nothing.code, nothing.err.count("no audit database")) == (4, 1)
    both.good("run", "--live", "--account", "alice", "--until-aligned", "--timeout", "60")
    first = both.hb("status", "--json")
    assert (first.code, [one["account"] for one in first.json["accounts"]]) == (0, ["alice"])
    assert "bob: note: audit database" in first.err
    both.write(two(QUICK).replace("alice: {", "alice: {venue: {name: bybit, environment: testnet}, "))
    both.good("run", "--live", "--account", "bob", "--until-aligned", "--timeout", "60")
    moved = both.hb("status", "--json")
    assert (moved.code, [one["account"] for one in moved.json["accounts"]]) == (4, ["bob"])
    assert "alice: error: audit database" in moved.err


def test_a_command_must_say_which_account_it_means(both: Desk):
    answer = both.hb("orders")
    assert answer.code == 2
    assert "say which one by --account NAME" in answer.err
    unknown = both.hb("pause", "--account", "carol")
    assert unknown.code == 4
    assert "the accounts are alice, bob" in unknown.err


def test_check_says_which_account_a_finding_is_about_and_how_to_give_that_one_its_key(desk: Desk):
    (desk.folder / "hedgebot.kill").write_text("all of them")
    desk.write(two(QUICK) + "  carol: {venue: {name: bybit, environment: testnet}, bag: {BTC: {coins: 1}, ETH: {coins: 1}}}\n")
    found = {one["key"]: one for one in desk.hb("check", "--json").json["findings"]}
    assert found["venue.api_key"]["where"] == found["bag.ETH"]["where"] == "account carol: configuration"
    assert "set HEDGEBOT__ACCOUNTS__CAROL__VENUE__API_KEY_FILE=" in found["venue.api_key"]["remedy"]
    assert found["kill_file"]["where"] == "configuration"
    answer = desk.hb("check")
    assert answer.out.count("hedgebot.kill exists") == 1
    assert answer.code == 4


def test_an_account_that_leaves_the_file_with_an_open_hedge_is_not_forgotten(both: Desk):
    both.write(two(QUICK) + "  carol: {bag: {BTC: {coins: 1}}}\n")
    both.good("run", "--live", "--until-aligned", "--timeout", "60")
    (held,) = (one["legs"][0]["position_usd"] for one in both.json("status")["accounts"] if one["account"] == "carol")
    both.write(two(QUICK))
    for command in (("check", "--online"), ("status",), ("run", "--once", "--live")):
        answer = both.good(*command)
        told = " ".join((answer.out + answer.err).split())
        assert "carol" in told
        assert f"{int(held) // 100} contracts of BTC/USD:BTC on paper" in told
    both.write(QUICK.replace("paper: {", "account: carol\npaper: {url: 'sqlite:///paper-carol.db', "), "apart.yaml")
    with both.start("--live", "--config", "apart.yaml"):
        assert "carol" not in both.good("status").err  # it has a configuration of its own, and is kept
    both.write(two(QUICK) + "  carol: {bag: {BTC: {coins: 1}}}\n")
    assert both.json("check", "--online")["findings"] == []


def test_a_word_to_one_account_leaves_the_other_alone(desk: Desk):
    desk.write(two(PATIENT))
    with desk.start("--live") as bot:
        told(bot, lambda of: of["alice"]["open_orders"] == of["bob"]["open_orders"] == 1)
        assert desk.good("kill", "--account", "bob", "--json").json["state"] == "HALTED"
        killed = accounts(bot)["bob"]
        assert (killed["state"], killed["open_orders"]) == ("HALTED", 0)
        told(bot, lambda of: of["alice"]["state"] == "WORKING" and of["alice"]["open_orders"] == 1)
        assert (desk.folder / "hedgebot.kill.bob").exists()
        assert not (desk.folder / "hedgebot.kill").exists()
        (desk.folder / "hedgebot.kill").write_text("all of them")
        told(bot, lambda of: {one["state"] for one in of.values()} == {"HALTED"})
        assert bot.stop(signal.SIGTERM) == 0
    assert {line["account"] for line in bot.log if line["event"] == "order.intent"} == {"alice", "bob"}


def test_a_leader_that_was_killed_is_named_as_dead_and_not_as_the_leader(desk: Desk):
    desk.write(QUICK)
    with desk.start() as bot:
        bot.until(lambda said: said["as_of"] is not None)
        (one,) = desk.json("workers")["workers"]
        name = one["holder"]
        assert (f"pid {bot.process.pid}" in name, one["gone"], one["silent"]) == (True, None, False)
        bot.stop(signal.SIGKILL)
    (one,) = desk.json("workers")["workers"]
    assert (one["holder"], one["gone"], one["api"], one["epoch"]) == (None, name, None, 1)
    assert "nobody" in desk.good("workers").out
    assert "died)" in desk.good("workers").out


def test_workers_need_a_server(both: Desk):
    answer = both.hb("run", "--worker")
    assert answer.code == 4
    assert "--worker needs a PostgreSQL server" in answer.err
    assert both.hb("run", "--worker", "--once").code == 2
