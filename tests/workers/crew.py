"""Bots that are processes of their own, on one PostgreSQL server and the paper exchange: started, stopped, woken and killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from bot.audit import database
from bot.audit.lease import LOCK_NAME, key_of
from bot.audit.store import Store
from bot.core.events import IntentRecorded, RunStarted
from bot.workers import WORKERS_KEY

SCRIPT = str(Path(sys.executable).with_name("hedgebot"))
PATIENCE = 240.0
SHARED = """\
version: 1
mode: live
cycle_seconds: 1
hedges: {BTC: {ratio: 1.0}}
paper: {price: {BTC: 60000}, collateral: {BTC: 3}, spread_bps: 100}
execution: {order_ttl_seconds: 600, cross_after_seconds: 600, max_order_usd: 2000}
api: {port: 0}
"""


class Process:
    """`hedgebot run …` and what it said."""

    def __init__(self, folder: Path, url: str, *args: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("HEDGEBOT")}
        self.log: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [SCRIPT, "run", "--log-json", *args],
            cwd=folder,
            env={**kept, "HEDGEBOT__AUDIT__URL": url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(json.loads(line) if line.startswith("{") else {"event": line.strip()})

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in list(self.log) if line["event"] == event]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code


class Crew:
    """Processes over one configuration and one server; none outlives the test."""

    def __init__(self, folder: Path, url: str, accounts: dict[str, str]) -> None:
        """`accounts`: name and what stands under it; a single "" runs without `accounts:`."""
        self.folder, self.url = folder, url.replace(":@", "@")  # no empty password in it
        self.accounts = [name or "main" for name in accounts]
        named = "".join(f"  {name}: {{{own}}}\n" for name, own in accounts.items() if name)
        (folder / "hedge.yaml").write_text(SHARED + (f"accounts:\n{named}" if named else f"{accounts['']}\n"), "utf-8")
        database.upgrade(url)
        self.processes: list[Process] = []
        self.server = psycopg.connect(url, autocommit=True)

    def start(self, *args: str) -> Process:
        process = Process(self.folder, self.url, *args)
        self.processes.append(process)
        return process

    def start_at_once(self, count: int) -> list[Process]:
        """So many workers, none of which looks before all of them are alive."""
        self.server.execute("SELECT pg_advisory_lock(%s)", (WORKERS_KEY,))
        workers = [self.start("--worker", "--live") for _ in range(count)]
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND mode = 'ShareLock'"
        self.until(lambda: self.server.execute(waiting).fetchall() == [(count,)], "all wait to join")
        self.server.execute("SELECT pg_advisory_unlock(%s)", (WORKERS_KEY,))
        return workers

    def led_again_after(self, dead: Process) -> float:
        """Kill a worker, and say after how many seconds others lead all that it led."""
        dead.signal(signal.SIGKILL)
        began = time.monotonic()
        mark = f"pid {dead.pid} "

        def all_led() -> bool:
            holders = self.holders()
            return len(holders) == len(self.accounts) and not any(mark in name for name in holders.values())

        self.until(all_led, "led again")
        return time.monotonic() - began

    def holders(self) -> dict[str, str]:
        """The process that holds the lock of each account: what the server says, not what anybody wrote down."""
        keys = {key_of(f"{LOCK_NAME} {account}"): account for account in self.accounts}
        found = self.server.execute(
            "SELECT (l.classid::bigint << 32) | l.objid::bigint, s.application_name, a.holder, a.account FROM pg_locks l"
            " JOIN pg_stat_activity s ON s.pid = l.pid LEFT JOIN accounts a ON a.session = s.application_name"
            " WHERE l.locktype = 'advisory' AND l.granted AND l.mode = 'ExclusiveLock'"
        ).fetchall()
        led = [(keys[key], holder) for key, _, holder, account in found if key in keys and account == keys[key]]
        assert len(led) == len({account for account, _ in led}), f"an account is led twice: {led}"
        return dict(led)

    def spread(self) -> Counter[str]:
        return Counter(self.holders().values())

    def until(self, holds: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            alive = any(process.process.poll() is None for process in self.processes)
            assert alive, (what, [process.log[-3:] for process in self.processes])
            assert time.monotonic() < deadline, (what, self.holders(), [process.log[-3:] for process in self.processes])
            time.sleep(0.05)

    def epochs(self, account: str) -> list[int]:
        """Of the starts on record. Raise AssertionError if anything was intended under another epoch than that of the last start."""
        with closing(Store.read(self.url, account=account, venue="paper")) as store:
            epochs = [0]
            for row in store.entries(kinds=("RunStarted", "IntentRecorded")):
                event = row.event
                if isinstance(event, RunStarted):
                    assert event.epoch > epochs[-1]
                    epochs.append(event.epoch)
                elif isinstance(event, IntentRecorded):
                    assert event.epoch == epochs[-1]
        return epochs[1:]

    def close(self) -> None:
        for process in self.processes:
            if process.process.poll() is None:
                process.process.kill()
            process.ended()
            assert process.process.stderr is not None
            process.process.stderr.close()
        self.server.close()
