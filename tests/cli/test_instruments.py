"""Which contract does `hedgebot instruments` recommend, what of, and what does it say where nothing can be known?"""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from tests.cli.desk import Desk
from tests.cli.forks import Forks
from tests.cli.venue_desk import VenueDesk, serving
from tests.venues.test_cross_at_a_venue import BTC, HOUR, SOL, hours

D = Decimal


@pytest.fixture(scope="module")
def loaded() -> Iterator[Forks]:
    with closing(Forks("ccxt.async_support", "bot.wiring.offers", "adapters.exchanges.ccxt_open", "numpy")) as process:
        yield process


@pytest.fixture
def desk_at(tmp_path: Path, loaded: Forks) -> Iterator[VenueDesk]:
    with serving("bybit") as server:
        hours(server, SOL, 1.5, noise=0.004)
        settle(server.core.funding_rates)
        desk = VenueDesk(tmp_path, loaded, server)
        path = desk.folder / "hedge.yaml"
        hedges = "hedges: {SOL: {cross: {with: BTC}}}"
        kept = [line for line in path.read_text("utf-8").splitlines() if not line.startswith(("bag:", "hedges:"))]
        path.write_text("\n".join((*kept, "bag: {SOL: {coins: 1000}}", hedges, "")), "utf-8")
        yield desk


def settle(rates: dict[str, list[tuple[int, Decimal]]]) -> None:
    """A hundred settlements of 8 hours: a short of BTC receives 10.95 % a year, one of SOL pays 1.095 %."""
    now_ms = SystemClock().now_ms()
    last = now_ms - now_ms % (8 * HOUR)
    for symbol, rate in ((BTC, "0.0001"), (SOL, "-0.00001")):
        rates[symbol] = [(last - n * 8 * HOUR, D(rate)) for n in range(100, -1, -1)]


def by_name(said: Any) -> dict[str, Any]:
    return {one["instrument"]: one for one in said["contracts"]}


def test_on_paper_the_own_inverse_contract_comes_first_and_nothing_is_left_behind(desk: Desk) -> None:
    desk.write()
    said = desk.json("instruments", "BTC")
    assert [(one["rank"], one["instrument"], one["kind"], one["verdict"]) for one in said["contracts"]] == [
        (1, "BTC/USD:BTC", "own inverse", "best"),
        (2, "BTC/USDT:USDT", "own linear", "possible"),
        (None, "ETH/USD:ETH", "cross", "not listed"),
    ]
    best = said["contracts"][0]
    assert {name: best["bps_per_year"][name] for name in ("fees", "spread", "left_open")} == {"fees": "10", "spread": "2", "left_open": "0"}
    assert (said["usd_why"], said["configured"]) == ("1 of bag.BTC.coins", "BTC/USD:BTC")
    assert abs(D(said["usd"]) - 120_000) < 1_200  # at the price of now, which walks on while the command starts
    assert "its funding is taken at the rate of now (no funding settlement is known)" in best["why"]
    assert sorted(path.name for path in desk.folder.iterdir()) == ["hedge.yaml"]


def test_a_person_reads_what_each_costs_and_why_it_stands_there(desk: Desk) -> None:
    desk.write()
    shown = desk.good("instruments", "BTC", "--usd", "5000000", "--days", "30").out
    assert max(map(len, shown.splitlines())) <= 80
    assert "BTC on the paper exchange: 5,000,000 USD (--usd) hedged for 30 days" in shown
    assert "1. BTC/USD:BTC (own inverse) best: " in shown
    assert "5000000 USD: the rest is an estimate" in " ".join(shown.split())
    assert "–  ETH/USD:ETH (cross) not listed: " in shown


def test_without_any_contract_it_says_so_and_asks_for_attention(desk: Desk) -> None:
    desk.write()
    answer = desk.hb("instruments", "XRP")
    assert answer.code == 3
    assert "XRP/USD:XRP (own inverse) not listed" in answer.out
    assert "BTC/USD:BTC (cross) unknown: its β: no closed candle of XRP is known" in " ".join(answer.out.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("btc",), "'btc' is not the name of an asset"),
        (("BTC", "--with", "e/t"), "'e/t' is not the name of an asset"),
        (("BTC", "--usd", "0"), "--usd 0: is not a number above zero"),
        (("BTC", "--days", "x"), "--days x: is not a number above zero"),
        (("BTC", "--lookback", "-1"), "--lookback -1: is not a number above zero"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: tuple[str, ...], said: str, desk: Desk) -> None:
    desk.write()
    answer = desk.hb("instruments", *words)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


@pytest.mark.parametrize("keyless", [False, True], ids=["with a key", "without a key"])
def test_at_a_venue_real_books_funding_and_candles_decide_and_only_reads_are_sent(keyless: bool, desk_at: VenueDesk) -> None:
    if keyless:
        desk_at.keys = {}
    said = desk_at.json("instruments", "SOL")
    rows = by_name(said)
    assert (rows[SOL]["rank"], rows[BTC]["rank"]) == (1, 2)
    assert rows["SOL/USD:SOL"]["verdict"] == "not listed"
    assert rows["ETH/USD:ETH"]["verdict"] == "unknown"
    assert D(rows[SOL]["bps_per_year"]["funding"]) == D("109.5")
    beta = D(rows[BTC]["beta"])
    assert float(beta) == pytest.approx(1.5, abs=0.02)
    assert float(rows[BTC]["bps_per_year"]["funding"]) == pytest.approx(float(-1095 * beta), abs=0.01)
    left = 1.5 * float(rows[BTC]["residual_volatility"]) ** 2 * 10_000
    assert float(rows[BTC]["bps_per_year"]["left_open"]) == pytest.approx(left, abs=0.02)
    assert "bp a year more than SOL/USDT:USDT" in rows[BTC]["why"]
    assert "recorded only at bybit: `venue.untested_ok: true` arms them" in rows[SOL]["why"]
    assert (said["usd"], said["usd_why"]) == ("150000", "1 of bag.SOL.coins")
    assert desk_at.changed_nothing()


def test_a_link_that_is_too_loose_is_refused_with_its_r_squared(desk_at: VenueDesk) -> None:
    hours(desk_at.server, SOL, 1.5, noise=0.05)
    row = by_name(desk_at.json("instruments", "SOL"))[BTC]
    assert (row["verdict"], row["rank"]) == ("refused", None)
    assert row["why"].startswith("its β is refused: R² 0.")


def test_five_candles_give_no_beta(desk_at: VenueDesk) -> None:
    hours(desk_at.server, SOL, 1.5, count=5)
    row = by_name(desk_at.json("instruments", "SOL"))[BTC]
    assert (row["verdict"], row["why"]) == ("refused", "its β is refused: it rests on 4 returns, and at least 30 are needed")


def test_a_book_that_cannot_be_read_is_not_a_deep_one(desk_at: VenueDesk) -> None:
    desk_at.server.faults.add("html", "public-book", count=99)
    row = by_name(desk_at.json("instruments", "SOL"))[SOL]
    assert row["bps_per_year"]["depth"] is None
    assert row["bps_per_year"]["total"] is None
    assert row["why"].startswith("what it costs is not known whole: depth; depth: ")
