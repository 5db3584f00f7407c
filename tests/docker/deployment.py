"""A deployment as a user has it: a fresh clone of what is committed, `docker compose` in it, and what a person would look at."""

import json
import os
import re
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

HERE: Final = Path(__file__).parent.parent.parent
BUILD_SECONDS: Final = 1500
COMMAND_SECONDS: Final = 180
PUBLISHED: Final = ("HEDGEBOT", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def eventually(what: Callable[[], T | None], within: float, of: str) -> T:
    """The first answer that is worth something. Raise AssertionError, naming what was waited for."""
    deadline = time.monotonic() + within
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:.0f} s: {of}")
        time.sleep(0.5)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None, timeout: float = COMMAND_SECONDS) -> Said:
    done = subprocess.run(
        command, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


@dataclass(slots=True)
class Engine:
    """The container engine of this machine, as `docker` reaches it."""

    env: dict[str, str]

    @property
    def socket_folder(self) -> dict[str, str]:
        """Where it listens, if it was told by DOCKER_HOST: as a user with such an engine would say it."""
        kind, _, path = self.env.get("DOCKER_HOST", "").partition("://")
        return {"DOCKER_SOCKET_DIR": str(Path(path).parent)} if kind == "unix" else {}

    def docker(self, *args: str, timeout: float = COMMAND_SECONDS) -> Said:
        return run(["docker", *args], env=self.env, timeout=timeout)

    def good(self, *args: str, timeout: float = COMMAND_SECONDS) -> str:
        said = self.docker(*args, timeout=timeout)
        assert said.code == 0, f"docker {' '.join(args)}: exit {said.code}\n{said.text[-3000:]}"
        return said.out


@dataclass(slots=True)
class Deployment:
    """One Compose project of its own: its own names, ports and volumes."""

    engine: Engine
    clone: Path
    files: tuple[str, ...] = ("docker-compose.yml",)
    given: dict[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"hbtest{secrets.token_hex(3)}")
    ports: dict[str, int] = field(
        default_factory=lambda: {name: free_port() for name in ("HEDGEBOT", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")}
    )

    @property
    def env(self) -> dict[str, str]:
        """What a user's shell holds, and ports that nobody else has."""
        ports = {f"{name}_PORT": str(port) for name, port in self.ports.items()}
        own = {"COMPOSE_PROJECT_NAME": self.name, "HEDGEBOT_VERSION": "test", "COLUMNS": "200"}
        return {**self.engine.env, **self.engine.socket_folder, **own, **ports, **self.given}

    def compose(self, *args: str, timeout: float = COMMAND_SECONDS) -> Said:
        files = [word for file in self.files for word in ("-f", file)]
        return run(["docker", "compose", *files, *args], env=self.env, cwd=self.clone, timeout=timeout)

    def good(self, *args: str, timeout: float = COMMAND_SECONDS) -> str:
        said = self.compose(*args, timeout=timeout)
        if said.code != 0:
            last_words = "\n".join(self.log(service)[-2000:] for service in ("migrate", "bot"))
            raise AssertionError(f"docker compose {' '.join(args)}: exit {said.code}\n{said.text[-3000:]}\n{last_words}")
        return said.out

    # ------------------------------------------------------------------------------------------------ what a person types

    def up(self) -> float:
        """`docker compose up -d`, until the bot is healthy; how many seconds that took."""
        began = time.monotonic()
        self.good("up", "-d")
        self.healthy()
        return time.monotonic() - began

    def down(self) -> None:
        self.compose("down", "-v", "--remove-orphans", "-t", "5")

    def hb(self, *args: str) -> Said:
        return self.compose("exec", "-T", "bot", "hedgebot", *args)

    def say(self, *args: str) -> str:
        said = self.hb(*args)
        assert said.code == 0, f"hedgebot {' '.join(args)}: exit {said.code}: {said.text}"
        return said.out

    def ask(self, *args: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.say(*args, "--json"), parse_float=Decimal)
        return answer

    def log(self, service: str) -> str:
        return self.compose("logs", "--no-log-prefix", service).text

    # ------------------------------------------------------------------------------------------------ what there is to see

    def id(self, service: str) -> str:
        return self.good("ps", "-aq", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.good("inspect", self.id(service)))[0]
        return found

    def state(self, service: str) -> dict[str, Any]:
        state: dict[str, Any] = self.inspect(service)["State"]
        return state

    def health(self, service: str = "bot") -> str:
        return str(self.state(service).get("Health", {}).get("Status", ""))

    def healthy(self, service: str = "bot", within: float = 180) -> None:
        try:
            eventually(lambda: self.health(service) == "healthy", within, f"{service} is healthy")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.log(service)[-3000:]}") from None

    def get(self, name: str, path: str, **parameters: str) -> Any:
        """An answer of one of the published ports, as JSON."""
        answer = httpx.get(f"http://127.0.0.1:{self.ports[name]}{path}", params=parameters, timeout=10, trust_env=False)
        return answer.raise_for_status().json()

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = self.get("PROMETHEUS", "/api/v1/query", query=expression)
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def leg(self) -> dict[str, Any]:
        leg: dict[str, Any] = self.ask("status")["legs"][0]
        return leg

    def aligned(self, within: float = 240) -> dict[str, Any]:
        """The status once every leg is aligned."""

        def look() -> dict[str, Any] | None:
            said = self.hb("status", "--json")
            status = json.loads(said.out) if said.code == 0 else {"legs": []}
            return status if status["legs"] and all(leg["aligned"] for leg in status["legs"]) else None

        try:
            return eventually(look, within, "the hedge is aligned")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.hb('status').text}\n{self.log('bot')[-4000:]}") from None

    def orders(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("orders", "-n", "1000")["orders"]
        return found

    def kill_main_process(self, service: str) -> None:
        """A crash, not an order: the process dies under Docker's hands. (`docker kill` would tell Docker to leave it down.)"""
        os.kill(int(self.state(service)["Pid"]), 9)


def said_in(page: str, beginning: str) -> list[str]:
    """Commands that a page of the docs tells to type, in backticks or in a block, as they stand there."""
    text = (HERE / "docs" / page).read_text("utf-8").replace("\\\n", " ")
    lines = [line.removeprefix("$ ").partition("   #")[0].strip() for line in text.splitlines() if line.startswith("$ ")]
    found = [command for command in [*lines, *re.findall(r"`([^`\n]+)`", text)] if command.startswith(beginning)]
    assert found, f"docs/{page} tells no {beginning} any more"
    return found


def clone_of_head(folder: Path) -> Path:
    """What is committed, and nothing else: no untracked file, no virtual environment."""
    clone = folder / "hedgebot"
    subprocess.run(["git", "clone", "-q", "--depth", "1", HERE.as_uri(), str(clone)], check=True, capture_output=True)
    return clone
