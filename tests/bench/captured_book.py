"""What does execution save on a captured book? Figures of the market, not of the machine: they come out the same everywhere."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.figure import figure
from tests.book.capture import captured
from tests.book.table import summary
from tests.book.trial import lived, wishes


def figures() -> Iterator[dict[str, Any]]:
    """Nothing where the capture is not at hand."""
    folder = os.environ.get("HEDGEBOT_TEST_DATA")
    if not folder:
        return
    capture = captured(Path(folder) / "book")
    found = summary(lived(capture, wishes(capture, 200, {"execution.reprice_after_seconds": "10"})))
    how = "python -m tests.bench: BTCUSD_PERP of 2024-08-08, 20,000 USD, both sides, a start every 10 s, real engine, pegged"
    bar = f">= {found.bar:.2f}"
    yield figure("saved by each order against a market order, bp", round(found.per_order, 2), "bp", bar, how)
    yield figure("saved by a whole change, in the middle, bp", round(found.whole_median, 2), "bp", bar, how)
    as_maker = round(100 * (found.done - found.crossed) / found.trials, 1)
    yield figure("changes filled as maker within cross_after_seconds, %", as_maker, "%", ">= 95", how)
