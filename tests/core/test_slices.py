"""Does a sliced order add up? V23 of domain.md."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import slices

D = Decimal


def test_v23_almgren_chriss_slices() -> None:
    left = slices.holdings(3000, 5, D("1.5"))
    assert [held.quantize(D("0.001")) for held in left] == [
        D(text) for text in ("3000.000", "2126.721", "1446.287", "896.999", "429.047", "0.000")
    ]
    assert slices.sizes(3000, 5, D("1.5")) == (873, 681, 549, 468, 429)


@pytest.mark.parametrize("urgency", ["0", "1E-30", "1E-12", "0.0000001"])
def test_v23_without_urgency_the_slices_are_equal(urgency: str) -> None:
    assert slices.sizes(3000, 5, D(urgency)) == (600,) * 5


@given(st.integers(1, 10**6), st.integers(1, 40), st.decimals(0, 20, places=3))
def test_slices_add_up_and_never_turn_back(contracts: int, count: int, urgency: Decimal) -> None:
    sizes = slices.sizes(contracts, count, urgency)
    assert len(sizes) == count
    assert sum(sizes) == contracts
    assert min(sizes) >= 0
