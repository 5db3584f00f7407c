"""Does a bad file say which line is wrong, and does a good one become the right prints?"""

from contextlib import suppress
from decimal import Decimal
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.history import Bar, HistoryError, instant_ms, read_bars, read_rates
from bot.wiring.past import History, recorded

HOUR = 3_600_000


@pytest.fixture
def written(tmp_path):
    def write(text: str, encoding: str = "utf-8"):
        path = tmp_path / "prices.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


GOOD = (
    "timestamp,open,high,low,close\n2022-11-01T00:00:00Z,10,14,9,11\n2022-11-01T01:00:00Z,11,12,10,12\n2022-11-01T02:00:00Z,12,12,12,12\n"
)


def test_a_bar_is_four_prints_the_nearer_extreme_first(written):
    low_first, high_first, still = read_bars(written(GOOD))
    began = instant_ms("2022-11-01")
    assert low_first.prints() == (
        (began, Decimal(10)),
        (began + 1_200_000, Decimal(9)),
        (began + 2_400_000, Decimal(14)),
        (began + HOUR, Decimal(11)),
    )
    assert [price for _, price in high_first.prints()] == [11, 10, 12, 12]
    assert still.prints() == ((began + 2 * HOUR, Decimal(12)), (began + 3 * HOUR, Decimal(12)))


def test_a_high_that_is_nearer_comes_first():
    bar = Bar(0, 60_000, Decimal(10), Decimal(11), Decimal(5), Decimal(7))
    assert [price for _, price in bar.prints()] == [10, 11, 5, 7]


@pytest.mark.parametrize("name", ["price", "close", "index_price", "Index_Price"])
def test_one_price_column_makes_bars_of_one_price(written, name):
    bars = read_bars(written(f"Timestamp,{name}\n2022-11-01,10\n2022-11-02,11.5\n"))
    first, second, end = (instant_ms(f"2022-11-0{day}") for day in (1, 2, 3))
    assert [bar.prints() for bar in bars] == [
        ((first, Decimal(10)), (second, Decimal(10))),
        ((second, Decimal("11.5")), (end, Decimal("11.5"))),
    ]


@pytest.mark.parametrize(
    "stamps",
    [
        ("1667260800", "1667264400"),
        ("1667260800000", "1667264400000"),
        ("1667260800000000", "1667264400000000"),
        ("1667260800000000000", "1667264400000000000"),
        ("2022-11-01T00:00:00+00:00", "2022-11-01T03:00:00+02:00"),
    ],
)
def test_times_are_iso_or_epoch_in_seconds_or_its_thousandths_millionths_and_billionths(written, stamps):
    bars = read_bars(written(f"timestamp,price\n{stamps[0]},10\n{stamps[1]},11\n"))
    assert [bar.at_ms for bar in bars] == [1667260800000, 1667264400000]


def test_a_window_includes_its_first_moment_and_excludes_its_last(written):
    bars = read_bars(written(GOOD), from_ms=instant_ms("2022-11-01T01:00"), to_ms=instant_ms("2022-11-01T02:00"))
    assert [bar.open for bar in bars] == [11]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("timestamp,price\n2022-11-01,NaN\n", 2, "not a finite number"),
        ("timestamp,price\n2022-11-01,Infinity\n", 2, "not a finite number"),
        ("timestamp,price\n2022-11-01,0\n", 2, "a price of 0"),
        ("timestamp,price\n2022-11-01,-3\n", 2, "a price of -3"),
        ("timestamp,price\n2022-11-01,ten\n", 2, "is not a number"),
        ("timestamp,price\nyesterday,10\n", 2, "is not a time"),
        ("timestamp,price\n16672608000000000000,10\n", 2, "is not a time"),
        ("timestamp,price\n2022-11-01T00:00,10\n2022-11-01T01:00Z,10\n", 3, "names a time zone"),
        ("timestamp,price\n2022-11-01T00:00+02:00,10\n2022-11-01T01:00,10\n", 3, "names no time zone"),
        ("timestamp,price\n2022-11-02,10\n2022-11-01,10\n", 3, "older"),
        ("timestamp,price\n2022-11-01,10\n2022-11-01,10\n", 3, "twice"),
        ("timestamp,price\n2022-11-01,10\n2022-11-02\n", 3, "1 cells"),
        ("timestamp,price\n2022-11-01,10.5\n2022-11-02,1", 3, "the file ends within this line"),
        ("timestamp,open,high,low,close\n2022-11-01,100,120,90,110\n2022-11-02,110,110,90,11", 3, "the file ends within this line"),
        ("timestamp,price\n2022-11-01,1\n2022-11-02,1\n2022-11-03,1\n2022-11-05,1\n", 5, "bars are missing before it: 1"),
        ("timestamp,open,high,low,close\n2022-11-01,10,9,11,10\n", 2, "low 11 is above high 9"),
        ("time,volume\n2022-11-01,10\n", 1, "one price column"),
        ("stamp,price\n2022-11-01,10\n", 1, "a time column"),
        ("timestamp;price\n2022-11-01;10\n", 1, "has one column, with ';' in its name; separate cells with commas"),
        ("timestamp\tprice\n2022-11-01\t10\n", 1, "has one column, with '\\t' in its name"),
        ("timestamp,price\n2022-11-01,10\n\n2022-11-02,10\n", 3, "is an empty line; delete it"),
    ],
)
def test_a_wrong_line_is_named_with_its_file_and_a_remedy(written, text, line, says):
    path = written(text)
    with pytest.raises(HistoryError) as caught:
        read_bars(path)
    assert f"{path}, line {line}: " in str(caught.value)
    assert says in str(caught.value)
    assert "; " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_gap_is_held_where_the_user_says_so(written):
    bars = read_bars(written("timestamp,price\n2022-11-01,1\n2022-11-02,1\n2022-11-03,1\n2022-11-05,1\n"), allow_gaps=True)
    assert len(bars) == 4


@pytest.mark.parametrize("end", ["10.5", "2.2", "1\n"])
def test_a_last_line_that_is_whole_needs_no_end_and_one_with_an_end_may_say_anything(written, end):
    assert read_bars(written(f"timestamp,price\n2022-11-01,10.5\n2022-11-02,{end}"))[-1].close == Decimal(end)


@pytest.mark.parametrize(
    ("text", "says"), [("", "is empty; give a CSV file with a header"), ("timestamp,price\n", "holds no row; give a file with data")]
)
def test_an_empty_file_is_refused(written, text, says):
    with pytest.raises(HistoryError, match=says):
        read_bars(written(text))


def test_a_window_without_a_bar_is_refused_with_the_times_that_there_are(written):
    path = written("timestamp,price\n2022-11-01,10\n2022-11-02,10\n2022-11-03,10\n")
    says = r"holds no bar in this window \(it has some from 2022-11-01 00:00 to 2022-11-03 00:00 UTC\); widen --from and --to"
    with pytest.raises(HistoryError, match=says):
        read_bars(path, from_ms=instant_ms("2023-01-01"))
    with pytest.raises(HistoryError, match=says):
        recorded(History({"BTC": path}, {})).cut(None, instant_ms("2022-01-01"))


def test_a_missing_file_and_one_in_another_encoding_are_refused_by_name(written, tmp_path):
    with pytest.raises(HistoryError, match="cannot be read"):
        read_bars(tmp_path / "none.csv")
    with pytest.raises(HistoryError, match="not a CSV text file"):
        read_bars(written("timestamp,price\n2022-11-01,10\n", "utf-16"))


@pytest.mark.parametrize("name", ["rate", "interest_1h", "funding_rate"])
def test_funding_rates_may_be_negative_and_are_exact(written, name):
    rates = read_rates(written(f"timestamp,{name}\n2022-11-01T00:00:00Z,-2.355264834228129e-05\n"))
    assert rates[0].rate == Decimal("-0.00002355264834228129")


def settled(hours: list[float], rate: str = "0.0001") -> str:
    began = instant_ms("2022-11-01")
    return "timestamp,rate\n" + "".join(f"{round(began + hour * HOUR)},{rate}\n" for hour in hours)


def test_a_settlement_that_is_missing_in_the_window_is_refused_with_its_line_unless_the_user_says_so(written):
    path = written(settled([0, 8, 16, 32, 40, 48]))
    at = {hour: instant_ms("2022-11-01") + hour * HOUR for hour in (16, 17, 24, 25, 32)}
    for window in ({}, {"from_ms": at[24]}, {"to_ms": at[25]}, {"from_ms": at[16], "to_ms": at[32]}):
        with pytest.raises(HistoryError, match=r"line 5: settlements are missing before it: 1 \(2022-11-02 08:00:00 UTC\); .*--allow-gaps"):
            read_rates(path, **window)
    assert len(read_rates(path, allow_gaps=True)) == 6
    assert len(read_rates(path, from_ms=at[25])) == 3
    assert len(read_rates(path, to_ms=at[24])) == 3


def test_settlements_that_come_a_little_late_and_more_often_for_a_while_leave_no_gap(written):
    assert len(read_rates(written(settled([0, 8, 16.001, 24.5, 32, 36, 40, 48, 56])))) == 9


def every(*phases: tuple[float, int]) -> list[float]:
    """Hours of settlements: so many steps of so many hours, one phase after the other."""
    return list(accumulate((step for step, count in phases for _ in range(count)), initial=0.0))


@pytest.mark.parametrize(
    "phases",
    [
        [(8, 5), (4, 20)],
        [(4, 20), (8, 5)],
        [(8, 20), (4, 5)],
        [(1, 30), (3, 1), (8, 3)],
        [(8, 4), (1, 3), (2, 1), (8, 4)],
        [(8, 3), (4, 3), (1, 3), (4, 3), (8, 3)],
        [(8.002, 4), (7.998, 4), (4.001, 9)],
    ],
)
def test_an_interval_that_three_settlements_in_a_row_keep_is_no_gap(written, phases):
    assert len(read_rates(written(settled(every(*phases))))) == 1 + sum(count for _, count in phases)


@pytest.mark.parametrize(
    ("phases", "line", "missing"),
    [
        ([(8, 5), (4, 5), (8, 1), (4, 20)], 13, 1),  # within the shorter interval, as long as the other one
        ([(8, 50), (4, 5), (8, 1), (4, 5)], 58, 1),
        ([(4, 20), (8, 2), (4, 20)], 23, 1),
        ([(4, 20), (8, 2)], 23, 1),
        ([(8, 5), (16, 1), (4, 20)], 8, 1),  # longer than both
        ([(8, 5), (4, 20), (24, 1), (4, 5)], 28, 5),
        ([(4, 20), (11, 4), (4, 20)], 23, 1),  # 11 hours do not divide a day
        ([(8, 9), (72, 1)], 12, 8),
        ([(8, 2), (16, 1), (8, 2)], 5, 1),
    ],
)
def test_where_the_interval_changes_a_settlement_that_is_missing_is_still_refused(written, phases, line, missing):
    with pytest.raises(HistoryError, match=rf"line {line}: settlements are missing before it: {missing} \("):
        read_rates(written(settled(every(*phases))))


@pytest.mark.parametrize("rate", ["1.01", "-1.01", "500"])
def test_a_rate_of_more_than_the_whole_position_is_refused_with_its_line(written, rate):
    with pytest.raises(HistoryError, match=f"line 2: a funding rate of {rate}, which is .* % of the position"):
        read_rates(written(settled([0, 8], rate)))
    assert read_rates(written(settled([0, 8], "-1")))[0].rate == -1


@given(st.binary(max_size=400))
def test_no_file_content_does_anything_but_be_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("history") / "any.csv"
    path.write_bytes(b"timestamp,price\n" + content)
    with suppress(HistoryError):
        assert read_bars(path)
