"""What does the venue's book show? A level at every tick, of a size that follows from its price, with our own orders among them."""

from decimal import Decimal

from bot.core.model import Depth, Levels
from bot.rehearsal.venue import CENTS, MILLION, OWN, Book


def contracts_of(book: Book, usd: int, cents: int) -> int:
    return usd * MILLION * CENTS // (book.size * cents) if book.linear else usd // book.size


def depth(book: Book, most: int, now_ms: int) -> Depth:
    def side(best: int, step: int, *, sells: bool) -> Levels:
        usd = {cents: (40 + cents // book.tick * 7919 % 400) * 100 for cents in range(best, best + most * step, step)}
        levels = {cents: contracts_of(book, one, cents) for cents, one in usd.items()}
        for order in book.live(OWN):
            if order.sells is sells and order.cents in levels:
                levels[order.cents] += order.rest
        return tuple((Decimal(cents) / CENTS, count) for cents, count in levels.items())

    return Depth(side(book.bid, -book.tick, sells=False), side(book.ask, book.tick, sells=True), book.stamp(now_ms))
