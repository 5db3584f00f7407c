"""One writer per account, whatever happens to it."""

import asyncio
import fcntl
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text

from adapters.clock import SystemClock
from adapters.kill_file import KillFile
from bot import workers
from bot.audit import database, lease, migrations
from bot.audit.lease import LeaseHeld, PoolingProxy
from bot.audit.projections import statements
from bot.audit.store import NothingYet, Store
from bot.audit.verify import Verdict, verify
from bot.core.events import ErrorSeen, RunEnded
from bot.gate import SignGate
from bot.leading import lead, proving, takeover_wait_ms
from bot.ports import LeaseLost, Misconfigured, NotSent
from bot.settings import load
from tests.audit.pooler import pooled
from tests.audit.worlds import NOW, OWNER, started

ERROR = ErrorSeen("look", "timeout", NOW)
HOLDER = """
import sys
from bot.audit.store import Store
store = Store.open(sys.argv[1], account="main", venue="paper", environment=None)
print(store.lead("pid 4711 on alpha, since noon"), flush=True)
sys.stdin.read()
"""


def test_each_leader_gets_the_next_epoch(url):
    for epoch in (1, 2, 3):
        store = Store.open(url, **OWNER)
        assert store.lead("pid 1") == epoch
        store.close()


def test_a_second_leader_is_refused_and_told_who_leads(url):
    first = Store.open(url, **OWNER)
    first.lead("pid 1 on alpha, since noon")
    second = Store.open(url, **OWNER)
    with pytest.raises(LeaseHeld, match="already led by pid 1 on alpha, since noon") as refusal:
        second.lead("pid 2 on beta")
    assert refusal.value.holder == "pid 1 on alpha, since noon"
    first.keep_lease()
    first.close()
    assert second.lead("pid 2 on beta") == 2
    second.close()


def test_a_killed_leader_is_succeeded_at_once(url):
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as leader:
        assert leader.stdout.readline().strip() == "1"
        store = Store.open(url, **OWNER)
        with pytest.raises(LeaseHeld, match="pid 4711 on alpha"):
            store.lead("pid 2")
        leader.kill()
    if store.database.on_server:
        with store.database.engine.connect() as connection:  # the server sees the closed socket in its own time
            here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
            alive = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = {here}"
            while connection.execute(text(alive)).scalar():
                connection.commit()
    assert store.lead("pid 2") == 2
    store.close()


def test_whether_anybody_leads_is_asked_of_the_lock_and_not_of_the_name_that_stayed(url):
    store = Store.open(url, **OWNER)
    assert lease.is_led(store.database, "main") is False
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as leader:
        assert leader.stdout.readline().strip() == "1"
        assert lease.is_led(store.database, "main") is True
        assert lease.is_led(store.database, "another") is False
        leader.kill()
    while store.database.on_server and lease.is_led(store.database, "main"):
        pass  # the server sees the closed socket in its own time
    assert lease.is_led(store.database, "main") is False
    assert lease.lease_of(store.database, "main").holder == "pid 4711 on alpha, since noon"
    assert store.lead("pid 2") == 2
    assert lease.is_led(store.database, "main") is True
    store.close()


def test_somebody_who_only_asks_keeps_no_leader_away(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'hedgebot.db'}"
    store = Store.open(url, **OWNER)
    with (tmp_path / "hedgebot.db.main.lock").open("wb") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        monkeypatch.setattr(lease.time, "sleep", lambda seconds: fcntl.flock(asking, fcntl.LOCK_UN))
        assert store.lead("pid 1") == 1
    store.close()


def test_workers_are_told_of_a_leader_that_died_and_of_one_whose_lease_has_run_out(url):
    store = Store.open(url, **OWNER)
    store.lead("pid 1 on alpha")
    settings = load(None, {}, {"bag.BTC.coins": "1", "hedges.BTC.ratio": "1"})
    settings = settings.model_copy(update={"audit": settings.audit.model_copy(update={"url": url})})

    def said() -> str:
        (one,) = workers.listed([settings], None)
        return workers.leader_in_words(one)

    assert said() == "pid 1 on alpha"
    with store.database.engine.connect() as connection:
        connection.execute(text("UPDATE accounts SET beat_ms = beat_ms - 15000"))
        connection.commit()
    assert said() == ("pid 1 on alpha (silent: its lease has run out)" if store.database.on_server else "pid 1 on alpha")
    store._lock.release()  # as when its process dies
    store._lock = lease.NoLock()
    assert said() == "nobody (pid 1 on alpha died)"
    store.close()


async def test_a_leader_whose_epoch_is_past_can_write_nothing(url):
    """It was stopped, another took over by force of a lost connection; then it woke."""
    store = Store.open(url, **OWNER)
    store.lead("pid 1")
    await store.append([ERROR])
    with store.database.engine.connect() as connection:
        connection.execute(text("UPDATE accounts SET epoch = epoch + 1, holder = 'pid 2'"))
        connection.commit()
    with pytest.raises(LeaseLost, match="epoch 2, ours was 1"):
        await store.append([ERROR])
    with pytest.raises(LeaseLost):
        store.keep_lease()
    assert [row.seq for row in store.entries()] == [1]
    store.close()
    reader = Store.read(url)
    assert reader.owner.holder == "pid 2"  # the name of the new leader stays
    reader.close()


def test_no_new_leader_begins_while_a_row_of_the_old_one_is_on_its_way(fresh_server_url):
    """Else the row would be committed under an epoch that is past, after the new leader has read the record."""
    database.upgrade(fresh_server_url)
    store = Store.open(fresh_server_url, **OWNER)
    epoch = store.lead("pid 1")
    row = {"account": "main", "seq": 1, "kind": "ErrorSeen", "at_ms": NOW, "record": "{}", "hash": "", "epoch": epoch}
    with closing(store.database.connection()) as old, closing(store.database.connection()) as new:
        assert old.execute(statements(on_server=True).entry, row).rowcount == 1
        new.execute("SET lock_timeout = 100")
        with pytest.raises(store.database.errors, match="lock timeout"):
            new.execute("UPDATE accounts SET epoch = epoch + 1")
        new.rollback()
        old.commit()
        assert new.execute("UPDATE accounts SET epoch = epoch + 1").rowcount == 1
        new.rollback()
    store.close()


@pytest.fixture
def served(fresh_server_url):
    database.upgrade(fresh_server_url)
    store = Store.open(fresh_server_url, **OWNER)
    store.lead("pid 1")
    yield store
    store.close()


def cut(store: Store) -> None:
    with store.database.engine.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": store._lock.session.info.backend_pid})


async def test_a_lock_lost_with_its_connection_is_taken_again(served, fresh_server_url):
    cut(served)
    served.keep_lease()
    other = Store.open(fresh_server_url, **OWNER)
    with pytest.raises(LeaseHeld):
        other.lead("pid 2")
    other.close()
    assert await served.append([ERROR]) == 1


async def test_a_lock_lost_to_another_process_ends_the_first(served, fresh_server_url):
    cut(served)
    other = Store.open(fresh_server_url, **OWNER)
    assert other.lead("pid 2") == 2
    with pytest.raises(LeaseLost):
        served.keep_lease()
    with pytest.raises(LeaseLost):
        await served.append([ERROR])
    assert await other.append([ERROR]) == 1
    other.close()


def test_two_databases_on_one_server_lead_on_their_own(served, server_url):
    """The lock's key is the account; advisory locks belong to one database of the server."""
    import psycopg

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE another_bot")
    url = server_url.replace("/postgres?", "/another_bot?")
    database.upgrade(url)
    other = Store.open(url, **OWNER)
    assert other.lead("pid 2") == 1
    other.close()


# ------------------------------------------------------------------------------------------------------------------ several accounts

BESIDE = ("main", "second")


def open_second(url: str, beside: tuple[str, ...] = BESIDE) -> Store:
    return Store.open(url, account="second", venue="deribit", environment="testnet", beside=beside)


async def test_accounts_of_one_database_have_leases_epochs_and_chains_of_their_own(url):
    first = Store.open(url, **OWNER, beside=BESIDE)
    first.lead("pid 1")
    await first.append([ERROR, ERROR])
    second = open_second(url)
    assert second.lead("pid 2") == 1
    await second.append([ERROR])
    assert (first.head().seq, second.head().seq) == (2, 1)
    assert first.genesis != second.genesis
    assert [verify(store).verdict for store in (first, second)] == [Verdict.GOOD, Verdict.GOOD]
    second.close()
    second = open_second(url)
    assert second.lead("pid 2") == 2
    first.keep_lease()
    assert await first.append([ERROR]) == 3
    for store in (first, second):
        store.close()


def test_a_new_account_joins_only_a_database_of_its_own_configuration(url):
    Store.open(url, **OWNER).close()
    with pytest.raises(Misconfigured, match="belongs to account main on paper, but the configuration is for account second on deribit"):
        open_second(url, beside=("second", "third"))
    with pytest.raises(NothingYet, match="holds nothing of account second yet"):
        Store.read(url, account="second", venue="deribit", environment="testnet", beside=BESIDE)
    open_second(url).close()
    Store.read(url, account="second", venue="deribit", environment="testnet").close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_record_of_the_first_version_is_refused_until_it_is_migrated_and_then_read_on(kind, tmp_path, request):
    address = f"sqlite:///{tmp_path / 'old.db'}" if kind == "sqlite" else request.getfixturevalue("fresh_server_url")
    database.upgrade(address)
    store = Store.open(address, **OWNER)
    store.lead("pid 1")
    await store.append([ERROR])
    store.close()
    opened = database.connect(address)
    with opened.engine.begin() as connection:
        for column in ("since_ms", "beat_ms", "session", "address"):
            connection.execute(text(f"ALTER TABLE accounts DROP COLUMN {column}"))
        connection.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '0001'"))
    opened.close()
    with pytest.raises(database.MissingMigration, match="run `hedgebot db upgrade`"):
        Store.open(address, **OWNER)
    database.upgrade(address)
    store = Store.open(address, **OWNER)
    assert store.lead("pid 2") == 2
    assert verify(store).verdict is Verdict.GOOD
    assert await store.append([ERROR]) == 2
    store.close()


# ------------------------------------------------------------------------------------------------------------------ a silent holder


def beat(store: Store) -> int:
    return lease.lease_of(store.database, store.account).beat_ms


async def test_a_silent_holder_is_ended_and_succeeded_even_in_the_middle_of_a_write(served, fresh_server_url):
    """Its sessions live on while its process is stopped: one holds the lock, the other a row that the next epoch needs."""
    await served.append([ERROR])
    served._writer._rest.execute("BEGIN")
    served._writer._rest.execute("SELECT epoch FROM accounts FOR SHARE")
    other = Store.open(fresh_server_url, **OWNER)
    assert other.lead("pid 2", over_beat_ms=beat(served)) == 2
    assert other.watched
    with pytest.raises(NotSent):  # its sessions are gone; whether it still leads it has to ask
        await served.append([ERROR])
    with pytest.raises(LeaseLost):
        served.keep_lease()
    assert await other.append([ERROR]) == 2
    other.close()


def test_a_holder_that_gave_a_sign_of_life_meanwhile_is_left_alone(served, fresh_server_url):
    watched = beat(served)
    served.keep_lease()
    other = Store.open(fresh_server_url, **OWNER)
    with pytest.raises(LeaseHeld) as refusal:
        other.lead("pid 2", over_beat_ms=watched)
    assert not refusal.value.silent
    other.close()
    served.keep_lease()


@pytest.mark.parametrize(("age_ms", "silent"), [(0, False), (7_000, False), (7_600, True), (3_600_000, True), (-3_600_000, True)])
def test_only_an_old_beat_or_one_from_the_future_is_worth_watching(served, fresh_server_url, age_ms, silent):
    with served.database.engine.begin() as connection:
        connection.execute(text(f"UPDATE accounts SET beat_ms = {lease.SERVER_CLOCK} - {age_ms}"))
    other = Store.open(fresh_server_url, **OWNER)
    with pytest.raises(LeaseHeld) as refusal:
        other.lead("pid 2")
    assert refusal.value.silent is silent
    other.close()


async def test_a_server_whose_clock_stepped_by_an_hour_costs_nobody_the_lease(served, fresh_server_url):
    with served.database.engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET beat_ms = beat_ms - 3600000"))
    other = Store.open(fresh_server_url, **OWNER, ttl_ms=300)
    watching = asyncio.create_task(lead(other, "pid 2", SystemClock()))
    await asyncio.sleep(0.05)
    served.keep_lease()
    with pytest.raises(LeaseHeld):
        await watching
    other.close()
    assert await served.append([ERROR]) == 1


async def test_a_holder_that_stays_silent_is_watched_for_the_ttl_and_then_succeeded(served, fresh_server_url):
    with served.database.engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET beat_ms = beat_ms - 3600000"))
    other = Store.open(fresh_server_url, **OWNER, ttl_ms=300)
    clock = SystemClock()
    began = clock.mono_ms()
    assert await lead(other, "pid 2", clock) == 2
    assert clock.mono_ms() - began >= 300
    other.close()


async def test_the_lease_is_proven_beside_the_turns_and_its_loss_wakes_the_engine(fresh_server_url):
    database.upgrade(fresh_server_url)
    store = Store.open(fresh_server_url, **OWNER, ttl_ms=300)
    store.lead("pid 1")
    clock, woken = SystemClock(), asyncio.Event()
    gate = SignGate(clock, KillFile(Path("nowhere")))
    gate.lease_held, gate.lease_ttl_ms = True, store.ttl_ms
    async with proving(store, gate, clock, woken.set):
        await asyncio.sleep(0.5)
        assert not gate.lease_run_out()
        with store.database.engine.begin() as connection:
            connection.execute(text("UPDATE accounts SET epoch = epoch + 1"))
        await asyncio.wait_for(woken.wait(), 10)
    assert not gate.lease_held
    store.close()


async def test_an_epoch_that_the_venue_remembers_and_the_database_forgot_is_passed(url):
    store = Store.open(url, **OWNER)
    store.lead("pid 1")
    assert store.raise_epoch(0) == 1
    assert store.raise_epoch(41) == 42
    assert await store.append([ERROR]) == 1
    store.keep_lease()
    store.close()
    again = Store.open(url, **OWNER)
    assert again.lead("pid 2") == 43
    again.close()


# ------------------------------------------------------------------------------------------------------------------ what may be under way


@pytest.mark.parametrize(
    ("last", "wait_ms"),
    [
        ([], 0),
        ([started()], 41_000),
        ([started(), RunEnded("run-1", False, "killed", NOW)], 41_000),
        ([started(), RunEnded("run-1", True, "no own order is open", NOW)], 0),
        ([replace(started(), live=False)], 0),
    ],
)
async def test_a_leader_waits_for_the_requests_of_one_that_did_not_end_well(url, last, wait_ms):
    store = Store.open(url, **OWNER)
    store.lead("pid 1")
    await store.append(last)
    on_server = store.ttl_ms or 0
    assert takeover_wait_ms(store, 60_000) == (wait_ms and wait_ms + on_server)
    assert takeover_wait_ms(store, 0) == (wait_ms and on_server)
    store.watched = True
    assert takeover_wait_ms(store, 60_000) == wait_ms
    store.close()


# ------------------------------------------------------------------------------------------------------------------ proxies


async def test_a_proxy_that_pools_transactions_is_refused_before_anything_is_led(fresh_server_url):
    database.upgrade(fresh_server_url)
    folder = parse_qs(urlsplit(fresh_server_url).query)["host"][0]
    async with pooled(f"{folder}/.s.PGSQL.5432") as port:
        store = await asyncio.to_thread(Store.open, f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable", **OWNER)
        with pytest.raises(PoolingProxy, match="behind a proxy that pools transactions"):
            await asyncio.to_thread(store.lead, "pid 1")
        await asyncio.to_thread(store.close)
    direct = Store.open(fresh_server_url, **OWNER)
    assert direct.lead("pid 1") == 1
    direct.close()
