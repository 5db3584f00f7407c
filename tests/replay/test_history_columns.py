"""Are Parquet, Feather and large CSV files read by the rules of small CSV files, and refused as precisely?"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("polars")

import polars as pl

from adapters import history, history_lines
from adapters.candles import candles_of
from adapters.history import HistoryError, instant_ms, read_bars, read_rates
from adapters.history_columns import Bars
from bot.jumping.columns import Columns

HOUR = 3_600_000
BEGAN = instant_ms("2024-01-01")
FORMATS = ("csv", "parquet", "feather")
OHLC = {"open": [10.0, 11.5, 11.0], "high": [12.0, 12.25, 11.0], "low": [9.5, 11.0, 10.1], "close": [11.5, 11.0, 10.2]}
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def every_csv_file_is_large(monkeypatch):
    monkeypatch.setattr(history, "LARGE_BYTES", 0)


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(kind: str, name: str = "bars", **columns: object) -> Path:
        path = tmp_path / f"{name}.{kind}"
        frame = pl.DataFrame(columns, strict=False)
        {"csv": frame.write_csv, "parquet": frame.write_parquet, "feather": frame.write_ipc}[kind](path)
        return path

    return write


def hours(count: int) -> list[int]:
    return [BEGAN + hour * HOUR for hour in range(count)]


def told(bars) -> list[tuple]:
    return [(bar.at_ms, bar.length_ms, bar.open, bar.high, bar.low, bar.close) for bar in bars]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_bar_is_the_same_in_every_format(written, kind):
    bars = read_bars(written(kind, Timestamp=hours(3), Volume=[1, 2, 3], **OHLC))
    assert told(bars) == [
        (BEGAN, HOUR, Decimal("10"), Decimal("12"), Decimal("9.5"), Decimal("11.5")),
        (BEGAN + HOUR, HOUR, Decimal("11.5"), Decimal("12.25"), Decimal("11"), Decimal("11")),
        (BEGAN + 2 * HOUR, HOUR, Decimal("11"), Decimal("11"), Decimal("10.1"), Decimal("10.2")),
    ]
    assert [list(bar.prints()) for bar in bars[1:]] == [list(bar.prints()) for bar in list(bars)[1:]]
    assert Columns.of(bars).high is bars.high  # nothing is copied for the replay that jumps


def test_a_csv_file_may_put_its_names_in_quotes(tmp_path):
    path = tmp_path / "quoted.csv"
    path.write_text(f'"Timestamp","Price"\n{BEGAN},10.5\n{BEGAN + HOUR},11\n')
    bars = read_bars(path)
    assert [bar.open for bar in bars] == [Decimal("10.5"), 11]
    assert not isinstance(bars, tuple)  # read as columns


@pytest.mark.parametrize("kind", FORMATS)
def test_a_bar_that_opens_outside_its_own_trades_is_widened(written, kind):
    bars = read_bars(written(kind, time=hours(1), open=[13.0], high=[12.0], low=[11.0], close=[10.0]))
    assert (bars[0].high, bars[0].low) == (13, 10)


@pytest.mark.parametrize(
    "stamps",
    [
        [1704067200, 1704070800],
        [1704067200000, 1704070800000],
        [1704067200000000, 1704070800000000],
        [1704067200000000000, 1704070800000000000],
        [1704067200000, 1704070800000000],  # files of two years, one after the other, of a venue that changed its unit
        ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"],
        ["2024-01-01T00:00:00+00:00", "2024-01-01T01:00:00+00:00"],
        ["2024-01-01 00:00:00", "2024-01-01 01:00:00"],
        ["2024-01-01T00:00:00.000Z", "2024-01-01T01:00:00.000Z"],
        ["2024-01-01T00:00", "2024-01-01T01:00"],
        ["2024-01-01T00:00:00+00:00", "2024-01-01T03:00:00+02:00"],
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", FORMATS)
def test_times_are_epoch_or_iso_in_every_format(written, kind, stamps):
    assert [bar.at_ms for bar in read_bars(written(kind, date=stamps, price=[1.0, 2.0]))] == hours(2)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_times_of_a_column_of_times_are_the_same_moments_in_any_unit_and_zone(written, unit, zone):
    stamps = pl.Series(hours(2)).cast(pl.Datetime("ms", "UTC")).cast(pl.Datetime(unit, "UTC"))
    stamps = stamps.dt.replace_time_zone(None) if zone is None else stamps.dt.convert_time_zone(zone)
    assert [bar.at_ms for bar in read_bars(written("parquet", timestamp=stamps, price=[1.0, 2.0]))] == hours(2)


@pytest.mark.parametrize("length", [HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR])
@pytest.mark.parametrize("first", range(4))
def test_candles_of_columns_are_those_of_bars(written, length, first):
    times = [at for at in hours(30) if at != BEGAN + 7 * HOUR][first : 28 - first]
    prices = [10.0 + (3 * place) % 7 for place in range(len(times))]
    path = written(
        "parquet", timestamp=times, open=prices, high=[one + 2.5 for one in prices], low=[one - 1.5 for one in prices], close=prices
    )
    bars = read_bars(path, allow_gaps=True)
    assert candles_of(bars, length) == candles_of(tuple(bars), length)
    assert candles_of(bars, length)


def test_a_window_is_cut_out_of_any_file(written):
    bars = read_bars(written("parquet", timestamp=hours(5), price=[1.0, 2.0, 3.0, 4.0, 5.0]), from_ms=BEGAN + HOUR, to_ms=BEGAN + 3 * HOUR)
    assert [bar.close for bar in bars] == [2, 3]
    with pytest.raises(HistoryError, match="no bar in this window"):
        read_bars(written("parquet", timestamp=hours(2), price=[1.0, 2.0]), from_ms=BEGAN + 7 * HOUR)


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_funding_rates_are_read_from_columns_too(written, kind):
    rates = read_rates(written(kind, timestamp=hours(2), Funding_Rate=[-2.355264834228129e-05, 0.0001]))
    assert [(rate.at_ms, rate.rate) for rate in rates] == [(BEGAN, Decimal("-0.00002355264834228129")), (BEGAN + HOUR, Decimal("0.0001"))]


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_funding_of_columns_is_refused_with_its_row_where_it_has_a_gap_or_an_absurd_rate(written, kind):
    gap = written(kind, timestamp=[at for at in hours(6) if at != BEGAN + 3 * HOUR], rate=[0.0001] * 5)
    with pytest.raises(HistoryError, match="row 4: settlements are missing before it: 1"):
        read_rates(gap)
    assert len(read_rates(gap, allow_gaps=True)) == 5
    with pytest.raises(HistoryError, match=r"row 2: a funding rate of 5(\.0)?, which is 500(\.0)? % of the position"):
        read_rates(written(kind, timestamp=hours(2), rate=[0.0001, 5.0]), allow_gaps=True)


WRONG = {
    "a gap": ({"timestamp": [*hours(3), BEGAN + 4 * HOUR], "price": [1.0, 2.0, 3.0, 4.0]}, 4, "bars are missing before it: 1", "04:00"),
    "a duplicate": ({"timestamp": [*hours(2), BEGAN + HOUR], "price": [1.0, 2.0, 3.0]}, 3, "the same time twice", "01:00"),
    "out of order": ({"timestamp": [*hours(2), BEGAN], "price": [1.0, 2.0, 3.0]}, 3, "is older than the", "00:00"),
    "a zero price": ({"timestamp": hours(3), "price": [1.0, 0.0, 3.0]}, 2, "a price of 0", "01:00"),
    "a negative price": ({"timestamp": hours(3), "price": [1.0, 2.0, -3.0]}, 3, "a price of -3", "02:00"),
    "not a number": ({"timestamp": hours(3), "price": [1.0, float("nan"), 3.0]}, 2, "not a finite number", "01:00"),
    "infinite": ({"timestamp": hours(3), "price": [1.0, 2.0, float("inf")]}, 3, "not a finite number", "02:00"),
    "low above high": ({"timestamp": hours(1), "open": [2.0], "high": [1.0], "low": [3.0], "close": [2.0]}, 1, "is above high", "00:00"),
    "a zone after none": ({"timestamp": ["2024-01-01T00:00:00", "2024-01-01T01:00:00Z"], "price": [1.0, 2.0]}, 2, "names a time zone", ""),
    "none after a zone": ({"timestamp": ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00"], "price": [1.0, 2.0]}, 2, "names no time zone", ""),
    "no time": ({"timestamp": ["2024-01-01T00:00:00Z", "yesterday, Z"], "price": [1.0, 2.0]}, 2, "is not a time", ""),
    "an empty cell": ({"timestamp": hours(2), "price": [1.0, None]}, 2, "", "01:00"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.replace(" ", "-"))
def test_what_is_wrong_is_named_with_its_file_its_row_and_its_time(written, kind, case):
    columns, row, says, time = WRONG[case]
    path = written(kind, **columns)
    with pytest.raises(HistoryError) as caught:
        read_bars(path)
    text = str(caught.value)
    assert text.startswith(f"{path}, line {row + 1}" if kind == "csv" else f"{path}, row {row}")
    assert says in text
    assert kind == "csv" or f"2024-01-01 {time}" in text or not time
    assert "; " in text
    assert "\n" not in text


@pytest.mark.parametrize("kind", FORMATS)
def test_columns_that_are_missing_are_named_with_those_that_are_there(written, kind):
    with pytest.raises(HistoryError, match=r"lacks a time column \(columns: stamp, price\)"):
        read_bars(written(kind, stamp=hours(2), price=[1.0, 2.0]))
    with pytest.raises(HistoryError, match="one price column"):
        read_bars(written(kind, timestamp=hours(2), volume=[1.0, 2.0]))


@pytest.mark.parametrize("kind", ["parquet", "feather"])
@pytest.mark.parametrize("left", [0, 1, 3, 10, -1, -9, -200])
def test_a_file_that_was_cut_off_is_refused_by_name(written, kind, left):
    path = written(kind, timestamp=hours(500), price=[float(price) for price in range(1, 501)])
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(HistoryError) as caught:
        read_bars(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "copy it again" in str(caught.value)
    with pytest.raises(HistoryError, match="copy it again"):
        read_rates(path)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_without_rows_and_one_that_is_not_there_are_refused(written, tmp_path, kind):
    with pytest.raises(HistoryError):
        read_bars(written(kind, timestamp=[], price=[]))
    with pytest.raises(HistoryError, match="cannot be read"):
        read_bars(tmp_path / f"none.{kind}")


def test_a_large_csv_file_that_ends_within_a_number_is_refused_with_its_line(written):
    path = written("csv", timestamp=hours(3), **OHLC)
    path.write_bytes(path.read_bytes().removesuffix(b"0.2\n"))
    with pytest.raises(HistoryError, match="line 4: the file ends within this line"):
        read_bars(path)


SIX = "timestamp,open,high,low,close,volume"


@pytest.mark.parametrize("block", [3, 64, 1 << 18])
@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (4, "{at},10,10,10,10", "5 cells where the header has 6; was it truncated"),
        (4, "{at},10,10,10,10,7,8", "7 cells where"),
        (4, "", "is an empty line"),
        (9, "{at},10,10,10,10", "5 cells where"),
        (9, "{at},10,10,10,10,7,", "7 cells where"),
    ],
)
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_line_of_another_width_in_a_large_csv_file_is_refused_though_its_prices_are_whole(
    tmp_path, monkeypatch, block, line, text, says, end
):
    monkeypatch.setattr("adapters.history_columns.BLOCK_BYTES", block)
    path = tmp_path / "bars.csv"
    lines = [SIX, *(f"{at},10,10,10,10,{place}" for place, at in enumerate(hours(8)))]
    lines[line - 1] = text.format(at=hours(8)[line - 2])
    path.write_text("\n".join(lines) + end)
    with pytest.raises(HistoryError, match=f"line {line}: {says}"):
        read_bars(path)


@pytest.mark.parametrize("text", ["{at},10,10,10,10,", '"{at}","10",10,10,10,"7"'])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "end"])
def test_a_large_csv_file_of_even_lines_is_read_as_columns_however_they_end(tmp_path, text, ends, end):
    path = tmp_path / "bars.csv"
    lines = [SIX, *(text.format(at=at) for at in hours(8))]
    path.write_bytes((ends.join(lines) + (ends if end else "")).encode())
    bars = read_bars(path)
    assert len(bars) == 8
    assert isinstance(bars, Bars)


@given(
    st.lists(st.binary(max_size=40), max_size=8), st.sampled_from(["2024-01-01T0{}:00:00Z,10\n", "170406720{},9.5\n", "2024-01-0{},1\n"])
)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_read_as_columns_a_csv_file_is_what_it_is_line_by_line(tmp_path_factory, pieces, row):
    path = tmp_path_factory.mktemp("history") / "any.csv"
    good = "".join(row.format(number) for number in range(1, 6)).encode()
    path.write_bytes(b"timestamp,price\n" + good + b"".join(pieces))

    def outcome(read) -> object:
        try:
            return told(read(path, from_ms=None, to_ms=None, allow_gaps=True))
        except HistoryError as error:
            return str(error)

    assert outcome(read_bars) == outcome(history_lines.read_bars)
