"""What does execution save on a captured book? `HEDGEBOT_TEST_DATA=FOLDER python -m tests.book` prints the table of the docs."""

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from tests.book.capture import captured
from tests.book.table import HEAD, line, summary
from tests.book.trial import lived, wishes

PEGGED: Final = {"execution.reprice_after_seconds": "10"}
SPREAD: Final = {
    **PEGGED, "execution.schedule_above_usd": "1000", "execution.slices": "5", "execution.horizon_seconds": "150",
}  # fmt: skip
MANNERS: Final[tuple[tuple[str, tuple[int, ...], Mapping[str, str], int], ...]] = (
    ("defaults", (20, 200, 1000), {}, 150_000),
    ("pegged", (20, 200, 1000), PEGGED, 150_000),
    ("pegged, TWAP", (1000,), {**SPREAD, "execution.schedule": "twap"}, 300_000),
    ("pegged, Almgren-Chriss", (1000,), {**SPREAD, "execution.schedule": "almgren-chriss"}, 300_000),
)


def main() -> int:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    folder = os.environ.get("HEDGEBOT_TEST_DATA")
    if folder is None:
        sys.stderr.write("set HEDGEBOT_TEST_DATA to the folder of recorded market data\n")
        return 2
    capture = captured(Path(folder) / "book")
    sys.stdout.write("\n".join(HEAD) + "\n")
    for manner, sizes, flags, lasts_ms in MANNERS:
        for contracts in sizes:
            wanted = wishes(capture, contracts, {"execution.max_order_usd": "200000", **flags}, lasts_ms=lasts_ms)
            sys.stdout.write(line(manner, contracts, summary(lived(capture, wanted))) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
