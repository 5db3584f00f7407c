"""`TESTNET=… docker compose up -d`, a local venue in place of the test network: dry at first, armed by a word, and the word stays."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.docker.conftest import Deploy
from tests.docker.deployment import HERE, Deployment, eventually, run
from tests.venue_server import KEY, SECRET

VENUE = "bybit"
FILES = ("docker-compose.yml", "tests/docker/venue.yaml")


@pytest.fixture(scope="module")
def testnet(deploy: Deploy, clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A clone of its own, whose ./secrets hold no key yet."""
    mine = tmp_path_factory.mktemp("testnet") / "hedgebot"
    shutil.copytree(clone, mine)
    (mine / ".env").write_text(f"TESTNET={VENUE}\n")
    deployment = deploy(files=FILES, given={"VENUE_ENVIRONMENT": "testnet"})
    deployment.clone = mine
    return deployment


def books(testnet: Deployment) -> dict[str, Any]:
    read = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8000/_books').read().decode())"
    found: dict[str, Any] = json.loads(testnet.good("exec", "-T", "venue", "python", "-c", read))
    return found


def no_order_twice(testnet: Deployment) -> None:
    at_venue = Counter(client_id for client_id, *_ in books(testnet)["orders"])
    assert max(at_venue.values()) == 1
    assert set(at_venue) <= {order["client_id"] for order in testnet.orders()}


def test_without_a_key_the_same_services_come_up_dry_and_say_what_is_missing(testnet: Deployment):
    paper = Deployment(testnet.engine, testnet.clone, given={"TESTNET": ""})
    services = set(testnet.good("config", "--services").split())
    assert services - {"venue"} == set(paper.good("config", "--services").split())
    testnet.up()
    status = testnet.ask("status")
    assert (status["venue"], status["environment"], status["mode"], status["armed"]) == (VENUE, "testnet", "live", False)
    assert any("no key is configured" in what for what in status["missing"])
    refused = testnet.hb("dry-run", "off")
    assert refused.code == 4
    assert "set HEDGEBOT__VENUE__API_KEY_FILE, HEDGEBOT__VENUE__API_SECRET_FILE" in refused.text
    testnet.good("restart", "bot")
    testnet.healthy()


def test_a_key_is_handed_over_by_up_and_it_stays_dry(testnet: Deployment):
    for name, word in (("venue.api_key", KEY), ("venue.api_secret", SECRET)):
        (testnet.clone / "secrets" / name).write_text(f"{word}\n")
        (testnet.clone / "secrets" / name).chmod(0o600)  # only its owner can read it
    testnet.good("up", "-d", "--force-recreate", "bot")
    testnet.healthy()
    eventually(lambda: not testnet.ask("status")["missing"], 30, "nothing is missing")
    assert testnet.ask("status")["armed"] is False


def test_while_dry_it_plans_and_sends_nothing(testnet: Deployment):
    eventually(testnet.orders, 60, "a plan is on record")
    assert {order["status"] for order in testnet.orders()} == {"DRY_RUN"}
    assert books(testnet)["placed"] == 0


def block() -> list[str]:
    """What the README tells to type for a test network."""
    text = (HERE / "README.md").read_text("utf-8")
    lines = text.partition("<!-- run: testnet -->")[2].partition("```console\n")[2].partition("```")[0].splitlines()
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines]


def test_what_the_readme_says_leads_from_nothing_to_a_hedge(testnet: Deployment):
    testnet.good("down", "-t", "60")
    for left in (".env", "secrets/venue.api_key", "secrets/venue.api_secret"):
        (testnet.clone / left).unlink()
    clone, *commands = block()
    assert clone == "git clone … hedgebot && cd hedgebot"
    assert [command for command in commands if "hedgebot " in command][-2:] == [
        "docker compose exec bot hedgebot dry-run off",
        "docker compose exec bot hedgebot status",
    ]
    env = {**testnet.env, "COMPOSE_FILE": ":".join(FILES)}
    for command in commands:
        if " exec " in command:
            testnet.healthy()
        said = run(["sh", "-c", command.replace("YOUR KEY", KEY).replace("YOUR SECRET", SECRET)], env=env, cwd=testnet.clone)
        assert said.code == 0, f"{command}: exit {said.code}: {said.text}"
    testnet.aligned()
    assert (testnet.clone / "secrets/venue.api_key").stat().st_mode & 0o077 == 0


def test_the_word_that_arms_it_survives_a_restart(testnet: Deployment):
    assert testnet.ask("status")["armed"] is True
    testnet.good("restart", "bot")
    testnet.healthy()
    assert testnet.ask("status")["armed"] is True
    testnet.aligned()
    assert books(testnet)["position_usd"]["BTC/USD:BTC"] < 0
    no_order_twice(testnet)


def test_a_kill_with_an_order_at_the_venue_ends_in_the_same_hedge_without_a_second_order(testnet: Deployment):
    testnet.say("target", "set", "BTC", "0.5")
    eventually(lambda: books(testnet)["open"], 60, "an order at the venue")
    began = testnet.state("bot")["StartedAt"]
    testnet.engine.good("kill", "-s", "KILL", testnet.id("bot"))
    eventually(lambda: (now := testnet.state("bot"))["StartedAt"] != began and now["Running"], 60, "the bot is started again")
    testnet.healthy()
    assert testnet.aligned()["armed"] is True
    no_order_twice(testnet)


def test_dry_run_on_stops_it_and_stop_leaves_nothing_open(testnet: Deployment):
    testnet.say("target", "set", "BTC", "1")
    eventually(lambda: books(testnet)["open"], 60, "an order at the venue")
    testnet.say("dry-run", "on")
    assert books(testnet)["open"] == 0
    placed = books(testnet)["placed"]
    testnet.engine.good("stop", "-t", "90", testnet.id("bot"))
    assert testnet.state("bot")["ExitCode"] == 0
    assert (books(testnet)["open"], books(testnet)["placed"]) == (0, placed)
