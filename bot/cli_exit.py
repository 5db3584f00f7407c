"""What does an error mean to the person at the terminal, and which exit code tells a script?"""

import errno
import sys
from collections.abc import Iterator
from typing import Final

import typer

from bot.exit_codes import Exit
from bot.settings_text import SettingsError
from bot.words import Misspoken

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PASSING: Final = (  # troubles of the machine, not of the configuration; SQLite says "I/O error" where a file may not grow
    "disk is full",
    "disk I/O error",
    "No space left",
    "holds it locked",
    "database is locked",
    "the server does not answer; ",  # a database on a server; database.py
    "the server is there and answers nothing",
    "nobody here is called so; ",
)


class Wrong(Exception):
    """A refusal with its exit code; the text says what happened and what to do."""

    def __init__(self, code: Exit, text: str) -> None:
        super().__init__(text)
        self.code = code


def told(error: BaseException, whose: str = "") -> Exit | None:
    """Say it on stderr, one line for each thing wrong. None for an error that nobody foresaw: that one deserves its traceback."""
    code = code_of(error)
    if code is not None:
        for line in str(error).splitlines() or [type(error).__name__]:
            say(f"error: {whose}{line}")
    return code


def say(text: str) -> None:
    """One line beside the answer: stdout belongs to what was asked for."""
    if "bot.logs" in sys.modules:  # whoever holds a secret has loaded it
        from bot.logs import scrub

        text = scrub(text)
    typer.echo(text, err=True)


def code_of(error: BaseException) -> Exit | None:
    """Loads the parts whose errors these are only once there is one that is not about words."""
    if isinstance(error, Wrong):
        return error.code
    if isinstance(error, SettingsError):
        return Exit.CONFIGURATION
    if isinstance(error, Misspoken):
        return Exit.USAGE
    return code_of_outside(error)


def code_of_outside(error: BaseException) -> Exit | None:
    from bot.audit.explain import NotOnRecord
    from bot.audit.lease import LeaseHeld
    from bot.face import CannotListen
    from bot.ports import LeaseLost, Misconfigured, NotReady, PortError

    match error:
        case NotOnRecord():
            return Exit.USAGE
        case LeaseHeld() | LeaseLost() | NotReady():
            return Exit.ATTENTION
        case CannotListen():
            return Exit.FAILURE
        case _ if passing(error):
            return Exit.FAILURE
        case Misconfigured():
            return Exit.CONFIGURATION
        case PortError() | OSError():
            return Exit.FAILURE
    return None


def passing(error: BaseException) -> bool:
    """A full disk or a locked file, however deep below."""
    return any(getattr(one, "errno", None) in FULL or any(words in str(one) for words in PASSING) for one in causes(error))


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def on_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
