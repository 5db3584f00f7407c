"""What lies between the bot and the venue? A road on which requests get lost, answers lie, and reads show yesterday.

It fills the Exchange port the way an adapter does: whatever the venue did not say for certain is Unknown.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from bot.core.decision import Approved
from bot.core.model import (
    Ask,
    Fill,
    FundingPayment,
    Instrument,
    Margin,
    Order,
    OrderStatus,
    Position,
    Quote,
    Side,
    View,
)
from bot.ports import Gate, NotSent, Refused, Unknown
from bot.rehearsal.carrier import Carrier
from bot.rehearsal.depth import depth
from bot.rehearsal.evidence import Evidence, Process, Sent
from bot.rehearsal.faults import Dice
from bot.rehearsal.nouns import cents_of, coins, entry_of, fill_noun, instrument_of, order_noun, payment_noun, price
from bot.rehearsal.venue import OWN, Answer, Book, Venue

SIGNED_NOW: Final = "an order is under way"
TIMEOUT_MS: Final = 10_000  # of one request
LATEST_MS: Final = 120_000  # a request that is on its way arrives by then, or never
MOST_LAG_MS: Final = 90_000
POLLS: Final = 3
READS: Final = ("quote", "position", "margin", "open orders", "orders by id", "trades", "funding")
QUOTE_AGE_MS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Manner:
    """How this venue is, apart from faults."""

    duplicates: str  # `exists`, `open-only` or `taken`: what becomes of a client id that it knows
    window_ms: int | None  # it drops an order that arrives later than so; None: it takes it however late
    post_only_cancels: bool  # a post-only order that would take is accepted and cancelled, not refused
    ids_only: bool  # the answer to an order says nothing but its id
    tells_age: bool  # a position or balance that was read from a copy bears the time of the copy, not of the answer

    @property
    def absence_ms(self) -> int:
        """After so long an order that no read shows is nowhere: it has arrived or never will, and no read lags further behind."""
        return (LATEST_MS if self.window_ms is None else self.window_ms) + MOST_LAG_MS + 1_000


@dataclass(slots=True)
class Letter:
    """A request on its way, and what the venue answered once it has arrived."""

    answer: Answer | None = None


class Wire:
    """The Exchange port of one process."""

    name = "paper"
    environment: str | None = None
    moves_collateral = True
    absence_polls = POLLS

    def __init__(self, venue: Venue, manner: Manner, dice: Dice, evidence: Evidence, gate: Gate) -> None:
        self.venue, self.manner, self.dice, self.evidence, self.gate = venue, manner, dice, evidence, gate
        self.absence_ms = manner.absence_ms
        self.process: Process | None = None
        self.instruments: dict[str, Instrument] = {}
        self.lags: dict[tuple[str, str], tuple[int, int]] = {}  # by what is read and of whom: until when, how far behind
        self.frozen: dict[str, tuple[int, Quote]] = {}
        self.boundary: Callable[[str], Awaitable[None]]
        self.rounds = 0
        self.carrier = Carrier(venue, manner.window_ms, dice, evidence, gate)
        self.carrier.barred = self.barred
        self.spots, self.transfer = self.carrier.spots, self.carrier.transfer  # it is a Mover too

    @property
    def now_ms(self) -> int:
        """True time, with everything that has happened at the venue by now."""
        loop = asyncio.get_running_loop()
        self.venue.advance(round(loop.time() * 1000))
        return self.venue.now_ms

    # --------------------------------------------------------------------------------------------------------------- connection

    async def connect(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        self.instruments = {symbol: instrument_of(self.venue.books[symbol]) for symbol in symbols}
        return self.instruments

    async def server_time_ms(self) -> int:
        now_ms = self.now_ms
        return next(iter(self.venue.books.values())).stamp(now_ms)

    async def close(self) -> None:
        return None

    def barred(self) -> str:
        """Why no request gets through now."""
        now_ms = self.now_ms
        if now_ms < self.venue.banned_until_ms:
            return "429: banned"
        return "503: maintenance" if now_ms < self.venue.away_until_ms else ""

    async def travel(self) -> None:
        """There and back."""
        least, most = (1_000, 15_000) if self.dice.hits("slow") else (20, 400)
        await asyncio.sleep(self.dice.upto("slow", most, least) / 1000)

    # -------------------------------------------------------------------------------------------------------------------- looking

    async def look(self, asks: Sequence[Ask]) -> tuple[View, ...]:
        await self.boundary("before a look")
        await self.travel()
        barred = self.barred()
        self.rounds += 1
        views = tuple(View(self.instruments[ask.symbol], errors=(barred,)) if barred else self.view(ask) for ask in asks)
        if self.process is not None:
            self.process.views = {view.instrument.symbol: view for view in views}
        await self.boundary("after a look")
        return views

    def view(self, ask: Ask) -> View:
        book, now_ms, dice = self.venue.books[ask.symbol], self.now_ms, self.dice
        failed = READS[dice.upto("unread", len(READS) - 1)] if dice.hits("unread") else ""
        if dice.hits("lag"):
            read = READS[dice.upto("lag", len(READS) - 1, 1)]
            self.lags[self.whose(book, read), read] = (now_ms + dice.upto("lag", 300_000), dice.upto("lag", MOST_LAG_MS, 1_000))

        if dice.hits("replica"):
            behind = (now_ms + dice.upto("replica", 300_000), dice.upto("replica", MOST_LAG_MS, 1_000))
            self.lags |= {(self.whose(book, read), read): behind for read in ("position", "margin", "trades")}

        def then(read: str) -> int:
            until_ms, behind_ms = self.lags.get((self.whose(book, read), read), (0, 0))
            return now_ms - behind_ms if now_ms < until_ms and not dice.quiet else now_ms

        one_way = self.one_way(book)
        view = View(
            instrument=instrument_of(book),
            quote=self.quote(book, now_ms),
            position=self.position(book, then("position")) if one_way else None,
            margin=self.margin(book, then("margin")),
            open_orders=self.open_orders(book, then("open orders")),
            found=self.found(book, ask.client_ids, then("orders by id")),
            fills=self.fills(book, ask.fills_since_ms, then("trades")),
            funding=self.funding(book, ask.funding_since_ms, then("funding")),
            errors=() if one_way else ("position: the account is in hedge mode",),
            depth=depth(book, ask.levels, now_ms) if ask.levels else None,
        )
        match failed:
            case "quote":
                return replace(view, quote=None, errors=("quote: 502",))
            case "position":
                return replace(view, position=None, errors=("position: 502",))
            case "margin":
                return replace(view, margin=None, errors=("margin: 502",))
            case "open orders":
                return replace(view, open_orders=None, errors=("open orders: 502",))
            case "orders by id":
                return replace(view, found=None, errors=("orders by id: 502",))
            case "trades":
                return replace(view, fills=None, errors=("trades: 502",))
            case "funding":
                return replace(view, funding=None, errors=("funding: 502",))
        return view

    def whose(self, book: Book, read: str) -> str:
        """A wallet is read once for all that stands on it."""
        return self.instruments[book.symbol].settle if read == "margin" else book.symbol

    def one_way(self, book: Book) -> bool:
        """Does a position say all there is? The adapters read none that may be one of two sides."""
        return book.hedge_mode_ms is None

    def quote(self, book: Book, now_ms: int) -> Quote:
        mark = book.cents
        stamp = book.stamp(now_ms)
        shown = Quote(book.symbol, price(mark), price(mark), price(book.bid), price(book.ask), Decimal("0.0001"), stamp)
        until_ms, frozen = self.frozen.get(book.symbol, (0, shown))
        if now_ms < until_ms and not self.dice.quiet:
            return frozen
        match self.dice.one_of("nan", "zero", "crossed", "stale", "tenfold"):
            case "nan":
                field = ("mark", "index", "bid", "ask")[self.dice.upto("nan", 3)]
                return with_price(shown, field, Decimal("NaN"))
            case "zero":
                field = ("mark", "index", "bid", "ask")[self.dice.upto("zero", 3)]
                return with_price(shown, field, Decimal(-1 if self.dice.upto("zero", 1) else 0))
            case "crossed":
                return replace(shown, bid=shown.ask, ask=shown.bid)
            case "stale":
                return replace(shown, at_ms=stamp - self.dice.upto("stale", 600_000, QUOTE_AGE_MS))
            case "tenfold":
                times = Decimal(10) if self.dice.upto("tenfold", 1) else Decimal("0.1")
                field = ("mark", "index", "touch")[self.dice.upto("tenfold", 2)]
                if field == "touch":
                    return replace(shown, bid=shown.bid * times, ask=shown.ask * times)
                return with_price(shown, field, getattr(shown, field) * times)
        return shown

    def freeze(self, book: Book, until_ms: int) -> None:
        self.frozen.pop(book.symbol, None)
        self.frozen[book.symbol] = (until_ms, self.quote(book, self.now_ms))

    def position(self, book: Book, at_ms: int) -> Position:
        held = book.account_at(at_ms)
        return Position(book.symbol, held.contracts, entry_of(book, held), Decimal(held.leverage), self.stamp(book, at_ms))

    def margin(self, book: Book, at_ms: int) -> Margin:
        wallet, equity = coins(book.account_at(at_ms).wallet_pico), coins(book.equity(at_ms))
        if self.dice.hits("nan-margin"):
            wallet = equity = Decimal("NaN")
        return Margin(self.instruments[book.symbol].settle, wallet, equity, self.stamp(book, at_ms))

    def stamp(self, book: Book, read_ms: int) -> int:
        return book.stamp(read_ms if self.manner.tells_age else self.venue.now_ms)

    def open_orders(self, book: Book, at_ms: int) -> tuple[Order, ...]:
        shown = []
        for order in book.recent:
            then = order.at(at_ms)
            if then is None:
                continue
            if then[0] in ("OPEN", "PARTIAL"):
                if not self.dice.hits("hidden-open"):
                    shown.append(order_noun(book, order, then))
            elif order.filled < order.contracts and self.dice.hits("ghost-open"):
                shown.append(order_noun(book, order, ("PARTIAL" if then[1] else "OPEN", then[1])))
        return tuple(shown)

    def found(self, book: Book, client_ids: Sequence[str], at_ms: int) -> tuple[Order, ...]:
        shown = []
        for identity in client_ids:
            for order in book.by_client.get(identity, [])[-1:]:
                then = order.at(at_ms)
                forgotten = then is not None and then[1] > 0 and self.dice.hits("forgetful")
                if then is not None and not forgotten:
                    shown.append(order_noun(book, order, then))
        return tuple(shown)

    def fills(self, book: Book, since_ms: int, at_ms: int) -> tuple[Fill, ...]:
        shown: list[Fill] = []
        for trade in reversed(book.trades):
            if trade.stamp_ms < since_ms - 200_000:
                break
            if trade.at_ms <= at_ms and trade.stamp_ms >= since_ms:
                shown += [fill_noun(book, trade)] * (2 if self.dice.hits("doubled-fills") else 1)
        return tuple(sorted(shown, key=lambda fill: fill.at_ms))

    def funding(self, book: Book, since_ms: int, at_ms: int) -> tuple[FundingPayment, ...]:
        return tuple(payment_noun(book, paid) for paid in book.payments if paid.at_ms <= at_ms and paid.stamp_ms >= since_ms)

    # --------------------------------------------------------------------------------------------------------------------- acting

    async def place(self, order: Approved) -> Order:
        dice = self.dice
        await self.boundary("before an order is signed")
        if dice.hits("queued"):
            await asyncio.sleep(dice.upto("queued", 40_000) / 1000)
        if dice.hits("refused"):
            raise NotSent("connection refused")
        assert self.process is not None
        self.gate.check(order)
        _ = self.now_ms
        sent = self.evidence.signed(self.process, order)
        letter = self.post(sent)
        await self.boundary(SIGNED_NOW)
        await self.travel()
        _ = self.now_ms
        answer = letter.answer
        if answer is None:
            await asyncio.sleep(TIMEOUT_MS / 1000)
            _ = self.now_ms
            answer = letter.answer
        await self.boundary("an order was answered")
        if answer is None:
            raise Unknown("timeout")
        if dice.hits("lost-ack"):
            raise Unknown("connection reset after the request was sent")
        if dice.hits("garbage"):
            raise Unknown("200 with a body that says nothing")
        return self.understood(self.venue.books[order.symbol], answer)

    def understood(self, book: Book, answer: Answer) -> Order:
        """The answer in the words of the port. An id that exists proves the order: it is looked up."""
        match answer.verdict:
            case "refused":
                raise Refused(answer.why)
            case "unavailable":
                raise Unknown(answer.why)
            case "late":
                raise Unknown("timeout")
        assert answer.order is not None
        if self.manner.ids_only and answer.verdict == "taken":
            return order_noun(book, answer.order, (OrderStatus.ACKED, 0))
        return order_noun(book, answer.order, (answer.order.status, answer.order.filled))

    def post(self, sent: Sent) -> Letter:
        """The bytes are out. When, and how often, do they arrive?"""
        dice, letter, now_ms = self.dice, Letter(), self.venue.now_ms
        if dice.hits("lost-before"):
            sent.under_way = False
            return letter
        delay_ms = dice.upto("late-create", LATEST_MS, TIMEOUT_MS) if dice.hits("late-create") else 10
        times = 2 if dice.hits("twice") and (self.manner.duplicates == "exists" or sent.order.post_only) else 1
        for _ in range(times):
            self.venue.arrive(now_ms + delay_ms, lambda: self.arrived(sent, letter, now_ms))
        return letter

    def arrived(self, sent: Sent, letter: Letter, signed_ms: int) -> None:
        """At the venue's door."""
        order, book, now_ms = sent.order, self.venue.books[sent.order.symbol], self.venue.now_ms
        again = sent.deliveries > 0
        if again and self.manner.duplicates != "exists" and not any(one.live for one in book.by_client.get(order.client_id, [])):
            return  # no bot can mend a venue that takes an id twice: the road to such a one must not double a request
        if again and self.manner.duplicates == "taken":
            return
        sent.deliveries += 1
        sent.under_way = False
        if now_ms < self.venue.banned_until_ms or (not again and self.dice.hits("rate-limit")):
            letter.answer = Answer("refused", why="429: too many requests")
            return
        if now_ms < self.venue.away_until_ms or (not again and self.dice.hits("unavailable")):
            letter.answer = Answer("unavailable", why="503: maintenance")
            return
        if self.manner.window_ms is not None and now_ms - signed_ms > self.manner.window_ms:
            letter.answer = Answer("refused", why="outside the receive window")
            return
        if not again and self.dice.hits("turned-away"):
            letter.answer = Answer("refused", why="insufficient margin")
            return
        would_take = not again and order.post_only and self.dice.hits("post-only-no")
        if would_take and not self.manner.post_only_cancels:
            letter.answer = Answer("refused", why="post-only would take")
            return
        letter.answer = book.create(
            client_id=order.client_id,
            sells=order.side is Side.SELL,
            contracts=order.contracts,
            cents=cents_of(order.limit_price),
            reduce_only=order.reduce_only,
            post_only=order.post_only,
            owner=OWN,
            duplicates=self.manner.duplicates,
            post_only_cancels=self.manner.post_only_cancels,
        )
        made = letter.answer.order
        if made is None or not made.live:
            return
        if would_take:
            book.cancel(made, "post-only would take")
        elif not again and self.dice.hits("filled-first"):
            book.fill(made, made.rest if self.dice.upto("filled-first", 1) else book.part(made.rest), made.cents, maker=True)

    async def cancel(self, symbol: str, client_id: str) -> None:
        dice, book = self.dice, self.venue.books[symbol]
        await self.boundary("before a cancel is signed")
        self.gate.check(None)
        if barred := self.barred():
            raise NotSent(barred)
        self.evidence.note(f"cancel {client_id}")
        lost = dice.hits("cancel-lost")
        if not lost:
            delay_ms = dice.upto("cancel-late", 60_000) if dice.hits("cancel-late") else 10
            self.venue.arrive(self.venue.now_ms + delay_ms, lambda: self.cancel_arrived(book, client_id))
        await self.travel()
        _ = self.now_ms
        await self.boundary("a cancel was answered")
        if lost and dice.upto("cancel-lost", 1):
            raise Unknown("timeout")

    def cancel_arrived(self, book: Book, client_id: str) -> None:
        for order in book.by_client.get(client_id, []):
            if order.live and self.dice.hits("fill-on-cancel"):
                whole = self.dice.upto("fill-on-cancel", 1) == 1
                book.fill(order, order.rest if whole else book.part(order.rest), order.cents, maker=True)
            book.cancel(order, "cancelled by its owner")

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        self.gate.check(None)
        if barred := self.barred():
            raise NotSent(barred)
        await self.travel()
        _ = self.now_ms
        self.evidence.note(f"leverage {symbol} {leverage}")
        self.venue.books[symbol].book(leverage=leverage)
        await self.boundary("the leverage was set")


def with_price(quote: Quote, field: str, value: Decimal) -> Quote:
    match field:
        case "mark":
            return replace(quote, mark=value)
        case "index":
            return replace(quote, index=value)
        case "bid":
            return replace(quote, bid=value)
    return replace(quote, ask=value)
