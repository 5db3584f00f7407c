"""Is no order more than its share of what is visible where it reaches?"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.decision import Effort
from bot.core.model import Levels, Side
from tests.core.worlds import CYCLE_MS, EXECUTION, World, hedged

D = Decimal
SHARED = replace(EXECUTION, max_depth_share=D("0.1"), max_order_usd=D(10**6), min_order_usd=D(500))
BIDS: Levels = ((D("59999.5"), 2000), (D("59950.0"), 3000), (D("59000.0"), 90_000))
ASKS: Levels = ((D("60000.5"), 1234), (D("60001.0"), 10_000))


def wanting(bids: Levels = BIDS, asks: Levels = ASKS, short_usd: int = 0) -> World:
    made = hedged(short_usd=short_usd, fill=False, execution=SHARED)
    made.account().book_shown = bids, asks
    return made


def test_a_makers_order_is_a_share_of_the_level_it_joins() -> None:
    (order,) = wanting().turn().orders
    assert (order.contracts, order.post_only) == (123, True)


def test_a_crossing_order_is_a_share_of_all_that_its_limit_reaches() -> None:
    """20 bp below 60,000: the bids at 59,999.5 and 59,950 are within 59,880, that at 59,000 is not."""
    made = wanting()
    for _ in range(EXECUTION.cross_after_ms // CYCLE_MS + 10):
        crossing = [order for order in made.turn().orders if not order.post_only]
        if crossing:
            break
    assert [order.contracts for order in crossing] == [500]


def test_a_buy_counts_the_other_sides() -> None:
    (order,) = wanting(short_usd=400_000).turn().orders
    assert (order.side, order.contracts) == (Side.BUY, 200)


@pytest.mark.parametrize(("share", "contracts"), [("1", 1234), ("0.5", 617), ("0.004", 4)])
def test_the_share_is_rounded_down(share: str, contracts: int) -> None:
    made = hedged(short_usd=0, fill=False, execution=replace(SHARED, max_depth_share=D(share), min_order_usd=D(400)))
    made.account().book_shown = BIDS, ASKS
    assert [order.contracts for order in made.turn().orders] == [contracts]


def test_what_is_wanted_is_enough_where_the_book_is_deep() -> None:
    made = wanting(asks=((D("60000.5"), 10**6),))
    assert [order.contracts for order in made.turn().orders] == [3000]


def test_without_a_book_nothing_is_sent_and_that_is_said() -> None:
    made = wanting()
    made.account().book_shown = None
    decision = made.turn()
    assert decision.orders == ()
    assert decision.legs[0].why == "under-hedged: UNKNOWN: the visible book, of which max_depth_share is a part"


def test_a_book_too_thin_is_waited_for_and_patience_runs_meanwhile() -> None:
    """10 % of 49 contracts is less than the smallest order; after cross_after it takes its share of the other side, if that is there."""
    made = wanting(asks=((D("60000.5"), 49),))
    decision = made.turn()
    assert (decision.orders, decision.legs[0].effort) == ((), Effort.BEGINS)
    assert "too thin" in decision.legs[0].why
    assert decision.alerts == ()
    turns = [made.turn() for _ in range(EXECUTION.cross_after_ms // CYCLE_MS)]
    assert [len(one.orders) for one in turns] == [0] * (len(turns) - 1) + [1]
    assert not turns[-1].orders[0].post_only


def test_a_book_too_thin_on_both_sides_is_told_once_patience_is_over() -> None:
    made = wanting(bids=((D("59999.5"), 49),), asks=((D("60000.5"), 49),))
    turns = [made.turn() for _ in range(EXECUTION.cross_after_ms // CYCLE_MS + 2)]
    assert [bool(one.alerts) for one in turns] == [False] * (len(turns) - 2) + [True] * 2
    assert "too thin" in turns[-1].alerts[0]


def test_the_last_rest_of_a_position_may_be_smaller_than_the_smallest_order() -> None:
    made = hedged(short_usd=300, spot="0", wallet="5", fill=False, execution=SHARED)
    made.account().book_shown = BIDS, ASKS
    made.say("target-set", asset="BTC", ratio=D(0))
    (order,) = made.turn().orders
    assert (order.contracts, order.reduce_only) == (3, True)


SIDE = st.lists(st.tuples(st.integers(1, 400), st.integers(1, 20_000)), max_size=10, unique_by=lambda level: level[0])


@settings(max_examples=60, deadline=None)
@given(bids=SIDE, asks=SIDE, share=st.decimals("0.01", 1, places=2), short=st.sampled_from([0, 150_000, 450_000]), crosses=st.booleans())
def test_whatever_the_book_no_order_is_more_than_its_share(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], share: Decimal, short: int, crosses: bool
) -> None:
    rule = replace(SHARED, max_depth_share=share, cross_after_ms=0 if crosses else SHARED.cross_after_ms)
    made = hedged(short_usd=short, fill=False, execution=rule)
    shown = (
        tuple((D(60000) - D(off) / 2, count) for off, count in sorted(bids)),
        tuple((D(60000) + D(off) / 2, count) for off, count in sorted(asks)),
    )
    made.account().book_shown = shown
    for _ in range(3):
        for order in made.turn().orders:
            own, other = (shown[1], shown[0]) if order.side is Side.SELL else (shown[0], shown[1])
            if order.post_only:
                visible = own[0][1]
            else:
                visible = sum(count for price, count in other if (price - order.limit_price) * order.side.sign <= 0)
            assert order.contracts <= share * visible
        for one in made.account().open():
            made.account().cancel(one.client_id)


def test_a_dry_plan_is_not_another_one_because_the_book_is() -> None:
    made = wanting()
    made.say("dry-run-on")
    for count in (1234, 4000, 2000):
        made.account().book_shown = BIDS, ((D("60000.5"), count),)
        (order,) = made.turn().orders
        assert order.contracts == count // 10
        assert made.state.leg("BTC").dry_plan == "sell a share of the book"
