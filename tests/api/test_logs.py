"""Does the log tell what happened, and never a secret?"""

import base64
import io
import json
import logging
import sys
from decimal import Decimal

import pytest
import structlog
from pydantic import SecretStr

from adapters.notify import LogNotifier
from bot.core.decision import Mode
from bot.logs import QUIET, Secrets, configure, keep_secret, scrub

CANARY = "canary\"'\\é/+ 7f3a"
PEM = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n-----END KEY-----"


@pytest.fixture
def logging_to(monkeypatch):
    """Configure the log and return the stream it writes to; the set-up of the test process is put back afterwards."""
    root, before = logging.getLogger(), {name: logging.getLogger(name).level for name in QUIET}
    handlers, level, hook = list(root.handlers), root.level, sys.excepthook

    def configured(terminal: bool = False, **how: object) -> io.StringIO:
        stream = io.StringIO()
        stream.isatty = lambda: terminal
        monkeypatch.setattr(sys, "stderr", stream)  # here and not in the fixture: pytest swaps the stream between the two
        configure(**how)
        return stream

    yield configured
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)
    for name, was in before.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_without_a_terminal_each_line_is_one_json_object(logging_to):
    stderr = logging_to()
    structlog.get_logger("bot.engine").info("order.placed", price=Decimal("60000.50"), mode=Mode.WATCHING, key=SecretStr("x"))
    [line] = lines(stderr)
    assert {name: line[name] for name in ("event", "level", "logger", "price", "mode", "key")} == {
        "event": "order.placed",
        "level": "info",
        "logger": "bot.engine",
        "price": "60000.50",
        "mode": "WATCHING",
        "key": "**********",
    }
    assert line["timestamp"].endswith("Z")


def test_on_a_terminal_lines_are_for_people(logging_to):
    stderr = logging_to(terminal=True)
    structlog.get_logger("bot").info("order.placed", contracts=60)
    assert "order.placed" in stderr.getvalue()
    assert not stderr.getvalue().startswith("{")


def test_the_operator_may_choose_either_form(logging_to):
    stderr = logging_to(json=False)
    structlog.get_logger("bot").info("plain")
    assert not stderr.getvalue().startswith("{")
    stderr = logging_to(json=True)
    structlog.get_logger("bot").info("as.json")
    assert json.loads(stderr.getvalue().splitlines()[-1])["event"] == "as.json"


def test_what_is_bound_to_a_turn_is_on_every_line_of_it(logging_to):
    stderr = logging_to(json=True)
    with structlog.contextvars.bound_contextvars(cycle_id=7, mode="live"), structlog.contextvars.bound_contextvars(client_order_id="hb1"):
        structlog.get_logger("bot").info("inside")
        logging.getLogger("sqlalchemy.pool").warning("from a library")
    structlog.get_logger("bot").info("outside")
    inside, library, outside = lines(stderr)
    for line in (inside, library):
        assert (line["cycle_id"], line["mode"], line["client_order_id"]) == (7, "live", "hb1")
    assert not {"cycle_id", "mode", "client_order_id"} & outside.keys()


@pytest.mark.parametrize(("level", "seen"), [("debug", ["d", "i", "w"]), ("info", ["i", "w"]), ("warning", ["w"])])
def test_the_level_holds_for_our_lines(logging_to, level, seen):
    stderr = logging_to(json=True, level=level)
    log = structlog.get_logger("bot")
    log.debug("d")
    log.info("i")
    log.warning("w")
    assert [line["event"] for line in lines(stderr)] == seen


@pytest.mark.parametrize("name", ["httpx", "uvicorn.error", "sqlalchemy.engine"])
def test_libraries_take_the_same_road_and_only_with_what_is_wrong(logging_to, name):
    stderr = logging_to(json=True, level="info")
    logging.getLogger(name).info("GET https://venue.example/orders?signature=abc")
    logging.getLogger(name).warning("pool is %s", "full")
    [line] = lines(stderr)
    assert (line["event"], line["level"], line["logger"]) == ("pool is full", "warning", name)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("canary", [CANARY, "canary-7f3a1c", PEM])
def test_no_secret_reaches_the_log_by_any_road(logging_to, as_json, canary):
    keep_secret(SecretStr(canary))
    stderr = logging_to(json=as_json)
    log = structlog.get_logger("bot")
    log.info("key is " + canary)
    log.info("fields", plain=canary, inside={"deep": [canary, SecretStr(canary)]}, raw=(canary,), typed=SecretStr(canary))
    logging.getLogger("httpx").error("url https://x/?key=%s", canary)
    try:
        held = canary  # a local variable of the frame that fails
        raise ValueError(f"signature {held} refused", held)
    except ValueError as error:
        log.exception("failed")
        log.error("failed", error=error, shown=repr(error))
        logging.getLogger("asyncio").error("task failed", exc_info=True)
        sys.excepthook(type(error), error, error.__traceback__)
    logging.getLogger("sqlalchemy").error("%d", canary)  # a broken format string: the standard library would print its arguments
    written = stderr.getvalue()
    assert written.count("**********") >= 10
    assert "7f3a" not in written
    for spelling in {canary, json.dumps(canary)[1:-1], repr(canary)[1:-1], *(line for line in canary.splitlines() if len(line) > 16)}:
        assert spelling not in written
    assert "lost" in written


def test_a_secret_is_found_in_every_spelling_it_may_take():
    secrets = Secrets()
    assert secrets.scrub(CANARY) == CANARY
    secrets.keep(CANARY)
    from urllib.parse import quote, quote_plus

    both_quotes = repr(f'it\'s "{CANARY}"')
    in_a_url = (quote(CANARY), quote(CANARY, safe=""), quote_plus(CANARY))
    nested = (json.dumps(repr(CANARY)), repr(repr(CANARY)), json.dumps(both_quotes), json.dumps(repr(ValueError(repr(CANARY)))))
    in_a_header = base64.b64encode(CANARY.encode()).decode().rstrip("=")
    assert in_a_header not in secrets.scrub(f"Authorization: Basic {in_a_header}")
    for spelling in (CANARY, json.dumps(CANARY), repr(CANARY), repr(CANARY.encode()), both_quotes, *in_a_url, *nested):
        assert "7f3a" not in secrets.scrub(f"before {spelling} after"), spelling
        assert secrets.scrub(f"before {spelling} after").startswith("before ")


def test_a_line_of_a_key_is_masked_where_it_stands_alone():
    secrets = Secrets()
    secrets.keep(PEM)
    assert secrets.scrub(f"ASN.1 error near {PEM.splitlines()[1]}") == "ASN.1 error near **********"


def test_a_line_that_cannot_be_written_is_told_without_the_secret_in_its_error(logging_to):
    keep_secret("canary-7f3a1c")
    stderr = logging_to(json=True)

    class Unshown:
        def __str__(self) -> str:
            raise ValueError("canary-7f3a1c cannot be shown")

    logging.getLogger("bot").error("%s", Unshown())
    assert "lost" in stderr.getvalue()
    assert "7f3a" not in stderr.getvalue()


def test_a_crash_that_the_log_itself_cannot_tell_is_told_without_a_secret(logging_to, monkeypatch):
    keep_secret("canary-7f3a1c")
    stderr = logging_to(json=True)
    monkeypatch.setattr(structlog, "get_logger", None)
    sys.excepthook(ValueError, ValueError("canary-7f3a1c"), None)
    assert stderr.getvalue() == "ValueError: **********\n"


def test_the_longer_of_two_secrets_is_masked_whole():
    secrets = Secrets()
    secrets.keep("secret")
    secrets.keep("secret-and-more")
    assert secrets.scrub("secret-and-more, secret") == "**********, **********"


@pytest.mark.parametrize(("secret", "masked"), [("", False), ("abc", False), ("abcd", True)])
def test_only_what_is_long_enough_to_be_a_secret_is_masked(secret, masked):
    secrets = Secrets()
    secrets.keep(secret)
    assert (secrets.scrub("xx abcd yy") == "xx ********** yy") is masked


def test_an_ordinary_line_is_left_alone():
    text = base64.b64encode(b"nothing secret").decode()
    assert scrub(text) == text


def test_ctrl_c_is_no_crash(logging_to):
    stderr = logging_to(json=True)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stderr.getvalue() == "interrupted\n"


@pytest.mark.parametrize(("severity", "level"), [("info", "info"), ("warning", "warning"), ("critical", "critical"), ("odd", "warning")])
async def test_a_notice_is_a_log_line_of_its_severity(logging_to, severity, level):
    stderr = logging_to(json=True)
    await LogNotifier().notify(severity, "move 1.5 BTC of the bag into the account")
    [line] = lines(stderr)
    assert (line["event"], line["level"], line["severity"]) == ("alert", level, severity)
    assert line["text"] == "move 1.5 BTC of the bag into the account"
