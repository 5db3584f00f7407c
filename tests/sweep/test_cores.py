"""Runs on all cores: each once, and a process that dies or a run that fails takes no other with it."""

import os
from pathlib import Path

import pytest

from bot.sweep.attempt import Failed, in_place
from bot.sweep.cores import on_cores
from tests.sweep.runs import Sum, summed


@pytest.mark.parametrize("cores", [1, 2])
def test_each_run_is_answered_once_and_a_failing_one_says_why(tmp_path: Path, cores: int) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("12345")
    jobs = [Sum(str(at), at, odd=at == 3) for at in range(7)]
    ended = {job.key: answer for job, answer in on_cores(summed, jobs, in_place([str(file)]), cores)}
    assert ended.pop("3") == Failed("ValueError: an odd one")
    assert {key: answer["sum"] for key, answer in ended.items()} == {str(at): at + 5 for at in range(7) if at != 3}
    assert len(ended) == 6
    assert any(answer["process"] == os.getpid() for answer in ended.values()) == (cores == 1)


def test_only_the_run_that_kills_its_process_is_given_up() -> None:
    jobs = [Sum(str(at), at, deadly=at == 2) for at in range(8)]
    ended = [(job.key, answer) for job, answer in on_cores(summed, jobs, {}, 2)]
    assert sorted(key for key, _ in ended) == [job.key for job in jobs]
    lost = {key: answer for key, answer in ended if isinstance(answer, Failed)}
    assert list(lost) == ["2"]
    assert "its process died" in lost["2"].why
