"""How do runs use a Dask cluster? Its scheduler hands them out; the files they read go along, once to each worker that needs them.

Workers come and go. Each is asked once which program it has: only those that have the one that the sweep was begun with are given runs.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final
from zlib import compress, decompress

from bot.logs import configure
from bot.sweep.attempt import Answer, Ended, Failed, Files, Job, Run, Stopped, tried

if TYPE_CHECKING:
    from distributed import Client

PATIENCE: Final = "10s"  # for a scheduler to answer
LOOK_SECONDS: Final = 2.0  # between two looks at who is there
ALONE_SECONDS: Final = 10.0  # without a worker, and it is said
AGAIN_SECONDS: Final = 60.0
AHEAD: Final = 4  # runs for each thread of a worker: one that ends waits for no message
MOST_LOST: Final = 3  # times that a run may see all its workers go: does it kill them?
DIED: Final = f"its workers died, {MOST_LOST} times: were they killed, or out of memory?"
_LAID: Final[dict[tuple[str, str], Files]] = {}  # by worker, and by what they hold

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Parcel:
    """Files by name, with what they hold (compressed)."""

    held: Mapping[str, bytes]
    digest: str

    @classmethod
    def of(cls, files: Files) -> "Parcel":
        held = {name: compress(path.read_bytes(), level=1) for name, path in files.items()}
        digest = sha256()
        for name, content in sorted(held.items()):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return cls(held, digest.hexdigest())


def laid(parcel: Parcel, dask_worker: Any = None) -> None:
    """On a worker, which Dask names: in its folder, which goes when it does."""
    folder = Path(dask_worker.local_directory, f"hedgebot-sweep-{parcel.digest[:16]}")
    folder.mkdir(parents=True, exist_ok=True)
    places = {name: folder / f"{at}-{Path(name).name}" for at, name in enumerate(parcel.held)}
    for name, place in places.items():
        place.write_bytes(decompress(parcel.held[name]))
    _LAID[dask_worker.local_directory, parcel.digest] = places


def there(run: Run, job: Job, digest: str) -> Answer | Failed:
    """On a worker."""
    from distributed import get_worker

    silent()
    return tried(run, job, _LAID[get_worker().local_directory, digest])


@cache
def silent() -> None:
    """As the processes of this machine: what a run logs is nobody's."""
    configure(None, "critical")


class Crew:
    """Who may be given runs? Workers that have our program, and the files; others are named once."""

    def __init__(self, client: "Client", address: str, program: Callable[[], str], parcel: Parcel, tell: Tell) -> None:
        self.client, self.address, self.program, self.parcel, self.tell = client, address, program, parcel, tell
        self.ours = program()
        self.same: dict[str, bool] = {}  # by worker that was asked
        self.threads: dict[str, int] = {}  # of those that may be given runs
        self._look_at = self._tell_at = time.monotonic()
        self._alone = False

    def look(self) -> bool:
        """Now and then; True if it did. Raise Stopped where the scheduler is gone."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + LOOK_SECONDS
        try:
            there = dict(self.client.nthreads())
            self.ask([worker for worker in there if worker not in self.same])
        except (OSError, TimeoutError, ValueError) as error:
            raise gone(self.address) from error
        self.threads = {worker: threads for worker, threads in there.items() if self.same.get(worker)}
        if self.threads:
            self._alone = False
        elif not self._alone:
            self._alone, self._tell_at = True, now + ALONE_SECONDS
        elif now >= self._tell_at:
            self._tell_at = now + AGAIN_SECONDS
            self.tell(f"no worker {'of this version ' if there else ''}at {self.address}: waiting for `dask worker {self.address}`")
        return True

    def ask(self, new: Sequence[str]) -> None:
        for worker, said in self.each(new, self.program):
            self.same[worker] = said == self.ours
            if said != self.ours:
                self.tell(f"{worker} runs another version of hedgebot and is given no runs: install the same one there")
        good = [worker for worker in new if self.same.get(worker)]
        held = dict(self.each(good, laid, self.parcel))
        for worker in good:
            if worker not in held:
                del self.same[worker]
            elif held[worker] is not None:
                self.same[worker] = False
                self.tell(f"{worker} cannot hold the files and is given no runs ({held[worker]})")

    def each(self, workers: Sequence[str], asked: Callable[..., object], *words: object) -> Sequence[tuple[str, object]]:
        """What they answer, but for those that have just gone."""
        if not workers:
            return ()
        from distributed.comm import CommClosedError

        said = self.client.run(asked, *words, workers=list(workers), on_error="return")
        return [(worker, one) for worker, one in said.items() if not isinstance(one, CommClosedError)]


def gone(address: str) -> Stopped:
    return Stopped(f"the scheduler at {address} has gone away; what was finished is kept: start the same command again")


def on_cluster(run: Run, jobs: Sequence[Job], files: Files, address: str, program: Callable[[], str], tell: Tell) -> Ended:
    """`program` tells which code runs where it is called. Raise Stopped where no scheduler answers, or it goes away."""
    try:
        from distributed import Client
    except ImportError:
        raise Stopped("--scheduler needs Dask: pip install 'hedgebot[cluster]'") from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise Stopped(f"no scheduler answers at {address} ({error}): is `dask scheduler` running there?") from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # of a scheduler that is gone it tells pages; we say it
    with client:
        parcel = Parcel.of(files)
        crew = Crew(client, address, program, parcel, tell)
        left, number, times_lost = deque(jobs), count(), Counter[str]()
        flying: dict[Any, tuple[Job, frozenset[str]]] = {}  # each run with the workers that may have it
        came: SimpleQueue[Any] = SimpleQueue()
        while left or flying:
            if client.status != "running":
                raise gone(address)
            if crew.look():
                lost = [future for future, (_, workers) in flying.items() if workers.isdisjoint(crew.threads)]
                jobs_lost = [flying.pop(future)[0] for future in lost]
                client.cancel(lost)
                times_lost.update(job.key for job in jobs_lost)
                left.extendleft(job for job in jobs_lost if times_lost[job.key] < MOST_LOST)
                if given_up := [job for job in jobs_lost if times_lost[job.key] >= MOST_LOST]:
                    yield [(job, Failed(DIED)) for job in given_up]
            while left and len(flying) < AHEAD * sum(crew.threads.values()):
                job, workers = left.popleft(), frozenset(crew.threads)
                key = f"hedgebot-{job.key}-{next(number)}"
                future = client.submit(there, run, job, parcel.digest, workers=list(workers), key=key, pure=False)
                flying[future] = job, workers
                future.add_done_callback(came.put)
            with suppress(Empty):
                ended = [came.get(timeout=LOOK_SECONDS)]
                while not came.empty():
                    ended.append(came.get())
                if mine := [future for future in ended if future in flying]:  # the others were taken back
                    yield [(flying.pop(future)[0], answer_of(future, address)) for future in mine]


def answer_of(future: Any, address: str) -> Answer | Failed:
    if future.status == "finished":
        answer: Answer | Failed = future.result()
        return answer
    if future.status == "error":
        return Failed(str(future.exception()))
    raise gone(address)
