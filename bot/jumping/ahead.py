"""Which funding is still to come, what will it pay, and between which prices do things move until the next one?"""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from bot.jumping.columns import Track, Whole
from bot.jumping.grid import Grid
from bot.jumping.line import Cell

ROUNDED: Final = 1e-8  # coins or dollars that one payment is rounded by, at most
FEW: Final = 16  # stretches that are looked at together first; more where nothing happens in them


@dataclass(frozen=True, slots=True)
class Due:
    """One settlement to come, in bar `index` or in the gap behind it; -1 before the first bar."""

    at_ms: int
    asset: str
    rate: Decimal
    index: int
    grid: Grid

    @property
    def price(self) -> Decimal:
        """Of its moment."""
        return self.grid.price_at(self.asset, self.at_ms, max(0, self.index))


class Stretches:
    """What lies behind each settlement of one asset, until its next one: which bars, and their lowest and highest price."""

    def __init__(self, track: Track, due: Sequence[Due], at_ms: Whole, *, linear: bool) -> None:
        count = len(track)
        self.track = track
        self.index = np.array([max(0, one.index) for one in due], dtype=np.int64)
        opens = np.array([one.at_ms for one in due], dtype=np.int64) == at_ms[self.index]
        self.ends = self.index + ~opens  # of the bars that begin before each settlement
        self.until = np.maximum(self.index + 1, np.append(self.ends[1:], count))
        prices = track.columns.open[self.index]
        for place in np.flatnonzero(~opens).tolist():
            prices[place] = float(due[place].price)
        rates = np.array([float(one.rate) for one in due], dtype=np.float64)
        each = rates * prices if linear else rates / prices
        self.paid = np.concatenate(([0.0], each.cumsum()))  # to a short of one dollar, of one coin if linear, before each settlement
        self.low, self.high = np.empty(len(due)), np.empty(len(due))
        pairs = np.stack((self.index, self.until), axis=1)
        inner = self.until < count
        if inner.any():
            self.low[inner] = np.minimum.reduceat(track.columns.low, pairs[inner].ravel())[::2]
            self.high[inner] = np.maximum.reduceat(track.columns.high, pairs[inner].ravel())[::2]
        for place in np.flatnonzero(~inner).tolist():
            self.low[place] = track.columns.low[self.index[place] :].min()
            self.high[place] = track.columns.high[self.index[place] :].max()

    def first_outside(self, begin: int, end: int, paid: int, cell: Cell, short: float) -> int:
        """The first bar of begin..end in which an answer may change, with the funding that is paid meanwhile; `end` if there is none.
        `paid`: settlements of the asset that are behind us."""
        until = min(end, int(self.ends[paid])) if paid < len(self.ends) else end
        if begin < until:
            reached = self.track.first_outside(begin, until, *cell.edges(cell.wallet))
            if reached < until:
                return reached
        place, few = paid, FEW
        while place < len(self.index) and self.index[place] < end:
            last = min(len(self.index), place + few)
            wallets = cell.wallet + short * (self.paid[place + 1 : last + 1] - self.paid[paid])
            off = ROUNDED * np.arange(place + 1 - paid, last + 1 - paid, dtype=np.float64)
            left = cell.left(wallets, off, self.low[place:last], self.high[place:last])
            for each in np.flatnonzero(left).tolist():
                first, until = max(begin, int(self.index[place + each])), min(end, int(self.until[place + each]))
                if first < until:
                    reached = self.track.first_outside(first, until, *cell.edges(float(wallets[each]), float(off[each])))
                    if reached < until:
                        return reached
            place, few = last, 4 * few
        return end


class Ahead:
    def __init__(
        self, grid: Grid, rates: Mapping[str, Sequence[tuple[int, Decimal]]], hedged: Sequence[str], linear: Collection[str]
    ) -> None:
        """Of the `hedged` assets; `linear`: those whose contract pays in dollars."""
        self.due: list[Due] = []
        for asset in hedged:
            of = rates.get(asset, ())
            windows = grid.at_ms.searchsorted(np.array([at_ms for at_ms, _ in of], dtype=np.int64), "right") - 1
            self.due += [Due(at_ms, asset, rate, index, grid) for (at_ms, rate), index in zip(of, windows.tolist(), strict=True)]
        self.due.sort(key=lambda one: one.at_ms)
        self.due_ms = [one.at_ms for one in self.due]
        self.places: dict[str, list[int]] = {asset: [] for asset in hedged}  # of each asset's settlements among all
        for place, one in enumerate(self.due):
            self.places[one.asset].append(place)
        self.stretches = {
            asset: Stretches(grid.tracks[asset], [self.due[place] for place in self.places[asset]], grid.at_ms, linear=asset in linear)
            for asset in hedged
        }

    def first_outside(self, begin: int, end: int, paid: int, cells: Mapping[str, Cell], shorts: Mapping[str, float]) -> int:
        """The first bar of begin..end in which an answer may change; `end` if there is none. `paid`: settlements that are behind us."""
        for asset, cell in cells.items():
            end = self.stretches[asset].first_outside(begin, end, bisect_left(self.places[asset], paid), cell, shorts[asset])
        return end
