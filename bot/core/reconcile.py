"""What happened since the last look? The difference between what we remember and what the venue shows, as events.

Nothing is repaired here: fills, fundings and order ends are counted once, transfers are recognised, and what own trades do not explain is
named. A missing part explains nothing and changes nothing.
"""

from decimal import Decimal, localcontext
from typing import Final

from bot.core import bag, contracts, ledger, machine, pin, trust
from bot.core.events import (
    AlertRaised,
    BagDeclared,
    BalanceSeen,
    CoinsMoved,
    ContractChanged,
    ContractPinned,
    Event,
    FillSeen,
    FundingSeen,
    Halted,
    LegHalted,
    LookedInVain,
    PositionUnexplained,
    QueueSeen,
    TookCharge,
    TransferMoved,
    TransferSought,
    order_moved,
)
from bot.core.exposure import spot_coins
from bot.core.memory import LegState, Moving, State, Working
from bot.core.model import ONE, ZERO, Fill, Instrument, Kind, Margin, Order, OrderStatus, Position, Snapshot, TransferStatus, View
from bot.core.planner import is_ours, is_tagged
from bot.core.queue import standing
from bot.core.risk import quote_problem
from bot.core.rules import Foreign, Rules

DUST: Final = Decimal("0.000001")  # of the wallet, at least of one coin: the venue's rounding, not a transfer
FEE_DOUBT: Final = Decimal("0.001")  # of the notional of a fill whose fee the venue does not tell: so much may be fee, and is no transfer
MOST_REPEATS: Final = 10  # orders in a row that traded and brought the hedge no nearer: then only a person lets it go on
UNEXPLAINED_LOOKS: Final = 3  # so many looks in a row, lasting max_data_age, halt the account


def reconcile(state: State, seen: Snapshot, rules: Rules) -> tuple[Event, ...]:
    """Events of every leg, in the order in which they are to be folded."""
    return reconciled(state, seen, rules)[1]


def reconciled(state: State, seen: Snapshot, rules: Rules) -> tuple[State, tuple[Event, ...]]:
    """The same, with the state that they lead to."""
    with localcontext(contracts.CONTEXT):
        seen = trust.sane(seen, rules.risk.max_data_age_ms)
        events: list[Event] = []
        for rule in rules.legs:
            view = seen.view(rule.symbol)
            if view is not None:
                reading = Reading(state, rule.asset, view, seen, rules)
                events += reading.events()
                state = reading.state
        return state, tuple(events)


def adoption_needed(state: State, seen: Snapshot, rules: Rules) -> tuple[str, ...]:
    """Legs with a short that this database did not open, which an armed bot may take over only on the operator's word."""
    if not state.armed or state.adopt:
        return ()
    views = {rule.asset: seen.view(rule.symbol) for rule in rules.legs if state.leg(rule.asset).contracts is None}
    return tuple(
        f"{view.instrument.symbol} holds {view.position.contracts} contracts"
        for view in views.values()
        if view is not None and view.position is not None and view.position.contracts < 0
    )


class Reading:
    """One leg's look, turned into events; each one is folded before the next is considered."""

    def __init__(self, state: State, asset: str, view: View, seen: Snapshot, rules: Rules) -> None:
        self.state, self.asset, self.view, self.seen, self.rules = state, asset, view, seen, rules
        self.leg = state.leg(asset)
        self.found: list[Event] = []
        self.recounted = False  # the venue counts this contract in another size than the pinned one
        self.liquidated = False  # a fill of this look liquidated something

    def note(self, event: Event) -> None:
        self.found.append(event)
        self.state = ledger.fold(self.state, event)
        self.leg = self.state.leg(self.asset)

    def events(self) -> list[Event]:
        self.contract()
        self.declaration()
        traded = bool(self.view.fills) and self.leg.contracts is not None and self.fills()
        if self.leg.working is not None:
            self.own_order(self.leg.working)
            if self.rules.execution.reprice_after_ms is not None and self.leg.working is not None:
                self.queue(self.leg.working)
        if self.view.open_orders:
            self.foreign_orders()
        if self.leg.repeats >= MOST_REPEATS:
            self.repeated_in_vain()
        if self.leg.contracts is None:
            self.take_charge()
        else:
            if self.view.funding:
                self.fundings()
            self.position(traded)
        if self.leg.keeping.moving is not None:
            self.transfer(self.leg.keeping.moving)
        if self.leg.read_coins is not None:
            self.sources()
        return self.found

    def contract(self) -> None:
        """Pin it at first sight, note each change; from here on the view counts in contracts of the pinned size."""
        leg, shown = self.leg, self.view.instrument.spec
        if shown is leg.pin and leg.offered is None:
            return
        if leg.pin is None:
            self.note(ContractPinned(self.asset, shown, pin.digest(shown), "", self.seen.now_ms))
            return
        if shown != (leg.offered or leg.pin):
            self.note(ContractChanged(self.asset, leg.pin, shown, pin.digest(leg.pin), pin.digest(shown), self.seen.now_ms))
        self.recounted = pin.recounted(leg.pin, shown)
        self.view = pin.counted(self.view, leg.pin)

    def declaration(self) -> None:
        whole, shown, leg = self.seen.bag_coins(self.asset), self.seen.read_coins(self.asset), self.leg
        if whole is None:
            return
        declared = whole if shown is None else whole - shown
        if declared != leg.declared_coins or (shown is None) != (leg.read_coins is None):
            was = spot_coins(leg, leg.declared_coins)
            self.note(BagDeclared(self.asset, declared, was, self.seen.now_ms, shown))

    def sources(self) -> None:
        """What the sources of the bag show now, against what moved into the account."""
        transit_ms = next(rule.transit_ms for rule in self.rules.legs if rule.asset == self.asset)
        nothing_moves = self.leg.contracts is None or self.view.instrument.kind is not Kind.INVERSE
        found = bag.followed(self.leg, self.seen, transit_ms, self.rules.risk.max_data_age_ms, at_once=nothing_moves)
        if found is not None:
            self.note(found)

    def own_order(self, working: Working) -> None:
        """Our order as the venue shows it now; one poll towards its absence where it was looked for in vain."""
        identity, view = working.order.client_id, self.view
        shown = next((order for order in (*(view.found or ()), *(view.open_orders or ())) if order.client_id == identity), None)
        if shown is not None:
            self.shown_order(working, shown)
            return
        if working.traded >= working.order.contracts:
            self.followed(working, OrderStatus.FILLED, working.traded, "its fills are on record", working.venue_id)
        elif view.found is not None and view.open_orders is not None and (view.fills is not None or self.recounted):
            self.hidden_order(working)

    def shown_order(self, working: Working, shown: Order) -> None:
        """A venue may call an order rejected that traded or was in its book; that one has ended (I3: a rejected order never has fills)."""
        now, filled, why = shown.status, max(working.filled, shown.filled, working.traded), shown.why
        if now is OrderStatus.REJECTED and (filled or working.status in (OrderStatus.OPEN, OrderStatus.PARTIAL)):
            now, why = OrderStatus.CANCELLED, f"the venue rejected it after it had taken it{f': {why}' if why else ''}"
        self.followed(working, now, filled, why, shown.venue_id)

    def followed(self, working: Working, now: OrderStatus, filled: int, why: str, venue_id: str) -> None:
        """Every step of the table from where we know the order to be, to `now`."""
        try:
            path = machine.order_path(working.status, now)
        except machine.IllegalMove:
            path = ()  # the venue lags behind what it told us before
        if not path and filled > working.filled:
            path = (working.status,)
        was = working.status
        for status in path:
            self.order_moved(working, was, status, filled, why, venue_id)
            was = status

    def hidden_order(self, working: Working) -> None:
        """Not there: a lag until enough looks in vain in a row, lasting long enough, and the position prove that it is not.

        An order that the venue never showed was never there (ABSENT); one that it showed, or that traded, has ended (CANCELLED). Where the
        venue counts anew, fills may be no whole number of our contracts: then nobody knows whether it traded, and whoever accepts the
        contract takes the position as it is.
        """
        if working.status is not OrderStatus.UNKNOWN:
            self.order_moved(working, working.status, OrderStatus.UNKNOWN, working.filled, "the venue does not show it")
        self.note(LookedInVain(working.order.client_id, working.order.symbol, self.seen.now_ms, self.seen.mono_ms))
        looked, position = self.leg.working, self.view.position
        if looked is None or looked.vain_since_ms is None:
            return
        proven = looked.polls >= self.rules.absence_polls and self.seen.mono_ms - looked.vain_since_ms >= self.rules.absence_ms
        explained = position is not None and position.contracts == self.leg.contracts
        if not proven or not (explained or self.recounted):  # what the venue counts anew explains nothing
            return
        filled = max(looked.filled, looked.traded)
        ended, why = OrderStatus.CANCELLED, "the venue no longer shows it, and the position is explained by the fills on record"
        if self.view.fills is None:
            why = "looked for everywhere and long enough; what it traded cannot be counted in contracts of the size on record"
        elif not looked.venue_id and not filled:
            ended, why = OrderStatus.ABSENT, "looked for everywhere and long enough, and the position is explained without it"
        self.order_moved(looked, OrderStatus.UNKNOWN, ended, filled, why)

    def queue(self, working: Working) -> None:
        quote = self.view.quote
        if quote is None or quote_problem(quote, self.seen.now_ms, self.rules.risk):
            return  # where it stands cannot be told
        found = standing(working, quote, self.view.depth)
        if found is not None and found != (working.ahead, working.behind_since_ms is not None):
            order, seen = working.order, self.seen
            self.note(QueueSeen(order.client_id, order.symbol, *found, seen.now_ms, seen.mono_ms))

    def order_moved(self, working: Working, was: OrderStatus, now: OrderStatus, filled: int, why: str, venue_id: str = "") -> None:
        order, seen = working.order, self.seen
        venue_id = venue_id or working.venue_id
        self.note(order_moved(order.client_id, order.symbol, was, now, filled, why, seen.now_ms, seen.mono_ms, venue_id, order.asset))

    def halt(self, check: str, why: str) -> None:
        if self.state.armed and not self.state.killed:
            self.note(Halted(check, why, self.seen.now_ms))

    def foreign_orders(self) -> None:
        for order in self.view.open_orders or ():
            if is_ours(order.client_id, self.state.instance):
                continue
            if is_tagged(order.client_id):  # whatever strangers may do: two bots on one account would undo each other's hedges
                self.halt("second bot", f"{order.symbol} has an order {order.client_id} of another hedgebot database; it was left alone")
            elif self.rules.foreign is Foreign.HALT:
                self.halt("foreign order", f"{order.symbol} has an open order that is not ours ({order.venue_id}); it was left alone")

    def repeated_in_vain(self) -> None:
        """Whatever makes a hedge sell again and again without coming nearer, somebody has to look at it first."""
        if self.leg.halted is None and self.state.armed:
            why = f"repeated execution: {self.leg.repeats} orders in a row traded and the hedge came no nearer to its target"
            self.note(LegHalted(self.asset, why, self.seen.now_ms))

    def take_charge(self) -> None:
        """A leg becomes ours when armed: at once if flat, with a position only on the operator's word."""
        position, margin = self.view.position, self.view.margin
        if not self.state.armed or position is None or margin is None or self.leg.offered is not None:
            return
        if position.contracts == 0 or self.state.adopt:
            adopted, at = position.contracts != 0, self.seen.now_ms
            self.note(TookCharge(self.asset, position.symbol, position.contracts, position.entry_price, margin.wallet, adopted, at))
        elif self.leg.halted is None:
            against = "position against the hedge: long" if position.contracts > 0 else "a short that this database did not open:"
            self.note(LegHalted(self.asset, f"{against} {position.contracts} contracts; run --adopt takes it over", self.seen.now_ms))

    def fills(self) -> bool:
        traded = False
        for fill in self.view.fills or ():
            leg = self.leg
            ours = is_ours(fill.client_id, self.state.instance)
            before = fill.at_ms < leg.charged_at_ms or (fill.at_ms == leg.charged_at_ms and not ours)
            if before or counted((fill.at_ms, fill.trade_id), leg.fills_cursor_ms, leg.recent_fills):
                continue
            self.note(fill_seen(leg, self.view.instrument, fill, ours=ours))
            traded = True
            if fill.liquidation:
                self.liquidated = True
                self.note(LegHalted(self.asset, "the venue liquidated this position", self.seen.now_ms))
            elif not ours and is_tagged(fill.client_id):
                self.halt("second bot", f"{fill.symbol} was traded by an order {fill.client_id} of another hedgebot database")
            elif not ours and self.rules.foreign is Foreign.HALT:
                self.halt("foreign trade", f"{fill.symbol} was traded by somebody else (trade {fill.trade_id})")
        return traded

    def fundings(self) -> None:
        for payment in self.view.funding or ():
            leg, one = self.leg, (payment.at_ms, payment.payment_id)
            if payment.at_ms > leg.charged_at_ms and not counted(one, leg.funding_cursor_ms, leg.recent_payments):
                self.note(FundingSeen(self.asset, payment))

    def position(self, traded: bool) -> None:
        position, margin, leg = self.view.position, self.view.margin, self.leg
        if position is None or margin is None or self.view.fills is None or leg.contracts is None:
            return
        if position.contracts != leg.contracts or leg.owed:
            if self.settled() and (leg.accept or not self.state.armed):
                self.balance(position, margin)  # as a person re-armed it, or somebody else's business while we only watch
            else:
                self.unexplained(position, margin, leg.contracts + leg.owed)
            return
        before, own_margin = leg.wallet, self.view.instrument.kind is Kind.INVERSE
        if before is not None and before != margin.wallet and own_margin and self.view.funding is not None:
            moved = margin.wallet - before
            least = max(DUST * max(ONE, abs(before)), self.fee_doubt())
            if abs(moved) > least and not self.liquidated:  # then the venue bore what was lacking, or kept the rest
                self.note(CoinsMoved(self.asset, moved, self.seen.now_ms))
        if traded or leg.unexplained or leg.accept or leg.wallet != margin.wallet:
            self.balance(position, margin)

    def fee_doubt(self) -> Decimal:
        """Coins that the fees of the last minute may differ by from what they were worked out to: the wallet may show them a look later."""
        instrument, untold = self.view.instrument, [fill for fill in self.view.fills or () if not fill.fee_told]
        return FEE_DOUBT * sum((contracts.notional_coins(instrument, fill.contracts, fill.price) for fill in untold), ZERO)

    def transfer(self, moving: Moving) -> None:
        """Our transfer of collateral, as account and venue show it now."""
        coins = moving.transfer.coins
        apart = moving.seen_coins - coins
        close = abs(apart) <= DUST * max(ONE, abs(self.leg.wallet or ZERO))
        told = self.seen.spot(self.asset)
        found = told.found if told is not None else None
        if close:
            self.transfer_moved(moving, TransferStatus.SEEN, "the account shows it")
        elif moving.status is TransferStatus.DONE:
            since = self.seen.mono_ms if moving.done_since_ms is None else moving.done_since_ms
            enough = apart > 0 if coins > 0 else apart < 0  # somebody else moved coins in the same look
            if enough or (self.seen.mono_ms - since >= self.rules.absence_ms and self.explained()):
                self.transfer_moved(moving, TransferStatus.SEEN, "the venue's word; the account shows another amount")
            elif moving.done_since_ms is None:
                self.transfer_moved(moving, TransferStatus.DONE, "the venue's word, in the run before")
        elif found in (TransferStatus.DONE, TransferStatus.REFUSED):
            self.transfer_moved(moving, found, "the venue's history says so")
        else:
            if moving.status is TransferStatus.INTENT:
                self.transfer_moved(moving, TransferStatus.UNKNOWN, "the process ended before the outcome was on record")
            if found is TransferStatus.ABSENT:
                self.hidden_transfer(moving)

    def hidden_transfer(self, moving: Moving) -> None:
        """The venue's history does not show it: a lag, until that has lasted long enough and no coins have come or gone without it."""
        seen = self.seen
        self.note(TransferSought(moving.transfer.transfer_id, self.asset, seen.now_ms, seen.mono_ms))
        looked = self.leg.keeping.moving
        if looked is None or looked.vain_since_ms is None or not self.explained() or looked.seen_coins:
            return
        if looked.polls >= self.rules.absence_polls and seen.mono_ms - looked.vain_since_ms >= self.rules.absence_ms:
            self.transfer_moved(looked, TransferStatus.ABSENT, "the venue's history does not show it, and no coins moved")

    def explained(self) -> bool:
        """Is everything that moved the account's wallet on record?"""
        return self.view.margin is not None and self.leg.wallet == self.view.margin.wallet and self.view.position is not None

    def transfer_moved(self, moving: Moving, now: TransferStatus, why: str) -> None:
        transfer, seen = moving.transfer, self.seen
        was = self.leg.keeping.moving.status if self.leg.keeping.moving is not None else moving.status
        self.note(TransferMoved(transfer.transfer_id, self.asset, transfer.coins, was, now, why, seen.now_ms, seen.mono_ms))

    def settled(self) -> bool:
        """Is no own order left that could explain the position later? Taken before that, it would prove a live order absent."""
        return self.leg.working is None and not self.leg.owed

    def unexplained(self, position: Position, margin: Margin, expected: int) -> None:
        if self.state.killed or self.recounted:
            return
        seen = self.seen
        self.note(PositionUnexplained(self.asset, position.symbol, expected, position.contracts, seen.now_ms, seen.mono_ms))
        leg = self.leg
        lasted = 0 if leg.unexplained_since_ms is None else seen.mono_ms - leg.unexplained_since_ms
        if leg.unexplained < UNEXPLAINED_LOOKS or lasted < self.rules.risk.max_data_age_ms:
            return
        text = f"{position.symbol} shows {position.contracts} contracts where own fills lead to {expected}"
        if self.rules.foreign is Foreign.ABSORB and self.settled():
            if lasted < self.rules.absence_ms:
                return  # a read that lags shows what was before our fills: taken as it is, they would be traded a second time
            self.note(AlertRaised(f"{text}; taken as it is (reconcile.foreign: absorb)", seen.now_ms))
            self.balance(position, margin)
        else:
            stood_still = leg.owed or position.contracts == leg.shown_contracts
            self.halt("position did not move" if stood_still else "position moved without us", text)

    def balance(self, position: Position, margin: Margin) -> None:
        mark = self.view.quote.mark if self.view.quote is not None else ZERO
        entry = position.entry_price if position.contracts else None
        self.note(BalanceSeen(self.asset, position.symbol, position.contracts, entry, margin.wallet, margin.equity, mark, self.seen.now_ms))


def counted(one: tuple[int, str], cursor_ms: int, recent: tuple[tuple[int, str], ...]) -> bool:
    """Is this fill or payment (at_ms, id) on record? No id is kept of what is older than was asked for: it was counted long ago."""
    return one[0] < cursor_ms - 2 * ledger.OVERLAP_MS or one in recent


def fill_seen(leg: LegState, instrument: Instrument, fill: Fill, *, ours: bool) -> FillSeen:
    """A fill with what it does to the position: what it closes books profit, the rest joins the entry price (domain.md §1, V3, V4)."""
    held = leg.contracts or 0
    change = fill.side.sign * fill.contracts
    closed = min(abs(held), fill.contracts) if held * change < 0 else 0
    realised = ZERO
    if closed and leg.entry_price is not None:
        realised = contracts.unrealised(instrument, closed if held < 0 else -closed, leg.entry_price, fill.price)
    after = held + change
    opened = fill.contracts - closed
    entry = leg.entry_price
    if after == 0:
        entry = None
    elif opened and closed:
        entry = fill.price
    elif opened:
        entry = contracts.average_entry(instrument, abs(held), entry, opened, fill.price) if held and entry is not None else fill.price
    notional = contracts.notional_usd(instrument, fill.contracts, fill.price)
    return FillSeen(leg.asset, fill, ours, notional, realised, after, entry)
