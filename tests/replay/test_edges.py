"""What counts where prices and funding do not cover the same time?"""

from decimal import Decimal

import pytest

from adapters.history import instant_ms
from bot.settings import load
from bot.wiring.coverage import uncovered
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


@pytest.mark.parametrize(
    ("bars", "since", "until", "said"),
    [
        ({"BTC": (0, 48), "ETH": (0, 48)}, None, None, []),
        ({"BTC": (0, 48)}, 0, 48, []),
        (
            {"BTC": (0, 48)},
            None,
            47.5,
            ["the window ends 2024-01-02 23:30 within a bar of BTC: the whole bar counts, to 2024-01-03 00:00"],
        ),
        ({"BTC": (0, 48)}, 0, 1, []),  # the other bars of the file tell how long this one is
        (
            {"BTC": (5, 6)},
            None,
            None,
            ["prices of BTC are one bar alone, 2024-01-01 05:00, counted as one minute: two or more would tell their length"],
        ),
        (
            {"BTC": (24, 48)},
            0,
            480,
            [
                "the window begins 2024-01-01 00:00, prices begin 2024-01-02 00:00: the 24 hours before are left out",
                "the window ends 2024-01-21 00:00, prices end 2024-01-03 00:00: the 18 days after are left out",
            ],
        ),
        (
            {"BTC": (0, 48), "ETH": (24, 288)},
            None,
            None,
            [
                "prices of BTC end 2024-01-03 00:00, 10 days before those of ETH: "
                "from then on BTC stands at its last price, without funding",
                "prices of ETH begin 2024-01-02 00:00, 24 hours after those of BTC: until then ETH stands at its first price, "
                "without a hedge",
            ],
        ),
    ],
)
def test_what_prices_do_not_cover_is_said_with_how_it_is_counted(tmp_path, bars, since, until, said):
    files = {asset: tmp_path / f"{asset}.csv" for asset in bars}
    for asset, (begins, ends) in bars.items():
        files[asset].write_text("timestamp,price\n" + "".join(f"{BEGAN + hour * HOUR},100\n" for hour in range(begins, ends)))
    window = [None if hour is None else BEGAN + int(hour * HOUR) for hour in (since, until)]
    assert list(uncovered(recorded(History(files, {}, *window)))) == said
    assert list(uncovered(recorded(History(files, {})).cut(*window))) == said


@pytest.mark.parametrize(
    ("settled", "said"),
    [
        (range(0, 49, 8), []),
        (range(8, 48, 8), []),
        (range(-80, 480, 8), []),
        ([hour + 0.01 for hour in range(0, 49, 8)], []),
        (range(-80, 0, 8), ["funding of BTC has nothing from 2024-01-01 00:00 to 2024-01-03 00:00: none is counted"]),
        (range(80, 120, 8), ["funding of BTC has nothing from 2024-01-01 00:00 to 2024-01-03 00:00: none is counted"]),
        (range(-80, 33, 8), ["funding of BTC ends 2024-01-02 08:00, its prices end 2024-01-03 00:00: none is counted after"]),
        ([*range(0, 24, 8), *range(24, 49, 4)], ["funding of BTC settles every 8 hours, every 4 hours from 2024-01-02 00:00"]),
        ([*range(0, 12), *range(16, 49, 8)], ["funding of BTC settles every hour, every 8 hours from 2024-01-01 11:00"]),
        (
            [*range(0, 9), *range(10, 17, 2), *range(17, 25), *range(26, 33, 2), *range(33, 41), *range(42, 49, 2)],
            [
                "funding of BTC settles every hour, every 2 hours from 2024-01-01 08:00, every hour from 2024-01-01 16:00, "
                "every 2 hours from 2024-01-02 00:00, every hour from 2024-01-02 08:00, and 1 more change"
            ],
        ),
        ([*range(0, 21, 4), *range(28, 49, 8)], ["funding of BTC settles every 4 hours, every 8 hours from 2024-01-01 20:00"]),
        (range(16, 49, 8), ["funding of BTC begins 2024-01-01 16:00, its prices begin 2024-01-01 00:00: none is counted before"]),
    ],
)
def test_what_funding_does_not_cover_is_said(history, settled, said):
    assert list(uncovered(recorded(history(48, list(settled))))) == said
