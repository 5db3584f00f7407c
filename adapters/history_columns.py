"""How are millions of bars read at once? As columns, from CSV, Parquet or Feather, by the rules of history.py.

A CSV file is taken only as far as every cell of it is plainly good; any other is read line by line, which knows what is wrong and where.
Prices are floats here, and a bar tells the shortest decimal that is that float: the digits of the file, up to 15 of them.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from adapters.history_terms import (
    EPOCHS,
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

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")
Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
BINARY: Final = {".parquet": "Parquet", ".feather": "Feather", ".arrow": "Feather", ".ipc": "Feather"}
SPELLINGS: Final = tuple(f"%Y-%m-%d{gap}{time}" for gap in "T " for time in ("%H:%M:%S", "%H:%M:%S%.f", "%H:%M"))
UTC_ENDINGS: Final = ("Z", "+00:00", "")
DEFAULT_STEP_MS: Final = 60_000
BLOCK_BYTES: Final = 1 << 18  # stays in the processor's cache
BUT_SEPARATORS: Final = bytes(set(range(256)) - set(b",\n"))
Joined = tuple[int, int, int, Decimal, Decimal, Decimal]


class Doubt(Exception):
    """This CSV file must be read line by line."""


@dataclass(frozen=True, eq=False)
class Bars(Sequence[Bar]):
    """Bars as arrays, oldest first; each is made when it is asked for. A file with one price column has one array four times."""

    at_ms: Whole
    length_ms: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def __len__(self) -> int:
        return len(self.at_ms)

    @overload
    def __getitem__(self, index: int) -> Bar: ...
    @overload
    def __getitem__(self, index: slice) -> "Bars": ...
    def __getitem__(self, index: int | slice) -> "Bar | Bars":
        prices = (self.open, self.high, self.low, self.close)
        if isinstance(index, slice):
            return Bars(self.at_ms[index], self.length_ms, *(one[index] for one in prices))
        return Bar(int(self.at_ms[index]), self.length_ms, *(exact(one[index]) for one in prices))

    def __iter__(self) -> Iterator[Bar]:
        for index in range(len(self)):
            yield self[index]

    def opening(self, index: int) -> Decimal:
        """Of one bar, which is not made for it."""
        return exact(self.open[index])

    def joined(self, length_ms: int) -> Iterator[Joined]:
        """As adapters.candles.joined."""
        begins = self.at_ms - self.at_ms % length_ms
        firsts = np.flatnonzero(np.concatenate(([True], begins[1:] != begins[:-1])))
        lasts = np.append(firsts[1:], len(self)) - 1
        highs, lows = np.maximum.reduceat(self.high, firsts), np.minimum.reduceat(self.low, firsts)
        for first, last, high, low in zip(firsts.tolist(), lasts.tolist(), highs, lows, strict=True):
            ends_ms = int(self.at_ms[last]) + self.length_ms
            yield int(begins[first]), int(self.at_ms[first]), ends_ms, exact(high), exact(low), exact(self.close[last])


def exact(price: np.float64) -> Decimal:
    """The shortest decimal that is this float."""
    return Decimal(repr(float(price)))


def read_bars(path: Path, *, from_ms: int | None, to_ms: int | None, allow_gaps: bool) -> Bars:
    """As history.read_bars. Raise Doubt of a CSV file that must be read line by line, HistoryError of any other."""
    file = Columns(path)
    stamp = file.named(STAMPS, "a time column")
    names = OHLC if set(OHLC) <= set(file.names) else (file.named(PRICES, "open, high, low, close, or one price column"),)
    file.read((stamp, *names))
    at_ms = file.moments(stamp)
    prices = [file.amounts(name) for name in names]
    for name, amounts in zip(names, prices, strict=True):
        if not amounts.min() > 0:
            row = int((amounts <= 0).argmax())
            file.refuse(row, f"a price of {amounts[row]:g} ({name})", "a price is above zero: correct the cell")
    first, high, low, close = prices if len(prices) == 4 else prices * 4
    if (high < low).any():
        row = int((high < low).argmax())
        file.refuse(row, f"low {low[row]:g} is above high {high[row]:g}", "correct the bar")
    if len(prices) == 4:  # some venues open a bar at the last close, which may lie outside the bar's own trades
        for one in (first, close):
            high = np.maximum(high, one) if (high < one).any() else high
            low = np.minimum(low, one) if (low > one).any() else low
    if file.kind == "CSV" and len(at_ms) > 1 and torn(path, *([float(one[row]) for one in (first, high, low, close)] for row in (-2, -1))):
        raise Doubt
    step = file.regular_step()
    begin = 0 if from_ms is None else int(at_ms.searchsorted(from_ms))
    end = len(at_ms) if to_ms is None else int(at_ms.searchsorted(to_ms))
    if begin >= end:
        raise outside(path, int(at_ms[0]), int(at_ms[-1]))
    window = slice(begin, end)
    bars = Bars(at_ms[window], step, first[window], high[window], low[window], close[window])
    if not allow_gaps and int(bars.at_ms[-1]) - int(bars.at_ms[0]) != step * (len(bars) - 1):
        gaps = np.diff(bars.at_ms) > step
        if gaps.any():
            row = int(gaps.argmax()) + 1
            file.refuse(begin + row, *missing_bars(int(bars.at_ms[row] - bars.at_ms[row - 1]), step))
    return bars


def milliseconds(epochs: Whole) -> Whole:
    """Of epoch numbers, as OneClock.epoch_ms."""
    lowest, highest, least = int(epochs.min()), int(epochs.max()), 0
    found = np.zeros_like(epochs)
    for below, times, over in EPOCHS:
        if least <= lowest and highest < below:  # all of them in one unit
            return epochs if times == over else epochs * times // over
        unit = (epochs >= least) & (epochs < below)
        found[unit] = epochs[unit] * times // over
        least = below
    return found


def read_rates(path: Path, *, from_ms: int | None, to_ms: int | None, allow_gaps: bool) -> list[Rate]:
    """As history.read_rates, whole; gaps are looked for in the window."""
    file = Columns(path)
    stamp, rate = file.named(STAMPS, "a time column"), file.named(RATES, "a funding rate column")
    file.read((stamp, rate))
    settled, amounts = file.moments(stamp).tolist(), file.amounts(rate)
    step = file.regular_step()
    rates = [Rate(at, exact(one)) for at, one in zip(settled, amounts, strict=True)]
    for row, one in enumerate(rates):
        if wrong := absurd(one.rate):
            file.refuse(row, *wrong)
    if not allow_gaps and (gap := first_gap(settled, step, from_ms, to_ms)) is not None:
        place, count = gap
        file.refuse(place, *missing_settlements(count))
    return rates


def even(path: Path, width: int) -> bool:
    """Has every line as many cells as the header? The reader of columns does not look at cells behind the last one that is wanted.

    Without everything else a file is the same commas and line end over and over. Commas within a cell make it look uneven."""
    line = b"," * (width - 1) + b"\n"
    lines = line * (BLOCK_BYTES // width + 2)
    rest = last = b""
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            found = rest + block.translate(None, BUT_SEPARATORS)
            whole = len(found) - len(found) % width
            if not lines.startswith(found[:whole]):
                return False
            rest, last = found[whole:], block[-1:]
    return rest == (b"" if last == b"\n" else line[:-1])


class Columns:
    """Some columns of one file. Raise HistoryError, or Doubt of a CSV file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.kind = BINARY.get(path.suffix.lower(), "CSV")
        try:
            import polars
        except ImportError:
            if self.kind == "CSV":
                raise Doubt from None
            remedy = "install it (pip install 'hedgebot[replay]'), or give a CSV file"
            raise HistoryError(path, None, f"a {self.kind} file needs the extra `replay`", remedy) from None
        self.polars = polars
        self.first: list[str] = []  # row of a CSV file
        self.spelt = self.header()
        self.names = [name.strip().lower() for name in self.spelt]
        self.at_ms: Whole = np.zeros(0, dtype=np.int64)

    def header(self) -> list[str]:
        if self.kind == "CSV":
            try:
                with self.path.open(encoding="utf-8-sig", newline="") as file:
                    rows = csv.reader(file)
                    header, self.first = next(rows), next(rows)
            except (OSError, UnicodeDecodeError, csv.Error, StopIteration) as error:
                raise Doubt from error
            if len(header) != len(self.first):
                raise Doubt
            return header
        try:
            self.path.open("rb").close()
        except OSError as error:
            raise HistoryError(self.path, None, f"cannot be read ({error.strerror})", "check the path and the rights") from error
        schema = self.polars.read_parquet_schema if self.kind == "Parquet" else self.polars.read_ipc_schema
        return self.guarded(lambda: list(schema(self.path)))

    def named(self, names: Sequence[str], what: str) -> str:
        return self.names[column(self.path, self.names, names, what, line=1 if self.kind == "CSV" else None)]

    def read(self, wanted: Sequence[str]) -> None:
        places = [self.names.index(name) for name in wanted]
        self.frame = self.guarded(lambda: self.text(places) if self.kind == "CSV" else self.binary(places))
        if not self.frame.height:
            raise HistoryError(self.path, None, "holds no row", "give a file with data")
        self.frame.columns = [self.names[self.spelt.index(name)] for name in self.frame.columns]

    def binary(self, places: Sequence[int]) -> "pl.DataFrame":
        columns = [self.spelt[place] for place in places]
        if self.kind == "Parquet":
            return self.polars.read_parquet(self.path, columns=columns)
        return self.polars.read_ipc(self.path, columns=columns)

    def text(self, places: Sequence[int]) -> "pl.DataFrame":
        polars = self.polars
        if not even(self.path, len(self.spelt)):
            raise Doubt
        kinds: dict[str, type[pl.DataType]] = {self.spelt[place]: polars.Float64 for place in places}
        kinds[self.spelt[places[0]]] = polars.Int64 if self.first[places[0]].isdigit() else polars.String
        frame: pl.DataFrame = polars.read_csv(self.path, columns=list(places), schema_overrides=kinds)
        return frame

    def guarded(self, read: Callable[[], T]) -> T:
        """Whatever a file that is not whole makes of the reader."""
        try:
            return read()
        except (
            self.polars.exceptions.PolarsError,
            self.polars.exceptions.PanicException,
            OSError,
            IndexError,
            UnicodeDecodeError,
        ) as error:
            if self.kind == "CSV":
                raise Doubt from error
            cause = str(error).partition("\n")[0]
            raise HistoryError(self.path, None, f"is no whole {self.kind} file ({cause})", "was it cut off? copy it again") from error

    def refuse(self, row: int, problem: str, remedy: str) -> NoReturn:
        """`row` counts from 0."""
        if self.kind == "CSV":
            raise Doubt
        at_ms = int(self.at_ms[row]) if row < len(self.at_ms) else None
        raise HistoryError(self.path, None, problem, remedy, row=row + 1, at_ms=at_ms)

    def whole(self, name: str) -> "pl.Series":
        """A column without an empty cell. It is taken out: no column is held twice."""
        taken = self.frame.drop_in_place(name)
        if taken.null_count():
            self.refuse(int(taken.is_null().arg_max() or 0), f"an empty cell ({name})", "fill it, or leave the row out")
        return taken

    def moments(self, name: str) -> Whole:
        """Epoch milliseconds; a time that names no zone is UTC."""
        polars, taken = self.polars, self.whole(name)
        if taken.dtype == polars.String:
            taken = self.spelt_out(taken)
        if taken.dtype == polars.Date or isinstance(taken.dtype, polars.Datetime):
            self.at_ms = taken.cast(polars.Datetime("ms")).to_physical().to_numpy()
        elif taken.dtype.is_integer():
            numbers: Whole = taken.cast(polars.Int64).to_numpy()
            if numbers.min() < 0:
                self.refuse(int((numbers < 0).argmax()), "a time before 1970", REMEDY_OF_A_TIME)
            self.at_ms = milliseconds(numbers)
        else:
            self.refuse(0, f"{name} holds {taken.dtype}, which is no time", REMEDY_OF_A_TIME)
        return self.at_ms

    def spelt_out(self, texts: "pl.Series") -> "pl.Series":
        """Of ISO 8601; at once where all are in UTC and spelt as the first one."""
        first = str(texts[0])
        ending = next(one for one in UTC_ENDINGS if first.endswith(one))
        for spelling in SPELLINGS:
            if len(texts.head(1).str.to_datetime(spelling + ending, time_unit="ms", strict=False).drop_nulls()):
                parsed = texts.str.to_datetime(spelling + ending, time_unit="ms", strict=False)
                if not parsed.null_count():
                    return parsed.dt.replace_time_zone(None)
                break
        if self.kind == "CSV":
            raise Doubt
        clock, moments = OneClock(), []
        for row, text in enumerate(texts):
            try:
                moments.append(clock.epoch_ms(text))
            except ValueError as error:
                self.refuse(row, str(error), REMEDY_OF_A_TIME)
        return self.polars.Series(moments, dtype=self.polars.Datetime("ms"))

    def amounts(self, name: str) -> Floats:
        taken = self.whole(name)
        if not taken.dtype.is_numeric():
            self.refuse(0, f"{name} holds {taken.dtype}, which is no number", "write numbers")
        amounts: Floats = taken.cast(self.polars.Float64).to_numpy()
        if not np.isfinite(amounts.sum()):
            row = int((~np.isfinite(amounts)).argmax())
            self.refuse(row, f"{amounts[row]} is not a finite number ({name})", "correct the cell")
        return amounts

    def regular_step(self) -> int:
        """As history.regular_step."""
        if len(self.at_ms) == 1:
            return DEFAULT_STEP_MS
        steps = np.diff(self.at_ms)
        if not steps.min() > 0:
            row = int((steps <= 0).argmax()) + 1
            problem = "the same time twice" if steps[row - 1] == 0 else "is older than the row before it"
            self.refuse(row, problem, "sort the file by time and remove doubles")
        if steps.min() == steps.max():
            return int(steps[0])
        found, first, counts = np.unique(steps, return_index=True, return_counts=True)
        often = np.flatnonzero(counts == counts.max())
        return int(found[often[first[often].argmin()]])
