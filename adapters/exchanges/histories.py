"""How is a history read whole, however long the bot was away?

Venues tell a history in pages, and some no more than a week of it for each question. Whoever was away longer asks week by week. What lies
further back than one question reaches is then kept: it can grow no more, and a hedge that rests for months must not ask for those
months in every turn.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Generic, TypeVar

from adapters.exchanges.ccxt_translate import Malformed
from adapters.exchanges.venues.sheet import Page
from bot.core.model import Fill, FundingPayment, Order

R = TypeVar("R", Fill, FundingPayment)
S = TypeVar("S", Order, Fill, FundingPayment)
MOST_PAGES: Final = 40  # of one question
HOLDS_MS: Final = 600_000
LATE_MS: Final = 3_600_000  # by so much a venue may tell something too late


@dataclass(slots=True)
class History(Generic[R]):
    """The fills, or the payments, of one contract."""

    name: Callable[[R], str]
    span_ms: int | None  # the longest stretch that one question may cover; None: any
    reach_ms: int | None  # nothing older is told; None: everything is
    since_ms: int = 0  # known from here
    until_ms: int | None = None  # to here; None: nothing is known yet
    known: dict[str, R] = field(default_factory=dict)

    async def read(self, since_ms: int, now_ms: int, ask: Callable[[int], Awaitable[Sequence[R]]]) -> tuple[R, ...]:
        """Everything at or after `since_ms`, oldest first. `ask` reads one stretch from its start on. What it raises, this raises."""
        if self.span_ms is None:
            return in_order(await ask(since_ms), since_ms, self.name)
        oldest_ms = since_ms if self.reach_ms is None else max(since_ms, now_ms - self.reach_ms)
        if self.until_ms is None or since_ms < self.since_ms:
            start_ms, found = oldest_ms, {}
        else:
            start_ms, found = max(oldest_ms, min(self.until_ms - LATE_MS, now_ms - self.span_ms)), self.known
        for stretch_ms in range(start_ms, max(now_ms, start_ms + 1), self.span_ms):
            found = found | {self.name(item): item for item in await ask(stretch_ms)}
        told = in_order(list(found.values()), since_ms, self.name)
        self.since_ms, self.until_ms, self.known = since_ms, now_ms, {self.name(item): item for item in told}
        return told


@dataclass(frozen=True, slots=True)
class Settled:
    """What had been paid when the wallet stood so: while it stands still, nothing more was."""

    wallet: Decimal
    since_ms: int
    read_ms: int
    payments: tuple[FundingPayment, ...]

    def holds(self, wallet: Decimal, since_ms: int, now_ms: int) -> bool:
        """For a while: a payment may be told later than the wallet moved."""
        return wallet == self.wallet and since_ms >= self.since_ms and now_ms - self.read_ms < HOLDS_MS


async def paged(page: Callable[[str | None], Awaitable[Page[S]]], since_ms: int) -> list[S]:
    """Every page of a list, or of a history back to `since_ms`. Raise Malformed where it does not end."""
    items: list[S] = []
    more: str | None = None
    for _ in range(MOST_PAGES):
        shown = await page(more)
        items += shown.items
        reached = shown.reached_ms is not None and shown.reached_ms < since_ms
        if shown.more is None or reached or any(item.at_ms < since_ms for item in shown.items):
            return items
        if shown.more == more:
            raise Malformed("a page names itself as the next one, and the rest is not shown")
        more = shown.more
    raise Malformed(f"more than {MOST_PAGES} pages")


def in_order(items: Sequence[R], since_ms: int, name: Callable[[R], str]) -> tuple[R, ...]:
    """Each once, those at or after the cursor, oldest first."""
    once = {name(item): item for item in items if item.at_ms >= since_ms}
    return tuple(sorted(once.values(), key=lambda item: (item.at_ms, len(name(item)), name(item))))
