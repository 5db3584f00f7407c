"""How is the record copied, and put back? Every table as of one moment, from either kind of database into either, and then verified.

A copy is a SQLite file with the tables of this version, whatever the record lay in. The lease is not copied: nobody leads a copy.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, func, insert, select

from bot.audit.chain import Head
from bot.audit.database import Database, connect, migrate, naming, require_current
from bot.audit.owners import owners
from bot.audit.roles import LEASE
from bot.audit.store import PAGE, Store
from bot.audit.tables import ACCOUNTS, ENTRIES, PROJECTIONS
from bot.audit.verify import Verdict, verify
from bot.ports import Misconfigured

TABLES: Final = (ACCOUNTS, ENTRIES, *PROJECTIONS)
NOBODY_LEADS: Final = {name: None for name in LEASE if name != "epoch"}
NO_RULES: Final = ""  # decisions are not made again here: `hedgebot audit verify` does that


@dataclass(frozen=True, slots=True)
class Copied:
    """One account in a copy."""

    account: str
    head: Head
    rows: int  # of all tables


def copy(source: Database, file: Path) -> tuple[Copied, ...]:
    """Write the record to a new file and verify it there; nothing is left behind if that fails. Raise Misconfigured."""
    if file.exists():
        raise Misconfigured(f"{file} exists already and was left as it is: name another file")
    if not file.parent.is_dir():
        raise Misconfigured(f"the folder {file.parent} does not exist: create it or name another one")
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with new_file(unfinished) as target:
            pour(source, target)
        found = verified(unfinished)
        unfinished.chmod(0o600)
        os.link(unfinished, file)  # unlike a rename, this never replaces what somebody else put there meanwhile
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written: {error.strerror}; nothing was copied") from error
    finally:
        for left in (unfinished, *beside(unfinished)):
            left.unlink(missing_ok=True)
    return found


def put_back(file: Path, target: Path) -> tuple[Copied, ...]:
    """A copy as the SQLite database at `target`, in the place of what lay there, which nobody may have open. Raise Misconfigured."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with closing(opened(file)) as source, new_file(unfinished) as made:
            pour(source, made)
        found = verified(unfinished)
        unfinished.replace(target)
    except OSError as error:
        raise Misconfigured(f"{target} cannot be written: {error.strerror}; nothing was restored") from error
    finally:
        for left in (unfinished, *beside(unfinished)):
            left.unlink(missing_ok=True)
    return found


def fill(file: Path, server: Database) -> None:
    """A copy into a database on a server that holds none of its accounts yet: there nothing is ever overwritten. Raise Misconfigured."""
    require_current(server, create=False)
    with closing(opened(file)) as source:
        with naming(server), server.engine.connect() as connection:
            held = set(connection.execute(select(ACCOUNTS.c.account)).scalars())
        with naming(source), source.engine.connect() as connection:
            coming = set(connection.execute(select(ACCOUNTS.c.account)).scalars())
        if both := sorted(held & coming):
            raise Misconfigured(
                f"audit database {server.where} holds a record of {', '.join(both)} already, and no row of a record is ever replaced: "
                "make a new database (`hedgebot db set-up` with another name in audit.url) and restore into that; nothing was changed"
            )
        pour(source, server)


def verified(file: Path) -> tuple[Copied, ...]:
    """Every chain in a copy, hash by hash, and what follows from it, row by row. Raise Misconfigured naming the first thing wrong."""
    with closing(opened(file)) as database, naming(database), database.engine.connect() as connection:
        kept = owners(database)
        counts = {owner.account: sum(rows_of(connection, table, owner.account) for table in TABLES) for owner in kept}
    if not kept:
        raise Misconfigured(f"{file} holds no account: there is nothing to keep")
    found = []
    for owner in kept:
        name = owner.account
        with closing(Store.read(f"sqlite:///{file}", account=name, venue=owner.venue, environment=owner.environment)) as store:
            told = verify(store, rules_version=NO_RULES)
            if told.verdict is Verdict.BROKEN:
                raise Misconfigured(
                    f"the record of {name} is broken: {told.what}; `hedgebot audit verify` tells more, and no copy was made of it"
                )
            found.append(Copied(name, told.head, counts[name]))
    return tuple(found)


def rows_of(connection: Connection, table: Table, account: str) -> int:
    return connection.execute(select(func.count()).select_from(table).where(table.c.account == account)).scalar() or 0


def opened(file: Path) -> Database:
    """A copy, to read. Raise Misconfigured where it is none, or one of another version."""
    if not file.is_file():
        raise Misconfigured(f"there is no file {file}: name one that `hedgebot backup` wrote")
    database = connect(f"sqlite:///{file}", read_only=True)
    try:
        require_current(database, create=False)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def new_file(path: Path) -> Iterator[Database]:
    """A database of this version in a new file, all of it in that one file when the block ends."""
    database = connect(f"sqlite:///{path}", create=True)
    try:
        migrate(database)
        yield database
        with naming(database), database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
    finally:
        database.close()


def beside(file: Path) -> tuple[Path, ...]:
    """What SQLite keeps beside a file."""
    return tuple(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))


def pour(source: Database, target: Database) -> None:
    """Every row of one moment, in one transaction."""
    with naming(source), source.snapshot() as reading, naming(target), target.engine.connect() as writing:
        if not target.on_server:
            writing.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            for table in TABLES:
                for page in pages(reading, table):
                    writing.execute(insert(table), page)
        except BaseException:
            writing.rollback()
            raise
        writing.commit()


def pages(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """In the order in which the chain takes them."""
    order = [table.c.account, *([table.c.seq] if "seq" in table.c else [])]
    result = connection.execution_options(yield_per=PAGE).execute(select(table).order_by(*order)).mappings()
    for page in result.partitions(PAGE):
        yield [{**row, **(NOBODY_LEADS if table is ACCOUNTS else {})} for row in page]
