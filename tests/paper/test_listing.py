"""What is listed, and what does a wrong symbol hear?"""

import dataclasses

import pytest

from adapters.exchanges.paper_contracts import find, listed
from bot.core.model import Kind, Side
from bot.ports import Misconfigured, Refused
from tests.paper.trading import BTC, ETH, START_MS, D, held, make, order, view

PRICES = {"BTC": D(60000), "ETH": D(3000), "SOL": D(150), "ABC": D("1.23"), "PENNY": D("0.000045")}


@pytest.mark.parametrize(
    ("symbol", "kind", "settle", "size", "tick"),
    [
        ("BTC/USD:BTC", Kind.INVERSE, "BTC", "100", "0.1"),
        ("ETH/USD:ETH", Kind.INVERSE, "ETH", "10", "0.01"),
        ("SOL/USD:SOL", Kind.INVERSE, "SOL", "10", "0.001"),
        ("ABC/USD:ABC", Kind.INVERSE, "ABC", "10", "0.00001"),
        ("PENNY/USD:PENNY", Kind.INVERSE, "PENNY", "10", "0.0000000001"),
        ("BTC/USDT:USDT", Kind.LINEAR, "USDT", "0.001", "0.1"),
        ("ABC/USDT:USDT", Kind.LINEAR, "USDT", "10", "0.00001"),
    ],
)
def test_every_asset_with_a_price_has_an_inverse_and_a_linear_contract(symbol: str, kind: Kind, settle: str, size: str, tick: str) -> None:
    spec = listed(PRICES)[symbol]
    assert (spec.kind, spec.settle, spec.contract_size, spec.tick) == (kind, settle, D(size), D(tick))
    assert (spec.maker_fee_rate, spec.taker_fee_rate, spec.maintenance_rate) == (D("0.0002"), D("0.0005"), D("0.005"))
    assert spec.asset == symbol.partition("/")[0]


def test_a_contract_of_ones_own_replaces_the_listed_one() -> None:
    own = dataclasses.replace(listed(PRICES)["BTC/USD:BTC"], contract_size=D(1))
    assert listed(PRICES, [own])["BTC/USD:BTC"] is own


def test_a_contract_without_a_price_is_refused() -> None:
    own = dataclasses.replace(listed(PRICES)["BTC/USD:BTC"], asset="XYZ", symbol="XYZ/USD:XYZ")
    with pytest.raises(Misconfigured, match="add XYZ"):
        listed(PRICES, [own])


@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("BTC/USD:BTC-260327", "dated"),
        ("BTC/USD:USDT", "settles in USDT, but a contract in USD settles in BTC"),
        ("BTC/USDT:BTC", "settles in BTC, but a contract in USDT settles in USDT"),
        ("BTC/USDT", "not a perpetual contract"),
        ("BTCUSD", "not a perpetual contract"),
        ("XYZ/USD:XYZ", "add XYZ to paper.price"),
        ("BTC/EUR:BTC", "unknown"),
    ],
)
def test_a_wrong_symbol_hears_what_is_wrong_and_what_there_is(symbol: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as error:
        find(listed(PRICES), symbol)
    assert symbol in str(error.value)
    assert "BTC/USD:BTC" in str(error.value)


async def test_an_asset_whose_prices_are_to_come_shows_none_and_takes_no_order_before_its_first_print() -> None:
    paper = make(None, to_come={"ETH"})
    await paper.connect([BTC, ETH])
    before = await view(paper, symbol=ETH)
    assert (before.quote, before.position and before.position.contracts) == (None, 0)
    assert (await paper.price("ETH", "spot")).problem
    with pytest.raises(Refused, match="ETH/USD:ETH is not traded yet"):
        await paper.place(order("a", Side.SELL, 10, 2999, symbol=ETH, post_only=False))
    await paper.place(order("b", Side.SELL, 10, 59000, post_only=False))
    paper.print("ETH", D(3100), START_MS + 1)
    after = await view(paper, symbol=ETH)
    assert after.quote is not None
    assert after.quote.mark == 3100
    await paper.place(order("c", Side.SELL, 10, 3000, symbol=ETH, post_only=False))
    assert (await held(paper, BTC), await held(paper, ETH)) == (-10, -10)
