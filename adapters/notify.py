"""Whom do we tell when something needs a person? The log always, and whatever the addresses of its severity reach.

A message that cannot be delivered is tried again and then logged; neither waiting nor failing ever holds up the loop.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import structlog

from bot.logs import keep_secret
from bot.ports import Clock, Misconfigured

log = structlog.get_logger(__name__)

LEVELS: Final = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}
SEVERITIES: Final = tuple(LEVELS)  # from the least to the gravest
PAUSES_SECONDS: Final = (1.0, 5.0, 0.0)  # after each vain attempt
ATTEMPT_SECONDS: Final = 15.0
HOUR_MS: Final = 3_600_000
MOST_UNDER_WAY: Final = 200
MOST_REMEMBERED: Final = 500
FLUSH_SECONDS: Final = 5.0
SECRET_PART: Final = 6  # a shorter part of an address would blank half of every line


class LogNotifier:
    """A `Notifier` that writes one log line, at the level of the severity; a severity it does not know counts as a warning."""

    async def notify(self, severity: str, text: str) -> None:
        log.log(LEVELS.get(severity, logging.WARNING), "alert", severity=severity, text=text)

    async def close(self) -> None:
        """Nothing is under way."""


class Channel(Protocol):
    """One address."""

    name: str  # what kind of service it is; never the address

    def send(self, severity: str, title: str, text: str) -> bool:
        """Deliver it, in a thread; False if that failed. Never raises."""


class AppriseChannel:
    def __init__(self, service: Any) -> None:
        self.service = service
        self.name = str(getattr(service, "service_name", "") or type(service).__name__)

    def send(self, severity: str, title: str, text: str) -> bool:
        from apprise import NotifyType

        kind = {"info": NotifyType.INFO, "critical": NotifyType.FAILURE}.get(severity, NotifyType.WARNING)
        try:
            return bool(self.service.notify(body=text, title=title, notify_type=kind))
        except Exception:  # whatever a service does wrong, the bot goes on; the text of the error may hold the address
            return False


def channels(addresses: str, key: str) -> list[Channel]:
    """The channels behind the addresses of one secret, one on each line. Raise Misconfigured naming the key, never the address."""
    try:
        from apprise import Apprise
    except ModuleNotFoundError:
        raise Misconfigured(f"{key} is set, and notifications need one more package: pip install 'hedgebot[notify]'") from None
    for name in ("apprise", "urllib3", "requests"):  # they log addresses
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    found: list[Channel] = []
    for number, address in enumerate(addresses.split(), start=1):
        for part in secret_parts(address):
            keep_secret(part)
        service = Apprise.instantiate(address, suppress_exceptions=True)
        if not hasattr(service, "notify"):
            raise Misconfigured(f"{key}: address {number} is none that Apprise knows; write one such as tgram://TOKEN/CHAT on each line")
        found.append(AppriseChannel(service))
    return found


def secret_parts(address: str) -> set[str]:
    """The address, and what lies inside it: a token is as secret in a library's words as in ours."""
    parsed = urlsplit(address)
    inside = [parsed.username, parsed.password, *parsed.path.split("/"), *(value for _, value in parse_qsl(parsed.query))]
    host = parsed.netloc.rpartition("@")[2]
    if "." not in host and "[" not in host and not host.startswith("localhost"):
        inside += host.split(":")  # no host, so a token or a user
    return {address, *(unquote(part) for part in inside if part and len(part) >= SECRET_PART)}


def route(given: Mapping[str, Sequence[Channel]]) -> dict[str, tuple[Channel, ...]]:
    """Of each severity: its own channels, or else those of the next one below it that has any."""
    routes: dict[str, tuple[Channel, ...]] = {}
    last: tuple[Channel, ...] = ()
    for severity in SEVERITIES:
        last = tuple(given.get(severity, ())) or last
        routes[severity] = last
    return routes


class Messenger:
    """A `Notifier` that tells people."""

    def __init__(
        self, given: Mapping[str, Sequence[Channel]], *, whose: str, clock: Clock, quiet_ms: int = 900_000, most_per_hour: int = 30
    ) -> None:
        self.routes = route(given)
        self.whose = whose
        self.clock = clock
        self.quiet_ms = quiet_ms
        self.most_per_hour = most_per_hour
        self.log = LogNotifier()
        self.told: dict[tuple[str, str], int] = {}
        self.sent: dict[str, deque[int]] = {severity: deque() for severity in SEVERITIES}
        self.left_out = 0
        self.under_way: set[asyncio.Task[None]] = set()
        self.threads = ThreadPoolExecutor(4, thread_name_prefix="notify")

    async def notify(self, severity: str, text: str) -> None:
        await self.log.notify(severity, text)
        severity = severity if severity in LEVELS else "warning"
        if not self.routes[severity] or not self.is_due(severity, text):
            return
        if len(self.under_way) + len(self.routes[severity]) > MOST_UNDER_WAY:
            log.error("notify.full", did="left a message out", why=f"{MOST_UNDER_WAY} are under way and do not arrive")
            return
        body = text + (f"\n({self.left_out} more were left out: see the log)" if self.left_out else "")
        self.left_out = 0
        for channel in self.routes[severity]:
            task = asyncio.create_task(self.deliver(channel, severity, body), name="notify")
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)

    def is_due(self, severity: str, text: str) -> bool:
        """Not what was told a short time ago; and not more than so many an hour, unless it is critical."""
        now = self.clock.mono_ms()
        last = self.told.get((severity, text))
        if last is not None and now - last < self.quiet_ms:
            return False
        times = self.sent[severity]
        while times and now - times[0] >= HOUR_MS:
            times.popleft()
        if severity != "critical" and len(times) >= self.most_per_hour:
            self.left_out += 1
            return False
        times.append(now)
        self.told = dict(list(self.told.items())[-MOST_REMEMBERED:]) | {(severity, text): now}
        return True

    async def deliver(self, channel: Channel, severity: str, text: str) -> None:
        title = f"hedgebot {self.whose}: {severity}"
        for attempt, pause in enumerate(PAUSES_SECONDS, start=1):
            if await self.attempt(channel, severity, title, text):
                log.info("notify.sent", channel=channel.name, severity=severity, attempt=attempt)
                return
            log.warning("notify.failed", channel=channel.name, severity=severity, attempt=attempt, of=len(PAUSES_SECONDS))
            await asyncio.sleep(pause)
        log.error("notify.lost", channel=channel.name, severity=severity, next="`hedgebot notify test` tells which addresses work")

    async def attempt(self, channel: Channel, severity: str, title: str, text: str) -> bool:
        sending = asyncio.get_running_loop().run_in_executor(self.threads, channel.send, severity, title, text)
        try:
            return await asyncio.wait_for(sending, ATTEMPT_SECONDS)
        except TimeoutError:
            return False

    async def close(self) -> None:
        """Let what is under way arrive, for a short time."""
        if self.under_way:
            await asyncio.wait(self.under_way, timeout=FLUSH_SECONDS)
        for task in self.under_way:
            task.cancel()
        await asyncio.gather(*self.under_way, return_exceptions=True)
        self.threads.shutdown(wait=False, cancel_futures=True)
