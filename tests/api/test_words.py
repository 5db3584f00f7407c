"""Are ratios and dates read exactly, and refused with the field and the remedy?"""

from decimal import Decimal

import pytest

from bot.words import Misspoken, ratio_from, until_ms_from
from tests.api.worlds import NOW_MS

END_OF_2026_MS = 1_798_761_600_000  # 2027-01-01T00:00Z


@pytest.mark.parametrize("said", ["0", "1", "0.5", " 0.1 ", 0, 1, Decimal("0.123456789012"), "1e-3", "1.0"])
def test_a_ratio_within_zero_and_one_is_taken_exactly(said):
    assert ratio_from(said, allow_over_hedge=False) == Decimal(str(said).strip())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("1.0001", "risk.allow_over_hedge"),
        ("-0.0001", "outside 0..1"),
        ("85", "for 85 percent write 0.85"),
        (Decimal("100"), "for 100 percent write 1"),
        ("101", "outside 0..1; write it as 0.5"),
        ("1e999999999", "outside 0..1"),
        ("NaN", "finite"),
        ("inf", "finite"),
        ("half", "not a number"),
        ("", "not a number"),
        ("0.1234567890123", "more than 12 decimals"),
        ("0." + "1" * 5000, "more than 12 decimals"),
        (0.5, "not float"),
        (True, "not bool"),
        (None, "not NoneType"),
        ([1], "not list"),
    ],
)
def test_a_ratio_that_cannot_be_meant_is_refused_by_name(said, why):
    with pytest.raises(Misspoken, match=r"^ratio: ") as caught:
        ratio_from(said, allow_over_hedge=False)
    assert why in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("said", "taken"), [("1.2", True), ("2", True), ("2.1", False), ("-0.1", False)])
def test_an_over_hedge_is_taken_up_to_two_where_the_config_allows_it(said, taken):
    if taken:
        assert ratio_from(said, allow_over_hedge=True) == Decimal(said)
    else:
        with pytest.raises(Misspoken, match=r"outside 0\.\.2"):
            ratio_from(said, allow_over_hedge=True)


@pytest.mark.parametrize(
    ("said", "end_ms"),
    [
        ("2026-12-31", END_OF_2026_MS),
        ("2027-01-01T00:00Z", END_OF_2026_MS),
        ("2027-01-01T02:00:00+02:00", END_OF_2026_MS),
        ("2026-03-01", 1_772_409_600_000),  # today ends at midnight
    ],
)
def test_a_date_ends_with_its_day_and_a_moment_with_itself(said, end_ms):
    assert until_ms_from(said, now_ms=NOW_MS) == end_ms


def test_a_moment_must_lie_ahead():
    assert until_ms_from("2026-03-01T12:00:00.251Z", now_ms=NOW_MS) == NOW_MS + 1
    with pytest.raises(Misspoken, match="already over"):
        until_ms_from("2026-03-01T12:00:00.250Z", now_ms=NOW_MS)
    with pytest.raises(Misspoken, match="already over"):
        until_ms_from("2026-02-28", now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("tomorrow", "not a date"),
        ("2026-02-30", "not a date"),
        ("9999-12-31", "not a date"),
        ("2026-12-31T18:00", "no zone"),
        ("", "not a date"),
    ],
)
def test_a_date_that_is_none_is_refused_by_name(said, why):
    with pytest.raises(Misspoken, match=f"^until: .*{why}"):
        until_ms_from(said, now_ms=NOW_MS)
