"""A person at a terminal: a folder with a hedge.yaml, the real console script, and bots that run beside it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

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
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, text: str = QUICK, name: str = "hedge.yaml") -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("HEDGEBOT")}
        return {**kept, "COLUMNS": "80", **(more or {})}

    def hb(self, *args: str, env: Mapping[str, str] | None = None, before: Callable[[], None] | None = None) -> Answer:
        """Run `hedgebot` to its end, without a terminal."""
        done = subprocess.run(
            [SCRIPT, *args],
            cwd=self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            preexec_fn=before,
            check=False,
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

    def open_at_venue(self) -> int:
        """Orders that are open in the paper venue's own database."""
        with closing(sqlite3.connect(f"file:{self.folder / 'paper.db'}?mode=ro", uri=True)) as venue:
            return int(venue.execute("SELECT count(*) FROM paper_order WHERE status IN ('OPEN', 'PARTIAL', 'ACKED')").fetchone()[0])


class Running:
    """A bot in a process of its own, whose API answers."""

    def __init__(self, desk: Desk, args: tuple[str, ...]) -> None:
        self.desk = desk
        self.log: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [SCRIPT, "run", "--log-json", *args],
            cwd=desk.folder,
            env=desk.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started = self.read_until("run.started")
        assert started, self.log
        token = (desk.folder / "hedgebot.db.token").read_text("ascii").strip()
        address = (desk.folder / "hedgebot.db.api").read_text("ascii").strip()
        self.api = httpx.Client(base_url=address, headers={"authorization": f"Bearer {token}"}, trust_env=False, timeout=PATIENCE)

    def read_until(self, event: str) -> bool:
        """Read the log up to a line of this event; False at its end. Blocks on the pipe."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            said = json.loads(line) if line.startswith("{") else {"event": line.strip()}
            self.log.append(said)
            if said["event"] == event:
                return True
        return False

    def status(self) -> Any:
        return self.api.get("/api/v1/status").json()

    def until(self, holds: Callable[[Any], bool]) -> Any:
        """The first status of which it holds; every question waits for the bot's answer."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            said = self.status()
            if said["legs"] and holds(said):
                return said
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
        self.read_until("")
        code = self.process.wait(PATIENCE)
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
        if self.process.stderr is not None:
            self.process.stderr.close()
