"""Which prices does the demo run through? Two weeks with a crash and a recovery: a pure function of the seed, the same on every machine."""

from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from itertools import pairwise
from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
STEP_MS: Final = 10 * MINUTE_MS
DAYS: Final = 14
FUNDING_MS: Final = 8 * HOUR_MS
ROUTE: Final = (
    (0, 60_000),
    (48, 61_200),
    (72, 55_000),
    (80, 46_500),
    (96, 48_000),
    (110, 36_400),
    (180, 39_500),
    (250, 47_000),
    (336, 58_500),
)
# hour and price in USD: a quiet start, a crash in two steps to -40 %, a slow recovery
SWING: Final = Decimal("0.004")  # widest step of the noise around the route
PULL: Final = Decimal("0.96")  # how much of the noise is left after a step: it returns to the route
CENT: Final = Decimal("0.5")
MOOD: Final = (  # funding per 8 hours by hour: longs pay in good times, shorts pay in the panic
    (72, Decimal("0.0001")),
    (180, Decimal("-0.0009")),
    (250, Decimal("0.0002")),
    (10_000, Decimal("0.0006")),
)


def prices(seed: int, starts_ms: int) -> Iterator[tuple[int, Decimal]]:
    """(moment, USD per coin), one in ten minutes."""
    noise = Decimal(0)
    for index in range(DAYS * 24 * HOUR_MS // STEP_MS + 1):
        if index:
            noise = noise * PULL + SWING * uniform(seed, "price", index)
        price = route_at(index * STEP_MS) * (1 + noise)
        yield starts_ms + index * STEP_MS, (price / CENT).quantize(Decimal(1)) * CENT


def rates(seed: int, starts_ms: int) -> Iterator[tuple[int, Decimal]]:
    """(moment of settlement, rate), every eight hours."""
    for at_ms in range(FUNDING_MS, DAYS * 24 * HOUR_MS, FUNDING_MS):
        usual = next(rate for until, rate in MOOD if at_ms <= until * HOUR_MS)
        rate = usual * (1 + uniform(seed, "funding", at_ms) / 2)
        yield starts_ms + at_ms, rate.quantize(Decimal("0.000001"))


def route_at(since_ms: int) -> Decimal:
    for (begin, price), (end, after) in pairwise(ROUTE):
        if since_ms <= end * HOUR_MS:
            share = Decimal(since_ms - begin * HOUR_MS) / ((end - begin) * HOUR_MS)
            return price + (after - price) * share
    return Decimal(ROUTE[-1][1])


def uniform(seed: int, *of: object) -> Decimal:
    """Between -1 and 1."""
    digest = int.from_bytes(blake2b(f"{seed}:{of}".encode(), digest_size=4).digest(), "big")
    return Decimal(digest) / (1 << 31) - 1
