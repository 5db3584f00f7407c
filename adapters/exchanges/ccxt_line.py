"""How is a venue asked, and what does it mean when it does not answer?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from adapters.ccxt_client import CcxtClient, Failed
from adapters.exchanges.ccxt_translate import Malformed
from adapters.exchanges.troubles import Trouble, trouble, words
from adapters.exchanges.venues.sheet import Call, Venue
from adapters.request_budget import Silenced
from bot.ports import Clock, NotReady, NotSent, PortError

T = TypeVar("T")


@dataclass(slots=True)
class Line:
    """The line to one account at one venue."""

    venue: Venue
    client: CcxtClient
    clock: Clock
    environment: str
    has_key: bool

    async def ask(self, asked: Call) -> object:
        return await self.client.call(asked.method, asked.as_dict, weight=asked.weight)

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """A read at start, tried three times. In the loop the next turn is the second try. Raise NotSent."""

        async def wait(seconds: float) -> None:
            await self.clock.sleep_ms(int(seconds * 1000))

        again = AsyncRetrying(
            stop=stop_after_attempt(3), wait=wait_random_exponential(0.2, 2), retry=retry_if_exception(passing), sleep=wait, reraise=True
        )
        try:
            return await again(ask)
        except (Failed, NotSent) as error:
            raise (NotReady if self.passes(error) else NotSent)(f"{self.explained(error)}; nothing was sent") from error

    def trouble(self, error: BaseException) -> Trouble | None:
        found = trouble(self.venue.codes, error, has_key=self.has_key)
        if found is None:
            return None
        names = {"venue": self.venue.title, "environment": self.environment}
        return replace(found, what=found.what.format(**names), remedy=found.remedy.format(**names))

    def passes(self, error: BaseException) -> bool:
        """Is no setting to blame?"""
        found = self.trouble(error)
        return found is not None and found.passes

    def explained(self, error: BaseException) -> str:
        """What a failed read means, with the venue's own words, and what to do."""
        found, said = self.trouble(error), self.words(error)
        return f"{found.what} ({said}): {found.remedy}" if found is not None else f"{self.venue.title} could not be read ({said})"

    def words(self, error: BaseException) -> str:
        """What was said, without a secret."""
        if isinstance(error, Failed):
            said = words(self.venue.codes, error)
            return self.client.scrubbed(f"{said}; silent until {self.client.silent_until}" if self.client.silent_until else said)
        return self.client.scrubbed(str(error) if isinstance(error, (PortError, Malformed)) else repr(error))


class Round:
    """One round of reads: what several parts need is asked once."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._asked: dict[Call, asyncio.Future[object]] = {}
        self.began_ms: Final = line.clock.now_ms()

    async def ask(self, *calls: Call) -> tuple[object, ...]:
        for asked in calls:
            if asked not in self._asked:
                self._asked[asked] = asyncio.ensure_future(self._line.ask(asked))
        answers = await asyncio.gather(*(self._asked[asked] for asked in calls), return_exceptions=True)
        for asked, answer in zip(calls, answers, strict=True):
            if isinstance(answer, BaseException) and not (asked.optional and isinstance(answer, PortError)):
                raise answer
        return tuple(None if isinstance(answer, BaseException) else answer for answer in answers)

    def end(self) -> None:
        for task in self._asked.values():
            task.cancel()


def passing(error: BaseException) -> bool:
    """Might the same read succeed in a moment?"""
    if isinstance(error, Silenced) or (isinstance(error, Failed) and error.banned):
        return False  # to ask again would make it longer
    return isinstance(error, NotSent) or (isinstance(error, Failed) and (error.status is None or error.status >= 500))
