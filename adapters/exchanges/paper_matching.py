"""When does a paper order trade, and at what price?

Two venues in one: `PrintMatching` is the replay rule (contract: a resting order fills when a print passes its price by a tick, a crossing
order at once, any size); `BookMatching` is a synthetic order book with finite levels and a queue. Neither keeps state of its own.
"""

from collections.abc import Iterator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Protocol

from adapters.exchanges.paper_ledger import Leg, VenueOrder
from bot.core import contracts
from bot.core.model import ONE, Instrument, Levels, Side

TEN_THOUSAND = Decimal(10_000)


class Touch:
    """The best prices around the last print: half the spread to either side, rounded outwards to ticks, never closer than one tick."""

    def __init__(self, spread_bps: Decimal) -> None:
        half = spread_bps / TEN_THOUSAND / 2
        self._below, self._above = ONE - half, ONE + half

    def of(self, spec: Instrument, price: Decimal) -> tuple[Decimal, Decimal]:
        tick = spec.tick
        bid = (price * self._below / tick).to_integral_value(ROUND_FLOOR) * tick
        ask = (price * self._above / tick).to_integral_value(ROUND_CEILING) * tick
        if bid == ask:
            bid, ask = bid - tick, ask + tick
        return (bid, ask) if bid > 0 else (tick, max(ask, tick + tick))


class Matching(Protocol):
    touch: Touch

    def offers(self, leg: Leg, side: Side) -> Iterator[tuple[Decimal, int | None]]:
        """What a taker on `side` meets, best first: price and contracts; None is any number."""

    def queue(self, leg: Leg, side: Side, price: Decimal) -> int:
        """Contracts of others that rest at this price before a new order of ours."""

    def shown(self, leg: Leg, most: int) -> tuple[Levels, Levels] | None:
        """The best bids and asks of others; None where there is no book to show."""

    def reached(self, leg: Leg, was: Decimal) -> list[tuple[VenueOrder, int]]:
        """Which resting orders trade or move up the queue now that the price went from `was` to the market's, and how many contracts
        each trades, in order."""


class PrintMatching:
    def __init__(self, spread_bps: Decimal) -> None:
        self.touch = Touch(spread_bps)

    def offers(self, leg: Leg, side: Side) -> Iterator[tuple[Decimal, int | None]]:
        bid, ask = self.touch.of(leg.spec, leg.market.price)
        yield (ask if side is Side.BUY else bid), None

    def queue(self, leg: Leg, side: Side, price: Decimal) -> int:
        return 0

    def shown(self, leg: Leg, most: int) -> tuple[Levels, Levels] | None:
        return None

    def reached(self, leg: Leg, was: Decimal) -> list[tuple[VenueOrder, int]]:
        price, tick = leg.market.price, leg.spec.tick
        return [
            (order, order.remaining)
            for order in leg.orders
            if (price >= order.limit_price + tick if order.side is Side.SELL else price <= order.limit_price - tick)
        ]


class BookMatching:
    """Sizes are a hash of (seed, symbol, side, price): the same level shows the same size whenever the market comes by.

    A print moves the book and trades once at the touch, with the aggressor in the direction of the move. An order of ours in the spread
    is first in line; at the touch it waits for the contracts ahead of it; where the market moved through it, it trades whole.
    What own takers eat stays eaten until the next print.
    """

    def __init__(self, seed: int, touch: Touch, *, levels: int = 20, depth_usd: Decimal = Decimal(50_000)) -> None:
        self.touch = touch
        self._seed = seed
        self._levels = levels
        self._depth_usd = depth_usd  # at one level, on average
        self._hash = lru_cache(maxsize=4096)(self._hash_uncached)

    def offers(self, leg: Leg, side: Side) -> Iterator[tuple[Decimal, int | None]]:
        maker = Side.SELL if side is Side.BUY else Side.BUY
        bid, ask = self.touch.of(leg.spec, leg.market.price)
        best, step = (ask, leg.spec.tick) if maker is Side.SELL else (bid, -leg.spec.tick)
        for level in range(self._levels):
            price = best + level * step
            if price <= 0:
                return
            left = self._size(leg, maker, price) - leg.eaten.get(eaten_key(maker, price), 0)
            if left > 0:
                yield price, left

    def queue(self, leg: Leg, side: Side, price: Decimal) -> int:
        bid, ask = self.touch.of(leg.spec, leg.market.price)
        in_spread = bid < price < ask
        return 0 if in_spread else self._size(leg, side, price)

    def shown(self, leg: Leg, most: int) -> tuple[Levels, Levels] | None:
        def best(taker: Side) -> Levels:
            return tuple((price, left) for price, left in islice(self.offers(leg, taker), most) if left is not None)

        return best(Side.SELL), best(Side.BUY)

    def reached(self, leg: Leg, was: Decimal) -> list[tuple[VenueOrder, int]]:
        price = leg.market.price
        bid, ask = self.touch.of(leg.spec, price)
        noise = self._hash(leg.spec.symbol, "print", leg.market.at_ms)
        buyers = price > was or (price == was and noise % 2 == 0)
        traded = self._scaled(leg, noise >> 8)
        found: list[tuple[VenueOrder, int]] = []
        for order in sorted(leg.orders, key=lambda one: (one.limit_price if one.side is Side.SELL else -one.limit_price, one.seq)):
            selling = order.side is Side.SELL
            crossed = bid >= order.limit_price if selling else ask <= order.limit_price
            if crossed:
                found.append((order, order.remaining))
            elif selling is buyers and traded > 0 and (order.limit_price <= ask if selling else order.limit_price >= bid):
                inside = order.limit_price < ask if selling else order.limit_price > bid
                ahead = 0 if inside else order.ahead
                filled = min(order.remaining, max(0, traded - ahead))
                was_ahead, order.ahead = order.ahead, max(0, ahead - traded)
                traded -= filled
                if filled or order.ahead != was_ahead:
                    found.append((order, filled))
        return found

    def _size(self, leg: Leg, side: Side, price: Decimal) -> int:
        return self._scaled(leg, self._hash(leg.spec.symbol, side, price.normalize()))

    def _scaled(self, leg: Leg, noise: int) -> int:
        """Between nothing much and twice the average depth, in contracts of today's price; at least one."""
        usual = contracts.contracts_floor(leg.spec, self._depth_usd, leg.market.anchor_price)
        return max(1, usual * (noise % 1000 + 1) // 500)

    def _hash_uncached(self, *of: object) -> int:
        return int.from_bytes(blake2b("|".join(map(str, (self._seed, *of))).encode(), digest_size=8).digest(), "big")


def eaten_key(side: Side, price: Decimal) -> str:
    return f"{side}@{price.normalize()}"
