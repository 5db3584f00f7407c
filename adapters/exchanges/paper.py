"""What is the paper exchange to the bot? A venue behind the Exchange port, with a database of its own, latency and faults on demand.

paper.py            the port: requests, answers, latency, gate, faults, strangers' activity
paper_venue.py      what happens: prices, orders, funding, liquidation
paper_matching.py   when an order trades: by print, or in a synthetic book
paper_ledger.py     wallets, positions, margins
paper_feed.py       where prices come from
live_feed.py        and where they are a venue's own
paper_contracts.py  what is listed
paper_views.py      what is shown to someone who looks
paper_keeping.py    where it is kept, if anywhere
paper_records.py    the venue as rows
paper_store.py      SQLite, committed before any answer
paper_faults.py     what can be made to go wrong
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, Literal, TypeVar

from adapters.exchanges import paper_contracts, paper_views
from adapters.exchanges.paper_faults import Fault, Faults, Trouble
from adapters.exchanges.paper_feed import Feed, Founding, Opened
from adapters.exchanges.paper_keeping import Keeper, Nowhere
from adapters.exchanges.paper_ledger import VenueOrder, coins
from adapters.exchanges.paper_matching import BookMatching, Matching, PrintMatching, Touch
from adapters.exchanges.paper_venue import Changes, Settled, Ticket, Venue
from adapters.exchanges.paper_views import PARTS, Account, Balance
from bot.core.decision import Approved, Transfer
from bot.core.model import ZERO, Ask, Instrument, Order, OrderStatus, Side, SpotSeen, View
from bot.ports import Clock, Gate, NotSent, PortError, Priced, Refused, SpotAsk, Unknown

T = TypeVar("T")
ATTEMPTS: Final = 100  # at writing, when other processes keep committing in between


class PaperExchange:
    """A simulated venue. Time moves when someone looks or acts (up to clock.now_ms()), or when a driver pushes prints.

    `prices` (USD per coin) list the assets, `collateral` funds a new database. `url`: sqlite:///FILE, or sqlite:// for one in memory;
    None keeps it nowhere, for a driver that pushes prices and looks back no further than a minute. There the assets of `to_come` show no
    price and take no order before their first print; the price that they are listed with only tells their tick.
    `spot` lies beside the account, where `transfer` takes it from.
    `feed` is given what the venue began with and makes the prints; without it prices come from `print` and `settle_funding`.
    `matching`: "print" fills by contract rule of replay, "book" by a synthetic order book; or a
    matching of the caller's own. `latency_ms` passes before a request arrives
    and again before its answer does. Raise Misconfigured if the database is not usable.
    """

    name = "paper"
    environment: str | None = None
    moves_collateral = True
    absence_ms = 0  # its reads cannot lag
    absence_polls = 1

    def __init__(
        self,
        clock: Clock,
        url: str | None,
        prices: Mapping[str, Decimal],
        collateral: Mapping[str, Decimal],
        *,
        spread_bps: Decimal = Decimal(2),
        seed: int = 7,
        feed: Callable[[Opened], Feed] | None = None,
        matching: Literal["book", "print"] | Matching = "book",
        instruments: Iterable[Instrument] = (),
        book_levels: int = 20,
        book_depth_usd: Decimal = Decimal(50_000),
        touch: Touch | None = None,
        spot: Mapping[str, Decimal] | None = None,
        to_come: Collection[str] = (),
        latency_ms: int = 0,
        synchronous: Literal["FULL", "NORMAL", "OFF"] = "FULL",
        gate: Gate | None = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        self.gate = gate
        self.faults = Faults(faults)
        self.latency_ms = latency_ms
        self.commits = 0  # how often anything but a price changed
        self._clock = clock
        self._keeper: Keeper
        founding = Founding(seed, clock.now_ms(), prices, collateral, spot or {}, frozenset(to_come))
        if url is None:
            self._keeper = Nowhere(founding)
        else:
            from adapters.exchanges.paper_records import Records  # loads the database's libraries

            self._keeper = Records(url, founding, synchronous)
        self.opened: Final = self._keeper.opened
        try:
            self._specs = paper_contracts.listed({asset: anchor.price for asset, anchor in self.opened.anchors.items()}, instruments)
            if matching == "print":
                matching = PrintMatching(spread_bps)
            elif matching == "book":
                matching = BookMatching(self.opened.seed, touch or Touch(spread_bps), levels=book_levels, depth_usd=book_depth_usd)
            self._matching = matching
            self._feed = feed(self.opened) if feed is not None else None
            self._load()
        except BaseException as error:
            self._keeper.close()
            if problem := self._keeper.unusable(error):
                raise problem from error
            raise
        self._last: dict[str, View] = {}  # as last shown, for stale reads

    @property
    def feed(self) -> Feed | None:
        """Where the prices come from; None where a driver pushes them."""
        return self._feed

    def _load(self) -> None:
        while True:
            venue = Venue(self._specs, self._matching)
            venue.feed = self._feed
            self._keeper.load(venue)
            if not self._keeper.changed_elsewhere():  # nobody committed while we read: it is one moment
                break
        self._venue = venue
        self._outdated = False

    # ------------------------------------------------------------------------------------------------------------ the port

    async def connect(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        found = {symbol: paper_contracts.find(self._specs, symbol) for symbol in symbols}
        for symbol in found:
            self._venue.leg(symbol)
        return found

    async def server_time_ms(self) -> int:
        if self.faults:
            self._unless_down("the time cannot be asked")
        return self._clock.now_ms()

    async def look(self, asks: Sequence[Ask]) -> tuple[View, ...]:
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if self.faults and self.faults.use(Trouble.DOWN):
            return tuple(self._blind(ask, "the paper exchange is down (fault)") for ask in asks)
        try:
            self._act(self._advance)
        except NotSent as error:
            return tuple(self._blind(ask, str(error)) for ask in asks)
        views = tuple([paper_views.view(self._venue, self._keeper, ask) for ask in asks])
        if self.faults:
            spoiling = self.faults.use_each(Trouble.READ_STALE, Trouble.READ_FAILS, symbols=[ask.symbol for ask in asks])
            views = tuple([self._spoilt(view, spoiling) for view in views])
        for view in views:
            self._last[view.instrument.symbol] = view
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        return views

    async def place(self, order: Approved) -> Order:
        symbol, client_id = order.symbol, order.client_id
        if self.faults:
            self._unless_down(f"{client_id} was not sent")
            if self.faults.use(Trouble.PLACE_NOT_SENT, symbol=symbol):
                raise NotSent(f"paper: {client_id} was not sent (fault)")
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if self.gate is not None:
            self.gate.check(order)
        if not client_id:
            raise Refused("an order of ours needs a client id", code="client-id")
        if symbol not in self._specs:
            raise Refused(f"unknown contract {symbol}; listed: {', '.join(sorted(self._specs))}", code="symbol")
        fault = self.faults.use(Trouble.PLACE_LOST, Trouble.PLACE_ANSWER_LOST, Trouble.PLACE_REJECTED, symbol=symbol)
        if fault is not None and fault.trouble is Trouble.PLACE_LOST:
            raise Unknown(f"paper: no answer to {client_id} (fault)")
        ticket = Ticket(
            client_id=client_id,
            symbol=symbol,
            side=order.side,
            contracts=order.contracts,
            limit_price=order.limit_price,
            reduce_only=order.reduce_only,
            post_only=order.post_only,
            rests=order.post_only,
        )
        placed, fresh = self._act(lambda: self._accept(ticket, rejected="rejected (fault)" if fault and _rejects(fault) else ""))
        answer = placed.shown()
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if fault is not None and fault.trouble is Trouble.PLACE_ANSWER_LOST:
            raise Unknown(f"paper: no answer to {client_id} (fault)")
        if fresh and answer.status is OrderStatus.REJECTED:
            raise Refused(placed.why, code=placed.code)
        return answer

    async def cancel(self, symbol: str, client_id: str) -> None:
        if self.faults:
            self._unless_down(f"the cancel of {client_id} was not sent")
            if self.faults.use(Trouble.CANCEL_NOT_SENT, symbol=symbol):
                raise NotSent(f"paper: the cancel of {client_id} was not sent (fault)")
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if self.gate is not None:
            self.gate.check(None)
        fault = self.faults.use(Trouble.CANCEL_LOST, Trouble.CANCEL_ANSWER_LOST, symbol=symbol)
        if fault is not None and fault.trouble is Trouble.CANCEL_LOST:
            raise Unknown(f"paper: no answer to the cancel of {client_id} (fault)")

        def step() -> None:
            self._advance()
            order = self._venue.by_client_id.get(client_id)
            if order is not None and order.symbol == symbol:
                self._venue.cancel(order, "cancelled on request")

        self._act(step)
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if fault is not None:
            raise Unknown(f"paper: no answer to the cancel of {client_id} (fault)")

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        if self.faults:
            self._unless_down(f"the leverage of {symbol} was not sent")
            if self.faults.use(Trouble.LEVERAGE_NOT_SENT, symbol=symbol):
                raise NotSent(f"paper: the leverage of {symbol} was not sent (fault)")
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if self.gate is not None:
            self.gate.check(None)

        def step() -> None:
            self._advance()
            if symbol not in self._specs:
                raise Refused(f"unknown contract {symbol}; listed: {', '.join(sorted(self._specs))}", code="symbol")
            self._venue.set_leverage(symbol, leverage)

        self._act(step)
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if self.faults.use(Trouble.LEVERAGE_ANSWER_LOST, symbol=symbol):
            raise Unknown(f"paper: no answer to the leverage call of {symbol} (fault)")

    async def spots(self, asks: Sequence[SpotAsk]) -> tuple[SpotSeen, ...]:
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        try:
            if self.faults:
                self._unless_down("the spot wallet could not be read")
                if self.faults.use(Trouble.SPOT_FAILS):
                    raise NotSent("the spot wallet could not be read (fault)")
            self._act(self._advance)
        except NotSent as error:
            return tuple(SpotSeen(ask.asset, None, error=f"spot wallet of {ask.asset}: {error}") for ask in asks)
        return tuple(paper_views.spot(self._venue, ask) for ask in asks)

    async def transfer(self, wanted: Transfer) -> None:
        own = wanted.transfer_id
        if self.faults:
            self._unless_down(f"{own} was not sent")
            if self.faults.use(Trouble.TRANSFER_NOT_SENT):
                raise NotSent(f"paper: {own} was not sent (fault)")
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if self.gate is not None:
            self.gate.check(wanted)
        fault = self.faults.use(Trouble.TRANSFER_LOST, Trouble.TRANSFER_ANSWER_LOST, Trouble.TRANSFER_REFUSED)
        if fault is not None and fault.trouble is Trouble.TRANSFER_LOST:
            raise Unknown(f"paper: no answer to {own} (fault)")
        if fault is not None and fault.trouble is Trouble.TRANSFER_REFUSED:
            raise Refused("paper: transfer refused (fault)", code="rights")

        def step() -> None:
            self._advance()
            self._venue.transfer(own, wanted.asset, wanted.coins)

        self._act(step)
        if self.latency_ms:
            await self._clock.sleep_ms(self.latency_ms)
        if fault is not None:
            raise Unknown(f"paper: no answer to {own} (fault)")

    async def close(self) -> None:
        self._keeper.close()

    async def price(self, asset: str, market: str) -> Priced:
        """What a coin costs here now, traded or not."""
        try:
            self._act(self._advance)
        except NotSent as error:
            return Priced(problem=str(error))
        shown = self._venue.markets.get(asset)
        if shown is None or not shown.listed:
            return Priced(problem=f"the paper exchange has no price of {asset}")
        return Priced(shown.price, self._venue.now_ms)

    # ------------------------------------------------------------------------------------------------------------ prices from outside

    def print(self, asset: str, price: Decimal, at_ms: int) -> None:
        """One print of a driver: mark to it, match what rests, liquidate. Commits only if that changed something."""
        if self._outdated:
            self._load()
        self._venue.print(asset, price, at_ms)
        if self._venue.changes:
            self._commit_own(f"the print of {asset} at {price}")

    def settle_funding(self, asset: str, rate: Decimal, at_ms: int) -> None:
        """Settle funding of an asset's contracts at the mark of now. Settling one moment twice pays once."""
        if self._outdated:
            self._load()
        self._venue.settle(asset, rate, at_ms)
        if self._venue.changes:
            self._commit_own(f"funding of {asset}")

    def settle_series(self, asset: str, due: Sequence[tuple[Decimal, Decimal, int]]) -> Settled:
        """A print and the settlement on it for each (price, rate, at_ms), none of which fills or liquidates anything."""
        settled = self._venue.settle_series(asset, due)
        self._commit_own(f"a series of funding of {asset}")
        return settled

    # ------------------------------------------------------------------------------------------------------------ strangers

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Move coins in (positive) or out (negative) behind the bot's back. Raise Refused if margin is in use."""

        def step() -> None:
            self._advance()
            self._venue.deposit(currency, amount)

        self._act(step)

    def manual_order(
        self, symbol: str, side: Side, contracts: int, limit_price: Decimal, *, post_only: bool = False, reduce_only: bool = False,
        rests: bool = True, client_id: str = "",
    ) -> Order:  # fmt: skip
        """A stranger's order on the same account, by default without a client id. Raise Refused where the venue rejects it."""
        ticket = Ticket(client_id, symbol, side, contracts, limit_price, reduce_only, post_only, rests)
        order, _ = self._act(lambda: self._accept(ticket))
        if order.status is OrderStatus.REJECTED:
            raise Refused(order.why, code=order.code)
        return order.shown()

    def manual_trade(self, symbol: str, side: Side, contracts: int) -> Order:
        """A stranger trades at once, at whatever the book offers."""
        self._act(self._advance)
        leg = self._venue.leg(symbol)
        steps = leg.market.price // leg.spec.tick
        limit = leg.spec.tick if side is Side.SELL else leg.spec.tick * (2 * steps)
        return self.manual_order(symbol, side, contracts, limit, rests=False)

    def others_trade(self, symbol: str, side: Side, contracts: int, price: Decimal) -> None:
        """Strangers trade among themselves: the aggressor on `side` takes `contracts` at `price`, ours in the way included."""

        def step() -> None:
            self._advance()
            self._venue.others_trade(symbol, side, contracts, price)

        self._act(step)

    # ------------------------------------------------------------------------------------------------------------ read-outs

    def accounts(self) -> tuple[Account, ...]:
        """Of every contract that was ever used."""
        return tuple(paper_views.account(leg) for leg in self._venue.legs.values())

    def equities(self) -> dict[str, Decimal]:
        """Of each settle currency, at the prices of now."""
        wallets = self._venue.wallets.values()
        return {one.currency: one.equity() if one.margin is None else one.margin.equity for one in wallets}

    def moved_in(self) -> dict[str, Decimal]:
        """Net coins that transfers brought from the spot wallet into the account, by currency."""
        moved: dict[str, Decimal] = {}
        for one in self._venue.carried.values():
            moved[one.currency] = moved.get(one.currency, ZERO) + coins(one.units)
        return moved

    def balances(self) -> tuple[Balance, ...]:
        return tuple(paper_views.balance(wallet) for wallet in self._venue.wallets.values())

    # ------------------------------------------------------------------------------------------------------------ inside

    def _act(self, step: Callable[[], T]) -> T:
        """Do one thing at the venue and commit it. Where another process committed first, read its state and do it over."""
        for _ in range(ATTEMPTS):
            if self._outdated or self._keeper.changed_elsewhere():
                self._load()
            refusal: Refused | None = None
            try:
                result = step()
            except Refused as error:  # what time brought until the refusal stands
                refusal = error
            if self._venue.changes and not self._commit():
                continue
            if refusal is not None:
                raise refusal
            return result
        raise NotSent(f"paper: another process wrote the paper database {ATTEMPTS} times in between; nothing happened, try again")

    def _commit(self) -> bool:
        """False: another process was faster, so nothing was written and our state is void."""
        self._outdated = True
        if not self._keeper.commit(self._venue):
            return False
        self._outdated = False
        self._venue.changes = Changes()
        self.commits += 1
        return True

    def _commit_own(self, what: str) -> None:
        if not self._commit():
            raise PortError(f"paper: another process traded on this paper database while a driver pushed prices; {what} did not happen")

    def _advance(self) -> None:
        self._venue.advance(self._clock.now_ms())

    def _accept(self, ticket: Ticket, *, rejected: str = "") -> tuple[VenueOrder, bool]:
        """The order and whether it is new."""
        self._advance()
        known = paper_views.known(self._venue, self._keeper, ticket.client_id) if ticket.client_id else None
        if known is not None:
            return known, False
        return self._venue.accept(ticket, rejected=rejected), True

    def _unless_down(self, what: str) -> None:
        if self.faults.use(Trouble.DOWN):
            raise NotSent(f"paper: the paper exchange is down (fault); {what}")

    def _blind(self, ask: Ask, why: str) -> View:
        spec = paper_contracts.find(self._specs, ask.symbol)
        return View(spec, errors=tuple(f"{part}: {why}" for part in PARTS if part != "depth" or ask.levels))

    def _spoilt(self, view: View, faults: Sequence[Fault]) -> View:
        """The view as the faults of this look leave it."""
        symbol = view.instrument.symbol
        last = self._last.get(symbol)
        for fault in faults:
            if fault.symbol not in (None, symbol):
                continue
            for part in PARTS if fault.part is None else (fault.part,):
                if fault.trouble is Trouble.READ_FAILS:
                    error = f"{part}: {symbol} could not be read (fault)"
                    view = replace(view, **{part: None, "errors": (*view.errors, error)})  # type: ignore[arg-type]
                elif last is not None:
                    view = replace(view, **{part: getattr(last, part)})
        return view


def _rejects(fault: Fault) -> bool:
    return fault.trouble is Trouble.PLACE_REJECTED
