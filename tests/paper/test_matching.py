"""Does a paper order trade exactly when its matching rule says so?"""

from decimal import Decimal

import pytest

from bot.core.model import OrderStatus, Side
from tests.paper.trading import BTC, START_MS, D, held, make, order, view

SELL, BUY = Side.SELL, Side.BUY


@pytest.mark.parametrize(
    ("side", "limit", "price", "filled"),
    [
        (SELL, "60100", "60100", 0),
        (SELL, "60100", "60100.09", 0),
        (SELL, "60100", "60100.1", 10),
        (BUY, "59900", "59900", 0),
        (BUY, "59900", "59899.91", 0),
        (BUY, "59900", "59899.9", 10),
    ],
)
async def test_by_print_an_order_fills_when_a_print_passes_it_by_a_tick(side: Side, limit: str, price: str, filled: int) -> None:
    paper = make()
    await paper.place(order("a", side, 10, limit))
    paper.print("BTC", D(price), START_MS + 1)
    assert abs(await held(paper)) == filled
    if filled:
        (fill,) = (await view(paper)).fills or ()
        assert (fill.price, fill.maker, fill.at_ms) == (D(limit), True, START_MS + 1)
    await paper.close()


@pytest.mark.parametrize(
    ("price", "spread_bps", "bid", "ask"),
    [
        ("60000", "2", "59994", "60006"),
        ("60000", "0", "59999.9", "60000.1"),
        ("60000.05", "0", "60000", "60000.1"),
        ("60000.04", "0.02", "59999.9", "60000.2"),
        ("0.1", "2", "0", "0.2"),
    ],
)
async def test_the_touch_is_half_the_spread_to_each_side_rounded_outwards(price: str, spread_bps: str, bid: str, ask: str) -> None:
    paper = make(spread_bps=D(spread_bps))
    paper.print("BTC", D(price), START_MS + 1)
    quote = (await view(paper)).quote
    assert quote is not None
    if D(bid) == 0:
        assert (quote.bid, quote.ask) == (D("0.1"), D("0.2"))  # never a price of 0
    else:
        assert (quote.bid, quote.ask) == (D(bid), D(ask))
    await paper.close()


async def test_by_print_a_crossing_order_takes_any_size_at_the_touch() -> None:
    paper = make(collateral={"BTC": D(1000)})
    placed = await paper.place(order("a", SELL, 1_000_000, 59994, post_only=False))
    assert placed.status is OrderStatus.FILLED
    (fill,) = (await view(paper)).fills or ()
    assert (fill.price, fill.contracts) == (59994, 1_000_000)
    await paper.close()


async def test_a_print_at_no_price_is_an_error_and_changes_nothing() -> None:
    paper = make()
    with pytest.raises(ValueError, match="must be positive"):
        paper.print("BTC", D(0), START_MS + 1)
    quote = (await view(paper)).quote
    assert quote is not None
    assert quote.mark == 60000
    await paper.close()


# ------------------------------------------------------------------------------------------------------------ the book


async def test_in_the_book_a_taker_walks_the_levels_at_their_own_prices() -> None:
    paper = make(matching="book", collateral={"BTC": D(1000)}, book_levels=5)
    placed = await paper.place(order("a", SELL, 100_000, 59000, post_only=False))
    fills = (await view(paper)).fills or ()
    assert [fill.price for fill in fills] == [D("59994") - level * D("0.1") for level in range(5)]
    assert (placed.status, placed.filled) == (OrderStatus.EXPIRED, sum(fill.contracts for fill in fills))
    assert len({fill.contracts for fill in fills}) > 1
    await paper.close()


async def test_in_the_book_a_taker_stops_at_its_limit() -> None:
    paper = make(matching="book", collateral={"BTC": D(1000)})
    await paper.place(order("a", SELL, 100_000, "59993.9", post_only=False))
    assert {fill.price for fill in (await view(paper)).fills or ()} == {D("59994"), D("59993.9")}
    await paper.close()


async def test_what_was_eaten_stays_eaten_until_the_next_print() -> None:
    paper = make(matching="book", collateral={"BTC": D(1000)})
    first = await paper.place(order("a", SELL, 100_000, 59994, post_only=False))
    assert first.filled > 0
    assert (await paper.place(order("b", SELL, 100_000, 59994, post_only=False))).filled == 0
    paper.print("BTC", D(60000), START_MS + 1)
    assert (await paper.place(order("c", SELL, 100_000, 59994, post_only=False))).filled == first.filled
    await paper.close()


async def test_an_order_at_the_touch_waits_for_the_contracts_ahead_of_it() -> None:
    paper = make(matching="book", collateral={"BTC": D(1000)})
    at_touch = await paper.place(order("a", SELL, 10, "60006"))
    assert at_touch.status is OrderStatus.OPEN
    (working,) = paper._venue.leg(BTC).orders
    ahead = working.ahead
    assert ahead > 0
    paper.others_trade(BTC, BUY, ahead, D("60006"))
    assert await held(paper) == 0
    paper.others_trade(BTC, BUY, 4, D("60006"))
    assert await held(paper) == -4
    await paper.close()


async def test_an_order_inside_the_spread_is_first_in_line() -> None:
    paper = make(matching="book")
    await paper.place(order("a", SELL, 10, "60000"))
    paper.others_trade(BTC, BUY, 4, D("60006"))
    assert await held(paper) == -4
    await paper.close()


async def test_the_market_moving_through_an_order_fills_it_whole() -> None:
    paper = make(matching="book")
    await paper.place(order("a", SELL, 2500, "60100"))
    paper.print("BTC", D("60107"), START_MS + 1)  # bid 60100.9
    assert await held(paper) == -2500
    await paper.close()


async def test_prints_at_the_touch_fill_in_parts() -> None:
    paper = make(matching="book")
    await paper.place(order("a", SELL, 3000, "60006"))
    seen = []
    for step in range(1, 200):
        paper.print("BTC", D(60000) - (step % 2), START_MS + step)  # up and down by a dollar: the touch comes back again and again
        seen.append(-await held(paper))
    steps = sorted(set(seen))
    assert steps[-1] == 3000
    assert len(steps) > 3  # neither at once nor in one part
    await paper.close()


async def trades(seed: int) -> list[tuple[Decimal, int]]:
    paper = make(matching="book", seed=seed)
    await paper.place(order("a", SELL, 3000, "60006"))
    for step in range(1, 60):
        paper.print("BTC", D(60000) - (step % 2), START_MS + step)
    await paper.place(order("b", SELL, 900, "59000", post_only=False))
    fills = (await view(paper)).fills or ()
    await paper.close()
    return [(fill.price, fill.contracts) for fill in fills]


async def test_one_seed_makes_the_same_trades_and_another_seed_others() -> None:
    assert await trades(1) == await trades(1)
    assert await trades(1) != await trades(2)
