"""A person at a terminal: a folder with a hedge.yaml, the real console script, and bots that run beside it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.cli.forks import Forks

SCRIPT = str(Path(sys.executable).with_name("hedgebot"))
PATIENCE = 30.0
COLOUR = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")

QUICK = """\
version: 1
mode: live
cycle_seconds: 0.2
bag: {BTC: {coins: 2}}
hedges: {BTC: {ratio: 1.0}}
paper: {price: {BTC: 60000}, collateral: {BTC: 3}}
band: {cooldown_seconds: 0.2}
execution: {order_ttl_seconds: 0.5, cross_after_seconds: 0.5}
risk: {max_orders_per_minute: 1000}
api: {port: 0}
"""
# an order of this bot rests for as long as a test takes: pieces of 2,000 USD, a wide spread, and no crossing
PATIENT = (
    QUICK.replace("execution: {order_ttl_seconds: 0.5, cross_after_seconds: 0.5}", "execution: {order_ttl_seconds: 600, "
    "cross_after_seconds: 600, max_order_usd: 2000}").replace("collateral: {BTC: 3}}", "collateral: {BTC: 3}, spread_bps: 100}")
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Desk:
    def __init__(self, folder: Path, forks: Forks) -> None:
        self.folder, self.forks = folder, forks
        self.libuv = True  # whether a bot that is started can import uvloop

    def write(self, text: str = QUICK, name: str = "hedge.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("HEDGEBOT")}
        return {**kept, "COLUMNS": "80", **(more or {})}

    def hb(self, *args: str, env: Mapping[str, str] | None = None, largest_file: int | None = None) -> Answer:
        """Run `hedgebot` to its end in a process of its own, without a terminal; no file may grow beyond `largest_file` bytes."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            request = {"args": args, "folder": str(self.folder), "env": self.environment(env), "out": str(out), "err": str(err)}
            code = self.forks.run({**request, "largest_file": largest_file})
            return Answer(code, COLOUR.sub("", out.read_text("utf-8")), COLOUR.sub("", err.read_text("utf-8")))

    def script(self, *args: str) -> Answer:
        """The same by the installed console script."""
        command = [SCRIPT, *args]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        return Answer(done.returncode, COLOUR.sub("", done.stdout), COLOUR.sub("", done.stderr))

    def good(self, *args: str) -> Answer:
        """As `hb`, and it must go well."""
        answer = self.hb(*args)
        assert answer.code == 0, (args, answer)
        return answer

    def json(self, *args: str) -> Any:
        return self.good(*args, "--json").json

    def start(self, *args: str) -> "Running":
        return Running(self, args)

    def sent(self) -> int:
        """Orders on record that were more than a plan."""
        with closing(sqlite3.connect(f"file:{self.folder / 'hedgebot.db'}?mode=ro", uri=True)) as record:
            return int(record.execute("SELECT count(*) FROM orders WHERE status <> 'DRY_RUN'").fetchone()[0])

    def open_at_venue(self) -> int:
        """Orders that are open in the paper venue's own database."""
        with closing(sqlite3.connect(f"file:{self.folder / 'paper.db'}?mode=ro", uri=True)) as venue:
            return int(venue.execute("SELECT count(*) FROM paper_order WHERE status IN ('OPEN', 'PARTIAL', 'ACKED')").fetchone()[0])


def without_uvloop(folder: Path) -> Path:
    """A place for PYTHONPATH where it is not installed."""
    place = folder / "without"
    place.mkdir(exist_ok=True)
    (place / "uvloop.py").write_text("raise ImportError('not here')\n", "ascii")
    return place


class Running:
    """A bot in a process of its own, whose API answers."""

    def __init__(self, desk: Desk, args: tuple[str, ...]) -> None:
        self.desk = desk
        self.log: list[dict[str, Any]] = []
        self.ended_reading = False
        self.process = subprocess.Popen(
            [SCRIPT, "run", "--log-json", *args],
            cwd=desk.folder,
            env=desk.environment({} if desk.libuv else {"PYTHONPATH": str(without_uvloop(desk.folder))}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.heard = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        with self.heard:
            begun = self.heard.wait_for(lambda: self.ended_reading or "run.started" in self.events(), PATIENCE)
        if not begun:
            self.process.kill()  # nobody enters this context, so nobody would end it
            raise AssertionError(self.log)
        assert "run.started" in self.events(), self.log
        token = (desk.folder / "hedgebot.db.token").read_text("ascii").strip()
        address = (desk.folder / "hedgebot.db.api").read_text("ascii").strip()
        self.api = httpx.Client(base_url=address, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=PATIENCE)

    def read(self) -> None:
        """Every line of the log as it comes: a full pipe would stop the bot."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.heard:
                self.log.append(json.loads(line) if line.startswith("{") else {"event": line.strip()})
                self.heard.notify_all()
        with self.heard:
            self.ended_reading = True
            self.heard.notify_all()

    def events(self) -> list[str]:
        return [str(line["event"]) for line in self.log]

    def status(self) -> Any:
        return self.api.get("/api/v1/status").json()

    def until(self, holds: Callable[[Any], bool]) -> Any:
        """The first status of which it holds; asked again whenever the bot has logged something, and ten times a second."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            said = self.status()
            if said["legs"] and holds(said):
                return said
            with self.heard:
                self.heard.wait(0.1)
        raise AssertionError(f"never came true: {said}")

    def cycles(self, count: int) -> None:
        """Let the bot look at its venue so often."""
        seen = {self.status()["as_of"]}
        self.until(lambda said: bool(seen.add(said["as_of"])) or len(seen) > count)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.api.close()
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.api.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(PATIENCE)
        if self.process.stderr is not None:
            self.process.stderr.close()
