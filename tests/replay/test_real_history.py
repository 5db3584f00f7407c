"""Does the hedge hold on prices that really happened?"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.history import instant_ms
from bot.core.events import CommandGiven
from bot.replay import Replay
from bot.settings import load
from bot.wiring.past import History, replay
from tests.replay.data import data, needs_data

pytestmark = needs_data
DERIBIT = "deribit-btc-index-funding-1h-2019-2021.csv"


@dataclass(frozen=True)
class Window:
    prices: str
    rates: str
    since: str | None
    until: str | None

    def history(self) -> History:
        return History(
            bars={"BTC": data(self.prices)},
            rates={"BTC": data(self.rates)},
            from_ms=instant_ms(self.since) if self.since else None,
            to_ms=instant_ms(self.until) if self.until else None,
        )


MARCH_2020 = Window(DERIBIT, DERIBIT, "2020-03-01", "2020-04-01")
NOVEMBER_2018 = Window("xbtusd-inverse-1m-2018-11.csv", "xbtusd-inverse-funding-8h-2018-2020.csv", None, None)
NOVEMBER_2022 = Window("btc-1h-2020-2023.csv", "btc-funding-8h-2020-2023.csv", "2022-11-01", "2022-12-01")
WINDOWS = [
    pytest.param(MARCH_2020, id="deribit-march-2020"),
    pytest.param(NOVEMBER_2018, id="bitmex-november-2018"),
    pytest.param(NOVEMBER_2022, id="binance-november-2022"),
]


async def driven(window: Window, bag: str, collateral: str, ratio: str, *commands: CommandGiven, **flags: str) -> tuple[Replay, dict]:
    settings = load(
        None,
        {},
        {"mode": "live", "bag.BTC.coins": bag, "paper.collateral.BTC": collateral, "hedges.BTC.ratio": ratio, **flags},
    )
    run = await replay(settings, window.history(), commands)
    return run, await run.run()


def amount(answer: dict, name: str) -> Decimal:
    return Decimal(answer[name])


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(("bag", "collateral"), [("0", "10"), ("2", "3")])
async def test_a_full_hedge_keeps_its_value_but_for_funding_and_fees(window, bag, collateral):
    _, answer = await driven(window, bag, collateral, "1.0")
    start = amount(answer, "value_start_usd")
    kept = start + amount(answer, "funding_usd") - amount(answer, "fees_usd")
    assert abs(amount(answer, "value_end_usd") - kept) <= start * Decimal("0.005")
    assert amount(answer, "hedge_error_max_bps") <= 50
    assert answer["fills"] > 0
    assert not answer["liquidated"]
    assert amount(answer, "unhedged_value_end_usd") < start * Decimal("0.9")  # the history is a crash: there was something to protect


@pytest.mark.parametrize("window", [MARCH_2020, NOVEMBER_2022])
async def test_a_ratio_of_zero_places_nothing_and_equals_the_unhedged_bag(window):
    _, answer = await driven(window, "2", "3", "0")
    assert answer["orders"] == answer["fills"] == 0
    assert answer["value_end_usd"] == answer["unhedged_value_end_usd"]
    assert answer["fees_usd"] == answer["funding_usd"] == "0"


async def test_unwinding_midway_ends_flat_and_keeps_what_was_protected_until_then():
    midway = instant_ms("2022-11-15")
    word = CommandGiven("target-set", "test", midway, asset="BTC", ratio=Decimal(0))
    run, answer = await driven(NOVEMBER_2022, "2", "3", "1.0", word)
    (view,) = run.engine.seen.views
    assert view.position.contracts == 0
    assert answer["fills"] >= 2
    assert run.engine.state.legs[0].contracts == 0
    assert amount(answer, "value_end_usd") > amount(answer, "unhedged_value_end_usd")


@pytest.mark.parametrize("basis", ["coins", "value"])
async def test_a_half_hedge_ends_between_the_whole_and_none(basis):
    _, half = await driven(NOVEMBER_2022, "2", "3", "0.5", **{"hedges.BTC.basis": basis})
    _, whole = await driven(NOVEMBER_2022, "2", "3", "1.0")
    assert amount(half, "unhedged_value_end_usd") < amount(half, "value_end_usd") < amount(whole, "value_end_usd")
    assert amount(half, "hedge_error_max_bps") <= (200 if basis == "value" else 100)  # a value band lets it breathe


async def test_the_same_replay_twice_gives_the_same_answer():
    _, first = await driven(NOVEMBER_2022, "2", "3", "0.7")
    _, second = await driven(NOVEMBER_2022, "2", "3", "0.7")
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


async def test_three_assets_are_replayed_together():
    settings = load(
        None,
        {},
        {
            "mode": "live",
            **{f"bag.{asset}.coins": coins for asset, coins in (("BTC", "2"), ("ETH", "20"), ("SOL", "300"))},
            **{f"paper.collateral.{asset}": coins for asset, coins in (("BTC", "3"), ("ETH", "30"), ("SOL", "500"))},
            **{f"hedges.{asset}.ratio": "1.0" for asset in ("BTC", "ETH", "SOL")},
            **{f"paper.price.{asset}": "1" for asset in ("BTC", "ETH", "SOL")},
        },
    )
    files = {asset: data(f"{asset.lower()}-spot-5m-2022-11.csv") for asset in ("BTC", "ETH", "SOL")}
    history = History(bars=files, rates={}, from_ms=instant_ms("2022-11-07"), to_ms=instant_ms("2022-11-10"))
    answer = await (await replay(settings, history)).run()
    start = amount(answer, "value_start_usd")
    assert abs(amount(answer, "value_end_usd") - start + amount(answer, "fees_usd")) <= start * Decimal("0.005")
    assert amount(answer, "unhedged_value_end_usd") < start * Decimal("0.8")
    assert answer["steps"] == 3 * 864


def test_every_price_file_of_the_data_folder_is_read():
    from adapters.history import read_bars, read_rates

    for path in sorted(Path(data("")).glob("*.csv")):
        if "bybit" in path.name:
            continue  # three contracts in one file
        if "funding" not in path.name or "index" in path.name:
            bars = read_bars(path, allow_gaps=True)
            assert all(bar.low <= min(bar.open, bar.close) <= bar.high for bar in bars)
        if "funding" in path.name:
            assert read_rates(path, allow_gaps=True)
