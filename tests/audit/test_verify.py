"""The record is changed behind the bot's back, byte by byte; verify must say where."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from bot.audit.chain import Head, genesis, link
from bot.audit.store import Store
from bot.audit.verify import NO_HEADS, Verdict, verify
from bot.audit.witness import heads_in
from bot.core.decide import decide
from bot.core.events import ErrorSeen
from tests.audit.worlds import NOW, OWNER, RULES, session, started

LAST = len(session("aa"))  # entries of the recorded run


@pytest.fixture
async def recorded(tmp_path: Path) -> tuple[Path, list[Head]]:
    """A file with a whole run in it, closed, and the heads that were logged on the way."""
    path = tmp_path / "hedgebot.db"
    store = Store.open(f"sqlite:///{path}", **OWNER)
    store.lead("pid 1")
    heads = []
    for event in session(store.instance):
        await store.append([event])
        heads.append(store.head())
    store.close()
    return path, heads


def tamper(path: Path, *statements: str) -> None:
    """What somebody with the file in hand can do: drop the triggers, change, put the triggers back."""
    connection = sqlite3.connect(path)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert connection.execute(statement).rowcount != 0, statement
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()


def check(path: Path, heads: list[Head] | None = None, **options):
    store = Store.read(f"sqlite:///{path}")
    try:
        return verify(store, heads, **options)
    finally:
        store.close()


async def test_an_untouched_record_is_good_on_both_engines(store):
    events = session(store.instance)
    await store.append(events)
    result = verify(store, [store.head()])
    assert (result.verdict, result.exit_code) == (Verdict.GOOD, 0), result
    assert result.head == store.head()
    assert (result.heads_checked, result.decided_again, result.hash_only) == (1, 3, 0)
    assert result.notes == ()


async def test_without_heads_it_is_good_and_says_what_that_cannot_show(recorded):
    result = check(recorded[0])
    assert result.verdict is Verdict.GOOD
    assert result.notes == (NO_HEADS,)


@pytest.mark.parametrize("seq", [1, 3, 9, LAST])
async def test_one_changed_byte_of_a_record_is_found_where_it_is(recorded, seq):
    path, _ = recorded
    tamper(path, f"UPDATE entries SET record = replace(record, '\"at_ms\":17', '\"at_ms\":18') WHERE seq = {seq}")
    result = check(path)
    assert (result.verdict, result.bad_seq, result.exit_code) == (Verdict.BROKEN, seq, 1), result


async def test_a_flipped_byte_anywhere_in_a_record_is_found(recorded):
    """Flipped in place and put back; every fifth byte here, every one of them in test_chain."""
    path, heads = recorded
    connection = sqlite3.connect(path, isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    seq, record = connection.execute("SELECT seq, CAST(record AS BLOB) FROM entries WHERE kind = 'FundingSeen'").fetchone()
    for place in range(0, len(record), 5):
        for bit in (1, 128):  # another character; no UTF-8 any more
            broken = record[:place] + bytes([record[place] ^ bit]) + record[place + 1 :]
            connection.execute("UPDATE entries SET record = CAST(? AS TEXT) WHERE seq = ?", (broken, seq))
            result = check(path, heads)
            assert (result.verdict, result.bad_seq) == (Verdict.BROKEN, seq), (place, bit)
    connection.execute("UPDATE entries SET record = CAST(? AS TEXT) WHERE seq = ?", (record, seq))
    assert check(path, heads).verdict is Verdict.GOOD
    connection.close()


async def test_every_changed_character_of_a_hash_is_found(recorded):
    path, _ = recorded
    tamper(path, "UPDATE entries SET hash = upper(hash) WHERE seq = 5")
    assert (check(path).verdict, check(path).bad_seq) == (Verdict.BROKEN, 5)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("UPDATE entries SET kind = 'FundingSeen' WHERE kind = 'FillSeen'", "kind"),
        ("UPDATE entries SET at_ms = at_ms + 1 WHERE seq = 4", "at_ms"),
        ("UPDATE entries SET account = 'other' WHERE seq = 4", "entry 4 is missing"),
        ("UPDATE accounts SET instance = 'zz'", "owner"),
        ("UPDATE accounts SET venue = 'deribit'", "owner"),
        ("UPDATE accounts SET epoch = 0", "epoch"),
    ],
)
async def test_a_changed_column_beside_the_record_is_found(recorded, change, names):
    tamper(recorded[0], change)
    result = check(recorded[0])
    assert result.verdict is Verdict.BROKEN
    assert names in result.what


def columns_of(table: str) -> list[tuple[str, str]]:
    from bot.audit.tables import AuditTable

    return [(table, column.name) for column in AuditTable.metadata.tables[table].c]


@pytest.mark.parametrize(
    ("table", "column"), [pair for table in ("orders", "slots", "fills", "funding") for pair in columns_of(table)], ids=lambda value: value
)
async def test_any_changed_cell_of_a_projection_is_found(recorded, table, column):
    """Of one row. A number moves by one, a flag to a value that still reads as true, a text gains a character."""
    change = f"CASE typeof({column}) WHEN 'integer' THEN {column} + 1 ELSE {column} || 'x' END"
    tamper(recorded[0], f"UPDATE {table} SET {column} = {change} WHERE rowid = (SELECT max(rowid) FROM {table})")
    result = check(recorded[0])
    assert result.verdict is Verdict.BROKEN, result
    assert table in result.what


@pytest.mark.parametrize("table", ["orders", "slots", "fills", "funding"])
async def test_a_removed_and_an_added_row_of_a_projection_are_found(recorded, tmp_path, table):
    path, _ = recorded
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    tamper(path, f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})")
    assert "is missing" in check(path).what
    key = {"orders": "client_id", "slots": "symbol", "fills": "trade_id", "funding": "payment_id"}[table]
    tamper(
        copy,
        f"CREATE TABLE added AS SELECT * FROM {table} LIMIT 1",
        f"UPDATE added SET {key} = 'forged', seq = 999",
        f"INSERT INTO {table} SELECT * FROM added",
        "DROP TABLE added",
    )
    assert "does not follow" in check(copy).what


async def test_two_swapped_rows_are_found(recorded):
    tamper(
        recorded[0],
        "UPDATE entries SET seq = -1 WHERE seq = 6",
        "UPDATE entries SET seq = 6 WHERE seq = 7",
        "UPDATE entries SET seq = 7 WHERE seq = -1",
    )
    result = check(recorded[0])
    assert (result.verdict, result.bad_seq) == (Verdict.BROKEN, 6)


async def test_a_deleted_row_in_the_middle_is_found(recorded):
    tamper(recorded[0], "DELETE FROM entries WHERE seq = 6")
    result = check(recorded[0])
    assert (result.verdict, result.bad_seq) == (Verdict.BROKEN, 6)


async def test_a_deleted_tail_is_found_with_heads_and_only_with_heads(recorded):
    path, heads = recorded
    last = heads[-1].seq
    tamper(path, f"DELETE FROM entries WHERE seq = {last}")  # a decision: no projection tells
    assert check(path).verdict is Verdict.GOOD
    assert check(path, heads[:-1]).verdict is Verdict.GOOD
    result = check(path, heads)
    assert (result.verdict, result.bad_seq) == (Verdict.BROKEN, last)
    assert "end is missing" in result.what


async def test_a_chain_rewritten_from_its_start_is_found_with_heads_and_only_with_heads(recorded):
    path, heads = recorded
    connection = sqlite3.connect(path)
    instance = connection.execute("SELECT instance FROM accounts").fetchone()[0]
    rows = connection.execute("SELECT seq, record FROM entries ORDER BY seq").fetchall()
    connection.close()
    digest, changes = genesis("main", "paper", None, instance), []
    for seq, record in rows:
        forged = record.replace('"program_version":"0.1.0"', '"program_version":"0.1.1"')  # from which no decision follows
        digest = link(seq, digest, forged)
        quoted = forged.replace("'", "''")
        changes.append(f"UPDATE entries SET record = '{quoted}', hash = '{digest}' WHERE seq = {seq}")
    tamper(path, *changes)
    assert check(path).verdict is Verdict.GOOD
    result = check(path, heads[4:5])
    assert (result.verdict, result.bad_seq) == (Verdict.BROKEN, 5)
    assert "witnessed" in result.what


async def test_a_record_with_spaces_is_not_canonical_even_under_a_right_hash(recorded):
    path, _ = recorded
    connection = sqlite3.connect(path)
    before = connection.execute("SELECT hash FROM entries WHERE seq = 16").fetchone()[0]
    seq, record = connection.execute("SELECT seq, record FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
    connection.close()
    assert seq == LAST
    spaced = record.replace('"armed":true', '"armed": true', 1)
    tamper(path, f"UPDATE entries SET record = '{spaced}', hash = '{link(seq, before, spaced)}' WHERE seq = {seq}")
    assert "not canonical" in check(path).what


async def test_a_byte_changed_in_the_file_itself_is_found(recorded):
    path, _ = recorded
    raw = path.read_bytes()
    place = raw.index(b'"payment_id":"f-1"') + 14
    path.write_bytes(raw[:place] + b"g" + raw[place + 1 :])
    assert check(path).verdict is Verdict.BROKEN


async def test_a_decision_that_comes_out_otherwise_now_is_found(recorded):
    def other(state, seen, rules):
        made = decide(state, seen, rules)
        return replace(made, alerts=(*made.alerts, "new")) if state.cycle == 7 else made

    result = check(recorded[0], decide=other)
    assert (result.verdict, result.bad_seq) == (Verdict.BROKEN, LAST)
    assert "same inputs" in result.what


async def test_a_decision_equal_in_value_but_not_in_its_digits_is_found(recorded):
    """1.0 and 1.00 are equal numbers and different records."""

    def other(state, seen, rules):
        made = decide(state, seen, rules)
        return replace(made, legs=tuple(replace(leg, fees_usd=leg.fees_usd + 0 * leg.fees_usd.scaleb(-9)) for leg in made.legs))

    assert check(recorded[0], decide=other).verdict is Verdict.BROKEN


async def test_a_decision_that_cannot_be_made_again_is_found(recorded):
    def failing(state, seen, rules):
        raise ZeroDivisionError("no price")

    assert "cannot be made again" in check(recorded[0], decide=failing).what


@pytest.fixture
def on_two_cores(monkeypatch) -> dict[str, int]:
    """However short the record is, and a decision at a time."""
    monkeypatch.setattr("bot.audit.verify.WORTH_CORES", 0)
    monkeypatch.setattr("bot.audit.verify.BATCH", 1)
    return {"cores": 2}


def turned(made, seq: int) -> str:
    """The record of that decision, with another side of its first order, or another reason."""
    return made[seq].replace('"why":"', '"why":"otherwise ', 1)


def forged(path: Path, forge: dict[int, str]) -> None:
    """Those records in the place of others, under right hashes to the end."""
    connection = sqlite3.connect(path)
    instance = connection.execute("SELECT instance FROM accounts").fetchone()[0]
    rows = connection.execute("SELECT seq, record FROM entries ORDER BY seq").fetchall()
    connection.close()
    digest, changes = genesis("main", "paper", None, instance), []
    for seq, record in rows:
        now = forge.get(seq, record)
        digest = link(seq, digest, now)
        quoted = now.replace("'", "''")
        changes.append(f"UPDATE entries SET record = '{quoted}', hash = '{digest}' WHERE seq = {seq}")
    tamper(path, *changes)


def decisions(path: Path) -> dict[int, str]:
    connection = sqlite3.connect(path)
    found = dict(connection.execute("SELECT seq, record FROM entries WHERE kind = 'DecisionMade' ORDER BY seq"))
    connection.close()
    return found


async def test_on_several_cores_every_decision_is_made_again_too(recorded, on_two_cores):
    path, heads = recorded
    assert check(path, heads, **on_two_cores) == check(path, heads)
    assert check(path, heads, **on_two_cores).decided_again == len(decisions(path)) > 1


async def test_on_several_cores_the_first_forged_decision_is_named_though_a_later_entry_is_broken_too(recorded, on_two_cores):
    path, _ = recorded
    made = decisions(path)
    first, *_, last = made
    forged(path, {seq: turned(made, seq) for seq in (first, last)})
    for options in ({}, on_two_cores):
        result = check(path, **options)
        assert (result.verdict, result.bad_seq) == (Verdict.BROKEN, first)
        assert "same inputs" in result.what
    tamper(path, f"UPDATE entries SET record = record || ' ' WHERE seq = {last}")
    for options in ({}, on_two_cores):
        assert check(path, **options).bad_seq == first


async def test_decisions_of_another_rules_version_are_counted_as_hash_only(recorded):
    result = check(recorded[0], rules_version="another")
    assert (result.verdict, result.decided_again, result.hash_only) == (Verdict.GOOD, 0, 3)


async def test_an_entry_of_a_later_version_leaves_the_question_open(recorded):
    path, heads = recorded
    record = '{"event":{"at_ms":1},"kind":"SomethingNew"}'
    digest = link(LAST + 1, heads[-1].hash, record)
    tamper(path, f"INSERT INTO entries VALUES ('main', {LAST + 1}, 'SomethingNew', 1, '{record}', '{digest}')")
    result = check(path)
    assert (result.verdict, result.exit_code, result.bad_seq) == (Verdict.UNCLEAR, 3, LAST + 1)


async def test_heads_that_name_no_head_leave_the_question_open(recorded):
    assert check(recorded[0], []).exit_code == 3


async def test_missing_triggers_are_noted(recorded):
    connection = sqlite3.connect(recorded[0])
    connection.execute("DROP TRIGGER entries_never_go")
    connection.close()
    assert any("triggers" in note for note in check(recorded[0], recorded[1]).notes)


async def test_it_checks_beside_a_bot_that_goes_on_writing(tmp_path):
    url = f"sqlite:///{tmp_path / 'hedgebot.db'}"
    store = Store.open(url, **OWNER)
    store.lead("pid 1")
    await store.append(session(store.instance))
    reader = Store.read(url)
    with reader.database.snapshot() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() == LAST
        await store.append([ErrorSeen("look", "timeout", NOW)])
        assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() == LAST
    assert verify(reader).head == store.head()
    reader.close()
    store.close()


async def test_an_epoch_in_the_chain_above_the_lease_is_found(store):
    await store.append([started(epoch=9, rules=RULES)])
    assert "epoch" in verify(store).what


@pytest.mark.parametrize(
    "line",
    [
        "12 0123456789ab",
        '{"event": "audit.head", "seq": 12, "head": "0123456789abcdef"}',
        "2026-01-01 [info] audit.head  head=0123456789ab seq=12",
        "\x1b[36mseq\x1b[0m=\x1b[35m12\x1b[0m \x1b[36mhead\x1b[0m=\x1b[35m0123456789abcdef\x1b[0m",
    ],
)
def test_heads_are_read_from_plain_lines_and_from_logs(line):
    (head,) = heads_in(["started", line, "seq=3 without one"])
    assert head.seq == 12
    assert head.hash.startswith("0123456789ab")
