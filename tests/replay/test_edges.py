"""What counts where prices and funding do not cover the same time?"""

from decimal import Decimal

import pytest

from adapters.history import instant_ms
from bot.settings import load
from bot.wiring.past import History, recorded, replay

pytest.importorskip("numpy")

HOUR = 3_600_000
BEGAN = instant_ms("2024-01-01")
FLAGS = {"mode": "live", "hedges.BTC.ratio": "1.0", "bag.BTC.coins": "2", "paper.collateral.BTC": "3", "risk.max_position_usd": "1000000"}


@pytest.fixture
def history(tmp_path):
    """So many hours of still prices, and funding at these hours."""

    def write(hours: int, settled: list[float], to_hour: int | None = None) -> History:
        prices, funding = tmp_path / "prices.csv", tmp_path / "funding.csv"
        prices.write_text("timestamp,price\n" + "".join(f"{BEGAN + hour * HOUR},60000\n" for hour in range(hours)))
        funding.write_text("timestamp,rate\n" + "".join(f"{int(BEGAN + hour * HOUR)},0.001\n" for hour in settled))
        return History({"BTC": prices}, {"BTC": funding}, to_ms=None if to_hour is None else BEGAN + to_hour * HOUR)

    return write


async def funding_usd(past, step: bool) -> int:
    answer = await (await replay(load(None, {}, FLAGS), past, step=step)).run()
    return round(Decimal(answer["funding_usd"]))


@pytest.mark.parametrize("step", [False, True], ids=["jumping", "stepping"])
async def test_what_settles_as_the_last_bar_ends_belongs_to_whoever_held_until_then_and_nothing_after_it_counts(history, step):
    once = await funding_usd(history(24, [8]), step)
    assert once > 100
    assert await funding_usd(history(24, [8, 16, 24]), step) == pytest.approx(3 * once, rel=0.01)
    assert await funding_usd(history(24, [8, 16, 24, 32, 40]), step) == await funding_usd(history(24, [8, 16, 24]), step)


@pytest.mark.parametrize("step", [False, True], ids=["jumping", "stepping"])
async def test_the_same_bars_get_the_same_funding_whatever_ended_them(history, step):
    settled = [8, 16, 24, 32, 40]
    the_file_ends = await funding_usd(history(24, settled), step)
    assert await funding_usd(history(48, settled, to_hour=24), step) == the_file_ends
    assert await funding_usd(recorded(history(48, settled)).cut(None, BEGAN + 24 * HOUR), step) == the_file_ends
    assert await funding_usd(recorded(history(24, settled)).cut(None, BEGAN + 400 * HOUR), step) == the_file_ends
