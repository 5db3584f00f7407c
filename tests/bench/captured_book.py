"""What does execution save on a captured book? Figures of the market, not of the machine: they come out the same everywhere."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.bench.figure import figure, unmeasured
from tests.book.capture import captured
from tests.book.table import summary
from tests.book.trial import lived, wishes

NAMES: Final = (
    "saved by each order against a market order, bp",
    "saved by a whole change, in the middle, bp",
    "changes filled as maker within cross_after_seconds, %",
)
BARS: Final = ("> 0", "> 0", ">= 95")  # where the book is at hand: half the spread and the difference of the fees


def figures() -> Iterator[dict[str, Any]]:
    folder = os.environ.get("HEDGEBOT_TEST_DATA")
    if not folder:
        why = "HEDGEBOT_TEST_DATA is not set: no captured book here"
        yield from (unmeasured(name, unit, target, why) for name, unit, target in zip(NAMES, ("bp", "bp", "%"), BARS, strict=True))
        return
    capture = captured(Path(folder) / "book")
    found = summary(lived(capture, wishes(capture, 200, {"execution.reprice_after_seconds": "10"})))
    how = "python -m tests.bench: BTCUSD_PERP of 2024-08-08, 20,000 USD, both sides, a start every 10 s, real engine, pegged"
    bar = f">= {found.bar:.2f}"
    yield figure(NAMES[0], round(found.per_order, 2), "bp", bar, how)
    yield figure(NAMES[1], round(found.whole_median, 2), "bp", bar, how)
    as_maker = round(100 * (found.done - found.crossed) / found.trials, 1)
    yield figure(NAMES[2], as_maker, "%", BARS[2], how)
