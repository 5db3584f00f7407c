"""When do the bars of several assets begin and end, and what are the prices then? For bars that all begin at the same times."""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal

from bot.jumping.columns import Track


class Grid:
    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = {track.asset: track for track in tracks}
        first = self.first = tracks[0]
        self.at_ms, self.length_ms = first.columns.at_ms, first.columns.length_ms
        self.adjoins = first.adjoins

    def __len__(self) -> int:
        return len(self.first)

    def window(self, at_ms: int) -> int:
        """The last bar that begins at or before this moment; -1 if none does."""
        return int(self.at_ms.searchsorted(at_ms, "right")) - 1

    def price_at(self, asset: str, at_ms: int, index: int) -> Decimal:
        """The last print at or before a moment that lies in bar `index` or in the gap behind it."""
        track = self.tracks[asset]
        if at_ms == self.at_ms[index]:
            return track.opening(index)
        prints = track.bars[index].prints()
        return prints[bisect_right(prints, at_ms, key=lambda one: one[0]) - 1][1]

    def last_before(self, asset: str, index: int) -> tuple[int, Decimal]:
        """The last print before bar `index` begins, and its moment."""
        prints = self.tracks[asset].bars[index - 1].prints()
        return prints[-2] if index < len(self) and self.adjoins[index] else prints[-1]
