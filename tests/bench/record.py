"""How fast is a record verified, and does it stay usable when it is long? From a thousand entries to ten million."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bot.audit import codec
from bot.audit.chain import link
from bot.audit.projections import project, statements
from bot.audit.store import Store
from bot.audit.verify import Verdict, verify
from bot.core.events import CommandGiven, DecisionMade, FillSeen, FundingSeen, IntentRecorded
from bot.helping import cores
from tests.bench.cycles import CYCLE_MS, paper_bot
from tests.bench.figure import curve, figure

SIZES: Final = (1_000, 10_000, 100_000, *((1_000_000, 10_000_000) if os.environ.get("BIG") else ()))
VERIFIED: Final = 1_000_000  # a longer one is asked, not verified: that takes as much longer as it is
AT_ONCE: Final = 10_000
ASKED: Final = 20
OWNER: Final = {"account": "main", "venue": "paper", "environment": None}
TURNS: Final = 600
TARGET_EVERY: Final = 30  # turns
NAMES: Final = ("audit verify", "a question of a long record over a short one")
DIGITS: Final = "0123456789abcdefghijklmnopqrstuv"

Entry = tuple[str, str]  # kind, record


async def lived(folder: Path) -> list[Entry]:
    """What a bot on paper recorded whose target was changed every few minutes, up to a moment at which no order was unfinished."""
    ratios = cycle((Decimal("0.8"), Decimal("1.0")))
    async with paper_bot(folder) as (engine, clock, store):
        for turn in range(TURNS):
            if turn % TARGET_EVERY == TARGET_EVERY - 1:
                engine.hear(CommandGiven("target-set", "bench", clock.now_ms(), asset="BTC", ratio=next(ratios)))
            clock.advance_to(clock.now_ms() + CYCLE_MS)
            await engine.turn()
        while any(leg.working is not None for leg in engine.state.legs):
            clock.advance_to(clock.now_ms() + CYCLE_MS)
            await engine.turn()
        return [(row.kind, row.record) for row in store.entries()]


def names(life: Sequence[Entry]) -> list[str]:
    """What may be in a record once only: ids of orders, trades and payments."""
    found = []
    for kind, record in life:
        if kind in ("IntentRecorded", "FillSeen", "FundingSeen"):
            match codec.decode(record):
                case IntentRecorded(order=order):
                    found.append(order.client_id)
                case FillSeen(fill=fill):
                    found.append(fill.trade_id)
                case FundingSeen(payment=payment):
                    found.append(payment.payment_id)
    return found


def again(life: Sequence[Entry]) -> Iterator[Entry]:
    """The same life over and over, each time under other names; but decisions as they were, whose names follow from their inputs."""
    yield from life
    of_each = [[name for name in names(life) if kind != "DecisionMade" and f'"{name}"' in record] for kind, record in life]
    time_ = 0
    while True:
        time_ += 1
        mark = "".join(DIGITS[time_ >> shift & 31] for shift in (20, 15, 10, 5, 0))
        for (kind, record), named in zip(life, of_each, strict=True):
            text = record
            for name in named:
                text = text.replace(f'"{name}"', f'"{name}{mark}"')
            yield kind, text


def written(file: Path, life: Sequence[Entry]) -> Iterator[int]:
    """Lengthen the record to each of the sizes; yields when one is reached."""
    with closing(Store.open(f"sqlite:///{file}", **OWNER, synchronous="OFF")) as store:
        store.lead("bench")
        epoch, head = store.epoch, store.head().hash
    sql, decision_seq = statements(on_server=False), 0
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for seq, (kind, record) in enumerate(again(life), 1):
        head = link(seq, head, record)
        event = codec.decode(record) if kind != "DecisionMade" else None
        at_ms = codec.at_ms(event) if event is not None else decided_at_ms(record)
        row = {"account": "main", "seq": seq, "kind": kind, "at_ms": at_ms, "record": record, "hash": head, "epoch": epoch}
        connection.execute(sql.entry, row)
        decision_seq = seq if event is None else decision_seq
        if event is not None:
            project(connection.execute, sql, "main", seq, event, decision_seq=decision_seq)
        if seq in SIZES or seq % AT_ONCE == 0:
            connection.execute("COMMIT")
            if seq in SIZES:
                yield seq
            if seq == SIZES[-1]:
                break
            connection.execute("BEGIN")
    connection.close()


def decided_at_ms(record: str) -> int:
    """The stamp of a decision, without reading all of it."""
    found = codec.decode(record)
    assert isinstance(found, DecisionMade)
    return found.decision.at_ms


def milliseconds(ask: Callable[[], object]) -> float:
    """At its best: what others do to the machine only adds."""
    taken = []
    for _ in range(ASKED):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return round(min(taken) * 1000, 3)


def questions(store: Store, size: int) -> dict[str, Callable[[], object]]:
    """What the loop and its faces ask of the record, each from the middle of it or from its end."""
    middle = size // 2
    return {
        "the state at a start": store.state,
        "100 entries from the middle": lambda: list(store.entries(after_seq=middle, limit=100)),
        "20 decisions before the middle": lambda: store.decisions(limit=20, before_seq=middle),
        "100 orders before the middle": lambda: store.orders(limit=100, before_seq=middle),
        "100 trades before the middle": lambda: store.fills(limit=100, before_seq=middle),
        "100 payments before the middle": lambda: store.funding(limit=100, before_seq=middle),
    }


def hashed(file: Path, size: int) -> float:
    """Entries a second of a line that reads them all and links their hashes: no decision is made again, nothing is compared."""
    with closing(sqlite3.connect(file)) as record:
        began, head = time.perf_counter(), "0" * 64  # any does
        for seq, text in record.execute("SELECT seq, record FROM entries ORDER BY seq"):
            head = link(seq, head, text)
        return size / (time.perf_counter() - began)


def figures() -> Iterator[dict[str, Any]]:
    answers: dict[str, list[tuple[float, float]]] = {}
    rates: list[tuple[float, float]] = []
    bare = 0.0
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        life = asyncio.run(lived(folder))
        for size in written(folder / "record.db", life):
            with closing(Store.read(f"sqlite:///{folder / 'record.db'}")) as store:
                for question, ask in questions(store, size).items():
                    answers.setdefault(question, []).append((size, milliseconds(ask)))
                if size <= VERIFIED:
                    began = time.perf_counter()
                    found = verify(store)
                    rates.append((size, round(size / (time.perf_counter() - began))))
                    assert found.verdict is Verdict.GOOD, found.what
                    bare = hashed(folder / "record.db", size)
    share = sum(kind == "DecisionMade" for kind, _ in life) / len(life)
    how = (
        f"{rates[-1][0]:,} entries on SQLite, each hash, decision and projection, on {cores()} cores; "
        f"{share:.0%} are decisions, each made again; {', '.join(f'{rate:,} a second of {size:,}' for size, rate in rates)}"
    )
    over = ("a bare pass over the hashes", rates[-1][1] / bare)
    lines = curve("entries", "entries a second", ("verified", rates))
    yield figure(NAMES[0], rates[-1][1], "entries/s", ">= 20000", how, lines, over)
    slowest = {question: points[-1][1] / max(points[1][1], 0.05) for question, points in answers.items()}
    worst = max(slowest, key=slowest.__getitem__)
    how = (
        f"each question of {SIZES[-1]:,} entries over the same of {SIZES[1]:,}, the best of {ASKED}; the worst is {worst!r}: "
        f"{answers[worst][-1][1]} ms; BIG=1 goes on to 10,000,000"
    )
    lines = curve("entries", "ms of an answer", *answers.items())
    yield figure(NAMES[1], round(slowest[worst], 2), "x", "<= 2", how, lines)
