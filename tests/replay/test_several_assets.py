"""What does a replay of several assets count, where their prices differ in length, in their ends, or are missing?"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("numpy")

from bot.cli_exit import Wrong
from bot.cli_grid import grid_of
from bot.cli_replay import Asked, fitted, history_of, replayed
from bot.cli_replay_table import summary
from bot.cli_sweep import jobs_of
from bot.jumping.unhedged import unhedged
from bot.wiring.past import recorded, replay

HOUR = 3600
BEGAN = 1_704_067_200  # 2024-01-01
PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 100.0}
Write = Callable[..., str]


@pytest.fixture
def prices(tmp_path: Path) -> Write:
    """`ASSET=FILE` of bars of so many hours; the same walk whatever their length."""

    def write(asset: str, hours: int = 1, count: int = 96, first: int = 0) -> str:
        chance, price, walk = Random(asset), PRICES[asset], []
        for _ in range(count):
            close = price * (1 + chance.gauss(0, 0.01))
            walk.append((price, max(price, close) * 1.004, min(price, close) * 0.996, close))
            price = close
        bars = [walk[at : at + hours] for at in range(0, count, hours)]
        rows = [
            f"{BEGAN + place * hours * HOUR},{bar[0][0]},{max(one[1] for one in bar)},{min(one[2] for one in bar)},{bar[-1][3]}\n"
            for place, bar in enumerate(bars)
        ][first:]
        file = tmp_path / f"{asset}-{hours}-{count}-{first}.csv"
        file.write_text("timestamp,open,high,low,close\n" + "".join(rows))
        return f"{asset}={file}"

    return write


def asked(files: list[str], **more: Any) -> Asked:
    return replace(Asked(files, (), ["BTC=1"], ["BTC=2"], (), None, None, None, False, (), None, ()), **more)


@pytest.mark.parametrize(
    "files",
    [
        [("BTC",)],
        [("BTC", 4)],
        [("BTC",), ("ETH",)],
        [("BTC",), ("ETH", 4), ("SOL", 24)],
        [("BTC", 1, 60), ("ETH", 4, 96, 9), ("SOL", 1, 96, 70)],
    ],
    ids=["one asset", "long bars", "two alike", "other lengths", "other beginnings and ends"],
)
def test_never_hedged_is_looked_at_when_the_hedge_is(prices: Write, files: list[tuple[Any, ...]]) -> None:
    """A crash within a bar that the hedged value is not asked about would make any hedge look better."""
    assets = [one[0] for one in files]
    held = [f"{asset}=2" for asset in assets]
    typed = asked([prices(*one) for one in files], bag=held, collateral=held, ratio=[f"{asset}=0" for asset in assets])
    read = recorded(history_of(typed))
    run = asyncio.run(replay(fitted(typed, read)[0], read))
    hedged = asyncio.run(run.run())
    worth, least = unhedged(read.bars, read.columns, dict.fromkeys(assets, Decimal(4)), Decimal(0))
    assert worth == Decimal(str(hedged["value_end_usd"]))
    assert least == pytest.approx(Decimal(str(hedged["value_min_usd"])), abs=Decimal("0.00001"))
    assert least < worth


REDUCED = re.compile(r"<td>variance taken away \((hourly|daily) returns\)</td><td>(-?[0-9.]+)%</td>")


@pytest.mark.parametrize(
    ("mixed", "alike"),
    [
        (("BTC", "SOL", 4), (("BTC", 4), ("SOL", 4))),
        (("BTC", "SOL", 1, 60), (("BTC", 1, 60), ("SOL", 1, 60))),
    ],
    ids=["other bars", "an end before the other's"],
)
def test_what_a_cross_hedge_took_away_is_told_of_moments_at_which_both_have_a_new_price(
    prices: Write, tmp_path: Path, mixed: tuple[Any, ...], alike: tuple[Any, ...]
) -> None:
    hedge, *carried = mixed
    typed = {"bag": ["BTC=0", "SOL=3000"], "collateral": ["BTC=8"], "crosses": ["SOL=BTC:beta=1.2"], "report": tmp_path / "out.html"}
    said = replayed(asked([prices(hedge), prices(*carried)], **typed))
    page = REDUCED.findall(typed["report"].read_text("utf-8"))
    both = replayed(asked([prices(*one) for one in alike], **typed))
    assert said["effectiveness"] == both["effectiveness"]
    assert float(said["variance_reduction"]) == pytest.approx(float(both["variance_reduction"]), abs=0.02)  # other fills
    ((every, share),) = page
    ((same, other),) = REDUCED.findall(typed["report"].read_text("utf-8"))
    assert every == same
    assert float(share) == pytest.approx(float(other), abs=2)


def test_bars_that_never_end_together_tell_nothing_of_what_a_cross_hedge_took_away(prices: Write) -> None:
    later = Path(prices("SOL").partition("=")[2])
    head, *rows = later.read_text().splitlines()
    later.write_text("\n".join([head, *(f"{int(row[:10]) + HOUR // 2}{row[10:]}" for row in rows)]) + "\n")
    page = later.with_suffix(".html")
    typed = asked([prices("BTC"), f"SOL={later}"], bag=["BTC=0", "SOL=300"], crosses=["SOL=BTC:beta=1.2"], report=page)
    said = replayed(typed)
    assert (said["effectiveness"], said["variance_reduction"]) == ({"SOL": None}, None)
    assert dict(summary(said))["variance taken away"] == "of SOL –; of everything –"
    assert "<td>variance taken away (hourly returns)</td><td>–</td>" in page.read_text("utf-8")


CONFIG = """\
venue: {name: paper, environment: null}
mode: live
bag: {BTC: {coins: 1}, ETH: {coins: 10}}
paper: {collateral: {BTC: 2, ETH: 10}}
hedges: {BTC: {ratio: 1.0}}
"""


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"collateral": ["BTC=2", "DOGE=5"]}, "--collateral DOGE: there are no prices of DOGE: give --prices DOGE=FILE"),
        ({"policies": ["DOGE=ramp:days=4"]}, "--policy DOGE: there are no prices of DOGE: give --prices DOGE=FILE"),
        ({"crosses": ["DOGE=BTC"]}, "--cross DOGE: there are no prices of DOGE: give --prices DOGE=FILE"),
        ({"crosses": ["BTC=ETH"]}, "--cross ETH: there are no prices of ETH: give --prices ETH=FILE"),
        ({"since": "2024-01-03", "until": "2024-01-02"}, "--from 2024-01-03: does not come before --to 2024-01-02"),
        ({"since": "2024-01-03", "until": "2024-01-03"}, "--from 2024-01-03: does not come before --to 2024-01-03"),
    ],
)
def test_what_was_typed_about_a_coin_without_prices_or_of_no_time_is_refused_in_the_words_of_the_command(
    prices: Write, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(Wrong) as refused:
        replayed(asked([prices("BTC")], **more))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("", "--prices: bag.ETH.coins is 10, and ETH has no prices: give --prices ETH=FILE, or --set bag.ETH.coins=0"),
        ("bag.ETH.coins=0", "--prices: paper.collateral.ETH is 10, and ETH has no prices"),
        ("hedges.ETH.ratio=1", "--prices: ETH is hedged, or hedges another one, and has no prices: give --prices ETH=FILE"),
    ],
)
def test_a_coin_of_the_configuration_without_prices_is_never_counted_as_a_dollar(
    prices: Write, tmp_path: Path, more: str, words: str
) -> None:
    file = tmp_path / "hedge.yaml"
    file.write_text(CONFIG)
    with pytest.raises(Wrong) as refused:
        replayed(asked([prices("BTC")], bag=(), collateral=(), config=file, sets=[more] if more else []))
    assert words in str(refused.value)
    without = replayed(asked([prices("BTC")], bag=(), collateral=(), config=file, sets=["bag.ETH.coins=0", "paper.collateral.ETH=0"]))
    plain = replayed(asked([prices("BTC")]))
    assert without["unhedged_value_end_usd"] == plain["unhedged_value_end_usd"]


@pytest.mark.parametrize(
    ("funded", "more", "said"),
    [
        (("BTC",), {}, ["note: funding of ETH and SOL is not given: none is counted"]),
        (("BTC", "ETH", "SOL"), {}, []),
        ((), {}, []),
        (("BTC", "ETH"), {"crosses": ["SOL=BTC:beta=1"], "collateral": ["BTC=2", "ETH=2"]}, []),
    ],
    ids=["one of three", "all", "none", "all contracts"],
)
def test_a_contract_whose_funding_was_forgotten_beside_others_is_named(
    prices: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], funded: tuple[str, ...], more: dict[str, Any], said: list[str]
) -> None:
    rates = tmp_path / "funding.csv"
    rates.write_text("timestamp,rate\n" + "".join(f"{BEGAN + place * 8 * HOUR},0.0001\n" for place in range(13)))
    typed = {"funding": [f"{asset}={rates}" for asset in funded], "collateral": ["BTC=2", "ETH=2", "SOL=2"], **more}
    replayed(asked([prices(asset) for asset in PRICES], **typed))
    assert [line for line in capsys.readouterr().err.splitlines() if "funding" in line] == said
    if funded == ("BTC",):
        grid = tmp_path / "grid.yaml"
        files = {asset: prices(asset).partition("=")[2] for asset in PRICES}
        grid.write_text(json.dumps({"prices": files, "funding": {"BTC": str(rates)}, "collateral": dict.fromkeys(PRICES, 2),
                                    "vary": {"hedges.BTC.ratio": [0.5, 1]}}))  # fmt: skip
        jobs_of(grid_of(grid))
        assert [line for line in capsys.readouterr().err.splitlines() if "funding" in line] == said


def test_a_top_up_moves_what_can_be_posted_and_leaves_a_leg_in_dollars_alone(prices: Write) -> None:
    files, held = [prices("BTC"), prices("ETH")], ["BTC=4", "ETH=20"]
    linear = ["hedges.ETH.instrument=ETH/USDT:USDT"]
    said = replayed(asked(files, bag=held, collateral=["BTC=1", "USDT=90000"], sets=linear, top_up=True))
    assert {one["asset"] for one in said["transfers"]} == {"BTC"}
    assert said["fills"] >= 2


CHART = re.compile(r"<figure><figcaption>(.*?)<span.*?<div class=\"x\"><span>(.*?)</span><span>(.*?)</span></div></figure>")
DOT = re.compile(r"M(-?[0-9.]+) -?[0-9.]+h\.01")


def test_every_chart_spans_the_whole_time_and_shows_every_fill_however_long_a_bar_is_and_whichever_asset_ended(
    prices: Write, tmp_path: Path
) -> None:
    files, page = [prices("BTC"), prices("ETH", 24), prices("SOL", 1, 60)], tmp_path / "out.html"
    said = replayed(asked(files, bag=["BTC=0"], collateral=["BTC=2", "ETH=20", "SOL=500"], report=page))
    assert said["fills"] >= 3  # in the first hour
    text = page.read_text("utf-8")
    charts = CHART.findall(text)
    assert {title.partition(":")[0] for title, *_ in charts} >= {"BTC", "ETH", "SOL", "Value, USD"}
    assert {(began, ended) for _, began, ended in charts} == {("2024-01-01", "2024-01-05")}
    dots = [float(across) for across in DOT.findall(text)]
    assert dots
    assert all(0 <= across <= 800 for across in dots)


def test_a_leg_that_carries_others_is_drawn_without_the_edges_and_the_ratio_of_its_own_coins_alone(prices: Write, tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    alone, both = asked([prices("BTC")], report=page), asked([prices("BTC"), prices("SOL")], bag=["BTC=0", "SOL=300"], report=page)
    replayed(alone)
    assert all(words in page.read_text("utf-8") for words in ("BTC: hedge ratio", ">band<", "BTC: short, USD"))
    replayed(replace(both, crosses=["SOL=BTC:beta=1.2"]))
    text = page.read_text("utf-8")
    assert "BTC: short with SOL that it carries, USD" in text
    assert not any(words in text for words in ("hedge ratio", ">band<"))


def test_an_outage_of_some_hours_or_a_later_beginning_does_not_make_hourly_returns_daily(prices: Write, tmp_path: Path) -> None:
    file, page = Path(prices("SOL").partition("=")[2]), tmp_path / "out.html"
    rows = file.read_text().splitlines(keepends=True)
    file.write_text("".join(rows[:40] + rows[44:]))
    typed = asked([prices("BTC"), f"SOL={file}"], bag=["BTC=0"], collateral=["BTC=2", "SOL=300"], allow_gaps=True, report=page)
    replayed(typed)
    assert [every for every, _ in REDUCED.findall(page.read_text("utf-8"))] == ["hourly"]
    file.write_text("".join(rows[:1] + rows[40:]))  # an asset that begins later
    replayed(typed)
    assert [every for every, _ in REDUCED.findall(page.read_text("utf-8"))] == ["hourly"]
    file.write_text("".join([rows[0], *rows[1::4]]))
    replayed(typed)
    assert [every for every, _ in REDUCED.findall(page.read_text("utf-8"))] == ["daily"]


def test_a_compared_run_that_begins_with_more_says_so_and_one_that_carries_others_has_no_ratio_of_its_own(
    prices: Write, tmp_path: Path
) -> None:
    page = tmp_path / "out.html"
    more = ["more:paper.collateral.SOL=900", "half:hedges.BTC.ratio=0.5", "cross:hedges.SOL.cross.with=BTC,hedges.SOL.cross.beta=1.2"]
    said = replayed(asked([prices("BTC"), prices("SOL")], bag=["BTC=0"], collateral=["BTC=4", "SOL=500"], compare=more, report=page))
    told = dict(summary(said))
    assert told["more"].endswith(" at the start")
    assert "at the start" not in told["half"]
    cells = re.findall(r"<td>(.*?)</td>", page.read_text("utf-8"))
    starts = cells[cells.index("value at the start, USD") + 1 :][:6]
    assert starts == ["290,000", "330,000", "290,000", "290,000", "290,000", "290,000"]  # the last two: unhedged, naive rule
    ratio = re.findall(r"<figcaption>BTC: hedge ratio(.*?)</figcaption>", page.read_text("utf-8"))
    assert [name in ratio[0] for name in (">this<", ">half<", ">cross<")] == [True, True, False]
