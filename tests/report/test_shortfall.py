"""What an order cost against the market it met, as a person would reckon it."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from bot.core.decision import Arrival
from bot.core.model import Side
from bot.shortfall import Cost, cost

D = Decimal
BTC, SOL = "BTC/USD:BTC", "SOL/USDT:USDT"
MET = Arrival(D(60000), D("59999.333"), D("0.0005"))


@dataclass(frozen=True)
class Trade:
    price: Decimal
    notional_usd: Decimal
    fee_coins: Decimal


def rounded(found: Cost | None) -> tuple[str, ...]:
    assert found is not None
    return tuple(f"{part:.2f}" for part in (found.price, found.slippage_bps, found.fees_bps, found.market_bps, found.saved_bps))


def test_the_example_of_the_docs() -> None:
    """600 contracts of 100 USD sold as maker for 2 bp at the ask, where a market order would have walked the bids and paid 5 bp."""
    sold = Trade(D("60000.5"), D(60000), D(60000) / D("60000.5") * D("0.0002"))
    assert rounded(cost(MET, BTC, Side.SELL, [sold])) == ("60000.50", "-0.08", "2.00", "5.11", "3.19")


def test_a_buy_counts_the_other_way_round() -> None:
    dear = Trade(D(60006), D(60006), D(0))
    assert rounded(cost(Arrival(D(60000), D(60003), D(0)), BTC, Side.BUY, [dear]))[1:] == ("1.00", "0.00", "0.50", "-0.50")


def test_several_fills_weigh_by_what_they_are_worth() -> None:
    """Harmonic for a contract of dollars: half of it at 40,000 and half at 60,000 is 48,000 (V4)."""
    fills = [Trade(D(40000), D(100), D(0)), Trade(D(60000), D(100), D(0))]
    found = cost(Arrival(D(48000), D(48000), D(0)), BTC, Side.SELL, fills)
    assert rounded(found)[:2] == ("48000.00", "0.00")


def test_fees_of_a_linear_contract_are_dollars_already() -> None:
    found = cost(Arrival(D(100), D(99), D("0.0005")), SOL, Side.SELL, [Trade(D(100), D(5000), D("1.0"))])
    assert rounded(found)[2:4] == ("2.00", "106.01")


@pytest.mark.parametrize(("arrival", "fills"), [(None, [Trade(D(1), D(1), D(0))]), (MET, [])])
def test_nothing_is_said_of_what_did_not_trade_or_met_no_market_on_record(arrival: Arrival | None, fills: list[Trade]) -> None:
    assert cost(arrival, BTC, Side.SELL, fills) is None
