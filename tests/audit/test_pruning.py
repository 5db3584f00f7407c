"""What may go from the record, what must stay, and does the rest still prove itself without it?"""

import asyncio
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from bot.audit.chain import Head
from bot.audit.copies import copy, put_back
from bot.audit.pruning import Pruned, prune
from bot.audit.roles import OWNER as TABLE_OWNER
from bot.audit.roles import as_owner, set_up
from bot.audit.store import Store
from bot.audit.verify import Verdict, verify
from bot.core.events import Checkpointed, CommandGiven, DecisionMade, Event, RunEnded
from bot.core.ledger import fold
from bot.core.memory import State
from bot.core.model import OrderStatus
from bot.ports import Misconfigured, NotReady
from tests.audit.worlds import NOW, OWNER, decided, in_charge, intent, life, moved, payment, seen

DAY_MS = 86_400_000
DAYS = 6


def days(instance: str) -> list[Event]:
    """A run of six days, with a decision, a whole order and a payment on each; the order of the third day is done on the fourth."""
    state, events = in_charge(State(account="main", instance=instance))
    late: list[Event] = []
    for day in range(DAYS):
        made = decided(state, seen(at_ms=NOW + day * DAY_MS))
        one = life(f"hbaa1day{day}")
        events += [made, *late, *(one[:4] if day == 2 else one), payment(f"f-{day}")]
        late = one[4:] if day == 2 else []
        state = fold(state, made)
    return [*events, RunEnded("run-1", True, "no own order is open", NOW + DAYS * DAY_MS)]


@pytest.fixture
def full(store: Store) -> Store:
    asyncio.run(store.append(days(store.instance)))
    return store


def pruned(store: Store, archive: Path, day: int) -> Pruned | None:
    return asyncio.run(prune(store, store.database, archive, before_ms=NOW + day * DAY_MS, now_ms=NOW + 9 * DAY_MS))


def first(store: Store) -> int:
    return next(store.entries(limit=1)).seq


def tables(store: Store) -> tuple[object, ...]:
    return store.orders(), store.fills(), store.funding()


def test_what_is_left_verifies_by_itself_decides_again_and_keeps_every_order_fill_and_payment(full, tmp_path):
    before, state, head = tables(full), full.state(), full.head()
    found = pruned(full, tmp_path / "archive.db", 2)
    assert found is not None
    assert first(full) == found.checkpoint.upto_seq + 1
    assert isinstance(full.entry(first(full)).event, DecisionMade)
    assert (tables(full), full.state()) == (before, state)
    assert full.head().seq == found.checkpoint_seq == head.seq + 1
    told = verify(full, [head, Head(found.checkpoint.upto_seq, found.checkpoint.entry_hash)])
    assert (told.verdict, told.heads_checked, told.hash_only) == (Verdict.GOOD, 2, 0)
    assert told.decided_again == DAYS - 2
    assert told.what.startswith(f"{full.head().seq - found.checkpoint.upto_seq} entries")
    assert f"entries 1 to {found.checkpoint.upto_seq} were dropped" in told.notes[0]


def test_the_archive_holds_what_went_and_its_hash_is_the_one_that_the_checkpoint_names(full, tmp_path):
    whole = [row.hash for row in full.entries()]
    found = pruned(full, tmp_path / "archive.db", 3)
    with closing(Store.read(f"sqlite:///{tmp_path / 'archive.db'}", **OWNER)) as archive:
        assert [row.hash for row in archive.entries()] == whole
        assert verify(archive, [Head(found.checkpoint.upto_seq, found.checkpoint.entry_hash)]).verdict is Verdict.GOOD


def test_it_goes_on_is_pruned_again_and_copied(full, tmp_path):
    pruned(full, tmp_path / "first.db", 2)
    asyncio.run(full.append([intent("hbaa2new"), moved("hbaa2new", OrderStatus.INTENT, OrderStatus.ABSENT)]))
    again = pruned(full, tmp_path / "second.db", 5)
    assert again is not None
    assert first(full) == again.checkpoint.upto_seq + 1
    assert verify(full).verdict is Verdict.GOOD
    copy(full.database, tmp_path / "copy.db")
    put_back(tmp_path / "copy.db", tmp_path / "back.db")
    with closing(Store.open(f"sqlite:///{tmp_path / 'back.db'}", **OWNER)) as back:
        assert (tables(back), back.head(), back.state()) == (tables(full), full.head(), full.state())
        back.lead("pid 2 on test")
        asyncio.run(back.append([CommandGiven("pause", "test", NOW)]))
        assert verify(back).verdict is Verdict.GOOD


def test_an_order_that_is_under_way_at_the_edge_stays_whole(full, tmp_path):
    found = pruned(full, tmp_path / "archive.db", 3)  # the order of day 2 was filled after the decision of day 3
    assert found is not None
    kept = full.entry(full.order("hbaa1day2").seq)
    assert kept is not None
    assert full.order("hbaa1day2").decision_seq == first(full)


def test_an_unfinished_order_holds_back_everything_after_it(store, tmp_path):
    whole = days(store.instance)
    at = next(place for place, event in enumerate(whole) if event == intent("hbaa1day1"))
    open_order = [*whole[: at + 3], *[event for event in whole[at + 8 :] if isinstance(event, DecisionMade | RunEnded)]]
    asyncio.run(store.append(open_order))
    found = pruned(store, tmp_path / "archive.db", 5)
    assert found is not None
    assert first(store) == store.order("hbaa1day1").decision_seq
    assert verify(store).verdict is Verdict.GOOD


def test_only_what_is_older_goes_and_where_nothing_is_no_file_is_written(full, tmp_path):
    whole = list(full.entries())
    assert pruned(full, tmp_path / "archive.db", 0) is None
    assert not (tmp_path / "archive.db").exists()
    assert full.head().seq == len(whole)
    edge = NOW + 2 * DAY_MS
    found = asyncio.run(prune(full, full.database, tmp_path / "archive.db", before_ms=edge + 1, now_ms=edge))
    assert found is not None
    assert all(row.at_ms <= edge for row in whole[: found.checkpoint.upto_seq])
    assert isinstance(whole[found.checkpoint.upto_seq].event, DecisionMade)


def test_the_last_decision_stays_whatever_is_asked(full, tmp_path):
    state = full.state()
    assert pruned(full, tmp_path / "archive.db", 1000) is not None
    assert full.last_decision() is not None
    assert full.state() == state
    assert pruned(full, tmp_path / "again.db", 1000) is None
    assert not (tmp_path / "again.db").exists()


def test_a_run_whose_end_was_not_verified_is_kept_for_the_next_start(full, tmp_path):
    asyncio.run(full.append([replace(in_charge(State(account="main", instance=full.instance))[1][0], run_id="run-2")]))
    with pytest.raises(NotReady, match="start the bot, stop it"):
        pruned(full, tmp_path / "archive.db", 3)
    assert first(full) == 1
    assert not (tmp_path / "archive.db").exists()


def test_an_archive_that_cannot_be_written_drops_nothing(full, tmp_path):
    (tmp_path / "archive.db").write_text("mine")
    with pytest.raises(Misconfigured, match="exists already"):
        pruned(full, tmp_path / "archive.db", 3)
    assert first(full) == 1
    assert verify(full).notes == ("no heads from outside were given: a deleted tail or a chain rewritten from its start would not show",)


def test_an_interruption_after_the_checkpoint_is_made_good_by_the_next_time(full, tmp_path, monkeypatch):
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("bot.audit.pruning.drop", stopped)
        with pytest.raises(KeyboardInterrupt):
            pruned(full, tmp_path / "archive.db", 3)
    assert first(full) == 1
    assert verify(full).verdict is Verdict.GOOD
    assert pruned(full, tmp_path / "second.db", 3) is not None
    assert verify(full).verdict is Verdict.GOOD


def test_a_checkpoint_that_names_another_hash_than_the_chain_has_is_found_before_anything_is_dropped(full):
    asyncio.run(full.append([Checkpointed(3, "0" * 64, "", "", None, "old.db", NOW)]))
    told = verify(full)
    assert (told.verdict, told.bad_seq) == (Verdict.BROKEN, 3)
    assert "is not the one that a checkpoint names" in told.what


# ---------------------------------------------------------------------------------------------------------------- who tampers

SPOILT: dict[str, tuple[str, str]] = {
    "more entries gone": ("DELETE FROM entries WHERE seq = {after}", r"entry 1 is missing: the next one is \d+"),
    "a fill changed": ("UPDATE fills SET contracts = contracts + 1 WHERE seq < {after}", "are not what they were when those were dropped"),
    "a fill gone": ("DELETE FROM fills WHERE seq = (SELECT min(seq) FROM fills)", "are not what they were when those were dropped"),
    "an order invented": (
        "INSERT INTO orders SELECT account, 'hbxx', 1, decision_seq, moved_seq, asset, symbol, side, contracts, limit_price, reduce_only,"
        " post_only, reference_price, notional_usd, status, filled, venue_id, epoch, cycle, why, moved_why, at_ms, moved_at_ms"
        " FROM orders LIMIT 1",
        "are not what they were when those were dropped",
    ),
    "a number that is none": ("UPDATE fills SET at_ms = 1.5 WHERE seq < {after}", "are not what they were when those were dropped"),
    "the checkpoint changed": (
        "UPDATE entries SET record = replace(record, '{hash}', '" + "0" * 64 + "') WHERE seq = {checkpoint}",
        r"entry \d+ does not fit its hash",
    ),
    "the checkpoint gone": ("DELETE FROM entries WHERE seq >= {checkpoint}", "entry 1 is missing"),
    "the first kept entry changed": ("UPDATE entries SET record = record || ' ' WHERE seq = {after}", "does not fit its hash"),
}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("how", SPOILT)
def test_whatever_is_done_to_a_pruned_record_by_hand_is_found(full, tmp_path, how):
    found = pruned(full, tmp_path / "archive.db", 3)
    statement, said = SPOILT[how]
    with closing(sqlite3.connect(full.database.path)) as file:
        for guard in ("entries_never_change", "entries_never_go"):
            file.execute(f"DROP TRIGGER {guard}")
        after, checkpoint = found.checkpoint.upto_seq + 1, found.checkpoint_seq
        file.execute(statement.format(after=after, checkpoint=checkpoint, hash=found.checkpoint.entry_hash))
        file.commit()
    told = verify(full)
    assert told.verdict is Verdict.BROKEN
    assert re.search(said, told.what), told.what


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_beginning_that_no_checkpoint_names_is_a_missing_entry(full):
    with closing(sqlite3.connect(full.database.path)) as file:
        file.execute("DROP TRIGGER entries_never_go")
        file.execute("DELETE FROM entries WHERE seq <= 3")
        file.commit()
    assert verify(full).what == "entry 1 is missing: the next one is 4"


def test_after_it_the_guards_of_the_table_stand_again(full, tmp_path):
    pruned(full, tmp_path / "archive.db", 3)
    run = full.database.connection()
    for statement in ("DELETE FROM entries", "UPDATE entries SET record = '{}'"):
        with pytest.raises(full.database.errors, match="append-only"):
            run.execute(statement)
        run.rollback()
    run.close()
    assert not [note for note in verify(full).notes if "triggers" in note]


def test_a_head_of_a_dropped_entry_is_pointed_to_the_archive(full, tmp_path):
    old = next(Head(row.seq, row.hash) for row in full.entries(after_seq=3, limit=1))
    pruned(full, tmp_path / "archive.db", 3)
    told = verify(full, [old, full.head()])
    assert (told.verdict, told.heads_checked) == (Verdict.GOOD, 1)
    assert "1 heads given are of those entries: check them against that file" in told.notes[0]


# ---------------------------------------------------------------------------------------------------------------- on a server


def test_the_bots_own_user_cannot_drop_and_the_owner_can(server_url, tmp_path):
    import psycopg

    bot_url = make_url(server_url).set(username="hb_bot", database="hb_pruned", password=None)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS hb_pruned WITH (FORCE)")
        for role in ("hb_bot", TABLE_OWNER):
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                connection.execute(f"DROP OWNED BY {role}")
    url = bot_url.render_as_string(hide_password=False)
    set_up(url, bot_password="word", admin="postgres", admin_password=None)
    with closing(Store.open(url, **OWNER, password="word")) as store:
        store.lead("pid 1 on test")
        asyncio.run(store.append(days(store.instance)))
        with pytest.raises(Misconfigured, match=r"may add to the record and drop nothing from it.*--admin-password-file"):
            pruned(store, tmp_path / "first.db", 3)
        assert (first(store), (tmp_path / "first.db").exists(), store.newest_of("Checkpointed", store.head().seq)) == (1, False, None)
        with closing(as_owner(bot_url, "postgres", None)) as owner:
            found = asyncio.run(prune(store, owner, tmp_path / "second.db", before_ms=NOW + 3 * DAY_MS, now_ms=NOW))
        assert first(store) == found.checkpoint.upto_seq + 1
        assert verify(store).verdict is Verdict.GOOD
