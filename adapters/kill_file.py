"""Has somebody pulled the plug? A file whose existence stops every order."""

from pathlib import Path

from bot.ports import Misconfigured


class KillFile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bool | None:
        try:
            self.path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return None
        return True

    def set(self, reason: str) -> None:
        try:
            self.path.write_text(f"{reason}\n", encoding="utf-8")
        except OSError as error:
            raise Misconfigured(
                f"kill file {self.path} cannot be written: {error.strerror}; the bot is killed by its database all the same"
            ) from error

    def clear(self) -> None:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise Misconfigured(
                f"kill file {self.path} cannot be removed: {error.strerror}; nothing will be sent until it is gone: delete it by hand"
            ) from error
