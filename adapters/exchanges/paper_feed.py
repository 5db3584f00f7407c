"""Where do the paper exchange's prices come from?

A feed is a function of time: asked for the same span it gives the same prints, so a venue that was killed goes on from the last
moment it stored as if nothing had happened.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache
from hashlib import blake2b
from math import isqrt
from typing import Final, Protocol

YEAR_MS: Final = 31_536_000_000


@dataclass(frozen=True, slots=True)
class Print:
    """One trade price of an asset in USD. The price holds until the next print."""

    asset: str
    price: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where an asset's price began on this venue."""

    price: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Founding:
    """What a new venue is made with. In an existing database only assets and spot wallets that it lacks are added."""

    seed: int
    now_ms: int
    prices: Mapping[str, Decimal]  # USD per coin
    collateral: Mapping[str, Decimal]
    spot: Mapping[str, Decimal]  # what lies beside the account


@dataclass(frozen=True, slots=True)
class Opened:
    """What the venue runs on. An existing database wins over the constructor; `new` tells whether it was just made."""

    new: bool
    seed: int
    born_ms: int
    anchors: Mapping[str, Anchor]
    collateral: Mapping[str, Decimal]  # what the venue was funded with when it was made


class Feed(Protocol):
    def prints(self, after_ms: int, until_ms: int) -> Sequence[Print]:
        """Every print with after_ms < at_ms <= until_ms, oldest first."""

    def funding_rate(self, asset: str, settles_at_ms: int) -> Decimal | None:
        """The rate of the interval that settles at this moment; None where this feed tells none (then nothing settles by itself)."""


class ScriptedFeed:
    """Prints from a list."""

    def __init__(self, prints: Sequence[Print], funding_rates: Mapping[str, Decimal] | None = None) -> None:
        self._prints = sorted(prints, key=lambda one: one.at_ms)
        self._times = [one.at_ms for one in self._prints]
        self._rates = dict(funding_rates or {})

    def prints(self, after_ms: int, until_ms: int) -> Sequence[Print]:
        return self._prints[bisect_right(self._times, after_ms) : bisect_right(self._times, until_ms)]

    def funding_rate(self, asset: str, settles_at_ms: int) -> Decimal | None:
        return self._rates.get(asset)


# A Brownian path with random access: values on a coarse grid are a running sum, the moments between are filled by bridges
# (midpoint = mean of its neighbours + noise of variance dt/4). All noise is a hash of (seed, asset, level, index) and all sums are
# integers, so the path is the same on every machine and a jump over a year costs as much as a jump over a second.
UNIT: Final = 1 << 32  # one standard deviation of one step
TOP_LEVEL: Final = 24  # 2^24 steps between the points of the coarse grid: 194 days of one-second steps
KEPT: Final = 1_024  # points of the path of one asset
SCALES: Final = tuple(isqrt(1 << (2 * 20 + level)) for level in range(TOP_LEVEL + 1))  # sqrt(2^level) in units of 2^-20


class SyntheticFeed:
    """A geometric walk for each asset, a deterministic function of (seed, time), that stands at the anchor price at the anchor time."""

    def __init__(
        self,
        opened: Opened,
        *,
        step_ms: int = 1000,
        volatility_per_year: Decimal = Decimal("0.6"),
        funding_rate: Decimal = Decimal("0.0001"),
        most_prints: int = 3600,
    ) -> None:
        self._opened = opened
        self._step_ms = step_ms
        self._most_prints = most_prints  # of one asset in one span: a longer span is sampled more coarsely
        self._funding_rate = funding_rate
        with localcontext() as context:
            context.prec = 28
            per_step = volatility_per_year * (Decimal(step_ms) / YEAR_MS).sqrt()
            self._per_unit = per_step / UNIT
            self._drift = -per_step * per_step / 2  # of the logarithm: the price itself is expected to stay where it is
        # room for the coarse points and the bridges of each asset: with too little, every price would be walked from the beginning
        self._walk = lru_cache(maxsize=max(8_192, KEPT * len(opened.anchors)))(self._walk_uncached)

    def prints(self, after_ms: int, until_ms: int) -> Sequence[Print]:
        stride = self._step_ms
        while (until_ms - after_ms) // stride > self._most_prints:
            stride *= 2
        found = []
        for at_ms in range((after_ms // stride + 1) * stride, until_ms + 1, stride):
            for asset, anchor in self._opened.anchors.items():
                if at_ms > anchor.at_ms:
                    found.append(Print(asset, self._price(asset, anchor, at_ms), at_ms))
        return found

    def funding_rate(self, asset: str, settles_at_ms: int) -> Decimal | None:
        """Between -1 and +3 times the usual rate, +1 on average."""
        return self._funding_rate * (_noise(self._opened.seed, asset, -1, settles_at_ms) % 5 - 1)

    def _price(self, asset: str, anchor: Anchor, at_ms: int) -> Decimal:
        begin, step = anchor.at_ms // self._step_ms, at_ms // self._step_ms
        walked = self._walk(asset, 0, step) - self._walk(asset, 0, begin)
        with localcontext() as context:
            context.prec = 28
            price = anchor.price * (walked * self._per_unit + (step - begin) * self._drift).exp()
            return price.quantize(Decimal(1).scaleb(anchor.price.adjusted() - 5))

    def _walk_uncached(self, asset: str, level: int, index: int) -> int:
        """The path at step index * 2^level, in units of 1/UNIT."""
        if level == TOP_LEVEL:
            if index <= 0:
                return 0
            return self._walk(asset, level, index - 1) + (self._bell(asset, level + 1, index) * SCALES[level] >> 20)
        if index % 2 == 0:
            return self._walk(asset, level + 1, index // 2)
        left, right = self._walk(asset, level + 1, index // 2), self._walk(asset, level + 1, index // 2 + 1)
        # the bridge spans 2^(level+1) steps: variance 2^(level+1)/4 = 2^level/2
        return (left + right) // 2 + (self._bell(asset, level, index) * SCALES[level] * 46341 >> 36)

    def _bell(self, asset: str, level: int, index: int) -> int:
        """Nearly normal with standard deviation UNIT: the sum of twelve uniform numbers, less its mean."""
        digest = blake2b(f"{self._opened.seed}:{asset}:{level}:{index}".encode(), digest_size=48).digest()
        return sum(int.from_bytes(digest[at : at + 4], "big") for at in range(0, 48, 4)) - 6 * UNIT


def _noise(seed: int, *of: object) -> int:
    return int.from_bytes(blake2b(f"{seed}:{of}".encode(), digest_size=8).digest(), "big")
