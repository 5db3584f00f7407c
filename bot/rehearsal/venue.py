"""What is true at the venue? The judge of a rehearsal: prices, orders, trades and coins as exact integers, in memory.

It shares no code with the paper exchange and none with the record. Prices are whole cents, coins are whole picocoins (10^-12), each amount
is rounded once, towards zero, when it is booked. Every change is kept with its moment, so that a reader can be shown the past.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

PICO: Final = 10**12
CENTS: Final = 100
STEP_MS: Final = 5_000  # between two prices
MILLION: Final = 1_000_000
HOUR_MS: Final = 3_600_000
MAKER_PPM: Final = 200  # fees, millionths of the notional
TAKER_PPM: Final = 500
MAINTENANCE_PPM: Final = 5_000
VENUE_LEVERAGE: Final = 10  # the venue itself takes no order beyond
REMEMBERED_MS: Final = 300_000  # ended orders stay within reach of the reads for so long
OWN: Final = "bot"
OPEN: Final = "OPEN"
PARTIAL: Final = "PARTIAL"
FILLED: Final = "FILLED"
CANCELLED: Final = "CANCELLED"
REJECTED: Final = "REJECTED"
EXPIRED: Final = "EXPIRED"
LIVE: Final = (OPEN, PARTIAL)


@dataclass(slots=True)
class VenueOrder:
    """An order at the venue; `past` are its (moment, status, filled)."""

    venue_id: str
    client_id: str
    sells: bool
    contracts: int
    cents: int
    reduce_only: bool
    post_only: bool
    owner: str
    at_ms: int
    filled: int = 0
    status: str = OPEN
    why: str = ""
    past: list[tuple[int, str, int]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def rest(self) -> int:
        return self.contracts - self.filled

    def at(self, at_ms: int) -> tuple[str, int] | None:
        """Status and filled as they were; None before it came."""
        index = bisect_right(self.past, at_ms, key=lambda moment: moment[0]) - 1
        return self.past[index][1:] if index >= 0 else None


@dataclass(frozen=True, slots=True)
class Trade:
    number: int
    client_id: str
    owner: str  # "bot", "person", "venue" (liquidation, auto-deleveraging)
    sells: bool
    contracts: int
    cents: int
    fee_pico: int
    maker: bool
    at_ms: int  # true
    stamp_ms: int  # as the venue's clock has it
    liquidation: bool = False


@dataclass(frozen=True, slots=True)
class Paid:
    number: int
    rate_ppm: int
    cents: int
    pico: int
    at_ms: int
    stamp_ms: int


@dataclass(frozen=True, slots=True)
class Account:
    """Position and wallet after one change."""

    at_ms: int
    contracts: int  # signed, short negative
    cost_pico: int  # what the position cost at its entries, in what the account is kept in, positive
    wallet_pico: int
    leverage: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the venue says to an order: `taken`, `exists` or `refused`."""

    verdict: str
    order: VenueOrder | None = None
    why: str = ""


class Book:
    """One inverse contract with its own coin account."""

    linear = False

    def __init__(
        self, symbol: str, *, size: int, tick_cents: int, cents: int, wallet_pico: int, swing_ppm: int, source: Random, began_ms: int
    ) -> None:
        self.symbol = symbol
        self.size = size  # of a contract, in USD; of a linear one in millionths of a coin
        self.tick = tick_cents
        self.swing_ppm = swing_ppm  # of the price, at most, in one step
        self.source = source
        self.began_ms = began_ms
        self.now_ms = 0
        self.prices = [cents // tick_cents * tick_cents]  # one for each step
        self.half_spread = tick_cents * 2
        self.accounts = [Account(0, 0, 0, wallet_pico, VENUE_LEVERAGE)]
        self.orders: dict[str, VenueOrder] = {}
        self.by_client: dict[str, list[VenueOrder]] = {}
        self.recent: list[VenueOrder] = []
        self.trades: list[Trade] = []
        self.payments: list[Paid] = []
        self.beside_pico = 0  # what lay in the spot wallet at first
        self.carried: dict[str, tuple[int, int]] = {}  # transfers by their id: coins into the account, and when
        self.clock_off_ms = 0
        self.sum_contracts = 0  # of all trades, for the judge to check itself
        self.respec_ms = -HOUR_MS  # when the contract was last changed
        self.hedge_mode_ms: int | None = None  # since when the account is in a mode in which longs and shorts stand side by side
        self.fills_whole: Callable[[], bool] = lambda: True
        self.throws_out: Callable[[], bool] = lambda: False
        self.mates: tuple[Book, ...] = ()  # other contracts on this margin: one wallet, and each answers for all
        self.told: Callable[[str, Book, Any], None] = lambda what, book, subject: None

    # ------------------------------------------------------------------------------------------------------------------ reading

    @property
    def account(self) -> Account:
        return self.accounts[-1]

    @property
    def cents(self) -> int:
        return self.prices[-1]

    def cents_at(self, at_ms: int) -> int:
        return self.prices[max(0, min(len(self.prices) - 1, at_ms // STEP_MS))]

    def account_at(self, at_ms: int) -> Account:
        return self.accounts[max(0, bisect_right(self.accounts, at_ms, key=lambda one: one.at_ms) - 1)]

    @property
    def bid(self) -> int:
        return self.cents - self.half_spread

    @property
    def ask(self) -> int:
        return self.cents + self.half_spread

    def worth(self, contracts: int, cents: int) -> int:
        """Picocoins of so many contracts at a price, rounded down."""
        return contracts * self.size * CENTS * PICO // cents

    def gain(self, held: int, cost: int, worth: int) -> int:
        """Of what cost so much and is worth so much now, held short (negative) or long."""
        return worth - cost if held < 0 else cost - worth

    def unrealised(self, at_ms: int | None = None) -> int:
        held, cents = (self.account, self.cents) if at_ms is None else (self.account_at(at_ms), self.cents_at(at_ms))
        return self.gain(held.contracts, held.cost_pico, self.worth(abs(held.contracts), cents))

    def equity(self, at_ms: int | None = None) -> int:
        """Of the margin with everything that stands on it; as it was then, or as it is."""
        held = self.account if at_ms is None else self.account_at(at_ms)
        return held.wallet_pico + self.unrealised(at_ms) + sum(mate.unrealised(at_ms) for mate in self.mates)

    def load(self) -> int:
        """What everything on this margin is worth now."""
        return sum(book.worth(abs(book.account.contracts), book.cents) for book in (self, *self.mates))

    def stamp(self, at_ms: int) -> int:
        return self.began_ms + at_ms + self.clock_off_ms

    def live(self, owner: str | None = None) -> list[VenueOrder]:
        return [order for order in self.recent if order.live and owner in (None, order.owner)]

    # ------------------------------------------------------------------------------------------------------------------- orders

    def create(
        self,
        *,
        client_id: str,
        sells: bool,
        contracts: int,
        cents: int,
        reduce_only: bool,
        post_only: bool,
        owner: str,
        duplicates: str,
        post_only_cancels: bool,
    ) -> Answer:
        """An order that has arrived. `duplicates`: what becomes of a client id that is known: `exists`, `open-only`, `taken`."""
        known = self.by_client.get(client_id, []) if client_id else []
        if known and (duplicates == "exists" or (duplicates == "open-only" and known[-1].live)):
            return Answer("exists", known[-1])
        held = self.account.contracts
        if self.hedge_mode_ms is not None and owner == OWN:
            return Answer("refused", why="position side does not match the mode of the account")
        if contracts <= 0 or cents <= 0 or cents % self.tick:
            return Answer("refused", why="price or amount off the grid")
        if reduce_only and (held == 0 or (held < 0) == sells):
            return Answer("refused", why="reduce-only order would not reduce")
        after = abs(held + (-contracts if sells else contracts))
        if not reduce_only and after > abs(held):
            more = self.worth(after, self.cents) - self.worth(abs(held), self.cents)
            if self.load() + more > VENUE_LEVERAGE * self.equity():
                return Answer("refused", why="insufficient margin")
        takes = cents <= self.bid if sells else cents >= self.ask
        if post_only and takes and not post_only_cancels:
            return Answer("refused", why="post-only would take")
        order = VenueOrder(f"v{len(self.orders) + 1}", client_id, sells, contracts, cents, reduce_only, post_only, owner, self.now_ms)
        self.orders[order.venue_id] = order
        self.by_client.setdefault(client_id, []).append(order)
        self.recent.append(order)
        order.past.append((self.now_ms, OPEN, 0))
        self.told("accepted", self, order)
        if post_only and takes:
            self.end(order, CANCELLED, "post-only would take")
        elif not post_only:
            if takes:
                self.fill(order, order.rest if self.fills_whole() else self.part(order.rest), self.bid if sells else self.ask, maker=False)
            if order.live:
                self.end(order, EXPIRED, "immediate-or-cancel")
        return Answer("taken", order)

    def part(self, contracts: int) -> int:
        return self.source.randint(1, contracts)

    def cancel(self, order: VenueOrder, why: str) -> None:
        if order.live:
            self.end(order, CANCELLED, why)

    def end(self, order: VenueOrder, status: str, why: str) -> None:
        order.status, order.why = status, why
        order.past.append((self.now_ms, status, order.filled))
        self.told("ended", self, order)

    def fill(self, order: VenueOrder, contracts: int, cents: int, *, maker: bool) -> None:
        """Trade, never beyond zero for a reduce-only order."""
        if order.reduce_only:
            held = self.account.contracts
            contracts = min(contracts, max(0, held if order.sells else -held))
        if contracts <= 0:
            self.end(order, CANCELLED, "reduce-only: nothing is left to reduce")
            return
        order.filled += contracts
        order.status = FILLED if order.rest == 0 else PARTIAL
        order.past.append((self.now_ms, order.status, order.filled))
        self.trade(order.client_id, order.owner, order.sells, contracts, cents, maker=maker)
        if order.live and order.reduce_only and self.account.contracts == 0:
            self.end(order, CANCELLED, "reduce-only: nothing is left to reduce")

    def trade(
        self, client_id: str, owner: str, sells: bool, contracts: int, cents: int, *, maker: bool = False, liquidation: bool = False
    ) -> None:
        """Book a trade: what it closes realises, what it opens costs."""
        before = self.account
        fee = self.worth(contracts, cents) * (MAKER_PPM if maker else TAKER_PPM) // MILLION
        held, change = before.contracts, -contracts if sells else contracts
        closed = min(abs(held), contracts) if held * change < 0 else 0
        wallet, cost = before.wallet_pico - fee, before.cost_pico
        if closed:
            part = cost * closed // abs(held)
            wallet += self.gain(held, part, self.worth(closed, cents))
            cost -= part
        cost += self.worth(contracts - closed, cents)
        made = Trade(
            len(self.trades) + 1,
            client_id,
            owner,
            sells,
            contracts,
            cents,
            fee,
            maker,
            self.now_ms,
            self.stamp(self.now_ms),
            liquidation,
        )
        self.trades.append(made)
        self.book(contracts=held + change, cost_pico=cost, wallet_pico=wallet)
        self.told("traded", self, made)

    def book(self, **changes: int) -> None:
        was = self.account
        for mate in self.mates if "wallet_pico" in changes else ():
            mate.accounts.append(replace(mate.account, at_ms=self.now_ms, wallet_pico=changes["wallet_pico"]))
        self.accounts.append(
            Account(
                self.now_ms,
                changes.get("contracts", was.contracts),
                changes.get("cost_pico", was.cost_pico),
                changes.get("wallet_pico", was.wallet_pico),
                changes.get("leverage", was.leverage),
            )
        )

    def respec(self, tick_cents: int) -> None:
        """The venue announces another tick; orders on the old grid are taken off the book."""
        self.tick, self.respec_ms = tick_cents, self.now_ms
        for order in self.live():
            if order.cents % tick_cents:
                self.cancel(order, "the tick was changed")

    def resize(self) -> None:
        """A contract is worth a tenth from now on: every count that the venue tells is ten times what it was. No order is open."""
        self.size //= 10
        self.sum_contracts *= 10
        self.respec_ms = self.now_ms
        self.accounts = [replace(one, contracts=10 * one.contracts) for one in self.accounts]
        self.trades = [replace(one, contracts=10 * one.contracts) for one in self.trades]
        for order in self.orders.values():
            order.contracts, order.filled = 10 * order.contracts, 10 * order.filled
            order.past = [(at_ms, status, 10 * filled) for at_ms, status, filled in order.past]

    def set_hedge_mode(self, *, on: bool) -> None:
        self.hedge_mode_ms = (self.now_ms if self.hedge_mode_ms is None else self.hedge_mode_ms) if on else None

    def transfer(self, pico: int) -> None:
        self.book(wallet_pico=self.account.wallet_pico + pico)

    def carry(self, transfer_id: str, pico: int) -> bool:
        """Between the spot wallet and the account; False if there is not so much, or margin is in use."""
        left = self.beside_pico - sum(moved for moved, _ in self.carried.values())
        free = min(self.account.wallet_pico, self.equity() - self.load() // 10)
        if pico > left or -pico > free:
            return False
        self.carried[transfer_id] = (pico, self.now_ms)
        self.book(wallet_pico=self.account.wallet_pico + pico)
        return True

    def close_all(self, *, liquidation: bool) -> None:
        held = self.account.contracts
        if held:
            self.trade("", "venue", held > 0, abs(held), self.cents, liquidation=liquidation)

    # --------------------------------------------------------------------------------------------------------------------- time

    def step(self) -> None:
        """The next price, what rests meets it, and the margin is looked at."""
        width = max(self.tick, self.cents * self.swing_ppm // MILLION)
        self.prices.append(max(100 * self.tick, (self.cents + self.source.randint(-width, width)) // self.tick * self.tick))
        if len(self.recent) > 8:
            self.recent = [order for order in self.recent if order.live or self.now_ms - order.past[-1][0] < REMEMBERED_MS]
        for order in self.live():
            if order.post_only and order.owner == OWN and self.throws_out():
                self.end(order, REJECTED, "post-only would take")
            elif (self.bid >= order.cents) if order.sells else (self.ask <= order.cents):
                self.fill(order, order.rest if self.fills_whole() else self.part(order.rest), order.cents, maker=True)
        if self.account.contracts and self.equity() * MILLION <= self.load() * MAINTENANCE_PPM:
            for book in (self, *self.mates):
                book.close_all(liquidation=True)

    def fund(self, rate_ppm: int) -> None:
        """Settle funding: a short receives a positive rate."""
        held = self.account.contracts
        if held:
            pico = self.worth(abs(held), self.cents) * abs(rate_ppm) // MILLION * (1 if (held < 0) == (rate_ppm > 0) else -1)
            self.payments.append(Paid(len(self.payments) + 1, rate_ppm, self.cents, pico, self.now_ms, self.stamp(self.now_ms)))
            self.book(wallet_pico=self.account.wallet_pico + pico)


class LinearBook(Book):
    """One linear contract, kept in dollars: of so many coins, and so worth more when the price rises."""

    linear = True

    def worth(self, contracts: int, cents: int) -> int:
        return contracts * self.size * cents * (PICO // MILLION // CENTS)

    def gain(self, held: int, cost: int, worth: int) -> int:
        return cost - worth if held < 0 else worth - cost


def share_margin(books: list[Book]) -> None:
    """One wallet for all of them: what one earns or pays, the others have or lack."""
    for book in books:
        book.mates = tuple(mate for mate in books if mate is not book)


class Venue:
    """All books on one time line, and what is still on its way to them."""

    def __init__(self, books: list[Book], source: Random) -> None:
        self.books = {book.symbol: book for book in books}
        self.source = source
        self.now_ms = 0
        self.away_until_ms = 0
        self.banned_until_ms = 0
        self.arriving: list[tuple[int, int, Callable[[], None]]] = []
        self.sent = 0

    def arrive(self, at_ms: int, what: Callable[[], None]) -> None:
        self.sent += 1
        heappush(self.arriving, (max(at_ms, self.now_ms), self.sent, what))

    def advance(self, to_ms: int) -> None:
        """Everything that happens at the venue until then, in order."""
        while self.now_ms < to_ms:
            step_ms = (self.now_ms // STEP_MS + 1) * STEP_MS
            until_ms = min(step_ms, to_ms)
            self.deliver(until_ms)
            self.set_now(until_ms)
            if until_ms == step_ms:
                for book in self.books.values():
                    book.step()
                    if step_ms % HOUR_MS == 0:
                        book.fund(self.source.randint(-300, 300))
        self.deliver(to_ms)

    def deliver(self, until_ms: int) -> None:
        while self.arriving and self.arriving[0][0] <= until_ms:
            at_ms, _, what = heappop(self.arriving)
            self.set_now(max(at_ms, self.now_ms))
            what()

    def set_now(self, at_ms: int) -> None:
        self.now_ms = at_ms
        for book in self.books.values():
            book.now_ms = at_ms

    def cancel_everything(self) -> None:
        for book in self.books.values():
            for order in book.live():
                book.cancel(order, "the venue went into maintenance")

    def orders(self) -> Iterator[tuple[Book, VenueOrder]]:
        for book in self.books.values():
            for order in book.orders.values():
                yield book, order
