"""Who owes what to whom on the paper exchange? Wallets, positions and orders as the venue keeps them.

A wallet counts in units of 1e-8 of its currency. Whatever is booked is rounded once, in a named direction: realised profit down,
fees up, funding to the nearest even unit. So wallet == deposits + realised - fees + funding + insured, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

from bot.core import contracts
from bot.core.model import ZERO, Fill, FundingPayment, Instrument, Kind, Margin, Order, OrderStatus, Position, Quote, Side, ordered

UNITS: Final = Decimal(100_000_000)
UNIT: Final = Decimal("1e-8")


def units_down(coins: Decimal) -> int:
    return int((coins * UNITS).to_integral_value(ROUND_FLOOR))


def units_up(coins: Decimal) -> int:
    return int((coins * UNITS).to_integral_value(ROUND_CEILING))


def units_even(coins: Decimal) -> int:
    return int((coins * UNITS).to_integral_value(ROUND_HALF_EVEN))


def coins(units: int) -> Decimal:
    return units * UNIT


@dataclass(slots=True, eq=False)
class VenueOrder:
    """One order and its place in the queue. `rests` is False for an immediate-or-cancel order."""

    seq: int
    client_id: str
    symbol: str
    side: Side
    contracts: int
    limit_price: Decimal
    reduce_only: bool
    post_only: bool
    rests: bool
    at_ms: int
    filled: int = 0
    status: OrderStatus = OrderStatus.OPEN
    ahead: int = 0  # contracts of others that must trade before this order does
    why: str = ""
    code: str = ""  # of a rejection
    _shown: Order | None = None

    @property
    def remaining(self) -> int:
        return self.contracts - self.filled

    @property
    def alive(self) -> bool:
        return self.status is OrderStatus.OPEN or self.status is OrderStatus.PARTIAL

    def changed(self) -> None:
        self._shown = None

    def shown(self) -> Order:
        if self._shown is None:
            self._shown = ordered(
                client_id=self.client_id,
                venue_id=f"o{self.seq}",
                symbol=self.symbol,
                side=self.side,
                contracts=self.contracts,
                filled=self.filled,
                limit_price=self.limit_price,
                status=self.status,
                reduce_only=self.reduce_only,
                post_only=self.post_only,
                at_ms=self.at_ms,
                why=self.why,
            )
        return self._shown


@dataclass(slots=True, eq=False)
class Wallet:
    """The account in one settle currency; every field counts units of 1e-8."""

    currency: str
    units: int = 0
    deposited: int = 0  # net of withdrawals
    realised: int = 0
    fees: int = 0
    funding: int = 0
    insured: int = 0  # losses of a liquidation beyond the wallet, which the venue bears
    legs: list["Leg"] = field(default_factory=list)
    margin: Margin | None = None  # as last shown

    def unrealised(self) -> Decimal:
        total = ZERO
        for leg in self.legs:
            if leg.position:
                total += leg.unrealised()
        return total

    def equity(self) -> Decimal:
        return self.units * UNIT + self.unrealised()

    def alive(self) -> bool:
        """Equity above maintenance margin. Exact at the edge: `a + b/P` of each leg, not a difference of rounded quotients."""
        left = self.units * UNIT
        held = False
        for leg in self.legs:
            if leg.position:
                held = True
                left += leg.health()
        return left > 0 or not held

    def initial_margin(self) -> Decimal:
        """What the positions tie up, each with the orders of the worse side filled, at the mark and the leverage setting."""
        total = ZERO
        for leg in self.legs:
            if leg.position or leg.orders:
                total += leg.initial_margin()
        return total


@dataclass(slots=True, eq=False)
class Spot:
    """What lies of one currency beside the account, in units of 1e-8."""

    currency: str
    units: int = 0


@dataclass(frozen=True, slots=True)
class Carried:
    """A transfer that was made, positive into the account."""

    transfer_id: str
    currency: str
    units: int
    at_ms: int


@dataclass(slots=True, eq=False)
class Totals:
    """What trading one contract has cost and brought since the venue was made. USD at the price of each moment."""

    fills: int = 0
    turnover_usd: Decimal = ZERO
    fees: int = 0  # units of 1e-8 of the settle currency
    fees_usd: Decimal = ZERO
    funding: int = 0
    funding_usd: Decimal = ZERO
    liquidated: bool = False


@dataclass(slots=True, eq=False)
class Market:
    """The price of one asset; mark and index are the last print."""

    asset: str
    price: Decimal
    at_ms: int
    anchor_price: Decimal
    anchor_ms: int
    pushed_rate: Decimal | None = None  # the funding rate last settled from outside
    listed: bool = True  # False: its first print is still to come, until then it shows no price and takes no order
    legs: list["Leg"] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Leg:
    """One contract of the account: position, working orders, totals."""

    spec: Instrument
    market: Market
    wallet: Wallet
    position: int = 0  # signed: short is negative
    entry: Decimal | None = None
    leverage: int = 10
    funded_ms: int = 0  # the last settlement
    eaten: dict[str, int] = field(default_factory=dict)  # contracts own orders took from the book since the last print, by side and price
    orders: list[VenueOrder] = field(default_factory=list)  # those that rest, oldest first
    totals: Totals = field(default_factory=Totals)
    fills: list[Fill] = field(default_factory=list)  # the latest ones
    fills_from_ms: int = 0  # complete from this moment on
    payments: list[FundingPayment] = field(default_factory=list)
    payments_from_ms: int = 0
    quote: Quote | None = None  # as last shown
    shown_position: Position | None = None
    shown_orders: tuple[Order, ...] | None = None
    _fixed: Decimal = ZERO  # equity less maintenance margin = wallet + fixed + slope/P (inverse) or + slope*P (linear)
    _slope: Decimal = ZERO

    def reshape(self) -> None:
        """Call after position or entry changed."""
        self.shown_position = None
        self.wallet.margin = None
        if not self.position or self.entry is None:
            self._fixed = self._slope = ZERO
            return
        short = -self.position * self.spec.contract_size
        kept = abs(short) * self.spec.maintenance_rate
        if self.spec.kind is Kind.INVERSE:
            self._fixed, self._slope = -short / self.entry, short - kept
        else:
            self._fixed, self._slope = short * self.entry, -short - kept

    def health(self) -> Decimal:
        if self.spec.kind is Kind.INVERSE:
            return self._fixed + self._slope / self.market.price
        return self._fixed + self._slope * self.market.price

    def unrealised(self) -> Decimal:
        if self.entry is None:
            return ZERO
        return contracts.unrealised(self.spec, -self.position, self.entry, self.market.price)

    def worst_contracts(self) -> int:
        buys = sum(order.remaining for order in self.orders if order.side is Side.BUY and not order.reduce_only)
        sells = sum(order.remaining for order in self.orders if order.side is Side.SELL and not order.reduce_only)
        return max(abs(self.position), abs(self.position + buys), abs(self.position - sells))

    def tied(self, count: int) -> Decimal:
        """The initial margin of `count` contracts in settle currency."""
        if self.spec.kind is Kind.INVERSE:
            return self.spec.contract_size * count / self.market.price / self.leverage
        return self.spec.contract_size * count * self.market.price / self.leverage

    def initial_margin(self) -> Decimal:
        return self.tied(self.worst_contracts())

    def book(self, side: Side, count: int, price: Decimal, rate: Decimal) -> int:
        """Move position and wallet by a trade of `count` contracts at `price`; return the fee in units."""
        signed = side.sign * count
        if self.entry is None or self.position == 0:
            self.entry = price
        elif (self.position > 0) == (signed > 0):
            self.entry = contracts.average_entry(self.spec, abs(self.position), self.entry, count, price)
        else:
            closed = min(count, abs(self.position))
            profit = units_down(contracts.unrealised(self.spec, closed if self.position < 0 else -closed, self.entry, price))
            self.wallet.realised += profit
            self.wallet.units += profit
            if count > abs(self.position):
                self.entry = price
        self.position += signed
        if self.position == 0:
            self.entry = None
        fee = units_up(contracts.fee(self.spec, count, price, rate))
        self.charge(fee, price)
        self.totals.fills += 1
        self.totals.turnover_usd += abs(contracts.notional_usd(self.spec, count, price))
        self.reshape()
        return fee

    def charge(self, fee: int, price: Decimal) -> None:
        self.wallet.units -= fee
        self.wallet.fees += fee
        self.totals.fees += fee
        self.totals.fees_usd += contracts.margin_usd(self.spec, coins(fee), price)

    def fund(self, rate: Decimal, at_ms: int) -> FundingPayment | None:
        """Settle one interval at the mark; None where nothing is due. A moment that was settled is not settled again."""
        mark = self.market.price
        (paid,) = self.fund_each([(mark, rate, at_ms)])
        return self.payment(mark, rate, at_ms, paid) if paid else None

    def fund_each(self, due: Sequence[tuple[Decimal, Decimal, int]]) -> list[int]:
        """The same for a series of (mark, rate, at_ms): what each one paid, in units."""
        spec, short, booked = self.spec, -self.position, []
        for mark, rate, at_ms in due:
            if at_ms <= self.funded_ms:
                booked.append(0)
                continue
            self.funded_ms = at_ms
            paid = units_even(contracts.funding(spec, short, mark, rate))
            booked.append(paid)
            if paid:
                self.totals.funding_usd += contracts.margin_usd(spec, coins(paid), mark)
        if total := sum(booked):
            self.wallet.units += total
            self.wallet.funding += total
            self.totals.funding += total
        self.wallet.margin = None
        return booked

    def payment(self, mark: Decimal, rate: Decimal, at_ms: int, paid: int) -> FundingPayment:
        return FundingPayment(payment_id=f"f{at_ms}", symbol=self.spec.symbol, rate=rate, mark=mark, coins=coins(paid), at_ms=at_ms)
