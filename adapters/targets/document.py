"""Which ratios does somebody else publish? A JSON document over HTTP, read now and then and believed only while it is fresh.

Whatever goes wrong, the last good document counts until it is too old, and then nothing does: the answer is UNKNOWN.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Final

import httpx
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from adapters.targets.schema import Spoilt, targets_from
from bot.core.model import Target
from bot.ports import Clock, Standing

log = structlog.get_logger()

TIME_BOX_SECONDS: Final = 2.0  # the most that one read may hold the loop up, retries and all
ANSWER_SECONDS: Final = 1.0  # the most that one request may take
ATTEMPTS: Final = 3
FIRST_WAIT_SECONDS: Final = 0.1
MAX_BYTES: Final = 64 * 1024
MAX_REDIRECTS: Final = 3
MAX_ETAG: Final = 256
BUSY: Final = frozenset({408, 425, 429})


class _Passing(Exception):
    """A failure that may be over in a moment."""


class TargetDocument:
    """Targets from a URL. `last_error` says in words what is wrong with the document now, or is None."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        poll_ms: int,
        max_age_ms: int,
        clock: Clock,
        assets: Collection[str],
        allow_over_hedge: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: random.Random,
    ) -> None:
        self._client = client
        self._url = url
        self._shown = url.partition("?")[0]  # what stands behind it may be a token
        self._poll_ms = poll_ms
        self._max_age_ms = max_age_ms
        self._clock = clock
        self._assets = frozenset(assets)
        self._allow_over_hedge = allow_over_hedge
        self._sleep = sleep
        self._chance = chance
        self._good: tuple[Target, ...] | None = None
        self._good_ms = self._good_mono_ms = 0
        self._etag: str | None = None
        self._tried_mono_ms: int | None = None
        self.last_error: str | None = None

    async def read(self) -> tuple[Target, ...] | None:
        """What is known now, asked anew when that is due. Takes at most about two seconds, and never raises."""
        now = self._clock.mono_ms()
        if self._tried_mono_ms is None or now - self._tried_mono_ms >= self._poll_ms:
            self._tried_mono_ms = now
            await self._refresh()
        return None if self._good is None or self._too_old() else self._good

    def standing(self) -> Standing:
        """In words, when nothing is right: what is wrong, and whether the last good document still counts."""
        if self._good is None:
            return Standing(self.last_error or "")
        if self.last_error is None:
            return Standing(at_ms=self._good_ms)
        stamp = f"{datetime.fromtimestamp(self._good_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
        counts = "is too old to count" if self._too_old() else f"counts for {self._max_age_ms / 1000:g} seconds from then"
        return Standing(f"{self.last_error}; what it said at {stamp} {counts}", self._good_ms)

    def _too_old(self) -> bool:
        return self._clock.mono_ms() - self._good_mono_ms > self._max_age_ms

    async def close(self) -> None:
        """Release connections."""
        await self._client.aclose()

    async def _refresh(self) -> None:
        asked_ms, asked_mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        try:
            async with asyncio.timeout(TIME_BOX_SECONDS):
                found = await self._ask_patiently()
        except TimeoutError:
            self._failed("did not answer in time")
        except Exception as error:
            self._failed(str(error) or type(error).__name__)
        else:
            if found != self._good or self.last_error is not None:
                log.info("targets.read", url=self._shown, targets={target.asset: str(target.ratio) for target in found})
            self._good, self._good_ms, self._good_mono_ms, self.last_error = found, asked_ms, asked_mono_ms, None

    def _failed(self, why: str) -> None:
        error = f"target document {self._shown}: {_one_line(why)}"
        if error != self.last_error:
            log.warning("targets.unreadable", url=self._shown, error=error, kept=self._good is not None)
        self.last_error = error

    async def _ask_patiently(self) -> tuple[Target, ...]:
        """Ask again after a failure that may pass, a little later each time and never in step with others."""
        retrying = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            retry=retry_if_exception_type(_Passing),
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(self._ask)

    def _wait(self, state: RetryCallState) -> float:
        return FIRST_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1) * self._chance.uniform(0.5, 1.5)

    async def _ask(self) -> tuple[Target, ...]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._etag is not None and self._good is not None:
            headers["If-None-Match"] = self._etag
        request = self._client.build_request("GET", self._url, headers=headers, timeout=ANSWER_SECONDS)
        try:
            response, body = await self._follow(request)
        except (httpx.TransportError, httpx.StreamError) as error:
            raise _Passing(f"cannot be reached ({str(error) or type(error).__name__})") from error
        if response.status_code == httpx.codes.NOT_MODIFIED and "If-None-Match" in headers and self._good is not None:
            return self._good
        if response.status_code >= 500 or response.status_code in BUSY:
            raise _Passing(f"answered HTTP {response.status_code}")
        if response.status_code != httpx.codes.OK:
            raise Spoilt(f"answered HTTP {response.status_code}")
        if "html" in response.headers.get("content-type", "").lower():
            raise Spoilt("is HTML, not JSON")
        found = targets_from(body, assets=self._assets, allow_over_hedge=self._allow_over_hedge)
        etag = response.headers.get("etag", "")
        self._etag = etag if 0 < len(etag) <= MAX_ETAG and etag.isascii() and etag.isprintable() else None
        return found

    async def _follow(self, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """Send it, and follow redirects that stay on the same host. The body is read up to its limit and not a byte further."""
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._client.send(request, stream=True, follow_redirects=False)
            try:
                following = response.next_request
                if following is None:
                    return response, await _body(response)
            finally:
                await response.aclose()
            if not _same_place(request.url, following.url):
                raise Spoilt(f"redirects to {following.url.scheme}://{following.url.host}: set targets.url to the address you trust")
            request = following
        raise Spoilt(f"redirects more than {MAX_REDIRECTS} times")


async def _body(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise Spoilt("is compressed, which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            raise Spoilt(f"is larger than {MAX_BYTES // 1024} KiB")
    return bytes(body)


def _same_place(was: httpx.URL, now: httpx.URL) -> bool:
    """The same server, or the same host over https instead of http."""
    if was.host != now.host:
        return False
    return (was.scheme, was.port) == (now.scheme, now.port) or (was.scheme, now.scheme) == ("http", "https")


def _one_line(text: str) -> str:
    flat = "".join(char if char.isprintable() else " " for char in text)
    return flat if len(flat) <= 200 else flat[:197] + "..."
