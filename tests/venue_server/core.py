"""What would a venue do with this order? A matching core of one account, in integer units, shared by every wire protocol.

It knows nothing about any venue's spelling and shares no code with the paper exchange, so that each can show the other wrong.
A unit is the smallest lot of a contract: signed integers, negative is short.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tests.venue_server.nouns import FOREVER_UNITS, ZERO, Contract, Moved, Order, Payment, Position, Quote, Refused, Trade

Levels = list[tuple[Decimal, int]]  # price and units, best price first
LEAST = Decimal("1e-18")
"""Of a coin: less than this is the rounding of a division."""


@dataclass(slots=True)
class Core:
    contracts: dict[str, Contract]
    unique_ids: Literal["ever", "open", "never"]
    default_leverage: int = 10
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")
    maintenance_rate: Decimal = Decimal("0.005")
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    clock_offset_ms: int = 0
    wallets: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    quotes: dict[str, Quote] = field(default_factory=dict)
    behind: dict[tuple[str, str], Levels] = field(default_factory=dict)
    """Contract and side ("buy", "sell") → what rests behind the touch, to be seen: nothing trades there."""
    orders: dict[int, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    leverages: dict[str, int] = field(default_factory=dict)
    hedge_mode: bool = False
    closed: set[str] = field(default_factory=set)  # venue ids of contracts that are listed and not traded any more
    delisted: set[str] = field(default_factory=set)  # symbols that only histories show
    margin_mode: Literal["cross", "isolated"] = "cross"
    isolated: set[str] = field(default_factory=set)  # where a venue keeps the mode for each contract
    frozen: bool = False
    dead_man: dict[str, int] = field(default_factory=dict)
    """Contract ("" for all of them) → when its open orders will be cancelled, unless the switch is set again."""
    watchers: list[Callable[[str], None]] = field(default_factory=list)
    """Told the contract whose price moved."""
    order_watchers: list[Callable[[Order], None]] = field(default_factory=list)
    """Told each order that came, traded or ended."""
    candles: dict[str, list[tuple[int, Decimal, Decimal, Decimal, Decimal]]] = field(default_factory=dict)
    """Contract → its hours, oldest first: opened, open, high, low, close."""
    funding_rates: dict[str, list[tuple[int, Decimal]]] = field(default_factory=dict)
    """Contract → settled rates, oldest first."""
    funding_wallets: dict[str, Decimal] = field(default_factory=dict)
    """Coins that lie beside the account whose margin positions stand on."""
    transfers: dict[str, Moved] = field(default_factory=dict)
    """Every transfer that was made, by the client's own id."""
    pending_transfers: bool = False
    """Transfers are taken and stay under way until `settle_transfers`."""
    _last_id: int = 1_000_000

    # ── the world ────────────────────────────────────────────────────────────────────────────────────────────────────

    def clock_ms(self) -> int:
        return self.now_ms() + self.clock_offset_ms

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def set_price(
        self,
        symbol: str,
        mark: Decimal | str | int,
        *,
        bid: Decimal | str | int | None = None,
        ask: Decimal | str | int | None = None,
        index: Decimal | str | int | None = None,
        bid_units: int = FOREVER_UNITS,
        ask_units: int = FOREVER_UNITS,
    ) -> None:
        """Move the market. Resting orders that the new book crosses fill at their own price, as far as the book holds."""
        price, tick = Decimal(mark), self.contracts[symbol].tick
        old = self.quotes.get(symbol)
        rates = (old.funding_rate, old.next_rate) if old else (Decimal("0.0001"), Decimal("0.0001"))
        low, high = Decimal(bid) if bid is not None else price - tick, Decimal(ask) if ask is not None else price + tick
        self.quotes[symbol] = Quote(price, Decimal(index) if index is not None else price, low, high, bid_units, ask_units, *rates)
        for order in self.open_orders(symbol):
            if self._crosses(order) and (room := min(order.left, self._room(order))):
                self._fill(order, room, order.price or price, maker=True)
                self._drain(order, room)
        self.liquidate(self.contracts[symbol].settle)
        for tell in list(self.watchers):
            tell(symbol)

    def trade_through(self, symbol: str, price: Decimal | str | int, units: int | None = None) -> None:
        """Somebody trades at this price: resting orders at it or better fill, up to `units` of them. The mark stays."""
        at, left = Decimal(price), FOREVER_UNITS if units is None else units
        for order in self.open_orders(symbol):
            reached = order.price is not None and (order.price >= at if order.side == "buy" else order.price <= at)
            if reached and left:
                done = min(order.left, left)
                left -= done
                self._fill(order, done, order.price or at, maker=True)

    def deposit(self, coin: str, amount: Decimal | str | int) -> None:
        self.wallets[coin] = self.wallets.get(coin, ZERO) + Decimal(amount)

    def transfer(self, client_id: str, coin: str, amount: Decimal, *, into_account: bool) -> Moved:
        """Between the funding wallet and the account; raise Refused with our word for why not."""
        if client_id in self.transfers:
            raise Refused("transfer_duplicate")
        if amount <= 0:
            raise Refused("transfer_amount")
        if amount > (self.funding_wallets.get(coin, ZERO) if into_account else min(self.wallets.get(coin, ZERO), self.available(coin))):
            raise Refused("transfer_funds")
        moved = self.transfers[client_id] = Moved(self.next_id(), client_id, coin, amount if into_account else -amount, self.clock_ms())
        if not self.pending_transfers:
            self.settle_transfers()
        return moved

    def settle_transfers(self) -> None:
        """What is under way arrives."""
        for moved in self.transfers.values():
            if not moved.done:
                moved.done = True
                self.deposit(moved.coin, moved.amount)
                self.funding_wallets[moved.coin] = self.funding_wallets.get(moved.coin, ZERO) - moved.amount

    def hold(self, symbol: str, units: int, entry: Decimal | str | int) -> None:
        """Put the account into a position, without a trade."""
        self.positions[symbol] = Position(units, self.contracts[symbol].value(units, Decimal(entry)))

    def stranger_order(self, symbol: str, side: Literal["buy", "sell"], units: int, price: Decimal | str, client_id: str = "") -> Order:
        """An order by hand in the same account."""
        order = self.place(symbol, side, units, Decimal(price), client_id=client_id)
        order.own = False
        return order

    def stranger_trade(self, symbol: str, side: Literal["buy", "sell"], units: int) -> Trade:
        """A trade by hand in the same account, at the touch."""
        order = self.place(symbol, side, units, None, tif="ioc")
        order.own = False
        return self.trades[-1]

    def settle_funding(self, symbol: str, rate: Decimal | str | None = None) -> Payment:
        """Pay (or take) one interval's funding now."""
        contract, quote = self.contracts[symbol], self.quotes[symbol]
        used = quote.funding_rate if rate is None else Decimal(rate)
        units = self.position(symbol).units
        received = -contract.value(units, quote.mark) * used
        self.deposit(contract.settle, received)
        payment = Payment(self.next_id(), symbol, received, used, units, quote.mark, self.clock_ms())
        self.payments.append(payment)
        return payment

    def liquidate(self, coin: str) -> None:
        """Close everything on this margin at its mark, once its equity no longer exceeds the maintenance margin. Nobody ends in debt."""
        held = {s: p.units for s, p in self.positions.items() if p.units and self.contracts[s].settle == coin}
        needed = sum((abs(self.contracts[s].value(units, self.quotes[s].mark)) for s, units in held.items()), ZERO) * self.maintenance_rate
        if not held or self.equity(coin) - needed > LEAST:
            return
        for order in [order for order in self.open_orders() if self.contracts[order.symbol].settle == coin]:
            self._end(order, "liquidation")
        for symbol, units in held.items():
            side: Literal["buy", "sell"] = "buy" if units < 0 else "sell"
            mark, now = self.quotes[symbol].mark, self.clock_ms()
            order = Order(self.next_id(), "", symbol, side, abs(units), mark, "ioc", False, True, now, now, own=False, why="liquidation")
            self.orders[order.id] = order
            self._fill(order, order.units, mark, maker=False, fee_rate=ZERO)
        self.wallets[coin] = max(ZERO, self.wallets[coin])

    @property
    def listed(self) -> dict[str, Contract]:
        return {symbol: contract for symbol, contract in self.contracts.items() if symbol not in self.delisted}

    def delist(self, symbol: str) -> None:
        self.delisted.add(symbol)

    # ── what the account shows ───────────────────────────────────────────────────────────────────────────────────────

    def position(self, symbol: str) -> Position:
        return self.positions.setdefault(symbol, Position())

    def leverage(self, symbol: str) -> int:
        return self.leverages.get(symbol, self.default_leverage)

    def entry(self, symbol: str) -> Decimal | None:
        held, contract = self.position(symbol), self.contracts[symbol]
        if not held.units:
            return None
        return held.units * contract.unit / held.cost if contract.kind == "inverse" else held.cost / (held.units * contract.unit)

    def unrealised(self, symbol: str) -> Decimal:
        held, contract = self.position(symbol), self.contracts[symbol]
        if not held.units:
            return ZERO
        value = contract.value(held.units, self.quotes[symbol].mark)
        return held.cost - value if contract.kind == "inverse" else value - held.cost

    def unrealised_in(self, coin: str) -> Decimal:
        return sum((self.unrealised(s) for s, p in self.positions.items() if p.units and self.contracts[s].settle == coin), ZERO)

    def equity(self, coin: str) -> Decimal:
        return self.wallets.get(coin, ZERO) + self.unrealised_in(coin)

    def margin_in(self, coin: str) -> Decimal:
        """Initial margin of positions and open orders, each contract at its worse side."""
        symbols = {s for s, p in self.positions.items() if p.units} | {o.symbol for o in self.orders.values() if o.status == "open"}
        return sum((self._margin(s) for s in symbols if self.contracts[s].settle == coin), ZERO)

    def available(self, coin: str) -> Decimal:
        return max(ZERO, self.equity(coin) - self.margin_in(coin))

    def average(self, order: Order) -> Decimal | None:
        if not order.filled:
            return None
        return order.filled / order.spent if self.contracts[order.symbol].kind == "inverse" else order.spent / order.filled

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        return [o for o in self.orders.values() if o.status == "open" and symbol in (None, o.symbol)]

    def done_orders(self, symbol: str | None = None) -> list[Order]:
        return [o for o in self.orders.values() if o.status != "open" and symbol in (None, o.symbol)]

    def by_client_id(self, client_id: str) -> list[Order]:
        return [o for o in self.orders.values() if client_id and o.client_id == client_id]

    # ── what the account does ────────────────────────────────────────────────────────────────────────────────────────

    def place(
        self,
        symbol: str,
        side: Literal["buy", "sell"],
        units: int,
        price: Decimal | None,
        *,
        client_id: str = "",
        tif: str = "gtc",
        post_only: bool = False,
        reduce_only: bool = False,
        on_cross: Literal["cancel", "reject", "reprice"] = "cancel",
    ) -> Order:
        """Take an order as a venue does; raise Refused with our word for why not."""
        contract = self.listed.get(symbol)
        if contract is None or symbol not in self.quotes:
            raise Refused("symbol")
        if self.frozen:
            raise Refused("frozen")
        known = self.by_client_id(client_id)
        if (self.unique_ids == "ever" and known) or (self.unique_ids == "open" and any(o.status == "open" for o in known)):
            raise Refused("duplicate")
        if not contract.min_units <= units <= contract.max_units:
            raise Refused("size")
        if price is not None and (price <= 0 or price % contract.tick):
            raise Refused("precision")
        now = self.clock_ms()
        order = Order(self.next_id(), client_id, symbol, side, units, price, tif, post_only, reduce_only, now, now)
        held = self.position(symbol).units
        if reduce_only and held * order.sign >= 0:
            raise Refused("reduce_only")
        if not reduce_only and self._margin(symbol, order) > self._margin(symbol) and self._short_of_margin(order):
            raise Refused("funds")
        if post_only and self._crosses(order):
            if on_cross == "reject":
                raise Refused("post_only")
            if on_cross == "reprice":
                quote = self.quotes[symbol]
                order.price = quote.ask - contract.tick if side == "buy" else quote.bid + contract.tick
        self.orders[order.id] = order
        self._tell(order)
        if post_only and self._crosses(order):
            self._end(order, "post_only")
        elif self._crosses(order) and (room := min(order.left, self._room(order))) and (tif != "fok" or room == order.left):
            self._fill(order, room, self.quotes[symbol].ask if side == "buy" else self.quotes[symbol].bid, maker=False)
            self._drain(order, room)
        if order.status == "open" and (tif in ("ioc", "fok") or price is None):
            self._end(order, "ioc")
        return order

    def cancel(self, order: Order | None, why: str = "user") -> Order:
        if order is None:
            raise Refused("no_order")
        if order.status != "open":
            raise Refused("done")
        self._end(order, why)
        return order

    def set_dead_man(self, span_ms: int, symbol: str = "") -> int:
        """Arm the switch, or disarm it with 0; the time at which it will fire, or 0."""
        self.dead_man.pop(symbol, None)
        if span_ms > 0:
            self.dead_man[symbol] = self.clock_ms() + span_ms
        return self.dead_man.get(symbol, 0)

    def fire_dead_man(self) -> None:
        for symbol in [symbol for symbol, due in self.dead_man.items() if self.clock_ms() >= due]:
            del self.dead_man[symbol]
            for order in self.open_orders(symbol or None):
                self._end(order, "dead_man")

    def set_leverage(self, symbol: str, leverage: int) -> None:
        if symbol not in self.listed:
            raise Refused("symbol")
        if not 1 <= leverage <= self.contracts[symbol].max_leverage:
            raise Refused("leverage")
        was = self.leverage(symbol)
        if was == leverage:
            raise Refused("unchanged")
        self.leverages[symbol] = leverage
        coin = self.contracts[symbol].settle
        if leverage < was and self.margin_in(coin) > self.equity(coin):
            self.leverages[symbol] = was
            raise Refused("leverage_margin")

    def book(self, symbol: str, most: int = 1000) -> tuple[Levels, Levels]:
        """Bids and asks as anybody sees them, best first: the touch, what a test put behind it, and every order that rests."""
        quote, sides = self.quotes[symbol], []
        for side, touch in (("buy", (quote.bid, quote.bid_units)), ("sell", (quote.ask, quote.ask_units))):
            levels = dict([touch, *self.behind.get((symbol, side), ())])
            for order in self.open_orders(symbol):
                if order.side == side and order.price is not None:
                    levels[order.price] = levels.get(order.price, 0) + order.left
            sides.append(sorted(levels.items(), reverse=side == "buy")[:most])
        return sides[0], sides[1]

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _crosses(self, order: Order) -> bool:
        quote = self.quotes[order.symbol]
        if order.price is None:
            return True
        return order.price >= quote.ask if order.side == "buy" else order.price <= quote.bid

    def _room(self, order: Order) -> int:
        quote = self.quotes[order.symbol]
        return quote.ask_units if order.side == "buy" else quote.bid_units

    def _drain(self, order: Order, units: int) -> None:
        quote = self.quotes[order.symbol]
        if order.side == "buy" and quote.ask_units < FOREVER_UNITS:
            quote.ask_units -= units
        if order.side == "sell" and quote.bid_units < FOREVER_UNITS:
            quote.bid_units -= units

    def _margin(self, symbol: str, extra: Order | None = None) -> Decimal:
        contract, held = self.contracts[symbol], self.position(symbol).units
        waiting = [o for o in self.open_orders(symbol) if not o.reduce_only] + ([extra] if extra else [])
        longest = held + sum(o.left for o in waiting if o.side == "buy")
        shortest = held - sum(o.left for o in waiting if o.side == "sell")
        worst = max(abs(held), longest, -shortest)
        return contract.value(worst, self.quotes[symbol].mark) / self.leverage(symbol)

    def _short_of_margin(self, order: Order) -> bool:
        coin = self.contracts[order.symbol].settle
        needed = self.margin_in(coin) - self._margin(order.symbol) + self._margin(order.symbol, order)
        return needed > self.equity(coin)

    def _fill(self, order: Order, units: int, price: Decimal, *, maker: bool, fee_rate: Decimal | None = None) -> None:
        contract, held = self.contracts[order.symbol], self.position(order.symbol)
        if order.reduce_only:
            units = min(units, abs(held.units) if held.units * order.sign < 0 else 0)
        if units:
            realised = self._move(contract, held, order.sign * units, price)
            rate = fee_rate if fee_rate is not None else self.maker_fee if maker else self.taker_fee
            fee = contract.value(units, price) * rate
            self.deposit(contract.settle, realised - fee)
            order.filled += units
            order.spent += Decimal(units) / price if contract.kind == "inverse" else units * price
            order.fee += fee
            order.updated_ms = self.clock_ms()
            self.trades.append(
                Trade(
                    self.next_id(),
                    order.id,
                    order.client_id,
                    order.symbol,
                    order.side,
                    units,
                    price,
                    fee,
                    rate,
                    maker,
                    order.updated_ms,
                    realised,
                    order.why == "liquidation",
                )
            )
        if not order.left:
            order.status = "filled"
            self._tell(order)
        elif order.reduce_only and self.position(order.symbol).units * order.sign >= 0:
            self._end(order, "reduce_only")
        else:
            self._tell(order)

    @staticmethod
    def _move(contract: Contract, held: Position, units: int, price: Decimal) -> Decimal:
        """Change the position and return what was realised."""
        closing = 0 if held.units * units >= 0 else min(abs(held.units), abs(units)) * (1 if units > 0 else -1)
        realised = ZERO
        if closing:
            entered = held.cost * -closing / held.units  # the part of the cost that leaves
            value = contract.value(-closing, price)
            realised = entered - value if contract.kind == "inverse" else value - entered
            held.cost -= entered
            held.units += closing
        opening = units - closing
        held.units += opening
        held.cost += contract.value(opening, price)
        if not held.units:
            held.cost = ZERO
        held.realised += realised
        return realised

    def _end(self, order: Order, why: str) -> None:
        order.status, order.why, order.updated_ms = "cancelled", why, self.clock_ms()
        self._tell(order)

    def _tell(self, order: Order) -> None:
        for tell in list(self.order_watchers):
            tell(order)
