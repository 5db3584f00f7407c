"""How many coins does a JSON document tell? `{"coins": {"BTC": "2.5"}, "as_of": "2026-03-01T12:00:00Z"}`, or an amount at a path of names.

`as_of` may be left out: then the document is as old as its reading.
"""

from datetime import UTC, datetime
from typing import Final

import httpx

from adapters.holdings.answers import Unreadable, amount, asked, part
from adapters.holdings.followed import Reading
from bot.ports import Clock

AHEAD_MS: Final = 60_000  # further in the future, a clock is wrong


class Document:
    """A document over HTTP."""

    def __init__(self, client: httpx.AsyncClient, url: str, path: str, clock: Clock) -> None:
        self._client, self._url, self._names, self._clock = client, url, path.split("."), clock

    async def read(self) -> Reading:
        told = await asked(self._client, "GET", self._url)
        coins = amount(part(told, *self._names), ".".join(self._names))
        stamp = told.get("as_of")
        return Reading(coins, None if stamp is None else self._moment(stamp))

    def _moment(self, stamp: object) -> int:
        try:
            at = datetime.fromisoformat(str(stamp))
            at_ms = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
        except (ValueError, OverflowError):
            raise Unreadable(f"says as_of is {stamp!r:.60}, which is no time: write it as 2026-03-01T12:00:00Z") from None
        if at_ms > self._clock.now_ms() + AHEAD_MS:
            raise Unreadable(f"says as_of is {stamp!r:.60}, which has not come yet")
        return at_ms
