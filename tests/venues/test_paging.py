"""Is a history read to its end, however long the bot was away?"""

import re
from decimal import Decimal

import pytest

from adapters.exchanges.ccxt_translate import Malformed
from adapters.exchanges.histories import History, Settled, in_order, paged
from adapters.exchanges.venues.sheet import Page
from bot.core.model import Fill, OrderStatus, Side
from tests.contract.ccxt_driver import INVERSE, READS, under_test
from tests.contract.driver import D, VenueUnderTest, Wanted, approved, open_at, seen


async def test_funding_of_more_than_one_page_is_read_whole_and_once() -> None:
    """Kraken pays every hour and shows 500 payments at a time: three weeks away are more than that."""
    async with under_test("krakenfutures", Wanted(collateral={"BTC": D(10)})) as venue:
        await open_at(venue, 100, 60000, client_id="a1")
        core = venue.server.core  # type: ignore[attr-defined]
        for _ in range(1_201):
            venue.clock.shift_ms += 3_600_000  # type: ignore[attr-defined]
            core.settle_funding(INVERSE, Decimal("0.00001"))
        payments = (await seen(venue)).funding
        assert payments is not None
        assert len(payments) == len({payment.payment_id for payment in payments}) == 1_201
        assert abs(sum(payment.coins for payment in payments) - (core.wallets["BTC"] - 10)) < D("1e-15")


WEEK_MS = 7 * 86_400_000


@pytest.mark.parametrize("name", ["bybit", "binancecoinm"])
async def test_a_bot_that_was_away_for_weeks_reads_every_week_once(name: str) -> None:
    """Both tell no more than a week of a history for each question: the rest is asked week by week, and then kept."""
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        core = venue.server.core  # type: ignore[attr-defined]
        for number in range(5):
            await open_at(venue, 100 + number, 60000, client_id=f"a{number}")
            core.settle_funding(INVERSE, Decimal("0.00001"))
            await venue.wait(WEEK_MS + 3_600_000)
        first = await seen(venue)
        assert first.fills is not None
        assert [fill.contracts for fill in first.fills] == [100, 101, 102, 103, 104]
        assert [fill.client_id for fill in first.fills] == [f"a{number}" for number in range(5)]
        assert first.funding is not None
        assert len(first.funding) == 5
        asked = histories(venue)
        assert asked == [6, 6]  # five weeks and five hours
        await open_at(venue, 200, 60000, client_id="b1")
        again = await seen(venue)
        assert again.fills is not None
        assert [fill.contracts for fill in again.fills] == [100, 101, 102, 103, 104, 200]
        assert again.funding == first.funding
        assert [count - before for count, before in zip(histories(venue), asked, strict=True)] == [1, 1]


def histories(venue: VenueUnderTest) -> list[int]:
    """How often fills and payments were asked for."""
    log = venue.server.log  # type: ignore[attr-defined]
    asked = [f"{row.path}?{row.query}" for row in log]
    parts = READS[venue.name]  # type: ignore[attr-defined]
    return [sum(re.search(parts[part], address) is not None for address in asked) for part in ("fills", "funding")]


@pytest.mark.parametrize(("name", "reach_days"), [("bybit", 730), ("binancecoinm", 90)])
async def test_nothing_is_asked_for_that_the_venue_has_forgotten(name: str, reach_days: int) -> None:
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        await seen(venue, since_ms=1)
        starts = [int(found) for row in venue.server.log for found in re.findall(r"startTime=(\d+)", row.query)]  # type: ignore[attr-defined]
        assert min(starts) >= venue.began_ms - reach_days * 86_400_000


async def test_a_history_that_is_asked_for_further_back_is_read_anew() -> None:
    asked: list[int] = []

    async def ask(from_ms: int) -> list[Fill]:
        asked.append(from_ms)
        return [made for made in trades if from_ms <= made.at_ms < from_ms + 10_000_000]

    trades = [Fill(str(at_ms), "", INVERSE, Side.SELL, 1, D(1), D(0), True, at_ms) for at_ms in (5_000_000, 25_000_000)]
    history = History[Fill](lambda fill: fill.trade_id, 10_000_000, None)
    assert [fill.at_ms for fill in await history.read(20_000_000, 30_000_000, ask)] == [25_000_000]
    assert [fill.at_ms for fill in await history.read(1, 30_000_000, ask)] == [5_000_000, 25_000_000]
    assert asked == [20_000_000, 1, 10_000_001, 20_000_001]


async def test_after_a_long_sleep_the_stretch_since_the_last_read_is_asked_for_with_an_hour_before_it() -> None:
    asked: list[int] = []

    async def ask(from_ms: int) -> list[Fill]:
        asked.append(from_ms)
        return []

    history = History[Fill](lambda fill: fill.trade_id, 10_000_000, None)
    await history.read(1, 5_000_000, ask)
    await history.read(1, 18_000_000, ask)
    assert asked == [1, 5_000_000 - 3_600_000, 15_000_000 - 3_600_000]


async def test_an_ended_order_is_found_behind_more_events_than_one_answer_of_kraken_holds() -> None:
    async with under_test("krakenfutures", Wanted(collateral={"BTC": D(10)})) as venue:
        core = venue.server.core  # type: ignore[attr-defined]
        await venue.exchange.place(approved(venue, "a1", Side.SELL, 1, 61000))
        await venue.exchange.cancel(INVERSE, "a1")
        for _ in range(600):  # two events each, of which 500 come at a time
            core.cancel(core.place(INVERSE, "sell", 100, D(62000), client_id=""))
        await venue.wait(60_000)  # the look-up by id forgets an ended order
        (found,) = (await seen(venue, "a1")).found or ()
        assert found.status is OrderStatus.CANCELLED
        pages = [row for row in venue.server.asked("read-closed-orders") if "continuation_token" in row.query]  # type: ignore[attr-defined]
        assert len(pages) == 2
        assert (await seen(venue, "never")).found == ()


async def test_kraken_is_asked_for_payments_only_once_the_wallet_moved_and_every_ten_minutes() -> None:
    """Its histories draw on a pool of 100 points in ten minutes: to ask in every turn would empty it at once."""
    async with under_test("krakenfutures", Wanted(collateral={"BTC": D(10)})) as venue:
        await open_at(venue, 100, 60000, client_id="a1")

        async def looked(times: int = 1) -> tuple[int, int]:
            before = histories(venue)[1]
            for _ in range(times):
                paid = (await seen(venue)).funding
                assert paid is not None
            return histories(venue)[1] - before, len(paid)

        assert await looked(10) == (1, 0)
        await venue.settle_funding(D("0.0001"))
        assert await looked(10) == (1, 1)
        await venue.wait(599_000)
        assert await looked() == (0, 1)
        await venue.wait(1_001)
        assert await looked(2) == (1, 1)
        venue.fail_next_read("margin")
        assert await looked() == (1, 1)  # a wallet that is not known may have moved
        paid = (await seen(venue)).funding or ()
        assert (await seen(venue, since_ms=paid[0].at_ms + 1)).funding == ()


def traded(trade_id: str, at_ms: int) -> Fill:
    return Fill(trade_id, "", INVERSE, Side.SELL, 1, D(1), D(0), True, at_ms)


async def test_a_page_that_names_itself_as_the_next_is_unknown_and_not_the_end() -> None:
    """As a page does that asks for what lies before its last millisecond, where all of it lies within that one."""

    async def page(more: str | None) -> Page[Fill]:
        return Page((traded(more or "90", int(more or 90)),), "80")

    with pytest.raises(Malformed, match="names itself"):
        await paged(page, 0)


async def test_a_list_that_does_not_end_is_unknown_and_not_taken_for_whole() -> None:
    asked: list[str | None] = []

    async def page(more: str | None) -> Page[Fill]:
        asked.append(more)
        return Page((traded(str(len(asked)), 10),), str(len(asked)))

    with pytest.raises(Malformed, match="more than 40 pages"):
        await paged(page, 0)
    assert len(asked) == 40


async def test_a_history_that_begins_with_the_newest_is_left_where_the_cursor_is_reached() -> None:
    asked: list[str | None] = []

    async def page(more: str | None) -> Page[Fill]:
        asked.append(more)
        return Page((traded(str(len(asked)), 100 - 10 * len(asked)),), str(len(asked)))

    assert [fill.at_ms for fill in await paged(page, 75)] == [90, 80, 70]
    assert asked == [None, "1", "2"]


def test_fills_of_one_moment_come_in_the_order_of_their_numbers() -> None:
    fills = [traded(name, 5) for name in ("10", "9", "11")] + [traded("1", 6), traded("9", 5), traded("8", 4)]
    assert [fill.trade_id for fill in in_order(fills, 5, lambda fill: fill.trade_id)] == ["9", "10", "11", "1"]


@pytest.mark.parametrize(
    ("wallet", "since_ms", "now_ms", "holds"),
    [
        ("1", 100, 1_000, True),
        ("1.00001", 100, 1_000, False),
        ("1", 99, 1_000, False),
        ("1", 100, 600_999, True),
        ("1", 100, 601_000, False),
    ],
)
def test_what_was_paid_stands_while_the_wallet_does_from_its_cursor_on_and_for_ten_minutes(
    wallet: str, since_ms: int, now_ms: int, holds: bool
) -> None:
    assert Settled(D(1), 100, 1_000, ()).holds(D(wallet), since_ms, now_ms) is holds


async def test_a_history_is_asked_for_also_where_it_begins_in_this_very_moment() -> None:
    asked: list[int] = []

    async def ask(from_ms: int) -> list[Fill]:
        asked.append(from_ms)
        return [traded("1", 50)]

    history = History[Fill](lambda fill: fill.trade_id, 10_000_000, None)
    assert [fill.trade_id for fill in await history.read(50, 50, ask)] == ["1"]
    assert asked == [50]
