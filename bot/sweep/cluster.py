"""How do runs use a Dask cluster? Its scheduler hands them out; the files they read go along, once to each worker that needs them."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from warnings import catch_warnings
from zlib import compress, decompress

from bot.sweep.attempt import Ended, Failed, Files, Job, Run, Stopped, tried

PATIENCE: Final = "10s"  # for a scheduler to answer
_LAID: Final[dict[str, tuple[TemporaryDirectory[str], Files]]] = {}  # by what they hold; until this worker ends
_LAYING: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Parcel:
    """Files by name, with what they hold (compressed), and the program that the sweep was begun with."""

    held: Mapping[str, bytes]
    digest: str
    program: str

    @classmethod
    def of(cls, files: Files, program: str) -> "Parcel":
        held = {name: compress(path.read_bytes(), level=1) for name, path in files.items()}
        digest = sha256()
        for name, content in sorted(held.items()):
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return cls(held, digest.hexdigest(), program)

    def laid(self) -> Files:
        """Where this worker has them."""
        with _LAYING:
            if self.digest not in _LAID:
                folder = TemporaryDirectory(prefix="hedgebot-sweep-")
                places = {name: Path(folder.name, f"{at}-{Path(name).name}") for at, name in enumerate(self.held)}
                for name, place in places.items():
                    place.write_bytes(decompress(self.held[name]))
                _LAID[self.digest] = folder, places
            return _LAID[self.digest][1]


def handed_on(parcel: Parcel) -> Parcel:
    return parcel


def there(run: Run, job: Job, parcel: Parcel, program: Callable[[], str]) -> object:
    """On a worker."""
    if program() != parcel.program:
        return Failed("the worker runs another version of hedgebot: install the same one there")
    return tried(run, job, parcel.laid())


def on_cluster(run: Run, jobs: Sequence[Job], files: Files, address: str, program: Callable[[], str]) -> Ended:
    """`program` tells which code runs where it is called. Raise Stopped where no scheduler answers, or it goes away."""
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise Stopped("--scheduler needs Dask: pip install 'hedgebot[cluster]'") from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise Stopped(f"no scheduler answers at {address} ({error}): is `dask scheduler` running there?") from error
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # of a scheduler that is gone it tells pages; we say it
    with client:
        with catch_warnings(action="ignore"):  # it is large: the scheduler keeps it, so that it does not die with a worker
            parcel = client.submit(handed_on, Parcel.of(files, program()), pure=False)
        futures = {client.submit(there, run, job, parcel, program, key=f"hedgebot-{job.key}", pure=False): job for job in jobs}
        for future in as_completed(futures):
            job = futures.pop(future)
            if future.status == "finished":
                yield [(job, future.result())]
            elif future.status == "error":
                yield [(job, Failed(str(future.exception())))]
            else:
                raise Stopped(f"the scheduler at {address} has gone away; what was finished is kept: start the same command again")
