"""May whoever knocks come in? A token is compared in constant time, and an address that guesses is asked to wait."""

import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from bot.access_tokens import Given, Role, given_in, hashed
from bot.ports import Misconfigured

log = structlog.get_logger(__name__)

FAILURES: Final = 10  # wrong tokens of one address
WITHIN_SECONDS: Final = 60.0
ADDRESSES: Final = 1024  # remembered at once; the longest silent is forgotten first


@dataclass(frozen=True, slots=True)
class Grant:
    """Who came in, and what for. The bot's own token has no name."""

    name: str
    role: Role

    @property
    def operates(self) -> bool:
        return self.role is Role.OPERATE


class Denied(Exception):
    """No token, or not one of ours."""


class TooOften(Exception):
    """Too many wrong tokens from this address: nothing is compared for so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong tokens from your address: wait {seconds} s")
        self.seconds = seconds


class Door:
    """The tokens of this process: its own one, and those that were given out."""

    def __init__(self, own: SecretStr, given: Path | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self.own = hashed(own.get_secret_value()) if own.get_secret_value() else ""
        self.path = given
        self.now = now
        self.known: tuple[Given, ...] = ()
        self.stamp: tuple[int, int] | None = None
        self.failures: OrderedDict[str, deque[float]] = OrderedDict()

    def bearer(self, header: str | None, address: str) -> Grant:
        """Whose Authorization header is this? Raise Denied or TooOften."""
        scheme, _, token = (header or "").partition(" ")
        return self.opened(token.strip() if scheme.lower() == "bearer" else "", address)

    def opened(self, token: str, address: str) -> Grant:
        """Whose token is this? Raise Denied or TooOften; no token at all is refused without being counted."""
        self.require_patience(address)
        if not token:
            raise Denied
        grant = self.grant(hashed(token))
        if grant is None:
            self.failed(address)
            raise Denied
        return grant

    def grant(self, digest: str) -> Grant | None:
        """The holder of the token with this hash, if it counts now. All are compared, whichever fits."""
        found = Grant("", Role.OPERATE) if hmac.compare_digest(digest, self.own) and self.own else None
        for one in self.given():
            if hmac.compare_digest(digest, one.sha256):
                found = found or Grant(one.name, one.role)
        return found

    def given(self) -> tuple[Given, ...]:
        """Read again when the file changed, so that a revoked token ends at once. A file that cannot be read opens nothing."""
        if self.path is None:
            return ()
        try:
            seen = self.path.stat()
            stamp = (seen.st_mtime_ns, seen.st_ino)
            if stamp != self.stamp:
                self.known, self.stamp = given_in(self.path), stamp
        except FileNotFoundError:
            self.known, self.stamp = (), None
        except (OSError, Misconfigured) as error:
            log.warning("tokens.unreadable", error=str(error), did="only the bot's own token counts")
            self.known, self.stamp = (), None
        return self.known

    # ------------------------------------------------------------------------------------------------------------ guessing

    def require_patience(self, address: str) -> None:
        times = self.failures.get(address)
        if times is None:
            return
        now = self.now()
        while times and now - times[0] >= WITHIN_SECONDS:
            times.popleft()
        if not times:
            del self.failures[address]
        elif len(times) >= FAILURES:
            raise TooOften(max(1, int(WITHIN_SECONDS - (now - times[0])) + 1))

    def failed(self, address: str) -> None:
        times = self.failures.setdefault(address, deque(maxlen=FAILURES))
        times.append(self.now())
        self.failures.move_to_end(address)
        while len(self.failures) > ADDRESSES:
            self.failures.popitem(last=False)
        if len(times) == FAILURES:
            log.warning("api.guessing", address=address, failures=FAILURES, did=f"answers 429 to it for up to {WITHIN_SECONDS:.0f} s")
