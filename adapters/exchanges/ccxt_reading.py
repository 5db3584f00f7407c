"""What does one look at a venue show?"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeVar

from adapters.ccxt_client import Failed
from adapters.exchanges.ccxt_line import Line, Round
from adapters.exchanges.ccxt_listings import Listings
from adapters.exchanges.ccxt_translate import Listed, Malformed
from adapters.exchanges.histories import MOST_PAGES, History, Settled, in_order, paged
from adapters.exchanges.outcomes import says
from adapters.exchanges.venues.sheet import ByOrder, Page
from bot.core.model import Ask, Depth, Fill, FundingPayment, Margin, Order, Position, Quote, View
from bot.ports import PortError

T = TypeVar("T")
PARTS: Final = ("quote", "depth", "position", "margin", "open_orders", "found", "fills", "funding")  # of a View, as errors name them
MOST_SKEW_MS: Final = 500  # between this machine's clock and the venue's
CLOCK_EVERY_MS: Final = 2_000  # how often the loop compares them
REMEMBERED: Final = 20_000  # ids of this process: far more than the orders it may place in the longest look-up a venue allows


class Ids:
    """Which of the venue's order ids is which of ours? Of what was seen lately. Some venues count the orders of each contract anew."""

    def __init__(self) -> None:
        self.venue: dict[str, str] = {}  # own id → the venue's
        self.own: dict[tuple[str, str], str] = {}  # contract and the venue's id → own; "" for an order that is not ours

    def note(self, order: Order) -> None:
        self.own[order.symbol, order.venue_id] = order.client_id
        if order.client_id:
            self.venue[order.client_id] = order.venue_id
        while len(self.own) > REMEMBERED:
            del self.own[next(iter(self.own))]
        while len(self.venue) > REMEMBERED:
            del self.venue[next(iter(self.venue))]


class Reading:
    """Rounds of reads, each as concurrent as the venue allows."""

    def __init__(self, line: Line, listings: Listings) -> None:
        self.line: Final = line
        self.ids: Final = Ids()
        self._listings = listings
        self._clock_problem = ""
        self._compared_mono_ms: int | None = None
        self._fills_of: dict[str, History[Fill]] = {}  # by contract
        self._payments_of: dict[str, History[FundingPayment]] = {}
        self._settled: dict[str, Settled] = {}

    async def look(self, asks: Sequence[Ask]) -> tuple[View, ...]:
        self._listings.follow()
        round_ = Round(self.line)
        try:
            reading = asyncio.gather(*(self._view(ask, round_) for ask in asks))
            views, _ = await asyncio.gather(reading, self._compare_clocks(round_))
        finally:
            round_.end()
        return tuple(self._if_priced(view) for view in views)

    def _if_priced(self, view: View) -> View:
        """Without a price nothing new is risked."""
        problems = (self._clock_problem, self._listings.unlisted.get(view.instrument.symbol, ""))
        errors = tuple(problem for problem in problems if problem)
        return replace(view, quote=None, errors=(*view.errors, *errors)) if errors else view

    async def _compare_clocks(self, round_: Round) -> None:
        """A price is only as good as its date: while the clocks disagree there is none, so that nothing new is risked.

        Half the round trip is the most that an honest clock can seem to be off.
        """
        if self._compared_mono_ms is not None and self.line.clock.mono_ms() - self._compared_mono_ms < CLOCK_EVERY_MS:
            return
        try:
            (body,) = await round_.ask(self.line.venue.time)
            theirs = self.line.venue.read_time(body)
        except (PortError, Malformed):
            return  # what was found last time still stands
        ours, self._compared_mono_ms = self.line.clock.now_ms(), self.line.clock.mono_ms()
        early, late = round_.began_ms - MOST_SKEW_MS, ours + MOST_SKEW_MS
        self._clock_problem = ""
        if not early <= theirs <= late:
            way, venue = "behind" if theirs > late else "ahead of", self.line.venue.title
            self._clock_problem = (
                f"clock: this machine's is more than {MOST_SKEW_MS} ms {way} {venue}'s, so no price can be dated: set it by NTP"
            )

    async def _view(self, ask: Ask, round_: Round) -> View:
        listed = self._listings.known[ask.symbol]
        errors: list[str] = []
        (quote, depth), (position, margin), (open_orders, found), (fills, funding) = await asyncio.gather(
            asyncio.gather(
                self._part("quote", errors, self._quote(listed, round_)),
                self._part("depth", errors, self._depth(listed, ask.levels, round_)),
            ),
            asyncio.gather(
                self._part("position", errors, self._position(listed, round_)),
                self._part("margin", errors, self._margin(listed, round_)),
            ),
            asyncio.gather(
                self._part("open_orders", errors, self._open_orders(listed, round_)),
                self._part("found", errors, self._found(listed, ask.client_ids)),
            ),
            asyncio.gather(
                self._part("fills", errors, self._fills(listed, ask.fills_since_ms, round_)),
                self._part("funding", errors, self._funding(listed, ask.funding_since_ms, round_)),
            ),
        )
        return View(listed.instrument, quote, position, margin, open_orders, found, fills, funding, in_one(errors), depth)

    async def _part(self, name: str, errors: list[str], reading: Awaitable[T]) -> T | None:
        try:
            return await reading
        except Exception as error:  # whatever it was: this part is unknown, the rest is not
            errors.append(f"{name}: {self.line.explained(error)}")
            return None

    async def _quote(self, listed: Listed, round_: Round) -> Quote:
        try:
            return self.line.venue.read_quote(listed, await round_.ask(*self.line.venue.quote(listed)), round_.began_ms)
        except (Failed, Malformed) as error:
            answered = isinstance(error, Malformed) or error.status is not None
            if answered and listed.instrument.symbol not in self._listings.unlisted:
                self._listings.read_soon()  # it may have taken the contract away
            raise

    async def _depth(self, listed: Listed, levels: int, round_: Round) -> Depth | None:
        venue = self.line.venue
        if not levels or venue.depth is None or venue.read_depth is None:
            return None
        (body,) = await round_.ask(venue.depth(listed, levels))
        return venue.read_depth(listed, body, levels, round_.began_ms)

    async def quotes(self, symbols: Sequence[str]) -> tuple[dict[str, Quote], dict[str, str]]:
        """Prices alone, which need no key: what could be read, and why the rest could not. Never raises."""
        round_ = Round(self.line)
        problems: dict[str, list[str]] = {symbol: [] for symbol in symbols}
        try:
            reads = [self._part("quote", problems[symbol], self._quote(self._listings.known[symbol], round_)) for symbol in symbols]
            read = dict(zip(symbols, await asyncio.gather(*reads), strict=True))
        finally:
            round_.end()
        return (
            {symbol: quote for symbol, quote in read.items() if quote is not None},
            {symbol: "; ".join(why) for symbol, why in problems.items() if why},
        )

    async def _position(self, listed: Listed, round_: Round) -> Position:
        return self.line.venue.read_position(listed, await round_.ask(*self.line.venue.position(listed)), round_.began_ms)

    async def _margin(self, listed: Listed, round_: Round) -> Margin:
        return self.line.venue.read_margin(listed, await round_.ask(*self.line.venue.margin(listed)), round_.began_ms)

    async def _open_orders(self, listed: Listed, round_: Round) -> tuple[Order, ...]:
        async def page(more: str | None) -> Page[Order]:
            (body,) = await round_.ask(self.line.venue.open_orders(listed, more))
            return self.line.venue.read_open_orders(listed, body)

        orders = await paged(page, 0)
        for order in orders:
            self.ids.note(order)
        return tuple(sorted({order.venue_id: order for order in orders}.values(), key=lambda order: (order.at_ms, order.venue_id)))

    async def _found(self, listed: Listed, client_ids: Sequence[str]) -> tuple[Order, ...]:
        found = await asyncio.gather(*(self.find(listed, own) for own in client_ids))
        return tuple(order for order in found if order is not None)

    async def find(self, listed: Listed, client_id: str) -> Order | None:
        """The order of this id in any status; None where every look-up of the venue answers that it has none. Raise PortError."""
        for first in self.line.venue.find(listed, client_id):
            asked = first
            for _ in range(MOST_PAGES):
                try:
                    body = await self.line.ask(asked)
                    order = self.line.venue.read_found(listed, client_id, body)
                except Failed as error:
                    if not says(error, self.line.venue.codes, self.line.venue.codes.absent):
                        raise
                    break
                if order is not None:
                    self.ids.note(order)
                    return order
                more = self.line.venue.find_more(asked, body)
                if more is None:
                    break
                asked = more
            else:
                raise Malformed(f"more than {MOST_PAGES} pages of ended orders, and {client_id} is on none of them")
        return None

    async def _fills(self, listed: Listed, since_ms: int, round_: Round) -> tuple[Fill, ...]:
        by_order = self.line.venue.fills_by_order(listed) if self.line.venue.fills_by_order is not None else None
        if by_order is not None:
            return await self._fills_of_orders(listed, by_order, since_ms, round_)

        async def stretch(from_ms: int) -> list[Fill]:
            async def page(more: str | None) -> Page[Fill]:
                (body,) = await round_.ask(self.line.venue.fills(listed, from_ms, round_.began_ms, more))
                return self.line.venue.read_fills(listed, body)

            return await paged(page, from_ms)

        made = History(trade_id, self.line.venue.span_ms, self.line.venue.reach_ms)
        history = self._fills_of.setdefault(listed.instrument.symbol, made)
        fills = await history.read(since_ms, round_.began_ms, stretch)
        return fills if self.line.venue.fills_name_orders else await self._with_own_ids(listed, fills)

    async def _fills_of_orders(self, listed: Listed, by_order: ByOrder, since_ms: int, round_: Round) -> tuple[Fill, ...]:
        """The venue tells the fills of one order at a time: ask for those of every order that traded."""
        bodies = await round_.ask(*by_order.orders(listed, since_ms, round_.began_ms))
        traded = {order.venue_id: order for body in bodies for order in by_order.read_orders(listed, body) if order.filled}
        answers = await round_.ask(*(by_order.fills(listed, venue_id) for venue_id in traded))
        found = [
            replace(fill, client_id=order.client_id)
            for order, body in zip(traded.values(), answers, strict=True)
            for fill in self.line.venue.read_fills(listed, body).items
        ]
        return in_order(found, since_ms, trade_id)

    async def _with_own_ids(self, listed: Listed, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
        """The venue's fills carry its own order id only, here in `client_id`: put ours in its place."""
        symbol = listed.instrument.symbol
        unknown = [name for name in dict.fromkeys(fill.client_id for fill in fills) if (symbol, name) not in self.ids.own]
        asked = self.line.venue.order_of_fill
        if unknown and asked is not None:
            for venue_id, body in zip(
                unknown, await asyncio.gather(*(self.line.ask(asked(listed, name)) for name in unknown)), strict=True
            ):
                order = self.line.venue.read_found(listed, "", body)
                if order is None:
                    raise Malformed(f"the order {venue_id} of a fill is not shown")
                self.ids.note(order)
                self.ids.own.setdefault((symbol, venue_id), order.client_id)
        named = ((fill, self.ids.own[symbol, fill.client_id]) for fill in fills)
        return tuple(
            replace(fill, client_id="", liquidation=True) if self.line.venue.forced(own) else replace(fill, client_id=own)
            for fill, own in named
        )

    async def _funding(self, listed: Listed, since_ms: int, round_: Round) -> tuple[FundingPayment, ...]:
        async def stretch(from_ms: int) -> list[FundingPayment]:
            async def page(more: str | None) -> Page[FundingPayment]:
                asked = self.line.venue.payments(listed, from_ms, round_.began_ms, more)
                return self.line.venue.read_payments(listed, await round_.ask(*asked)) if asked else Page(())

            return await paged(page, from_ms)

        symbol = listed.instrument.symbol
        history = self._payments_of.setdefault(symbol, History(payment_id, self.line.venue.span_ms, self.line.venue.reach_ms))
        wallet = await self._wallet(listed, round_) if self.line.venue.payments_are_dear else None
        before = self._settled.get(symbol)
        if wallet is not None and before is not None and before.holds(wallet, since_ms, round_.began_ms):
            return in_order(before.payments, since_ms, payment_id)
        payments = await history.read(since_ms, round_.began_ms, stretch)
        if wallet is not None:
            self._settled[symbol] = Settled(wallet, since_ms, round_.began_ms, payments)
        return payments

    async def _wallet(self, listed: Listed, round_: Round) -> Decimal | None:
        try:
            return (await self._margin(listed, round_)).wallet
        except (PortError, Malformed):
            return None  # the margin itself says why


def trade_id(fill: Fill) -> str:
    return fill.trade_id


def payment_id(payment: FundingPayment) -> str:
    return payment.payment_id


def in_one(errors: Sequence[str]) -> tuple[str, ...]:
    """What befell several parts for one reason is said once, and in the same words each time: `position, margin: …`."""
    parts: dict[str, list[str]] = {}
    for error in sorted(errors, key=lambda error: PARTS.index(error.partition(": ")[0])):
        name, _, why = error.partition(": ")
        parts.setdefault(why, []).append(name)
    return tuple(f"{', '.join(names)}: {why}" for why, names in parts.items())
