"""Which file or server holds the record, how is it opened, and what do its errors mean to a person?"""

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final, Literal
from urllib.parse import quote

from sqlalchemy import Connection, create_engine, event, inspect
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from bot.audit import migrations
from bot.ports import Misconfigured, NotSent

Synchronous = Literal["FULL", "OFF"]
AGAIN_SECONDS: Final = 0.01
BUSY_SECONDS: Final = 2.0  # how long we wait for somebody else to let go of what he holds locked, in a file or on a server
DEAD_LINE: Final = {  # is noticed within so long: probes ask an idle one, and none is sent while a write is not acknowledged
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms; without it the system goes on trying for a quarter of an hour
    "connect_timeout": 10,
}


class Unreadable(Misconfigured):
    """The database itself answers with an error, or not at all: nothing is known of what it holds."""


class MissingMigration(Misconfigured):
    """The database is older than the program."""


@dataclass(frozen=True, slots=True)
class Database:
    """An open audit database: `where` names it in messages, without any password."""

    engine: Engine
    where: str
    path: Path | None  # of the SQLite file; None in memory and on a server
    secret: str = field(repr=False, default="")
    session: str = ""  # the name that all our sessions on a server bear, and nobody else's
    given_up: Event = field(default_factory=Event, repr=False, compare=False)  # nobody waits for an answer of the server any more
    origin: str = "HEDGEBOT__AUDIT__PASSWORD_FILE"  # of the secret, for messages

    @property
    def on_server(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @property
    def errors(self) -> type[Exception]:
        """What the driver raises."""
        found: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        return found

    @property
    def conflicts(self) -> type[Exception]:
        """What the driver raises for a row that is there already."""
        found: type[Exception] = self.engine.dialect.loaded_dbapi.IntegrityError
        return found

    def locked_out(self, error: Exception) -> bool:
        """Did the server end the transaction itself because somebody holds a table or row of it locked? Then nothing of it was written."""
        return getattr(error, "sqlstate", None) == LOCKED_OUT

    def connection(self) -> Any:
        """A connection of the driver's own, kept until its owner closes it (the shared one, in memory)."""
        try:
            fairy = self.engine.raw_connection()
        except (DBAPIError, *DRIVER_ERRORS, self.errors) as error:
            raise NotSent(f"audit database {self.where}: {self.reason(error)}") from error
        connection = fairy.driver_connection
        if not isinstance(self.engine.pool, StaticPool):
            fairy.detach()
        return connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database, whatever is written meanwhile. Damaged text is read, not refused."""
        if self.on_server:
            with self.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
                yield connection
            return
        with self.engine.connect() as connection:
            file = connection.connection.driver_connection
            assert isinstance(file, sqlite3.Connection)
            file.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()
                file.text_factory = str

    def reason(self, error: BaseException) -> str:
        """What went wrong and what to do, in one line."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        said = " ".join(str(cause).split()) or type(cause).__name__
        if self.secret:
            said = said.replace(self.secret, "***")
        for mark, meaning in MEANINGS.items():
            if mark in said:
                return f"{meaning.format(origin=self.origin)} ({said})"
        return said

    def give_up(self) -> None:
        """Wait for no answer of a server any more, in whatever thread. Of a file one is waited for: nothing else holds it up for long."""
        self.given_up.set()

    def close(self) -> None:
        self.engine.dispose()


LOCKED_OUT: Final = "55P03"  # what PostgreSQL says when `lock_timeout` is over
DRIVER_ERRORS: Final = (sqlite3.Error, OSError)
SILENT: Final = "the server is there and answers nothing; see whether it is stopped, its disk hangs or its network"
MEANINGS: Final = {
    "disk is full": "the disk is full; free space on it",
    "No space left": "the disk of the server is full; free space on it",
    "database is locked": "another process holds it locked; close that program (a shell, a backup)",
    "lock timeout": "another session of the server holds it locked; end that one (a shell, a migration)",
    "readonly": "it cannot be written; check the rights of the file and its folder",
    "read-only": "it cannot be written; check the rights of the file and its folder",
    "file is not a database": "this file is not a database, or it is damaged; name another one under `audit.url` or restore a backup",
    "malformed": "the file is damaged; restore a backup",
    "disk I/O error": "the disk is full or fails; free space on it, and look into the log of the system",
    "unable to open": "the file cannot be opened; check that the folder exists and may be written",
    "password authentication failed": "the server refused the user or password; check {origin}",
    "no password supplied": "the server wants a password; set {origin}",
    "no answer within": SILENT,
    "timeout expired": SILENT,
    "onnection refused": "the server does not answer; check host and port in `audit.url` and that it runs",
    "failed to resolve host": "nobody here is called so; start the server (with Compose: docker compose up -d), or correct `audit.url`",
    "does not exist": "the server has no such database or user; create it, or correct `audit.url`",
}


def connect(
    url: str,
    *,
    password: str | None = None,
    create: bool = False,
    read_only: bool = False,
    synchronous: Synchronous = "FULL",
    bounded: bool = False,
) -> Database:
    """Open the database that `audit.url` names. `bounded`: wait for no answer of a server longer than patience.py says.

    Raise Misconfigured naming it and the remedy.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured("audit.url: not a database address; write sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    match parsed.get_backend_name():
        case "sqlite":
            return sqlite_database(parsed, create=create, read_only=read_only, synchronous=synchronous)
        case "postgresql" | "postgres":
            return postgres_database(parsed, password, read_only=read_only, synchronous=synchronous, bounded=bounded)
    raise Misconfigured(f"audit.url: {parsed.drivername}:// is not supported; write sqlite:///FILE or postgresql://USER@HOST/NAME")


def sqlite_database(url: URL, *, create: bool, read_only: bool, synchronous: Synchronous) -> Database:
    in_memory = url.database in {None, "", ":memory:"}
    path = None if in_memory else Path(os.path.realpath(str(url.database)))
    if path is not None and not path.exists():
        if not create:
            raise Misconfigured(f"no audit database at {path}: `hedgebot run` makes it; or correct `audit.url`")
        if not path.parent.is_dir():
            raise Misconfigured(f"audit.url: the folder {path.parent} does not exist; create it or name another one")
    address = ":memory:" if path is None else f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}"

    def open_file() -> sqlite3.Connection:
        return sqlite3.connect(address, uri=path is not None, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)

    options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine("sqlite+pysqlite://", creator=open_file, **options)

    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        if read_only:
            connection.execute("PRAGMA query_only=ON")
        else:
            write_ahead(connection)

    event.listen(engine, "connect", prepare)
    return Database(engine, "in memory" if path is None else str(path), path)


def write_ahead(connection: sqlite3.Connection) -> None:
    """While another one makes the file, which several accounts that start together do, SQLite refuses this at once instead of waiting."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
        time.sleep(AGAIN_SECONDS)


def postgres_database(url: URL, password: str | None, *, read_only: bool, synchronous: Synchronous, bounded: bool = False) -> Database:
    secret = password or str(url.password or "")
    address = url.set(drivername="postgresql+psycopg", password=secret or None)
    durable, locked = ("on" if synchronous == "FULL" else "off"), ("on" if read_only else "off")
    locks = f"-c lock_timeout={int(BUSY_SECONDS * 1000)}"  # a server's own is none: a lock left in a shell would stop cancels for good
    options = f"-c synchronous_commit={durable} -c default_transaction_read_only={locked} {locks}"
    session = f"hedgebot {secrets.token_hex(6)}"
    try:
        engine = create_engine(address, pool_pre_ping=True, connect_args={**DEAD_LINE, "options": options, "application_name": session})
    except ModuleNotFoundError:
        raise Misconfigured("audit.url: PostgreSQL needs one more package: pip install 'hedgebot[postgres]'") from None
    given_up = Event()
    if bounded:
        from bot.audit import patience  # noqa: PLC0415  (needs the driver)

        kind = patience.bounded(given_up)

        def begin(_: object, __: object, args: list[Any], words: dict[str, Any]) -> Any:
            return kind.connect(*args, **{**words, "connect_timeout": patience.ANSWER_SECONDS})

        event.listen(engine, "do_connect", begin)
    return Database(engine, url._replace(password=None).render_as_string(), None, secret, session, given_up)


@contextmanager
def naming(database: Database) -> Iterator[None]:
    """Errors of the driver inside the block come out as Unreadable, naming the database and the remedy."""
    try:
        yield
    except (DBAPIError, *DRIVER_ERRORS) as error:
        raise Unreadable(f"audit database {database.where}: {database.reason(error)}") from error


def require_current(database: Database, *, create: bool) -> None:
    """Migrate an empty SQLite database if `create`; refuse one of another program, an older one and a newer one."""
    with naming(database), database.engine.connect() as connection:
        found = migrations.revision(connection)
        if found is None:
            tables = inspect(connection).get_table_names()
            found = migrations.revision(connection)  # another one that starts at this moment may have made them
        if found is None:
            refuse_foreign(database, tables)
            if not create or database.on_server:
                raise MissingMigration(f"audit database {database.where} is empty: {upgraded(database)} once to make its tables")
    if found is None:
        migrate(database)
    elif found < migrations.HEAD:
        raise MissingMigration(
            f"audit database {database.where} is at version {found}, this program writes {migrations.HEAD}:"
            f" stop the bot, make a copy, {upgraded(database)}"
        )
    else:
        refuse_newer(database, found)


def upgraded(database: Database) -> str:
    """What to run: on a server the bot's user may be one that owns no table."""
    server = " (or `hedgebot db set-up`, where `db set-up` made it; with Compose: docker compose up -d)"
    return f"run `hedgebot db upgrade`{server if database.on_server else ''}"


def refuse_newer(database: Database, found: str) -> None:
    if found > migrations.HEAD:
        raise Misconfigured(
            f"audit database {database.where} is at version {found}, newer than this program ({migrations.HEAD}):"
            " install the newer hedgebot"
        )


def refuse_foreign(database: Database, tables: Sequence[str]) -> None:
    if tables:
        raise Misconfigured(
            f"{database.where} is not an audit database of hedgebot: it holds {', '.join(sorted(tables)[:5])};"
            " name another one under `audit.url`"
        )


def migrate(database: Database) -> None:
    with naming(database), database.engine.connect() as connection:
        if not database.on_server:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins nothing by itself; two programs may start at once
        try:
            refuse_newer(database, migrations.revision(connection) or migrations.HEAD)
            migrations.migrate(connection)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def upgrade(url: str, *, password: str | None = None, guard: Callable[[Database], None] = lambda _: None) -> str:
    """`hedgebot db upgrade`: bring the database to this program's version and return where it lies. `guard` may refuse first."""
    database = connect(url, password=password, create=True)
    try:
        with naming(database), database.engine.connect() as connection:
            if migrations.revision(connection) is None:
                refuse_foreign(database, inspect(connection).get_table_names())
        guard(database)
        migrate(database)
    finally:
        database.close()
    return database.where
