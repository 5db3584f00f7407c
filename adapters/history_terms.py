"""What is a price history made of, and how is a file of one refused?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import groupby, pairwise
from os import SEEK_END
from pathlib import Path
from typing import Final

from bot.ports import Misconfigured

STAMPS: Final = ("timestamp", "time", "datetime", "date")
PRICES: Final = ("price", "close", "index_price")
OHLC: Final = ("open", "high", "low", "close")
RATES: Final = ("rate", "interest_1h", "funding_rate")
EPOCHS: Final = ((10**11, 1000, 1), (10**14, 1, 1), (10**17, 1, 1000), (9 * 10**18, 1, 1_000_000))
# an epoch number below the first of each, times the second and over the third, is milliseconds: they are seconds, milliseconds,
# microseconds (as venues export them) or nanoseconds (as pandas keeps them), of 1973 and later
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
INTERVALS_MS: Final = tuple(hours * HOUR_MS for hours in (1, 2, 3, 4, 6, 8, 12, 24))  # that venues change between
HOLDS: Final = 3  # settlements in a row that make an interval
MOST_RATE: Final = 1  # of the position, at one settlement
TORN: Final = 5  # times that a price may shrink in a last row without an end: one digit less makes it ten times smaller
LINE_ENDS: Final = (b"\n", b"\r")
REMEDY_OF_A_TIME: Final = "write ISO 8601 in UTC, or an epoch number, in every row"


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


def late_ms(step_ms: int) -> int:
    """After so long a time since the one before, a settlement is missing: venues are seconds late, and file them so."""
    return step_ms + step_ms // 4


class HistoryError(Misconfigured):
    """A price or funding file that cannot be trusted, with the line of a text file or the row (from 1) of another, and its time."""

    def __init__(
        self, path: Path, line: int | None, problem: str, remedy: str, *, row: int | None = None, at_ms: int | None = None
    ) -> None:
        where = f", line {line}" if line is not None else f", row {row}" if row is not None else ""
        when = "" if at_ms is None else f" ({datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC)"
        super().__init__(f"{path}{where}: {problem}{when}; {remedy}")


def outside(path: Path, first_ms: int, last_ms: int) -> HistoryError:
    """Of a file that has bars, and none in the window that was asked for."""
    ends = " to ".join(f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}" for at_ms in (first_ms, last_ms))
    return HistoryError(path, None, f"holds no bar in this window (it has some from {ends} UTC)", "widen --from and --to")


def missing_bars(distance_ms: int, step_ms: int) -> tuple[str, str]:
    """What is wrong with a gap, and what to do."""
    remedy = "cut a window with --from and --to, or hold the last price through the gap with --allow-gaps"
    return f"bars are missing before it: {distance_ms // step_ms - 1}", remedy


def intervals(settled_ms: Sequence[int], usual_ms: int) -> list[int]:
    """Which interval is in force before each settlement but the first: one that at least HOLDS in a row keep, next to others the longer
    of those around, and where there is none the file's usual one. Milliseconds."""
    kept = [even_interval(after - before) for before, after in pairwise(settled_ms)]
    if not even_interval(usual_ms):
        return [usual_ms] * len(kept)
    runs = [(interval, len(list(run))) for interval, run in groupby(kept)]
    own = [interval if count >= HOLDS else 0 for interval, count in runs]
    around = zip(runs, own, newest(own), reversed(newest(own[::-1])), strict=True)
    return [one for (_, count), mine, before, after in around for one in [mine or max(before, after) or usual_ms] * count]


def newest(intervals_ms: Sequence[int]) -> list[int]:
    """Of each place the last one so far that is not 0."""
    found, last = [], 0
    for one in intervals_ms:
        last = one or last
        found.append(last)
    return found


def even_interval(distance_ms: int) -> int:
    """The number of whole hours dividing a day that this is, but for a twentieth; 0 if it is none."""
    return next((one for one in INTERVALS_MS if abs(distance_ms - one) <= one // 20), 0)


def first_gap(settled_ms: Sequence[int], usual_ms: int, from_ms: int | None, to_ms: int | None) -> tuple[int, int] | None:
    """The place of the first settlement before which, in this window, another one is missing; and how many are."""
    for place, step_ms in enumerate(intervals(settled_ms, usual_ms), 1):
        before, after = settled_ms[place - 1], settled_ms[place]
        elsewhere = (from_ms is not None and after - step_ms < from_ms) or (to_ms is not None and before + step_ms >= to_ms)
        if after - before > late_ms(step_ms) and not elsewhere:
            return place, max(1, (after - before) // step_ms - 1)
    return None


def missing_settlements(count: int) -> tuple[str, str]:
    """What is wrong with a gap, and what to do."""
    remedy = "cut a window with --from and --to, or count no funding in the gap with --allow-gaps"
    return f"settlements are missing before it: {count}", remedy


def absurd(rate: Decimal) -> tuple[str, str] | None:
    """What is wrong with a rate that no venue settles, and what to do."""
    if abs(rate) <= MOST_RATE:
        return None
    return (
        f"a funding rate of {rate}, which is {100 * rate:f} % of the position",
        "a rate is a fraction, 0.0001 for 0.01 %: correct the cell",
    )


def torn(path: Path, before: Sequence[Decimal | float], last: Sequence[Decimal | float]) -> bool:
    """Was a text file cut off within a number of its last row? It does not end its line then, and digits are missing."""
    if all(was < price * TORN for was, price in zip(before, last, strict=True)):
        return False
    with path.open("rb") as file:
        file.seek(-1, SEEK_END)
        return file.read() not in LINE_ENDS


def column(path: Path, header: Sequence[str], names: Sequence[str], what: str, *, line: int | None = 1) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    if len(header) == 1 and (sign := next((one for one in ";\t|" if one in header[0]), None)):
        raise HistoryError(
            path, line, f"has one column, with {sign!r} in its name", "separate cells with commas: export it as CSV once more"
        )
    raise HistoryError(path, line, f"lacks {what} (columns: {', '.join(header)})", f"name one of them {' or '.join(names)}")


class OneClock:
    """Reads the times of one file. Either all of them name their time zone or none does, and then they are UTC: who mixes both may mean
    two clocks."""

    def __init__(self) -> None:
        self._zoned: bool | None = None

    def epoch_ms(self, text: str) -> int:
        """Milliseconds from ISO 8601, or from an epoch number in whichever unit. Raise ValueError, which tells why not."""
        text = text.strip()
        zoned = True
        try:
            if text.replace(".", "", 1).isdigit():
                stamp = Decimal(text)
                at_ms = next((int(stamp * times / over) for below, times, over in EPOCHS if stamp < below), -1)
                if at_ms < 0:
                    raise ValueError
            else:
                parsed = datetime.fromisoformat(text)
                zoned, at_ms = parsed.tzinfo is not None, epoch_ms(parsed)
        except (ValueError, InvalidOperation):
            raise ValueError(f"{text!r} is not a time") from None
        if self._zoned is not None and zoned != self._zoned:
            told = "names a time zone, and the rows before it name none" if zoned else "names no time zone, and the rows before it do"
            raise ValueError(f"{text!r} {told}")
        self._zoned = zoned
        return at_ms


def instant_ms(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 date or time, UTC if it names no zone. Raise ValueError."""
    return epoch_ms(datetime.fromisoformat(text))


def epoch_ms(parsed: datetime) -> int:
    parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    since = parsed - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000
