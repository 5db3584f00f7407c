"""When does the band trade? V16 and V22 of domain.md, and both sides of each edge."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core import band, sizing
from bot.core.band import Hold, Trade
from bot.core.exposure import Exposure
from bot.core.model import Basis, Side
from bot.core.rules import AutoBand, Band
from tests.core.worlds import BTC, EXECUTION

D = Decimal
PUBLISHED = Band(D("0.95"), D("0.98"), D(1), D("1.03"))
TINY = replace(EXECUTION, min_order_usd=D(50))


def ordered(target_usd: int, short_usd: int) -> tuple[Side, int] | None:
    wish = band.wanted(D(short_usd), D(target_usd), PUBLISHED, D(50))
    if isinstance(wish, Hold):
        return None
    held = Exposure(BTC, D(60_000), D(0), D(5), D(5), short_usd // 100, D(short_usd), D(5), D(0), D(0))
    size = sizing.size(held, short_usd + wish.usd, TINY)
    return (size.side, size.contracts) if size is not None else None


@pytest.mark.parametrize(
    ("target", "short", "order"),
    [
        (10_000, 9400, (Side.SELL, 4)),
        (10_000, 9500, None),
        (10_000, 10_300, None),
        (10_000, 10_400, (Side.BUY, 4)),
        (49, 100, (Side.BUY, 1)),
    ],
)
def test_v16_acts_outside_the_band_and_returns_to_its_safe_edge(target: int, short: int, order: tuple[Side, int] | None) -> None:
    assert ordered(target, short) == order


def test_v16_a_long_of_10000_wants_198_contracts_of_change() -> None:
    wish = band.wanted(D(-10_000), D(10_000), PUBLISHED, D(50))
    assert isinstance(wish, Trade)
    assert wish.usd / 100 == 198


def test_v16_no_order_crosses_zero_so_the_long_is_closed_first() -> None:
    assert ordered(10_000, -10_000) == (Side.SELL, 100)


@pytest.mark.parametrize(("hedged", "trades"), [("9500", False), ("9499.99", True), ("10300", False), ("10300.01", True)])
def test_only_trades_outside_the_band(hedged: str, trades: bool) -> None:
    assert isinstance(band.wanted(D(hedged), D(10_000), PUBLISHED, D(50)), Trade) is trades


@pytest.mark.parametrize(("target", "usd"), [("50", None), ("49.99", "-50")])
def test_a_target_below_the_smallest_order_counts_as_zero(target: str, usd: str | None) -> None:
    wish = band.wanted(D(50), D(target), PUBLISHED, D(50))
    assert wish == (Hold("inside the band") if usd is None else Trade(D(usd), "close: the target is zero"))


def test_flat_with_a_target_of_zero_holds() -> None:
    assert isinstance(band.wanted(D(0), D(0), PUBLISHED, D(50)), Hold)
    assert isinstance(band.wanted(D(0), D(0), PUBLISHED, D(0)), Hold)


def test_v22_the_half_width_of_a_value_band() -> None:
    assert band.half_width(D("0.5"), D("0.0005"), D(3)).quantize(D("0.000001")) == D("0.025")
    assert band.half_width(D("0.2"), D("0.0005"), D(3)).quantize(D("0.000001")) == D("0.018566")
    edges = band.cheapest(D("0.5"), Basis.VALUE, D("0.0005"), AutoBand(D(3)))
    assert (edges.low.quantize(D("0.0001")), edges.high.quantize(D("0.0001"))) == (D("0.95"), D("1.05"))
    assert (edges.safe_low, edges.safe_high) == (1, 1)


def test_a_full_hedge_or_a_free_trade_has_no_width() -> None:
    assert band.half_width(D(1), D("0.0005"), D(3)) == 0
    assert band.half_width(D("0.5"), D(0), D(3)) == 0
