"""What happens at the paper exchange? The venue itself, in memory: prices move, orders trade, margin is kept or lost.

It knows nothing of ports, faults, latency or databases: it changes its state and remembers in `Changes` which parts of it changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from adapters.exchanges import paper_contracts
from adapters.exchanges.paper_feed import Feed
from adapters.exchanges.paper_ledger import Carried, Leg, Market, Spot, VenueOrder, Wallet, coins, units_down
from adapters.exchanges.paper_matching import Matching, eaten_key
from bot.core import contracts
from bot.core.model import Fill, FundingPayment, Instrument, OrderStatus, Side
from bot.ports import Refused

RECENT_MS: Final = 120_000
KEPT: Final = 512  # fills, payments and ended orders kept in memory; older ones are read from the database
HOUR_MS: Final = 3_600_000
NEVER_MS: Final = 1 << 62


@dataclass(slots=True)
class Changes:
    """What must be written before the venue may answer. Keys are symbols, currencies, assets and order numbers."""

    orders: dict[int, VenueOrder] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    wallets: dict[str, Wallet] = field(default_factory=dict)
    fills: list[tuple[int, Fill]] = field(default_factory=list)
    payments: list[tuple[int, FundingPayment]] = field(default_factory=list)
    spots: dict[str, Spot] = field(default_factory=dict)
    carried: list[Carried] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.orders or self.legs or self.wallets or self.fills or self.payments or self.spots)


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as it arrives at the venue, ours or a stranger's."""

    client_id: str
    symbol: str
    side: Side
    contracts: int
    limit_price: Decimal
    reduce_only: bool
    post_only: bool
    rests: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """What a series of settlements of one contract paid: units of each, and each payment once it is asked for."""

    leg: Leg
    due: Sequence[tuple[Decimal, Decimal, int]]
    units: Sequence[int]
    before: tuple[Decimal, Decimal]  # wallet and funding in USD

    @property
    def coins(self) -> Decimal:
        return coins(sum(self.units))

    def payment(self, place: int) -> FundingPayment:
        return self.leg.payment(*self.due[place], self.units[place])


class Venue:
    def __init__(self, specs: Mapping[str, Instrument], matching: Matching) -> None:
        self.specs = specs
        self.matching = matching
        self.feed: Feed | None = None
        self.now_ms = 0
        self.next_seq = 1
        self.markets: dict[str, Market] = {}
        self.wallets: dict[str, Wallet] = {}
        self.legs: dict[str, Leg] = {}
        self.spots: dict[str, Spot] = {}
        self.carried: dict[str, Carried] = {}  # every transfer by its id: they are few
        self.ended: dict[int, VenueOrder] = {}  # the latest of them
        self.by_client_id: dict[str, VenueOrder] = {}  # of every order in memory
        self.changes = Changes()
        self._next_settlement_ms = 0

    # ------------------------------------------------------------------------------------------------------------ the parts

    def leg(self, symbol: str) -> Leg:
        """The account's side of one contract, made when first used."""
        leg = self.legs.get(symbol)
        if leg is None:
            spec = paper_contracts.find(self.specs, symbol)
            market = self.markets[spec.asset]
            wallet = self.wallet(spec.settle)
            leg = self.legs[symbol] = Leg(spec, market, wallet, funded_ms=self.now_ms)
            market.legs.append(leg)
            wallet.legs.append(leg)
            self._next_settlement_ms = 0  # its interval may be the shortest
        return leg

    def wallet(self, currency: str) -> Wallet:
        wallet = self.wallets.get(currency)
        if wallet is None:
            wallet = self.wallets[currency] = Wallet(currency)
        return wallet

    def remember(self, order: VenueOrder) -> None:
        if order.client_id:
            self.by_client_id[order.client_id] = order
        if not order.alive:
            self.ended[order.seq] = order
            if len(self.ended) > KEPT:
                oldest = self.ended.pop(next(iter(self.ended)))
                self.by_client_id.pop(oldest.client_id, None)

    # ------------------------------------------------------------------------------------------------------------ time and price

    def advance(self, now_ms: int) -> None:
        """Let everything happen that happened up to now. Time never runs backwards."""
        if now_ms <= self.now_ms:
            return
        if self.feed is None:
            self.now_ms = now_ms
            return
        for one in self.feed.prints(self.now_ms, now_ms):
            self._settle_before(one.at_ms)
            self.print(one.asset, one.price, one.at_ms)
        self._settle_before(now_ms + 1)
        self.now_ms = now_ms

    def print(self, asset: str, price: Decimal, at_ms: int) -> None:
        """One print: mark to it, match what rests, liquidate."""
        market = self.markets.get(asset)
        if market is None:
            return
        if not price > 0:
            raise ValueError(f"a print of {asset} at {price}: a price must be positive")
        was, market.price, market.at_ms, market.listed = market.price, price, at_ms, True
        self.now_ms = max(self.now_ms, at_ms)
        for leg in market.legs:
            leg.quote = None
            leg.wallet.margin = None
            if leg.eaten:
                leg.eaten = {}
                self.changes.legs[leg.spec.symbol] = leg
            if leg.orders:
                for order, count in self.matching.reached(leg, was):
                    self.changes.orders[order.seq] = order
                    if order.alive and count:
                        self._trade(leg, order, min(count, order.remaining), order.limit_price, maker=True)
            if leg.position and not leg.wallet.alive():
                self._liquidate(leg.wallet)

    def settle(self, asset: str, rate: Decimal, at_ms: int) -> None:
        """Funding of every contract of the asset, at the mark of now."""
        market = self.markets[asset]
        market.pushed_rate = rate
        for leg in market.legs:
            leg.quote = None
            self._settle_leg(leg, rate, at_ms)

    def settle_series(self, asset: str, due: Sequence[tuple[Decimal, Decimal, int]]) -> "Settled":
        """As a print and a settlement for each (price, rate, at_ms) in turn, none of which fills or liquidates anything: the caller knows.
        Only those are remembered that a look at the newest may show again."""
        market = self.markets[asset]
        (leg,) = market.legs
        before = coins(leg.wallet.units), leg.totals.funding_usd
        paid = leg.fund_each(due) if leg.position else [0] * len(due)
        price, market.pushed_rate, last_ms = due[-1]
        payments = [(one, units) for one, units in zip(due, paid, strict=True) if units]
        if payments:
            since_ms = payments[-1][0][2] - RECENT_MS
            leg.payments += [leg.payment(*one, units) for one, units in payments if one[2] >= since_ms]
            leg.payments_from_ms = max(leg.payments_from_ms, since_ms)
            self.next_seq += len(payments)
            self.changes.legs[leg.spec.symbol] = leg
            self.changes.wallets[leg.wallet.currency] = leg.wallet
        self.print(asset, price, last_ms)
        return Settled(leg, due, paid, before)

    def _settle_leg(self, leg: Leg, rate: Decimal, at_ms: int) -> None:
        payment = leg.fund(rate, at_ms) if leg.position else None
        if payment is None:
            return
        leg.payments.append(payment)
        if len(leg.payments) > 2 * KEPT:
            leg.payments_from_ms = leg.payments[KEPT - 1].at_ms + 1
            del leg.payments[:KEPT]
        self.changes.payments.append((self._seq(), payment))
        self.changes.legs[leg.spec.symbol] = leg
        self.changes.wallets[leg.wallet.currency] = leg.wallet
        if not leg.wallet.alive():
            self._liquidate(leg.wallet)

    def _settle_before(self, until_ms: int) -> None:
        """Every settlement of the grid that is due before this moment, in the order of time."""
        feed = self.feed
        while feed is not None and self._next_settlement_ms < until_ms:
            due, earliest = self._next_settlement_ms, NEVER_MS
            self.now_ms = max(self.now_ms, due)
            for leg in list(self.legs.values()):
                every_ms = leg.spec.funding_interval_hours * HOUR_MS
                if due and due % every_ms == 0:
                    rate = feed.funding_rate(leg.spec.asset, due)
                    if rate is not None:
                        self._settle_leg(leg, rate, due)
                earliest = min(earliest, (self.now_ms // every_ms + 1) * every_ms)
            if earliest == NEVER_MS:
                return
            self._next_settlement_ms = earliest

    def running_rate(self, leg: Leg) -> Decimal | None:
        """The funding rate of the running interval: the feed's, else the one last settled."""
        if self.feed is None:
            return leg.market.pushed_rate
        every_ms = leg.spec.funding_interval_hours * HOUR_MS
        return self.feed.funding_rate(leg.spec.asset, (self.now_ms // every_ms + 1) * every_ms)

    # ------------------------------------------------------------------------------------------------------------ orders

    def accept(self, ticket: Ticket, *, rejected: str = "") -> VenueOrder:
        """Take an order in. Whatever becomes of it, its client id is used from now on; a rejected one says why and with what code."""
        leg = self.leg(ticket.symbol)
        order = VenueOrder(
            seq=self._seq(),
            client_id=ticket.client_id,
            symbol=ticket.symbol,
            side=ticket.side,
            contracts=ticket.contracts,
            limit_price=ticket.limit_price,
            reduce_only=ticket.reduce_only,
            post_only=ticket.post_only,
            rests=ticket.rests,
            at_ms=self.now_ms,
        )
        self.changes.orders[order.seq] = order
        try:
            if rejected:
                raise Refused(rejected, code="rejected")
            self._check(leg, order)
        except Refused as refusal:
            order.status, order.why, order.code = OrderStatus.REJECTED, str(refusal), refusal.code
            self.remember(order)
            return order
        self.remember(order)
        if not order.post_only:
            self._take(leg, order)
        if order.alive:
            if order.rests:
                order.ahead = self.matching.queue(leg, order.side, order.limit_price)
                leg.orders.append(order)
                leg.shown_orders = None
                self._trim(leg)
            else:
                self._end(leg, order, OrderStatus.EXPIRED, "immediate-or-cancel: nothing more within the limit")
        if not leg.wallet.alive():
            self._liquidate(leg.wallet)
        return order

    def cancel(self, order: VenueOrder, why: str) -> None:
        if order.alive:
            self._end(self.legs[order.symbol], order, OrderStatus.CANCELLED, why)

    def others_trade(self, symbol: str, side: Side, count: int, price: Decimal) -> None:
        """Strangers trade `count` contracts at `price`, `side` attacking. Resting orders of ours in the way take part: better-priced
        ones first, those at `price` itself after the contracts ahead of them."""
        leg = self.leg(symbol)
        facing = [order for order in leg.orders if order.side is not side and (order.limit_price - price) * side.sign <= 0]
        for order in sorted(facing, key=lambda one: (one.limit_price * side.sign, one.seq)):
            if not order.alive:  # trimmed away by the trade before
                continue
            ahead = order.ahead if order.limit_price == price else 0
            filled = min(order.remaining, max(0, count - ahead))
            order.ahead = max(0, ahead - count)
            self.changes.orders[order.seq] = order
            count -= filled
            if filled:
                self._trade(leg, order, filled, order.limit_price, maker=True)
        if not leg.wallet.alive():
            self._liquidate(leg.wallet)

    def set_leverage(self, symbol: str, leverage: int) -> None:
        leg = self.leg(symbol)
        if not 1 <= leverage <= 100:
            raise Refused(f"leverage {leverage} of {symbol} is outside 1..100", code="leverage")
        if leverage == leg.leverage:
            return
        was, leg.leverage = leg.leverage, leverage
        if leverage < was and leg.wallet.initial_margin() > leg.wallet.equity():
            leg.leverage = was
            raise Refused(f"insufficient margin to lower the leverage of {symbol} from {was} to {leverage}", code="margin")
        leg.shown_position = None
        self.changes.legs[symbol] = leg

    def deposit(self, currency: str, amount: Decimal) -> None:
        """Coins in (positive) or out. Raise Refused if what is left would not carry positions and orders."""
        wallet = self.wallet(currency)
        units = units_down(amount)
        if units < 0 and (wallet.units + units < 0 or wallet.equity() + coins(units) < wallet.initial_margin()):
            raise Refused(
                f"{-amount} {currency} cannot be withdrawn: the wallet holds {coins(wallet.units)}, margin is in use", code="margin"
            )
        wallet.units += units
        wallet.deposited += units
        wallet.margin = None
        self.changes.wallets[currency] = wallet

    def transfer(self, transfer_id: str, currency: str, amount: Decimal) -> None:
        """Coins from the spot wallet into the account (positive), or back, at once and together. A transfer of this id that was made is
        not made again. Raise Refused if the wallet does not hold them, or the account cannot spare them."""
        if transfer_id in self.carried:
            return
        units, spot = units_down(amount), self.spots.setdefault(currency, Spot(currency))
        if units > spot.units:
            raise Refused(f"the spot wallet holds {coins(spot.units)} {currency}, and {amount} were asked for", code="balance")
        self.deposit(currency, amount)
        spot.units -= units
        done = self.carried[transfer_id] = Carried(transfer_id, currency, units, self.now_ms)
        self.changes.spots[currency] = spot
        self.changes.carried.append(done)

    def _check(self, leg: Leg, order: VenueOrder) -> None:
        """Raise Refused with the venue's code where the order may not stand."""
        spec = leg.spec
        if not leg.market.listed:
            raise Refused(f"{spec.symbol} is not traded yet", code="not-listed")
        if order.contracts < max(1, spec.min_contracts):
            raise Refused(f"{order.contracts} contracts: the least is {max(1, spec.min_contracts)}", code="contracts")
        if order.limit_price <= 0 or order.limit_price % spec.tick:
            raise Refused(f"price {order.limit_price} is not a positive multiple of the tick {spec.tick}", code="tick")
        if contracts.notional_usd(spec, order.contracts, order.limit_price) < spec.min_notional_usd:
            raise Refused(f"{order.contracts} contracts are worth less than {spec.min_notional_usd} USD", code="min-notional")
        bid, ask = self.matching.touch.of(spec, leg.market.price)
        crosses = order.limit_price >= ask if order.side is Side.BUY else order.limit_price <= bid
        if order.post_only and crosses:
            raise Refused(f"post-only would take: {order.side} at {order.limit_price}, bid {bid}, ask {ask}", code="post-only")
        if order.reduce_only:
            promised = sum(other.remaining for other in leg.orders if other.reduce_only and other.side is order.side)
            closable = max(0, -leg.position * order.side.sign) - promised
            if order.contracts > closable:
                raise Refused(
                    f"reduce-only would grow: {order.side} {order.contracts} with position {leg.position} and {promised} already on offer",
                    code="reduce-only",
                )
            return
        before = leg.worst_contracts()
        leg.orders.append(order)
        after = leg.worst_contracts()
        needed = leg.wallet.initial_margin()
        leg.orders.pop()
        if after > before and needed > (equity := leg.wallet.equity()):
            raise Refused(
                f"insufficient margin: {needed:.8f} {spec.settle} needed at leverage {leg.leverage}, equity is {equity:.8f}", code="margin"
            )

    def _take(self, leg: Leg, order: VenueOrder) -> None:
        """Trade what crosses, from the best level on."""
        maker = Side.SELL if order.side is Side.BUY else Side.BUY
        for price, offered in self.matching.offers(leg, order.side):
            if not order.alive or (price > order.limit_price if order.side is Side.BUY else price < order.limit_price):
                return
            count = order.remaining if offered is None else min(order.remaining, offered)
            if offered is not None:
                key = eaten_key(maker, price)
                leg.eaten[key] = leg.eaten.get(key, 0) + count
            self._trade(leg, order, count, price, maker=False)

    def _trade(self, leg: Leg, order: VenueOrder, count: int, price: Decimal, *, maker: bool) -> None:
        fee = leg.book(order.side, count, price, leg.spec.maker_fee_rate if maker else leg.spec.taker_fee_rate)
        order.filled += count
        order.status = OrderStatus.PARTIAL
        order.changed()
        self.changes.orders[order.seq] = order
        leg.shown_orders = None
        self._record(leg, order.client_id, order.side, count, price, fee, maker=maker)
        if order.remaining == 0:
            self._end(leg, order, OrderStatus.FILLED, order.why)
        self._trim(leg)

    def _record(
        self, leg: Leg, client_id: str, side: Side, count: int, price: Decimal, fee: int, *, maker: bool, liquidation: bool = False
    ) -> None:
        seq = self._seq()
        fill = Fill(
            trade_id=f"t{seq}",
            client_id=client_id,
            symbol=leg.spec.symbol,
            side=side,
            contracts=count,
            price=price,
            fee_coins=coins(fee),
            maker=maker,
            at_ms=self.now_ms,
            liquidation=liquidation,
        )
        leg.fills.append(fill)
        if len(leg.fills) > 2 * KEPT:
            leg.fills_from_ms = leg.fills[KEPT - 1].at_ms + 1
            del leg.fills[:KEPT]
        self.changes.fills.append((seq, fill))
        self.changes.legs[leg.spec.symbol] = leg
        self.changes.wallets[leg.wallet.currency] = leg.wallet

    def _end(self, leg: Leg, order: VenueOrder, status: OrderStatus, why: str) -> None:
        order.status, order.why = status, why
        order.changed()
        if order in leg.orders:
            leg.orders.remove(order)
        leg.shown_orders = None
        self.changes.orders[order.seq] = order
        self.remember(order)

    def _trim(self, leg: Leg) -> None:
        """Resting reduce-only orders may together close the position and no more; the oldest go first."""
        left = {Side.BUY: max(0, -leg.position), Side.SELL: max(0, leg.position)}
        for order in list(leg.orders):
            if not order.reduce_only:
                continue
            allowed = min(order.remaining, left[order.side])
            left[order.side] -= allowed
            if allowed == order.remaining:
                continue
            if allowed == 0:
                self._end(leg, order, OrderStatus.CANCELLED, "reduce-only: nothing left to reduce")
            else:
                order.contracts, order.why = order.filled + allowed, "reduce-only: trimmed to the position"
                order.changed()
                leg.shown_orders = None
                self.changes.orders[order.seq] = order

    def _liquidate(self, wallet: Wallet) -> None:
        """Equity fell to the maintenance margin: cancel the currency's orders, close its positions at mark. The venue bears what
        the wallet cannot."""
        for leg in wallet.legs:
            for order in list(leg.orders):
                self._end(leg, order, OrderStatus.CANCELLED, "liquidation")
        for leg in wallet.legs:
            if not leg.position:
                continue
            side = Side.BUY if leg.position < 0 else Side.SELL
            count = abs(leg.position)
            leg.totals.liquidated = True
            fee = leg.book(side, count, leg.market.price, leg.spec.taker_fee_rate)
            self._record(leg, "", side, count, leg.market.price, fee, maker=False, liquidation=True)
        if wallet.units < 0:
            wallet.insured -= wallet.units
            wallet.units = 0
        wallet.margin = None
        self.changes.wallets[wallet.currency] = wallet

    def _seq(self) -> int:
        seq, self.next_seq = self.next_seq, self.next_seq + 1
        return seq
