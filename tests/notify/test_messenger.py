"""Do alerts reach a person in time, once, and without telling anybody the address?"""

import asyncio
import io
import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import structlog

from adapters.clock import SystemClock
from adapters.notify import Messenger, channels, route, secret_parts
from bot.logs import configure
from bot.ports import Misconfigured

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # by the library itself
SECRET = "T0KEN-of-the-receiver"


@dataclass
class Receiver:
    """A real HTTP server that keeps what it is told."""

    port: int = 0
    status: int = 200
    heard: list[dict] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/{SECRET}"

    async def until(self, count: int, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while len(self.heard) < count:
            assert time.monotonic() < deadline, f"heard {len(self.heard)} of {count}"
            await asyncio.sleep(0.02)


@contextmanager
def receiving() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found.heard.append(body)
            found.at.append(time.monotonic())
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    def mono_ms(self) -> int:
        return self.ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.ms += duration_ms


def messenger(receiver: Receiver, *severities: str, **how: object) -> Messenger:
    given = {severity: channels(receiver.url, f"notify.{severity}_urls") for severity in severities or ("info",)}
    return Messenger(given, whose="main", clock=how.pop("clock", SystemClock()), **how)


async def test_an_alert_leaves_within_five_seconds_with_its_severity(receiver):
    told = messenger(receiver)
    began = time.monotonic()
    await told.notify("critical", "halted: position did not move")
    assert time.monotonic() - began < 0.5  # it was only handed over
    await receiver.until(1, 5)
    assert receiver.heard[0]["title"] == "hedgebot main: critical"
    assert receiver.heard[0]["message"] == "halted: position did not move"
    assert receiver.heard[0]["type"] == "failure"
    await told.close()


@pytest.mark.parametrize(
    ("given", "to"),
    [
        (("info",), {"info": "info", "warning": "info", "critical": "info"}),
        (("warning",), {"info": None, "warning": "warning", "critical": "warning"}),
        (("critical",), {"info": None, "warning": None, "critical": "critical"}),
        (("info", "critical"), {"info": "info", "warning": "info", "critical": "critical"}),
    ],
)
def test_a_severity_goes_to_its_own_addresses_or_to_the_next_below(given, to):
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def send(self, *_: str) -> bool:
            return True

    routes = route({severity: [Named(severity)] for severity in given})
    assert {severity: (found[0].name if found else None) for severity, found in routes.items()} == to


async def test_the_same_alert_is_told_once_until_the_quiet_time_is_over(receiver):
    clock = Hand()
    told = messenger(receiver, clock=clock, quiet_ms=1000)
    for at in (0, 1, 999, 1000):
        clock.ms = at
        await told.notify("warning", "leverage is high")
    await told.notify("critical", "leverage is high")  # a graver word is another one
    await receiver.until(3)
    await told.close()
    assert len(receiver.heard) == 3


async def test_more_than_so_many_an_hour_are_counted_and_critical_ones_always_go(receiver):
    clock = Hand()
    told = messenger(receiver, clock=clock, most_per_hour=2)
    for number in range(5):
        await told.notify("warning", f"odd {number}")
    await told.notify("critical", "halted")
    await receiver.until(3)
    await told.close()
    assert sorted(one["message"] for one in receiver.heard) == ["halted\n(3 more were left out: see the log)", "odd 0", "odd 1"]
    clock.ms = 3_600_000
    again = messenger(receiver, clock=clock, most_per_hour=2)
    again.sent = told.sent
    await again.notify("warning", "odd again")
    await receiver.until(4)
    await again.close()


async def test_a_receiver_that_fails_is_tried_again_and_never_stops_the_caller(receiver, monkeypatch):
    monkeypatch.setattr("adapters.notify.PAUSES_SECONDS", (0.0, 0.0, 0.0))
    receiver.status = 500
    told = messenger(receiver)
    with structlog.testing.capture_logs() as lines:
        await told.notify("warning", "odd")
        await receiver.until(3)
        await told.close()
    assert [line["event"] for line in lines if line["event"].startswith("notify.")] == ["notify.failed"] * 3 + ["notify.lost"]
    assert len(receiver.heard) == 3


async def test_a_dead_address_keeps_no_other_waiting(receiver):
    with receiving() as other:
        pass  # its port is closed now
    given = {"warning": [*channels(f"json://127.0.0.1:{other.port}/", "a"), *channels(receiver.url, "b")]}
    told = Messenger(given, whose="main", clock=SystemClock())
    await told.notify("warning", "odd")
    await receiver.until(1, 5)
    await told.close()


async def test_no_address_is_in_any_log_even_when_the_library_is_asked_to_say_everything(receiver, monkeypatch):
    root = logging.getLogger()
    handlers, level, hook = list(root.handlers), root.level, sys.excepthook
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("adapters.notify.PAUSES_SECONDS", (0.0,))
    configure(json=True, level="debug")
    try:
        for status in (200, 500):
            receiver.status = status
            told = messenger(receiver)
            await told.notify("warning", f"status {status}")
            await receiver.until(1 if status == 200 else 2)
            await told.close()
        logging.getLogger("elsewhere").warning("failed: %s", receiver.url)
    finally:
        root.handlers[:], sys.excepthook = handlers, hook
        root.setLevel(level)
        structlog.reset_defaults()
    text = stream.getvalue()
    assert "notify.sent" in text
    assert "notify.failed" in text
    assert SECRET not in text


def test_an_address_that_apprise_does_not_know_is_refused_without_being_shown():
    with pytest.raises(Misconfigured, match=r"notify.warning_urls: address 2 is none that Apprise knows") as told:
        channels(f"json://127.0.0.1:9/\nbogus://{SECRET}", "notify.warning_urls")
    assert SECRET not in str(told.value)


def test_the_parts_of_an_address_are_secret_too_and_a_host_is_not():
    assert secret_parts("tgram://123456789:abcdefg_hij/12345678") >= {"abcdefg_hij", "12345678"}
    assert "127.0.0.1" not in secret_parts("json://127.0.0.1/path")
