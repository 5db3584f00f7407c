"""Does a bot at a venue read price and candles of an asset that it does not trade, and hedge it with another contract? Over the wire."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.ccxt_client import Keys
from adapters.clock import SystemClock, VirtualClock
from adapters.exchanges.ccxt_open import open_venue
from adapters.venue_prices import VenuePrices, priced
from bot.audit.explain import explain
from bot.audit.verify import Verdict, verify
from bot.core.decision import LegPlan
from bot.face import plan_json
from bot.ports import Misconfigured, Priced
from bot.settings import Settings, load
from bot.wiring.choice import chosen
from bot.wiring.start import looking, wired
from tests.venue_server import KEY, PASSPHRASE, SECRET, VenueServer, serve

D = Decimal
HOUR = 3_600_000
BTC, SOL = "BTC/USD:BTC", "SOL/USDT:USDT"
ENVIRONMENT = {"bybit": "testnet", "okx": "demo", "deribit": "testnet", "krakenfutures": "demo"}
MARKET = {"bybit": SOL, "okx": SOL, "deribit": "SOL/USDC:USDC", "krakenfutures": "SOL/USD:USD"}
SECRETS = {"HEDGEBOT__VENUE__API_KEY": KEY, "HEDGEBOT__VENUE__API_SECRET": SECRET, "HEDGEBOT__VENUE__PASSPHRASE": PASSPHRASE}


def settings_for(server: VenueServer, folder: Path, cross: str = "{with: BTC}", coins: str = "1000") -> Settings:
    path = folder / "hedge.yaml"
    path.write_text(
        f"""
mode: live
cycle_seconds: 0.2
venue: {{name: {server.venue}, environment: {ENVIRONMENT[server.venue]}, base_url: "{server.base_url}"}}
bag: {{SOL: {{coins: {coins}}}}}
hedges: {{SOL: {{cross: {cross}}}}}
risk: {{max_leverage: 3, hard_leverage: 4}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
api: {{port: 0}}
""",
        encoding="utf-8",
    )
    return load(path, SECRETS, {})


def hours(server: VenueServer, market: str, beta: float, count: int = 100, noise: float = 0.0) -> None:
    """Closed hours of both markets up to now: returns of one are β times those of the other, but for noise."""
    now_ms = SystemClock().now_ms()
    last = now_ms - now_ms % HOUR
    btc, sol = 60_000.0, 150.0
    rows: dict[str, list[tuple[int, Decimal, Decimal, Decimal, Decimal]]] = {BTC: [], market: []}
    for n in range(count, -1, -1):
        move = 0.01 if (n * 7) % 5 < 2 else -0.006
        btc, sol = btc * (1 + move), sol * (1 + move) ** beta * (1 + noise * (1 if n % 2 else -1))
        for symbol, price in ((BTC, btc), (market, sol)):
            close = D(str(round(price, 6)))
            rows[symbol].append((last - n * HOUR, close, close, close, close))
    server.core.candles |= rows


@asynccontextmanager
async def at(venue: str, **core: Any) -> AsyncIterator[VenueServer]:
    async with serve(venue, environment=ENVIRONMENT[venue], maker_fee=D(0), taker_fee=D(0), **core) as server:
        server.core.deposit("BTC", 5)
        yield server


def only_leg(plan: dict[str, Any]) -> dict[str, Any]:
    (leg,) = plan["legs"]
    assert isinstance(leg, dict)
    return leg


@pytest.mark.parametrize("venue", list(ENVIRONMENT))
async def test_a_price_is_the_middle_of_the_venues_book_and_of_now(venue: str, tmp_path: Path) -> None:
    async with at(venue) as server:
        market = MARKET[venue]
        server.core.set_price(market, 152, bid=151, ask=154)
        clock = SystemClock()
        exchange = open_venue(venue, ENVIRONMENT[venue], Keys(), clock, None, base_url=server.base_url, linear=True, spot=True)
        try:
            settings = await chosen(exchange, settings_for(server, tmp_path))
            assert settings.crosses["SOL"].market == market
            await exchange.connect([BTC])
            prices = VenuePrices(exchange.client, clock, dates_trades=exchange.venue.dates_trades)
            found = await prices.price("SOL", market)
            assert (found.price, found.problem) == (D("152.5"), "")
            assert found.at_ms is not None
            assert abs(found.at_ms - clock.now_ms()) < 5_000
        finally:
            await exchange.close()


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"bid": 99.0, "ask": 101.0, "last": 5.0, "timestamp": 7}, Priced(D(100), 7)),
        ({"bid": 99.0, "ask": 101.0, "timestamp": None}, Priced(D(100), 50)),
        ({"bid": None, "ask": 101.0, "last": 98.5}, Priced(D("98.5"), 50)),
        ({"bid": 0, "ask": 101.0, "last": 98.5}, Priced(D("98.5"), 50)),
        ({"bid": 101.0, "ask": 101.0}, Priced(problem="its book is crossed (101.0 … 101.0)")),
        ({"last": float("nan")}, Priced(problem="the venue shows neither a book nor a last trade")),
        ({"last": "Infinity"}, Priced(problem="the venue shows neither a book nor a last trade")),
        ({"last": -1}, Priced(problem="the venue shows neither a book nor a last trade")),
        ({}, Priced(problem="the venue shows neither a book nor a last trade")),
    ],
)
def test_a_ticker_gives_a_price_or_the_reason_why_not(told: dict[str, object], found: Priced) -> None:
    assert priced(told, 50) == found


@pytest.mark.parametrize("kind", ["html", "empty", "braces", "truncate"])
async def test_an_answer_that_is_none_is_said_and_is_no_price(kind: str) -> None:
    async with at("bybit") as server:
        clock = VirtualClock(SystemClock().now_ms())
        exchange = open_venue("bybit", "testnet", Keys(), clock, None, base_url=server.base_url, linear=True)
        try:
            await exchange.connect([BTC])
            server.faults.add(kind, "public-ticker")  # type: ignore[arg-type]
            found = await VenuePrices(exchange.client, clock).price("SOL", SOL)
            assert found.price is None
            assert found.problem
        finally:
            await exchange.close()


@pytest.mark.parametrize(
    ("cross", "words"),
    [
        ("{with: BTC, market: SOL/USD:SOL}", "Bybit lists no SOL/USD:SOL here (of SOL: SOL/USDT:USDT); nothing was sent"),
        ("{with: DOGE}", "DOGE/USD:DOGE is not listed"),
    ],
)
async def test_a_market_or_a_contract_that_is_not_listed_is_refused_at_the_start(cross: str, words: str, tmp_path: Path) -> None:
    async with at("bybit") as server:
        with pytest.raises(Misconfigured) as refused:
            async with looking(settings_for(server, tmp_path, cross)):
                pass
        assert words in str(refused.value)


async def test_the_whole_bot_hedges_it_with_beta_of_real_candles_and_the_record_verifies(tmp_path: Path) -> None:
    async with at("bybit") as server:
        hours(server, SOL, 1.5)
        settings = settings_for(server, tmp_path)
        async with looking(settings) as engine:
            await engine.turn()
            await engine.turn()
            leg = only_leg(plan_json(engine.status()))
        (sol,) = leg["crosses"]
        assert (sol["asset"], sol["coins"], sol["price"]) == ("SOL", "1000", "150")
        assert float(sol["beta"]) == pytest.approx(1.5, abs=0.001)
        assert float(sol["r_squared"]) > 0.999
        assert float(leg["target_usd"]) == pytest.approx(5 * 60_000 + 1.5 * 150_000, rel=0.001)
        assert not server.asked("place")
        async with wired(settings, live_flag=True) as bot:
            for _ in range(3):
                decision = await bot.engine.turn()
            assert decision is not None
            plan: LegPlan = decision.legs[0]
            assert plan.crosses[0].beta == D(sol["beta"])
            assert bot.engine.state.leg("BTC").working is not None
            seen = verify(bot.store)
            assert (seen.verdict, seen.hash_only) == (Verdict.GOOD, 0)
            told = explain(bot.store, str(next(row.seq for row in bot.store.entries() if row.kind == "DecisionMade")))
            shown = bot.metrics.scrape().decode()
        assert "Carries SOL: ratio 1 × β 1.5" in told
        assert 'hedgebot_cross_target_usd{account="main",asset="SOL",hedge="BTC",venue="bybit"} 22' in shown
        (placed,) = server.asked("place")
        assert '"symbol":"BTCUSD"' in placed.body


@pytest.mark.parametrize(
    ("count", "noise", "words"),
    [(6, 0.0, "its β is refused: it rests on 5 returns, and at least 30"), (100, 0.05, "its β is refused: R² 0.")],
)
async def test_a_beta_that_is_not_good_enough_is_refused_and_only_what_is_posted_is_hedged(
    count: int, noise: float, words: str, tmp_path: Path
) -> None:
    async with at("bybit") as server:
        hours(server, SOL, 1.5, count, noise)
        async with looking(settings_for(server, tmp_path)) as engine:
            await engine.turn()
            await engine.turn()
            plan = plan_json(engine.status())
        leg = only_leg(plan)
        assert any(words in what for what in plan["missing"])
        assert leg["target_usd"] is None
        assert leg["orders"][0]["contracts"] == 100_000  # the first piece of 300,000
        assert leg["crosses"][0]["target_usd"] is None


async def test_a_price_that_goes_away_holds_the_hedge_and_says_so(tmp_path: Path) -> None:
    async with at("bybit") as server:
        async with looking(settings_for(server, tmp_path, "{with: BTC, beta: 1.5}")) as engine:
            await engine.turn()
            await engine.turn()
            assert only_leg(plan_json(engine.status()))["target_usd"] == "525000"
            server.core.hold(BTC, -525_000, 60_000)
            server.core.delist(SOL)
            await engine.turn()
            plan = plan_json(engine.status())
        leg = only_leg(plan)
        assert (leg["why"], leg["orders"]) == ("UNKNOWN: what SOL adds, so nothing is bought back", [])
        assert any(what.startswith(f"BTC: SOL: its price: {SOL} could not be read") for what in plan["missing"])


async def test_the_paper_exchange_on_live_prices_reads_them_of_the_same_venue(tmp_path: Path) -> None:
    async with at("bybit") as server:
        hours(server, SOL, 1.2)
        flags = {
            "paper.feed": "live:bybit",
            "paper.base_url": server.base_url,
            "paper.url": f"sqlite:///{tmp_path}/paper.db",
            "audit.url": f"sqlite:///{tmp_path}/hedgebot.db",
            "kill_file": f"{tmp_path}/hedgebot.kill",
            "bag.SOL.coins": "100",
            "hedges.SOL.cross.with": "BTC",
            "paper.collateral.BTC": "3",
        }
        async with looking(load(None, {}, flags)) as engine:
            await engine.turn()
            await engine.turn()
            leg = only_leg(plan_json(engine.status()))
        assert float(leg["crosses"][0]["beta"]) == pytest.approx(1.2, abs=0.001)
        assert leg["crosses"][0]["value_usd"] == "15000"
