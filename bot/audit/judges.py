"""Who makes the decisions of a record again? This process, and others beside it where there are cores for them.

Other processes are given decisions until they have enough in advance; what they cannot take is judged here. What came of each batch is
told in the order of the chain, whoever was faster. Where no process can be started, or one dies, everything is judged here.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from bot.audit.again import Decide, Entry, Judged, judged
from bot.core.rules import Rules
from bot.helping import helpers

AHEAD: Final = 4  # batches that each process has in advance: it works on while this one reads
NO_PROCESS: Final = (OSError, ImportError, NotImplementedError)  # too many already; or a system without semaphores


@dataclass(slots=True)
class Batch:
    """Some decisions, and the rules that were known when they were made."""

    decisions: Sequence[Entry]
    rules: Mapping[str, Rules]
    came: Judged | Future[Judged] | None = None


class Judges:
    """`decide` is a function of a module: other processes load it from there."""

    def __init__(self, decide: Decide, version: str, processes: int = 0) -> None:
        self.decide = decide
        self.version = version
        self.most = AHEAD * processes
        self.pool: Executor | None = None
        self.under_way: deque[Batch] = deque()
        if processes:
            try:
                self.pool = helpers(processes)
            except NO_PROCESS:
                self.pool = None

    def __enter__(self) -> "Judges":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.alone()

    def alone(self) -> None:
        """From now on everything is judged here, also what others were given and have not begun."""
        if self.pool is not None:
            self.pool.shutdown(wait=False, cancel_futures=True)
            self.pool = None

    def judge(self, decisions: Sequence[Entry], rules: Mapping[str, Rules]) -> Iterator[Judged]:
        """Take these, and tell what came of those before whose turn it is. Behind one that is broken, nothing is told."""
        batch = Batch(decisions, dict(rules))
        self.under_way.append(batch)
        if not self.handed(batch):
            batch.came = self.here(batch)
        while self.under_way and done(self.under_way[0]):
            yield self.next()

    def rest(self) -> Iterator[Judged]:
        """What came of all others."""
        while self.under_way:
            yield self.next()

    def next(self) -> Judged:
        found = self.told(self.under_way.popleft())
        if found.broken is not None:
            self.under_way.clear()
        return found

    def handed(self, batch: Batch) -> bool:
        """To another process, unless all have enough to do."""
        if self.pool is None or sum(not done(one) for one in self.under_way) > self.most:
            return False
        try:
            batch.came = self.pool.submit(judged, batch.decisions, batch.rules, self.version, self.decide)
        except (BrokenExecutor, *NO_PROCESS):
            self.alone()
            return False
        return True

    def told(self, batch: Batch) -> Judged:
        if not isinstance(batch.came, Future):
            return batch.came or self.here(batch)
        if batch.came.cancel():  # nobody has begun with it
            return self.here(batch)
        try:
            return batch.came.result()
        except BrokenExecutor:
            self.alone()
            return self.here(batch)

    def here(self, batch: Batch) -> Judged:
        return judged(batch.decisions, batch.rules, self.version, self.decide)


def done(batch: Batch) -> bool:
    """A batch that nobody was given yet is not."""
    return batch.came.done() if isinstance(batch.came, Future) else batch.came is not None
