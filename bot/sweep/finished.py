"""Which runs are finished? A journal with a line for each, on the disk before it counts.

    {"run": KEY, "said": {…}}

A sweep that is killed leaves at most its last line torn, and that one is cut off. A line that does not fit on the disk is taken back.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from types import TracebackType

from bot.sweep.attempt import Answer, Stopped


class Journal:
    """Held by one sweep at a time. Raise Stopped where it cannot be."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.finished: dict[str, Answer] = {}
        try:
            self._out = file.open("a+b", buffering=0)
        except OSError as error:
            raise Stopped(f"{file}: cannot be opened ({error.strerror}): name another place with --to") from error
        try:
            flock(self._out, LOCK_EX | LOCK_NB)
        except OSError:
            self._out.close()
            raise self.held() from None
        if os.fstat(self._out.fileno()).st_nlink == 0:  # the other one has just left it empty
            self._out.close()
            raise self.held()
        self._length = self._read()

    def held(self) -> Stopped:
        return Stopped(f"{self.file}: another sweep writes to it: wait for it, or name another place with --to")

    def _read(self) -> int:
        """Bytes that are whole lines; what follows them was torn."""
        self._out.seek(0)
        text = self._out.read()
        whole = text.rfind(b"\n") + 1
        if whole != len(text):
            self._out.truncate(whole)
        for line in text[:whole].splitlines():
            with suppress(ValueError, KeyError, TypeError):  # a damaged line: that run is made again
                one = json.loads(line)
                self.finished[one["run"]] = dict(one["said"])
        return whole

    def add(self, came: Mapping[str, Answer]) -> None:
        """Results that came together, in one go to the disk. Raise Stopped where they do not fit; those that do are kept."""
        whole, kept, wrong = self._length, dict[str, Answer](), None
        try:
            for run, said in came.items():
                line = json.dumps({"run": run, "said": said}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                written = self._out.write(line)
                if written != len(line):
                    self._out.write(line[written:])  # says why it did not fit
                whole += len(line)
                kept[run] = said
        except OSError as error:
            wrong = error
            with suppress(OSError):
                self._out.truncate(whole)
        try:
            os.fsync(self._out.fileno())
            self._length = whole
            self.finished |= kept
        except OSError as error:
            wrong = error
            with suppress(OSError):
                self._out.truncate(self._length)
        if wrong is not None:
            held = f"{len(self.finished)} finished results are kept there"
            raise Stopped(
                f"{self.file}: cannot be written ({wrong.strerror}); {held}: make room and start the same command again"
            ) from wrong

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """An empty one is not left behind."""
        with suppress(OSError):
            if os.fstat(self._out.fileno()).st_size == 0:
                self.file.unlink()
        self._out.close()
