"""How does an order of ours fare in a captured book? As a matching of the paper exchange whose queue is never kinder than the market was.

An order joins the back of the queue: every contract that was visible at its price is ahead of it. It is filled by trades at its price once
those ahead are gone, and by trades through it. Contracts that were cancelled count as ahead only where they must have been: when fewer are
left at the price than were ahead. The market does not know of the order, so nobody reacts to it.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from adapters.exchanges.paper_ledger import Leg, VenueOrder
from adapters.exchanges.paper_matching import Touch, eaten_key
from bot.core.model import Instrument, Levels, Side
from tests.book.capture import TICK, Capture, Diff

DEEPEST: Final = 400  # levels that a taker may walk


class Book:
    """Both sides as they stand, in ticks."""

    def __init__(self, capture: Capture) -> None:
        self.bids, self.asks = dict(capture.bids), dict(capture.asks)
        self.bid, self.ask = max(self.bids), min(self.asks)

    def apply(self, diff: Diff) -> bool:
        """Did the touch move?"""
        for side, changes in ((self.bids, diff.bids), (self.asks, diff.asks)):
            for price, contracts in changes:
                if contracts:
                    side[price] = contracts
                else:
                    side.pop(price, None)
        was = self.bid, self.ask
        if any(price >= self.bid for price, _ in diff.bids):
            self.bid = max(self.bids)
        if any(price <= self.ask for price, _ in diff.asks):
            self.ask = min(self.asks)
        assert self.bid < self.ask, "the captured book is crossed"
        return was != (self.bid, self.ask)

    def best(self, side: Side) -> Iterator[tuple[int, int]]:
        """Levels of the resting orders of a side, best first."""
        resting = self.asks if side is Side.SELL else self.bids
        step, price = (1, self.ask) if side is Side.SELL else (-1, self.bid)
        found = sorted((at for at in resting if (at - price) * step >= 0), reverse=side is Side.BUY)
        return ((at, resting[at]) for at in found[:DEEPEST])

    def visible(self, side: Side, price: Decimal) -> int:
        return (self.asks if side is Side.SELL else self.bids).get(int(price / TICK), 0)

    def prices(self) -> tuple[Decimal, Decimal]:
        return self.bid * TICK, self.ask * TICK

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) * TICK / 2


class CapturedTouch(Touch):
    def __init__(self, book: Book) -> None:
        super().__init__(Decimal(0))
        self.book = book

    def of(self, spec: Instrument, price: Decimal) -> tuple[Decimal, Decimal]:
        return self.book.prices()


class CapturedMatching:
    """Resting orders trade by `PaperExchange.others_trade` alone: a print of the mark fills nothing."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.touch: Touch = CapturedTouch(book)

    def offers(self, leg: Leg, side: Side) -> Iterator[tuple[Decimal, int | None]]:
        maker = Side.SELL if side is Side.BUY else Side.BUY
        for ticks, contracts in self.book.best(maker):
            left = contracts - leg.eaten.get(eaten_key(maker, ticks * TICK), 0)
            if left > 0:
                yield ticks * TICK, left

    def queue(self, leg: Leg, side: Side, price: Decimal) -> int:
        return self.book.visible(side, price)

    def shown(self, leg: Leg, most: int) -> tuple[Levels, Levels]:
        def side(of: Side) -> Levels:
            return tuple((ticks * TICK, contracts) for (ticks, contracts), _ in zip(self.book.best(of), range(most), strict=False))

        return side(Side.BUY), side(Side.SELL)

    def reached(self, leg: Leg, was: Decimal) -> list[tuple[VenueOrder, int]]:
        return []

    def shrink(self, orders: list[VenueOrder]) -> None:
        """What is gone from a level beyond those behind us was ahead of us."""
        for order in orders:
            order.ahead = min(order.ahead, self.book.visible(order.side, order.limit_price))
