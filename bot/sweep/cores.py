"""How do runs use all cores of this machine? In processes that are handed one run after another.

A process that dies takes no other run with it: whatever was under way then is tried again alone, and only the one that kills its process
again is given up.
"""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Final

from bot.helping import serve
from bot.logs import configure
from bot.sweep.attempt import Answer, Ended, Failed, Files, Job, Run, tried

AHEAD: Final = 4  # runs that each core has in advance: it goes on while results reach the disk
DIED: Final = "its process died, also when nothing else ran: was it killed, or out of memory?"


def on_cores(run: Run, jobs: Sequence[Job], files: Files, cores: int) -> Ended:
    """`run` is a function of a module: other processes load it from there."""
    if cores == 1 or len(jobs) == 1:
        yield from ((job, tried(run, job, files)) for job in jobs)
        return
    left = deque(jobs)
    while left:
        flying: dict[Future[Answer | Failed], Any] = {}
        with pool(min(cores, len(left))) as workers:
            try:
                while left or flying:
                    while left and len(flying) < AHEAD * cores:
                        flying[workers.submit(tried, run, left[0], files)] = left[0]
                        left.popleft()
                    for future in wait(flying, return_when=FIRST_COMPLETED).done:
                        answer = future.result()
                        yield flying.pop(future), answer
            except BrokenProcessPool:
                pass
            finally:
                workers.shutdown(cancel_futures=True)
        for job in flying.values():
            yield job, alone(run, job, files)


def alone(run: Run, job: Job, files: Files) -> Answer | Failed:
    with pool(1) as worker:
        try:
            return worker.submit(tried, run, job, files).result()
        except BrokenProcessPool:
            return Failed(DIED)


def pool(cores: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=begin)


def begin() -> None:
    """Of a worker: silent, and a helper as any other."""
    configure(None, "critical")
    serve()
