"""One writer per account, whatever happens to it."""

import subprocess
import sys

import pytest
from sqlalchemy import text

from bot.audit import database
from bot.audit.lease import LeaseHeld
from bot.audit.store import Store
from bot.core.events import ErrorSeen
from bot.ports import LeaseLost
from tests.audit.worlds import NOW, OWNER

ERROR = ErrorSeen("look", "timeout", NOW)
HOLDER = """
import sys, time
from bot.audit.store import Store
store = Store.open(sys.argv[1], account="main", venue="paper", environment=None)
print(store.lead("pid 4711 on alpha, since noon"), flush=True)
time.sleep(600)
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
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True) as leader:
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
