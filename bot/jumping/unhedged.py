"""What would the same coins be worth without a hedge? Asked when the hedged ones are looked at: as bars end."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from bot.jumping.columns import Bar, Columns, Floats, Whole


def unhedged(
    bars: Mapping[str, Sequence[Bar]], columns: Mapping[str, Columns], held: Mapping[str, Decimal], dollars: Decimal
) -> tuple[Decimal, Decimal]:
    """At the last prices, exactly, and at worst; each asset stands at its first price until its own begin. USD."""
    at_ms = np.sort(np.concatenate([one.at_ms + one.length_ms for one in columns.values()]))
    worth = np.zeros(len(at_ms))
    for asset, one in columns.items():
        worth += float(held[asset]) * printed(one, at_ms)
    last = sum((held[asset] * one[-1].close for asset, one in bars.items()), dollars)
    return last, min(last, dollars + round(Decimal(float(worth.min())), 6))


def printed(of: Columns, at_ms: Whole) -> Floats:
    """The newest price at each moment, and the first one before there was any; within a bar its four prints count."""
    low_first = of.open - of.low <= of.high - of.open
    second, third = np.where(low_first, of.low, of.high), np.where(low_first, of.high, of.low)
    begins, part_ms = of.at_ms[:, None], of.length_ms // 3
    times = (begins + np.array([0, part_ms, 2 * part_ms, of.length_ms])).ravel()
    newest: Floats = np.stack((of.open, second, third, of.close), axis=1).ravel()[np.maximum(times.searchsorted(at_ms, "right") - 1, 0)]
    return newest
