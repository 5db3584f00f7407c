"""What does a CSV file of prices or funding hold? Read line by line and digit by digit, so that what is wrong is named by its line."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from adapters.history_terms import (
    OHLC,
    PRICES,
    RATES,
    REMEDY_OF_A_TIME,
    STAMPS,
    Bar,
    HistoryError,
    OneClock,
    Rate,
    absurd,
    column,
    first_gap,
    missing_bars,
    missing_settlements,
    outside,
    torn,
)


def read_bars(path: Path, *, from_ms: int | None, to_ms: int | None, allow_gaps: bool) -> tuple[Bar, ...]:
    """As history.read_bars."""
    columns: list[tuple[int, int, Decimal, Decimal, Decimal, Decimal]] = []
    with_header = rows(path)
    header = next(with_header)[1]
    stamp = column(path, header, STAMPS, "a time column")
    if set(OHLC) <= set(header):
        at = tuple(header.index(name) for name in OHLC)
    else:
        at = (column(path, header, PRICES, "open, high, low, close, or one price column"),) * 4
    clock = OneClock()
    for line, row in with_header:
        at_ms = moment(path, line, row[stamp], clock)
        prices = [price(path, line, row[index]) for index in at[: 1 if at[0] == at[3] else 4]]
        first, high, low, close = prices if len(prices) == 4 else prices * 4
        if low > high:
            raise HistoryError(path, line, f"low {low} is above high {high}", "correct the bar")
        # some venues open a bar at the last close, which may lie outside the bar's own trades
        columns.append((line, at_ms, first, max(high, first, close), min(low, first, close), close))
    if not columns:
        raise HistoryError(path, None, "holds no row", "give a file with data")
    if len(columns) > 1 and torn(path, columns[-2][2:], columns[-1][2:]):
        raise HistoryError(path, columns[-1][0], "the file ends within this line", "was it cut off? copy it again")
    step = regular_step(path, [(line, at_ms) for line, at_ms, *_ in columns])
    bars = []
    before = None
    for line, at_ms, *prices in columns:
        if (from_ms is not None and at_ms < from_ms) or (to_ms is not None and at_ms >= to_ms):
            continue
        if before is not None and at_ms - before > step and not allow_gaps:
            raise HistoryError(path, line, *missing_bars(at_ms - before, step), at_ms=at_ms)
        before = at_ms
        bars.append(Bar(at_ms, step, *prices))
    if not bars:
        raise outside(path, columns[0][1], columns[-1][1])
    return tuple(bars)


def read_rates(path: Path, *, from_ms: int | None, to_ms: int | None, allow_gaps: bool) -> list[Rate]:
    """As history.read_rates, whole; gaps are looked for in the window."""
    with_header = rows(path)
    header = next(with_header)[1]
    stamp, rate = column(path, header, STAMPS, "a time column"), column(path, header, RATES, "a funding rate column")
    clock = OneClock()
    lines, rates = [], []
    for line, row in with_header:
        one = Rate(moment(path, line, row[stamp], clock), number(path, line, row[rate]))
        if wrong := absurd(one.rate):
            raise HistoryError(path, line, *wrong, at_ms=one.at_ms)
        lines.append(line)
        rates.append(one)
    settled = [one.at_ms for one in rates]
    step = regular_step(path, list(zip(lines, settled, strict=True)))
    if not allow_gaps and (gap := first_gap(settled, step, from_ms, to_ms)) is not None:
        place, count = gap
        raise HistoryError(path, lines[place], *missing_settlements(count), at_ms=settled[place])
    return rates


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells; the header first, in lower case."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            if not header:
                raise HistoryError(path, None, "is empty", "give a CSV file with a header")
            yield 1, header
            for row in reader:
                if not row:
                    raise HistoryError(path, reader.line_num, "is an empty line", "delete it")
                if len(row) != len(header):
                    raise HistoryError(path, reader.line_num, f"{len(row)} cells where the header has {len(header)}", "was it truncated?")
                yield reader.line_num, row
    except OSError as error:
        raise HistoryError(path, None, f"cannot be read ({error.strerror})", "check the path and the rights") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise HistoryError(path, None, f"is not a CSV text file ({error})", "export it as UTF-8 CSV") from error


def moment(path: Path, line: int, text: str, clock: OneClock) -> int:
    try:
        return clock.epoch_ms(text)
    except ValueError as error:
        raise HistoryError(path, line, str(error), REMEDY_OF_A_TIME) from None


def number(path: Path, line: int, text: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise HistoryError(path, line, f"{text!r} is not a number", "correct the cell") from None
    if not value.is_finite():
        raise HistoryError(path, line, f"{text!r} is not a finite number", "correct the cell")
    return value


def price(path: Path, line: int, text: str) -> Decimal:
    value = number(path, line, text)
    if value <= 0:
        raise HistoryError(path, line, f"a price of {text}", "a price is above zero: correct the cell")
    return value


def regular_step(path: Path, stamps: Sequence[tuple[int, int]]) -> int:
    """The usual distance between two rows; refuses rows that are out of order or twice there."""
    steps: Counter[int] = Counter()
    for (_, before), (line, at_ms) in pairwise(stamps):
        if at_ms <= before:
            problem = "the same time twice" if at_ms == before else "is older than the line before it"
            raise HistoryError(path, line, problem, "sort the file by time and remove doubles", at_ms=at_ms)
        steps[at_ms - before] += 1
    return steps.most_common(1)[0][0] if steps else 60_000
