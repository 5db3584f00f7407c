"""`docker compose up -d` in a fresh clone: the paper bag is hedged, watched, switched, killed, stopped. One deployment's life, in order."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.promql import DASHBOARDS, queries
from tests.docker.conftest import Deploy
from tests.docker.deployment import HERE, Deployment, eventually, run, said_in

QUIET = {"Distance to liquidation", "Alerts", "Answer to an order"}  # panels that may rightly be empty
LONG_RUNNING = ("bot", "db", "prometheus", "alertmanager", "revive")
PUBLISHING = {"bot", "prometheus", "alertmanager"}


READ_VENUE = """
import json, sqlite3
venue = sqlite3.connect("file:/data/paper.db?mode=ro", uri=True)
print(json.dumps(venue.execute("SELECT client_id, status FROM paper_order").fetchall()))
"""


def of_venue(said: str) -> list[list[str]]:
    """Client id and status of every order in the paper venue's own database."""
    found: list[list[str]] = json.loads(said)
    return found


@pytest.fixture(scope="module")
def paper(deploy: Deploy) -> Deployment:
    return deploy()


def firing(paper: Deployment, name: str) -> bool:
    alerts = paper.get("ALERTMANAGER", "/api/v2/alerts")
    return any(alert["labels"]["alertname"] == name and alert["status"]["state"] == "active" for alert in alerts)


def no_order_twice(paper: Deployment) -> None:
    """Every order on record is one order at the venue, and the venue has none that is not on record."""
    at_venue = Counter(client_id for client_id, _ in of_venue(paper.good("exec", "-T", "bot", "python", "-c", READ_VENUE)))
    orders = paper.orders()  # read last: what the venue had before is on record by now
    assert max(Counter(order["client_id"] for order in orders).values()) == 1
    assert max(at_venue.values()) == 1
    assert set(at_venue) <= {order["client_id"] for order in orders}


def test_it_is_healthy_within_a_minute_of_up(paper: Deployment):
    assert paper.up() <= 60
    assert {paper.state(service)["Status"] for service in LONG_RUNNING} == {"running"}
    for one_shot in ("secrets", "migrate"):
        assert (paper.state(one_shot)["Status"], paper.state(one_shot)["ExitCode"]) == ("exited", 0)


def test_paper_is_armed_and_aligns(paper: Deployment):
    status = paper.aligned()
    assert (status["mode"], status["armed"], status["venue"]) == ("live", True, "paper")
    assert abs(float(status["legs"][0]["ratio_actual"]) - 1) <= 0.005
    no_order_twice(paper)


@pytest.mark.parametrize("service", LONG_RUNNING)
def test_every_container_is_held_down(paper: Deployment, service: str):
    host: dict[str, Any] = paper.inspect(service)["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["Privileged"] is False
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    bindings = [binding for listed in host["PortBindings"].values() for binding in listed]
    assert all(binding["HostIp"] == "127.0.0.1" for binding in bindings)
    assert bool(bindings) is (service in PUBLISHING)


def test_the_bot_runs_as_nobody_else_and_may_write_its_data_only(paper: Deployment):
    inspected = paper.inspect("bot")
    assert inspected["Config"]["User"] == "10001:10001"
    assert inspected["HostConfig"]["CapAdd"] is None
    assert inspected["Config"]["StopTimeout"] == 90
    writable = {mount["Destination"] for mount in inspected["Mounts"] if mount["RW"]}
    assert writable == {"/data"}
    assert inspected["Config"]["Labels"]["org.opencontainers.image.title"] == "hedgebot"
    assert inspected["Config"]["Entrypoint"] == ["hedgebot"]
    for folder in ("/config", "/run/secrets", "/opt/hedgebot", "/"):
        refused = paper.compose("exec", "-T", "bot", "touch", f"{folder}/x")
        assert refused.code != 0
        assert "Read-only file system" in refused.text or "Permission denied" in refused.text
    held = paper.good("exec", "-T", "bot", "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in held
    assert "NoNewPrivs:\t1" in held


def test_no_password_of_another_reaches_the_bot(paper: Deployment):
    assert paper.good("exec", "-T", "bot", "ls", "/run/secrets").split() == ["api.token", "audit.password"]
    inspected = json.dumps(paper.inspect("bot")) + paper.log("bot")
    for name in ("api.token", "audit.password"):
        word = paper.good("exec", "-T", "bot", "cat", f"/run/secrets/{name}").strip()
        assert len(word) == 64
        assert word not in inspected


def test_the_bots_database_user_cannot_change_the_record(paper: Deployment):
    change = (
        "import psycopg; c = psycopg.connect(host='db', user='hedgebot', dbname='hedgebot_paper',"
        " password=open('/run/secrets/audit.password').read()); print(c.execute('SELECT count(*) FROM entries').fetchone());"
        " c.execute('DELETE FROM entries')"
    )
    said = paper.compose("exec", "-T", "bot", "python", "-c", change)
    assert said.code != 0
    assert "permission denied for table entries" in said.text


def test_prometheus_finds_the_bot_through_dns_and_scrapes_it(paper: Deployment):
    up = eventually(lambda: paper.query('up{job="hedgebot"} == 1'), 30, "a scrape")
    assert len(up) == 1
    eventually(lambda: paper.query("hedgebot_audit_seq > 1"), 30, "audit_seq")
    loaded = {rule["name"] for group in paper.get("PROMETHEUS", "/api/v1/rules")["data"]["groups"] for rule in group["rules"]}
    assert "HedgeDrift" in loaded
    eventually(lambda: paper.get("PROMETHEUS", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"], 30, "an Alertmanager is found")


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_runs_and_shows_something(paper: Deployment, path: Any):
    for title, query in queries(path):
        if title in QUIET:
            paper.query(query)
        else:  # a rate wants two scrapes, and a recorded one an evaluation after them
            eventually(lambda query=query: paper.query(query), 30, f"{title}: {query} shows something")


def test_a_drift_reaches_the_alertmanager_within_two_minutes(paper: Deployment):
    paper.aligned()
    eventually(lambda: not paper.query('ALERTS{alertname="HedgeDrift"}'), 120, "the drift of the first hedge is over, also as pending")
    eventually(lambda: not firing(paper, "HedgeDrift"), 400, "and told no more")
    paper.say("pause")
    paper.say("target", "set", "BTC", "0.5")
    began = time.monotonic()
    eventually(lambda: firing(paper, "HedgeDrift"), 120, "HedgeDrift in the Alertmanager")
    assert time.monotonic() - began >= 55  # for: 1m
    paper.say("target", "clear", "BTC")
    paper.say("resume")
    paper.aligned()
    eventually(lambda: not firing(paper, "HedgeDrift"), 400, "the alert is resolved")


def test_dry_run_is_switched_by_command_and_by_the_api_and_survives_a_restart(paper: Deployment):
    paper.say("dry-run", "on")
    assert paper.ask("status")["armed"] is False
    paper.good("restart", "bot")
    paper.healthy()
    assert paper.ask("status")["armed"] is False
    token = paper.good("exec", "-T", "bot", "cat", "/run/secrets/api.token").strip()
    url = f"http://127.0.0.1:{paper.ports['HEDGEBOT']}/api/v1/dry-run"
    with httpx.Client(trust_env=False, timeout=15) as client:
        assert client.post(url, json={"on": False}).status_code == httpx.codes.UNAUTHORIZED
        assert client.post(url, json={"on": False}, headers={"authorization": f"Bearer {token}"}).status_code == httpx.codes.OK
    assert paper.ask("status")["armed"] is True


def at_work(paper: Deployment, ratio: str) -> None:
    """A change of several orders was asked for, and the first of them is on record."""
    before = len(paper.orders())
    paper.say("target", "set", "BTC", ratio)
    eventually(lambda: len(paper.orders()) > before, 60, "an order")


def crashed(paper: Deployment, service: str) -> None:
    before = paper.inspect(service)["RestartCount"]
    paper.kill_main_process(service)
    eventually(
        lambda: (now := paper.inspect(service))["RestartCount"] > before and now["State"]["Running"], 60, f"Docker starts {service} again"
    )


def the_record_grows(paper: Deployment) -> None:
    """The bot itself writes, and that is more than a health of before the crash can tell."""

    def newest() -> int:
        said = paper.hb("audit", "tail", "-n", "1", "--json")
        return int(json.loads(said.out)["entries"][0]["seq"]) if said.code == 0 else 0

    before = eventually(newest, 60, "the record is read")
    eventually(lambda: newest() > before, 90, "the record grows")  # a decision is due once a minute


def test_a_crash_of_the_bot_in_the_middle_of_its_work_needs_nobody(paper: Deployment):
    at_work(paper, "0.2")
    crashed(paper, "bot")
    paper.healthy()
    assert paper.aligned()["armed"] is True
    no_order_twice(paper)


def test_a_crash_of_the_database_in_the_middle_of_the_work_needs_nobody(paper: Deployment):
    at_work(paper, "1")
    bot = paper.id("bot")
    crashed(paper, "db")
    paper.healthy("db")
    the_record_grows(paper)
    paper.healthy()
    assert paper.aligned()["armed"] is True
    assert paper.id("bot") == bot
    assert paper.state("bot")["Running"]
    no_order_twice(paper)


@pytest.mark.parametrize("service", ["bot", "db"])
def test_what_was_killed_through_docker_in_the_middle_of_the_work_comes_back_by_itself_and_goes_on(paper: Deployment, service: str):
    at_work(paper, "0.2" if service == "bot" else "1.0")
    began = paper.state(service)["StartedAt"]
    paper.engine.good("kill", "-s", "KILL", paper.id(service))
    eventually(lambda: (now := paper.state(service))["StartedAt"] != began and now["Running"], 60, f"{service} is started again")
    paper.healthy("db")
    the_record_grows(paper)
    paper.healthy()
    assert paper.aligned()["armed"] is True
    no_order_twice(paper)
    said = f"{paper.name}-{service}-1 was killed: started again"
    eventually(lambda: said in paper.log("revive"), 10, f"{said}, by revive")


def test_what_starts_the_killed_again_has_no_network_and_no_capability(paper: Deployment):
    inspected = paper.inspect("revive")
    assert (inspected["HostConfig"]["NetworkMode"], inspected["HostConfig"]["CapAdd"]) == ("none", None)
    assert {mount["Destination"] for mount in inspected["Mounts"] if mount["RW"]} == set()


def test_the_record_verifies_after_all_that(paper: Deployment):
    assert paper.say("audit", "verify").startswith("good")


def test_stop_leaves_no_open_order_and_exits_with_0(paper: Deployment):
    at_work(paper, "0.2")
    paper.engine.good("stop", "-t", "90", paper.id("bot"))
    assert (paper.state("bot")["ExitCode"], paper.state("bot")["Running"]) == (0, False)  # and it stays down
    assert "no own order is open" in paper.log("bot")
    orders = of_venue(paper.good("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", "bot", "-c", READ_VENUE))
    assert orders
    assert {status for _, status in orders} <= {"FILLED", "CANCELLED", "EXPIRED", "REJECTED"}


def test_the_record_is_copied_beside_the_bot_and_pruned_by_the_owner_only(paper: Deployment, tmp_path: Path):
    tmp_path.chmod(0o777)
    prune = ["audit", "prune", "--before", "2999-01-01", "--archive", "/backups/old.db"]
    mounted = ["run", "--rm", "-T", "--no-deps", "-v", f"{tmp_path}:/backups"]
    refused = paper.compose(*mounted, "migrate", *prune)
    assert (refused.code, "hedgebot may add to the record and drop nothing from it" in refused.text) == (4, True), refused.text
    said = paper.good(*mounted, "migrate", *prune, "--admin-password-file", "/run/passwords/postgres")
    assert "/backups/old.db holds them, verified" in said
    paper.good("up", "-d")
    paper.healthy()
    assert paper.aligned()["armed"] is True
    assert paper.say("audit", "verify").startswith("good")
    assert "and verified" in paper.say("backup", "/data/copy.db")
    no_order_twice(paper)


def test_the_copy_is_restored_by_the_commands_in_the_docs_and_the_bot_goes_on_where_it_ended(paper: Deployment):
    copy = paper.clone / "before.db"
    paper.good("cp", "bot:/data/copy.db", str(copy))
    section = (HERE / "docs/deployment.md").read_text("utf-8").partition("\n## Restore\n")[2].partition("\n## ")[0]
    commands = [line.removeprefix("$ ").partition("   #")[0].strip() for line in section.splitlines() if line.startswith("$ ")]
    assert len(commands) == 6
    before = paper.leg()["position_usd"]
    try:
        for command in commands:
            said = run(["sh", "-c", command], env=paper.env, cwd=paper.clone)
            assert said.code == 0, f"{command}: exit {said.code}: {said.text}"
    finally:
        copy.unlink()
    paper.healthy()
    assert paper.aligned()["legs"][0]["position_usd"] == before
    assert paper.say("audit", "verify").startswith("good")
    no_order_twice(paper)


def test_the_kill_file_of_the_docs_stops_a_bot_that_need_not_answer(paper: Deployment):
    (command,) = set(said_in("deployment.md", "docker compose exec bot touch"))
    assert command in (HERE / "docs/runbook.md").read_text("utf-8")
    said = run(["sh", "-c", command], env=paper.env, cwd=paper.clone)
    assert said.code == 0, said.text
    eventually(lambda: paper.ask("status")["state"] == "HALTED", 30, "the bot is halted")
    paper.say("rearm", "--reason", "seen")
