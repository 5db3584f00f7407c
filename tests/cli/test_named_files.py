"""Is a file that somebody names on the command line written whole or not at all, and never over what is read?"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.sweep.desk import grid

MATRIX = ("correlations", "--prices", "BTC=prices/btc.csv", "--prices", "ETH=prices/eth.csv", "--json", "--picture")
STATEMENT = ("report", "--json", "--html")
EXPORT = ("audit", "export", "--output")


@pytest.fixture
def full(aligned: Desk, tmp_path: Path) -> Desk:
    """A desk with a record, a configuration and prices of two assets."""
    desk = Desk(tmp_path, aligned.forks)
    for name in ("hedge.yaml", "hedgebot.db", "paper.db"):
        shutil.copy(aligned.folder / name, tmp_path / name)
    with closing(sqlite3.connect(tmp_path / "hedgebot.db")) as record:
        record.execute("PRAGMA journal_mode=DELETE")  # else whoever reads it needs a file of 32 KB beside it
    grid(tmp_path)
    rows = (tmp_path / "prices" / "btc.csv").read_text().splitlines()
    (tmp_path / "prices" / "eth.csv").write_text("\n".join([rows[0], *(row.replace(",6", ",7") for row in rows[1:])]) + "\n")
    return desk


@pytest.mark.parametrize(
    ("command", "name", "limit"),  # an answer on stdout is below it
    [(STATEMENT, "out.html", 4_000), (MATRIX, "out.svg", 1_500), (EXPORT, "out.jsonl", 4_000), (("init", "--force"), "out.yaml", 4_000)],
    ids=["report", "correlations", "audit export", "init"],
)
def test_a_full_disk_leaves_the_older_file_as_it_was_and_a_good_one_replaces_it(
    full: Desk, command: tuple[str, ...], name: str, limit: int
) -> None:
    file = full.folder / name
    file.write_text("of last year", "utf-8")
    file.chmod(0o600)
    answer = full.hb(*command, name, largest_file=limit)
    option = "init" if command[0] == "init" else command[-1]
    assert (answer.code, f"error: {option} {name}: cannot be written (File too large)" in answer.err) == (1, True), answer
    assert file.read_text("utf-8") == "of last year"
    assert not list(full.folder.glob("*.part"))
    if "--json" in command:
        assert answer.json  # it was told before
    full.good(*command, name)
    assert len(file.read_text("utf-8")) > limit
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", [STATEMENT, EXPORT], ids=["report", "audit export"])
@pytest.mark.parametrize("name", ["hedge.yaml", "hedgebot.db", "hedgebot.db-wal", "paper.db", "link"])
def test_neither_record_nor_configuration_is_written_over(full: Desk, command: tuple[str, ...], name: str) -> None:
    (full.folder / "link").symlink_to("hedgebot.db")
    before = {one: (full.folder / one).read_bytes() for one in ("hedge.yaml", "hedgebot.db", "paper.db")}
    answer = full.hb(*command, name)
    assert (answer.code, f"{command[-1]} {name}: would be written over" in answer.err, answer.out) == (2, True, ""), answer
    assert {one: (full.folder / one).read_bytes() for one in before} == before


def test_prices_are_not_drawn_over(full: Desk) -> None:
    (full.folder / "link.svg").symlink_to("prices/eth.csv")
    before = (full.folder / "prices" / "eth.csv").read_bytes()
    answer = full.hb(*MATRIX, "link.svg")
    assert (answer.code, "--picture link.svg: would be written over prices/eth.csv" in answer.err, answer.out) == (2, True, ""), answer
    assert (full.folder / "prices" / "eth.csv").read_bytes() == before


@pytest.mark.parametrize("command", [STATEMENT, EXPORT, MATRIX, ("init",)], ids=["report", "audit export", "correlations", "init"])
def test_a_folder_that_is_not_there_is_named_before_anything_is_asked(full: Desk, command: tuple[str, ...]) -> None:
    answer = full.hb(*command, "no/out.svg")
    assert (answer.code, "no/out.svg: there is no folder no; make it" in answer.err, answer.out) == (2, True, ""), answer
