"""What does a durable row of the record cost, beside a bare commit of the same bytes on the same disk?"""

import asyncio
import sqlite3
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bot.audit import codec
from bot.audit.store import Store
from bot.core.memory import State
from tests.audit.worlds import OWNER, decided, in_charge, seen

ROWS = 100  # in a row, as a bot writes them; then as many bare ones, so that a busy disk hits both alike
ROUNDS = 20


async def measure(folder: Path) -> tuple[float, float, int]:
    """Median seconds of a recorded decision, and of a commit of the same columns with nothing around it; and the record's bytes."""
    event = decided(in_charge(State(account="main", instance="aa"))[0], seen())
    record = codec.encode(event)
    store = Store.open(f"sqlite:///{folder / 'hedgebot.db'}", **OWNER)
    store.lead("bench")
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, account TEXT, kind TEXT, at_ms INTEGER, record TEXT, hash TEXT)")
    row = ("main", "DecisionMade", event.decision.at_ms, record, "0" * 64)
    recorded, committed = [], []
    for _ in range(ROUNDS):
        for _ in range(ROWS):
            began = time.perf_counter()
            await store.append([event])
            recorded.append(time.perf_counter() - began)
        for _ in range(ROWS):
            began = time.perf_counter()
            bare.execute("BEGIN IMMEDIATE")
            bare.execute("INSERT INTO rows (account, kind, at_ms, record, hash) VALUES (?, ?, ?, ?, ?)", row)
            bare.execute("COMMIT")
            committed.append(time.perf_counter() - began)
    bare.close()
    store.close()
    return median(recorded), median(committed), len(record.encode())


def figures() -> list[dict[str, Any]]:
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        recorded, committed, size = asyncio.run(measure(Path(folder)))
    ratio = recorded / committed
    return [
        {
            "name": "durable decision row over bare commit",
            "value": round(ratio, 3),
            "unit": "x",
            "target": "<= 1.5",
            "met": ratio <= 1.5,
            "how": f"SQLite, WAL, synchronous=FULL, {size} bytes; medians of {ROUNDS * ROWS} commits each:"
            f" {recorded * 1e6:.0f} us against {committed * 1e6:.0f} us",
        }
    ]
