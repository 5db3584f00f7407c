"""How long is a server waited for that keeps its connections open and answers nothing: stopped, or its disk hangs?

Neither the system (it still acknowledges what is written to it) nor the server's own limits notice that. So each wait of the driver for an
answer ends here, in the thread that waits; the connection is closed with it. What it asked for may still be carried out, even a commit.
Whoever is leaving gives up all of them at once.
"""

import math
import time
from collections.abc import Callable, Generator
from threading import Event
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import TupleRow

T = TypeVar("T")
ANSWER_SECONDS: Final = 5  # for one answer; the system's own limits (database.py) are for lines that are dead
UNANSWERED: Final = "no answer within"


class Bounded(psycopg.Connection[TupleRow]):
    """A connection that waits for no answer longer than that."""

    given_up: Event  # when it is set, for none at all

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        try:
            return super().wait(until(gen, time.monotonic() + ANSWER_SECONDS, self.given_up), *args, **kwargs)
        except Unanswered:
            self.close()
            raise psycopg.OperationalError(f"{UNANSWERED} {ANSWER_SECONDS} s; the connection was closed") from None

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        """The driver's steps to a new connection; it counts the seconds by itself (`connect_timeout`)."""
        try:
            return (yield from until(super()._connect_gen(*args, **kwargs), math.inf, cls.given_up))
        except Unanswered:
            raise psycopg.OperationalError(f"{UNANSWERED} the time that was left; nobody waits for it any more") from None


def bounded(given_up: Event) -> type[Bounded]:
    """Connections that are given up together."""
    return type(Bounded.__name__, (Bounded,), {"given_up": given_up})


class Unanswered(Exception):
    """It took too long."""


def until(gen: Generator[Any, Any, T], deadline: float, given_up: Event) -> Generator[Any, Any, T]:
    """The same steps of the driver. It asks ten times a second whether to go on waiting."""
    step: Callable[[Any], Any] = gen.send
    given: Any = None
    while True:
        try:
            wanted = step(given)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]
        given = yield wanted
        if not given and (given_up.is_set() or time.monotonic() > deadline):
            raise Unanswered
