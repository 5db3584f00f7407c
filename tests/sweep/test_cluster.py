"""Runs on a Dask cluster: a real scheduler and two worker processes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import pytest

from bot.sweep.attempt import Ended, Failed, Files, Stopped, in_place
from bot.sweep.cluster import DIED, on_cluster
from tests.sweep.runs import VERSION, Sum, program, summed

HERE = Path(__file__).parents[2]
pytest.importorskip("distributed")
READY = "Registered to:"


@dataclass
class Cluster:
    """A scheduler, and the workers that were started for it."""

    stack: ExitStack
    folder: Path
    told: list[str]

    def __post_init__(self) -> None:
        self.scheduler = self.started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = line_with(self.scheduler, "Scheduler at:").split()[-1]

    def worker(self, *more: str, version: str | None = None) -> subprocess.Popen[str]:
        words = ("worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", *more)
        child = self.started(*words, version=version)
        line_with(child, READY)
        return child

    def started(self, *words: str, version: str | None = None) -> subprocess.Popen[str]:
        where = {**os.environ, "PYTHONPATH": str(HERE), **({} if version is None else {VERSION: version})}
        command = [sys.executable, "-m", "dask", *words]
        with Path(self.folder, "out").open("ab") as out:
            child = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=out, text=True, cwd=self.folder, env=where)
        self.stack.enter_context(child)  # closes what it says, after its end
        self.stack.callback(child.kill)
        return child

    def sweep(self, jobs: Sequence[Sum], files: Files) -> Ended:
        return on_cluster(summed, jobs, files, self.address, program, self.told.append)


def line_with(child: subprocess.Popen[str], word: str) -> str:
    assert child.stderr is not None
    return next(line for line in child.stderr if word in line)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack, tmp_path, [])


def test_two_workers_answer_every_run_read_files_that_went_along_and_tell_failures(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("12345")
    jobs = [Sum(str(at), at, odd=at == 3) for at in range(12)]
    workers = [cluster.worker(), cluster.worker()]
    ended = {job.key: answer for came in cluster.sweep(jobs, in_place([str(file)])) for job, answer in came}
    assert ended.pop("3") == Failed("ValueError: an odd one")
    assert {key: answer["sum"] for key, answer in ended.items()} == {str(at): at + 5 for at in range(12) if at != 3}
    assert {answer["process"] for answer in ended.values()} == {worker.pid for worker in workers}
    assert cluster.told == []


def test_what_a_dying_worker_had_is_run_by_the_other_and_a_scheduler_that_vanishes_stops_the_sweep(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipe, begun = tmp_path / "pipe", tmp_path / "begun"
    os.mkfifo(pipe)
    os.mkfifo(begun)
    workers = [cluster.worker(), cluster.worker()]
    held = cluster.sweep([Sum("first", 4), Sum("held", 5, after=str(pipe), begun=str(begun))], {})
    ((job, _),) = next(held)
    assert job.key == "first"
    dying = int(begun.read_text("ascii"))
    os.kill(dying, signal.SIGKILL)
    other = int(begun.read_text("ascii"))
    pipe.write_text("go on", "ascii")
    ((job, answer),) = next(held)
    assert (job.key, answer["sum"], answer["process"]) == ("held", 5, other)
    assert list(held) == []  # it ends here, and not where the garbage collector finds it
    assert {dying, other} == {worker.pid for worker in workers}
    lost = cluster.sweep([Sum("lost", 2, after=str(pipe), begun=str(begun))], {})
    with ThreadPoolExecutor() as threads:
        answered = threads.submit(next, lost)
        assert int(begun.read_text("ascii")) == other
        cluster.scheduler.kill()
        with pytest.raises(Stopped, match=f"the scheduler at {cluster.address} has gone away; what was finished is kept: start"):
            answered.result()
    assert [record for record in caplog.records if record.exc_info] == []  # one line says it, and no traceback


def test_where_no_scheduler_answers_it_says_so() -> None:
    with pytest.raises(Stopped, match=r"no scheduler answers at tcp://127\.0\.0\.1:1 "):
        next(on_cluster(summed, [Sum("x")], {}, "tcp://127.0.0.1:1", program, print))


def test_a_worker_of_another_version_gets_no_runs_and_is_named_once(cluster: Cluster, monkeypatch) -> None:
    monkeypatch.setattr("bot.sweep.cluster.LOOK_SECONDS", 0)
    cluster.worker(version="another one")
    good = cluster.worker()
    ended = [answer for came in cluster.sweep([Sum(str(at), at) for at in range(40)], {}) for _, answer in came]
    assert sorted(answer["sum"] for answer in ended) == list(range(40))
    assert {answer["process"] for answer in ended} == {good.pid}
    (said,) = cluster.told
    assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+ runs another version of hedgebot and is given no runs: install the same one there", said)


def test_without_a_worker_it_says_so_and_goes_on_when_one_comes_also_where_all_have_died(cluster: Cluster, monkeypatch) -> None:
    monkeypatch.setattr("bot.sweep.cluster.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("bot.sweep.cluster.ALONE_SECONDS", 0)
    pipe, begun = cluster.folder / "pipe", cluster.folder / "begun"
    os.mkfifo(pipe)
    os.mkfifo(begun)
    alone = f"no worker at {cluster.address}: waiting for `dask worker {cluster.address}`"
    told = SimpleQueue[str]()
    jobs = [Sum("held", 7, after=str(pipe), begun=str(begun))]
    with ThreadPoolExecutor() as threads:
        answered = threads.submit(list, on_cluster(summed, jobs, {}, cluster.address, program, told.put))
        assert told.get(timeout=30) == alone
        first = cluster.worker()
        assert int(begun.read_text("ascii")) == first.pid
        first.kill()
        assert told.get(timeout=30) == alone
        second = cluster.worker()
        assert int(begun.read_text("ascii")) == second.pid
        pipe.write_text("go on", "ascii")
        ((_, answer),) = [one for came in answered.result() for one in came]
    assert (answer["sum"], answer["process"]) == (7, second.pid)


def test_workers_are_silent_and_the_files_go_with_their_folder(cluster: Cluster) -> None:
    file, scratch = cluster.folder / "prices.csv", cluster.folder / "scratch"
    file.write_text("12345")
    worker = cluster.worker("--local-directory", str(scratch))
    (((_, answer),),) = cluster.sweep([Sum("loud", loud=True)], in_place([str(file)]))
    (laid,) = map(Path, answer["files"])
    assert laid.read_text() == "12345"
    assert laid.is_relative_to(scratch)
    worker.terminate()
    assert worker.stderr is not None
    assert "heard" not in worker.stderr.read() + Path(cluster.folder, "out").read_text()
    assert not laid.parent.exists()


def test_a_run_whose_workers_all_die_is_given_up_in_the_end(cluster: Cluster, monkeypatch) -> None:
    monkeypatch.setattr("bot.sweep.cluster.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("bot.sweep.cluster.MOST_LOST", 1)
    cluster.worker()
    ((_, answer),) = next(cluster.sweep([Sum("deadly", deadly=True)], {}))
    assert answer == Failed(DIED)
