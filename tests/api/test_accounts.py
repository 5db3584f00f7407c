"""How does one process answer for several accounts?"""

import httpx
import pytest
from pydantic import SecretStr

from bot.access_door import Door
from bot.api import create_app
from bot.led import Led
from bot.metrics import Metrics
from tests.api.conftest import TOKEN
from tests.api.worlds import ListeningBot, status


@pytest.fixture
def led() -> Led:
    led = Led(["alice", "bob", "carol"])
    for name in ("alice", "bob"):
        metrics = Metrics(name, "paper", ("BTC",))
        metrics.lease(True)
        led.join(ListeningBot(shown=status(account=name), account=name), metrics)
    return led


@pytest.fixture
async def operator(led):
    transport = httpx.ASGITransport(create_app(led, Door(SecretStr(TOKEN))), raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://bot", headers=headers) as client:
        yield client


async def test_status_lists_every_account_or_shows_the_one_that_is_named(operator):
    everyone = (await operator.get("/api/v1/status")).json()
    assert [one["account"] for one in everyone["accounts"]] == ["alice", "bob"]
    assert everyone["unled"] == [{"account": "carol", "why": "it is being started"}]
    assert (await operator.get("/api/v1/status?account=bob")).json()["account"] == "bob"


async def test_a_word_reaches_the_account_it_names_and_no_other(operator, led):
    assert (await operator.post("/api/v1/pause?account=bob")).status_code == 200
    assert [command.name for command in led.meant("bob").heard] == ["pause"]
    assert led.meant("alice").heard == []


@pytest.mark.parametrize("path", ["/api/v1/plan", "/api/v1/targets"])
async def test_what_is_about_one_account_must_name_it(operator, path):
    answer = await operator.get(path)
    assert (answer.status_code, answer.json()["field"]) == (422, "account")
    assert "alice, bob, carol" in answer.json()["detail"]


@pytest.mark.parametrize(("account", "words"), [("dave", "not led by this process"), ("carol", "it is being started")])
async def test_an_account_without_a_bot_here_is_not_found(operator, account, words):
    answer = await operator.post(f"/api/v1/kill?account={account}")
    assert answer.status_code == 404
    assert words in answer.json()["detail"]


async def test_readiness_names_the_account_and_waits_for_those_that_have_no_bot(operator, led):
    found = {check["name"]: check["ok"] for check in (await operator.get("/readyz")).json()["checks"]}
    assert found["alice.database"] is True
    assert found["carol.led"] is False
    led.leave("carol", "its key cannot trade")
    answer = await operator.get("/readyz")
    assert answer.status_code == 503
    assert {"name": "carol.led", "ok": False, "why": "its key cannot trade"} in answer.json()["checks"]


async def test_metrics_of_all_accounts_are_one_valid_page(operator, led):
    text = (await operator.get("/metrics")).text
    assert text.count("# TYPE hedgebot_lease_held gauge") == 1
    assert 'hedgebot_lease_held{account="alice",venue="paper"} 1.0' in text
    assert 'hedgebot_cycle_seconds_count{account="bob",venue="paper"} 0.0' in text
    led.leave("bob", "another process leads it")
    assert 'hedgebot_lease_held{account="bob",venue="paper"} 0.0' in (await operator.get("/metrics")).text


async def test_a_worker_without_accounts_stands_by_and_is_ready(operator):
    led = Led(["alice", "bob"], worker=True)
    transport = httpx.ASGITransport(create_app(led, Door(SecretStr(TOKEN))))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        assert (await client.get("/readyz")).json() == {"ready": True, "checks": []}
        assert (await client.get("/livez")).status_code == 200
