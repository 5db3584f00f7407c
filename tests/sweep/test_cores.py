"""Runs on all cores: each once, and a process that dies or a run that fails takes no other with it."""

import os
from pathlib import Path

import pytest

from bot.sweep.attempt import Failed, in_place
from bot.sweep.cores import MOST, PARCELS, on_cores, together
from tests.sweep.runs import Sum, summed


@pytest.mark.parametrize("cores", [1, 2])
def test_each_run_is_answered_once_and_a_failing_one_says_why(tmp_path: Path, cores: int) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("12345")
    jobs = [Sum(str(at), at, odd=at == 3) for at in range(7)]
    ended = {job.key: answer for came in on_cores(summed, jobs, in_place([str(file)]), cores) for job, answer in came}
    assert ended.pop("3") == Failed("ValueError: an odd one")
    assert {key: answer["sum"] for key, answer in ended.items()} == {str(at): at + 5 for at in range(7) if at != 3}
    assert len(ended) == 6
    assert any(answer["process"] == os.getpid() for answer in ended.values()) == (cores == 1)


def test_only_the_run_that_kills_its_process_is_given_up() -> None:
    jobs = [Sum(str(at), at, deadly=at == 2) for at in range(8)]
    ended = [(job.key, answer) for came in on_cores(summed, jobs, {}, 2) for job, answer in came]
    assert sorted(key for key, _ in ended) == [job.key for job in jobs]
    lost = {key: answer for key, answer in ended if isinstance(answer, Failed)}
    assert list(lost) == ["2"]
    assert "its process died" in lost["2"].why


def test_many_runs_go_in_parcels_and_one_of_them_that_kills_its_process_costs_no_other() -> None:
    many = 2 * PARCELS * MOST
    jobs = [Sum(str(at), at, deadly=at == many // 2) for at in range(many)]
    came = list(on_cores(summed, jobs, {}, 2))
    ended = [(job.key, answer) for some in came for job, answer in some]
    assert sorted(key for key, _ in ended) == sorted(job.key for job in jobs)
    assert [key for key, answer in ended if isinstance(answer, Failed)] == [str(many // 2)]
    assert {1, MOST} <= {len(some) for some in came}


def test_runs_that_last_longer_go_back_one_by_one(monkeypatch) -> None:
    """No more is lost with a process than a moment's work."""
    jobs = [Sum(str(at), at) for at in range(3)]
    assert len(together(summed, jobs, {})) == 3
    monkeypatch.setattr("bot.sweep.cores.TOGETHER_SECONDS", -1)
    assert [answer["sum"] for answer in together(summed, jobs, {})] == [0]


def test_what_there_was_no_time_for_is_handed_out_again(monkeypatch) -> None:
    monkeypatch.setattr("bot.sweep.cores.together", first_only)
    jobs = [Sum(str(at), at) for at in range(2 * PARCELS * 2)]
    ended = [job.key for came in on_cores(summed, jobs, {}, 2) for job, _ in came]
    assert sorted(ended) == sorted(job.key for job in jobs)


def first_only(run, jobs, files):
    return [run(jobs[0], files)]
