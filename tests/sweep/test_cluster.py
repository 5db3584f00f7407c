"""Runs on a Dask cluster: a real scheduler and two worker processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.sweep.attempt import Failed, Stopped, in_place
from bot.sweep.cluster import on_cluster
from tests.sweep.runs import Sum, another_program, program, summed

HERE = Path(__file__).parents[2]
pytest.importorskip("distributed")
READY = "Registered to:"


@dataclass
class Cluster:
    address: str
    scheduler: subprocess.Popen[str]
    workers: list[subprocess.Popen[str]]


def started(stack: ExitStack, folder: Path, *words: str) -> subprocess.Popen[str]:
    where = {**os.environ, "PYTHONPATH": str(HERE)}
    child = subprocess.Popen(
        [sys.executable, "-m", "dask", *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=folder, env=where
    )
    stack.enter_context(child)  # closes what it says, after its end
    stack.callback(child.kill)
    return child


def line_with(child: subprocess.Popen[str], word: str) -> str:
    assert child.stderr is not None
    return next(line for line in child.stderr if word in line)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        scheduler = started(stack, tmp_path, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        address = line_with(scheduler, "Scheduler at:").split()[-1]
        words = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        workers = [started(stack, tmp_path, *words) for _ in range(2)]
        for worker in workers:
            line_with(worker, READY)
        yield Cluster(address, scheduler, workers)


def test_two_workers_answer_every_run_read_files_that_went_along_and_tell_failures(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("12345")
    jobs = [Sum(str(at), at, odd=at == 3) for at in range(12)]
    whole = on_cluster(summed, jobs, in_place([str(file)]), cluster.address, program)
    ended = {job.key: answer for came in whole for job, answer in came}
    assert ended.pop("3") == Failed("ValueError: an odd one")
    assert {key: answer["sum"] for key, answer in ended.items()} == {str(at): at + 5 for at in range(12) if at != 3}
    assert {answer["process"] for answer in ended.values()} == {worker.pid for worker in cluster.workers}
    stale = list(on_cluster(summed, [Sum("x")], {}, cluster.address, another_program))
    assert [answer for ((_, answer),) in stale] == [Failed("the worker runs another version of hedgebot: install the same one there")]


def test_what_a_dying_worker_had_is_run_by_the_other_and_a_scheduler_that_vanishes_stops_the_sweep(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipe, begun = tmp_path / "pipe", tmp_path / "begun"
    os.mkfifo(pipe)
    os.mkfifo(begun)
    held = on_cluster(summed, [Sum("first", 4), Sum("held", 5, after=str(pipe), begun=str(begun))], {}, cluster.address, program)
    ((job, _),) = next(held)
    assert job.key == "first"
    dying = int(begun.read_text("ascii"))
    os.kill(dying, signal.SIGKILL)
    other = int(begun.read_text("ascii"))
    pipe.write_text("go on", "ascii")
    ((job, answer),) = next(held)
    assert (job.key, answer["sum"], answer["process"]) == ("held", 5, other)
    assert list(held) == []  # it ends here, and not where the garbage collector finds it
    assert {dying, other} == {worker.pid for worker in cluster.workers}
    lost = on_cluster(summed, [Sum("lost", 2, after=str(pipe), begun=str(begun))], {}, cluster.address, program)
    with ThreadPoolExecutor() as threads:
        answered = threads.submit(next, lost)
        assert int(begun.read_text("ascii")) == other
        cluster.scheduler.kill()
        with pytest.raises(Stopped, match=f"the scheduler at {cluster.address} has gone away; what was finished is kept: start"):
            answered.result()
    assert [record for record in caplog.records if record.exc_info] == []  # one line says it, and no traceback


def test_where_no_scheduler_answers_it_says_so() -> None:
    with pytest.raises(Stopped, match=r"no scheduler answers at tcp://127\.0\.0\.1:1 "):
        next(on_cluster(summed, [Sum("x")], {}, "tcp://127.0.0.1:1", program))
