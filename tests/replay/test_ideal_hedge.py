"""Which hedge is a replay measured against? The one that holds exactly N* at every bar, each asset for itself."""

from decimal import Decimal

from adapters.history import Bar, instant_ms
from bot.settings import load
from bot.wiring.past import Recorded, replay

HOUR_MS = 3_600_000
BEGAN_MS = instant_ms("2024-01-01")


def swinging(price: int, bars: int, swing: str) -> list[Bar]:
    """Hours that end where they began, and swing both ways in between."""
    high, low = price * (1 + Decimal(swing)), price * (1 - Decimal(swing))
    return [Bar(BEGAN_MS + hour * HOUR_MS, HOUR_MS, Decimal(price), high, low, Decimal(price)) for hour in range(bars)]


def rising(price: int, bars: int, step: str) -> list[Bar]:
    closes = [price * (1 + Decimal(step) * hour) for hour in range(bars)]
    return [Bar(BEGAN_MS + hour * HOUR_MS, HOUR_MS, close, close, close, close) for hour, close in enumerate(closes)]


async def value_error_bps(bars: dict[str, list[Bar]]) -> Decimal:
    flags = {"mode": "live"}
    for asset in bars:
        flags |= {f"bag.{asset}.coins": "2", f"paper.collateral.{asset}": "3", f"paper.price.{asset}": "1"}
        flags |= {f"hedges.{asset}.ratio": "0.5", f"hedges.{asset}.basis": "value"}
    answer = await (await replay(load(None, {}, flags), Recorded(bars, {}))).run()
    assert answer["fills"] >= len(bars)
    return Decimal(str(answer["hedge_error_max_bps"]))


async def test_the_ideal_of_a_value_hedge_does_not_follow_the_prints_within_a_bar():
    assert await value_error_bps({"BTC": swinging(60_000, 200, "0.02")}) < 20


async def test_the_ideal_of_a_value_hedge_counts_each_asset_for_itself():
    alone = await value_error_bps({"BTC": rising(60_000, 200, "0.01")})
    beside = await value_error_bps({"BTC": rising(60_000, 200, "0.01"), "ETH": swinging(60_000, 200, "0")})
    assert beside < alone
