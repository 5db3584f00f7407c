"""In which world do the core's tests live? Instruments, rules, snapshots, and a venue without lag or noise, all in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.core import contracts
from bot.core.decide import decide
from bot.core.decision import Approved, Decision
from bot.core.events import CancelAsked, CommandGiven, DecisionMade, Event, IntentRecorded, OrderMoved, RunStarted
from bot.core.ledger import fold
from bot.core.machine import order_path
from bot.core.memory import State
from bot.core.model import (
    Basis,
    Depth,
    Fill,
    FundingPayment,
    Instrument,
    Kind,
    Levels,
    Margin,
    Order,
    OrderStatus,
    Position,
    Quote,
    Side,
    Snapshot,
    View,
)
from bot.core.reconcile import reconcile
from bot.core.rules import Band, ExecutionRule, Foreign, LegRule, RiskRule, Rules

D = Decimal
NOW_MS = 1_772_366_400_000
MONO_MS = 1_000_000
CYCLE_MS = 5_000
LEVERAGE = D(1)

BTC = Instrument("BTC/USD:BTC", "BTC", Kind.INVERSE, "BTC", D(100), D("0.5"), D("0.0002"), D("0.0005"), D("0.005"))
ETH = replace(BTC, symbol="ETH/USD:ETH", asset="ETH", settle="ETH", contract_size=D(10), tick=D("0.05"))
SOL = Instrument("SOL/USDT:USDT", "SOL", Kind.LINEAR, "USDT", D("0.1"), D("0.01"), D("0.0002"), D("0.0005"), D("0.01"))
XRP = replace(SOL, symbol="XRP/USDT:USDT", asset="XRP", contract_size=D(10), tick=D("0.0001"))

BAND = Band(D("0.995"), D(1), D(1), D("1.005"))
EXECUTION = ExecutionRule(30_000, 10, 120_000, D("0.002"), D(100_000), D(100), 10_000)
RISK = RiskRule(D(2), D(3), D(1_000_000), D(2_000_000), 20, D("0.01"), 15_000, allow_over_hedge=False)


def leg_rule(instrument: Instrument = BTC, ratio: str = "1", basis: Basis = Basis.COINS, band: Band = BAND) -> LegRule:
    return LegRule(instrument.asset, instrument.symbol, basis, D(ratio), band)


def rules(
    *legs: LegRule,
    execution: ExecutionRule = EXECUTION,
    risk: RiskRule = RISK,
    foreign: Foreign = Foreign.HALT,
    live: bool = True,
    absence: tuple[int, int] = (3, 60_000),
) -> Rules:
    return Rules("1", "main", "paper", None, live, legs or (leg_rule(),), execution, risk, foreign, *absence)


def started(rules: Rules, *, armed: bool = True, adopt: bool = False, state: State | None = None, epoch: int = 1) -> State:
    event = RunStarted("run", "0", epoch, "hash", rules, rules.live, armed, adopt, NOW_MS)
    return fold(state or State("main", "aa"), event)


def quote_of(instrument: Instrument, mark: Decimal, at_ms: int = NOW_MS, half: Decimal | None = None) -> Quote:
    """A book of two ticks around the mark."""
    half = instrument.tick if half is None else half
    return Quote(instrument.symbol, mark, mark, mark - half, mark + half, D("0.0001"), at_ms)


def said(name: str, **fields: object) -> CommandGiven:
    return CommandGiven(name, "test", NOW_MS, **fields)  # type: ignore[arg-type]


def folded(state: State, events: Sequence[Event]) -> State:
    for event in events:
        state = fold(state, event)
    return state


@dataclass(slots=True)
class Account:
    """One contract at a venue that never lags: orders rest until `trade` fills them, and books hold to the last digit."""

    instrument: Instrument
    wallet: Decimal
    mark: Decimal
    short: int = 0
    entry: Decimal | None = None
    fees: bool = False
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    funding: list[FundingPayment] = field(default_factory=list)
    leverage: Decimal = LEVERAGE
    book_shown: tuple[Levels, Levels] | None = None  # bids and asks
    touch: tuple[Decimal, Decimal] | None = None  # bid and ask, where they are not a tick off the mark
    cancels: bool = True  # False: cancels are taken and not carried out

    def equity(self) -> Decimal:
        if not self.short or self.entry is None:
            return self.wallet
        return self.wallet + contracts.unrealised(self.instrument, self.short, self.entry, self.mark)

    def open(self) -> list[Order]:
        return [order for order in self.orders.values() if not order.status.terminal]

    def place(self, order: Approved, now_ms: int) -> Order:
        shown = Order(
            order.client_id,
            f"v{len(self.orders)}",
            order.symbol,
            order.side,
            order.contracts,
            0,
            order.limit_price,
            OrderStatus.OPEN,
            order.reduce_only,
            order.post_only,
            now_ms,
        )
        assert order.client_id not in self.orders, "a client id is used once"
        self.orders[order.client_id] = shown
        if not order.post_only:
            self.trade(now_ms)
        return self.orders[order.client_id]

    def cancel(self, client_id: str) -> None:
        order = self.orders[client_id]
        if self.cancels and not order.status.terminal:
            self.orders[client_id] = replace(order, status=OrderStatus.CANCELLED)

    def trade(self, now_ms: int, most: int | None = None) -> None:
        for order in self.open():
            count = order.contracts - order.filled if most is None else min(most, order.contracts - order.filled)
            self.book(order.side, count, order.limit_price, now_ms, order.client_id)
            filled = order.filled + count
            status = OrderStatus.FILLED if filled == order.contracts else OrderStatus.PARTIAL
            self.orders[order.client_id] = replace(order, filled=filled, status=status)

    def book(self, side: Side, count: int, price: Decimal, now_ms: int, client_id: str = "") -> Fill:
        """A trade, ours or somebody else's."""
        change = -side.sign * count
        closing = self.short * change < 0
        assert not closing or abs(change) <= abs(self.short), "no trade crosses zero"
        if closing and self.entry is not None:
            self.wallet += contracts.unrealised(self.instrument, count if self.short > 0 else -count, self.entry, price)
        elif self.short and self.entry is not None:
            self.entry = contracts.average_entry(self.instrument, abs(self.short), self.entry, count, price)
        else:
            self.entry = price
        self.short += change
        if self.short == 0:
            self.entry = None
        fee = contracts.fee(self.instrument, count, price, self.instrument.maker_fee_rate) if self.fees else D(0)
        self.wallet -= fee
        fill = Fill(f"t{len(self.fills)}", client_id, self.instrument.symbol, side, count, price, fee, True, now_ms)
        self.fills.append(fill)
        return fill

    def settle_funding(self, rate: Decimal, at_ms: int) -> None:
        coins = contracts.funding(self.instrument, self.short, self.mark, rate)
        self.wallet += coins
        self.funding.append(FundingPayment(f"f{at_ms}", self.instrument.symbol, rate, self.mark, coins, at_ms))

    def quote(self, now_ms: int) -> Quote:
        quote = quote_of(self.instrument, self.mark, now_ms)
        return quote if self.touch is None else replace(quote, bid=self.touch[0], ask=self.touch[1])

    def view(self, now_ms: int, **changed: object) -> View:
        symbol, instrument = self.instrument.symbol, self.instrument
        shown = View(
            instrument,
            self.quote(now_ms),
            Position(symbol, -self.short, self.entry, self.leverage, now_ms),
            Margin(instrument.settle, self.wallet, self.equity(), now_ms),
            tuple(self.open()),
            tuple(self.orders.values()),
            tuple(self.fills),
            tuple(self.funding),
            depth=None if self.book_shown is None else Depth(*self.book_shown, now_ms),
        )
        return replace(shown, **changed)  # type: ignore[arg-type]


@dataclass(slots=True)
class World:
    """A bot, its accounts and its bag, one turn at a time."""

    rules: Rules
    accounts: list[Account]
    bag: dict[str, Decimal]
    state: State
    now_ms: int = NOW_MS + CYCLE_MS
    mono_ms: int = MONO_MS
    fill: bool = True
    placed: list[Approved] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def account(self, asset: str = "BTC") -> Account:
        return next(account for account in self.accounts if account.instrument.asset == asset)

    def snapshot(self, **changed: object) -> Snapshot:
        views = []
        for account in self.accounts:
            leg = self.state.leg(account.instrument.asset)
            view = account.view(self.now_ms)
            known = () if leg.working is None else (leg.working.order.client_id,)
            views.append(replace(view, found=tuple(order for order in view.found or () if order.client_id in known)))
        margins = [view.margin for view in views if view.margin is not None]
        for at, view in enumerate(views):  # accounts that settle in one currency are one account
            same = [margin for margin in margins if margin.currency == view.instrument.settle]
            wallet, equity = sum((m.wallet for m in same), D(0)), sum((m.equity for m in same), D(0))
            views[at] = replace(view, margin=Margin(view.instrument.settle, wallet, equity, self.now_ms))
        return replace(Snapshot(self.now_ms, self.mono_ms, tuple(views), tuple(self.bag.items())), **changed)  # type: ignore[arg-type]

    def note(self, *events: Event) -> None:
        self.events += events
        self.state = folded(self.state, events)

    def say(self, name: str, **fields: object) -> None:
        self.note(said(name, **fields))

    def turn(self, seen: Snapshot | None = None) -> Decision:
        """One turn of the engine, with nothing but the core in it."""
        self.now_ms += CYCLE_MS
        self.mono_ms += CYCLE_MS
        if self.fill:
            for account in self.accounts:
                account.trade(self.now_ms - 1)
        seen = self.snapshot() if seen is None else self.shown_again(seen)
        self.note(*reconcile(self.state, seen, self.rules))
        decision = decide(self.state, seen, self.rules)
        armed = self.state.armed
        self.note(DecisionMade(self.state, seen, "hash", decision))
        for cancel in decision.cancels:
            self.account(cancel.asset).cancel(cancel.client_id)
            self.note(CancelAsked(cancel.client_id, cancel.symbol, cancel.why, self.now_ms, self.mono_ms))
        for order in decision.orders:
            status = OrderStatus.INTENT if armed else OrderStatus.DRY_RUN
            self.note(IntentRecorded(order, self.state.epoch, decision.cycle, status, self.now_ms, self.mono_ms))
            if armed:
                self.placed.append(order)
                self.outcome(order, self.account(order.asset).place(order, self.now_ms))
        self.decisions.append(decision)
        return decision

    def shown_again(self, seen: Snapshot) -> Snapshot:
        """The same, as an answer of now."""
        views = [
            replace(
                view,
                position=view.position and replace(view.position, at_ms=self.now_ms),
                margin=view.margin and replace(view.margin, at_ms=self.now_ms),
            )
            for view in seen.views
        ]
        return replace(seen, views=tuple(views), now_ms=self.now_ms, mono_ms=self.mono_ms)

    def outcome(self, order: Approved, shown: Order) -> None:
        was = OrderStatus.INTENT
        for now in order_path(OrderStatus.INTENT, shown.status):
            self.note(
                OrderMoved(
                    order.client_id, order.symbol, was, now, shown.filled, "", self.now_ms, self.mono_ms, shown.venue_id, order.asset
                )
            )
            was = now

    def turns(self, most: int) -> Decision:
        """Until everything is aligned, at most `most` turns."""
        decision = self.turn()
        for _ in range(most - 1):
            if all(leg.aligned for leg in decision.legs):
                break
            decision = self.turn()
        return decision

    def value_usd(self, asset: str = "BTC") -> Decimal:
        """V = P*S + P*Q."""
        account = self.account(asset)
        return account.mark * self.bag[asset] + contracts.margin_usd(account.instrument, account.equity(), account.mark)


def world(
    *accounts: Account, rules: Rules, bag: dict[str, Decimal] | None = None, armed: bool = True, adopt: bool = True, fill: bool = True
) -> World:
    """A bot that has had its first look: it is in charge, and the next turn may trade."""
    coins = bag or {account.instrument.asset: D(0) for account in accounts}
    made = World(rules, list(accounts), coins, started(rules, armed=armed, adopt=adopt), fill=fill)
    made.turn()
    return made


def hedged(
    spot: str = "0",
    wallet: str = "5",
    short_usd: int = 300_000,
    mark: str = "60000",
    ratio: str = "1",
    *,
    risk: RiskRule = RISK,
    basis: Basis = Basis.COINS,
    band: Band = BAND,
    execution: ExecutionRule = EXECUTION,
    fill: bool = True,
    **ruled: object,
) -> World:
    """One BTC leg with a short opened at `mark` and taken over."""
    entry = D(mark) if short_usd else None
    account = Account(BTC, D(wallet), D(mark), short_usd // 100, entry)
    said_rules = rules(leg_rule(ratio=ratio, basis=basis, band=band), risk=risk, execution=execution, **ruled)  # type: ignore[arg-type]
    return world(account, rules=said_rules, bag={"BTC": D(spot)}, fill=fill)
