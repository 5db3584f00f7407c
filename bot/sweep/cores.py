"""How do runs use all cores of this machine? In processes that are handed a few runs at a time.

A process that dies takes no other run with it: whatever was under way then is tried again alone, and only the one that kills its process
again is given up. Whoever reads no further (after Ctrl-C, or when a disk is full) waits for nothing: the processes end at once.
"""

import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from typing import Any, Final

from bot.helping import serve
from bot.logs import configure
from bot.sweep.attempt import Answer, Ended, Failed, Files, Job, Run, tried

AHEAD: Final = 2  # parcels that each core has in advance, so that it never waits
MOST: Final = 16  # runs in a parcel: of one that lasts 3 ms, handing it over alone would take a fifth
PARCELS: Final = 32  # at least, for each core: the last ones are small, and no core waits long for another in the end
TOGETHER_SECONDS: Final = 0.1  # after that the answers that there are go back: no more than these are lost
DIED: Final = "its process died, also when nothing else ran: was it killed, or out of memory?"


def on_cores(run: Run, jobs: Sequence[Job], files: Files, cores: int) -> Ended:
    """`run` is a function of a module: other processes load it from there."""
    if cores == 1 or len(jobs) == 1:
        yield from ([(job, tried(run, job, files))] for job in jobs)
        return
    left = deque(jobs)
    while left:
        flying: dict[Future[list[Answer | Failed]], list[Any]] = {}
        with pool(min(cores, len(left))) as workers:
            try:
                while left or flying:
                    while left and len(flying) < AHEAD * cores:
                        size = max(1, min(MOST, len(left) // (PARCELS * cores)))
                        parcel = [left.popleft() for _ in range(size)]
                        try:
                            with unheard():
                                flying[workers.submit(together, run, parcel, files)] = parcel
                        except BrokenProcessPool:
                            left.extendleft(reversed(parcel))
                            raise
                    for future in wait(flying, return_when=FIRST_COMPLETED).done:
                        answers = future.result()
                        parcel = flying.pop(future)
                        left.extendleft(reversed(parcel[len(answers) :]))
                        yield list(zip(parcel, answers, strict=False))
            except BrokenProcessPool:
                pass
        yield from one_by_one(run, [job for parcel in flying.values() for job in parcel], files)


def together(run: Run, jobs: Sequence[Job], files: Files) -> list[Answer | Failed]:
    """Of as many as there is time for, but of one in any case."""
    began, answers = time.monotonic(), list[Answer | Failed]()
    for job in jobs:
        answers.append(tried(run, job, files))
        if time.monotonic() - began > TOGETHER_SECONDS:
            break
    return answers


def one_by_one(run: Run, jobs: Sequence[Job], files: Files) -> Ended:
    """Each when nothing else runs."""
    left = deque(jobs)
    while left:
        with pool(1) as worker:
            try:
                while left:
                    with unheard():
                        answered = worker.submit(tried, run, left[0], files)
                    answer = answered.result()
                    yield [(left.popleft(), answer)]
            except BrokenProcessPool:
                yield [(left.popleft(), Failed(DIED))]


@contextmanager
def pool(cores: int) -> Iterator[ProcessPoolExecutor]:
    """When it is left no process of it goes on, whatever that one is at."""
    others = set(active_children())
    workers = ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=begin)
    try:
        yield workers
    finally:
        for process in set(active_children()) - others:
            process.kill()
        workers.shutdown(cancel_futures=True)


@contextmanager
def unheard() -> Iterator[None]:
    """A process that is started within it does not hear Ctrl-C, which a terminal tells all of them: also while it loads the program."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin() -> None:
    """Of a worker: silent, and a helper as any other."""
    configure(None, "critical")
    serve()
