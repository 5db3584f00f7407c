"""Has somebody pulled the plug? A file whose existence stops every order."""

import stat
from pathlib import Path

from bot.ports import Misconfigured


class KillFile:
    """`path` is written and removed; `everyone`, where there is one, stops every account of the process and is left to people."""

    def __init__(self, path: Path, everyone: Path | None = None) -> None:
        self.path = path
        self.everyone = everyone

    def read(self) -> bool | None:
        found = [is_there(path) for path in (self.path, self.everyone) if path is not None]
        if True in found:
            return True
        return None if None in found else False

    def set(self, reason: str) -> None:
        try:
            self.path.write_text(f"{reason}\n", encoding="utf-8")
        except OSError as error:
            raise Misconfigured(
                f"kill file {self.path} cannot be written: {error.strerror}; the kill is given to bot and database without it"
            ) from error

    def clear(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise Misconfigured(
                f"kill file {self.path} cannot be removed: {error.strerror}; nothing will be sent until it is gone: delete it by hand"
            ) from error
        if self.everyone is not None and is_there(self.everyone) is not False:
            raise Misconfigured(f"kill file {self.everyone} stops every account: nothing will be sent until it is gone; delete it by hand")


def is_there(path: Path) -> bool | None:
    """None if that cannot be told: a folder in its place is no word of a person's (Docker makes one where a file to mount is missing)."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError:
        return None
    return None if stat.S_ISDIR(found.st_mode) else True
