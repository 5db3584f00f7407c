"""What would a market order have got, as far as the book was visible?"""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.decision import Arrival
from bot.core.depth import arrival, market_price, walked
from bot.core.model import Depth, Instrument, Kind, Side
from tests.core.worlds import BTC, NOW_MS, hedged, quote_of

D = Decimal
FINE = replace(BTC, tick=D("0.1"))
LINEAR = replace(FINE, kind=Kind.LINEAR, contract_size=D(1))
QUOTE = replace(quote_of(FINE, D(60000), NOW_MS), bid=D("59999.5"), ask=D("60000.5"))
DEPTH = Depth(((D("59999.5"), 400), (D("59999.0"), 300)), ((D("60000.5"), 100), (D("60010.0"), 300)), NOW_MS)


@pytest.mark.parametrize(
    ("instrument", "side", "contracts", "depth", "price"),
    [
        (FINE, Side.SELL, 400, DEPTH, "59999.5"),
        (FINE, Side.SELL, 600, DEPTH, "59999.333"),
        (FINE, Side.SELL, 100_000, DEPTH, "59999.002"),  # beyond what was visible: at the last level, and never better
        (FINE, Side.BUY, 400, DEPTH, "60007.625"),  # harmonic: 60007.6249…
        (LINEAR, Side.BUY, 400, DEPTH, "60007.625"),
        (replace(LINEAR, tick=D("0.001")), Side.BUY, 2, Depth((), ((D(40000), 1), (D(60000), 1)), NOW_MS), "50000"),
        (replace(FINE, tick=D("0.001")), Side.BUY, 2, Depth((), ((D(40000), 1), (D(60000), 1)), NOW_MS), "48000"),  # V4
        (FINE, Side.SELL, 600, None, "59999.5"),
        (FINE, Side.BUY, 600, Depth(DEPTH.bids, (), NOW_MS), "60000.5"),
    ],
)
def test_a_market_order_walks_the_visible_book(instrument: Instrument, side: Side, contracts: int, depth: Depth | None, price: str) -> None:
    assert market_price(instrument, QUOTE, depth, side, contracts) == D(price)


LEVELS = st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 5000)), min_size=1, max_size=10, unique_by=lambda level: level[0])


@given(levels=LEVELS, contracts=st.integers(1, 100_000))
def test_what_is_taken_adds_up_and_never_exceeds_a_level_but_the_last(levels: list[tuple[int, int]], contracts: int) -> None:
    book = tuple((D(price), count) for price, count in sorted(levels))
    taken = walked(book, contracts)
    assert sum(count for _, count in taken) == contracts
    offered = dict(book)
    assert all(count <= offered[price] for price, count in taken if price != book[-1][0])
    assert [price for price, _ in taken] == [price for price, _ in book][: len(taken)]


def test_every_order_carries_the_market_it_met() -> None:
    made = hedged(short_usd=0, fill=False)
    made.account().book_shown = ((D("59999.5"), 10), (D("59998.0"), 5000)), ((D("60000.5"), 700),)
    (order,) = made.turn().orders
    depth = made.snapshot().views[0].depth
    assert order.contracts == 1000
    assert order.arrival == arrival(BTC, quote_of(BTC, D(60000)), depth, Side.SELL, 1000) == Arrival(D(60000), D("59998.015"), D("0.0005"))
