"""Who may write? One process per account; the epoch on every write tells an old leader from the new one.

SQLite: an flock on `<database>.<account>.lock`, held for the life of the process. PostgreSQL: a session advisory lock
on a connection of its own. Both are freed by the system when their holder dies, however it dies.

A lock alone does not fence a holder that was stopped: on a server its session lives on. So the holder proves every few seconds over that
very session that it lives (`beat_ms`); its right to sign ends `TTL_MS` after the last proof, on its own monotonic clock (bot/gate.py).
Whoever watched one beat stand still for as long on *its* own clock may end the silent holder's sessions and lead instead. The stamps
are the database's; nobody compares them with a clock, but to guess whether watching is worth the while.
"""

import fcntl
import os
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock as Mutex
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, inspect, literal_column, select, update

from bot.audit.database import Database, naming
from bot.audit.tables import ACCOUNTS
from bot.ports import LeaseLost, Misconfigured, NotSent, PortError

LOCK_NAME: Final = "hedgebot audit lease"
TTL_MS: Final = 15_000  # a leader on a server that could not prove itself for so long signs nothing and may be succeeded
BEAT_MS: Final = 5_000  # how often it proves itself
ENDING_SECONDS: Final = 5.0  # how long the server may take to end the sessions of a silent holder
A_LOOK_SECONDS: Final = 0.02  # longer than somebody who only asks whether a file is locked holds it
SERVER_CLOCK: Final = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
THE_LOCK: Final = "locktype = 'advisory' AND granted AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = %s"
HERE: Final = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
FILE_CLOCK: Final = "CAST(strftime('%s', 'now') AS INTEGER) * 1000"


class LeaseHeld(PortError):
    """Another process leads this account. `holder` says which; `silent` that its last proof of life is old, by the database's clock."""

    def __init__(self, account: str, holder: str | None, *, beat_ms: int | None = None, silent: bool = False) -> None:
        who = holder or "another process that has not said its name yet"
        super().__init__(f"account {account} is already led by {who}: nothing was changed; stop that one first, or leave it to work")
        self.holder = holder
        self.beat_ms = beat_ms
        self.silent = silent


class PoolingProxy(Misconfigured):
    """Something between us and PostgreSQL hands our statements to changing sessions: no lock would hold."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the row of an account says about its lease."""

    holder: str | None
    beat_ms: int | None
    age_ms: int | None  # of the beat, by the database's clock


class Lock(Protocol):
    def keep(self, epoch: int) -> None:
        """Prove that the lock is still ours; take it again if only the connection was lost. Raise LeaseLost if another has it, NotSent if
        nobody can be asked."""

    def release(self, *, aloud: bool = True) -> None:
        """Let go. Never raises. Not `aloud`: the database does not answer, and is told nothing that it would have to answer."""


class NoLock:
    """A database in memory has one process only."""

    def keep(self, epoch: int) -> None:
        pass

    def release(self, *, aloud: bool = True) -> None:
        pass


class FileLock:
    def __init__(self, path: str) -> None:
        """Raise BlockingIOError if another process holds it."""
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(A_LOOK_SECONDS)
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.descriptor)
            raise

    def keep(self, epoch: int) -> None:
        pass  # nothing but the end of this process takes an flock away

    def release(self, *, aloud: bool = True) -> None:
        os.close(self.descriptor)


class ServerLock:
    """Used by the engine and by the beating beside it (bot/leading.py): one of them at a time."""

    def __init__(self, database: Database, account: str) -> None:
        """Raise BlockingIOError if another session holds it, PoolingProxy if no lock can be held this way."""
        self.database = database
        self.account = account
        self.key = key_of(f"{LOCK_NAME} {account}")
        self.mutex = Mutex()
        self.session: Any = None
        self.take()

    def take(self) -> None:
        session = self.database.connection()
        session.autocommit = True
        try:
            require_own_session(self.database, session)
            if not session.execute("SELECT pg_try_advisory_lock(%s)", (self.key,)).fetchone()[0]:
                raise BlockingIOError("held")
        except BaseException:
            session.close()
            raise
        self.session = session

    def keep(self, epoch: int) -> None:
        with self.mutex:
            try:
                if not self.beaten(epoch):
                    self.take_again()
                    if not self.beaten(epoch):
                        raise self.lost("another process leads")
            except self.database.errors:
                self.take_again()
                try:
                    if not self.beaten(epoch):
                        raise self.lost("another process leads") from None
                except self.database.errors as error:
                    raise NotSent(f"audit database {self.database.where}: {self.database.reason(error)}") from error

    def beaten(self, epoch: int) -> bool:
        """Write a sign of life, over the session that holds the lock and only while it does. Asks the server, not memory."""
        proof = (
            f"UPDATE accounts SET beat_ms = {SERVER_CLOCK} WHERE account = %s AND epoch = %s"  # noqa: S608 (a constant)
            f" AND EXISTS (SELECT FROM pg_locks WHERE {THE_LOCK} AND pid = pg_backend_pid())"
        )
        done: int = self.session.execute(proof, (self.account, epoch, self.key)).rowcount
        return done == 1

    def take_again(self) -> None:
        """A server that was away for a while may hold the lock for our session of before, not having missed it yet: that one is ended."""
        self.release()
        deadline, strangers = time.monotonic() + ENDING_SECONDS, 0
        try:
            while True:
                with suppress(BlockingIOError):
                    self.take()
                    return
                strangers += not self.end_our_own()
                if strangers > 1:  # the first may have been ours, and gone before it was looked at
                    raise self.lost("another process took the lease while the connection was gone")
                if time.monotonic() > deadline:
                    raise NotSent(f"audit database {self.database.where}: a session of ours that is gone still holds the lease there")
                time.sleep(0.02)
        except self.database.errors as error:
            raise NotSent(f"audit database {self.database.where}: {self.database.reason(error)}") from error

    def end_our_own(self) -> bool:
        """End the session of this very process that holds the lock. False if none does."""
        end = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"  # noqa: S608 (constants)
            f" WHERE {THE_LOCK} AND {HERE} AND application_name = %s"
        )
        with closing(self.database.connection()) as session:
            session.autocommit = True
            return session.execute(end, (self.key, self.database.session)).fetchone() is not None

    def lost(self, why: str) -> LeaseLost:
        return LeaseLost(f"audit database {self.database.where}: {why}; account {self.account} is no longer ours: this process must stop")

    def release(self, *, aloud: bool = True) -> None:
        """Unlock by word: a server that only sees the connection close frees the lock in its own time, and a successor would be refused."""
        with suppress(self.database.errors), closing(self.session):
            if aloud:
                self.session.execute("SELECT pg_advisory_unlock(%s)", (self.key,))


def key_of(name: str) -> int:
    """The number under which PostgreSQL knows a lock."""
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)


def require_own_session(database: Database, session: Any) -> None:
    """Raise PoolingProxy if another connection is given our session between two of our statements.

    A proxy answers with a process number of its own; a server without one is not asked further.
    """
    if session.execute("SELECT pg_backend_pid()").fetchone()[0] == session.info.backend_pid:
        return
    mark = os.urandom(8).hex()
    session.execute("SELECT set_config('hedgebot.mark', %s, false)", (mark,))
    other = database.connection()
    try:
        shared = other.execute("SELECT current_setting('hedgebot.mark', true)").fetchone()[0] == mark  # opens a transaction: keeps it busy
        kept = shared or session.execute("SELECT current_setting('hedgebot.mark', true)").fetchone()[0] == mark
    finally:
        other.close()
    if shared or not kept:
        raise PoolingProxy(
            f"audit database {database.where} lies behind a proxy that pools transactions: two connections share one session, so no lock "
            "would keep a second bot away; nothing was sent. Name the server itself under `audit.url`, or a proxy that pools sessions"
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """A lease of ours."""

    epoch: int
    lock: Lock
    watched: bool  # its silent holder was watched for the whole TTL before we ended it


def acquire(database: Database, account: str, holder: str, *, ttl_ms: int = TTL_MS, over_beat_ms: int | None = None) -> Taken:
    """Take the lease with an epoch one above the last. Raise LeaseHeld naming the holder.

    `over_beat_ms`: the caller watched this beat stand still for the TTL; a holder that still shows it is ended.
    """
    lock: Lock
    watched = False
    try:
        lock = locked(database, account)
    except BlockingIOError:
        held = lease_of(database, account)
        watched = over_beat_ms is not None and held.beat_ms == over_beat_ms and database.on_server
        if not watched:
            silent = held.age_ms is not None and not 0 <= held.age_ms < ttl_ms // 2  # only a guess: who acts on it watches first
            raise LeaseHeld(account, held.holder, beat_ms=held.beat_ms, silent=silent) from None
        lock = succeed(database, account, held)
    try:
        with naming(database), database.engine.connect() as connection:
            clock = server_time(database)
            led = {"holder": holder, "since_ms": clock, "beat_ms": clock, "session": database.session or None, "address": None}
            connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.account == account).values(epoch=ACCOUNTS.c.epoch + 1, **led))
            epoch: int = connection.execute(select(ACCOUNTS.c.epoch).where(ACCOUNTS.c.account == account)).scalar_one()
            connection.commit()
    except BaseException:
        lock.release()
        raise
    return Taken(epoch, lock, watched)


def locked(database: Database, account: str) -> Lock:
    """The lock of an account. Raise BlockingIOError if another process holds it."""
    if database.on_server:
        return ServerLock(database, account)
    if database.path is not None:
        return FileLock(f"{database.path}.{account}.lock")
    return NoLock()


def succeed(database: Database, account: str, held: Held) -> Lock:
    """End the sessions of a silent holder, whose writes may hold locks too, and take its place. Raise LeaseHeld if it spoke meanwhile."""
    session = database.connection()
    try:
        session.autocommit = True
        session.execute(
            "SELECT pg_terminate_backend(s.pid) FROM pg_stat_activity s JOIN accounts a ON s.application_name = a.session"
            " WHERE a.account = %s AND a.beat_ms = %s AND s.datname = current_database()",
            (account, held.beat_ms),
        )
    except database.errors as error:
        raise NotSent(
            f"audit database {database.where}: the silent holder of account {account} ({held.holder}) could not be ended"
            f" ({database.reason(error)}); its sessions belong to another database user: end them by hand"
        ) from error
    finally:
        session.close()
    deadline = time.monotonic() + ENDING_SECONDS
    while True:
        try:
            return ServerLock(database, account)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise LeaseHeld(account, lease_of(database, account).holder) from None
            time.sleep(0.02)


def server_time(database: Database) -> ColumnElement[int]:
    """The database's clock in milliseconds since the epoch."""
    return literal_column(SERVER_CLOCK if database.on_server else FILE_CLOCK)


def lease_of(database: Database, account: str) -> Held:
    wanted = select(ACCOUNTS.c.holder, ACCOUNTS.c.beat_ms, server_time(database) - ACCOUNTS.c.beat_ms).where(ACCOUNTS.c.account == account)
    with naming(database), database.engine.connect() as connection:
        row = connection.execute(wanted).first()
    return Held(None, None, None) if row is None else Held(*row)


def is_led(database: Database, account: str) -> bool | None:
    """Does a process hold this lease now? The row goes on naming one that died. None where that cannot be told."""
    if database.on_server:
        wanted = f"SELECT EXISTS (SELECT FROM pg_locks WHERE {THE_LOCK} AND {HERE})"  # noqa: S608 (constants)
        with naming(database), database.engine.connect() as connection:
            return bool(connection.exec_driver_sql(wanted, (key_of(f"{LOCK_NAME} {account}"),)).scalar_one())
    if database.path is None:
        return None
    try:
        descriptor = os.open(f"{database.path}.{account}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def raised(database: Database, account: str, epoch: int, higher: int) -> int:
    """Raise the epoch of our lease. Raise LeaseLost if it is not ours."""
    with naming(database), database.engine.connect() as connection:
        ours = (ACCOUNTS.c.account == account) & (ACCOUNTS.c.epoch == epoch)
        if connection.execute(update(ACCOUNTS).where(ours).values(epoch=higher)).rowcount != 1:
            raise LeaseLost(f"account {account} is led by another process: this process must stop")
        connection.commit()
    return higher


def holders(database: Database) -> dict[str, str | None]:
    """Who leads each account, also in a database of an older version; empty where there is no such table yet."""
    with naming(database), database.engine.connect() as connection:
        if not inspect(connection).has_table(ACCOUNTS.name):
            return {}
        return {row.account: row.holder for row in connection.execute(select(ACCOUNTS.c.account, ACCOUNTS.c.holder))}


def announce(database: Database, account: str, epoch: int, address: str | None) -> None:
    """Say at which address the API of the leader is."""
    with naming(database), database.engine.connect() as connection:
        ours = (ACCOUNTS.c.account == account) & (ACCOUNTS.c.epoch == epoch)
        connection.execute(update(ACCOUNTS).where(ours).values(address=address))
        connection.commit()


def sign_off(database: Database, account: str, epoch: int) -> None:
    """Take our name off the lease, unless another leads already."""
    with naming(database), database.engine.connect() as connection:
        ours = (ACCOUNTS.c.account == account) & (ACCOUNTS.c.epoch == epoch)
        gone = {"holder": None, "since_ms": None, "beat_ms": None, "session": None, "address": None}
        connection.execute(update(ACCOUNTS).where(ours).values(**gone))
        connection.commit()
