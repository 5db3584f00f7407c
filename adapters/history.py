"""What were the prices? Files of bars and of funding, whichever format they have; a wrong one is refused with its line or row.

Parquet and Feather files, and large CSV files, are read as columns (history_columns.py), other CSV files line by line (history_lines.py):
the same rules, and the same answers.
"""

from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from adapters import history_lines
from adapters.history_terms import Bar, HistoryError, Rate, instant_ms, outside

__all__ = ["Bar", "HistoryError", "Rate", "instant_ms", "outside", "read_bars", "read_rates"]

LARGE_BYTES: Final = 2 << 20  # a smaller CSV file is read before the library that reads columns is loaded
COLUMNS: Final = (".parquet", ".feather", ".arrow", ".ipc")


def read_bars(path: Path, *, from_ms: int | None = None, to_ms: int | None = None, allow_gaps: bool = False) -> Sequence[Bar]:
    """Bars with from_ms <= at_ms < to_ms, oldest first. Raise HistoryError naming the line or the row.

    Columns: timestamp and open, high, low, close; or timestamp and one of price, close, index_price. Header names without case.
    """
    if path.suffix.lower() in COLUMNS or is_large(path):
        from adapters import history_columns  # loads numpy

        with suppress(history_columns.Doubt):
            return history_columns.read_bars(path, from_ms=from_ms, to_ms=to_ms, allow_gaps=allow_gaps)
    return history_lines.read_bars(path, from_ms=from_ms, to_ms=to_ms, allow_gaps=allow_gaps)


def read_rates(path: Path, *, from_ms: int | None = None, to_ms: int | None = None, allow_gaps: bool = False) -> tuple[Rate, ...]:
    """Funding rates with from_ms <= at_ms < to_ms, oldest first. Raise HistoryError naming the line or the row."""
    if path.suffix.lower() in COLUMNS:
        from adapters import history_columns  # loads numpy

        whole = history_columns.read_rates(path, from_ms=from_ms, to_ms=to_ms, allow_gaps=allow_gaps)
    else:
        whole = history_lines.read_rates(path, from_ms=from_ms, to_ms=to_ms, allow_gaps=allow_gaps)
    return tuple(one for one in whole if (from_ms is None or one.at_ms >= from_ms) and (to_ms is None or one.at_ms < to_ms))


def is_large(path: Path) -> bool:
    """Is it worth loading the library that reads columns, and is that here?"""
    try:
        return path.stat().st_size >= LARGE_BYTES and find_spec("polars") is not None
    except OSError:
        return False
