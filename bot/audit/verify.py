"""Is the record whole, unchanged, and does it say what the program would decide again?

One pass over the chain in pages, inside one snapshot of the database: every hash, every place, canonical form, the heads witnessed
outside, every decision of this program's own rules decided again (again.py; by all cores, judges.py), and the projections rebuilt from
the chain and compared row by row.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection, Table, create_engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bot.audit import codec
from bot.audit.again import Broken, Decide, Entry, Judged, read
from bot.audit.carried import CARRIED, Digest, raw_rows
from bot.audit.chain import Head, link
from bot.audit.judges import Judges
from bot.audit.projections import project, statements
from bot.audit.sentences import moment
from bot.audit.store import PAGE, Store
from bot.audit.tables import ACCOUNTS, ENTRIES, PROJECTIONS, AuditTable
from bot.core.decide import RULES_VERSION, decide
from bot.core.events import Checkpointed, DecisionMade, IntentRecorded, RunStarted
from bot.core.rules import Rules
from bot.helping import cores as usable_cores

DECISION: Final = DecisionMade.__name__
BATCH: Final = 100  # decisions that are made again at once
WORTH_CORES: Final = 20_000  # entries: fewer are verified before other processes have started
REBUILT_KIB: Final = 64 * 1024  # of the projections rebuilt, held in memory
TRIGGERS: Final = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'entries'",
    "postgresql": "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'entries'::regclass AND tgenabled = 'O' AND NOT tgisinternal",
}
NO_HEADS: Final = "no heads from outside were given: a deleted tail or a chain rewritten from its start would not show"


class Verdict(StrEnum):
    GOOD = "good"
    BROKEN = "broken"
    UNCLEAR = "could not tell"


EXIT_CODES: Final = {Verdict.GOOD: 0, Verdict.BROKEN: 1, Verdict.UNCLEAR: 3}


@dataclass(frozen=True, slots=True)
class Verification:
    verdict: Verdict
    what: str  # the first thing that is wrong, or what was found in order
    bad_seq: int | None  # where in the chain; None if nothing is wrong or no single row is
    head: Head  # the last link that was checked
    heads_checked: int
    decided_again: int  # decisions of our own rules version that came out the same, bit for bit
    hash_only: int  # decisions of other versions: their hash holds, they were not decided again
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def verify(
    store: Store,
    heads: Iterable[Head] | None = None,
    *,
    decide: Decide = decide,
    rules_version: str = RULES_VERSION,
    cores: int | None = None,
) -> Verification:
    """Check everything that can be checked from inside, and the `heads` from outside if there are any.

    The decisions of a long record are made again on so many `cores`, by default on all that there are.
    """
    witnessed = None if heads is None else list(heads)
    check = Check(store, witnessed or [])
    try:
        with check.snapshot() as connection:
            processes = (usable_cores() if cores is None else cores) - 1 if check.worth_cores(connection) else 0
            with Judges(decide, rules_version, processes) as judges:
                check.everything(connection, judges)
    except Broken as error:
        return check.result(Verdict.BROKEN, str(error), error.seq)
    except DBAPIError as error:
        reason = store.database.reason(error)
        damaged = isinstance(error.orig, sqlite3.DatabaseError) and ("malformed" in reason or "not a database" in reason)
        return check.result(Verdict.BROKEN if damaged else Verdict.UNCLEAR, f"after entry {check.head.seq}: {reason}", None)
    if witnessed == []:
        return check.result(Verdict.UNCLEAR, "the heads given name no head (lines SEQ HASH, or log lines with seq= and head=)", None)
    if check.unread:
        seq, why = min(check.unread)
        return check.result(Verdict.UNCLEAR, f"{len(check.unread)} entries are of another version of the program; the first: {why}", seq)
    if witnessed is None:
        check.notes.append(NO_HEADS)
    return check.result(Verdict.GOOD, f"{check.head.seq - check.dropped} entries, every one in its place and unchanged", None)


class Check:
    """One pass; `head` tells how far it came."""

    def __init__(self, store: Store, heads: list[Head]) -> None:
        self.store = store
        self.account = store.account
        self.head = Head(0, store.genesis)
        self.witnessed: dict[int, list[str]] = defaultdict(list)
        for head in heads:
            self.witnessed[head.seq].append(head.hash)
        self.heads_checked = 0
        self.rules: dict[str, Rules] = {}  # by config hash
        self.decision_seq = self.decided_again = self.hash_only = self.newest_epoch = 0
        self.unread: list[tuple[int, str]] = []
        self.notes: list[str] = []
        self.checkpoints: dict[int, Checkpointed] = {}  # by the last entry that may be gone
        self.dropped = 0  # entries that are
        self.waiting: list[Entry] = []  # decisions that no judge was given yet

    def result(self, verdict: Verdict, what: str, bad_seq: int | None) -> Verification:
        return Verification(verdict, what, bad_seq, self.head, self.heads_checked, self.decided_again, self.hash_only, tuple(self.notes))

    def snapshot(self) -> Any:
        return self.store.database.snapshot()

    def worth_cores(self, connection: Connection) -> bool:
        last = connection.execute(select(func.max(ENTRIES.c.seq)).where(ENTRIES.c.account == self.account)).scalar() or 0
        return last >= WORTH_CORES

    def everything(self, connection: Connection, judges: Judges) -> None:
        with TemporaryDirectory(prefix="hedgebot-verify-") as folder, empty_projections(folder) as rebuilt:
            self.begin(connection, rebuilt)
            try:
                self.chain(connection, rebuilt.connection.cursor(), judges)
            except Broken:
                self.all_decisions(judges)  # of those before it one may be wrong too, and that comes first
                raise
            self.all_decisions(judges)
            self.ends()
            if not self.unread:
                self.compare(connection, rebuilt)
        self.owner(connection)
        self.file(connection)

    def chain(self, connection: Connection, cursor: Any, judges: Judges) -> None:
        for entry, found in self.rows(connection):
            self.link(entry, found)
            if entry.kind == DECISION:
                self.decision(entry, judges)
            else:
                self.follow(cursor, entry, judges)

    def begin(self, connection: Connection, rebuilt: Connection) -> None:
        """Where entries were dropped, the checkpoint is the beginning: a later entry, which the chain itself vouches for."""
        own = ENTRIES.c.account == self.account
        first = connection.execute(select(func.min(ENTRIES.c.seq)).where(own)).scalar()
        kind = ENTRIES.c.kind == Checkpointed.__name__
        for row in connection.execute(select(ENTRIES.c.seq, ENTRIES.c.record).where(own, kind).order_by(ENTRIES.c.seq)):
            with suppress(codec.NotAnEvent):
                event = codec.decode(row.record)
                if isinstance(event, Checkpointed) and event.upto_seq < row.seq:
                    self.checkpoints[event.upto_seq] = event
        start = self.checkpoints.get((first or 1) - 1)
        if start is None:
            return
        self.head, self.dropped = Head(start.upto_seq, start.entry_hash), start.upto_seq
        if start.rules is not None:
            self.rules[start.rules_hash] = start.rules
        self.carry(connection, rebuilt, start)
        self.before(start)

    def carry(self, connection: Connection, rebuilt: Connection, start: Checkpointed) -> None:
        """What follows from the dropped entries stays in the tables, as the checkpoint found it."""
        found = Digest()
        for table in CARRIED:
            put = f"INSERT INTO {table.name} VALUES ({', '.join('?' for _ in table.c)})"  # noqa: S608 (our own names)
            for row in raw_rows(connection, table, self.account, start.upto_seq):
                found.add(table, row)
                rebuilt.exec_driver_sql(put, row)
        if found.hex != start.tables:
            raise Broken(
                f"orders, fills or funding of entries 1 to {start.upto_seq} are not what they were when those were dropped: a row was"
                f" changed, added or taken away; {start.archive} holds them as they were"
            )

    def before(self, start: Checkpointed) -> None:
        """Heads of dropped entries can be compared with the last one only."""
        self.witness(start.upto_seq, start.entry_hash)
        gone = sum(len(self.witnessed.pop(seq)) for seq in [seq for seq in self.witnessed if seq < start.upto_seq])
        also = f"; {gone} heads given are of those entries: check them against that file" if gone else ""
        self.notes.append(
            f"entries 1 to {start.upto_seq} were dropped on {moment(start.at_ms)}: {start.archive} holds them, and proves them if its"
            f" entry {start.upto_seq} has the hash {start.entry_hash}{also}"
        )

    def rows(self, connection: Connection) -> Iterator[tuple[Entry, str]]:
        """Each entry, and the hash beside it."""
        column = ENTRIES.c
        wanted = select(column.seq, column.kind, column.at_ms, column.record, column.hash).where(column.account == self.account)
        after = 0
        while page := connection.execute(wanted.where(column.seq > after).order_by(column.seq).limit(PAGE)).all():
            for seq, kind, at_ms, record, found in page:
                yield Entry(seq, kind, at_ms, record), found
            after = page[-1][0]

    def link(self, entry: Entry, claimed: str) -> None:
        """One row in its place, as it was written."""
        expected = self.head.seq + 1
        if entry.seq != expected:
            raise Broken(f"entry {expected} is missing: the next one is {entry.seq}", expected)
        try:
            found = link(expected, self.head.hash, entry.record)
        except UnicodeEncodeError:
            raise Broken(f"entry {expected}: the record is not text", expected) from None
        if found != claimed:
            first = ", or the owner in `accounts`," if expected == 1 else ""
            raise Broken(f"entry {expected} does not fit its hash: the record{first} or the hash was changed, or the row moved", expected)
        self.witness(expected, found)
        known = self.checkpoints.get(expected)
        if known is not None and known.entry_hash != found:
            raise Broken(
                f"entry {expected} is not the one that a checkpoint names: it has {known.entry_hash}, the chain has {found}", expected
            )
        self.head = Head(expected, found)

    def witness(self, seq: int, found: str) -> None:
        for prefix in self.witnessed.get(seq, ()):
            if not found.startswith(prefix):
                raise Broken(f"entry {seq} is not the one that was witnessed: {prefix} was seen outside, the chain has {found}", seq)
            self.heads_checked += 1

    def decision(self, entry: Entry, judges: Judges) -> None:
        self.decision_seq = entry.seq
        self.waiting.append(entry)
        if len(self.waiting) >= BATCH:
            self.hand_over(judges)

    def hand_over(self, judges: Judges) -> None:
        """The decisions so far, by the rules that are known so far."""
        given, self.waiting = self.waiting, []
        if not given:
            return
        for found in judges.judge(given, self.rules):
            self.count(found)

    def all_decisions(self, judges: Judges) -> None:
        self.hand_over(judges)
        for found in judges.rest():
            self.count(found)

    def count(self, found: Judged) -> None:
        self.decided_again += found.decided_again
        self.hash_only += found.hash_only
        self.unread += found.unread
        if found.broken is not None:
            raise Broken(*found.broken)

    def follow(self, cursor: Any, entry: Entry, judges: Judges) -> None:
        """What any other entry changes."""
        try:
            event = read(entry)
        except codec.NotAnEvent as error:
            self.unread.append((entry.seq, str(error)))
            return
        if isinstance(event, RunStarted):
            self.hand_over(judges)  # by the rules of the run before
            self.rules[event.config_hash] = event.rules
        if isinstance(event, RunStarted | IntentRecorded):
            self.newest_epoch = max(self.newest_epoch, event.epoch)
        try:
            project(cursor.execute, statements(on_server=False), self.account, entry.seq, event, decision_seq=self.decision_seq)
        except sqlite3.IntegrityError:
            what = f"entry {entry.seq}: a second unfinished order of one instrument, or a client id used twice"
            raise Broken(what, entry.seq) from None

    def ends(self) -> None:
        beyond = [seq for seq in self.witnessed if seq > self.head.seq]
        if beyond:
            raise Broken(
                f"the end is missing: entry {max(beyond)} was witnessed outside, the chain ends at {self.head.seq}", self.head.seq + 1
            )

    def compare(self, connection: Connection, rebuilt: Connection) -> None:
        """The projections hold what the chain says, to the last character."""
        for table in PROJECTIONS:
            kept, due = raw_rows(connection, table, self.account), raw_rows(rebuilt, table, self.account)
            for found, expected in zip_longest(kept, due):
                if found != expected:
                    raise Broken(
                        f"table {table.name}: {difference(table, found, expected)}", (expected or found)[table.c.keys().index("seq")]
                    )

    def owner(self, connection: Connection) -> None:
        known = select(ACCOUNTS.c.account)
        for table in (ENTRIES, *PROJECTIONS):
            stranger = connection.execute(select(table.c.account).where(table.c.account.not_in(known)).limit(1)).scalar()
            if stranger is not None:
                raise Broken(f"table {table.name} holds a row of account {stranger!r}, which this database does not belong to")
        epoch = connection.execute(select(ACCOUNTS.c.epoch).where(ACCOUNTS.c.account == self.account)).scalar_one()
        if epoch < self.newest_epoch:
            raise Broken(f"table accounts: epoch {epoch} is behind the chain, which saw {self.newest_epoch}")

    def file(self, connection: Connection) -> None:
        dialect = connection.dialect.name
        if dialect == "sqlite":
            said = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
            if said != "ok":
                raise Broken(f"the file is damaged: {said}")
        if connection.exec_driver_sql(TRIGGERS[dialect]).scalar() != 3:
            self.notes.append("the triggers that forbid changing `entries` are not all there: somebody removed one")


@contextmanager
def empty_projections(folder: str) -> Iterator[Connection]:
    """The same tables with nothing in them, in a file: the chain may be larger than memory."""
    with create_engine(f"sqlite:///{folder}/rebuilt.db", poolclass=NullPool).connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=OFF")  # thrown away in the end
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        connection.exec_driver_sql(f"PRAGMA cache_size=-{REBUILT_KIB}")  # orders are looked up by ids in no order
        AuditTable.metadata.create_all(connection, tables=list(PROJECTIONS))
        yield connection


def difference(table: Table, found: tuple[Any, ...] | None, expected: tuple[Any, ...] | None) -> str:
    key = " ".join(str(value) for value, column in zip(expected or found or (), table.c, strict=True) if column.primary_key)
    if found is None:
        return f"the row {key} is missing"
    if expected is None:
        return f"the row {key} does not follow from the chain"
    name, is_now, due = next(
        (name, is_now, due) for name, is_now, due in zip(table.c.keys(), found, expected, strict=True) if is_now != due
    )
    return f"the row {key} says {name} = {is_now!r}, the chain says {due!r}"
