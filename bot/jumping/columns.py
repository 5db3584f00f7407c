"""What is a price history as arrays? And asked of one: when do prices leave a range?

Prices are floats here, each of them the float of the exact price that the bar itself tells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
BLOCK: Final = 512  # bars whose extremes are kept together


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


@runtime_checkable
class Arrayed(Protocol):
    """Bars that are kept as arrays (adapters/history_columns.py)."""

    at_ms: Whole
    length_ms: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def opening(self, index: int) -> Decimal: ...


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
        """The arrays that the bars are kept in, if they are."""
        if isinstance(bars, Arrayed):
            return cls(bars.at_ms, bars.length_ms, bars.open, bars.high, bars.low, bars.close)
        prices = np.array([(float(bar.open), float(bar.high), float(bar.low), float(bar.close)) for bar in bars]).T.copy()
        return cls(np.array([bar.at_ms for bar in bars], dtype=np.int64), bars[0].length_ms, *prices)

    def __len__(self) -> int:
        return len(self.at_ms)


class Track:
    """One asset's bars, exact and as arrays. Where others have a bar and it has none, its arrays have its last price; before its first
    bar, its first one."""

    def __init__(self, asset: str, bars: Sequence[Bar], columns: Columns, own: Whole | None = None) -> None:
        """`own`: which of `bars` each row is, -1 where it is none; None where they are the same."""
        self.asset, self.bars, self.columns = asset, bars, columns
        self.opening: Callable[[int], Decimal] = bars.opening if isinstance(bars, Arrayed) else lambda place: bars[place].open
        self.own, self.last = own, own if own is None else np.maximum.accumulate(own)
        self.begins = 0 if own is None else int((own >= 0).argmax())  # the row of its first bar
        self.highs = np.maximum.reduceat(columns.high, np.arange(0, len(columns), BLOCK))
        self.lows = np.minimum.reduceat(columns.low, np.arange(0, len(columns), BLOCK))

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def first_price(self) -> Decimal:
        return self.opening(0)

    def place(self, row: int) -> int:
        """Which of `bars` this row is, -1 if it is none."""
        return row if self.own is None else int(self.own[row])

    def prints(self, row: int) -> tuple[tuple[int, Decimal], ...]:
        place = self.place(row)
        return self.bars[place].prints() if place >= 0 else ()

    def newest(self, row: int) -> int:
        """Which of `bars` is this row or was the last one before it; -1 if none was."""
        return row if self.last is None else int(self.last[row])

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
    def ends(self) -> Floats:
        """The price when each bar has ended: the next open, where that follows at once. And once more the last one."""
        columns = self.columns
        ends = np.empty(len(columns) + 1)
        ends[:-2], ends[-2:] = columns.open[1:], columns.close[-1]
        apart = np.flatnonzero(~self.adjoins[1:])
        ends[apart] = columns.close[apart]
        return ends

    @cached_property
    def adjoins(self) -> Flags:
        """Does the bar begin where the one before it ends?"""
        columns = self.columns
        adjoins = np.empty(len(columns), dtype=np.bool_)
        adjoins[0] = False
        np.equal(columns.at_ms[1:] - columns.at_ms[:-1], columns.length_ms, out=adjoins[1:])
        return adjoins
