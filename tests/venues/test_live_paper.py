"""Does the paper exchange follow a venue's public prices, and make none up when there are none?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.exchanges.live_feed import LiveFeed, LivePaper
from adapters.exchanges.paper_contracts import listed
from bot.core.decision import Decision
from bot.core.model import Quote
from bot.ports import NotSent
from bot.settings import load
from bot.wiring.start import Wired, wired
from tests.contract.driver import D
from tests.venue_server import VenueServer, serve

BTC = "BTC/USD:BTC"
VENUES = ["binancecoinm", "bybit", "deribit", "krakenfutures", "okx"]
HOUR_MS = 3_600_000
CONFIG = """\
version: 1
mode: live
paper: {{feed: "live:{venue}", base_url: "{url}", url: "sqlite:///{folder}/paper.db", collateral: {{BTC: 3}}}}
bag: {{BTC: {{coins: 2}}}}
hedges: {{BTC: {{ratio: 1.0}}}}
risk: {{max_data_age_seconds: {age}}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
"""


@asynccontextmanager
async def hedging(server: VenueServer, folder: Path, *, url: str = "", age: str = "15") -> AsyncIterator[Wired]:
    config = folder / "hedge.yaml"
    config.write_text(CONFIG.format(venue=server.venue, url=url or server.base_url, folder=folder, age=age), "utf-8")
    async with wired(load(config, {}, {}), live_flag=True) as bot:
        yield bot


@pytest.fixture
async def server() -> AsyncIterator[VenueServer]:
    async with serve("bybit", environment="production") as served:
        yield served


async def turned(bot: Wired) -> Decision:
    decision = await bot.engine.turn()
    assert decision is not None
    return decision


def quote(bot: Wired) -> Quote:
    assert bot.engine.seen is not None
    shown = bot.engine.seen.views[0].quote
    assert shown is not None
    return shown


@pytest.mark.parametrize("venue", VENUES)
async def test_a_move_at_the_venue_moves_the_paper_book(venue: str, tmp_path: Path) -> None:
    async with serve(venue, environment="production") as server, hedging(server, tmp_path) as bot:
        await turned(bot)
        first = quote(bot)
        assert (first.mark, first.index, first.funding_rate is None) == (60_000, 60_000, False)
        assert first.bid < 60_000 < first.ask
        server.core.set_price(BTC, 48_000, bid=47_999, ask=48_001, index=48_010)
        await turned(bot)
        moved = quote(bot)
        assert (moved.mark, moved.index, moved.bid, moved.ask) == (48_000, 48_010, 47_999, 48_001)
        assert not [row.path for row in server.log if not row.endpoint.startswith("public")]  # and no key was needed


async def test_the_first_price_is_the_venues_and_a_hedge_is_opened_at_it(server: VenueServer, tmp_path: Path) -> None:
    server.core.set_price(BTC, 40_000)
    async with hedging(server, tmp_path) as bot:
        assert isinstance(bot.engine.parts.exchange, LivePaper)
        assert bot.engine.parts.exchange.paper.opened.anchors["BTC"].price == 40_000
        await turned(bot)
        decision = await turned(bot)
        assert decision.legs[0].target_usd == 5 * 40_000  # bag and collateral, at the venue's price
        assert decision.orders
        server.core.set_price(BTC, 41_000)  # through our offer
        await turned(bot)
        assert bot.engine.seen is not None
        position = bot.engine.seen.views[0].position
        assert position is not None
        assert position.contracts < 0
        fills = bot.engine.seen.views[0].fills
        assert fills
        assert 40_000 <= fills[0].price < 40_010


async def test_without_the_venue_the_price_goes_stale_and_nothing_is_ordered(server: VenueServer, tmp_path: Path) -> None:
    async with hedging(server, tmp_path, age="0.3") as bot:
        await turned(bot)
        before = quote(bot)
        server.faults.add("status", "public", count=1000, status=503)
        await bot.engine.parts.clock.sleep_ms(400)
        decision = await turned(bot)
        assert quote(bot) == before
        assert not decision.orders
        assert not decision.legs[0].aligned
        assert "stale" in " ".join([*decision.legs[0].missing, *decision.reason])
        assert any("Bybit" in text and "the last price stands" in text for text in bot.engine.seen.views[0].errors)  # type: ignore[union-attr]
        assert "the last price stands" in bot.engine.health().venue.why


async def test_no_price_no_start(server: VenueServer, tmp_path: Path) -> None:
    server.faults.add("status", "public", count=1000, status=503)
    with pytest.raises(NotSent, match="Bybit"):
        async with hedging(server, tmp_path):
            pass
    assert not (tmp_path / "paper.db").exists()


async def test_a_price_that_cannot_be_meant_is_no_start_either(server: VenueServer, tmp_path: Path) -> None:
    server.core.quotes[BTC].bid = D(0)
    with pytest.raises(NotSent, match="shows no price"):
        async with hedging(server, tmp_path):
            pass
    assert not (tmp_path / "paper.db").exists()


async def test_the_book_is_still_there_after_a_restart(server: VenueServer, tmp_path: Path) -> None:
    async with hedging(server, tmp_path) as bot:
        await turned(bot)
        await turned(bot)
        server.core.set_price(BTC, 61_000)
        await turned(bot)
        assert bot.engine.seen is not None
        held = bot.engine.seen.views[0].position
        assert held is not None
        assert held.contracts < 0
    server.core.set_price(BTC, 30_000)
    async with hedging(server, tmp_path) as bot:
        await turned(bot)
        assert bot.engine.seen is not None
        after = bot.engine.seen.views[0].position
        assert after is not None
        assert after.contracts == held.contracts
        assert quote(bot).mark == 30_000


# ------------------------------------------------------------------------------------------------------------------ what is heard


def heard(rate: str | None, *, bid: str = "59999.93", ask: str = "60000.01") -> Quote:
    return Quote(BTC, D(60_000), D(60_000), D(bid), D(ask), None if rate is None else Decimal(rate), 1)


def test_best_prices_are_rounded_outwards_to_the_paper_tick() -> None:
    spec, feed = listed({"BTC": D(60_000)})[BTC], LiveFeed(D(2))
    assert feed.of(spec, D(60_000)) == (D("59994.0"), D("60006.0"))  # before anything was heard, half the configured spread to each side
    feed.hear(spec, heard("0.0001"), 1)
    assert feed.of(spec, D(60_000)) == (D("59999.9"), D("60000.1"))
    shown = feed.shown(spec)
    assert shown is not None
    assert (shown.bid, shown.ask, shown.at_ms) == (D("59999.9"), D("60000.1"), 1)


def test_a_print_is_heard_once_and_only_the_last_one() -> None:
    spec, feed = listed({"BTC": D(60_000)})[BTC], LiveFeed(D(2))
    feed.hear(spec, heard(None), 1_000)
    feed.hear(spec, heard(None), 2_000)
    assert [one.at_ms for one in feed.prints(0, 5_000)] == [2_000]
    assert [one.at_ms for one in feed.prints(1_999, 2_000)] == [2_000]
    assert not feed.prints(2_000, 5_000)
    assert not feed.prints(0, 1_999)


@pytest.mark.parametrize(
    ("settles_at_ms", "rate"),
    [
        (8 * HOUR_MS, "0.0001"),  # read before it, within its interval
        (16 * HOUR_MS, None),  # the last rate read is of another interval
        (1 * HOUR_MS, None),  # nothing was read yet
        (1 * HOUR_MS + 1, "0.0001"),
        (9 * HOUR_MS, "0.0001"),
        (9 * HOUR_MS + 1, None),
    ],
)
def test_funding_settles_only_at_a_rate_that_was_read(settles_at_ms: int, rate: str | None) -> None:
    spec, feed = listed({"BTC": D(60_000)})[BTC], LiveFeed(D(2))
    feed.hear(spec, heard("0.0001"), HOUR_MS)
    feed.hear(spec, heard("0.0005"), 20 * HOUR_MS)
    assert feed.funding_rate("BTC", settles_at_ms) == (None if rate is None else Decimal(rate))


def test_funding_settles_at_the_rate_that_was_read_last() -> None:
    spec, feed = listed({"BTC": D(60_000)})[BTC], LiveFeed(D(2))
    feed.hear(spec, heard("0.0001"), HOUR_MS)
    feed.hear(spec, heard("0.0005"), 2 * HOUR_MS)
    assert feed.funding_rate("BTC", 8 * HOUR_MS) == Decimal("0.0005")


def test_a_rate_of_an_hour_counts_for_the_paper_exchanges_eight_and_is_shown_so() -> None:
    spec, feed = listed({"BTC": D(60_000)})[BTC], LiveFeed(D(2))
    feed.hear(replace(spec, funding_interval_hours=1), heard("0.00001"), HOUR_MS)
    assert feed.funding_rate("BTC", 8 * HOUR_MS) == Decimal("0.00008")
    shown = feed.shown(spec)
    assert shown is not None
    assert shown.funding_rate == Decimal("0.00008")
