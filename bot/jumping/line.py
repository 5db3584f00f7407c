"""Where does a straight line in the price change its sign? Everything that a decision compares is one: USD over the mark price.

Floats only *find* where something may happen; each comparison keeps a distance in which the exact engine decides instead.
"""

from dataclasses import dataclass, field
from typing import Final

DOUBT: Final = 1e-11  # of the amounts compared: wider than what floats lose, far below what a price moves


class Unclear(Exception):
    """Too close to call, or beyond what is followed here: the exact engine must look at each print."""


@dataclass(frozen=True, slots=True)
class Line:
    """`slope * price + level` in USD. The slope may lie anywhere between two values, as the wallet does while funding is paid."""

    slopes: tuple[float, float]
    level: float

    def __add__(self, other: "Line") -> "Line":
        return Line((self.slopes[0] + other.slopes[0], self.slopes[1] + other.slopes[1]), self.level + other.level)

    def __sub__(self, other: "Line") -> "Line":
        return self + other * -1.0

    def __mul__(self, factor: float) -> "Line":
        return Line((self.slopes[0] * factor, self.slopes[1] * factor), self.level * factor)


def usd(amount: float) -> Line:
    return Line((0.0, 0.0), amount)


@dataclass(slots=True)
class Cell:
    """The prices around `price` at which every comparison made so far has the same answer; `coins` and `dollars` are the largest
    amounts that take part in one."""

    price: float
    coins: float
    dollars: float
    low: float = 0.0
    high: float = field(default=float("inf"))

    def above(self, line: Line) -> bool:
        """Is the line above zero? Raise Unclear where it is too close to it."""
        sign = 1.0 if line.slopes[0] * self.price + line.level > 0 else -1.0
        for slope in line.slopes:
            self._keep(sign * slope - DOUBT * self.coins, sign * line.level - DOUBT * self.dollars)
        return sign > 0

    def _keep(self, slope: float, level: float) -> None:
        """Only prices at which slope * price + level > 0."""
        if slope * self.price + level <= 0:
            raise Unclear
        if slope > 0:
            self.low = max(self.low, -level / slope)
        elif slope < 0:
            self.high = min(self.high, -level / slope)
