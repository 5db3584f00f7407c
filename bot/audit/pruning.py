"""Which entries may be dropped from the record, and how do they go?

First a copy is made that holds them, and is verified. Then a checkpoint goes onto the chain (Checkpointed). Then the entries go, in one
transaction in which the guard of the table is down: only its owner can do that, and on a server the bot's own user is not. If that is
interrupted, the checkpoint stands and the entries are still there: the next time drops them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import ColumnElement, Connection, delete, func, select

from bot.audit.carried import digest
from bot.audit.copies import copy
from bot.audit.database import Database, naming
from bot.audit.store import Store
from bot.audit.tables import ENTRIES, ORDERS, SLOTS
from bot.core.events import Checkpointed, DecisionMade, RunEnded, RunStarted
from bot.ports import Misconfigured, NotReady

DECISION: Final = DecisionMade.__name__
FIRST, LAST = func.min(ENTRIES.c.seq), func.max(ENTRIES.c.seq)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, and what the chain goes on from."""

    first_seq: int
    checkpoint: Checkpointed
    checkpoint_seq: int


async def prune(store: Store, owner: Database, archive: Path, *, before_ms: int, now_ms: int) -> Pruned | None:
    """Drop what is older than `before_ms` from the record that `store` leads; None if nothing is. Raise PortError.

    `owner`: the same database as its owner opens it. `archive` is written first and holds the whole record.
    """
    require_owner(owner)
    require_a_verified_end(store)
    with naming(store.database), store.database.engine.connect() as connection:
        first = place(connection, FIRST, store.account)
        upto = last_to_go(connection, store.account, before_ms)
        if first is None or upto is None or upto < first:
            return None
        tables = digest(connection, store.account, upto)
    copy(store.database, archive)
    rules_hash, rules = store.rules_at(upto)
    entry = store.entry(upto)
    assert entry is not None  # it is one of ours: we lead
    checkpoint = Checkpointed(upto, entry.hash, tables, rules_hash, rules, str(archive), now_ms)
    seq = await store.append([checkpoint])
    drop(owner, store.account, upto)
    return Pruned(first, checkpoint, seq)


def require_owner(database: Database) -> None:
    if not database.on_server:
        return
    asked = "SELECT pg_has_role(relowner, 'USAGE'), current_user FROM pg_class WHERE oid = 'entries'::regclass"
    with naming(database), database.engine.connect() as connection:
        owns, user = connection.exec_driver_sql(asked).one()
    if not owns:
        raise Misconfigured(
            f"audit database {database.where}: {user} may add to the record and drop nothing from it, as it should be; nothing was dropped:"
            " give --admin-password-file, the password of an administrator of the server"
        )


def require_a_verified_end(store: Store) -> None:
    """The next start asks how the last run ended: what tells it may not be dropped before it is answered."""
    seq = store.head().seq
    began, ended = store.newest_of(RunStarted.__name__, seq), store.newest_of(RunEnded.__name__, seq)
    if ended is None and began is None:
        return
    if ended is None or (began is not None and began.seq > ended.seq) or not (isinstance(ended.event, RunEnded) and ended.event.verified):
        raise NotReady(
            "the last run did not end with a verified shutdown, and the next start has to read about it: start the bot, stop it"
            " (exit 0), then prune; nothing was dropped"
        )


def place(connection: Connection, which: ColumnElement[int], account: str, *where: ColumnElement[bool]) -> int | None:
    found: int | None = connection.execute(select(which).where(ENTRIES.c.account == account, *where)).scalar()
    return found


def last_to_go(connection: Connection, account: str, before_ms: int) -> int | None:
    """The last entry before a decision, with nothing up to it younger than `before_ms` or unfinished. The last decision stays."""
    decided = ENTRIES.c.kind == DECISION
    young = place(connection, FIRST, account, ENTRIES.c.at_ms >= before_ms)
    kept = place(connection, LAST, account, decided, *([] if young is None else [ENTRIES.c.seq <= young]))
    while kept is not None:
        crossing = connection.execute(
            select(func.min(ORDERS.c.seq)).where(
                ORDERS.c.account == account,
                ORDERS.c.seq < kept,
                (ORDERS.c.moved_seq >= kept) | ORDERS.c.client_id.in_(select(SLOTS.c.client_id).where(SLOTS.c.account == account)),
            )
        ).scalar()
        if crossing is None:
            return kept - 1
        kept = place(connection, LAST, account, decided, ENTRIES.c.seq < crossing)
    return None


def drop(database: Database, account: str, upto_seq: int) -> None:
    gone = delete(ENTRIES).where(ENTRIES.c.account == account, ENTRIES.c.seq <= upto_seq)
    with naming(database), database.engine.connect() as connection:
        if database.on_server:
            connection.exec_driver_sql("ALTER TABLE entries DISABLE TRIGGER entries_never_change")
            connection.execute(gone)
            connection.exec_driver_sql("ALTER TABLE entries ENABLE TRIGGER entries_never_change")
            connection.commit()
            return
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        guard = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'entries_never_go'").scalar_one()
        connection.exec_driver_sql("DROP TRIGGER entries_never_go")
        connection.execute(gone)
        connection.exec_driver_sql(guard)
        connection.commit()
        connection.exec_driver_sql("VACUUM")  # else the file would keep its size
