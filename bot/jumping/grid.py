"""When do the bars of several assets begin and end, and what are the prices then? One row for each moment at which a bar begins."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from decimal import Decimal
from operator import itemgetter

import numpy as np

from bot.jumping.columns import Bar, Columns, Floats, Track, Whole


class Grid:
    def __init__(self, tracks: Sequence[Track]) -> None:
        self.tracks = {track.asset: track for track in tracks}
        first = self.first = tracks[0]
        self.at_ms, self.length_ms = first.columns.at_ms, first.columns.length_ms
        self.adjoins = first.adjoins

    def __len__(self) -> int:
        return len(self.first)

    def window(self, at_ms: int) -> int:
        """The last row that begins at or before this moment; -1 if none does."""
        return int(self.at_ms.searchsorted(at_ms, "right")) - 1

    def price_at(self, asset: str, at_ms: int, row: int) -> Decimal:
        """The last print at or before a moment that lies in a row or in the gap behind it; the first one if none was before."""
        track = self.tracks[asset]
        place = track.newest(row)
        if place < 0:
            return track.first_price
        if at_ms == self.at_ms[row] and track.place(row) >= 0:
            return track.opening(place)
        prints = track.bars[place].prints()
        return prints[bisect_right(prints, at_ms, key=itemgetter(0)) - 1][1]

    def last_before(self, asset: str, row: int) -> tuple[int, Decimal] | None:
        """The last print before a row begins, and its moment; None where there is none."""
        track = self.tracks[asset]
        place = track.newest(row - 1)
        if place < 0:
            return None
        *_, before, last = track.bars[place].prints()
        return before if row < len(self) and last[0] == self.at_ms[row] else last


def together(bars: Mapping[str, Sequence[Bar]], columns: Mapping[str, Columns]) -> list[Track]:
    """Of bars that `why_apart` has nothing against."""
    at_ms = begins(list(columns.values()))
    each = {asset: (one, None) if len(one) == len(at_ms) else spread(one, at_ms) for asset, one in columns.items()}
    return [Track(asset, of, *each[asset]) for asset, of in bars.items()]


def why_apart(columns: Mapping[str, Columns]) -> str:
    """Why these have no rows in common; empty if they have: no bar begins before all the others have ended."""
    if len({one.length_ms for one in columns.values()}) > 1:
        return "the bars of the assets are not equally long"
    each = list(columns.values())
    return "bars of one asset begin while those of another last" if (np.diff(begins(each)) < each[0].length_ms).any() else ""


def begins(columns: Sequence[Columns]) -> Whole:
    """Every moment at which a bar of one of them begins."""
    first, *others = columns
    if all(np.array_equal(one.at_ms, first.at_ms) for one in others):
        return first.at_ms
    merged = np.sort(np.concatenate([one.at_ms for one in columns]), kind="stable")  # np.unique takes ten times as long for sorted parts
    return merged[np.concatenate(([True], merged[1:] != merged[:-1]))]


def spread(columns: Columns, at_ms: Whole) -> tuple[Columns, Whole]:
    """With a row for each of these moments, among which are all of its own; and which of its own each row is, -1 where it is none."""
    rows = at_ms.searchsorted(columns.at_ms)
    own = np.full(len(at_ms), -1, dtype=np.int64)
    own[rows] = np.arange(len(columns))
    newest = np.maximum.accumulate(own)
    still = columns.close[newest]
    still[newest < 0] = columns.open[0]

    def filled(prices: Floats) -> Floats:
        each = still.copy()
        each[rows] = prices
        return each

    parts = (filled(prices) for prices in (columns.open, columns.high, columns.low, columns.close))
    return Columns(at_ms, columns.length_ms, *parts), own
