"""Is a copy the whole record of one moment, and is nothing damaged, overwritten or left behind on the way?"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.audit import database
from bot.audit.copies import copy, fill, put_back, verified
from bot.audit.database import Database, connect
from bot.audit.lease import LeaseHeld
from bot.audit.store import Store
from bot.audit.verify import Verdict, verify
from bot.ports import Misconfigured
from tests.audit.worlds import OWNER, session


@pytest.fixture
def filled(store: Store) -> Store:
    asyncio.run(store.append(session(store.instance)))
    return store


@pytest.fixture
def source(filled: Store) -> Database:
    return filled.database


def same(left: Store, right: Store) -> bool:
    ours, theirs = (
        (one.head(), one.state(), one.orders(), one.fills(), one.funding(), [row.hash for row in one.entries()]) for one in (left, right)
    )
    return ours == theirs


def test_a_copy_beside_a_leading_bot_is_the_whole_record_in_one_file(filled, source, tmp_path):
    (found,) = copy(source, tmp_path / "copy.db")
    assert (found.account, found.head) == ("main", filled.head())
    assert {path.name for path in tmp_path.iterdir() if "copy" in path.name} == {"copy.db"}
    assert (tmp_path / "copy.db").stat().st_mode & 0o077 == 0
    with closing(Store.read(f"sqlite:///{tmp_path / 'copy.db'}", **OWNER)) as read:
        assert same(filled, read)
        assert verify(read).verdict is Verdict.GOOD
        assert read.owner.holder is None


def test_accounts_of_several_venues_are_copied_and_put_back_together(filled, source, url, tmp_path):
    beside = {"account": "second", "venue": "deribit", "environment": "testnet"}
    with closing(Store.open(url, **beside, beside=("main", "second"))) as second:
        second.lead("pid 2 on test")
        asyncio.run(second.append(session(second.instance)))
        heads = {"main": filled.head(), "second": second.head()}
    assert {one.account: one.head for one in copy(source, tmp_path / "copy.db")} == heads
    assert {one.account: one.head for one in put_back(tmp_path / "copy.db", tmp_path / "again.db")} == heads
    with closing(Store.read(f"sqlite:///{tmp_path / 'again.db'}", **beside)) as again:
        assert verify(again).verdict is Verdict.GOOD


def test_what_is_recorded_after_the_copy_is_not_in_it_and_the_copy_stays_good(filled, source, tmp_path):
    before = filled.head()
    copy(source, tmp_path / "copy.db")
    asyncio.run(filled.append(session(filled.instance)[:1]))
    assert verified(tmp_path / "copy.db")[0].head == before
    assert filled.head().seq == before.seq + 1


def test_a_copy_comes_back_as_a_file_that_a_bot_leads_with_a_higher_epoch(filled, source, tmp_path):
    copy(source, tmp_path / "copy.db")
    put_back(tmp_path / "copy.db", tmp_path / "again.db")
    with closing(Store.open(f"sqlite:///{tmp_path / 'again.db'}", **OWNER)) as again:
        assert again.head() == filled.head()
        assert again.lead("pid 2 on test") == filled.owner.epoch + 2  # the copy was led once
        asyncio.run(again.append(session(again.instance)[:1]))
        assert verify(again).verdict is Verdict.GOOD


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_copy_fills_a_server_once_and_is_never_poured_over_a_record(filled, source, tmp_path, server_url):
    import psycopg

    copy(source, tmp_path / "copy.db")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    database.upgrade(server_url)
    with closing(connect(server_url)) as server:
        fill(tmp_path / "copy.db", server)
        with closing(Store.read(server_url, **OWNER)) as read:
            assert same(filled, read)
            assert verify(read).verdict is Verdict.GOOD
        with pytest.raises(Misconfigured, match=r"holds a record of main already.*make a new database"):
            fill(tmp_path / "copy.db", server)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spoilt", ["UPDATE entries SET record = record || ' ' WHERE seq = 2", "DELETE FROM fills"])
def test_a_broken_record_makes_no_copy_and_a_broken_copy_does_not_come_back(filled, source, tmp_path, spoilt):
    copy(source, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as file:
        file.executescript("DROP TRIGGER entries_never_change; DROP TRIGGER entries_never_go;")
        file.execute(spoilt)
        file.commit()
    for refuse in (lambda: verified(tmp_path / "copy.db"), lambda: put_back(tmp_path / "copy.db", tmp_path / "again.db")):
        with pytest.raises(Misconfigured, match="the record of main is broken"):
            refuse()
    with closing(connect(f"sqlite:///{tmp_path / 'copy.db'}", read_only=True)) as broken, pytest.raises(Misconfigured, match="is broken"):
        copy(broken, tmp_path / "second.db")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".", "again", "second"))]


def test_a_file_that_is_there_and_a_folder_that_is_not_are_left_alone(source, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(Misconfigured, match=r"taken exists already and was left as it is"):
        copy(source, tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"
    with pytest.raises(Misconfigured, match="does not exist"):
        copy(source, tmp_path / "absent" / "copy.db")


@pytest.mark.parametrize("content", [b"", b"not a database at all, whatever its name says" * 50])
def test_what_is_no_copy_is_refused_by_name(tmp_path, content):
    path = tmp_path / "copy.db"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=r"copy\.db"):
        put_back(path, tmp_path / "again.db")
    with pytest.raises(Misconfigured, match="there is no file"):
        verified(Path(tmp_path / "absent.db"))


# ---------------------------------------------------------------------------------------------------------------- the commands


def test_the_commands_copy_replace_and_keep_what_was_there(tmp_path, monkeypatch):
    from bot.cli_backup import backed_up, restored
    from bot.cli_exit import Wrong
    from bot.settings import load

    monkeypatch.chdir(tmp_path)
    settings = load(None, {}, {"bag.BTC.coins": "1", "hedges.BTC.ratio": "1"})
    with closing(Store.open("sqlite:///hedgebot.db", **OWNER)) as store:
        store.lead("pid 1 on test")
        asyncio.run(store.append(session(store.instance)))
        head = store.head()
        said = backed_up(settings, Path("copy.db"))
        assert said["accounts"][0]["head"] == head.hash
        asyncio.run(store.append(session(store.instance)[:1]))
        with pytest.raises(LeaseHeld):
            restored(settings, Path("copy.db"), force=True)
        assert store.head().seq == head.seq + 1
    with pytest.raises(Wrong, match="--force"):
        restored(settings, Path("copy.db"), force=False)
    said = restored(settings, Path("copy.db"), force=True)
    with closing(Store.read("sqlite:///hedgebot.db", **OWNER)) as back, closing(Store.read(f"sqlite:///{said['kept']}", **OWNER)) as kept:
        assert back.head() == head
        assert kept.head().seq == head.seq + 1
    again = [restored(settings, Path("copy.db"), force=True)["kept"] for _ in range(3)]  # within a second, and each is kept
    assert len({said["kept"], *again}) == 4
    assert all(Path(one).exists() for one in again)
    other = load(None, {}, {"bag.BTC.coins": "1", "hedges.BTC.ratio": "1", "account": "other", "audit.url": "sqlite:///other.db"})
    with pytest.raises(Wrong, match="holds the record of main"):
        restored(other, Path("copy.db"), force=False)
    assert not Path("other.db").exists()
