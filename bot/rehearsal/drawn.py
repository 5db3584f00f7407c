"""Whose day is it? A configuration and a venue, drawn from a seed as people choose them."""

from collections.abc import Mapping
from random import Random
from typing import Final

from bot.rehearsal.wire import Manner

CYCLE_SECONDS: Final = 30


def drawn_manner(draw: Random) -> Manner:
    return Manner(
        duplicates=draw.choice(("exists", "open-only", "taken")),
        window_ms=draw.choice((5_000, None)),
        post_only_cancels=draw.random() < 0.5,
        ids_only=draw.random() < 0.5,
        tells_age=draw.random() < 0.5,
    )


def drawn_settings(draw: Random) -> dict[str, str]:
    """A configuration of this seed: ratios, limits and policies that people really choose."""
    assets = ("BTC", "ETH") if draw.random() < 0.3 else ("BTC",)
    amounts = {"BTC": (("2", "3"), ("0", "5"), ("3", "2"), ("4", "1")), "ETH": (("20", "30"), ("0", "50"))}
    flags = {
        "mode": "live",
        "cycle_seconds": str(CYCLE_SECONDS),
        "reconcile.foreign": draw.choice(("halt", "absorb")),
        "execution.max_order_usd": draw.choice(("100000", "30000")),
        "execution.order_ttl_seconds": draw.choice(("30", "20", "60")),
        "execution.cross_after_seconds": draw.choice(("120", "60")),
        "risk.max_position_usd": draw.choice(("1000000", "200000")),
        "risk.max_turnover_usd_per_day": draw.choice(("2000000", "2000000", "500000")),
        "risk.max_leverage": draw.choice(("2", "1.5")),
        "risk.max_orders_per_minute": draw.choice(("20", "4")),
    }
    for asset in assets:
        bag, posted = draw.choice(amounts[asset])
        flags[f"bag.{asset}.coins"] = bag
        flags[f"paper.collateral.{asset}"] = posted
        flags[f"paper.price.{asset}"] = "1000"
        flags[f"hedges.{asset}.ratio"] = draw.choice(("1.0", "1.0", "0.8", "0.5"))
        flags[f"hedges.{asset}.basis"] = draw.choice(("coins", "coins", "value"))
    return flags


def drawn_collateral(seed: int, flags: Mapping[str, str]) -> dict[str, str]:
    """One seed of three lets the bot move collateral; drawn apart from all else."""
    if seed % 3 != 1:
        return {}
    draw = Random(f"{seed}/collateral")
    low, high = draw.choice((("1.8", "1.2"), ("1.4", "1.2"), ("1.25", "1.15")))
    chosen: dict[str, str] = {}
    for key in [key for key in flags if key.startswith("paper.collateral.")]:
        asset = key.rpartition(".")[2]
        whole = int(flags[f"bag.{asset}.coins"])
        one, day = draw.choice(((1, 1), (1, 4), (4, 8)))
        unit = 1 if asset == "BTC" else 10
        above = f"collateral.{asset}"
        chosen |= {f"{above}.auto_transfer": "true", f"{above}.low": low, f"{above}.high": high}
        chosen |= {f"{above}.max_transfer_coins": f"{one * unit / 2}", f"{above}.max_transfer_coins_per_day": f"{day * unit / 2}"}
        chosen[f"paper.wallet.{asset}"] = str(draw.choice((whole, whole, whole // 2)))
    return chosen


def drawn_manner_of_trading(seed: int) -> dict[str, str]:
    """Two seeds of seven spread a large change, peg their orders, or hold them to a share of the book; drawn apart from all else."""
    if seed % 7 not in (2, 5):
        return {}
    draw = Random(f"{seed}/execution")
    slices = draw.choice((2, 3, 4))
    spread = {
        "execution.schedule": draw.choice(("twap", "almgren-chriss")),
        "execution.schedule_above_usd": draw.choice(("1000", "50000")),
        "execution.slices": str(slices),
        "execution.horizon_seconds": str(slices * CYCLE_SECONDS * draw.choice((1, 2))),
        "execution.urgency": draw.choice(("0", "1.5", "4")),
    }
    pegged = {"execution.reprice_after_seconds": draw.choice(("30", "45"))}
    held = {"execution.max_depth_share": draw.choice(("0.5", "1"))}
    return draw.choice((spread, pegged, held, spread | pegged, spread | held, pegged | held))
