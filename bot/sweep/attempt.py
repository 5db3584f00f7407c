"""What becomes of one run of many? An answer, or the reason why there is none; the others go on."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Answer = Mapping[str, Any]
Files = Mapping[str, Path]  # where the files that runs name lie in this process


class Job(Protocol):
    @property
    def key(self) -> str:
        """Names everything that the answer depends on: two jobs of one key have one answer."""


Run = Callable[[Any, Files], Answer]


@dataclass(frozen=True, slots=True)
class Failed:
    why: str


Ended = Generator[Sequence[tuple[Any, Answer | Failed]], None, None]  # each job with what became of it, those together that came together


class Stopped(Exception):
    """The sweep cannot go on. What was finished is kept, and the same command goes on from there."""


def tried(run: Run, job: Job, files: Files) -> Answer | Failed:
    try:
        return run(job, files)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}")


def in_place(names: Sequence[str]) -> Files:
    """Every file lies where its name says."""
    return {name: Path(name) for name in names}
