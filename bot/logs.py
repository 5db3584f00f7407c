"""What goes into the log, and what never does?

`log = structlog.get_logger()` and then an event with fields: `log.info("order.placed", client_order_id=…)`. What belongs to a whole turn
(`cycle_id`, `client_order_id`, `mode`) is bound once with `structlog.contextvars.bound_contextvars(…)`, and every line inside
carries it. The standard library's loggers (uvicorn, httpx, sqlalchemy) take the same road.

Secrets: a `SecretStr` prints as asterisks by its type. Every secret that the bot holds is also registered with `keep_secret`, and the
finished line is searched for it in each spelling it may have taken (plain, escaped for JSON or repr, quoted for a URL, in base64), so that
neither an exception text nor a library can print it.
"""

import base64
import contextlib
import json as json_text
import logging
import re
import sys
import traceback
from decimal import Decimal
from enum import Enum
from types import TracebackType
from typing import Any, Final
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK: Final = "**********"
SHORTEST_SECRET: Final = 4  # a shorter one would blank half of every line
LONG_LINE: Final = 16  # a line of a PEM key that may appear alone
NESTING: Final = 3  # an exception text, in the repr of another, in a line of JSON
QUIET: Final = ("httpx", "httpcore", "urllib3", "sqlalchemy", "alembic", "uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")


class Secrets:
    """The secrets of this process, and the one pattern that finds any of them."""

    def __init__(self) -> None:
        self.spellings: set[str] = set()
        self.pattern: re.Pattern[str] | None = None

    def keep(self, secret: str) -> None:
        parts = {secret, secret.strip(), *(line.strip() for line in secret.splitlines() if len(line) >= LONG_LINE)}
        new = {spelling for part in parts if len(part) >= SHORTEST_SECRET for spelling in spellings(part)} - self.spellings
        if new:
            self.spellings |= new
            self.pattern = re.compile("|".join(re.escape(text) for text in sorted(self.spellings, key=len, reverse=True)))

    def scrub(self, text: str) -> str:
        return text if self.pattern is None else self.pattern.sub(MASK, text)


def spellings(secret: str) -> set[str]:
    """How a secret may look once it was put into a URL and then printed as text inside text inside text.

    For the usual key of letters and digits these are all the same one.
    """
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret.encode())[2:-1]}
    found.add(base64.b64encode(secret.encode()).decode().rstrip("="))  # as in a header
    for _ in range(NESTING):
        found |= {escaped for spelling in found for escaped in escapes(spelling)}
    return found


def escapes(text: str) -> tuple[str, ...]:
    """The text as JSON and repr show it, without the quotes around it; repr escapes either kind of quote, or none."""
    return (
        json_text.dumps(text)[1:-1],
        json_text.dumps(text, ensure_ascii=False)[1:-1],
        repr(text)[1:-1],
        repr("'" + '"' + text)[len("'\\'\"") : -1],
    )


SECRETS: Final = Secrets()


def keep_secret(secret: object) -> None:
    """Never print this again: a `SecretStr`, or a string that holds one (a password inside a URL)."""
    reveal = getattr(secret, "get_secret_value", None)
    SECRETS.keep(str(reveal() if callable(reveal) else secret))


def scrub(text: str) -> str:
    """The text with every kept secret masked, for what leaves the process by another door than the log."""
    return SECRETS.scrub(text)


class ScrubbedFormatter(structlog.stdlib.ProcessorFormatter):
    """The last step before the stream: whatever was rendered, exceptions included, leaves without a kept secret."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


class StderrHandler(logging.StreamHandler[Any]):
    def handleError(self, record: logging.LogRecord) -> None:
        """A line that cannot be written: say so without the arguments that the standard library would print in clear."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"log line of {record.name} at {record.pathname}:{record.lineno} lost: {scrub(repr(sys.exc_info()[1]))}\n")


def plainly(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Decimals, enums and secrets as text rather than as Python's repr of them."""
    for key, value in event.items():
        if isinstance(value, Decimal) or hasattr(value, "get_secret_value"):
            event[key] = str(value)
        elif isinstance(value, Enum):
            event[key] = value.value
    return event


def as_text(value: object) -> str:
    """What JSON has no word for, inside a list or a mapping."""
    return str(value) if isinstance(value, Decimal) or hasattr(value, "get_secret_value") else repr(value)


def configure(json: bool | None = None, level: str = "info") -> None:
    """Log to stderr from here on: coloured lines on a terminal, one JSON object per line otherwise, or as `json` says.

    Also takes over `sys.excepthook`, so that a crash is logged by the same rules.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    terminal = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        plainly,
    ]
    rendering: list[Processor]
    if json or (json is None and not terminal):
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=as_text)]
    else:  # the plain formatter: the default one prints the local variables of every frame
        rendering = [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = StderrHandler(sys.stderr)
    handler.setFormatter(
        ScrubbedFormatter(foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    for name in QUIET:  # they log every request with its address and query: only what is wrong is worth a line
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(number, logging.WARNING))
    sys.excepthook = log_crash


def log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An exception that nobody caught."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return
    try:
        structlog.get_logger("bot").critical("crashed", exc_info=(kind, error, trace))
    except Exception:  # the log itself is broken: the crash must still be seen
        sys.stderr.write(scrub("".join(traceback.format_exception(kind, error, trace))))
