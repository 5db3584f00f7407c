"""What does a durable row of the record cost, beside a bare commit of the same bytes in the same kind of database on the same disk?"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from bot.audit import codec
from bot.audit.database import upgrade
from bot.audit.store import Store
from bot.core.events import DecisionMade
from bot.core.memory import State
from tests.audit.worlds import OWNER, decided, in_charge, seen
from tests.bench.figure import figure, unmeasured
from tests.bench.servers import NoServer, postgresql

ROWS: Final = 100  # in a row, as a bot writes them; then as many bare ones, so that a busy disk hits both alike
ROUNDS: Final = 20
COLUMNS: Final = ("account", "kind", "at_ms", "record", "hash")
TABLE: Final = "CREATE TABLE rows (seq {0}, account TEXT, kind TEXT, at_ms BIGINT, record TEXT, hash TEXT)"
FILE_NAME: Final = "durable decision row over bare commit"
SERVER_NAME: Final = f"{FILE_NAME}, PostgreSQL"
NAMES: Final = (FILE_NAME, SERVER_NAME)


async def measure(url: str, event: DecisionMade, bare: Callable[[], None]) -> tuple[float, float]:
    """Median seconds of a recorded decision, and of `bare`, in turn."""
    store = Store.open(url, **OWNER)
    store.lead("bench")
    recorded, committed = [], []
    for _ in range(ROUNDS):
        for _ in range(ROWS):
            began = time.perf_counter()
            await store.append([event])
            recorded.append(time.perf_counter() - began)
        for _ in range(ROWS):
            began = time.perf_counter()
            bare()
            committed.append(time.perf_counter() - began)
    store.close()
    return median(recorded), median(committed)


def on_a_file(event: DecisionMade, row: tuple[object, ...], folder: Path) -> tuple[float, float]:
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute(TABLE.format("INTEGER PRIMARY KEY"))
    insert = f"INSERT INTO rows ({', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?)"

    def commit() -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.execute(insert, row)
        bare.execute("COMMIT")

    found = asyncio.run(measure(f"sqlite:///{folder / 'hedgebot.db'}", event, commit))
    bare.close()
    return found


def on_a_server(event: DecisionMade, row: tuple[object, ...]) -> tuple[float, float]:
    import psycopg

    with postgresql() as url:
        upgrade(url)
        with psycopg.connect(url) as bare:
            bare.execute(TABLE.format("BIGSERIAL PRIMARY KEY"))
            bare.commit()
            insert = f"INSERT INTO rows ({', '.join(COLUMNS)}) VALUES (%s, %s, %s, %s, %s)"

            def commit() -> None:
                bare.execute(insert, row)
                bare.commit()

            return asyncio.run(measure(url, event, commit))


def ratio(name: str, where: str, size: int, times: tuple[float, float]) -> dict[str, Any]:
    recorded, committed = times
    how = f"{where}, {size} bytes; medians of {ROUNDS * ROWS} commits each: {recorded * 1e6:.0f} us against {committed * 1e6:.0f} us"
    return figure(name, round(recorded / committed, 3), "x", "<= 1.5", how)


def figures() -> Iterator[dict[str, Any]]:
    event = decided(in_charge(State(account="main", instance="aa"))[0], seen())
    record = codec.encode(event)
    row, size = ("main", "DecisionMade", event.decision.at_ms, record, "0" * 64), len(record.encode())
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        yield ratio(FILE_NAME, "SQLite, WAL, synchronous=FULL", size, on_a_file(event, row, Path(folder)))
    try:
        yield ratio(SERVER_NAME, "PostgreSQL on the same machine, synchronous_commit=on", size, on_a_server(event, row))
    except NoServer as error:
        yield unmeasured(SERVER_NAME, "x", "<= 1.5", str(error))
