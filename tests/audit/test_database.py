"""Opening: fresh, foreign, old, new, damaged and absent databases, each with its own message."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.audit import database, migrations
from bot.audit.database import MissingMigration
from bot.audit.store import Store
from bot.audit.tables import AuditTable
from bot.ports import Misconfigured
from tests.audit.worlds import OWNER


def test_the_newest_revision_is_the_one_the_program_asks_for():
    assert ScriptDirectory(migrations.__path__[0]).get_current_head() == migrations.HEAD


def test_the_migrated_schema_is_the_one_the_tables_describe(url):
    Store.open(url, **OWNER).close()
    opened = database.connect(url)
    with opened.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, AuditTable.metadata) == []
    opened.close()


def test_a_fresh_sqlite_file_is_made_and_migrated(tmp_path):
    path = tmp_path / "new.db"
    store = Store.open(f"sqlite:///{path}", **OWNER)
    with store.database.engine.connect() as connection:
        assert migrations.revision(connection) == migrations.HEAD
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    store.close()


def test_fresh_files_that_are_made_at_the_same_time_in_one_process_do_not_get_into_each_other(tmp_path):
    """As the accounts of one bot do: each opens its record on a thread of its own."""

    def made(number: int) -> str | None:
        store = Store.open(f"sqlite:///{tmp_path / str(number)}.db", **OWNER)
        try:
            with store.database.engine.connect() as connection:
                return migrations.revision(connection)
        finally:
            store.close()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(made, range(24))) == {migrations.HEAD}


def test_an_empty_server_waits_for_the_upgrade(fresh_server_url):
    with pytest.raises(MissingMigration, match="hedgebot db upgrade"):
        Store.open(fresh_server_url, **OWNER)
    database.upgrade(fresh_server_url)
    database.upgrade(fresh_server_url)  # a second time changes nothing
    Store.open(fresh_server_url, **OWNER).close()


@pytest.mark.parametrize(("found", "expected"), [("0000", "hedgebot db upgrade"), ("9999", "newer than this program")])
def test_another_version_of_the_schema_is_refused(url, found, expected):
    Store.open(url, **OWNER).close()
    opened = database.connect(url)
    with opened.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '{found}'")
    opened.close()
    for way in (lambda: Store.open(url, **OWNER), lambda: Store.read(url)):
        with pytest.raises(Misconfigured, match=expected) as refusal:
            way()
        assert found in str(refusal.value)


def test_an_upgrade_leaves_a_newer_database_as_it_is_and_says_why(url):
    """Whoever goes back to an older program, and whoever mends that by the command that mended it last time."""
    Store.open(url, **OWNER).close()
    opened = database.connect(url)
    with opened.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'")
    opened.close()
    with pytest.raises(Misconfigured, match=r"is at version 9999, newer than this program .*install the newer hedgebot"):
        database.upgrade(url)


def test_a_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "paper.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE book (price text)")
    connection.close()
    before = path.read_bytes()
    for way in (lambda: Store.open(f"sqlite:///{path}", **OWNER), lambda: database.upgrade(f"sqlite:///{path}")):
        with pytest.raises(Misconfigured, match=r"paper\.db is not an audit database of hedgebot: it holds book"):
            way()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("book",)]
    connection.close()
    assert len(path.read_bytes()) == len(before)


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "hedge.yaml"
    path.write_text("version: 1\n" * 200)
    with pytest.raises(Misconfigured, match=r"hedge\.yaml: this file is not a database"):
        Store.open(f"sqlite:///{path}", **OWNER)
    assert path.read_text() == "version: 1\n" * 200


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(Misconfigured, match=r"the folder .*nowhere does not exist"):
        Store.open(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}", **OWNER)


def test_a_file_locked_by_another_program_is_named(tmp_path):
    path = tmp_path / "hedgebot.db"
    Store.open(f"sqlite:///{path}", **OWNER).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE accounts SET epoch = epoch")
    other.execute("COMMIT")
    with pytest.raises(Misconfigured, match="another process holds it locked"):
        Store.open(f"sqlite:///{path}", **OWNER)
    other.close()


@pytest.mark.parametrize("url", ["mysql://host/db", "hedgebot.db", "", "sqlite:/x"])
def test_an_address_of_no_known_kind_says_how_to_write_one(url):
    with pytest.raises(Misconfigured, match=r"audit\.url.*sqlite:///FILE or postgresql://"):
        database.connect(url)


def test_without_the_driver_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Misconfigured, match=r"pip install 'hedgebot\[postgres\]'"):
        database.connect("postgresql://bot@127.0.0.1/hedgebot")


@pytest.mark.parametrize("place", ["parameter", "address"])
def test_a_password_is_in_no_message_and_no_repr(place):
    url = "postgresql://bot@127.0.0.1:1/hedgebot" if place == "parameter" else "postgresql://bot:geheim@127.0.0.1:1/hedgebot"
    password = "geheim" if place == "parameter" else None
    opened = database.connect(url, password=password)
    assert "geheim" not in repr(opened)
    with pytest.raises(Misconfigured, match="does not answer") as refusal:
        Store.open(url, **OWNER, password=password)
    chain: BaseException | None = refusal.value
    while chain is not None:
        assert "geheim" not in str(chain)
        chain = chain.__cause__
    opened.close()


def test_a_server_session_commits_durably_and_notices_a_dead_line(fresh_server_url):
    opened = database.connect(fresh_server_url)
    with opened.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        pinned = connection.connection.driver_connection.info.get_parameters()
    assert (pinned["keepalives_idle"], pinned["keepalives_interval"], pinned["keepalives_count"]) == ("10", "5", "3")
    assert pinned["tcp_user_timeout"] == "10000"
    opened.close()


def test_who_opens_a_file_while_another_makes_it_waits_for_that(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 60)
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    url = f"sqlite:///{path}"
    with closing(other), ThreadPoolExecutor() as beside:
        opening = beside.submit(Store.open, url, **OWNER)
        with pytest.raises(TimeoutError):
            opening.result(0.2)
        other.execute("ROLLBACK")
        opening.result().close()
    assert Store.read(url, **OWNER).head().seq == 0


def test_a_file_that_stays_locked_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Misconfigured, match="another process holds it locked"):
            Store.open(f"sqlite:///{tmp_path / 'new.db'}", **OWNER)
