"""A small world to record: rules, what was seen, decisions as the core takes them, and the life of an order."""

from dataclasses import replace
from decimal import Decimal

from bot.core.decide import RULES_VERSION, decide
from bot.core.decision import Approved
from bot.core.events import (
    BalanceSeen,
    CancelAsked,
    DecisionMade,
    Event,
    FillSeen,
    FundingSeen,
    IntentRecorded,
    OrderMoved,
    RunStarted,
    TookCharge,
)
from bot.core.ledger import fold
from bot.core.memory import State
from bot.core.model import Basis, Fill, FundingPayment, Instrument, Kind, Margin, OrderStatus, Position, Quote, Side, Snapshot, View
from bot.core.rules import Band, ExecutionRule, Foreign, LegRule, RiskRule, Rules

D = Decimal
NOW = 1_700_000_000_000
SYMBOL = "BTC/USD:BTC"
INSTRUMENT = Instrument(SYMBOL, "BTC", Kind.INVERSE, "BTC", D(100), D("0.5"), D("0.0001"), D("0.0005"), D("0.005"))
RULES = Rules(
    version=RULES_VERSION,
    account="main",
    venue="paper",
    environment=None,
    live=True,
    legs=(LegRule("BTC", SYMBOL, Basis.COINS, D("1.0"), Band(D("0.995"), D("1.0"), D("1.0"), D("1.005"))),),
    execution=ExecutionRule(30_000, 10, 120_000, D("0.002"), D(100_000), D(100), 10_000),
    risk=RiskRule(D(2), D(3), D(1_000_000), D(2_000_000), 20, D("0.01"), 15_000, False),
    foreign=Foreign.HALT,
    absence_polls=1,
    absence_ms=0,
)
OWNER = {"account": "main", "venue": "paper", "environment": None}


def started(*, epoch: int = 1, config_hash: str = "c" * 64, rules: Rules = RULES) -> RunStarted:
    return RunStarted("run-1", "0.1.0", epoch, config_hash, rules, live=True, armed=True, adopt=False, at_ms=NOW)


def seen(*, at_ms: int = NOW, contracts: int = 0, mark: str = "60000") -> Snapshot:
    price = D(mark)
    view = View(
        INSTRUMENT,
        Quote(SYMBOL, price, price + D("1.25"), price - D("0.5"), price, D("0.0001"), at_ms),
        Position(SYMBOL, contracts, D("60000") if contracts else None, D(2), at_ms),
        Margin("BTC", D("3.0000"), D("3.0000"), at_ms),
        (),
        (),
        (),
        (),
    )
    return Snapshot(at_ms, at_ms - NOW + 5_000, (view,), (("BTC", D("2.00")),))


def decided(state: State, snapshot: Snapshot, rules: Rules = RULES, *, rules_hash: str = "c" * 64) -> DecisionMade:
    return DecisionMade(state, snapshot, rules_hash, decide(state, snapshot, rules))


def in_charge(state: State) -> tuple[State, list[Event]]:
    """A run begins and takes charge of a flat account."""
    events: list[Event] = [started(epoch=max(state.epoch, 1)), TookCharge("BTC", SYMBOL, 0, None, D("3.0000"), False, NOW)]
    for event in events:
        state = fold(state, event)
    return state, events


def approved(client_id: str, *, symbol: str = SYMBOL, contracts: int = 1000) -> Approved:
    return Approved(
        client_id, "BTC", symbol, Side.SELL, contracts, D("60000.50"), False, True, D("60000"), D(100) * contracts, 35_000, "under-hedged"
    )


def intent(client_id: str, *, symbol: str = SYMBOL, contracts: int = 1000, status: OrderStatus = OrderStatus.INTENT) -> IntentRecorded:
    return IntentRecorded(approved(client_id, symbol=symbol, contracts=contracts), 1, 1, status, NOW, 5_000)


def moved(client_id: str, was: OrderStatus, now: OrderStatus, *, filled: int = 0, symbol: str = SYMBOL, why: str = "") -> OrderMoved:
    return OrderMoved(client_id, symbol, was, now, filled, why, NOW + 10, 5_010, venue_id="v-1", asset="BTC")


def fill(trade_id: str, client_id: str, contracts: int = 500) -> FillSeen:
    trade = Fill(trade_id, client_id, SYMBOL, Side.SELL, contracts, D("60000.50"), D("0.0000833"), True, NOW + 20)
    return FillSeen("BTC", trade, True, D(100) * contracts, D("0E-8"), -contracts, D("60000.50"))


def payment(payment_id: str) -> FundingSeen:
    return FundingSeen("BTC", FundingPayment(payment_id, SYMBOL, D("0.0001"), D("60000"), D("0.00050"), NOW + 30))


def life(client_id: str) -> list[Event]:
    """Intended, sent, half filled, filled."""
    return [
        intent(client_id),
        moved(client_id, OrderStatus.INTENT, OrderStatus.SIGNED),
        moved(client_id, OrderStatus.SIGNED, OrderStatus.OPEN),
        fill(f"{client_id}-1", client_id),
        moved(client_id, OrderStatus.OPEN, OrderStatus.PARTIAL, filled=500),
        CancelAsked(client_id, SYMBOL, "too old", NOW + 25, 5_025),
        fill(f"{client_id}-2", client_id),
        moved(client_id, OrderStatus.PARTIAL, OrderStatus.FILLED, filled=1000, why="filled before the cancel"),
    ]


def session(instance: str) -> list[Event]:
    """A whole small run: three decisions, one order lived through, one still open, a payment."""
    state, events = in_charge(State(account="main", instance=instance))
    first = decided(state, seen())
    events += [
        first,
        *life("hbaa1first"),
        payment("f-1"),
        BalanceSeen("BTC", SYMBOL, -1000, D("60000.50"), D("2.9995"), D("2.9995"), D("60000"), NOW + 40),
    ]
    for event in events[2:]:
        state = fold(state, event)
    second = decided(state, seen(at_ms=NOW + 5_000, contracts=-1000, mark="59000.50"))
    events += [second, intent("hbaa1second"), moved("hbaa1second", OrderStatus.INTENT, OrderStatus.UNKNOWN, why="no answer in time")]
    for event in events[-3:]:
        state = fold(state, event)
    events.append(decided(replace(state, cycle=7), seen(at_ms=NOW + 10_000, contracts=-1000, mark="58000")))
    return events
