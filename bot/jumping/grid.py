"""At which moments do the prices of several assets move, and what are they then? For bars that all begin at the same times."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from bot.jumping.columns import Flags, Floats, Track, Whole

CHUNK: Final = 1 << 16  # bars that are worked on at once: what fits a cache, and takes no memory to speak of
NEVER_MS: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds a moment in between: does the price move just then, and when is the next print, and does it move it?"""

    moves: bool
    next_ms: int
    next_moves: bool


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
        self.third_ms = self.length_ms // 3
        self.adjoins = first.adjoins
        self.apart = np.flatnonzero(~self.adjoins[1:])  # bars that end before the next one begins
        self.opens_move: Flags = np.empty(len(first), dtype=np.bool_)
        self.moves: Whole = np.zeros(len(first) + 1, dtype=np.int32)  # at how many moments the price moved before each bar's own open
        for begin in range(0, len(first), CHUNK):
            end = min(len(first), begin + CHUNK)
            flags = self.moved(begin, end)
            self.opens_move[begin:end] = flags[0]
            total = flags[0].astype(np.int32)
            for more in flags[1:]:
                total += more
            np.cumsum(total, out=self.moves[begin + 1 : end + 1])
            self.moves[begin + 1 : end + 1] += self.moves[begin]

    def __len__(self) -> int:
        return len(self.first)

    def moved(self, begin: int, end: int) -> tuple[Flags, ...]:
        """As Track.moved, of any asset."""
        flags = [track.moved(begin, end) for track in self.tracks.values()]
        return flags[0] if len(flags) == 1 else tuple(np.logical_or.reduce(of) for of in zip(*flags, strict=True))

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

    def around(self, at_ms: int, index: int) -> Around:
        """Of a moment in bar `index` or in the gap behind it."""
        begins, flags = int(self.at_ms[index]), [bool(flag[0]) for flag in self.moved(index, index + 1)]
        times = [begins, begins + self.third_ms, begins + 2 * self.third_ms, begins + self.length_ms]
        still = all(len(track.bars[index].prints()) == 2 for track in self.tracks.values())
        moments = dict(zip(times[: 1 if still else 3], flags, strict=False))
        if index + 1 == len(self) or not self.adjoins[index + 1]:
            moments[times[3]] = flags[3]
        if index + 1 < len(self):
            moments[int(self.at_ms[index + 1])] = bool(self.opens_move[index + 1])
        later = min((moment for moment in moments if moment > at_ms), default=NEVER_MS)
        return Around(moments.get(at_ms, False), later, moments.get(later, False))

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
