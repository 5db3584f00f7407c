"""Which points of a long curve can be told apart in a drawing? Of each column of pixels the lowest and the highest: no crash disappears."""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]


def thinned(at: Sequence[float], values: Sequence[float], columns: int) -> list[list[Point]]:
    """`at` rises. The curve in pieces, apart where it has no finite value; each column keeps its first, lowest, highest and last point."""
    times, heights = np.asarray(at, dtype=np.float64), np.asarray(values, dtype=np.float64)
    finite = np.isfinite(heights)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], finite, [False])).astype(np.int8)))
    if len(times) == 0 or times[-1] == times[0]:
        columns = 1
    width = (times[-1] - times[0]) / columns if len(times) else 1.0
    pieces = []
    for begin, end in edges.reshape(-1, 2).tolist():
        kept = np.arange(begin, end)
        if end - begin > 4 * columns:
            column = np.minimum(((times[begin:end] - times[0]) / (width or 1.0)).astype(np.int64), columns - 1)
            starts = np.flatnonzero(np.diff(column, prepend=-1)) + begin
            spans = zip(starts.tolist(), [*starts[1:].tolist(), end], strict=True)
            chosen = [
                at
                for first, last in spans
                for at in (first, last - 1, first + heights[first:last].argmin(), first + heights[first:last].argmax())
            ]
            kept = np.unique(np.array(chosen, dtype=np.int64))
        pieces.append(list(zip(times[kept].tolist(), heights[kept].tolist(), strict=True)))
    return pieces
