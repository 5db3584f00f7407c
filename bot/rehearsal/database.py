"""What if the database fails? The real record over a real SQLite file, through a connection that can be busy, full, away, or wrong
about what it committed.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import event

from bot.audit.database import Database
from bot.audit.store import Store
from bot.core.events import Event
from bot.rehearsal.faults import Dice

Landed = Callable[[Sequence[Event], int, str], None]
RowsLanded = Callable[[Sequence[dict[str, Any]]], None]


class Trouble:
    """What the database does to a process."""

    def __init__(self, dice: Dice, now_ms: Callable[[], int]) -> None:
        self.dice = dice
        self.now_ms = now_ms
        self.away_until_ms = 0

    def reach(self) -> None:
        if self.now_ms() < self.away_until_ms:
            raise sqlite3.OperationalError("unable to open database file")

    def write(self) -> None:
        self.reach()
        if self.dice.hits("db-busy"):
            raise sqlite3.OperationalError("database is locked")
        if self.dice.hits("db-full"):
            raise sqlite3.OperationalError("database or disk is full")


class FaultyCursor:
    def __init__(self, cursor: sqlite3.Cursor, connection: "FaultyConnection") -> None:
        self.cursor, self.connection = cursor, connection

    @property
    def rowcount(self) -> int:
        return self.cursor.rowcount

    def execute(self, sql: str, given: Any = ()) -> Any:
        self.connection.trouble.reach()
        self.connection.may_die(f"before {sql.split(maxsplit=1)[0]}")
        return self.cursor.execute(sql, given)

    def executemany(self, sql: str, rows: Sequence[dict[str, Any]]) -> Any:
        """The entries of the chain. Without a transaction around it, the statement is committed when it returns."""
        self.connection.trouble.write()
        self.connection.may_die("before the entries are inserted")
        self.cursor.executemany(sql, rows)
        if not self.connection.real.in_transaction and self.cursor.rowcount == len(rows):
            self.connection.landed(rows)
        elif self.cursor.rowcount == len(rows):
            self.connection.rows = rows
        self.connection.may_die("after the entries were inserted")


class FaultyConnection:
    """The driver's connection of the writer."""

    def __init__(self, real: sqlite3.Connection, trouble: Trouble, may_die: Callable[[str], None], landed: RowsLanded) -> None:
        self.real, self.trouble, self.may_die, self.landed = real, trouble, may_die, landed
        self.rows: Sequence[dict[str, Any]] = ()

    def cursor(self) -> FaultyCursor:
        return FaultyCursor(self.real.cursor(), self)

    def execute(self, sql: str, given: Any = ()) -> Any:
        self.trouble.reach()
        return self.real.execute(sql, given)

    def commit(self) -> None:
        dice = self.trouble.dice
        if dice.hits("db-lost-commit"):
            raise sqlite3.OperationalError("disk I/O error")
        rows, self.rows = self.rows, ()
        self.may_die("before COMMIT")
        self.real.commit()
        if rows:
            self.landed(rows)
        self.may_die("after COMMIT")
        if dice.hits("db-ghost-commit"):
            raise sqlite3.OperationalError("disk I/O error")

    def rollback(self) -> None:
        self.rows = ()
        self.real.rollback()

    def close(self) -> None:
        self.real.close()


@dataclass(frozen=True, slots=True)
class FaultyDatabase(Database):
    trouble: Trouble | None = None
    may_die: Callable[[str], None] | None = None
    landed: RowsLanded | None = None

    def connection(self) -> Any:
        assert self.trouble is not None
        assert self.may_die is not None
        assert self.landed is not None
        return FaultyConnection(Database.connection(self), self.trouble, self.may_die, self.landed)


class RehearsedStore(Store):
    """The store as it is, over such a database; its awaits are places to die or to be stopped at."""

    pending: Sequence[Event] = ()
    boundary: Callable[[str], Awaitable[None]]
    on_landed: Landed
    taken: bool = True  # the last write

    def beset(
        self, trouble: Trouble, boundary: Callable[[str], Awaitable[None]], may_die: Callable[[str], None], on_landed: Landed
    ) -> None:
        """From here on the database may fail, and the process die between two statements."""
        self.boundary, self.on_landed = boundary, on_landed
        whole = self.database

        def asked(_: object, __: object, statement: str, *___: object) -> None:
            trouble.reach()
            may_die(f"before {statement.split(maxsplit=1)[0]}")

        def committed(_: object) -> None:
            may_die("before the lease is committed")

        event.listen(whole.engine, "before_cursor_execute", asked)  # reads, and the lease
        event.listen(whole.engine, "commit", committed)
        as_it_is = {one.name: getattr(whole, one.name) for one in fields(Database)}
        self.database = self._writer.database = FaultyDatabase(**as_it_is, trouble=trouble, may_die=may_die, landed=self.rows_landed)

    def rows_landed(self, rows: Sequence[dict[str, Any]]) -> None:
        self.on_landed(self.pending, rows[-1]["seq"], rows[-1]["hash"])

    async def append(self, events: Sequence[Event]) -> int:
        await self.boundary("before a commit")
        self.pending, self.taken = tuple(events), False
        seq = await super().append(events)
        self.taken = True
        await self.boundary("after a commit")
        return seq

    def die(self) -> None:
        """As the kernel does it after a kill -9: what was not committed is gone, the lock is free, nobody signed off."""
        self._writer.drop()
        self._lock.release()
        self.epoch = None
        self.database.close()
