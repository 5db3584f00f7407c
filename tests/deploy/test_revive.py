"""Who is started again? A program of its own beside a local engine that tells what happened."""

import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.deploy.promql import HERE

RUN = """
import runpy, sys
program = runpy.run_path(sys.argv[1])
program["watch"](sys.argv[2], "myself")
"""


def event(action: str, who: str = "bot", **told: str) -> dict[str, Any]:
    return {"Action": action, "Actor": {"ID": who, "Attributes": {"name": f"hedgebot-{who}-1", **told}}}


def killed(who: str = "bot", *signals: str) -> list[dict[str, Any]]:
    return [*(event("kill", who, signal=signal) for signal in signals), event("die", who, exitCode="137")]


class Engine(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Tells its events and ends them; remembers what it was asked to start."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), Answer)
        self.happened: list[dict[str, Any]] = []
        self.policies: dict[str, str] = {}
        self.gone: set[str] = set()
        self.busy: dict[str, int] = {}  # how often a start is refused first
        self.started: list[str] = []
        self.filters: Any = None


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Engine

    def address_string(self) -> str:
        return "local"

    def log_message(self, *_: object) -> None:
        pass

    def say(self, status: int, body: object = None) -> None:
        said = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path == "/events":
            self.server.filters = json.loads(parse_qs(asked.query)["filters"][0])
            lines = "".join(json.dumps(one) + "\n" for one in self.server.happened).encode()
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(lines), lines))
            return
        who = asked.path.split("/")[2]
        if who in self.server.gone:
            return self.say(404, {"message": "no such container"})
        policy = self.server.policies.get(who, "unless-stopped")
        labels = {"com.docker.compose.project": "mine"}
        self.say(200, {"HostConfig": {"RestartPolicy": {"Name": policy}}, "State": {"Running": False}, "Config": {"Labels": labels}})

    def do_POST(self) -> None:
        who = self.path.split("/")[2]
        if self.server.busy.get(who, 0) > 0:
            self.server.busy[who] -= 1
            return self.say(409, {"message": "is on its way down"})
        self.server.started.append(who)
        self.say(204)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "docker.sock") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def watched(engine: Engine) -> str:
    command = [sys.executable, "-c", RUN, str(HERE / "deploy/revive.py"), str(engine.server_address)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "the engine ended its events" in done.stderr
    return done.stdout


def test_what_was_killed_is_started_again_and_said(engine: Engine):
    engine.happened = killed("bot", "9")
    engine.busy = {"bot": 1}
    assert "hedgebot-bot-1 was killed: started again" in watched(engine)
    assert engine.started == ["bot"]
    assert engine.filters["label"] == ["com.docker.compose.project=mine", "com.docker.compose.oneoff=False"]


@pytest.mark.parametrize(
    "happened",
    [
        killed("bot", "15", "9"),  # docker stop, and it did not hear
        killed("db", "2", "9"),  # the same with another stop signal
        killed("bot"),  # it died by itself: the restart policy's business
        [event("kill", signal="9"), event("start"), *killed("bot")],  # and so it is after it was started again
    ],
)
def test_what_was_told_to_stop_or_died_by_itself_is_left_alone(engine: Engine, happened: list[dict[str, Any]]):
    engine.happened = happened
    watched(engine)
    assert engine.started == []


def test_each_container_is_judged_by_its_own_signals(engine: Engine):
    engine.happened = [event("kill", "bot", signal="15"), event("kill", "db", signal="9"), event("die", "bot"), event("die", "db")]
    watched(engine)
    assert engine.started == ["db"]


def test_one_shots_and_what_was_removed_by_force_are_not_started(engine: Engine):
    engine.happened = [*killed("migrate", "9"), *killed("removed", "9")]
    engine.policies, engine.gone = {"migrate": "no"}, {"removed"}
    watched(engine)
    assert engine.started == []


def test_without_an_engine_it_says_where_it_looked_and_how_to_name_another_place(tmp_path: Path):
    main = RUN.replace('program["watch"](sys.argv[2], "myself")', 'program["main"]()')
    program = subprocess.Popen(
        [sys.executable, "-u", "-c", main, str(HERE / "deploy/revive.py")], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert program.stdout is not None
    said = program.stdout.readline()
    program.kill()
    program.wait()
    program.stdout.close()
    assert "the engine does not answer" in said
    assert "DOCKER_SOCKET_DIR=/its/folder docker compose up -d" in said
