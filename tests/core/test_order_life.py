"""What can a venue that lags, loses answers and ends orders by itself do to the record of an order? Nothing that the table forbids.

A stateful test: Hypothesis trades, cancels, hides, delays and commands in any order; the account of tests.core.worlds is the simple model.
"""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bot.core.decision import Approved
from bot.core.events import FillSeen, OrderMoved
from bot.core.machine import ORDER_TRANSITIONS
from bot.core.model import Order, OrderStatus, Snapshot
from tests.core.worlds import World, hedged

MOST_LAG = 2  # looks in a row that show the past: less than what proves an absence
PARTS = ("quote", "position", "margin", "open_orders", "found", "fills", "funding")
RATIOS = ("0", "0.3", "0.8", "1")


class Losing(World):
    """A world whose next answers to a placement can be lost."""

    lost = 0

    def outcome(self, order: Approved, shown: Order) -> None:
        if not self.lost:
            super().outcome(order, shown)
            return
        self.lost -= 1
        was = OrderStatus.INTENT
        for now in (OrderStatus.SIGNED, OrderStatus.UNKNOWN):
            self.note(OrderMoved(order.client_id, order.symbol, was, now, 0, "", self.now_ms, self.mono_ms, "", order.asset))
            was = now


class OrderLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        made = hedged(short_usd=0, wallet="10", fill=False)
        self.world = Losing(*(getattr(made, name) for name in World.__dataclass_fields__))
        self.account = self.world.account()
        self.past: Snapshot | None = None
        self.lag = 0
        self.checked = 0
        self.status: dict[str, OrderStatus] = {}
        self.filled: Counter[str] = Counter()

    def turn(self, seen: Snapshot | None = None) -> None:
        self.lag = 0 if seen is None else self.lag + 1
        self.world.turn(seen)

    # ------------------------------------------------------------------------------------------------------- what can happen

    @rule()
    def the_bot_looks(self) -> None:
        self.turn()

    @rule(count=st.integers(1, 3000))
    def somebody_trades_with_us(self, count: int) -> None:
        self.account.trade(self.world.now_ms + 1, count)

    @rule()
    def the_venue_cancels(self) -> None:
        for order in self.account.open():
            self.account.cancel(order.client_id)

    @rule(times=st.integers(1, 3))
    def answers_will_be_lost(self, times: int) -> None:
        self.world.lost = times

    @rule()
    def a_look_is_kept_for_later(self) -> None:
        self.past = self.world.snapshot()

    @rule()
    def the_bot_sees_the_past(self) -> None:
        if self.past is not None and self.lag < MOST_LAG:
            now = self.world.snapshot()
            quotes = [replace(old, quote=new.quote) for old, new in zip(self.past.views, now.views, strict=True)]
            self.turn(replace(self.past, views=tuple(quotes)))

    @rule()
    def the_bot_is_shown_none_of_its_orders(self) -> None:
        if self.lag < MOST_LAG:
            seen = self.world.snapshot()
            self.turn(replace(seen, views=tuple(replace(view, found=(), open_orders=()) for view in seen.views)))

    @rule(parts=st.sets(st.sampled_from(PARTS), min_size=1))
    def parts_of_a_look_fail(self, parts: set[str]) -> None:
        seen = self.world.snapshot()
        self.world.turn(replace(seen, views=tuple(replace(view, **dict.fromkeys(parts)) for view in seen.views)))

    @rule(ratio=st.sampled_from(RATIOS))
    def the_operator_sets_a_target(self, ratio: str) -> None:
        self.world.say("target-set", asset="BTC", ratio=Decimal(ratio))

    @rule(word=st.sampled_from(["pause", "resume", "kill", "rearm", "dry-run-on", "dry-run-off", "cancel-all"]))
    def the_operator_commands(self, word: str) -> None:
        self.world.say(word, reason="test")

    # -------------------------------------------------------------------------------------------------------- what must hold

    @invariant()
    def every_move_is_a_row_of_the_table_and_no_fill_is_taken_back(self) -> None:
        for event in self.world.events[self.checked :]:
            if isinstance(event, OrderMoved):
                was = self.status.get(event.client_id, OrderStatus.INTENT)
                assert event.was is was
                assert event.now is was or event.now in ORDER_TRANSITIONS[was]
                assert event.filled >= self.filled[event.client_id] or event.now is OrderStatus.UNKNOWN
                self.status[event.client_id] = event.now
                self.filled[event.client_id] = max(self.filled[event.client_id], event.filled)
        self.checked = len(self.world.events)

    @invariant()
    def what_is_absent_on_record_is_not_at_the_venue(self) -> None:
        absent = {own for own, status in self.status.items() if status in {OrderStatus.ABSENT, OrderStatus.REJECTED}}
        assert not absent & set(self.account.orders)

    @invariant()
    def one_order_works_at_a_time_and_what_works_is_remembered(self) -> None:
        own = self.account.open()
        assert len(own) <= 1
        working = self.world.state.leg("BTC").working
        assert all(working is not None and working.order.client_id == order.client_id for order in own)

    @invariant()
    def no_trade_is_counted_twice_and_none_is_invented(self) -> None:
        seen = [event.fill.trade_id for event in self.world.events if isinstance(event, FillSeen)]
        assert len(seen) == len(set(seen))
        assert set(seen) <= {fill.trade_id for fill in self.account.fills}

    @invariant()
    def the_short_is_never_a_long(self) -> None:
        assert self.account.short >= 0

    def teardown(self) -> None:
        """Left alone, everything is explained: the record holds what the venue holds, and nothing is in doubt."""
        for _ in range(40):
            self.turn()
        leg = self.world.state.leg("BTC")
        assert self.world.state.killed is not None or leg.contracts == -self.account.short
        assert leg.working is None or leg.working.status not in {OrderStatus.UNKNOWN, OrderStatus.INTENT}


OrderLife.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestOrderLife = OrderLife.TestCase
