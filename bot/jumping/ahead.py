"""Which funding is still to come, and what can it pay at most and at least?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from bot.jumping.columns import Floats
from bot.jumping.grid import Grid

ROUNDED: Final = 1e-8  # coins that one payment is rounded by, at most


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
        return self.grid.price_at(self.asset, self.at_ms, self.index)


class Ahead:
    def __init__(self, grid: Grid, rates: Mapping[str, Sequence[tuple[int, Decimal]]]) -> None:
        self.due: list[Due] = []
        for asset, of in rates.items():
            windows = grid.at_ms.searchsorted(np.array([at_ms for at_ms, _ in of], dtype=np.int64), "right") - 1
            self.due += [Due(at_ms, asset, rate, index, grid) for (at_ms, rate), index in zip(of, windows.tolist(), strict=True)]
        self.due.sort(key=lambda one: one.at_ms)
        self.due_ms = [one.at_ms for one in self.due]
        self._least: dict[str, Floats] = {}  # what a short of one dollar receives of each settlement, zero for those of other assets
        self._most: dict[str, Floats] = {}
        index = np.array([max(0, one.index) for one in self.due], dtype=np.int64)
        rate = np.array([float(one.rate) for one in self.due])
        for asset, track in grid.tracks.items():
            mine = np.array([one.asset == asset for one in self.due], dtype=np.bool_)
            dear, cheap = rate / track.columns.high[index] * mine, rate / track.columns.low[index] * mine
            self._least[asset], self._most[asset] = np.minimum(dear, cheap), np.maximum(dear, cheap)

    def gains(self, asset: str, begin: int, end: int) -> tuple[float, float]:
        """What a short of one dollar has at least and at most received at any time while those settlements happen, in coins."""
        if begin == end:
            return 0.0, 0.0
        least, most = self._least[asset][begin:end].cumsum(), self._most[asset][begin:end].cumsum()
        return min(0.0, float(least.min())), max(0.0, float(most.max()))
