"""What does `hedgebot correlations` say of real prices, and is it what pandas says? And what does it refuse?"""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.cli_exit import Wrong
from bot.ports import Misconfigured
from bot.wiring.markets import candles_of_venue
from tests.replay.data import data, needs_data
from tests.venues.test_cross_at_a_venue import SOL, at, hours, settings_for

FILES = {"BTC": "btc-1h-2020-2023.csv", "ETH": "eth-1h-2020-2023.csv", "SOL": "sol-1h-2020-2023.csv"}


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, ["correlations", *words], catch_exceptions=False)


def files() -> list[str]:
    return [word for asset, name in FILES.items() for word in ("--prices", f"{asset}={data(name)}")]


@needs_data
@pytest.mark.parametrize("half_life", [None, "60"], ids=["ols", "ewma"])
def test_every_figure_is_what_pandas_computes(half_life: str | None) -> None:
    weight = [] if half_life is None else ["--half-life", half_life]
    told = json.loads(typed(*files(), "--to", "2022-11-15", "--candle", "4h", "--lookback", "180", *weight, "--json").stdout)
    read = [pd.read_csv(data(name), parse_dates=["timestamp"], index_col="timestamp")["close"] for name in FILES.values()]
    closes = pd.concat(read, axis=1, keys=list(FILES)).dropna()[:"2022-11-14"].resample("4h").last()
    logs = np.log(closes).diff().iloc[-180:]
    by = logs if half_life is None else logs.ewm(halflife=float(half_life))
    cov = by.cov() if half_life is None else by.cov(bias=True).loc[logs.index[-1]]
    assert (told["returns"], told["as_of"]) == (180, "2022-11-15T00:00:00.000Z")
    for asset in FILES:
        assert float(told["volatility"][asset]) == pytest.approx(np.sqrt(cov.loc[asset, asset] * 365 * 6), abs=2e-6)
        for other in FILES:
            rho = cov.loc[asset, other] / np.sqrt(cov.loc[asset, asset] * cov.loc[other, other])
            assert float(told["correlations"][asset][other]) == pytest.approx(rho, abs=2e-6)
    for pair in told["pairs"]:
        y, x = pair["asset"], pair["with"]
        explained = cov.loc[y, x] ** 2 / cov.loc[x, x] / cov.loc[y, y]
        assert float(pair["beta"]) == pytest.approx(cov.loc[y, x] / cov.loc[x, x], abs=2e-6)
        assert float(pair["r_squared"]) == pytest.approx(explained, abs=2e-6)
        assert float(pair["residual_volatility"]) == pytest.approx(np.sqrt(cov.loc[y, y] * 365 * 6 * (1 - explained)), abs=5e-6)
        assert (pair["good_enough"], pair["why"]) == ((True, "") if explained >= 0.5 else (False, "R² below 0.5"))


@needs_data
def test_a_person_reads_a_matrix_and_what_each_hedge_would_leave_and_sees_it_as_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "matrix.svg"
    said = typed(*files(), "--to", "2022-11-15", "--picture", str(picture))
    assert "720 returns of 1h, up to 2022-11-15 00:00 UTC, from files" in said.stdout
    assert "SOL with BTC  2.0245  0.4686      142.5 %  no: R² below 0.5" in said.stdout
    root = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("0.68") == 4
    assert "β 2.02, R² 0.47" in texts


@needs_data
def test_five_candles_are_too_few_and_it_says_so() -> None:
    said = typed(*files(), "--from", "2022-11-08T00:00Z", "--to", "2022-11-08T05:00Z")
    assert said.stdout.count("no: 4 returns, 30 are needed") == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--prices", "BTC=x.csv", "--candle", "2h"), "--candle 2h: write one of 1h, 4h, 1d"),
        (("--prices", "BTC=x.csv", "--lookback", "5"), "--lookback 5: fewer than 30 returns tell nothing"),
        (("--prices", "BTC=x.csv", "--half-life", "0"), "--half-life 0: is not a number above zero"),
        (("--prices", "BTC=x.csv", "--half-life", "x"), "--half-life x: is not a number above zero"),
        (("--from", "2022-01-01"), "--from and --to cut files"),
        (("--prices", "BTC="), "nothing follows the equals sign"),
        (("--prices", "BTC=x.csv", "--asset", "SOL"), "--asset SOL: is of a venue, and prices are of files here: give --prices SOL=FILE"),
        (("--prices", "BTC=x.csv", "--from", "2022-01-02", "--to", "2022-01-01"), "--from 2022-01-02: does not come before --to"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(Wrong, match=said.replace("(", r"\(")):
        typed(*words)


@needs_data
def test_one_asset_alone_and_a_picture_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Wrong, match="has nothing to move with"):
        typed("--prices", f"BTC={data(FILES['BTC'])}", "--from", "2022-11-01", "--to", "2022-11-09")
    with pytest.raises(Wrong, match=r"a picture ends in \.svg or \.png"):
        typed(*files(), "--from", "2022-11-01", "--to", "2022-11-09", "--picture", str(tmp_path / "matrix.gif"))


def test_bars_that_are_longer_than_the_candles_are_refused_with_their_asset(tmp_path: Path) -> None:
    for name, step in (("fine", 1), ("coarse", 4)):
        rows = "".join(f"{1_704_067_200 + place * step * 3600},100\n" for place in range(9))
        (tmp_path / f"{name}.csv").write_text(f"timestamp,price\n{rows}")
    with pytest.raises(Misconfigured, match=r"prices of SOL: bars of 240 minutes make no candles of 60: .*--candle"):
        typed("--prices", f"BTC={tmp_path / 'fine.csv'}", "--prices", f"SOL={tmp_path / 'coarse.csv'}")


async def test_a_venues_own_candles_are_read_and_nothing_is_signed(tmp_path: Path) -> None:
    async with at("bybit") as server:
        hours(server, SOL, 1.5)
        source, found = await candles_of_venue(settings_for(server, tmp_path), ("SOL", "BTC"), 3_600_000, 61)
        assert source == "Bybit"
        assert {asset: len(candles) for asset, candles in found.items()} == {"SOL": 63, "BTC": 63}
        assert server.changes == []
