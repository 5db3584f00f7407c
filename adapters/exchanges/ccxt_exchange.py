"""How does a real venue fill the Exchange port? One engine for all of them: the quirk sheet says what to ask and how to read it.

ccxt_exchange.py    this: rounds of reads, placing once, cancelling, outcomes
venues/             one quirk sheet per venue: what to ask, how to read it, what its codes prove
ccxt_translate.py   numbers and shapes of answers
outcomes.py         what became of an order
preflight.py        is the account fit for a hedge?
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from adapters.ccxt_client import CcxtClient, Failed
from adapters.exchanges.ccxt_translate import Listed, Malformed, Misfit, fit
from adapters.exchanges.histories import MOST_PAGES, History, Settled, in_order, paged
from adapters.exchanges.outcomes import WORDS, Outcome, Verdict, classify, says
from adapters.exchanges.relisting import Markets, Relisting
from adapters.exchanges.troubles import Trouble, trouble, words
from adapters.exchanges.venues.sheet import ByOrder, Call, Page, Venue
from adapters.request_budget import Errand, Silenced
from bot.core.decision import Approved
from bot.core.model import Ask, Fill, FundingPayment, Instrument, Kind, Margin, Order, OrderStatus, Position, Quote, View
from bot.ports import Clock, Misconfigured, NotReady, NotSent, PortError, Refused, Unknown

T = TypeVar("T")
MOST_SKEW_MS: Final = 500  # between this machine's clock and the venue's
CLOCK_EVERY_MS: Final = 2_000  # how often the loop compares them
REMEMBERED: Final = 20_000  # ids of this process: far more than the orders it may place in the longest look-up a venue allows
LISTED_IN_ERRORS: Final = 30
ANOTHER_CONTRACT: Final = frozenset({"precision", "contracts"})  # refusals that a changed contract would explain
CODE_OF: Final = {text: word for word, text in WORDS.items()}


class CcxtExchange:
    """One account at one venue."""

    def __init__(
        self,
        venue: Venue,
        client: CcxtClient,
        clock: Clock,
        *,
        environment: str,
        absence: tuple[int, int] | None = None,
        has_key: bool = True,
    ) -> None:
        """`absence`: milliseconds and polls that prove an order absent, for a test server whose reads cannot lag."""
        self.name: str = venue.name
        self.environment: str | None = environment
        self.absence_ms, self.absence_polls = absence or (venue.absence_ms, venue.absence_polls)
        self.venue: Final = venue
        self.client: Final = client
        self._clock = clock
        self._has_key = has_key
        self._clock_problem = ""
        self._compared_mono_ms: int | None = None
        self._markets: dict[str, dict[str, Any]] = {}  # as they were read to choose a contract, until it is connected
        self._listed: dict[str, Listed] = {}
        self._unlisted: dict[str, str] = {}  # contracts that are not traded any more, and why
        self._relisting = Relisting(clock, client.markets)
        self._signed: dict[str, Outcome | None] = {}  # own ids whose signature was made; and the refusal, if they ended in one
        self._venue_ids: dict[str, str] = {}  # own id → the venue's
        self._own_ids: dict[str, str] = {}  # and back
        self._fills_of: dict[str, History[Fill]] = {}  # by contract
        self._payments_of: dict[str, History[FundingPayment]] = {}
        self._settled: dict[str, Settled] = {}

    # ------------------------------------------------------------------------------------------------------------------ connecting

    async def choose(self, asset: str) -> str:
        """The contract to hedge `asset` with: the inverse perpetual, else the linear one. Raise Misconfigured where none is listed."""
        self._markets = self._markets or await self.patiently(self.client.markets)
        for symbol in (f"{asset}/USD:{asset}", f"{asset}/USDT:USDT"):
            with suppress(Misfit, Malformed):
                if symbol in self._markets:
                    return self.venue.contract(self._markets[symbol]).instrument.symbol
        raise Misconfigured(f"{self.venue.title} lists neither {asset}/USD:{asset} nor {asset}/USDT:USDT: {asset} cannot be hedged there")

    async def connect(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        markets = self._markets or await self.patiently(self.client.markets)
        self._markets = {}
        found: dict[str, Instrument] = {}
        for symbol in symbols:
            try:
                market = markets.get(symbol)
                if market is None:
                    raise Misfit(f"{symbol} is not listed")
                listed = self.venue.contract(market)
            except (Misfit, Malformed) as error:
                there = ", ".join(hedgeable(markets)) or "none"
                text = f"{self.venue.title}: {error}. Inverse perpetuals there: {there}{self._or_linear(symbol)}"
                raise Misconfigured(text) from error
            self._listed[symbol] = await self._with_fees(listed)
            found[symbol] = self._listed[symbol].instrument
        return found

    def _or_linear(self, symbol: str) -> str:
        """What to write for an asset without an inverse contract, where the venue has linear ones."""
        asset, _, settled = symbol.partition("/USD:")
        if settled != asset or self.venue.options(True) == self.venue.options(False):
            return ""
        return f". For its linear one write `hedges.{asset}.instrument: {asset}/USDT:USDT`, or `hedges.{asset}.allow_linear: true`"

    async def _with_fees(self, listed: Listed) -> Listed:
        """The account's own rates where the venue tells them, else those of its lowest tier."""
        asked = self.venue.fees(listed) if self._has_key else ()
        if not asked:
            return listed
        try:
            maker, taker = self.venue.read_fees(listed, [await self._ask(each) for each in asked])
        except (PortError, Malformed):
            return listed
        return replace(listed, instrument=replace(listed.instrument, maker_fee_rate=maker, taker_fee_rate=taker))

    async def server_time_ms(self) -> int:
        try:
            return self.venue.read_time(await self._ask(self.venue.time))
        except (Failed, Malformed) as error:
            raise NotSent(f"{self.venue.title} did not tell the time: {error}") from error

    async def patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """A read at start, tried three times. In the loop the next turn is the second try. Raise NotSent."""

        async def wait(seconds: float) -> None:
            await self._clock.sleep_ms(int(seconds * 1000))

        again = AsyncRetrying(
            stop=stop_after_attempt(3), wait=wait_random_exponential(0.2, 2), retry=retry_if_exception(passing), sleep=wait, reraise=True
        )
        try:
            return await again(ask)
        except (Failed, NotSent) as error:
            raise (NotReady if self.passes(error) else NotSent)(f"{self.explained(error)}; nothing was sent") from error

    def _relist(self, markets: Markets) -> None:
        """Every contract as it is listed now; the account's fees stay."""
        self._unlisted = {}
        for symbol, known in self._listed.items():
            try:
                if symbol not in markets:
                    raise Misfit(f"{symbol} is not listed any more")
                listed = self.venue.contract(markets[symbol])
            except (Misfit, Malformed) as error:
                self._unlisted[symbol] = f"contract: {self.venue.title}: {error}"
                continue
            fees = known.instrument.maker_fee_rate, known.instrument.taker_fee_rate
            self._listed[symbol] = replace(listed, instrument=replace(listed.instrument, maker_fee_rate=fees[0], taker_fee_rate=fees[1]))

    def listed(self, symbol: str) -> Listed:
        return self._listed[symbol]

    def trouble(self, error: BaseException) -> Trouble | None:
        found = trouble(self.venue.codes, error, has_key=self._has_key)
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

    # ------------------------------------------------------------------------------------------------------------------ looking

    async def look(self, asks: Sequence[Ask]) -> tuple[View, ...]:
        if (markets := self._relisting.arrived()) is not None:
            self._relist(markets)
        round_ = Round(self)
        try:
            reading = asyncio.gather(*(self._view(ask, round_) for ask in asks))
            views, _ = await asyncio.gather(reading, self._compare_clocks(round_))
        finally:
            round_.end()
        return tuple(self._if_priced(view) for view in views)

    def _if_priced(self, view: View) -> View:
        """Without a price nothing new is risked."""
        problems = (self._clock_problem, self._unlisted.get(view.instrument.symbol, ""))
        errors = tuple(problem for problem in problems if problem)
        return replace(view, quote=None, errors=(*view.errors, *errors)) if errors else view

    async def _compare_clocks(self, round_: "Round") -> None:
        """A price is only as good as its date: while the clocks disagree there is none, so that nothing new is risked.

        Half the round trip is the most that an honest clock can seem to be off.
        """
        if self._compared_mono_ms is not None and self._clock.mono_ms() - self._compared_mono_ms < CLOCK_EVERY_MS:
            return
        try:
            (body,) = await round_.ask(self.venue.time)
            theirs = self.venue.read_time(body)
        except (PortError, Malformed):
            return  # what was found last time still stands
        ours, self._compared_mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        early, late = round_.began_ms - MOST_SKEW_MS, ours + MOST_SKEW_MS
        self._clock_problem = ""
        if not early <= theirs <= late:
            way = "behind" if theirs > late else "ahead of"
            self._clock_problem = (
                f"clock: this machine's is more than {MOST_SKEW_MS} ms {way} {self.venue.title}'s, so no price can be dated: set it by NTP"
            )

    async def _view(self, ask: Ask, round_: "Round") -> View:
        listed = self._listed[ask.symbol]
        errors: list[str] = []
        (quote, position, margin), (open_orders, found), (fills, funding) = await asyncio.gather(
            asyncio.gather(
                self._part("quote", errors, self._quote(listed, round_)),
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
        return View(listed.instrument, quote, position, margin, open_orders, found, fills, funding, in_one(errors))

    async def _part(self, name: str, errors: list[str], reading: Awaitable[T]) -> T | None:
        try:
            return await reading
        except Exception as error:  # whatever it was: this part is unknown, the rest is not
            errors.append(f"{name}: {self.explained(error)}")
            return None

    async def _quote(self, listed: Listed, round_: "Round") -> Quote:
        return self.venue.read_quote(listed, await round_.ask(*self.venue.quote(listed)), round_.began_ms)

    async def quotes(self, symbols: Sequence[str]) -> tuple[dict[str, Quote], dict[str, str]]:
        """Prices alone, which need no key: what could be read, and why the rest could not. Never raises."""
        round_ = Round(self)
        problems: dict[str, list[str]] = {symbol: [] for symbol in symbols}
        try:
            reads = [self._part("quote", problems[symbol], self._quote(self._listed[symbol], round_)) for symbol in symbols]
            read = dict(zip(symbols, await asyncio.gather(*reads), strict=True))
        finally:
            round_.end()
        return (
            {symbol: quote for symbol, quote in read.items() if quote is not None},
            {symbol: "; ".join(why) for symbol, why in problems.items() if why},
        )

    async def _position(self, listed: Listed, round_: "Round") -> Position:
        return self.venue.read_position(listed, await round_.ask(*self.venue.position(listed)), round_.began_ms)

    async def _margin(self, listed: Listed, round_: "Round") -> Margin:
        return self.venue.read_margin(listed, await round_.ask(*self.venue.margin(listed)), round_.began_ms)

    async def _open_orders(self, listed: Listed, round_: "Round") -> tuple[Order, ...]:
        async def page(more: str | None) -> Page[Order]:
            (body,) = await round_.ask(self.venue.open_orders(listed, more))
            return self.venue.read_open_orders(listed, body)

        orders = await paged(page, 0)
        for order in orders:
            self._note(order)
        return tuple(sorted({order.venue_id: order for order in orders}.values(), key=lambda order: (order.at_ms, order.venue_id)))

    async def _found(self, listed: Listed, client_ids: Sequence[str]) -> tuple[Order, ...]:
        found = await asyncio.gather(*(self.find(listed, own) for own in client_ids))
        return tuple(order for order in found if order is not None)

    async def find(self, listed: Listed, client_id: str) -> Order | None:
        """The order of this id in any status; None where every look-up of the venue answers that it has none. Raise PortError."""
        for first in self.venue.find(listed, client_id):
            asked = first
            for _ in range(MOST_PAGES):
                try:
                    body = await self._ask(asked)
                    order = self.venue.read_found(listed, client_id, body)
                except Failed as error:
                    if not says(error, self.venue.codes, self.venue.codes.absent):
                        raise
                    break
                if order is not None:
                    self._note(order)
                    return order
                more = self.venue.find_more(asked, body)
                if more is None:
                    break
                asked = more
            else:
                raise Malformed(f"more than {MOST_PAGES} pages of ended orders, and {client_id} is on none of them")
        return None

    async def _fills(self, listed: Listed, since_ms: int, round_: "Round") -> tuple[Fill, ...]:
        by_order = self.venue.fills_by_order(listed) if self.venue.fills_by_order is not None else None
        if by_order is not None:
            return await self._fills_of_orders(listed, by_order, since_ms, round_)

        async def stretch(from_ms: int) -> list[Fill]:
            async def page(more: str | None) -> Page[Fill]:
                (body,) = await round_.ask(self.venue.fills(listed, from_ms, round_.began_ms, more))
                return self.venue.read_fills(listed, body)

            return await paged(page, from_ms)

        made = History(trade_id, self.venue.span_ms, self.venue.reach_ms)
        history = self._fills_of.setdefault(listed.instrument.symbol, made)
        fills = await history.read(since_ms, round_.began_ms, stretch)
        return fills if self.venue.fills_name_orders else await self._with_own_ids(listed, fills)

    async def _fills_of_orders(self, listed: Listed, by_order: ByOrder, since_ms: int, round_: "Round") -> tuple[Fill, ...]:
        """The venue tells the fills of one order at a time: ask for those of every order that traded."""
        bodies = await round_.ask(*by_order.orders(listed, since_ms, round_.began_ms))
        traded = {order.venue_id: order for body in bodies for order in by_order.read_orders(listed, body) if order.filled}
        answers = await round_.ask(*(by_order.fills(listed, venue_id) for venue_id in traded))
        found = [
            replace(fill, client_id=order.client_id)
            for order, body in zip(traded.values(), answers, strict=True)
            for fill in self.venue.read_fills(listed, body).items
        ]
        return in_order(found, since_ms, trade_id)

    async def _with_own_ids(self, listed: Listed, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
        """The venue's fills carry its own order id only, here in `client_id`: put ours in its place."""
        unknown = [venue_id for venue_id in dict.fromkeys(fill.client_id for fill in fills) if venue_id not in self._own_ids]
        asked = self.venue.order_of_fill
        if unknown and asked is not None:
            for venue_id, body in zip(unknown, await asyncio.gather(*(self._ask(asked(listed, name)) for name in unknown)), strict=True):
                order = self.venue.read_found(listed, "", body)
                if order is None:
                    raise Malformed(f"the order {venue_id} of a fill is not shown")
                self._note(order)
                self._own_ids.setdefault(venue_id, order.client_id)
        named = ((fill, self._own_ids[fill.client_id]) for fill in fills)
        return tuple(
            replace(fill, client_id="", liquidation=True) if self.venue.forced(own) else replace(fill, client_id=own) for fill, own in named
        )

    async def _funding(self, listed: Listed, since_ms: int, round_: "Round") -> tuple[FundingPayment, ...]:
        async def stretch(from_ms: int) -> list[FundingPayment]:
            async def page(more: str | None) -> Page[FundingPayment]:
                asked = self.venue.payments(listed, from_ms, round_.began_ms, more)
                return self.venue.read_payments(listed, await round_.ask(*asked)) if asked else Page(())

            return await paged(page, from_ms)

        symbol = listed.instrument.symbol
        history = self._payments_of.setdefault(symbol, History(payment_id, self.venue.span_ms, self.venue.reach_ms))
        wallet = await self._wallet(listed, round_) if self.venue.payments_are_dear else None
        before = self._settled.get(symbol)
        if wallet is not None and before is not None and before.holds(wallet, since_ms, round_.began_ms):
            return in_order(before.payments, since_ms, payment_id)
        payments = await history.read(since_ms, round_.began_ms, stretch)
        if wallet is not None:
            self._settled[symbol] = Settled(wallet, since_ms, round_.began_ms, payments)
        return payments

    async def _wallet(self, listed: Listed, round_: "Round") -> Decimal | None:
        try:
            return (await self._margin(listed, round_)).wallet
        except (PortError, Malformed):
            return None  # the margin itself says why

    async def _ask(self, asked: Call) -> object:
        return await self.client.call(asked.method, asked.as_dict, weight=asked.weight)

    def _note(self, order: Order) -> None:
        self._own_ids[order.venue_id] = order.client_id
        if order.client_id:
            self._venue_ids[order.client_id] = order.venue_id
        for ids in (self._own_ids, self._venue_ids):
            while len(ids) > REMEMBERED:
                del ids[next(iter(ids))]

    # ------------------------------------------------------------------------------------------------------------------ placing

    async def place(self, order: Approved) -> Order:
        listed = self._checked(order)
        if order.client_id in self._signed:
            return await self._placed_before(listed, order.client_id)
        try:
            asked = self.venue.place(listed, order)
        except Malformed as error:
            raise Refused(f"{order.client_id} cannot be spelled for {self.venue.title}: {error}", code="precision") from error
        try:
            body = await self.client.call(asked.method, asked.as_dict, Errand.PLACE, order, order.deadline_mono_ms, asked.weight)
        except asyncio.CancelledError:
            self._remember(order.client_id, None)  # the record says INTENT: it is looked for, never sent again
            raise
        except Exception as error:
            return await self._after(listed, order, classify(self.venue.codes, error))
        self._remember(order.client_id, None)
        try:
            placed = self.venue.read_placed(listed, order, body)
        except (Malformed, ValueError) as error:
            raise Unknown(f"{self.venue.title} answered {order.client_id} with something that is no answer ({error})") from error
        if placed.code:
            return await self._after(listed, order, self._judged(placed.code))
        shown = placed.shown or await self._shown(listed, order, placed.venue_id)
        self._note(shown)
        if shown.status is OrderStatus.REJECTED:
            self._refuse(order.client_id, Outcome(Verdict.REFUSED, CODE_OF.get(shown.why, ""), shown.why))
        return shown

    def _checked(self, order: Approved) -> Listed:
        """Raise Refused for what may not be signed: the venue would read it otherwise than we mean it."""
        listed = self._listed.get(order.symbol)
        if listed is None:
            raise Refused(f"{order.symbol} is not connected", code="symbol")
        instrument, limit = listed.instrument, order.limit_price
        try:
            self.venue.client_id(order.client_id)
        except ValueError as error:
            raise Refused(f"{order.client_id!r} is no client id for {self.venue.title}: {error}", code="client-id") from error
        if order.contracts < instrument.min_contracts:
            raise Refused(f"{order.contracts} contracts of {order.symbol}: at least {instrument.min_contracts}", code="contracts")
        if not limit.is_finite() or limit <= 0 or limit % instrument.tick:
            raise Refused(f"the limit {limit} is no multiple of the tick {instrument.tick}", code="tick")
        amount = listed.amount(order.contracts)
        if self.client.sent_as(order.symbol, amount, format(limit, "f")) != (Decimal(amount), limit):
            self._relisting.soon()
            raise Refused(f"{amount} at {limit} would reach {self.venue.title} as another order; it was not signed", code="precision")
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
        raise Unknown(f"{self.venue.title} gave no clear answer to {own}: {outcome.why}")

    def _judged(self, code: str) -> Outcome:
        """A venue's code that came inside of a success."""
        codes = self.venue.codes
        if code in codes.exists:
            return Outcome(Verdict.EXISTS, why=code)
        word = codes.refused.get(code)
        return Outcome(Verdict.REFUSED, word, f"{WORDS[word]}: {code}") if word else Outcome(Verdict.UNKNOWN, why=code)

    def _refuse(self, own: str, outcome: Outcome) -> None:
        self._remember(own, outcome)
        if outcome.code in ANOTHER_CONTRACT:
            self._relisting.soon()
        raise Refused(f"{self.venue.title} refused {own}: {outcome.why}", code=outcome.code)

    def _remember(self, own: str, ended: Outcome | None) -> None:
        self._signed[own] = ended
        while len(self._signed) > REMEMBERED:
            del self._signed[next(iter(self._signed))]

    async def _placed_before(self, listed: Listed, own: str) -> Order:
        """Not every venue keeps client ids unique: an id that was signed is never signed again."""
        ended = self._signed.get(own)
        if ended is not None:
            raise Refused(f"{self.venue.title} refused {own} before: {ended.why}", code=ended.code)
        try:
            found = await self.find(listed, own)
        except (PortError, Malformed) as error:
            raise Unknown(f"{own} was signed before and cannot be looked up now: {error}") from error
        if found is None:
            raise Unknown(f"{own} was signed before and {self.venue.title} does not show it (yet)")
        return found

    async def _shown(self, listed: Listed, order: Approved, venue_id: str) -> Order:
        """The venue told only that it took the order: ask once what became of it; if that fails, it is acknowledged, no more."""
        try:
            found = await self.find(listed, order.client_id)
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
            at_ms=self._clock.now_ms(),
        )

    # ------------------------------------------------------------------------------------------------------------------ the rest

    async def cancel(self, symbol: str, client_id: str) -> None:
        listed = self._listed[symbol]
        venue_id = self._venue_ids.get(client_id, "")
        if self.venue.cancels_by_venue_id and not venue_id:
            try:
                found = await self.find(listed, client_id)
            except (Failed, Malformed) as error:
                raise NotSent(f"the cancel of {client_id} was not sent: its order could not be looked up ({error})") from error
            if found is None or found.status.terminal:
                return
            venue_id = found.venue_id
        asked = self.venue.cancel(listed, client_id, venue_id)
        try:
            code = self.venue.read_cancelled(await self.client.call(asked.method, asked.as_dict, Errand.CANCEL, weight=asked.weight))
        except Failed as error:
            if says(error, self.venue.codes, self.venue.codes.gone):
                return
            outcome = classify(self.venue.codes, error)
            if outcome.verdict in {Verdict.REFUSED, Verdict.NOT_SENT}:
                raise NotSent(f"the cancel of {client_id} was not taken: {outcome.why}") from error
            raise Unknown(f"no clear answer to the cancel of {client_id}: {error}") from error
        except Malformed as error:
            raise Unknown(f"no clear answer to the cancel of {client_id}: {error}") from error
        if code and code not in self.venue.codes.gone:
            raise Unknown(f"{self.venue.title} answered {code} to the cancel of {client_id}")

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        listed = self._listed[symbol]
        if leverage < 1:
            raise Refused(f"a leverage of {leverage} makes no sense", code="leverage")
        asked = self.venue.leverage(listed, leverage)
        if asked is None:
            raise Refused(f"{self.venue.title}: {self.venue.leverage_note}", code="leverage")
        await self._set(asked, f"the leverage of {symbol}")

    async def count_down(self, timeout_ms: int, mine: Callable[[str], bool]) -> None:
        wind, reaches, read = self.venue.countdown, self.venue.countdown_reaches, self.venue.read_reached
        if wind is None:
            raise Refused(f"{self.venue.title}: {self.venue.dead_man}", code="dead-man")
        if timeout_ms and reaches is not None and read is not None:
            try:
                strangers = sum(not mine(client_id) for client_id in read(await self._ask(reaches)))
            except (Failed, Malformed) as error:
                raise NotSent(f"what the dead man's switch would reach could not be read: {error}") from error
            if strangers:
                raise Refused(f"{strangers} open orders of the account are not ours and would be cancelled too", code="foreign")
        calls = dict.fromkeys(wind(listed, timeout_ms) for listed in self._listed.values())
        for asked in calls:
            await self._set(asked, "the dead man's switch")

    async def _set(self, asked: Call, what: str) -> None:
        try:
            await self.client.call(asked.method, asked.as_dict, Errand.SETTING, weight=asked.weight)
        except Failed as error:
            if says(error, self.venue.codes, self.venue.codes.unchanged):
                return
            outcome = classify(self.venue.codes, error)
            if outcome.verdict is Verdict.REFUSED:
                raise Refused(outcome.why, code=outcome.code) from error
            if outcome.verdict is Verdict.NOT_SENT:
                raise NotSent(outcome.why) from error
            raise Unknown(f"no clear answer to {what}: {error}") from error

    async def close(self) -> None:
        await self._relisting.close()
        await self.client.close()


class Round:
    """One round of reads: what several parts need is asked once."""

    def __init__(self, exchange: CcxtExchange) -> None:
        self._exchange = exchange
        self._asked: dict[Call, asyncio.Future[object]] = {}
        self.began_ms: Final = exchange._clock.now_ms()

    async def ask(self, *calls: Call) -> tuple[object, ...]:
        for asked in calls:
            if asked not in self._asked:
                self._asked[asked] = asyncio.ensure_future(self._exchange._ask(asked))
        answers = await asyncio.gather(*(self._asked[asked] for asked in calls), return_exceptions=True)
        for asked, answer in zip(calls, answers, strict=True):
            if isinstance(answer, BaseException) and not (asked.optional and isinstance(answer, PortError)):
                raise answer
        return tuple(None if isinstance(answer, BaseException) else answer for answer in answers)

    def end(self) -> None:
        for task in self._asked.values():
            task.cancel()


def trade_id(fill: Fill) -> str:
    return fill.trade_id


def payment_id(payment: FundingPayment) -> str:
    return payment.payment_id


def in_one(errors: Sequence[str]) -> tuple[str, ...]:
    """What befell several parts for one reason is said once: `position, margin: …`."""
    parts: dict[str, list[str]] = {}
    for error in errors:
        name, _, why = error.partition(": ")
        parts.setdefault(why, []).append(name)
    return tuple(f"{', '.join(names)}: {why}" for why, names in parts.items())


def passing(error: BaseException) -> bool:
    """Might the same read succeed in a moment?"""
    if isinstance(error, Silenced) or (isinstance(error, Failed) and error.banned):
        return False  # to ask again would make it longer
    return isinstance(error, NotSent) or (isinstance(error, Failed) and (error.status is None or error.status >= 500))


def hedgeable(markets: dict[str, dict[str, object]]) -> list[str]:
    found = []
    for symbol, market in sorted(markets.items()):
        try:
            if fit(market) is Kind.INVERSE:
                found.append(symbol)
        except Misfit:
            continue
    return found[:LISTED_IN_ERRORS]
