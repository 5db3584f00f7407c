"""Where do the paper exchange's prices come from?

A feed is a function of time: asked for the same span it gives the same prints, so a venue that was killed goes on from the last
moment it stored as if nothing had happened.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from hashlib import blake2b
from math import isqrt
from struct import Struct
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
    """What a new venue is made with. An existing database gets only the assets, accounts and spot wallets that it lacks."""

    seed: int
    now_ms: int
    prices: Mapping[str, Decimal]  # USD per coin
    collateral: Mapping[str, Decimal]
    spot: Mapping[str, Decimal]  # what lies beside the account
    to_come: frozenset[str] = frozenset()  # assets that have no price before their first print


@dataclass(frozen=True, slots=True)
class Opened:
    """What the venue runs on. An existing database wins over the constructor; `new` tells whether it was just made."""

    new: bool
    seed: int
    born_ms: int
    anchors: Mapping[str, Anchor]
    collateral: Mapping[str, Decimal]  # what each account was funded with when it was opened


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
TWELVE: Final = Struct(">12I")
SCALES: Final = tuple(isqrt(1 << (2 * 20 + level)) for level in range(TOP_LEVEL + 1))  # sqrt(2^level) in units of 2^-20


class Walk:
    """The walk of one asset. It keeps the points between which the last step lay: the next one is near, and is found from there."""

    def __init__(self, seed: int, asset: str) -> None:
        self._seed = seed
        self._asset = asset
        self._coarse = [0]  # the path at every 2^TOP_LEVEL steps
        self._between: list[tuple[int, int, int]] = [(0, 0, 0)] * TOP_LEVEL  # by level: left, right and what is half way
        self._step, self._known = 0, TOP_LEVEL  # the levels from `_known` up are those of `_step`

    def at(self, step: int) -> int:
        """The path at a step from 0 on, in units of 1/UNIT."""
        level = (step & -step).bit_length() - 1 if step else TOP_LEVEL  # where the step is half way; on all lower ones it is an end
        if level >= TOP_LEVEL:
            return self._coarsely(step >> TOP_LEVEL)
        alike = max(self._known, (step ^ self._step).bit_length() - 1)  # from this level up, both steps lie between the same points
        if level < alike:
            self._descend(step, level, min(alike, TOP_LEVEL))
            self._step, self._known = step, level
        return self._between[level][2]

    def _descend(self, step: int, last: int, known: int) -> None:
        if known == TOP_LEVEL:
            left, right = self._coarsely(step >> TOP_LEVEL), self._coarsely((step >> TOP_LEVEL) + 1)
        else:
            left, right = self._half(step, known)
        for level in range(known - 1, last - 1, -1):
            # the bridge spans 2^(level+1) steps: variance 2^(level+1)/4 = 2^level/2
            noise = self._bell(level, step >> level + 1 << 1 | 1)
            self._between[level] = left, right, (left + right) // 2 + (noise * SCALES[level] * 46341 >> 36)
            left, right = self._half(step, level)

    def _half(self, step: int, level: int) -> tuple[int, int]:
        """That of the two halves of a bridge in which the step lies."""
        left, right, middle = self._between[level]
        return (middle, right) if step >> level & 1 else (left, middle)

    def _coarsely(self, index: int) -> int:
        while len(self._coarse) <= index:
            self._coarse.append(self._coarse[-1] + (self._bell(TOP_LEVEL + 1, len(self._coarse)) * SCALES[TOP_LEVEL] >> 20))
        return self._coarse[index]

    def _bell(self, level: int, index: int) -> int:
        """Nearly normal with standard deviation UNIT: the sum of twelve uniform numbers, less its mean."""
        digest = blake2b(f"{self._seed}:{self._asset}:{level}:{index}".encode(), digest_size=48).digest()
        drawn: tuple[int, ...] = TWELVE.unpack(digest)
        return sum(drawn) - 6 * UNIT


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
        self._walks = {asset: Walk(opened.seed, asset) for asset in opened.anchors}
        self._begun = {asset: Walk(opened.seed, asset).at(anchor.at_ms // step_ms) for asset, anchor in opened.anchors.items()}

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
        walked = self._walks[asset].at(step) - self._begun[asset]
        with localcontext() as context:
            context.prec = 28
            price = anchor.price * (walked * self._per_unit + (step - begin) * self._drift).exp()
            return price.quantize(Decimal(1).scaleb(anchor.price.adjusted() - 5))


def _noise(seed: int, *of: object) -> int:
    return int.from_bytes(blake2b(f"{seed}:{of}".encode(), digest_size=8).digest(), "big")
