"""Writing and reading back, on real SQLite files and a real PostgreSQL."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.audit.chain import head48
from bot.audit.store import SlotTaken, Store
from bot.audit.verify import Verdict, verify
from bot.audit.writing import TIDY_EVERY
from bot.core.events import DecisionMade, ErrorSeen, OrderMoved
from bot.core.ledger import fold
from bot.core.memory import State
from bot.core.model import OrderStatus
from bot.ports import LeaseLost, Misconfigured, NotSent
from tests.audit.worlds import NOW, OWNER, decided, fill, in_charge, intent, life, moved, payment, seen, session

INTENT, SIGNED, OPEN = OrderStatus.INTENT, OrderStatus.SIGNED, OrderStatus.OPEN


def error(number: int = 0) -> ErrorSeen:
    return ErrorSeen("look", f"timeout {number}", NOW + number)


async def test_entries_come_back_as_they_went_in(store):
    events = session(store.instance)
    assert await store.append(events) == len(events)
    assert [row.event for row in store.entries()] == events
    assert [row.seq for row in store.entries()] == list(range(1, len(events) + 1))
    assert store.head().seq == len(events)
    assert head48(store.head().hash) < 2**48


async def test_reading_walks_in_pages_and_within_bounds(store):
    await store.append([error(number) for number in range(1203)])
    assert [row.seq for row in store.entries()] == list(range(1, 1204))
    assert [row.seq for row in store.entries(after_seq=1200)] == [1201, 1202, 1203]
    assert [row.seq for row in store.entries(after_seq=400, limit=3)] == [401, 402, 403]
    assert [row.seq for row in store.entries(after_seq=1, until_seq=3)] == [2, 3]
    assert list(store.entries(kinds=["FillSeen"])) == []
    assert store.entry(1204) is None
    assert store.decision(5) is None


@pytest.mark.parametrize("statement", ["UPDATE entries SET record = '{}'", "DELETE FROM entries", "UPDATE entries SET seq = seq + 10"])
async def test_the_database_itself_refuses_to_change_the_chain(store, statement):
    await store.append([error()])
    with store.database.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(statement))


@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE"])
@pytest.mark.parametrize("seq", [1, 3])
async def test_a_row_may_only_follow_the_last_one(store, verb, seq):
    if store.database.on_server and verb != "INSERT":
        verb = "INSERT"  # the other is SQLite's own
    await store.append([error()])
    with store.database.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text(f"{verb} INTO entries VALUES ('main', {seq}, 'ErrorSeen', 1, '{{}}', 'x')"))


async def test_the_server_refuses_to_empty_the_chain_at_once(fresh_server_url):
    from bot.audit import database

    database.upgrade(fresh_server_url)
    store = Store.open(fresh_server_url, **OWNER)
    with store.database.engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text("TRUNCATE entries"))
    store.close()


# -------------------------------------------------------------------------------------------------------------------- projections


async def test_an_order_is_kept_as_it_stands_with_the_decision_behind_it(store):
    state, events = in_charge(State(account="main", instance=store.instance))
    await store.append([*events, decided(state, seen()), intent("hbone"), moved("hbone", INTENT, SIGNED)])
    await store.append([moved("hbone", SIGNED, OPEN), moved("hbone", OPEN, OrderStatus.PARTIAL, filled=400)])
    order = store.order("hbone")
    assert (order.status, order.filled, order.venue_id) == (OrderStatus.PARTIAL, 400, "v-1")
    assert (order.seq, order.decision_seq, order.moved_seq) == (4, 3, 7)
    assert str(order.limit_price) == "60000.50"
    assert [row.client_id for row in store.orders(open_only=True)] == ["hbone"]


async def test_filled_never_shrinks_and_an_end_is_final(store):
    await store.append([intent("hbone"), moved("hbone", INTENT, OrderStatus.PARTIAL, filled=400), moved("hbone", SIGNED, OPEN, filled=300)])
    assert store.order("hbone").filled == 400
    await store.append([moved("hbone", OPEN, OrderStatus.CANCELLED, filled=500), moved("hbone", OPEN, OPEN, filled=600)])
    assert (store.order("hbone").status, store.order("hbone").filled) == (OrderStatus.CANCELLED, 500)


async def test_a_second_unfinished_order_of_an_instrument_is_refused_whole(store):
    await store.append([intent("hbone")])
    before = store.head()
    with pytest.raises(SlotTaken, match=r"BTC/USD:BTC has an unfinished order already \(hbone\).*nothing was sent"):
        await store.append([error(), intent("hbtwo")])
    assert store.head() == before
    assert [row.seq for row in store.entries()] == [1]
    await store.append([intent("hbeth", symbol="ETH/USD:ETH")])  # another instrument is free
    assert [row.client_id for row in store.orders(open_only=True)] == ["hbeth", "hbone"]


@pytest.mark.parametrize("end", sorted(status for status in OrderStatus if status.terminal and status is not OrderStatus.DRY_RUN))
async def test_every_end_of_an_order_frees_its_instrument(store, end):
    await store.append([intent("hbone"), moved("hbone", INTENT, SIGNED), moved("hbone", SIGNED, end)])
    assert store.orders(open_only=True) == []
    assert await store.append([intent("hbtwo")]) == 4


async def test_an_order_of_unknown_fate_holds_its_instrument(store):
    await store.append([intent("hbone"), moved("hbone", INTENT, OrderStatus.UNKNOWN)])
    with pytest.raises(SlotTaken):
        await store.append([intent("hbtwo")])


async def test_a_client_id_is_never_used_twice(store):
    await store.append(life("hbone"))
    with pytest.raises(SlotTaken, match="hbone is on record already"):
        await store.append([intent("hbone")])


async def test_a_dry_run_order_is_kept_and_holds_nothing(store):
    await store.append([intent("hbdry", status=OrderStatus.DRY_RUN), intent("hbdry2", status=OrderStatus.DRY_RUN)])
    assert [row.status for row in store.orders()] == [OrderStatus.DRY_RUN, OrderStatus.DRY_RUN]
    assert store.orders(open_only=True) == []


async def test_a_trade_and_a_payment_seen_twice_are_booked_once(store):
    await store.append([fill("t-1", "hbone"), payment("f-1")])
    await store.append([fill("t-1", "hbone"), payment("f-1"), fill("t-2", "hbone")])
    assert [(row.trade_id, row.seq) for row in store.fills()] == [("t-2", 5), ("t-1", 1)]
    assert [(row.payment_id, str(row.coins)) for row in store.funding()] == [("f-1", "0.00050")]
    assert str(store.fills(limit=1)[0].realised) == "0E-8"
    assert store.fill_seqs("hbone") == [1, 5]


# ------------------------------------------------------------------------------------------------------------------------- state


async def test_a_fresh_record_remembers_nothing_but_its_name(store):
    assert store.state() == State(account="main", instance=store.instance)
    assert len(store.instance) == 2


async def test_the_state_is_the_last_decision_folded_with_what_follows(store):
    events = session(store.instance)
    await store.append(events)
    last = max(place for place, event in enumerate(events) if isinstance(event, DecisionMade))
    expected = events[last].state
    for event in [*events[last:], error()]:
        expected = fold(expected, event)
    await store.append([error()])
    assert store.state() == expected
    assert store.last_decision() == events[last]


async def test_without_any_decision_the_state_is_the_fold_of_everything(store):
    expected, events = in_charge(State(account="main", instance=store.instance))
    await store.append(events)
    assert store.state() == expected


async def test_a_restart_reads_the_last_decision_and_not_the_rows_before_it(store):
    """The plan of the query tells: an index leads to the place, no scan."""
    await store.append([error(number) for number in range(600)])
    await store.append(session(store.instance))
    statements: list[str] = []
    sqlalchemy_event.listen(store.database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    read: list[int] = []
    original = store.entries

    def counted(**bounds) -> Iterator:
        for row in original(**bounds):
            read.append(row.seq)
            yield row

    store.entries = counted
    store.state()
    assert read == [617]
    if not store.database.on_server:
        with store.database.engine.connect() as connection:
            for statement in tuple(statements):
                parameters = {"account": "main"} if ":account" in statement else ("main",) * statement.count("?")
                plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
                assert "SCAN" not in plan, (statement, plan)


async def test_fixed_instance_for_runs_that_must_repeat():
    store = Store.open("sqlite://", **OWNER, instance="zz")
    assert store.instance == "zz"
    store.close()


# ---------------------------------------------------------------------------------------------------------------------- failures


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program in the middle of a write."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path / 'hedgebot.db'}", **OWNER)
    store.lead("pid 1")
    yield store
    store.close()


async def test_a_full_disk_loses_nothing_and_says_what_was_not_recorded(file_store):
    await file_store.append([error()])
    pages = file_store._writer.connection.execute("PRAGMA page_count").fetchone()[0]
    file_store._writer.connection.execute(f"PRAGMA max_page_count={pages}")  # SQLite reports it exactly as a full disk
    with pytest.raises(NotSent, match=r"disk is full.*not recorded: 400 \(IntentRecorded, ErrorSeen\); nothing was sent"):
        await file_store.append([intent("hbone"), *(error(number) for number in range(399))])
    assert file_store.head().seq == 1
    assert await file_store.append([intent("hbone")]) == 2  # a new connection, with space again
    assert verify(file_store).verdict is Verdict.GOOD


async def test_a_database_locked_by_another_program_is_named(file_store):
    with locked(file_store.database.path), pytest.raises(NotSent, match="another process holds it locked"):
        await file_store.append([error()])
    assert await file_store.append([error()]) == 1


async def test_a_connection_that_dies_is_replaced(fresh_server_url):
    from bot.audit import database

    database.upgrade(fresh_server_url)
    store = Store.open(fresh_server_url, **OWNER)
    store.lead("pid 1")
    await store.append([error()])
    with store.database.engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": store._writer.connection.info.backend_pid})
    with pytest.raises(NotSent, match="not recorded: 1"):
        await store.append([error(1)])
    assert await store.append([error(2)]) == 2
    assert [row.event.error for row in store.entries()] == ["timeout 0", "timeout 2"]
    store.close()


async def test_who_leads_no_more_is_told_so_though_the_slot_is_taken_too(url):
    old = Store.open(url, **OWNER)
    old.lead("pid 1")
    await old.append([intent("hbone")])
    with old.database.engine.connect() as connection:
        connection.execute(text("UPDATE accounts SET epoch = epoch + 1"))
        connection.commit()
    with pytest.raises(LeaseLost, match="nothing was recorded or sent"):
        await old.append([intent("hbtwo")])
    old.close()


# ---------------------------------------------------------------------------------------------------------------- beside the loop


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path / 'hedgebot.db'}", **OWNER, beside_the_loop=True)
    store.lead("pid 1")
    yield store
    store.close()


async def test_a_database_that_makes_the_writer_wait_keeps_the_loop_turning(beside):
    with locked(beside.database.path):
        writing = asyncio.ensure_future(beside.append([error()]))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not writing.done()
        beside.keep_lease()  # a question to the file, which others may ask meanwhile
    assert await writing == 1
    assert beside.head().seq == 1


async def test_who_stops_waiting_for_a_commit_does_not_stop_the_commit(beside):
    with locked(beside.database.path):
        writing = asyncio.ensure_future(beside.append([error()]))
        while not beside._writer.connection:  # noqa: ASYNC110  (until the thread has begun)
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    beside.state()
    assert beside.head().seq == 1
    assert await beside.append([error(1)]) == 2
    assert verify(beside, [beside.head()]).verdict is Verdict.GOOD


async def test_a_commit_whose_turn_has_not_come_is_made_though_nobody_waits_for_it_any_more(beside):
    with locked(beside.database.path):
        first, second = asyncio.ensure_future(beside.append([error()])), asyncio.ensure_future(beside.append([error(1)]))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    await first
    beside.state()
    assert [row.event.error for row in beside.entries()] == ["timeout 0", "timeout 1"]


def test_a_loop_that_ends_before_its_commit_leaves_the_writer_to_the_next_loop(beside):
    async def impatient() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(beside.append([error()]), 0.001)

    with locked(beside.database.path):
        asyncio.run(impatient())
    asyncio.run(beside.append([error(1)]))
    assert [row.event.error for row in beside.entries()] == ["timeout 0", "timeout 1"]


async def test_what_goes_wrong_beside_the_loop_is_told_to_who_waits(beside):
    with locked(beside.database.path), pytest.raises(NotSent, match="another process holds it locked"):
        await beside.append([error()])
    assert await beside.append([error()]) == 1


async def test_the_log_of_the_file_is_tidied_by_what_no_order_waits_for(beside):
    tidied: list[int] = []
    tidy = beside._writer.tidy
    beside._writer.tidy = lambda: (tidied.append(beside.head().seq), tidy())
    for number in range(TIDY_EVERY):
        await beside.append([intent(f"hb{number}"), moved(f"hb{number}", INTENT, OrderStatus.ABSENT)])
    beside._beside.wait()
    assert tidied == []
    sizes = []
    for number in range(TIDY_EVERY * 3):
        await beside.append([error(number)])
        beside._beside.wait()
        sizes.append(log_size(beside))
    assert len(tidied) == 3
    assert sizes[0] == sizes[-1]  # written from its beginning again each time


def log_size(store: Store) -> int:
    return Path(f"{store.database.path}-wal").stat().st_size


class CommitFails:
    """The driver's connection, except that the commit reports an error: after it took place, or instead."""

    def __init__(self, connection, took_place: bool) -> None:
        self.connection, self.took_place = connection, took_place

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def commit(self) -> None:
        import psycopg

        if self.took_place:
            self.connection.commit()
        if isinstance(self.connection, sqlite3.Connection):
            raise sqlite3.OperationalError("disk I/O error")
        raise psycopg.OperationalError("server closed the connection unexpectedly")


@pytest.mark.parametrize("took_place", [True, False])
async def test_a_commit_that_errors_is_looked_up_before_anything_else(store, took_place):
    await store.append([error(0)])
    store._writer.connection = CommitFails(store._writer.connection, took_place)
    if took_place:
        assert await store.append([error(1), error(1)]) == 3
    else:
        with pytest.raises(NotSent):
            await store.append([error(1), error(1)])
    await store.append([error(2)])
    assert [row.event.error for row in store.entries()] == ["timeout 0", *(["timeout 1"] * 2 if took_place else []), "timeout 2"]
    assert verify(store, [store.head()]).verdict is Verdict.GOOD


@pytest.mark.parametrize("took_place", [True, False])
async def test_a_commit_in_doubt_closes_the_record_until_the_state_was_read(store, monkeypatch, took_place):
    await store.append([error(0)])
    store._writer.connection = CommitFails(store._writer.connection, took_place)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_read_end", lambda: (_ for _ in ()).throw(NotSent("no connection")))
        with pytest.raises(NotSent):
            await store.append([error(1), error(1)])
    with pytest.raises(NotSent, match="in doubt"):
        await store.append([error(2)])
    store.state()
    assert store.head().seq == (3 if took_place else 1)
    assert await store.append([error(3)]) == (4 if took_place else 2)
    assert verify(store).verdict is Verdict.GOOD


async def test_an_event_that_cannot_be_written_leaves_the_chain_as_it_was(store):
    await store.append([error()])
    with pytest.raises(TypeError):
        await store.append([error(), OrderMoved("a", "s", INTENT, SIGNED, "1", "", NOW, 1)])
    assert await store.append([error()]) == 2


async def test_writing_without_the_lease_is_refused(url):
    store = Store.open(url, **OWNER)
    with pytest.raises(LeaseLost):
        await store.append([error()])
    with pytest.raises(LeaseLost):
        store.keep_lease()
    store.close()


# ------------------------------------------------------------------------------------------------------------- killed while writing

WRITER = """
import asyncio, sys
from bot.audit.store import Store
from bot.core.events import ErrorSeen

async def main() -> None:
    store = Store.open(sys.argv[1], account="main", venue="paper", environment=None)
    store.lead("writer")
    for number in range(100_000):
        seq = await store.append([ErrorSeen("look", "x" * 3000, number), ErrorSeen("look", "y", number)])
        print(seq, flush=True)

asyncio.run(main())
"""


def test_a_writer_killed_in_the_middle_leaves_whole_transactions(url):
    committed = 0
    for kill_after in (1, 7, 23):
        with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True) as writer:
            lines = [writer.stdout.readline() for _ in range(kill_after)]
            writer.kill()
            rest = writer.stdout.read().splitlines()
        committed = int([*lines, *rest][-1])
        store = Store.open(url, **OWNER)
        store.lead("after the kill")
        assert store.head().seq >= committed
        assert store.head().seq % 2 == 0
        assert verify(store).verdict is Verdict.GOOD
        store.close()


# ------------------------------------------------------------------------------------------------------------- whose database is it


@pytest.mark.parametrize("other", [{"account": "second"}, {"venue": "deribit"}, {"environment": "testnet"}])
def test_a_database_of_another_owner_is_refused_naming_both_and_the_place(url, other):
    Store.open(url, **OWNER).close()
    with pytest.raises(Misconfigured) as refusal:
        Store.open(url, **{**OWNER, **other})
    message = str(refusal.value)
    assert "belongs to account main on paper" in message
    assert next(iter(other.values())) in message
    assert "audit.url" in message


def test_the_same_owner_finds_the_same_name_again(url):
    first = Store.open(url, **OWNER)
    first.close()
    again = Store.open(url, **OWNER)
    assert again.instance == first.instance
    again.close()


async def test_readers_see_a_running_bot_and_cannot_write(store, url):
    reader = Store.read(url, account="main", venue="paper")
    await store.append([error()])
    assert reader.head() == store.head()
    assert [row.event for row in reader.entries()] == [error()]
    with reader.database.engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("UPDATE accounts SET epoch = 7"))
    reader.close()


def test_reading_what_nobody_has_written_yet_says_so(url, tmp_path):
    if url.startswith("sqlite"):
        with pytest.raises(Misconfigured, match=r"no audit database at .*hedgebot run"):
            Store.read(url)
        assert not (tmp_path / "hedgebot.db").exists()
    else:
        with pytest.raises(Misconfigured, match="holds no account yet"):
            Store.read(url)


def test_reading_the_database_of_another_account_is_refused(url):
    Store.open(url, **OWNER).close()
    with pytest.raises(Misconfigured, match="belongs to account main"):
        Store.read(url, account="other", venue="paper")


def test_a_copied_file_beside_a_running_bot_is_readable(file_store, tmp_path):
    shutil.copy(file_store.database.path, tmp_path / "copy.db")
    with pytest.raises(Misconfigured):
        Store.read(f"sqlite:///{tmp_path / 'nothing.db'}")
