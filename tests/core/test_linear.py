"""Is the mathematics of linear contracts exact? V26 of domain.md."""

from dataclasses import replace
from decimal import Decimal

from bot.core import contracts, linear
from bot.core.model import NO_LIQUIDATION, Basis
from bot.core.policy import ideal_coins
from tests.core.worlds import SOL

D = Decimal


def test_v26_a_linear_short_loses_equity_as_the_price_rises() -> None:
    assert linear.liquidation_price_cross(D(100), D(100), D(5000), D("0.005")).quantize(D("0.0001")) == D("149.2537")
    assert linear.unrealised(D(100), D(100), D(120)) == -2000
    assert contracts.leverage(SOL, 1000, D(3000), D(120)) == 4
    assert linear.funding(D(100), D(120), D("0.0001")) == D("1.2")


def test_v26_the_same_through_the_instrument() -> None:
    instrument = replace(SOL, maintenance_rate=D("0.005"))
    assert contracts.liquidation_price(instrument, 1000, D(100), D(5000)).quantize(D("0.0001")) == D("149.2537")
    assert contracts.unrealised(instrument, 1000, D(100), D(120)) == -2000
    assert contracts.funding(instrument, 1000, D(120), D("0.0001")) == D("1.2")
    assert contracts.liquidation_price(instrument, 0, None, D(5000)) == NO_LIQUIDATION
    assert contracts.liquidation_price(instrument, -1, D(100), D(5000)) == NO_LIQUIDATION


def test_linear_entries_average_arithmetically() -> None:
    assert contracts.average_entry(SOL, 1, D(100), 3, D(120)) == 115


def test_a_linear_ideal_is_the_share_of_the_bag_and_ignores_the_collateral() -> None:
    assert ideal_coins(Basis.COINS, D("0.5"), D(1000), D(1000)) == 500
    assert ideal_coins(Basis.VALUE, D("0.5"), D(1000), D(1000)) == 500
