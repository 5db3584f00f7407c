"""Does a pegged order keep its place in the queue while that is worth something, and only then?"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import queue
from bot.core.decision import QUEUE_TOO_LONG, Approved
from bot.core.events import QueueSeen
from bot.core.memory import Working
from bot.core.model import Depth, OrderStatus, Side
from tests.core.worlds import BTC, CYCLE_MS, EXECUTION, NOW_MS, World, hedged, quote_of

D = Decimal
PEGGED = replace(EXECUTION, reprice_after_ms=10_000, max_order_usd=D(10**6))
ASK, BID = D("60000.5"), D("60000.0")  # a tick apart
PATIENCE = EXECUTION.cross_after_ms // CYCLE_MS


def resting(ahead: int = 500, **ruled: object) -> World:
    """A sell of 3000 contracts at the ask, `ahead` of others before it, and nothing trades."""
    made = hedged(short_usd=0, fill=False, execution=replace(PEGGED, **ruled))  # type: ignore[arg-type]
    shows(made, ahead)
    (order,) = made.turn().orders
    assert (order.limit_price, order.queue_ahead) == (ASK, ahead)
    shows(made, ahead, ours=3000)
    return made


def shows(made: World, others: int, ours: int = 0, ask: Decimal = ASK, bid: Decimal = BID) -> None:
    """The book: so many contracts of others at 60,000.5, ours among them."""
    asks = {ASK: others + ours, **({ask: 50} if ask != ASK else {})}
    made.account().touch = bid, min(asks)
    made.account().book_shown = ((bid, 900),), tuple(sorted((price, count) for price, count in asks.items() if count))


def working(made: World) -> Working:
    found = made.state.leg("BTC").working
    assert found is not None
    return found


def cancelled(made: World, turns: int) -> list[tuple[int, str]]:
    """At which turns, and why."""
    return [(turn, cancel.why) for turn in range(1, turns + 1) for cancel in made.turn().cancels]


def test_at_the_touch_it_stays_beyond_its_time_until_its_patience_is_over_and_the_rest_crosses() -> None:
    made = resting()
    assert cancelled(made, PATIENCE) == [(PATIENCE, "its patience is over: the rest crosses")]
    decision = made.turn()
    assert [order.post_only for order in decision.orders] == [False]


def test_without_a_peg_it_goes_when_its_time_is_up_and_nothing_is_noted_of_its_queue() -> None:
    made = resting(reprice_after_ms=None)
    assert cancelled(made, 7) == [(EXECUTION.order_ttl_ms // CYCLE_MS, "its time is up")]
    assert not [event for event in made.events if isinstance(event, QueueSeen)]


@pytest.mark.parametrize(("away", "goes"), [(1, False), (2, False), (3, True)])
def test_a_touch_that_returns_in_time_costs_no_place_in_the_queue(away: int, goes: bool) -> None:
    made = resting()
    shows(made, 500, ours=3000, ask=D("60000.0"), bid=D("59999.5"))
    found = cancelled(made, away)
    shows(made, 500, ours=3000)
    found += cancelled(made, 3)
    assert found == ([(3, "the touch moved away")] if goes else [])
    assert goes or working(made).behind_since_ms is None


def test_it_follows_the_touch_that_stayed_away() -> None:
    made = resting()
    shows(made, 500, ours=3000, ask=D("59990.0"), bid=D("59989.5"))
    cancelled(made, 3)
    shows(made, 500, ask=D("59990.0"), bid=D("59989.5"))
    (order,) = made.turn().orders
    assert (order.limit_price, order.post_only, order.queue_ahead) == (D("59990.0"), True, 50)


def test_a_buy_is_behind_a_higher_bid() -> None:
    made = hedged(short_usd=400_000, fill=False, execution=PEGGED)
    made.account().touch = D("59999.5"), BID
    (order,) = made.turn().orders
    assert (order.side, order.limit_price) == (Side.BUY, D("59999.5"))
    made.account().touch = BID, ASK
    assert [why for _, why in cancelled(made, 3)] == ["the touch moved away"]


@pytest.mark.parametrize(
    ("shown", "ahead"),
    [([500], 500), ([300], 300), ([300, 900], 300), ([900], 500), ([0], 0), ([500, 20, 3000], 20)],
)
def test_the_queue_ahead_only_shrinks(shown: list[int], ahead: int) -> None:
    made = resting()
    for others in shown:
        shows(made, others, ours=3000)
        made.turn()
    assert working(made).ahead == ahead


def test_with_a_partial_fill_nobody_is_ahead() -> None:
    made = resting()
    made.account().trade(made.now_ms + 1, most=10)
    made.turn()
    assert working(made).ahead == 0


def test_each_change_of_its_standing_is_on_record_once() -> None:
    made = resting()
    for others in (500, 500, 400, 400, 400):
        shows(made, others, ours=3000)
        made.turn()
    noted = [event for event in made.events if isinstance(event, QueueSeen)]
    assert [(event.ahead, event.behind) for event in noted] == [(400, False)]


def test_a_queue_too_long_is_left_for_a_price_inside_the_spread_where_there_is_one() -> None:
    made = resting(ahead=5000)
    shows(made, 4990, ours=3000, bid=D("59999.0"))
    assert cancelled(made, 2) == [(2, QUEUE_TOO_LONG)]
    made.account().book_shown = ((D("59999.0"), 900),), ((ASK, 4990),)
    (order,) = made.turn().orders
    assert (order.limit_price, order.post_only, order.queue_ahead) == (D("60000.0"), True, 0)


@pytest.mark.parametrize(("left", "stays"), [(4990, False), (4000, True), (0, True)])
def test_a_queue_that_moves_fast_enough_is_waited_for(left: int, stays: bool) -> None:
    """5000 ahead: with 1000 gone after 10 s, the rest takes 40 s of the 110 s that are left."""
    made = resting(ahead=5000)
    shows(made, left, ours=3000, bid=D("59999.0"))
    assert (cancelled(made, 3) == []) is stays


def test_where_there_is_no_price_between_the_longest_queue_is_waited_for() -> None:
    made = resting(ahead=50_000)
    assert cancelled(made, PATIENCE - 1) == []


def test_while_the_price_cannot_be_trusted_its_time_counts() -> None:
    made = resting()
    found = []
    for _ in range(7):
        seen = made.snapshot()
        stale = replace(seen.views[0], quote=replace(quote_of(BTC, D(60000)), at_ms=NOW_MS - 60_000))
        found += made.turn(replace(seen, views=(stale,))).cancels
    assert [cancel.why for cancel in found] == ["its time is up"]


def order(contracts: int, filled: int, ahead: int | None, side: Side) -> Working:
    made = Approved("c", "BTC", BTC.symbol, side, contracts, D(60000), False, True, D(60000), D(1), 0, "", queue_ahead=ahead)
    return Working(made, 1, OrderStatus.PARTIAL if filled else OrderStatus.OPEN, filled, 0, 0, ahead=ahead)


@given(
    side=st.sampled_from(Side),
    contracts=st.integers(1, 5000),
    filled=st.integers(0, 5000),
    ahead=st.none() | st.integers(0, 5000),
    shown=st.none() | st.integers(0, 10_000),
)
def test_the_queue_is_never_thought_shorter_than_it_can_be(
    side: Side, contracts: int, filled: int, ahead: int | None, shown: int | None
) -> None:
    """What was ahead, less all that is gone from the level, is a floor; without a book nothing is concluded."""
    mine = order(contracts, min(filled, contracts - 1), ahead, side)
    level = () if shown is None else ((D(60000), shown),)
    depth = Depth(level if side is Side.BUY else (), level if side is Side.SELL else (), 0)
    found = queue.standing(mine, replace(quote_of(BTC, D(60000)), bid=D(59999), ask=D(60001)), depth if shown is not None else None)
    assert found is not None
    if mine.filled:
        assert found == (0, False)
    elif shown is None:
        assert found[0] == ahead
    else:
        others = max(0, shown - contracts)
        assert found[0] == (others if ahead is None else min(ahead, others))
