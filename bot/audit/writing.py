"""How do entries get into the database? In one transaction over a connection of the driver's own; in real time on a thread of its own.

A disk that is slow to say that a row is safe, or a server far away, then keeps no answer and no other account waiting.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, TypeVar, cast

from bot.audit.database import Database
from bot.audit.projections import PROJECTED, project, statements
from bot.core.events import DecisionMade, Event

T = TypeVar("T")
LOOK_SECONDS: Final = 0.05  # how often whoever waits asks whether that may go on
TIDY_EVERY: Final = 64  # transactions, of a dozen pages each; SQLite would do it by itself after 1,000 pages, while an order waits


class Writer:
    """The connection, opened when it is first needed and after it was dropped."""

    def __init__(self, database: Database, account: str, *, tidies: bool) -> None:
        """`tidies`: its owner calls `tidy` when nothing waits, so that SQLite does not at other moments."""
        self.database, self.account = database, account
        self.connection: Any = None
        self._entries: Any = None  # two cursors: the count of rows of the first is asked for after the second did its part
        self._rest: Any = None
        self._sql = statements(on_server=database.on_server)
        self._tidies = tidies and database.path is not None
        self._untidied = 0

    def transact(self, events: Sequence[Event], rows: Sequence[Mapping[str, Any]], decision_seq: int) -> int | None:
        """Write and commit. Return the sequence number of the last decision; None, with nothing written, if another epoch leads.

        `decision_seq` is the last one so far. Raise what the driver raises; NotSent if there is no connection.
        """
        if self.connection is None:
            self._connect()
        server = self.database.on_server
        several = len(rows) > 1 or isinstance(events[0], PROJECTED)  # else the one statement is a transaction of its own
        with self.connection.pipeline() if server and several else nullcontext():  # all there together, and all answers back together
            if several:
                self._rest.execute("BEGIN" if server else "BEGIN IMMEDIATE")
            if server and not several:
                self._entries.execute(self._sql.entry, rows[0])  # the server's driver asks twice for many
            else:
                self._entries.executemany(self._sql.entry, rows)
            for event, row in zip(events, rows, strict=True):
                if isinstance(event, DecisionMade):
                    decision_seq = row["seq"]
                elif isinstance(event, PROJECTED):
                    project(self._rest.execute, self._sql, self.account, row["seq"], event, decision_seq=decision_seq)
        if self._entries.rowcount != len(rows):
            self.connection.rollback()
            return None
        self.connection.commit()
        self._untidied += 1
        return decision_seq

    def _connect(self) -> None:
        self.connection = self.database.connection()
        if self.database.on_server:
            self.connection.autocommit = True  # what several statements are is said here; the file's driver begins nothing by itself
        self._entries, self._rest = self.connection.cursor(), self.connection.cursor()
        if self._tidies:
            self._rest.execute("PRAGMA wal_autocheckpoint=0")

    def drop(self) -> None:
        """Abandon the open transaction, and the connection with it."""
        if self.connection is None:
            return
        with suppress(self.database.errors):  # a connection that fails to roll back is gone, and its transaction with it
            self.connection.rollback()
        if self.database.path is not None or self.database.on_server:
            with suppress(self.database.errors):
                self.connection.close()
        self.connection = self._entries = self._rest = None  # a cursor that is left would keep a file open

    def untidy(self) -> bool:
        return self._tidies and self._untidied >= TIDY_EVERY

    def tidy(self) -> None:
        """Move what was committed from the write-ahead log into the file. What fails now is done the next time."""
        if self.connection is not None:
            with suppress(self.database.errors):
                self._rest.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._untidied = 0


class Late(Exception):
    """The work is not done in time, after so many seconds. It goes on."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one waits: `seconds`, or `hurried_seconds` once `hurried` says so, which may change while one waits."""

    seconds: float
    hurried_seconds: float
    hurried: Callable[[], bool]


class Beside:
    """A thread that does one thing after the other beside the event loop. An order waits for it: an executor's takes twice as long."""

    def __init__(self) -> None:
        self._begun = self._done = self._late = 0  # how many works; the last that nobody waits for any more
        self._waited = 0.0  # seconds, for that one
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="record", daemon=True)  # whoever ends without `close` is not held up
        self._thread.start()

    def _live(self) -> None:
        while (work := self._work.get()) is not None:
            with suppress(Exception):  # nobody waits for it, or the loop of who did is closed
                work()
            self._done += 1

    async def run(self, work: Callable[[], T], patience: Patience) -> T:
        """Raise Late if it is not done within so long, and at once while other work is late. Neither that nor cancelling stops the work."""
        if self.late:
            raise Late(self._waited)
        loop, seconds = asyncio.get_running_loop(), patience.seconds
        waiting = self.begin(work)
        number, due = self._begun, loop.time() + seconds

        def give_up() -> None:
            if waiting.done():
                return
            if loop.time() - due >= seconds:  # this process was stopped meanwhile, and the thread too: what an answer takes begins anew
                loop.call_later(seconds, give_up_at_last, seconds)
            else:
                give_up_at_last(seconds)

        def give_up_at_last(waited: float) -> None:
            if not waiting.done():
                self._late, self._waited = number, waited
                waiting.set_exception(Late(waited))

        def give_up_in_a_hurry() -> None:
            if waiting.done():
                return
            if patience.hurried():
                give_up_at_last(patience.hurried_seconds)
            else:
                loop.call_later(LOOK_SECONDS, give_up_in_a_hurry)

        timers = loop.call_later(seconds, give_up), loop.call_later(patience.hurried_seconds, give_up_in_a_hurry)
        try:
            return await waiting
        finally:
            for timer in timers:
                timer.cancel()

    @property
    def late(self) -> bool:
        """Is something under way that nobody waits for any more?"""
        return self._late > self._done

    def begin(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """What will come of it."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[T] = loop.create_future()

        def tell(found: T | None, error: BaseException | None) -> None:
            if waiting.done():  # cancelled, or given up
                return
            if error is None:
                waiting.set_result(cast(T, found))
            else:
                waiting.set_exception(error)

        def working() -> None:
            found, error = None, None
            try:
                found = work()
            except BaseException as raised:
                error = raised
            loop.call_soon_threadsafe(tell, found, error)

        self.later(working)
        return waiting

    def later(self, work: Callable[[], object]) -> None:
        if not self._thread.is_alive():
            raise RuntimeError("closed")
        self._begun += 1
        self._work.put(work)

    def wait(self) -> None:
        """Until everything that was begun is done. What is done in its turn waits for nothing."""
        if threading.current_thread() is self._thread:
            return
        reached = threading.Event()
        self.later(reached.set)
        reached.wait()

    def close(self) -> None:
        """What was begun is done first."""
        self._work.put(None)
        self._thread.join()
