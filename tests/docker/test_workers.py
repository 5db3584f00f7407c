"""Several accounts, shared out among containers that publish no port: `--profile workers up -d --scale bot=0 --scale worker=2`."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.docker.conftest import Deploy
from tests.docker.deployment import Deployment, eventually

ACCOUNTS = """
accounts:
  club: {bag: {BTC: {coins: 1}}}
  company: {hedges: {BTC: {ratio: 0.5}}}
  family: {}
"""


@pytest.fixture(scope="module")
def crew(deploy: Deploy, clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    mine = tmp_path_factory.mktemp("crew") / "hedgebot"
    shutil.copytree(clone, mine)
    config = mine / "deploy/config/paper.yaml"
    config.write_text(config.read_text("utf-8") + ACCOUNTS, "utf-8")
    deployment = deploy(given={"COMPOSE_PROFILES": "workers"})
    deployment.clone = mine
    deployment.good("up", "-d", "--scale", "bot=0", "--scale", "worker=2")
    return deployment


def leaders(crew: Deployment) -> dict[str, str]:
    """Account and the container that leads it."""
    said = crew.compose("exec", "-T", "worker", "hedgebot", "workers", "--json")
    listed: list[dict[str, Any]] = json.loads(said.out)["workers"] if said.code == 0 else []
    return {one["account"]: one["holder"].rpartition(" ")[2] for one in listed if one["holder"]}


def containers(crew: Deployment) -> list[str]:
    return [each[:12] for each in crew.good("ps", "-q", "worker").split()]


def test_two_workers_lead_every_account_once_and_none_publishes_a_port(crew: Deployment):
    led = eventually(lambda: found if len(found := leaders(crew)) == 3 else None, 90, "every account is led")
    assert set(led.values()) <= set(containers(crew))  # how many each depends on who came first
    for worker in containers(crew):
        host = json.loads(crew.engine.good("inspect", worker))[0]["HostConfig"]
        assert host["PortBindings"] in ({}, None)
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])


def test_prometheus_finds_both_through_dns_and_sees_each_account_once(crew: Deployment):
    eventually(lambda: len(crew.query('up{job="hedgebot"} == 1')) == 2, 60, "two scrapes")
    seen = eventually(lambda: found if len(found := crew.query("hedgebot_audit_seq")) == 3 else None, 60, "a series for each account")
    assert sorted(one["metric"]["account"] for one in seen) == ["club", "company", "family"]


def test_the_accounts_of_a_stopped_worker_are_led_by_the_other(crew: Deployment):
    stopped = eventually(lambda: leaders(crew).get("family"), 30, "the account is led")
    (left,) = set(containers(crew)) - {stopped}
    crew.engine.good("stop", "-t", "90", stopped)
    assert json.loads(crew.engine.good("inspect", stopped))[0]["State"]["ExitCode"] == 0
    asked = ["exec", left, "hedgebot", "workers", "--json"]

    def led() -> bool:
        said = crew.engine.docker(*asked)
        listed = json.loads(said.out)["workers"] if said.code == 0 else []
        return len(listed) == 3 and all((one["holder"] or "").endswith(left) for one in listed)

    eventually(led, 60, "one worker leads all")
