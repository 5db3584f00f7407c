"""Can the bot trust one look?"""

import pytest

from bot.core.model import BOOK_LEVELS, Ask, Depth, Side
from tests.contract.driver import D, VenueUnderTest, approved, open_at, seen

SELL, BUY = Side.SELL, Side.BUY
PARTS = ("quote", "position", "margin", "open_orders", "found", "fills", "funding")


async def book_of(venue: VenueUnderTest) -> Depth | None:
    (view,) = await venue.exchange.look([Ask(venue.inverse.symbol, venue.began_ms, venue.began_ms, (), BOOK_LEVELS)])
    assert view.errors == ()
    return view.depth


async def test_views_come_in_the_order_asked(venue: VenueUnderTest) -> None:
    symbols = [venue.linear.symbol, venue.inverse.symbol]
    views = await venue.exchange.look([Ask(symbol, venue.began_ms, venue.began_ms) for symbol in symbols])
    assert [view.instrument.symbol for view in views] == symbols


async def test_a_fresh_account_is_flat_and_nothing_is_missing(venue: VenueUnderTest) -> None:
    view = await seen(venue)
    assert view.position is not None
    assert (view.position.contracts, view.open_orders, view.found, view.fills, view.funding, view.errors) == (0, (), (), (), (), ())


async def test_the_quote_never_crosses_and_lies_on_ticks(venue: VenueUnderTest) -> None:
    for price in ("60000", "60000.05", "61234.567", "0.3"):
        await venue.market(D(price))
        quote = (await seen(venue)).quote
        assert quote is not None
        assert quote.mark == D(price)
        assert 0 < quote.bid < quote.ask
        assert quote.bid % venue.inverse.tick == quote.ask % venue.inverse.tick == 0


async def test_stamps_move_with_the_venues_clock(venue: VenueUnderTest) -> None:
    before = (await seen(venue)).quote
    await venue.wait(7000)
    after = (await seen(venue)).quote
    assert before is not None
    assert after is not None
    assert after.at_ms - before.at_ms >= 7000
    assert abs(await venue.exchange.server_time_ms() - after.at_ms) <= 1000


async def test_fills_come_oldest_first_at_or_after_the_cursor_and_again(venue: VenueUnderTest) -> None:
    for number in range(3):
        await open_at(venue, 10 + number, 60000, client_id=f"a{number}")
    everything = (await seen(venue)).fills
    assert everything is not None
    assert [fill.contracts for fill in everything] == [10, 11, 12]
    assert len({fill.trade_id for fill in everything}) == 3
    second = everything[1].at_ms
    assert (await seen(venue, since_ms=second)).fills == everything[1:]
    assert (await seen(venue, since_ms=second)).fills == everything[1:]
    assert (await seen(venue, since_ms=second + 1)).fills == everything[2:]
    assert (await seen(venue, since_ms=everything[2].at_ms + 1)).fills == ()


async def test_payments_come_at_or_after_the_cursor(venue: VenueUnderTest) -> None:
    await open_at(venue, 1000, 60000, client_id="a1")
    await venue.settle_funding(D("0.0001"))
    await venue.settle_funding(D("0.0002"))
    payments = (await seen(venue)).funding
    assert payments is not None
    assert [payment.rate for payment in payments] == [D("0.0001"), D("0.0002")]
    assert (await seen(venue, since_ms=payments[1].at_ms)).funding == payments[1:]


@pytest.mark.parametrize("part", PARTS)
async def test_a_failed_read_is_none_and_named_and_the_rest_is_there(venue: VenueUnderTest, part: str) -> None:
    await venue.exchange.place(approved(venue, "a1", SELL, 1, 61000))
    venue.fail_next_read(part)
    view = await seen(venue, "a1")
    assert getattr(view, part) is None
    assert any(part in error for error in view.errors)
    assert all(getattr(view, other) is not None for other in PARTS if other != part)
    again = await seen(venue, "a1")
    assert getattr(again, part) is not None
    assert again.errors == ()


async def test_orders_are_found_in_any_status(venue: VenueUnderTest) -> None:
    await open_at(venue, 5, 60000, client_id="filled")
    await venue.exchange.place(approved(venue, "cancelled", SELL, 1, 61000))
    await venue.exchange.cancel(venue.inverse.symbol, "cancelled")
    await venue.exchange.place(approved(venue, "open", SELL, 1, 61000))
    found = (await seen(venue, "filled", "cancelled", "open", "never")).found
    assert [order.client_id for order in found or ()] == ["filled", "cancelled", "open"]


async def test_the_visible_book_begins_at_the_touch_and_shows_our_own_orders(venue: VenueUnderTest) -> None:
    """Bids fall, asks rise, counts are contracts of ours; a venue that has no book shows none, and that is no error."""
    await venue.market(D(60000))
    before = await book_of(venue)
    if before is None:
        assert venue.most_at_touch is None
        return
    quote = (await seen(venue)).quote
    assert quote is not None
    assert (before.bids[0][0], before.asks[0][0]) == (quote.bid, quote.ask)
    for side, falling in ((before.bids, True), (before.asks, False)):
        prices = [price for price, _ in side]
        assert prices == sorted(set(prices), reverse=falling)
        assert all(type(count) is int and count > 0 for _, count in side)
    await venue.exchange.place(approved(venue, "mine", SELL, 7, quote.ask))
    after = await book_of(venue)
    assert after is not None
    assert after.asks[0] == (quote.ask, before.asks[0][1] + 7)
    assert after.bids == before.bids


async def test_no_more_levels_are_read_than_asked_for(venue: VenueUnderTest) -> None:
    for number in range(4):
        await venue.exchange.place(approved(venue, f"a{number}", SELL, 1, 60500 + number))
    (shown, unasked) = [
        (await venue.exchange.look([Ask(venue.inverse.symbol, venue.began_ms, venue.began_ms, (), levels)]))[0].depth for levels in (3, 0)
    ]
    assert unasked is None
    assert shown is None or len(shown.asks) == 3
