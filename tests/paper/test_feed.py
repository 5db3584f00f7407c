"""Do prices and funding arrive by themselves, and the same way every time?"""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from adapters.clock import VirtualClock
from adapters.exchanges.paper_feed import TOP_LEVEL, Anchor, Opened, Print, ScriptedFeed, SyntheticFeed, Walk
from bot.core.model import Side
from tests.paper.trading import BTC, ETH, START_MS, D, held, make, order, view

HOUR_MS = 3_600_000
GOLDEN = [(1, "60012.3"), (2, "60009.6"), (86_400, "62976.9"), (31_536_000, "18030.3")]


def opened(seed: int = 7) -> Opened:
    return Opened(True, seed, START_MS, {"BTC": Anchor(D(60000), START_MS), "ETH": Anchor(D(3000), START_MS)}, {})


def test_the_walk_is_a_function_of_seed_and_time_however_it_is_asked() -> None:
    whole = SyntheticFeed(opened()).prints(START_MS, START_MS + 60_000)
    feed = SyntheticFeed(opened())
    parts = [one for at in range(0, 60_000, 7000) for one in feed.prints(START_MS + at, START_MS + min(at + 7000, 60_000))]
    assert parts == list(whole)
    assert SyntheticFeed(opened(8)).prints(START_MS, START_MS + 60_000) != whole


def test_the_walk_has_the_volatility_it_was_given() -> None:
    prints = SyntheticFeed(opened(), volatility_per_year=D("0.6"), most_prints=10**9).prints(START_MS, START_MS + 4 * HOUR_MS)
    prices = [one.price for one in prints if one.asset == "BTC"]
    moves = [(now / was).ln() for was, now in pairwise(prices)]
    per_year = (sum(move * move for move in moves) / len(moves) * 31_536_000).sqrt()
    assert abs(per_year - D("0.6")) < D("0.03")  # four standard errors of 14,399 moves are 0.014


def test_the_walk_starts_near_its_anchor_and_assets_differ() -> None:
    btc, eth = SyntheticFeed(opened()).prints(START_MS, START_MS + 1000)
    assert (btc.asset, eth.asset) == ("BTC", "ETH")
    assert abs(btc.price - 60000) < 60
    assert abs(eth.price - 3000) < 3
    assert btc.price / 60000 != eth.price / 3000


def test_with_a_hundred_assets_a_price_is_not_walked_from_the_beginning(monkeypatch) -> None:
    feed = SyntheticFeed(Opened(True, 7, START_MS, {f"A{number}": Anchor(D(100), START_MS) for number in range(100)}, {}))
    feed.prints(START_MS, START_MS + 1_000)
    drawn, draw = [], Walk._bell
    monkeypatch.setattr(Walk, "_bell", lambda walk, *of: drawn.append(of) or draw(walk, *of))
    feed.prints(START_MS + 1_000, START_MS + 65_000)
    assert 0 < len(drawn) < 100 * 64 * 2


def test_a_point_of_the_walk_is_the_same_whatever_was_asked_before() -> None:
    chance, walk, far = Random(7), Walk(7, "BTC"), 100 << TOP_LEVEL
    steps = [0, 1, 2, far, far - 1, far + 1, *(chance.randrange(far) for _ in range(200))]
    near = [step + chance.randrange(-3, 4) for step in steps[6:] for _ in range(5)]
    for step in steps + near:
        assert walk.at(step) == Walk(7, "BTC").at(step), step


@pytest.mark.parametrize(("seconds", "btc"), GOLDEN)
def test_a_venue_goes_on_with_the_prices_that_it_had(seconds: int, btc: str) -> None:
    """Whoever changes these changes the past of every paper venue in the world."""
    at_ms = 1_700_000_000_000 + seconds * 1_000
    feed = SyntheticFeed(Opened(True, 7, 1_700_000_000_000, {"BTC": Anchor(D(60000), 1_700_000_000_000)}, {}))
    assert [str(one.price) for one in feed.prints(at_ms - 1_000, at_ms)] == [btc]


def test_a_jump_over_a_year_is_sampled_more_coarsely() -> None:
    prints = SyntheticFeed(opened()).prints(START_MS, START_MS + 365 * 24 * HOUR_MS)
    assert 1000 < len(prints) <= 2 * 3600
    assert [one.at_ms for one in prints] == sorted(one.at_ms for one in prints)
    near = SyntheticFeed(opened()).prints(prints[-1].at_ms - 1, prints[-1].at_ms)
    assert near[-1] == prints[-1]


def scripted(*prints: tuple[str, str, int], rates: dict[str, Decimal] | None = None) -> ScriptedFeed:
    return ScriptedFeed([Print(asset, D(price), START_MS + at) for asset, price, at in prints], rates)


async def test_everything_between_two_looks_happens_in_its_time() -> None:
    clock = VirtualClock(START_MS)
    feed = scripted(("BTC", "60200", 1000), ("BTC", "59000", 2000), ("BTC", "60050", 3000))
    paper = make(clock=clock, feed=lambda _: feed)
    await paper.place(order("a", Side.SELL, 10, "60100"))
    clock.advance_to(START_MS + 10_000)
    seen = await view(paper)
    assert [(fill.price, fill.at_ms) for fill in seen.fills or ()] == [(60100, START_MS + 1000)]
    assert seen.quote is not None
    assert (seen.quote.mark, seen.quote.at_ms) == (60050, START_MS + 10_000)
    await paper.close()


async def test_funding_settles_on_the_eight_hour_grid_at_the_mark_of_that_moment() -> None:
    clock = VirtualClock(START_MS)  # 22:13:20 UTC
    midnight = START_MS - START_MS % (8 * HOUR_MS) + 8 * HOUR_MS
    feed = scripted(("BTC", "50000", midnight - START_MS), ("BTC", "48000", midnight - START_MS + 1), rates={"BTC": D("0.0001")})
    paper = make(clock=clock, feed=lambda _: feed)
    await paper.place(order("a", Side.SELL, 1000, "59994", post_only=False))
    clock.advance_to(midnight - 1)
    assert (await view(paper)).funding == ()
    clock.advance_to(midnight + 8 * HOUR_MS)
    payments = (await view(paper)).funding or ()
    assert [(payment.at_ms, payment.mark, payment.coins) for payment in payments] == [
        (midnight, 50000, D("0.0002")),
        (midnight + 8 * HOUR_MS, 48000, D("0.00020833")),
    ]
    await paper.close()


async def test_a_settlement_is_not_paid_twice() -> None:
    paper = make()
    await paper.place(order("a", Side.SELL, 1000, "59994", post_only=False))
    for _ in range(2):
        paper.settle_funding("BTC", D("0.0001"), START_MS + 1)
    assert len((await view(paper)).funding or ()) == 1
    await paper.close()


async def test_assets_trade_side_by_side() -> None:
    clock = VirtualClock(START_MS)
    feed = scripted(("BTC", "60200", 1000), ("ETH", "3100", 1500))
    paper = make(clock=clock, feed=lambda _: feed)
    await paper.place(order("a", Side.SELL, 10, "60100"))
    await paper.place(order("b", Side.SELL, 20, "3050", symbol=ETH))
    clock.advance_to(START_MS + 1200)
    assert (await held(paper), await held(paper, ETH)) == (-10, 0)
    clock.advance_to(START_MS + 2000)
    assert (await held(paper), await held(paper, ETH)) == (-10, -20)
    await paper.close()


async def test_a_synthetic_venue_goes_on_after_a_restart_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    async def run(url: str, restart: bool) -> tuple[object, ...]:
        clock = VirtualClock(START_MS)
        paper = make(url, clock, feed=SyntheticFeed, matching="book")
        found: list[object] = []
        for number in range(40):
            clock.advance_to(clock.now_ms() + 5000)
            quote = (await view(paper)).quote
            assert quote is not None
            await paper.place(order(f"a{number}", Side.SELL, 40, quote.ask))
            found.append((quote, await held(paper)))
            if restart and number % 7 == 3:
                await paper.close()
                paper = make(url, clock, feed=SyntheticFeed, matching="book")
        found.append((await view(paper)).fills)
        await paper.close()
        return tuple(found)

    steady = await run(f"sqlite:///{tmp_path / 'steady.db'}", restart=False)
    assert await run(f"sqlite:///{tmp_path / 'restarted.db'}", restart=True) == steady
    assert steady[-1]


async def test_a_linear_and_an_inverse_contract_share_the_price_and_not_the_margin() -> None:
    paper = make()
    await paper.place(order("a", Side.SELL, 100, "59994", post_only=False))
    await paper.place(order("b", Side.SELL, 1000, "59994", symbol="BTC/USDT:USDT", post_only=False))
    paper.print("BTC", D(50000), START_MS + 1)
    inverse, linear = await view(paper, symbol=BTC), await view(paper, symbol="BTC/USDT:USDT")
    assert inverse.margin is not None
    assert linear.margin is not None
    assert inverse.quote is not None
    assert linear.quote is not None
    assert inverse.quote.mark == linear.quote.mark == 50000
    assert (inverse.margin.currency, linear.margin.currency) == ("BTC", "USDT")
    assert linear.margin.equity - linear.margin.wallet == 9994
    await paper.close()
