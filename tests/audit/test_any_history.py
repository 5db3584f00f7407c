"""Whatever happens, in whatever order: the chain verifies, and the projections are what a plain dictionary would hold."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.audit.store import SlotTaken, Store
from bot.audit.verify import Verdict, verify
from bot.core.events import Event, FillSeen, FundingSeen, IntentRecorded, OrderMoved
from bot.core.model import OrderStatus
from tests.audit.worlds import OWNER, fill, intent, moved, payment

IDS = st.sampled_from(["hb1", "hb2", "hb3", "hb4"])
SYMBOLS = {"hb1": "BTC/USD:BTC", "hb2": "BTC/USD:BTC", "hb3": "ETH/USD:ETH", "hb4": "ETH/USD:ETH"}
MOVES = st.builds(
    lambda name, now, filled: moved(name, OrderStatus.OPEN, now, filled=filled, symbol=SYMBOLS[name]),
    IDS,
    st.sampled_from([OrderStatus.OPEN, OrderStatus.PARTIAL, OrderStatus.UNKNOWN, OrderStatus.FILLED, OrderStatus.CANCELLED]),
    st.integers(0, 1000),
)
EVENTS = st.one_of(
    IDS.map(lambda name: intent(name, symbol=SYMBOLS[name])),
    MOVES,
    st.builds(fill, st.sampled_from(["t1", "t2", "t3"]), IDS),
    st.sampled_from(["f1", "f2"]).map(payment),
)


class Expected:
    """The projections, the plain way."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[OrderStatus, int]] = {}
        self.slots: dict[str, str] = {}
        self.fills: set[str] = set()
        self.funding: set[str] = set()

    def takes(self, event: Event) -> bool:
        """Book it; False if the database must refuse it."""
        match event:
            case IntentRecorded(order=order):
                if order.symbol in self.slots or order.client_id in self.orders:
                    return False
                self.orders[order.client_id], self.slots[order.symbol] = (event.status, 0), order.client_id
            case OrderMoved(client_id=name):
                status, filled = self.orders.get(name, (OrderStatus.FILLED, 0))
                if not status.terminal:
                    self.orders[name] = (event.now, max(filled, event.filled))
                    if event.now.terminal:
                        del self.slots[event.symbol]
            case FillSeen():
                self.fills.add(event.fill.trade_id)
            case FundingSeen():
                self.funding.add(event.payment.payment_id)
        return True


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(EVENTS, max_size=25))
async def test_any_history_is_kept_whole(history):
    store, expected, kept = Store.open("sqlite://", **OWNER), Expected(), []
    store.lead("pid 1")
    for event in history:
        if expected.takes(event):
            await store.append([event])
            kept.append(event)
        else:
            try:
                await store.append([event])
            except SlotTaken:
                continue
            raise AssertionError(f"{event} was taken")
    assert [row.event for row in store.entries()] == kept
    assert {row.client_id: (row.status, row.filled) for row in store.orders()} == expected.orders
    assert {row.client_id for row in store.orders(open_only=True)} == set(expected.slots.values())
    assert {row.trade_id for row in store.fills()} == expected.fills
    assert {row.payment_id for row in store.funding()} == expected.funding
    assert verify(store, [store.head()] if kept else None).verdict is Verdict.GOOD
    store.close()
