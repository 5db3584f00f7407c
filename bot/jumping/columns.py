"""What is a price history as arrays? And asked of one: when do prices leave a range, and at how many moments do they move?

Prices are floats here, each of them the float of the exact price that the bar itself tells.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
BLOCK: Final = 512  # bars whose extremes are kept together
NEAR: Final = 1e-12  # of a price: far above what floats lose, far below a tick


class Bar(Protocol):
    @property
    def at_ms(self) -> int: ...
    @property
    def length_ms(self) -> int: ...
    @property
    def open(self) -> Decimal: ...
    @property
    def high(self) -> Decimal: ...
    @property
    def low(self) -> Decimal: ...
    @property
    def close(self) -> Decimal: ...
    def prints(self) -> tuple[tuple[int, Decimal], ...]: ...


@dataclass(frozen=True)
class Columns:
    """Bars, oldest first, none of which overlaps the next. A history of one price a bar has one array four times."""

    at_ms: Whole
    length_ms: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    @classmethod
    def of(cls, bars: Sequence[Bar]) -> "Columns":
        prices = np.array([(float(bar.open), float(bar.high), float(bar.low), float(bar.close)) for bar in bars]).T.copy()
        return cls(np.array([bar.at_ms for bar in bars], dtype=np.int64), bars[0].length_ms, *prices)

    def __len__(self) -> int:
        return len(self.at_ms)


class Track:
    """One asset's bars, exact and as arrays."""

    def __init__(self, asset: str, bars: Sequence[Bar], columns: Columns) -> None:
        self.asset, self.bars, self.columns = asset, bars, columns
        self.highs = np.maximum.reduceat(columns.high, np.arange(0, len(columns), BLOCK))
        self.lows = np.minimum.reduceat(columns.low, np.arange(0, len(columns), BLOCK))

    def __len__(self) -> int:
        return len(self.columns)

    def first_outside(self, begin: int, end: int, low: float, high: float) -> int:
        """The first bar of begin..end with a price at or beyond an edge; `end` if there is none."""
        columns = self.columns
        block = begin // BLOCK
        until = min(end, (block + 1) * BLOCK)
        while begin < end:
            out = (columns.high[begin:until] >= high) | (columns.low[begin:until] <= low)
            if out.any():
                return begin + int(out.argmax())
            last = -(-end // BLOCK)
            far = (self.highs[block + 1 : last] >= high) | (self.lows[block + 1 : last] <= low)
            if not far.any():
                return end
            block += 1 + int(far.argmax())
            begin, until = block * BLOCK, min(end, (block + 1) * BLOCK)
        return end

    @cached_property
    def adjoins(self) -> Flags:
        """Does the bar begin where the one before it ends?"""
        columns = self.columns
        adjoins = np.empty(len(columns), dtype=np.bool_)
        adjoins[0] = False
        np.equal(columns.at_ms[1:] - columns.at_ms[:-1], columns.length_ms, out=adjoins[1:])
        return adjoins

    def moved(self, begin: int, end: int) -> tuple[Flags, Flags, Flags, Flags]:
        """Of each bar: does the price move at its open (with the close of the bar before, where that adjoins), at its second and third
        print, and at a close that no open follows at once?"""
        columns = self.columns
        opened, high, low, closed = (part[begin:end] for part in (columns.open, columns.high, columns.low, columns.close))
        third = self.third(begin, end)
        close_moved = closed != third
        before_close, before_moved = np.empty(end - begin), np.empty(end - begin, dtype=np.bool_)
        before_close[1:], before_moved[1:] = closed[:-1], close_moved[:-1]
        before_close[0] = columns.close[begin - 1] if begin else np.nan
        before_moved[0] = begin and columns.close[begin - 1] != self.third(begin - 1, begin)[0]
        open_moved = (opened != before_close) | (before_moved & self.adjoins[begin:end])
        second_moved = np.where(third == high, low, high) != opened
        apart = np.append(~self.adjoins[begin + 1 : end], end == len(columns) or not self.adjoins[end])
        return open_moved, second_moved, high != low, close_moved & apart

    def third(self, begin: int, end: int) -> Floats:
        """The third print: the extreme that is further from the open, the high if both are as far. Exact where floats cannot tell and
        the close is one of them; elsewhere it does not matter which one it is."""
        columns = self.columns
        opened, high, low, closed = (part[begin:end] for part in (columns.open, columns.high, columns.low, columns.close))
        lean = (high - opened) - (opened - low)
        third = np.where(lean >= 0, high, low)
        doubt = (np.abs(lean) <= opened * NEAR) & (high != low) & ((closed == high) | (closed == low))
        for at in np.flatnonzero(doubt):
            third[at] = float(self.bars[begin + int(at)].prints()[2][1])
        return third
