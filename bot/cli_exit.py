"""What does an error mean to the person at the terminal, and which exit code tells a script?"""

import errno
import sys
from collections.abc import Iterator
from typing import Final

import typer

from bot.audit.explain import NotOnRecord
from bot.audit.lease import LeaseHeld
from bot.face import CannotListen
from bot.logs import scrub
from bot.ports import LeaseLost, Misconfigured, PortError
from bot.running import Exit
from bot.settings import SettingsError
from bot.words import Misspoken

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FULL_WORDS: Final = ("disk is full", "disk I/O error", "No space left")  # SQLite says the second where a file may not grow


class Wrong(Exception):
    """A refusal with its exit code; the text says what happened and what to do."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code


def told(error: BaseException) -> Exit | None:
    """Say it on stderr, one line for each thing wrong. None for an error that nobody foresaw: that one deserves its traceback."""
    code = code_of(error)
    if code is not None:
        for line in str(error).splitlines() or [type(error).__name__]:
            say(f"error: {line}")
    return code


def say(text: str) -> None:
    """One line beside the answer: stdout belongs to what was asked for."""
    typer.echo(scrub(text), err=True)


def code_of(error: BaseException) -> Exit | None:
    match error:
        case Wrong():
            return error.code
        case SettingsError():
            return Exit.CONFIGURATION
        case Misspoken() | NotOnRecord():
            return Exit.USAGE
        case LeaseHeld() | LeaseLost():
            return Exit.ATTENTION
        case _ if disk_full(error):
            return Exit.FAILURE
        case CannotListen():
            return Exit.FAILURE
        case Misconfigured():
            return Exit.CONFIGURATION
        case PortError() | OSError():
            return Exit.FAILURE
    return None


def disk_full(error: BaseException) -> bool:
    return any(getattr(one, "errno", None) in FULL or any(words in str(one) for words in FULL_WORDS) for one in causes(error))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
