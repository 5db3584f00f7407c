"""The target document is asked politely, believed only while it is fresh, and never gets in the loop's way."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest
import respx
from structlog.testing import capture_logs

from adapters.clock import VirtualClock
from adapters.targets import document as module
from adapters.targets.document import MAX_BYTES, TargetDocument
from bot.core.model import Target, TargetSource
from bot.ports import Standing

URL = "https://desk.example/targets.json"
POLL_MS = 30_000
MAX_AGE_MS = 300_000
GOOD = '{"version": 1, "targets": {"BTC": 0.8}}'
TARGETS = (Target("BTC", Decimal("0.8"), TargetSource.DOCUMENT),)


class Desk:
    """A document, its clock, and how long it slept between attempts."""

    def __init__(self, url: str = URL) -> None:
        self.clock = VirtualClock(1_700_000_000_000)
        self.slept: list[float] = []
        self.client = httpx.AsyncClient()
        self.targets = TargetDocument(
            self.client,
            url,
            poll_ms=POLL_MS,
            max_age_ms=MAX_AGE_MS,
            clock=self.clock,
            assets={"BTC", "ETH"},
            sleep=self.sleep,
            chance=random.Random(7),
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def later(self, ms: int = POLL_MS) -> tuple[Target, ...] | None:
        await self.clock.sleep_ms(ms)
        return await self.targets.read()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    await made.targets.close()


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        yield router


async def test_a_good_document_gives_its_targets(desk: Desk, router: respx.MockRouter) -> None:
    router.get(URL).respond(200, text=GOOD, headers={"content-type": "application/json"})
    with capture_logs() as logs:
        assert await desk.targets.read() == TARGETS
        assert await desk.later() == TARGETS
    assert desk.targets.last_error is None
    assert [entry["event"] for entry in logs] == ["targets.read"]


async def test_it_is_asked_no_more_often_than_every_poll(desk: Desk, router: respx.MockRouter) -> None:
    route = router.get(URL).respond(200, text=GOOD)
    await desk.targets.read()
    assert await desk.later(POLL_MS - 1) == TARGETS
    assert route.call_count == 1
    await desk.later(1)
    assert route.call_count == 2


async def test_a_failed_poll_waits_for_the_next_one_too(desk: Desk, router: respx.MockRouter) -> None:
    route = router.get(URL).respond(404)
    assert await desk.targets.read() is None
    assert await desk.later(POLL_MS - 1) is None
    assert route.call_count == 1


async def test_an_unchanged_document_is_not_sent_again(desk: Desk, router: respx.MockRouter) -> None:
    route = router.get(URL)
    route.side_effect = [httpx.Response(200, text=GOOD, headers={"etag": '"v1"'}), *[httpx.Response(304)] * 20]
    await desk.targets.read()
    assert "if-none-match" not in route.calls[0].request.headers
    for _ in range(20):
        assert await desk.later() == TARGETS  # still fresh after ten minutes: 304 says that it is current
    assert route.calls[-1].request.headers["if-none-match"] == '"v1"'


async def test_unchanged_without_ever_a_document_is_an_error(desk: Desk, router: respx.MockRouter) -> None:
    router.get(URL).respond(304)
    assert await desk.targets.read() is None
    assert desk.targets.last_error is not None
    assert "HTTP 304" in desk.targets.last_error


async def test_a_spoilt_document_does_not_change_what_unchanged_means(desk: Desk, router: respx.MockRouter) -> None:
    route = router.get(URL)
    good = httpx.Response(200, text=GOOD, headers={"etag": '"good"'})
    route.side_effect = [good, httpx.Response(200, text="{", headers={"etag": '"bad"'}), httpx.Response(304)]
    await desk.targets.read()
    await desk.later()
    await desk.later()
    assert route.calls[-1].request.headers["if-none-match"] == '"good"'
    assert desk.targets.last_error is None


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(200, text="<html>Please log in</html>", headers={"content-type": "text/html; charset=utf-8"}), "is HTML, not JSON"),
        (httpx.Response(200, text="<html>"), "is HTML or XML, not JSON"),
        (httpx.Response(200, text=""), "is not JSON"),
        (httpx.Response(200, text="null"), "the document"),
        (httpx.Response(200, text='{"version": 1, "targets": {"BTC": 80}}'), "for 80 percent write 0.8"),
        (httpx.Response(200, text='{"version": 1, "targets": {"DOGE": 1}}'), "is not hedged here"),
        (httpx.Response(200, text='{"version": 1, "targets": {"BTC": NaN}}'), "NaN is not a number"),
        (httpx.Response(200, content=GOOD.encode() + b" " * MAX_BYTES), "is larger than 64 KiB"),
        (httpx.Response(200, text=GOOD, headers={"content-encoding": "br"}), "is compressed"),
        (httpx.Response(204), "HTTP 204"),
        (httpx.Response(401), "HTTP 401"),
        (httpx.Response(404, text=GOOD), "HTTP 404"),
        (httpx.Response(500), "HTTP 500"),
        (httpx.Response(503, text=GOOD), "HTTP 503"),
        (httpx.Response(429), "HTTP 429"),
        (httpx.Response(302, headers={"location": "https://evil.example/targets.json"}), "redirects to https://evil.example"),
        (httpx.Response(302, headers={"location": "http://desk.example/targets.json"}), "redirects to http://desk.example"),
        (httpx.Response(302, headers={"location": "https://desk.example:8443/t"}), "redirects to https://desk.example"),
        (httpx.Response(302, headers={"location": URL}), "redirects more than 3 times"),
        (httpx.Response(302, headers={"location": "https://["}), ""),
        (httpx.Response(302), "HTTP 302"),
        (httpx.ConnectError("refused"), "cannot be reached (refused)"),
        (httpx.ReadTimeout(""), "cannot be reached (ReadTimeout)"),
        (httpx.RemoteProtocolError("half an answer"), "cannot be reached (half an answer)"),
        (RuntimeError("a bug\nelsewhere"), "a bug elsewhere"),
    ],
)
async def test_whatever_goes_wrong_the_last_good_document_counts_until_it_is_too_old(
    desk: Desk, router: respx.MockRouter, answer: httpx.Response | Exception, says: str
) -> None:
    route = router.get(URL).respond(200, text=GOOD)
    assert await desk.targets.read() == TARGETS
    if isinstance(answer, Exception):
        route.side_effect = answer
    else:
        route.return_value = answer
    with capture_logs() as logs:
        for _ in range(MAX_AGE_MS // POLL_MS):
            assert await desk.later() == TARGETS
        assert await desk.later(1) is None  # a millisecond too old: UNKNOWN
        assert await desk.later() is None
    assert desk.targets.last_error is not None
    assert desk.targets.last_error.startswith(f"target document {URL}: ")
    assert says in desk.targets.last_error
    assert "\n" not in desk.targets.last_error
    assert [entry["event"] for entry in logs] == ["targets.unreadable"]  # once, not once a poll

    route.side_effect = None
    route.respond(200, text=GOOD)
    with capture_logs() as logs:
        assert await desk.later() == TARGETS
    assert desk.targets.last_error is None
    assert [entry["event"] for entry in logs] == ["targets.read"]


async def test_it_says_how_far_it_is_believed(desk: Desk, router: respx.MockRouter) -> None:
    route = router.get(URL).respond(404)
    assert desk.targets.standing() == Standing()
    await desk.targets.read()
    assert desk.targets.standing() == Standing(f"target document {URL}: answered HTTP 404")
    route.respond(200, text=GOOD)
    await desk.later()
    good = Standing(at_ms=desk.clock.now_ms())
    assert desk.targets.standing() == good
    route.respond(404)
    await desk.later()
    wrong = f"target document {URL}: answered HTTP 404; what it said at 2023-11-14 22:13:50 UTC"
    assert desk.targets.standing() == replace(good, error=f"{wrong} counts for 300 seconds from then")
    await desk.later(MAX_AGE_MS)
    assert desk.targets.standing() == replace(good, error=f"{wrong} is too old to count")


async def test_a_document_of_64_kib_is_still_read(desk: Desk, router: respx.MockRouter) -> None:
    router.get(URL).respond(200, content=GOOD.encode() + b" " * (MAX_BYTES - len(GOOD)))
    assert await desk.targets.read() == TARGETS


async def test_a_redirect_on_the_same_host_is_followed(desk: Desk, router: respx.MockRouter) -> None:
    router.get(URL).respond(302, headers={"location": "/v2/targets.json"})
    router.get("https://desk.example/v2/targets.json").respond(200, text=GOOD)
    assert await desk.targets.read() == TARGETS


async def test_a_redirect_to_https_on_the_same_host_is_followed(router: respx.MockRouter) -> None:
    desk = Desk("http://desk.example/targets.json")
    router.get("http://desk.example/targets.json").respond(301, headers={"location": URL})
    router.get(URL).respond(200, text=GOOD)
    assert await desk.targets.read() == TARGETS
    await desk.targets.close()


@pytest.mark.parametrize("failure", [httpx.Response(502), httpx.Response(429), httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
async def test_what_may_pass_is_tried_three_times_a_little_later_each_time(
    desk: Desk, router: respx.MockRouter, failure: httpx.Response | Exception
) -> None:
    route = router.get(URL)
    route.side_effect = [failure, failure, httpx.Response(200, text=GOOD)]
    assert await desk.targets.read() == TARGETS
    chance = random.Random(7)
    assert desk.slept == [0.1 * chance.uniform(0.5, 1.5), 0.2 * chance.uniform(0.5, 1.5)]

    route.side_effect = [failure] * 4
    await desk.later()
    assert route.call_count == 3 + 3


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(200, text="{")])
async def test_what_will_not_pass_is_not_tried_again(desk: Desk, router: respx.MockRouter, answer: httpx.Response) -> None:
    route = router.get(URL)
    route.return_value = answer
    await desk.targets.read()
    assert route.call_count == 1
    assert desk.slept == []


async def test_a_server_that_never_answers_costs_no_more_than_the_time_box(
    desk: Desk, router: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(module, "TIME_BOX_SECONDS", 0.02)
    router.get(URL).mock(side_effect=never)
    assert await asyncio.wait_for(desk.targets.read(), 1) is None
    assert desk.targets.last_error == f"target document {URL}: did not answer in time"


async def test_a_token_in_the_address_is_not_logged(router: respx.MockRouter) -> None:
    desk = Desk(URL + "?token=open-sesame-4711")
    router.get(URL + "?token=open-sesame-4711").side_effect = [httpx.Response(404), httpx.Response(200, text=GOOD)]
    with capture_logs() as logs:
        assert await desk.targets.read() is None
        assert "sesame" not in str(desk.targets.last_error)
        assert await desk.later() == TARGETS
    assert "sesame" not in str(logs)
    await desk.targets.close()


async def test_a_real_server_is_read_and_a_trickling_one_does_not_hold_the_loop_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 200 OK\r\netag: "1"\r\ncontent-length: %d\r\n\r\n' % len(GOOD))
        if len(asked) == 1:
            writer.write(GOOD.encode())
        else:
            writer.write(GOOD[:5].encode())
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readexactly(1)  # until the other side gives up
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    desk = Desk(f"http://{host}:{port}/t.json")
    assert await desk.targets.read() == TARGETS
    monkeypatch.setattr(module, "TIME_BOX_SECONDS", 0.05)
    assert await asyncio.wait_for(desk.later(), 1) == TARGETS
    assert "did not answer in time" in str(desk.targets.last_error)
    assert b'if-none-match: "1"' in asked[1].lower()
    assert b"accept-encoding: identity" in asked[1].lower()
    await desk.targets.close()
    server.close()
    await server.wait_closed()


async def test_a_cancelled_read_is_cancelled(desk: Desk, router: respx.MockRouter) -> None:
    started = asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    router.get(URL).mock(side_effect=never)
    reading = asyncio.create_task(desk.targets.read())
    await started.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_an_etag_that_could_not_be_sent_back_is_forgotten(desk: Desk, router: respx.MockRouter) -> None:
    route = router.get(URL).respond(200, text=GOOD, headers={"etag": "x" * 257})
    await desk.targets.read()
    await desk.later()
    assert "if-none-match" not in route.calls[-1].request.headers
