"""Where does a comparison change its answer? Everything that a decision compares is, in USD, a straight line over the price.

Floats only *find* where something may happen; each comparison keeps a distance in which the exact engine decides instead.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from bot.jumping.columns import Flags, Floats

DOUBT: Final = 1e-11  # of the amounts compared: wider than what floats lose, far below what a price moves
NOWHERE: Final = (float("inf"), 0.0)


class Unclear(Exception):
    """Too close to call, or beyond what is followed here: the exact engine must look at each print."""


@dataclass(slots=True, eq=False)
class Line:
    """`(shares * wallet + coins) * price + cash * wallet + usd`, in USD: a wallet of coins has shares, one of dollars is cash. It changes
    when funding is paid."""

    shares: float
    coins: float
    usd: float
    cash: float = 0.0

    def __add__(self, other: "Line") -> "Line":
        return Line(self.shares + other.shares, self.coins + other.coins, self.usd + other.usd, self.cash + other.cash)

    def __sub__(self, other: "Line") -> "Line":
        return Line(self.shares - other.shares, self.coins - other.coins, self.usd - other.usd, self.cash - other.cash)

    def __mul__(self, factor: float) -> "Line":
        return Line(self.shares * factor, self.coins * factor, self.usd * factor, self.cash * factor)


def usd(amount: float) -> Line:
    return Line(0.0, 0.0, amount)


def coins(amount: float) -> Line:
    return Line(0.0, amount, 0.0)


@dataclass(slots=True, eq=False)
class Cell:
    """The prices and wallets at which every comparison has the answer that it has at this price and this wallet.

    `coins` and `dollars` are the largest amounts that take part in one.
    """

    price: float
    wallet: float
    coins: float
    dollars: float
    kept: list[tuple[float, float, float, float]] = field(default_factory=list)  # lines that stay above zero, the doubt taken off

    def above(self, line: Line) -> bool:
        """Is the line above zero? Raise Unclear where it is too close to it."""
        value = (line.shares * self.wallet + line.coins) * self.price + line.cash * self.wallet + line.usd
        if abs(value) <= DOUBT * (self.coins * self.price + self.dollars):
            raise Unclear
        sign = 1.0 if value > 0 else -1.0
        if line.shares or line.coins or line.cash:
            doubtless = sign * line.coins - DOUBT * self.coins, sign * line.usd - DOUBT * self.dollars
            self.kept.append((sign * line.shares, *doubtless, sign * line.cash))
        return value > 0

    def edges(self, wallet: float, off: float = 0.0) -> tuple[float, float]:
        """The prices between which nothing changes with this wallet, which may be off by so much; NOWHERE if there are none."""
        low, high = 0.0, float("inf")
        for shares, coins, usd, cash in self.kept:
            slope, level = shares * wallet + coins - abs(shares) * off, usd + cash * wallet - abs(cash) * off
            if slope > 0:
                low = max(low, -level / slope)
            elif slope < 0:
                high = min(high, -level / slope)
            elif level <= 0:
                return NOWHERE
        return (low, high) if low < high else NOWHERE

    def left(self, wallets: Floats, off: Floats, lows: Floats, highs: Floats) -> Flags:
        """Of stretches with a wallet, a lowest and a highest price each: does an answer change there?"""
        left = np.zeros(len(wallets), dtype=np.bool_)
        for shares, coins, usd, cash in self.kept:
            slope, level = shares * wallets + (coins - abs(shares) * off), usd + (cash * wallets - abs(cash) * off)
            left |= (slope * lows <= -level) | (slope * highs <= -level)
        return left
