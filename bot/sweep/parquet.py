"""How do results become a Parquet file? Whole or not at all."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bot.sweep.attempt import Stopped
from bot.sweep.results import Result

MISSING = "results are kept in Parquet by pyarrow: pip install 'hedgebot[sweep]'"


def require() -> None:
    """Raise Stopped where Parquet cannot be written: before anything is run."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise Stopped(MISSING) from None


def write(results: Sequence[Result], file: Path) -> None:
    """A column for each varied key (numbers where all its values are) and for each figure. Raise Stopped; the file stays as it was then."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"run": one.run, **one.row()} for one in results]
    columns = {name: numbers([row[name] for row in rows]) for name in rows[0]} if rows else {}
    part = file.with_name(f"{file.name}.part")
    try:
        pq.write_table(pa.table(columns), part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise Stopped(f"{file}: cannot be written ({error.strerror or error}); every result is kept in the journal: start again") from error


def whole(file: Path) -> bool:
    """Can it be read?"""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.read_table(file)
    except (pa.ArrowException, OSError):
        return False
    return True


def numbers(values: Sequence[Any]) -> Sequence[Any]:
    """As numbers where each of them is one."""
    try:
        return [float(value) if isinstance(value, str) else value for value in values]
    except ValueError:
        return values
