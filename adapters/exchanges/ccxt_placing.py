"""How is an order sent once, whatever the answer?"""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Final

from adapters.exchanges.ccxt_line import Line
from adapters.exchanges.ccxt_listings import Listings
from adapters.exchanges.ccxt_reading import REMEMBERED, Reading
from adapters.exchanges.ccxt_translate import Listed, Malformed
from adapters.exchanges.outcomes import WORDS, Outcome, Verdict, classify
from adapters.request_budget import Errand
from bot.core.decision import Approved
from bot.core.model import Order, OrderStatus
from bot.ports import NotSent, PortError, Refused, Unknown

ANOTHER_CONTRACT: Final = frozenset({"precision", "contracts"})  # refusals that a changed contract would explain
CODE_OF: Final = {text: word for word, text in WORDS.items()}


class Placing:
    """Every id that was signed is remembered, and none is signed twice."""

    def __init__(self, line: Line, listings: Listings, reading: Reading) -> None:
        self.line: Final = line
        self._listings = listings
        self._reading = reading
        self._signed: dict[str, Outcome | None] = {}  # own ids whose signature was made; and the refusal, if they ended in one

    async def place(self, order: Approved) -> Order:
        listed = self._checked(order)
        if order.client_id in self._signed:
            return await self._placed_before(listed, order.client_id)
        try:
            asked = self.line.venue.place(listed, order)
        except Malformed as error:
            raise Refused(f"{order.client_id} cannot be spelled for {self.line.venue.title}: {error}", code="precision") from error
        try:
            body = await self.line.client.call(asked.method, asked.as_dict, Errand.PLACE, order, order.deadline_mono_ms, asked.weight)
        except asyncio.CancelledError:
            self._remember(order.client_id, None)  # the record says INTENT: it is looked for, never sent again
            raise
        except Exception as error:
            return await self._after(listed, order, classify(self.line.venue.codes, error))
        self._remember(order.client_id, None)
        try:
            placed = self.line.venue.read_placed(listed, order, body)
        except (Malformed, ValueError) as error:
            raise Unknown(f"{self.line.venue.title} answered {order.client_id} with something that is no answer ({error})") from error
        if placed.code:
            return await self._after(listed, order, self._judged(placed.code))
        shown = placed.shown or await self._shown(listed, order, placed.venue_id)
        self._reading.ids.note(shown)
        if shown.status is OrderStatus.REJECTED and shown.filled:  # then it was taken, and the rest has ended (I3)
            return replace(shown, status=OrderStatus.CANCELLED)
        if shown.status is OrderStatus.REJECTED:
            self._refuse(order.client_id, Outcome(Verdict.REFUSED, CODE_OF.get(shown.why, ""), shown.why))
        return shown

    def _checked(self, order: Approved) -> Listed:
        """Raise Refused for what may not be signed: the venue would read it otherwise than we mean it."""
        listed = self._listings.known.get(order.symbol)
        if listed is None:
            raise Refused(f"{order.symbol} is not connected", code="symbol")
        instrument, limit = listed.instrument, order.limit_price
        try:
            self.line.venue.client_id(order.client_id)
        except ValueError as error:
            raise Refused(f"{order.client_id!r} is no client id for {self.line.venue.title}: {error}", code="client-id") from error
        if order.contracts < instrument.min_contracts:
            raise Refused(f"{order.contracts} contracts of {order.symbol}: at least {instrument.min_contracts}", code="contracts")
        if not limit.is_finite() or limit <= 0 or limit % instrument.tick:
            raise Refused(f"the limit {limit} is no multiple of the tick {instrument.tick}", code="tick")
        amount = listed.amount(order.contracts)
        if self.line.client.sent_as(order.symbol, amount, format(limit, "f")) != (Decimal(amount), limit):
            self._listings.read_soon()
            raise Refused(f"{amount} at {limit} would reach {self.line.venue.title} as another order; it was not signed", code="precision")
        return listed

    async def _after(self, listed: Listed, order: Approved, outcome: Outcome) -> Order:
        own = order.client_id
        match outcome.verdict:
            case Verdict.NOT_SENT:
                raise NotSent(outcome.why)
            case Verdict.REFUSED:
                self._refuse(own, outcome)
            case Verdict.EXISTS:
                self._remember(own, None)
                return await self._placed_before(listed, own)
        self._remember(own, None)
        raise Unknown(f"{self.line.venue.title} gave no clear answer to {own}: {outcome.why}")

    def _judged(self, code: str) -> Outcome:
        """A venue's code that came inside of a success."""
        codes = self.line.venue.codes
        if code in codes.exists:
            return Outcome(Verdict.EXISTS, why=code)
        word = codes.refused.get(code)
        return Outcome(Verdict.REFUSED, word, f"{WORDS[word]}: {code}") if word else Outcome(Verdict.UNKNOWN, why=code)

    def _refuse(self, own: str, outcome: Outcome) -> None:
        self._remember(own, outcome)
        if outcome.code in ANOTHER_CONTRACT:
            self._listings.read_soon()
        raise Refused(f"{self.line.venue.title} refused {own}: {outcome.why}", code=outcome.code)

    def _remember(self, own: str, ended: Outcome | None) -> None:
        self._signed[own] = ended
        while len(self._signed) > REMEMBERED:
            del self._signed[next(iter(self._signed))]

    async def _placed_before(self, listed: Listed, own: str) -> Order:
        """Not every venue keeps client ids unique: an id that was signed is never signed again."""
        ended = self._signed.get(own)
        if ended is not None:
            raise Refused(f"{self.line.venue.title} refused {own} before: {ended.why}", code=ended.code)
        try:
            found = await self._reading.find(listed, own)
        except (PortError, Malformed) as error:
            raise Unknown(f"{own} was signed before and cannot be looked up now: {error}") from error
        if found is None:
            raise Unknown(f"{own} was signed before and {self.line.venue.title} does not show it (yet)")
        return found

    async def _shown(self, listed: Listed, order: Approved, venue_id: str) -> Order:
        """The venue told only that it took the order: ask once what became of it; if that fails, it is acknowledged, no more."""
        try:
            found = await self._reading.find(listed, order.client_id)
        except (PortError, Malformed):
            found = None
        if found is not None:
            return found
        return Order(
            client_id=order.client_id,
            venue_id=venue_id,
            symbol=order.symbol,
            side=order.side,
            contracts=order.contracts,
            filled=0,
            limit_price=order.limit_price,
            status=OrderStatus.ACKED,
            reduce_only=order.reduce_only,
            post_only=order.post_only,
            at_ms=self.line.clock.now_ms(),
        )
