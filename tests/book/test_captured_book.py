"""What the bot's execution saves on a real book, with a queue that is never kinder than the market was."""

from decimal import Decimal
from pathlib import Path

import pytest

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from bot.core.model import Order, Side
from tests.book.capture import TICK, Capture, Diff, Rows, Trade, captured
from tests.book.picture import DOCS, drawn
from tests.book.table import interval, summary
from tests.book.trial import SYMBOL, Trial, lived, wishes
from tests.book.venue import Book, CapturedMatching

D = Decimal
PEGGED = {"execution.reprice_after_seconds": "10"}
PATIENCE_SECONDS = 120


@pytest.fixture
def capture(data_folder: Path) -> Capture:
    return captured(data_folder / "book")


# ------------------------------------------------------------------------------------------------------------------- the queue


class Desk:
    """One sell of 10 contracts at the ask of 1001 ticks, 50 of others before it."""

    def __init__(self) -> None:
        self.book = Book(Capture(0, ((1000, 70),), ((1001, 50), (1002, 20)), ()))
        self.matching = CapturedMatching(self.book)
        self.clock = VirtualClock(1_700_000_000_000)
        self.exchange = PaperExchange(self.clock, "sqlite://", {"BTC": D(100)}, {"BTC": D(100)}, matching=self.matching)
        self.exchange.manual_order(SYMBOL, Side.SELL, 10, 1001 * TICK, client_id="mine")

    def trades(self, contracts: int, ticks: int = 1001) -> None:
        self.exchange.others_trade(SYMBOL, Side.BUY, contracts, ticks * TICK)

    def changes(self, asks: Rows = (), bids: Rows = ()) -> None:
        self.book.apply(Diff(0, bids, asks))
        self.matching.shrink(self.exchange._venue.leg(SYMBOL).orders)

    @property
    def mine(self) -> Order:
        return self.exchange._venue.by_client_id["mine"].shown()


def test_an_order_waits_for_every_contract_that_was_there_before_it() -> None:
    desk = Desk()
    desk.trades(50)
    assert desk.mine.filled == 0
    desk.trades(4)
    assert desk.mine.filled == 4
    desk.trades(100)
    assert desk.mine.filled == 10


def test_cancelled_contracts_were_ahead_only_where_they_must_have_been() -> None:
    desk = Desk()
    desk.changes(asks=((1001, 80),))  # 30 joined behind
    desk.changes(asks=((1001, 50),))  # and 30 left: perhaps those
    desk.trades(50)
    assert desk.mine.filled == 0
    desk = Desk()
    desk.changes(asks=((1001, 20),))  # of 50 ahead at most 20 are left
    desk.trades(25)
    assert desk.mine.filled == 5


def test_a_trade_through_its_price_takes_it_and_one_short_of_it_does_not() -> None:
    desk = Desk()
    desk.trades(6, ticks=1002)
    assert desk.mine.filled == 6
    desk = Desk()
    desk.trades(1000, ticks=1000)
    assert desk.mine.filled == 0


def test_a_book_that_moves_through_its_price_without_a_trade_fills_nothing() -> None:
    desk = Desk()
    desk.changes(asks=((1001, 0), (1002, 0), (1005, 9)), bids=((1003, 30),))
    assert desk.mine.filled == 0


def test_a_market_order_walks_the_book() -> None:
    book = Book(Capture(0, ((1000, 70), (900, 30)), ((1001, 50),), ()))
    trial = Trial(wishes_of(100)[0], book, loop=None)  # type: ignore[arg-type]
    assert trial.wish.side is Side.SELL
    assert trial.market().mid == D("100.05")
    assert trial.market().market == 100 / (D(70) / 100 + D(30) / 90)


def wishes_of(contracts: int):  # type: ignore[no-untyped-def]
    one = Capture(0, (), (), (Trade(400_000, 1, 1, True),))
    return sorted(wishes(one, contracts, {}), key=lambda wish: wish.side, reverse=True)


def test_starts_of_one_minute_count_as_hardly_more_than_one() -> None:
    """A hundred trials of two minutes that differ: the mean is not known better than from two."""
    low, high = interval([(0, 1.0)] * 50 + [(1, 3.0)] * 50)
    assert (low, high) == (1.0, 3.0)


# ----------------------------------------------------------------------------------------------------------------- on the capture


def test_the_capture_is_a_book_that_never_crosses(capture: Capture) -> None:
    book = Book(capture)
    for event in capture.events:
        if isinstance(event, Diff):
            book.apply(event)  # asserts that it does not cross
    assert (book.bid, book.ask) == (max(book.bids), min(book.asks))
    assert capture.ended_ms - capture.began_ms > 600_000


@pytest.mark.parametrize(("flags", "makers"), [({}, 95), (PEGGED, 95)], ids=["default", "pegged"])
def test_orders_are_cheaper_than_crossing_and_filled_within_the_patience(capture: Capture, flags: dict[str, str], makers: int) -> None:
    """20,000 USD, both sides, a start every 10 s. Each order saves half the spread and the difference of the fees against a market order of
    its own moment; so does the whole change against one at its beginning, in the middle of all trials. What the market did meanwhile is in
    the mean, and ten minutes of one market say little about that: it is only known to be no loss."""
    outcomes = lived(capture, wishes(capture, 200, flags))
    found = summary(outcomes)
    assert found.trials == found.done >= 100
    assert found.bar > 4
    assert found.per_order >= found.bar
    assert found.whole_median >= found.bar
    assert found.whole_high > 0
    in_time = [one for one in outcomes if one.seconds is not None and one.seconds <= PATIENCE_SECONDS and not one.crossed]
    assert len(in_time) / found.trials >= makers / 100
    for one in outcomes:
        assert 199 <= sum(fill.contracts for fill in one.fills) <= 200
        assert all(fill.side is one.wish.side for fill in one.fills)


def test_the_picture_of_a_schedule_in_the_docs_is_the_one_that_the_code_draws() -> None:
    assert (DOCS / "schedule.svg").read_text("utf-8") == drawn()
