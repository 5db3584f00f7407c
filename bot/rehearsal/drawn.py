"""Whose day is it? A configuration and a venue, drawn from a seed as people choose them."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from random import Random
from typing import Final

from bot.core.model import settle_of
from bot.ports import Misconfigured
from bot.rehearsal.loop import BEGAN_MS
from bot.rehearsal.nouns import DOLLARS
from bot.rehearsal.venue import CENTS, PICO, Book, LinearBook, share_margin
from bot.rehearsal.wire import Manner
from bot.settings import Settings

CYCLE_SECONDS: Final = 30
CHOSEN: Final = ("bag.", "collateral.", "hedges.", "paper.")  # who writes one of these says himself what stands on which margin


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


def drawn_prices(draw: Random) -> dict[str, int]:
    """In cents."""
    return {"BTC": draw.randint(2_000_000, 9_000_000), "ETH": draw.randint(100_000, 500_000)}


def drawn_margin(seed: int, flags: Mapping[str, str], cents: Mapping[str, int], chosen: Mapping[str, str]) -> dict[str, str]:
    """Half of the seeds with two legs hold both in dollars, on one margin. It bears the whole hedge, or so few of its orders that each
    leg must know what the other one has; drawn apart from all else."""
    draw, bags = Random(f"{seed}/margin"), {"BTC": ("1", "2", "4"), "ETH": ("20", "40", "80")}
    two_legs = all(f"hedges.{asset}.ratio" in flags for asset in bags)
    if not two_legs or seed % 3 == 1 or draw.random() >= 0.75 or any(key.startswith(CHOSEN) for key in chosen):
        return {}
    shared: dict[str, str] = {}
    whole, order = 0, int(flags["execution.max_order_usd"])
    for asset, coins in bags.items():
        bag = draw.choice(coins)
        whole += int(bag) * cents[asset] // CENTS
        shared |= {f"hedges.{asset}.instrument": linear_of(asset), f"bag.{asset}.coins": bag}
    return {**shared, f"paper.collateral.{DOLLARS}": str(draw.choice((whole, order // 2, order * 3 // 4, order * 3 // 2)))}


def drawn_collateral(seed: int, flags: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """One seed of three lets the bot move collateral, of contracts that are settled in coins; drawn apart from all else."""
    if seed % 3 != 1:
        return {}
    draw = Random(f"{seed}/collateral")
    low, high = draw.choice((("1.8", "1.2"), ("1.4", "1.2"), ("1.25", "1.15")))
    moved: dict[str, str] = {}
    for key in [key for key in flags if key.startswith("paper.collateral.")]:
        asset = key.rpartition(".")[2]
        if chosen.get(f"hedges.{asset}.instrument") == linear_of(asset):
            continue  # no coin tops up its margin
        whole = int(flags[f"bag.{asset}.coins"])
        one, day = draw.choice(((1, 1), (1, 4), (4, 8)))
        unit = 1 if asset == "BTC" else 10
        above = f"collateral.{asset}"
        moved |= {f"{above}.auto_transfer": "true", f"{above}.low": low, f"{above}.high": high}
        moved |= {f"{above}.max_transfer_coins": f"{one * unit / 2}", f"{above}.max_transfer_coins_per_day": f"{day * unit / 2}"}
        moved[f"paper.wallet.{asset}"] = str(draw.choice((whole, whole, whole // 2)))
    return moved


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


def contracts_of(asset: str) -> tuple[str, str]:
    return f"{asset}/USD:{asset}", linear_of(asset)


def linear_of(asset: str) -> str:
    return f"{asset}/{DOLLARS}:{DOLLARS}"


def require_what_is_played(settings: Settings, assets: Collection[str]) -> None:
    """Raise Misconfigured for a hedge that the venue of a rehearsal does not list, or that nothing is posted for."""
    for asset, hedge in settings.hedges.items():
        if asset not in assets or hedge.instrument not in contracts_of(asset):
            *listed, last = (one for asset in assets for one in contracts_of(asset))
            played = f"{', '.join(listed)} and {last}"
            raise Misconfigured(f"hedges.{asset}: a rehearsal plays {played} and no other contract; nothing was played: name one of those")
        settle = settle_of(hedge.instrument)
        if settle not in settings.paper.collateral:
            raise Misconfigured(f"paper.collateral.{settle}: missing, nothing was played: say with how many coins its account begins")


def drawn_books(seed: int, settings: Settings, cents: Mapping[str, int], swing_ppm: int) -> list[Book]:
    """A book for each hedge; all that are settled in dollars stand on one margin."""
    books: list[Book] = []
    for asset, hedge in settings.hedges.items():
        linear, settle = hedge.instrument == linear_of(asset), settle_of(hedge.instrument)
        inverse_size, linear_size, tick = (100, 1_000, 10) if asset == "BTC" else (10, 10_000, 1)
        book = (LinearBook if linear else Book)(
            hedge.instrument,
            size=linear_size if linear else inverse_size,
            tick_cents=tick,
            cents=cents[asset],
            wallet_pico=int(settings.paper.collateral[settle] * PICO),
            swing_ppm=swing_ppm,
            source=Random(f"{seed}/{asset}"),
            began_ms=BEGAN_MS,
        )
        book.beside_pico = 0 if linear else int(settings.paper.wallet.get(asset, Decimal(0)) * PICO)
        books.append(book)
    share_margin([book for book in books if book.linear])
    return books
