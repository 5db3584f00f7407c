"""Is the mathematics of inverse contracts exact? Vectors V1-V15 of domain.md, under their own names."""

from decimal import Decimal

import pytest

from bot.core import contracts, inverse
from bot.core.model import NO_LIQUIDATION, Side
from tests.core.worlds import BTC

D = Decimal
INFINITY = D("Infinity")


def near(value: Decimal, said: str) -> bool:
    """Equal to every digit that the vector states."""
    return value.quantize(D(said)) == D(said)


@pytest.mark.parametrize(("mark", "equity"), [("36000", "8.3333333"), ("48000", "6.25"), ("75000", "4"), ("120000", "2.5"), ("60000", "5")])
def test_v1_a_posted_bag_keeps_its_value_at_every_price(mark: str, equity: str) -> None:
    q = inverse.equity(D(5), D(300_000), D(60_000), D(mark))
    assert near(q, equity)
    assert near(q * D(mark), "300000.000000")
    assert near(inverse.delta(D(0), q, D(300_000), D(mark)), "0.000000")
    assert near(contracts.leverage(BTC, 3000, q, D(mark)), "1.000000")


@pytest.mark.parametrize(("mark", "leverage"), [("60000", "5"), ("48000", "2.777778"), ("75000", "Infinity")])
def test_v2_a_split_bag_is_delta_neutral_and_still_dies_of_leverage(mark: str, leverage: str) -> None:
    q = inverse.equity(D(1), D(300_000), D(60_000), D(mark))
    assert near(inverse.delta(D(4), q, D(300_000), D(mark)), "0.000000")
    assert near((4 + q) * D(mark), "300000.000000")
    reached = contracts.leverage(BTC, 3000, q, D(mark))
    assert reached == INFINITY if leverage == "Infinity" else near(reached, leverage)


def test_v2_its_liquidation_price_is_74625() -> None:
    assert inverse.liquidation_price_cross(D(300_000), D(60_000), D(1), D("0.005")) == 74_625


def test_v3_buying_back_a_third_books_its_profit_and_leaves_the_equity() -> None:
    realised = inverse.unrealised(D(100_000), D(60_000), D(48_000))
    assert near(realised, "0.41666667")
    assert near(inverse.unrealised(D(200_000), D(60_000), D(48_000)), "0.83333333")
    assert near(inverse.equity(5 + realised, D(200_000), D(60_000), D(48_000)), "6.2500000000")


def test_v4_entries_average_harmonically() -> None:
    assert inverse.harmonic_entry(D(1), D(60_000), D(1), D(40_000)) == 48_000
    first = inverse.harmonic_entry(D(6), D(50_000), D(1), D(58_000))
    second = inverse.harmonic_entry(D(7), first, D(1), D(57_000))
    assert near(inverse.harmonic_entry(D(8), second, D(3), D(56_000)), "52794.0868")
    assert contracts.average_entry(BTC, 1, D(60_000), 1, D(40_000)) == 48_000


def test_v5_a_short_of_10000_usd_from_48600_to_43700_earns_1008_usd() -> None:
    earned = inverse.unrealised(D(10_000), D(48_600), D(43_700))
    assert near(earned, "0.02307164")
    assert near(earned * 43_700, "1008.23")


def test_v8_liquidation_of_10000_usd_on_cross_margin() -> None:
    assert near(inverse.liquidation_price_cross(D(10_000), D(48_600), D("0.1136"), D("0.005")), "107962.87")


def test_v9_liquidation_of_300000_usd_by_collateral() -> None:
    n, e, m = D(300_000), D(60_000), D("0.005")
    assert inverse.liquidation_price_cross(n, e, D("2.5"), m) == 119_400
    assert inverse.liquidation_price_cross(n, e, D("2.5"), m, D("0.0005")) == 119_340
    assert near(inverse.liquidation_price_cross(n, e, D(5) / 3, m), "89550.00")
    assert inverse.liquidation_price_cross(n, e, D(5), m) == NO_LIQUIDATION
    assert inverse.liquidation_price_cross(n, e, D(6), m) == NO_LIQUIDATION
    assert inverse.liquidation_price_cross(n, e, D("4.99"), m).is_finite()
    assert inverse.liquidation_price_cross(D(0), e, D(0), m) == NO_LIQUIDATION


@pytest.mark.parametrize(
    ("leverage", "price"),
    [("1", "10000000"), ("1.5", "147783.25"), ("2", "99009.90"), ("3", "74441.69"), ("5", "62111.80"), ("10", "55248.62")],
)
def test_v10_liquidation_on_isolated_margin(leverage: str, price: str) -> None:
    assert near(inverse.liquidation_price_isolated(D(50_000), D(leverage), D("0.005")), price)


def test_v10_without_leverage_there_is_none() -> None:
    assert inverse.liquidation_price_isolated(D(50_000), D("0.5"), D("0.005")) == NO_LIQUIDATION


@pytest.mark.parametrize(
    ("at_entry", "multiple", "leverage"),
    [("2", "0.5", "1.333"), ("2", "1.5", "4"), ("2", "1.9", "20"), ("1", "0.1", "1"), ("1", "7", "1"), ("0.5", "1.5", "0.4")],
)
def test_v11_leverage_drifts_with_the_price(at_entry: str, multiple: str, leverage: str) -> None:
    entry, price = D(60_000), 60_000 * D(multiple)
    assert near(inverse.leverage_after_move(D(at_entry), entry, price), leverage)
    wallet = 300_000 / entry / D(at_entry)  # and the long way round, from a wallet
    assert near(contracts.leverage(BTC, 3000, inverse.equity(wallet, D(300_000), entry, price), price), leverage)


def test_v11_leverage_is_infinite_once_the_equity_is_gone() -> None:
    assert inverse.leverage_after_move(D(2), D(60_000), D(120_000)) == INFINITY
    assert inverse.leverage_after_move(D(2), D(60_000), D(119_999)).is_finite()


def test_v12_a_short_receives_funding_when_the_rate_is_positive() -> None:
    assert inverse.funding(D(300_000), D(60_000), D("0.0001")) == D("0.0005")
    assert inverse.funding(D(300_000), D(60_000), D("-0.0003")) == D("-0.0015")
    assert D("0.0001") * 3 * 365 == D("0.1095")


def test_v13_funding_of_fifty_contracts() -> None:
    assert inverse.funding(D(50) * 100, D(10_000), D("0.0001")) == D("0.00005")
    assert contracts.funding(BTC, 50, D(10_000), D("0.0001")) == D("0.00005")


def test_v14_an_absolute_funding_rate_becomes_relative() -> None:
    assert near(inverse.relative_funding_rate(D("2.18900669884E-7"), D("277.66")), "0.00006077996")


def test_v15_a_notional_is_rounded_towards_under_hedging() -> None:
    assert contracts.contracts_floor(BTC, D(300_070), D(60_000)) == 3000
    assert contracts.contracts_floor(BTC, D(300_099), D(60_000)) == 3000
    assert contracts.contracts_floor(BTC, D(300_100), D(60_000)) == 3001


@pytest.mark.parametrize(("lot", "usd", "count"), [("0.1", "10", 30_007), ("1", "100", 3000)])
def test_v15_smaller_lots_leave_smaller_rests(lot: str, usd: str, count: int) -> None:
    from dataclasses import replace

    instrument = replace(BTC, contract_size=D(usd), lot=D(lot))
    assert contracts.contracts_floor(instrument, D(300_070), D(60_000)) == count
    assert count * D(lot) == (D("3000.7") if lot == "0.1" else 3000)


@pytest.mark.parametrize(
    ("price", "side", "crossing", "limit"),
    [
        ("60000.1", Side.SELL, False, "60000.5"),
        ("60000.4", Side.BUY, False, "60000"),
        ("60000.1", Side.SELL, True, "60000"),
        ("60000.4", Side.BUY, True, "60000.5"),
        ("60000.5", Side.SELL, False, "60000.5"),
        ("60000.5", Side.BUY, True, "60000.5"),
    ],
)
def test_limits_stand_on_the_tick_and_rounding_names_its_direction(price: str, side: Side, crossing: bool, limit: str) -> None:
    assert contracts.price_on_tick(D(price), D("0.5"), side, crossing=crossing) == D(limit)


@pytest.mark.parametrize(("equity", "leverage"), [("-0.25", "Infinity"), ("0", "Infinity"), ("3.75", "1")])
def test_v25_equity_that_is_gone_is_infinite_leverage(equity: str, leverage: str) -> None:
    assert contracts.leverage(BTC, 3000, D(equity), D(80_000)) == D(leverage)


def test_v25_the_split_bag_is_gone_at_80000() -> None:
    assert inverse.equity(D(1), D(300_000), D(60_000), D(80_000)) == D("-0.25")
