"""How does collateral travel in a rehearsal? The same road as orders: requests get lost, arrive late or twice, and histories lag."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Final

from bot.core.decision import Transfer
from bot.core.model import SpotSeen, TransferStatus
from bot.ports import Gate, NotSent, Refused, SpotAsk, Unknown
from bot.rehearsal.evidence import Evidence, Moved, Process
from bot.rehearsal.faults import Dice
from bot.rehearsal.venue import PICO, Book, Venue

TIMEOUT_MS: Final = 10_000
LATEST_MS: Final = 120_000
MOST_LAG_MS: Final = 90_000


class Carrier:
    """The Mover port of one process."""

    def __init__(self, venue: Venue, window_ms: int | None, dice: Dice, evidence: Evidence, gate: Gate) -> None:
        self.venue, self.window_ms, self.dice, self.evidence, self.gate = venue, window_ms, dice, evidence, gate
        self.process: Process | None = None
        self.boundary: Callable[[str], Awaitable[None]]
        self.barred: Callable[[], str]
        self.lags: dict[str, tuple[int, int]] = {}  # by asset: until when, how far behind the history is

    def book(self, asset: str) -> Book:
        return next(book for symbol, book in self.venue.books.items() if symbol.partition("/")[0] == asset)

    async def travel(self) -> None:
        least, most = (1_000, 15_000) if self.dice.hits("slow") else (20, 400)
        await asyncio.sleep(self.dice.upto("slow", most, least) / 1000)
        self.venue.advance(round(asyncio.get_running_loop().time() * 1000))

    # -------------------------------------------------------------------------------------------------------------------- looking

    async def spots(self, asks: Sequence[SpotAsk]) -> tuple[SpotSeen, ...]:
        await self.travel()
        if barred := self.barred():
            return tuple(SpotSeen(ask.asset, None, error=barred) for ask in asks)
        return tuple(self.seen(ask) for ask in asks)

    def seen(self, ask: SpotAsk) -> SpotSeen:
        book, dice, now_ms = self.book(ask.asset), self.dice, self.venue.now_ms
        if dice.hits("unread"):
            return SpotSeen(ask.asset, None, error=f"spot wallet of {ask.asset}: 502")
        if dice.hits("lag"):
            self.lags[ask.asset] = (now_ms + dice.upto("lag", 300_000), dice.upto("lag", MOST_LAG_MS, 1_000))
        until_ms, behind_ms = self.lags.get(ask.asset, (0, 0))
        at_ms = now_ms - behind_ms if now_ms < until_ms and not dice.quiet else now_ms
        found = None
        if ask.transfer is not None:
            made = book.carried.get(ask.transfer.transfer_id)
            found = TransferStatus.DONE if made is not None and made[1] <= at_ms else TransferStatus.ABSENT
        moved = sum(pico for pico, moved_ms in book.carried.values() if moved_ms <= at_ms)
        return SpotSeen(ask.asset, Decimal(book.beside_pico - moved).scaleb(-12), found)

    # --------------------------------------------------------------------------------------------------------------------- moving

    async def transfer(self, wanted: Transfer) -> None:
        dice, answered = self.dice, list[str]()
        await self.boundary("before a transfer is signed")
        if dice.hits("queued"):
            await asyncio.sleep(dice.upto("queued", 40_000) / 1000)
        if dice.hits("refused"):
            raise NotSent("connection refused")
        assert self.process is not None
        self.gate.check(wanted)
        self.venue.advance(round(asyncio.get_running_loop().time() * 1000))
        sent = self.evidence.signed_transfer(self.process, wanted)
        self.post(sent, answered)
        await self.boundary("a transfer is under way")
        await self.travel()
        if not answered:
            await asyncio.sleep(TIMEOUT_MS / 1000)
            self.venue.advance(round(asyncio.get_running_loop().time() * 1000))
        await self.boundary("a transfer was answered")
        if not answered:
            raise Unknown("timeout")
        if dice.hits("lost-ack"):
            raise Unknown("connection reset after the request was sent")
        if dice.hits("garbage"):
            raise Unknown("200 with a body that says nothing")
        if answered[-1].startswith("503"):
            raise Unknown(answered[-1])
        if answered[-1] != "done":
            raise Refused(answered[-1])

    def post(self, sent: Moved, answered: list[str]) -> None:
        dice, now_ms = self.dice, self.venue.now_ms
        if dice.hits("lost-before"):
            sent.under_way = False
            return
        delay_ms = dice.upto("late-create", LATEST_MS, TIMEOUT_MS) if dice.hits("late-create") else 10
        for _ in range(2 if dice.hits("twice") else 1):
            self.venue.arrive(now_ms + delay_ms, lambda: answered.append(self.arrived(sent, now_ms)))

    def arrived(self, sent: Moved, signed_ms: int) -> str:
        wanted, now_ms, again = sent.transfer, self.venue.now_ms, sent.deliveries > 0
        sent.deliveries += 1
        sent.under_way = False
        book = self.book(wanted.asset)
        if wanted.transfer_id in book.carried:
            return "done"
        if now_ms < self.venue.banned_until_ms or (not again and self.dice.hits("rate-limit")):
            return "429: too many requests"
        if again:
            return "429: too many requests"  # what was refused once stays refused: the venue knows the id
        if now_ms < self.venue.away_until_ms or self.dice.hits("unavailable"):
            return "503: maintenance"
        if self.window_ms is not None and now_ms - signed_ms > self.window_ms:
            return "outside the receive window"
        if self.dice.hits("turned-away"):
            return "the key may not transfer"
        if not book.carry(wanted.transfer_id, int(wanted.coins * PICO)):
            return "the balance does not suffice"
        self.evidence.carried(book, wanted.transfer_id, int(wanted.coins * PICO))
        return "done"
