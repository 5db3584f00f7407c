"""How is the record written, and how is it read back?

A transaction is all or nothing: the lease's epoch is checked, the entries are linked to the chain, the projections follow, one commit
(writing.py). Readers take a connection from the pool.
"""

import asyncio
import secrets
import string
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, select

from bot.audit import codec, lease
from bot.audit.chain import Head, genesis, link
from bot.audit.database import Database, Synchronous, connect, naming, require_current
from bot.audit.owners import claim, find_owner, require_ours, require_room
from bot.audit.pages import (
    FILLS_OF,
    LAST,
    NEWEST_DECISIONS,
    NEWEST_FILLS,
    NEWEST_FUNDING,
    NEWEST_ORDERS,
    NEXT_ENTRIES,
    OPEN_ORDERS,
    Statement,
    newest,
)
from bot.audit.projections import statements
from bot.audit.rows import EntryRow, FillRow, FundingRow, OrderRow, Owner
from bot.audit.tables import ACCOUNTS, ENTRIES, FILLS, ORDERS, SLOTS
from bot.audit.writing import Beside, Late, Patience, Writer
from bot.core.events import Checkpointed, DecisionMade, Event, IntentRecorded, RunStarted
from bot.core.ledger import fold
from bot.core.memory import State
from bot.core.rules import Rules
from bot.ports import LeaseLost, Misconfigured, NotSent

T = TypeVar("T")
ALPHABET: Final = string.ascii_lowercase + string.digits
PAGE: Final = 500  # entries held in memory at once while reading the chain
LATE_SECONDS: Final = (
    3.0  # a turn waits no longer for the database: cancels are due. More than BUSY_SECONDS, whose reason is the better one
)
MOMENT_SECONDS: Final = 0.5  # and no longer than that where the last answer was late or none
HURRIED_SECONDS: Final = 0.2  # nor than that while own orders are to be cancelled at once


class SlotTaken(NotSent):
    """The instrument has an unfinished order already."""


class NothingYet(Misconfigured):
    """The database has no record of this account so far."""


class Store:
    """The record of one account. Made by `open` (may lead and write) or `read`."""

    def __init__(self, database: Database, owner: Owner, *, ttl_ms: int = lease.TTL_MS, beside_the_loop: bool = False) -> None:
        self.database = database
        self.ttl_ms = ttl_ms if database.on_server else None  # how long a proof of our lease holds; None: as long as the process lives
        self.owner = owner
        self.account = owner.account
        self.instance = owner.instance
        self.epoch: int | None = None  # of our lease; None while we do not lead
        self.watched = False  # our predecessor was silent for the whole TTL before we took over
        self._lock: lease.Lock = lease.NoLock()
        self.patience = Patience(LATE_SECONDS, HURRIED_SECONDS, lambda: False)
        self._beside = Beside() if beside_the_loop else None
        self._writer = Writer(database, owner.account, tidies=beside_the_loop)
        self._head = Head(0, genesis(owner.account, owner.venue, owner.environment, owner.instance))
        self._decision_seq = 0
        self._doubtful = False  # a commit failed and nobody knows whether it took place
        self._rereading: asyncio.Future[State] | None = None

    def __repr__(self) -> str:
        return f"Store({self.owner.name}, {self.database.where})"

    # ------------------------------------------------------------------------------------------------------------ open and close

    @classmethod
    def open(
        cls,
        url: str,
        *,
        account: str,
        venue: str,
        environment: str | None,
        password: str | None = None,
        create: bool = True,
        synchronous: Synchronous = "FULL",
        instance: str | None = None,
        beside: Collection[str] = (),
        ttl_ms: int = lease.TTL_MS,
        beside_the_loop: bool = False,
        bounded: bool = False,
    ) -> "Store":
        """Open for a process that will lead. With `create`, an empty SQLite database gets its tables; the first opening makes it ours.

        `instance` fixes the two characters that are otherwise drawn once: for runs that must repeat exactly. `beside` names the other
        accounts of the configuration: only among them may a new account join a database. `ttl_ms`: see lease.py. `beside_the_loop`: write
        on a thread, for a loop that must not wait. `bounded`: see `connect`.
        Raise Misconfigured naming the database and what it holds instead.
        """
        database = connect(url, password=password, create=create, synchronous=synchronous, bounded=bounded)
        try:
            require_current(database, create=create)
            drawn = instance or "".join(secrets.choice(ALPHABET) for _ in range(2))
            owner = find_owner(database, account)
            if owner is None:
                require_room(database, account, venue, environment, beside)
                owner = claim(database, account, venue, environment, drawn)
            require_ours(database, owner, account, venue, environment)
            return cls(database, owner, ttl_ms=ttl_ms, beside_the_loop=beside_the_loop)
        except BaseException:
            database.close()
            raise

    @classmethod
    def read(
        cls,
        url: str,
        *,
        account: str | None = None,
        venue: str | None = None,
        environment: str | None = None,
        password: str | None = None,
        beside: Collection[str] = (),
    ) -> "Store":
        """Open for reading beside a running bot; nothing can be changed. With an `account`, raise Misconfigured if it is another's.

        Raise NothingYet where the account has no record so far; `beside` as in `open`.
        """
        database = connect(url, password=password, read_only=True)
        try:
            require_current(database, create=False)
            owner = find_owner(database, account)
            if owner is None:
                if account is not None:
                    require_room(database, account, venue or "", environment, beside)
                whose = f"nothing of account {account}" if account in beside else "no account"
                raise NothingYet(f"audit database {database.where} holds {whose} yet: `hedgebot run` fills it")
            if account is not None:
                require_ours(database, owner, account, venue or owner.venue, environment)
            return cls(database, owner)
        except BaseException:
            database.close()
            raise

    def lead(self, holder: str, *, over_beat_ms: int | None = None) -> int:
        """Become the one writer and return our epoch. `holder` names us to others ("pid 12 on alpha, since ..."). Raise LeaseHeld.

        `over_beat_ms`: the beat of a silent holder that the caller watched for `ttl_ms`: it is ended and succeeded.
        """
        taken = lease.acquire(self.database, self.account, holder, ttl_ms=self.ttl_ms or lease.TTL_MS, over_beat_ms=over_beat_ms)
        self.epoch, self._lock, self.watched = taken.epoch, taken.lock, taken.watched
        self._doubtful = True
        self._settle()
        return self.epoch

    def keep_lease(self) -> None:
        """Prove that we still lead. Raise LeaseLost if another does, NotSent if the database cannot be asked. Any thread may ask."""
        epoch = self.epoch
        if epoch is None:
            raise LeaseLost(f"this process does not lead {self.owner.name}")
        self._lock.keep(epoch)
        if not self.database.on_server:
            self._require_epoch()

    async def prove(self) -> None:
        """As `keep_lease`, without holding up the loop. Raise NotSent too if no answer comes in time."""
        try:
            await self.aside(self.keep_lease, self.patience)
        except Late as late:
            raise NotSent(f"{self._silent(late)}, so nobody knows whether we still lead") from None

    async def reread(self) -> State | None:
        """As `state`, without holding up the loop. None where the answer is still to come: ask again, it is kept."""
        if self._beside is None:
            return self.state()
        if self._rereading is None:
            self._rereading = self._beside.begin(self.state)
            self._rereading.add_done_callback(asyncio.Future.exception)  # it is looked at only where somebody asks again
        await asyncio.wait([self._rereading], timeout=0 if self.patience.hurried() else MOMENT_SECONDS)
        if not self._rereading.done():
            return None
        reread, self._rereading = self._rereading, None
        return reread.result()

    async def aside(self, work: Callable[[], T], patience: Patience | None = None) -> T:
        """Do what asks the database where it does not hold up the loop. With `patience`, raise Late as `Beside.run` does."""
        if self._beside is None:
            return work()
        return await (self._beside.begin(work) if patience is None else self._beside.run(work, patience))

    def hurry(self, hurried: Callable[[], bool]) -> None:
        """While `hurried` says so, a turn waits for the database no longer than HURRIED_SECONDS."""
        self.patience = replace(self.patience, hurried=hurried)

    def _silent(self, late: Late) -> str:
        return f"audit database {self.database.where}: no answer for {late.args[0]:g} s (it is stopped, or its disk or network hangs)"

    def raise_epoch(self, seen: int) -> int:
        """Lead with an epoch above `seen`, one that this database has forgotten; return it. Raise LeaseLost if another leads."""
        if self.epoch is not None and seen >= self.epoch:
            self.epoch = lease.raised(self.database, self.account, self.epoch, seen + 1)
        return self.epoch or 0

    def announce(self, address: str | None) -> None:
        """Say at which address the API of this account is."""
        if self.epoch is not None:
            lease.announce(self.database, self.account, self.epoch, address)

    def close(self) -> None:
        """Release the lease and the connections. Never raises for a database that is gone, nor waits long for a server that is silent."""
        silent = self._rereading is not None or (self._beside is not None and self._beside.late)
        patience = threading.Timer(MOMENT_SECONDS if silent else LATE_SECONDS, self.database.give_up)
        patience.daemon = True
        if self.database.on_server:
            patience.start()
        try:
            self._end()
        finally:
            patience.cancel()

    def _end(self) -> None:
        if self._beside is not None:
            self._beside.close()
        self._writer.drop()
        if self.epoch is not None:
            answers = False
            with suppress(Misconfigured):  # the lock below is what counts; a name left behind only informs
                lease.sign_off(self.database, self.account, self.epoch)
                answers = True
            self._lock.release(aloud=answers)
            self.epoch = None
        self.database.close()

    # --------------------------------------------------------------------------------------------------------------------- write

    async def append(self, events: Sequence[Event]) -> int:
        """Record all of `events` in one durable transaction; return the sequence number of the last.

        Raise LeaseLost if another process leads; SlotTaken if an intent's instrument has an unfinished order; NotSent, saying why, if
        the database did not take them. When even that is unknown, nothing is written until `state()` was read again.
        """
        if self._beside is None:
            return self._append(events)
        try:
            seq = await self._beside.run(partial(self._append, events), self.patience)
        except Late as late:
            raise NotSent(f"{self._silent(late)}, so nobody knows whether it was recorded: {kinds(events)}; nothing was sent") from None
        if self._writer.untidy() and not any(isinstance(event, IntentRecorded) for event in events):
            self._beside.later(self._writer.tidy)  # no order waits for this
        return seq

    def _append(self, events: Sequence[Event]) -> int:
        if not events:
            return self._head.seq
        if self._doubtful:
            raise NotSent(f"audit database {self.database.where}: {unrecorded(events)}; the last commit is in doubt: read the state again")
        if self.epoch is None:
            raise LeaseLost(f"this process does not lead {self.owner.name}: {unrecorded(events)}")
        before = self._head
        rows, after = self._linked(events)
        try:
            decision_seq = self._writer.transact(events, rows, self._decision_seq)
            if decision_seq is None:
                self._require_epoch()
                raise NotSent(f"audit database {self.database.where}: it took fewer rows than it was given")
        except NotSent as error:
            raise NotSent(f"{error}; {unrecorded(events)}") from error
        except self.database.errors as error:
            self._writer.drop()
            head, decision_seq = (before, 0) if self.database.locked_out(error) else self._end_if_read()  # reading would wait for it too
            if head != after:  # else it was committed, and only the answer was lost
                self._doubtful = head != before
                taken = self._taken_slot(events) if isinstance(error, self.database.conflicts) else None
                if taken:
                    self._require_epoch()  # by whoever leads now, if that is not us
                    raise SlotTaken(f"{taken}; {unrecorded(events)}") from error
                raise NotSent(f"audit database {self.database.where}: {self.database.reason(error)}; {unrecorded(events)}") from error
        except BaseException:
            self._writer.drop()
            raise
        self._head, self._decision_seq = after, decision_seq
        return after.seq

    def _linked(self, events: Sequence[Event]) -> tuple[list[dict[str, Any]], Head]:
        head = self._head
        rows = []
        for event in events:
            record = codec.encode(event)
            head = Head(head.seq + 1, link(head.seq + 1, head.hash, record))
            rows.append(
                {
                    "account": self.account,
                    "seq": head.seq,
                    "kind": type(event).__name__,
                    "at_ms": codec.at_ms(event),
                    "record": record,
                    "hash": head.hash,
                    "epoch": self.epoch,
                }
            )
        return rows, head

    def _require_epoch(self) -> None:
        """Raise LeaseLost if another process leads."""
        found = self._found_epoch()
        if found != self.epoch:
            raise LeaseLost(
                f"{self.owner.name} is led by another process (epoch {found}, ours was {self.epoch}): nothing was recorded or sent;"
                " this process must stop"
            )

    def _found_epoch(self) -> int | None:
        """The epoch on record. A file is asked through the writer at hand, which costs next to nothing, unless that belongs to a thread."""
        if self._beside is not None or self._writer.connection is None or self.database.on_server:
            with self._reading() as connection:
                return connection.execute(select(ACCOUNTS.c.epoch).where(ACCOUNTS.c.account == self.account)).scalar_one_or_none()
        try:
            row = self._writer.connection.execute("SELECT epoch FROM accounts WHERE account = ?", (self.account,)).fetchone()
        except self.database.errors as error:
            raise NotSent(f"audit database {self.database.where}: {self.database.reason(error)}") from error
        return None if row is None else row[0]

    def _end_if_read(self) -> tuple[Head | None, int]:
        """As `_read_end`; no head where that cannot be read."""
        try:
            return self._read_end()
        except NotSent:
            return None, 0

    def _read_end(self) -> tuple[Head, int]:
        """The newest link, and where the last decision is."""
        with self._reading() as connection:
            if self.database.on_server and self.epoch is not None:  # wait for a commit of ours that may still be under way
                connection.execute(select(ACCOUNTS.c.epoch).where(ACCOUNTS.c.account == self.account).with_for_update())
            row = connection.exec_driver_sql(statements(on_server=self.database.on_server).end, {"account": self.account}).first()
        return (Head(row[0], row[1]), row[2] or 0) if row else (Head(0, self.genesis), 0)

    def _settle(self) -> None:
        """Take the chain as it stands for the truth."""
        if self._beside is not None:
            self._beside.wait()
        self._head, self._decision_seq = self._read_end()
        self._doubtful = False

    def _taken_slot(self, events: Sequence[Event]) -> str | None:
        wanted = {event.order.symbol: event.order.client_id for event in events if isinstance(event, IntentRecorded)}
        if not wanted:
            return None
        try:
            with self._reading() as connection:
                known = connection.execute(
                    select(ORDERS.c.client_id).where(ORDERS.c.account == self.account, ORDERS.c.client_id.in_(wanted.values()))
                ).first()
                held = connection.execute(
                    select(SLOTS.c.symbol, SLOTS.c.client_id).where(SLOTS.c.account == self.account, SLOTS.c.symbol.in_(wanted))
                ).first()
        except NotSent:
            return None
        if known:
            return f"order {known.client_id} is on record already: an id is never used twice"
        return f"{held.symbol} has an unfinished order already ({held.client_id})" if held else None

    # ---------------------------------------------------------------------------------------------------------------------- read

    @property
    def genesis(self) -> str:
        """h_0 of this chain."""
        return genesis(self.owner.account, self.owner.venue, self.owner.environment, self.owner.instance)

    def head(self) -> Head:
        """The newest link: as written by us, or as found in the database when we do not lead."""
        return self._read_end()[0] if self.epoch is None else self._head

    def extent(self) -> str:
        """From where to where the entries go, for whoever asked for one that is not there."""
        first = next((row.seq for row in self.entries(limit=1)), 1)
        dropped = " (earlier ones were dropped: see the note of `hedgebot audit verify`)" if first > 1 else ""
        return f"entries go from {first} to {self.head().seq}{dropped}"

    def state(self) -> State:
        """Everything remembered: the state of the last decision, folded with it and with what follows. Settles a doubtful commit."""
        if self.epoch is not None:
            self._settle()
        decision_seq = self._read_end()[1] if self.epoch is None else self._decision_seq
        state = State(account=self.account, instance=self.instance)
        for row in self.entries(after_seq=max(decision_seq - 1, 0)):
            event = row.event
            if isinstance(event, DecisionMade) and row.seq == decision_seq:
                state = event.state
            state = fold(state, event)
        return state

    def entries(
        self, *, kinds: Sequence[str] = (), after_seq: int = 0, until_seq: int | None = None, limit: int | None = None
    ) -> Iterator[EntryRow]:
        """Links after `after_seq`, oldest first, a page at a time."""
        wanted = NEXT_ENTRIES.where(ENTRIES.c.kind.in_(kinds)) if kinds else NEXT_ENTRIES
        left = limit
        while left is None or left > 0:
            most = PAGE if left is None else min(PAGE, left)
            page = self.found(wanted, after=after_seq, until=LAST if until_seq is None else until_seq, limit=most)
            if not page:
                return
            for row in page:
                yield EntryRow(*row)
            after_seq = page[-1][0]
            left = None if left is None else left - len(page)

    def entry(self, seq: int) -> EntryRow | None:
        return next(self.entries(after_seq=seq - 1, until_seq=seq), None)

    def decision(self, seq: int) -> DecisionMade | None:
        """The decision recorded at `seq`; None if there is none."""
        row = self.entry(seq)
        event = row.event if row is not None and row.kind == DecisionMade.__name__ else None
        return event if isinstance(event, DecisionMade) else None

    def newest_of(self, kind: str, until_seq: int) -> EntryRow | None:
        """The last entry of a kind at or before `until_seq`."""
        wanted = newest(ENTRIES, EntryRow).where(ENTRIES.c.kind == kind)
        return next((EntryRow(*row) for row in self.found(wanted, before=until_seq + 1, limit=1)), None)

    def rules_at(self, seq: int) -> tuple[str, Rules | None]:
        """The rules of the run that was under way at `seq`, and their hash."""
        run, checkpoint = self.newest_of(RunStarted.__name__, seq), self.newest_of(Checkpointed.__name__, self.head().seq)
        if run is not None and isinstance(run.event, RunStarted):
            return run.event.config_hash, run.event.rules
        if checkpoint is not None and isinstance(checkpoint.event, Checkpointed):
            return checkpoint.event.rules_hash, checkpoint.event.rules
        return "", None

    def last_decision(self) -> DecisionMade | None:
        return self.decision(self._read_end()[1])

    def order(self, client_id: str) -> OrderRow | None:
        wanted = NEWEST_ORDERS.where(ORDERS.c.client_id == client_id)
        return next((OrderRow.of(row) for row in self.found(wanted, before=LAST, limit=1)), None)

    def orders(self, *, limit: int = 100, open_only: bool = False, before_seq: int | None = None) -> list[OrderRow]:
        """Newest first. An open order is one without a terminal state; it holds the slot of its instrument."""
        return [OrderRow.of(row) for row in self._newest(OPEN_ORDERS if open_only else NEWEST_ORDERS, limit, before_seq)]

    def fills(self, *, limit: int = 100, before_seq: int | None = None) -> list[FillRow]:
        """Newest first."""
        return [FillRow.of(row) for row in self._newest(NEWEST_FILLS, limit, before_seq)]

    def fill_seqs(self, client_id: str) -> list[int]:
        """Where in the chain the fills of an order are, oldest first."""
        return [row[0] for row in self.found(FILLS_OF.with_only_columns(FILLS.c.seq), client_ids=[client_id])]

    def funding(self, *, limit: int = 100, before_seq: int | None = None) -> list[FundingRow]:
        """Newest first."""
        return [FundingRow.of(row) for row in self._newest(NEWEST_FUNDING, limit, before_seq)]

    def decisions(self, *, limit: int = 100, before_seq: int | None = None) -> list[EntryRow]:
        """The entries that hold a decision, newest first."""
        return [EntryRow(*row) for row in self._newest(NEWEST_DECISIONS, limit, before_seq)]

    def _newest(self, wanted: Statement, limit: int, before_seq: int | None) -> Sequence[Sequence[Any]]:
        return self.found(wanted, before=LAST if before_seq is None else before_seq, limit=limit)

    def found(self, wanted: Statement, **given: Any) -> Sequence[Sequence[Any]]:
        """The rows of this account that a statement of pages.py finds."""
        with self._reading() as connection:
            return connection.execute(wanted, {"account": self.account, **given}).all()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with naming(self.database), self.database.engine.connect() as connection:
                yield connection
        except Misconfigured as error:
            raise NotSent(str(error)) from error


def unrecorded(events: Sequence[Event]) -> str:
    return f"not recorded: {kinds(events)}; nothing was sent"


def kinds(events: Sequence[Event]) -> str:
    return f"{len(events)} ({', '.join(dict.fromkeys(type(event).__name__ for event in events))})"
