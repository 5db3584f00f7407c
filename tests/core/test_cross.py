"""Is a cross-hedge sized right? V17-V20 of domain.md."""

from decimal import Decimal

import pytest

from bot.core import contracts, cross, inverse, regression, risk, sizing
from bot.core.exposure import Exposure
from tests.core.worlds import BTC

D = Decimal


def test_v17_beta_from_correlation_and_volatilities() -> None:
    fit = regression.from_correlation(D("0.85"), D("0.90"), D("0.55"))
    assert fit.beta.quantize(D("0.000001")) == D("1.390909")
    assert fit.r_squared == D("0.7225")
    assert regression.residual_volatility(fit, D("0.90")).quantize(D("0.0001")) == D("0.4741")


def test_v18_a_share_of_twenty_contracts_rounds_towards_under_hedging() -> None:
    fit = regression.from_correlation(D("0.8"), D("1.2"), D(1))
    assert fit.beta == D("0.96")
    assert cross.hedge_ratio(fit.beta, D(2000), D(100)) == D("19.2")
    assert contracts.contracts_floor(BTC, fit.beta * 2000, D(60_000)) == 19


def test_v19_ordinary_least_squares() -> None:
    x = [D(value) for value in (".01", "-.02", ".015", "-.01", ".03")]
    y = [D(value) for value in (".02", "-.025", ".02", "-.02", ".045")]
    fit = regression.ordinary_least_squares(x, y)
    assert fit is not None
    assert fit.beta == D("1.46875")
    assert fit.r_squared.quantize(D("0.000001")) == D("0.977780")


@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [1]), ([1, 1], [1, 2]), ([1, 2], [1, 1]), ([1, 2], [1, 2, 3])])
def test_v19_series_that_do_not_move_or_pair_have_no_beta(x: list[int], y: list[int]) -> None:
    assert regression.ordinary_least_squares([D(value) for value in x], [D(value) for value in y]) is None


def test_sol_worth_150000_at_beta_1_3_is_195000_usd_of_btc() -> None:
    assert D("1.3") * 150_000 == cross.hedge_notional_usd([(D(1), D("1.3"), D(150_000))], D(0))
    assert cross.hedge_ratio(D("1.3"), D(150_000), D(60_000)) == D("3.25")


def test_v20_posted_collateral_is_hedged_along() -> None:
    own = D("3.25") * 60_000
    n = cross.hedge_notional_usd([(D(1), D("1.3"), D(150_000))], own)
    assert n == 390_000
    assert contracts.leverage(BTC, 3900, D("3.25"), D(60_000)) == 2
    assert inverse.liquidation_price_cross(n, D(60_000), D("3.25"), D("0.005")) == 119_400
    assert inverse.delta(D(0), D("3.25"), D(195_000), D(60_000)) == 0  # the trap: posting BTC and shorting 195000 hedges no SOL at all


def test_v20_the_capacity_stands_exactly_at_two_and_is_refused_for_the_collar() -> None:
    assert cross.equity_coins_needed(D(195_000), D(60_000), D(2)) == D("3.25")
    assert cross.equity_coins_needed(D(195_000), D(60_000), D(1)) is None
    held = Exposure(BTC, D(60_000), D(0), D("3.25"), D("3.25"), 0, D(0), D("3.25"), D("3.25"), D(0))
    assert risk.leverage_after(held, 3900, D(0)) == 2
    assert risk.leverage_after(held, 3900, D("0.01")).quantize(D("0.01")) == D("2.02")
    assert sizing.n_max_usd(BTC, D(2), D("3.25"), D(60_000), D(0)) == 390_000
    assert sizing.n_max_usd(BTC, D(2), D("3.25"), D(60_000), D("0.01")) < 390_000
    assert sizing.equity_needed(BTC, D(390_000), D(2), D(60_000), D("0.01")) > D("3.25")
