"""Who may write? One process per account; the epoch on every write tells an old leader from the new one.

SQLite: an flock on `<database>.lock`, held for the life of the process. PostgreSQL: a session advisory lock on a connection of its own.
Both are freed by the system when their holder dies, however it dies.
"""

import fcntl
import os
from contextlib import closing, suppress
from hashlib import sha256
from typing import Any, Final, Protocol

from sqlalchemy import select, update

from bot.audit.database import Database, naming
from bot.audit.tables import ACCOUNTS
from bot.ports import LeaseLost, PortError

LOCK_NAME: Final = "hedgebot audit lease"


class LeaseHeld(PortError):
    """Another process leads this account. `holder` says which."""

    def __init__(self, account: str, holder: str | None) -> None:
        who = holder or "another process that has not said its name yet"
        super().__init__(f"account {account} is already led by {who}: nothing was changed; stop that one first, or leave it to work")
        self.holder = holder


class Lock(Protocol):
    def keep(self) -> None:
        """Prove that the lock is still ours; take it again if only the connection was lost. Raise LeaseLost if another has it."""

    def release(self) -> None:
        """Let go. Never raises."""


class NoLock:
    """A database in memory has one process only."""

    def keep(self) -> None:
        pass

    def release(self) -> None:
        pass


class FileLock:
    def __init__(self, path: str) -> None:
        """Raise BlockingIOError if another process holds it."""
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.descriptor)
            raise

    def keep(self) -> None:
        pass  # nothing but the end of this process takes an flock away

    def release(self) -> None:
        os.close(self.descriptor)


class ServerLock:
    def __init__(self, database: Database, account: str) -> None:
        """Raise BlockingIOError if another session holds it."""
        digest = sha256(f"{LOCK_NAME} {account}".encode()).digest()
        self.database = database
        self.key = int.from_bytes(digest[:8], "big", signed=True)
        self.session: Any = None
        self.take()

    def take(self) -> None:
        session = self.database.connection()
        try:
            session.autocommit = True
            if not session.execute("SELECT pg_try_advisory_lock(%s)", (self.key,)).fetchone()[0]:
                raise BlockingIOError("held")
        except BaseException:
            session.close()
            raise
        self.session = session

    def keep(self) -> None:
        if self.held():
            return
        self.release()
        try:
            self.take()
        except BlockingIOError:
            raise LeaseLost(f"audit database {self.database.where}: another process took the lease while the connection was gone") from None

    def held(self) -> bool:
        """Asks the server, not memory: behind a proxy that pools transactions the lock lies on some other session."""
        asked = (
            "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
            " AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = %s)"
        )
        try:
            return bool(self.session.execute(asked, (self.key,)).fetchone()[0])
        except self.database.errors:
            return False

    def release(self) -> None:
        """Unlock by word: a server that only sees the connection close frees the lock in its own time, and a successor would be refused."""
        with suppress(self.database.errors), closing(self.session):
            self.session.execute("SELECT pg_advisory_unlock(%s)", (self.key,))


def acquire(database: Database, account: str, holder: str) -> tuple[int, Lock]:
    """Take the lease and return the new epoch, one above the last. Raise LeaseHeld naming the holder."""
    lock: Lock
    try:
        if database.on_server:
            lock = ServerLock(database, account)
        elif database.path is not None:
            lock = FileLock(f"{database.path}.lock")
        else:
            lock = NoLock()
    except BlockingIOError:
        raise LeaseHeld(account, holder_of(database, account)) from None
    try:
        with naming(database), database.engine.connect() as connection:
            connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.account == account).values(epoch=ACCOUNTS.c.epoch + 1, holder=holder))
            epoch: int = connection.execute(select(ACCOUNTS.c.epoch).where(ACCOUNTS.c.account == account)).scalar_one()
            connection.commit()
    except BaseException:
        lock.release()
        raise
    return epoch, lock


def holder_of(database: Database, account: str) -> str | None:
    with naming(database), database.engine.connect() as connection:
        return connection.execute(select(ACCOUNTS.c.holder).where(ACCOUNTS.c.account == account)).scalar()


def sign_off(database: Database, account: str, epoch: int) -> None:
    """Take our name off the lease, unless another leads already."""
    with naming(database), database.engine.connect() as connection:
        ours = (ACCOUNTS.c.account == account) & (ACCOUNTS.c.epoch == epoch)
        connection.execute(update(ACCOUNTS).where(ours).values(holder=None))
        connection.commit()
