"""What a person gets wrong with containers: secrets, ports, volumes, a missing database. Each has its message and its exit code."""

import os
import re
import socket
from pathlib import Path

import pytest

from tests.docker.conftest import Deploy
from tests.docker.deployment import Deployment, Said, eventually, said_in

OWN_FILES = "audit.url=sqlite:////tmp/a.db", "paper.url=sqlite:////tmp/p.db", "kill_file=/tmp/k"


@pytest.fixture(scope="module")
def up(deploy: Deploy) -> Deployment:
    deployment = deploy()
    deployment.up()
    return deployment


def second(up: Deployment, *options: str, sets: tuple[str, ...] = ()) -> Said:
    """Another bot in a container of its own, beside whatever runs; its log is one line for each event."""
    words = [word for key in sets for word in ("--set", key)]
    return up.compose("run", "--rm", "-T", "--no-deps", *options, "bot", "run", "--once", "--timeout", "20", *words)


def errors(said: Said) -> str:
    """What the person reads, without what the log says before."""
    return " ".join(re.findall(r"error:? .*", said.text))


def test_a_volume_that_cannot_be_written_is_named_with_the_uid(up: Deployment, tmp_path: Path):
    tmp_path.chmod(0o755)
    said = second(up, "-v", f"{tmp_path}:/data", sets=OWN_FILES[:1])
    assert said.code == 4, said.text
    assert "lies in /data, where this user may not write: it belongs to uid 0, and this is uid 10001; " in said.text
    assert "chown 10001 /data" in said.text


def test_a_taken_port_inside_ends_the_run_before_anything_is_traded(up: Deployment):
    words = [word for key in OWN_FILES for word in ("--set", key)]
    said = up.hb("run", "--once", *words)
    assert said.code == 1, said.text
    assert "port 8080 on 0.0.0.0 is taken" in said.text


def test_a_taken_port_outside_is_named_by_docker_and_the_rest_stays_up(deploy: Deploy):
    other = deploy()
    with socket.create_server(("127.0.0.1", other.ports["HEDGEBOT"])):
        said = other.compose("up", "-d")
        assert said.code != 0
        assert str(other.ports["HEDGEBOT"]) in said.text
    assert other.up() < 60
    other.down()


def test_a_second_bot_finds_the_account_led(up: Deployment):
    said = second(up)
    assert said.code == 3, said.text
    assert "already led by" in said.text


@pytest.mark.parametrize(
    ("word", "expected"), [("", "is empty"), ("wrong", "the server refused the user or password; check HEDGEBOT__AUDIT__PASSWORD_FILE")]
)
def test_a_wrong_password_file_is_named(up: Deployment, tmp_path: Path, word: str, expected: str):
    (tmp_path / "audit.password").write_text(word)
    tmp_path.chmod(0o755)
    said = second(up, "-v", f"{tmp_path}:/run/secrets:ro")
    assert said.code == 4, said.text
    assert expected in said.text
    assert not word or word not in errors(said).split()


def test_a_missing_password_file_is_named(up: Deployment, tmp_path: Path):
    tmp_path.chmod(0o755)
    said = second(up, "-v", f"{tmp_path}:/run/secrets:ro")
    assert said.code == 4, said.text
    assert "HEDGEBOT__AUDIT__PASSWORD_FILE" in said.text
    named = second(up, "-v", f"{tmp_path}:/run/secrets:ro", "-e", "HEDGEBOT__AUDIT__PASSWORD_FILE=/run/secrets/nothing")
    assert named.code == 4
    assert "/run/secrets/nothing, which cannot be read (No such file or directory)" in named.text


def test_a_file_that_is_no_key_is_left_alone_and_said(up: Deployment):
    stray = up.clone / "secrets" / "venue.apikey"
    stray.write_text("word of another program")
    try:
        said = up.compose("run", "--rm", "-T", "secrets")
    finally:
        stray.unlink()
    assert said.code == 0
    assert "venue.apikey in ./secrets is not a key" in said.text or "./secrets/venue.apikey is not a key" in said.text
    assert "word of another program" not in said.text
    assert "venue.apikey" not in up.good("exec", "-T", "bot", "ls", "/run/secrets")


def test_what_else_an_operator_gives_is_handed_over_and_taken_back(up: Deployment):
    given = up.clone / "secrets" / "notify.warning_urls"
    given.write_text("json://127.0.0.1:9/nobody\n")
    try:
        up.good("run", "--rm", "-T", "secrets")
        told = up.compose("run", "--rm", "-T", "--no-deps", "bot", "notify", "test")
        assert (told.code, "NOT sent" in told.out) == (1, True), told.text
    finally:
        given.unlink()
    up.good("run", "--rm", "-T", "secrets")
    assert up.good("exec", "-T", "bot", "ls", "/run/secrets").split() == ["api.token", "audit.password"]


def test_a_volume_of_somebody_else_is_given_to_the_bot_by_the_command_in_the_docs(up: Deployment, tmp_path: Path):
    """Not root's, and closed to all others: root without its capabilities cannot even list it."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "hedge").write_text("")
    for path in (folder / "hedge", folder):
        os.chown(path, 1000, 1000)
    words = said_in("deployment.md", "docker compose run --rm --no-deps --user 0")[0].split()[2:]
    assert words[-2:] == ["10001:10001", "/data"]
    at = words.index("--no-deps")
    up.good(*words[:at], "-T", "-v", f"{folder}:/data", *words[at:])
    assert {path.stat().st_uid for path in (folder, folder / "hedge")} == {10001}


def test_without_a_database_it_says_so_and_goes_on_by_itself_once_there_is_one(up: Deployment):
    up.good("stop", "db", timeout=200)
    seen = up.hb("status")
    assert (seen.code, "this is what the bot on this machine says" in seen.err) == (0, True), seen.text
    up.good("stop", "bot", timeout=200)
    said = second(up)
    assert said.code in (1, 4), said.text
    assert re.search("the server does not answer|could not be found|Name or service not known|resolve host", said.text), said.text
    up.engine.good("start", up.id("bot"))
    eventually(lambda: up.inspect("bot")["RestartCount"] > 0, 60, "the bot has ended for want of a database, and Docker started it again")
    up.engine.good("start", up.id("db"))
    up.healthy("db")
    up.healthy()
