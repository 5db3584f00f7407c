"""The journal of a sweep: a line for each finished run, of which none is lost."""

import json
import resource
from pathlib import Path

import pytest

from bot.sweep.attempt import Stopped
from bot.sweep.finished import Journal


def test_what_was_finished_is_there_again_and_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "grid.journal"
    with Journal(file) as journal:
        journal.add({"a": {"sum": 1}})
        journal.add({"b": {"sum": 2}})
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"run": "c", "sa')
    with Journal(file) as journal:
        assert journal.finished == {"a": {"sum": 1}, "b": {"sum": 2}}
        journal.add({"c": {"sum": 3}})
    assert file.read_bytes().startswith(whole)
    assert [json.loads(line)["run"] for line in file.read_text().splitlines()] == ["a", "b", "c"]


def test_a_damaged_line_costs_only_its_own_run(tmp_path: Path) -> None:
    file = tmp_path / "grid.journal"
    with Journal(file) as journal:
        journal.add({"a": {"sum": 1}})
        journal.add({"b": {"sum": 2}})
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b'{"run": 7\n[]\n' + lines[1])
    with Journal(file) as journal:
        assert journal.finished == {"b": {"sum": 2}}


def test_two_sweeps_do_not_write_to_one_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "grid.journal"), pytest.raises(Stopped, match="another sweep writes to it"):
        Journal(tmp_path / "grid.journal")
    Journal(tmp_path / "grid.journal").__exit__(None, None, None)


def test_a_journal_that_cannot_be_opened_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"no/grid\.journal: cannot be opened \(No such file"):
        Journal(tmp_path / "no" / "grid.journal")


def test_of_results_that_came_together_those_that_fit_on_the_disk_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "grid.journal"
    with Journal(file) as journal:
        journal.add({"a": {"sum": 1}})
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size * 2 + 5, hard))
        try:
            with pytest.raises(Stopped, match=r"cannot be written \(File too large\); 2 finished results are kept there"):
                journal.add({"b": {"sum": 2}, "c": {"sum": 3}, "d": {"sum": 4}})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        journal.add({"c": {"sum": 3}})
    assert [json.loads(line)["run"] for line in file.read_text().splitlines()] == ["a", "b", "c"]
