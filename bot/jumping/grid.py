"""When do the bars of several assets end, and what are the prices then? For bars that all begin at the same times."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bot.jumping.columns import Floats, Track, Whole


@dataclass(frozen=True, slots=True)
class Ends:
    """Where bars end within a stretch: the moments, and each asset's price just then (the next open, where that follows at once)."""

    at_ms: Whole
    prices: dict[str, Floats]


class Grid:
    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = {track.asset: track for track in tracks}
        first = self.first = tracks[0]
        self.at_ms, self.length_ms = first.columns.at_ms, first.columns.length_ms
        self.adjoins = first.adjoins
        self.apart = np.flatnonzero(~self.adjoins[1:])  # bars that end before the next one begins

    def __len__(self) -> int:
        return len(self.first)

    def window(self, at_ms: int) -> int:
        """The last bar that begins at or before this moment; -1 if none does."""
        return int(self.at_ms.searchsorted(at_ms, "right")) - 1

    def price_at(self, asset: str, at_ms: int, index: int) -> Decimal:
        """The last print at or before a moment that lies in bar `index` or in the gap behind it."""
        bar = self.tracks[asset].bars[index]
        if at_ms == bar.at_ms:
            return bar.open
        prints = bar.prints()
        return prints[bisect_right(prints, at_ms, key=lambda one: one[0]) - 1][1]

    def last_before(self, asset: str, index: int) -> tuple[int, Decimal]:
        """The last print before bar `index` begins, and its moment."""
        prints = self.tracks[asset].bars[index - 1].prints()
        return prints[-2] if self.adjoins[index] else prints[-1]

    def ends(self, begin: int, end: int) -> Ends:
        """Of every bar that ends at or after the beginning of bar `begin`, and before bar `end` begins."""
        opens = {asset: track.columns.open[begin:end] for asset, track in self.tracks.items()}
        times = self.at_ms[begin:end]
        if bool(self.adjoins[begin:end].all()) and (end == len(self) or bool(self.adjoins[end])):
            return Ends(times, opens)
        adjoins = self.adjoins[begin:end]
        apart = self.apart[self.apart.searchsorted(begin) : self.apart.searchsorted(end)]
        when = np.concatenate((times[adjoins], self.at_ms[apart] + self.length_ms))
        order = when.argsort(kind="stable")
        closes = {asset: track.columns.close[apart] for asset, track in self.tracks.items()}
        return Ends(when[order], {asset: np.concatenate((opens[asset][adjoins], closes[asset]))[order] for asset in opens})

    def ended(self, begin: int, end: int) -> int:
        """How many bars those are, of one asset."""
        ended = end - begin
        return ended + (1 if begin and self.adjoins[begin] else 0) - (1 if self.adjoins[end] else 0)
