"""What were the prices? Reads CSV files of bars and of funding, and says which line is wrong."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Final

from bot.ports import Misconfigured

STAMPS: Final = ("timestamp", "time", "datetime", "date")
PRICES: Final = ("price", "close", "index_price")
RATES: Final = ("rate", "interest_1h", "funding_rate")
SECONDS_END_MS: Final = 100_000_000_000  # an epoch number below this counts seconds, above it milliseconds
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Bar:
    """Open at `at_ms`; prices in USD per coin. A file with one price column gives bars of one price."""

    at_ms: int
    length_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def prints(self) -> tuple[tuple[int, Decimal], ...]:
        """Open at 0 s, then the nearer of low and high, the other one, close, at 1/3, 2/3 and 1 of the length.

        A bar of one price is printed when it opens and when it ends."""
        if self.open == self.high == self.low == self.close:
            return ((self.at_ms, self.open), (self.at_ms + self.length_ms, self.close))
        low_first = self.open - self.low <= self.high - self.open
        second, third = (self.low, self.high) if low_first else (self.high, self.low)
        third_ms = self.length_ms // 3
        return (
            (self.at_ms, self.open),
            (self.at_ms + third_ms, second),
            (self.at_ms + 2 * third_ms, third),
            (self.at_ms + self.length_ms, self.close),
        )


@dataclass(frozen=True, slots=True)
class Rate:
    at_ms: int
    rate: Decimal  # of the interval that settles at this moment


class HistoryError(Misconfigured):
    """A price or funding file that cannot be trusted, with the line."""

    def __init__(self, path: Path, line: int | None, problem: str, remedy: str) -> None:
        super().__init__(f"{path}{'' if line is None else f', line {line}'}: {problem}; {remedy}")


def read_bars(path: Path, *, from_ms: int | None = None, to_ms: int | None = None, allow_gaps: bool = False) -> tuple[Bar, ...]:
    """Bars with from_ms <= at_ms < to_ms, oldest first. Raise HistoryError naming the line.

    Columns: timestamp and open, high, low, close; or timestamp and one of price, close, index_price. Header names without case.
    """
    columns: list[tuple[int, int, Decimal, Decimal, Decimal, Decimal]] = []
    with_header = rows(path)
    header = next(with_header)[1]
    stamp = column(path, header, STAMPS, "a time column")
    if {"open", "high", "low", "close"} <= set(header):
        at = tuple(header.index(name) for name in ("open", "high", "low", "close"))
    else:
        at = (column(path, header, PRICES, "open, high, low, close, or one price column"),) * 4
    for line, row in with_header:
        at_ms = moment(path, line, row[stamp])
        prices = [price(path, line, row[index]) for index in at[: 1 if at[0] == at[3] else 4]]
        first, high, low, close = prices if len(prices) == 4 else prices * 4
        if low > high:
            raise HistoryError(path, line, f"low {low} is above high {high}", "correct the bar")
        # some venues open a bar at the last close, which may lie outside the bar's own trades
        columns.append((line, at_ms, first, max(high, first, close), min(low, first, close), close))
    step = regular_step(path, [(line, at_ms) for line, at_ms, *_ in columns])
    bars = []
    before = None
    for line, at_ms, *prices in columns:
        if (from_ms is not None and at_ms < from_ms) or (to_ms is not None and at_ms >= to_ms):
            continue
        if before is not None and at_ms - before > step and not allow_gaps:
            missing = (at_ms - before) // step - 1
            remedy = "cut a window with --from and --to, or hold the last price through the gap with --allow-gaps"
            raise HistoryError(path, line, f"bars are missing before it: {missing}", remedy)
        before = at_ms
        bars.append(Bar(at_ms, step, *prices))
    if not bars:
        raise HistoryError(path, None, "holds no bar in this window", "widen --from and --to")
    return tuple(bars)


def read_rates(path: Path, *, from_ms: int | None = None, to_ms: int | None = None) -> tuple[Rate, ...]:
    """Funding rates with from_ms <= at_ms < to_ms, oldest first. Raise HistoryError naming the line."""
    with_header = rows(path)
    header = next(with_header)[1]
    stamp, rate = column(path, header, STAMPS, "a time column"), column(path, header, RATES, "a funding rate column")
    rates = [(line, Rate(moment(path, line, row[stamp]), number(path, line, row[rate]))) for line, row in with_header]
    regular_step(path, [(line, one.at_ms) for line, one in rates])
    return tuple(one for _, one in rates if (from_ms is None or one.at_ms >= from_ms) and (to_ms is None or one.at_ms < to_ms))


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
                if len(row) != len(header):
                    raise HistoryError(path, reader.line_num, f"{len(row)} cells where the header has {len(header)}", "was it truncated?")
                yield reader.line_num, row
    except OSError as error:
        raise HistoryError(path, None, f"cannot be read ({error.strerror})", "check the path and the rights") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise HistoryError(path, None, f"is not a CSV text file ({error})", "export it as UTF-8 CSV") from error


def column(path: Path, header: Sequence[str], names: Sequence[str], what: str) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise HistoryError(path, 1, f"lacks {what} (columns: {', '.join(header)})", f"name one of them {' or '.join(names)}")


def moment(path: Path, line: int, text: str) -> int:
    """Epoch milliseconds from ISO 8601 (UTC if it names no zone) or from an epoch number in seconds or milliseconds."""
    text = text.strip()
    try:
        if text.replace(".", "", 1).isdigit():
            stamp = Decimal(text)
            return int(stamp * 1000) if stamp < SECONDS_END_MS else int(stamp)
        return instant_ms(text)
    except (ValueError, InvalidOperation):
        raise HistoryError(path, line, f"{text!r} is not a time", "write ISO 8601 or an epoch number") from None


def instant_ms(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 date or time, UTC if it names no zone. Raise ValueError."""
    parsed = datetime.fromisoformat(text)
    parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    since = parsed - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000


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
            raise HistoryError(path, line, problem, "sort the file by time and remove doubles")
        steps[at_ms - before] += 1
    return steps.most_common(1)[0][0] if steps else 60_000
