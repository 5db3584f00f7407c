"""What of assets whose prices begin later than those of others, end sooner, or have gaps of their own?"""

from decimal import Decimal

import pytest

pytest.importorskip("numpy")

import numpy as np

from adapters.history import Bar, Rate, instant_ms
from adapters.history_columns import Bars
from bot.core.events import IntentRecorded
from bot.wiring.past import History, Recorded, recorded
from tests.replay.data import data, needs_data
from tests.replay.test_jumping import ran, same

HOUR = 3_600_000
BEGAN = instant_ms("2024-01-01")
FLAGS = {
    **{"bag.BTC.coins": "2", "paper.collateral.BTC": "3", "hedges.BTC.ratio": "1", "paper.price.BTC": "1"},
    **{"bag.ETH.coins": "20", "paper.collateral.ETH": "30", "hedges.ETH.ratio": "1", "paper.price.ETH": "1"},
}


def hours(first: int, last: int, price: int, *, length: int = HOUR, late_ms: int = 0) -> list[Bar]:
    """Prices that go up by a ten-thousandth from bar to bar."""
    moved = [Decimal(price) * (10_000 + place) / 10_000 for place in range(first, last)]
    return [Bar(BEGAN + place * length + late_ms, length, *([one] * 4)) for place, one in zip(range(first, last), moved, strict=True)]


async def test_nothing_is_traded_of_an_asset_before_its_prices_begin_and_it_is_worth_its_first_price_until_then():
    read = Recorded({"BTC": hours(0, 200, 60_000), "ETH": hours(100, 300, 3_000)}, {"ETH": [Rate(BEGAN + 8 * HOUR, Decimal("0.01"))]})
    jumped = await same(FLAGS, read)
    orders = [one for one in jumped.record.events if isinstance(one, IntentRecorded)]
    assert {one.order.asset for one in orders} == {"BTC", "ETH"}
    assert min(one.at_ms for one in orders if one.order.asset == "ETH") >= BEGAN + 100 * HOUR
    assert jumped.answer["value_start_usd"] == str(5 * 60_000 + 50 * 3_030)
    assert Decimal(jumped.answer["value_min_usd"]) > 5 * 60_000 + 50 * 3_000  # its coins are never counted as nothing
    assert jumped.answer["legs"]["ETH"]["funding_coin"] == "0"  # nothing was held when it was paid
    assert jumped.replay.jumped > 250


@needs_data
async def test_three_real_assets_of_which_one_begins_later_and_has_gaps_are_jumped_over():
    files = {asset: data(f"{asset.lower()}-1h-2020-2023.csv") for asset in ("BTC", "ETH", "SOL")}
    paid = {asset: data(f"{asset.lower()}-funding-8h-2020-2023.csv") for asset in ("BTC", "ETH")}
    flags = {**FLAGS, "bag.SOL.coins": "1000", "paper.collateral.SOL": "3000", "hedges.SOL.ratio": "0.5", "paper.price.SOL": "1"}
    for since, until in (("2020-08-08", "2020-08-18"), ("2020-12-20", "2020-12-27")):
        jumped = await same(flags, recorded(History(files, paid, instant_ms(since), instant_ms(until), allow_gaps=True)))
        assert jumped.replay.jumped > 0.4 * len(jumped.replay.grid)
        assert {one.order.asset for one in jumped.record.events if isinstance(one, IntentRecorded)} == set(files)


async def test_collateral_of_an_asset_that_is_not_hedged_counts_at_its_price():
    flags = {key: value for key, value in FLAGS.items() if not key.startswith("hedges.ETH")}
    jumped = await same(flags, Recorded({"BTC": hours(0, 100, 60_000), "ETH": hours(0, 100, 3_000)}, {}))
    assert jumped.answer["value_start_usd"] == str(5 * 60_000 + 50 * 3_000)
    grown = Decimal("1.0099")
    assert Decimal(jumped.answer["unhedged_value_end_usd"]) == (5 * 60_000 + 50 * 3_000) * grown
    assert abs(Decimal(jumped.answer["value_end_usd"]) - 5 * 60_000 - 50 * 3_000 * grown) < 500  # BTC is hedged


@pytest.mark.parametrize(
    "linear", [{}, {"hedges.ETH.instrument": "ETH/USDT:USDT", "paper.collateral.USDT": "90000"}], ids=["inverse", "linear"]
)
async def test_coins_of_several_currencies_are_not_added_up_and_each_hedge_has_sums_of_its_own(linear):
    bars = {"BTC": hours(0, 100, 60_000), "ETH": hours(0, 100, 3_000)}
    rates = {asset: [Rate(BEGAN + 50 * HOUR, Decimal("0.001"))] for asset in bars}
    jumped = await same({**FLAGS, **linear}, Recorded(bars, rates))
    said, legs = jumped.answer, jumped.answer["legs"]
    assert (said["funding_coin"], said["fees_coin"]) == (None, None)
    assert {asset: leg["instrument"] for asset, leg in legs.items()} == {
        "BTC": "BTC/USD:BTC",
        "ETH": linear.get("hedges.ETH.instrument", "ETH/USD:ETH"),
    }
    for name in ("fills", "turnover_usd", "funding_usd", "fees_usd"):
        assert sum(Decimal(leg[name]) for leg in legs.values()) == Decimal(said[name])
        assert all(Decimal(leg[name]) > 0 for leg in legs.values())
    assert Decimal(legs["BTC"]["funding_coin"]) == pytest.approx(Decimal("0.005"), rel=Decimal("0.02"))


@pytest.mark.parametrize("later", [0, 300], ids=["one clock", "own clocks"])
async def test_of_two_assets_only_those_bars_are_made_that_something_may_happen_in(monkeypatch, later):
    count, made, getitem = 20_000, [0], Bars.__getitem__

    def counted(bars, index):
        made[0] += isinstance(index, int)
        return getitem(bars, index)

    def columns(first, price):
        still = np.full(count - first, price)
        return Bars(BEGAN + np.arange(first, count, dtype=np.int64) * HOUR, HOUR, still, still, still, still)

    monkeypatch.setattr(Bars, "__getitem__", counted)
    jumped = await ran(FLAGS, Recorded({"BTC": columns(0, 60_000.0), "ETH": columns(later, 3_000.0)}, {}), step=False)
    assert jumped.answer["steps"] == 2 * count - later
    assert all(leg["fills"] for leg in jumped.answer["legs"].values())
    assert made[0] < 200


@pytest.mark.parametrize(
    ("bars", "why"),
    [
        (hours(0, 400, 3_000, length=HOUR // 4), "the bars of the assets are not equally long"),
        (hours(0, 100, 3_000, late_ms=1), "bars of one asset begin while those of another last"),
        (hours(200, 300, 3_000, late_ms=1), ""),
    ],
    ids=["other length", "within the hour", "after the others"],
)
async def test_bars_that_overlap_those_of_another_asset_are_gone_through_print_by_print(bars, why):
    ran_through = await ran(FLAGS, Recorded({"BTC": hours(0, 100, 60_000), "ETH": bars}, {}), step=False)
    assert ran_through.replay.stepping == why
