"""What does the bag hold, and who says so?"""

import asyncio
from dataclasses import replace
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from bot.cli_read import from_bot
from bot.cli_show import NOTHING, clock, number, plain_table, price, usd
from bot.face import bag_json
from bot.settings import Settings
from bot.wiring.coverage import span
from bot.wiring.start import looking


def bag(settings: Settings) -> dict[str, Any]:
    """As the running bot counts it, else as its sources say now."""
    told = from_bot(settings, "/api/v1/bag", otherwise="this was read beside it")
    return told if told is not None else asyncio.run(bag_beside(settings))


async def bag_beside(settings: Settings) -> dict[str, Any]:
    """Two looks, neither signed nor recorded: the second one has the answers that were late for the first."""
    async with looking(settings) as engine:
        await engine.turn()
        await engine.turn()
        status = engine.status()
        declared = {asset: held.declared for asset, held in settings.outside.items()} | dict(status.declared)
        return bag_json(replace(status, declared=tuple(declared.items())))


def old(seconds: int) -> str:
    return f"{seconds} s" if seconds < 2 * 60 else span(seconds * 1000)


def bag_tables(said: dict[str, Any]) -> list[RenderableType]:
    assets = plain_table("asset", "coins", "price", "USD", "share", "hedged by", left=("hedged by",))
    places = plain_table("asset", "source", "coins", "read at (UTC)", "age", left=("source", "read at (UTC)"))
    troubles = []
    bare = [one["asset"] for one in said["bag"] if one["hedged_by"] is None]
    for one in said["bag"]:
        share = NOTHING if one["share"] is None else f"{number(100 * float(one['share']), 1)} %"
        assets.add_row(
            one["asset"], number(one["spot_coins"], 8), price(one["mark"], 2), usd(one["spot_usd"]), share, one["hedged_by"] or "nothing"
        )
        places.add_row(one["asset"], "declared", number(one["declared_coins"], 8), NOTHING, NOTHING)
        for source in one["sources"]:
            age = NOTHING if source["age_seconds"] is None else old(source["age_seconds"])
            places.add_row("", source["name"], number(source["coins"], 8), clock(source["as_of"]), age)
            if source["error"]:
                troubles.append(Text(f"{one['asset']} {source['name']}: {source['error']}", "yellow"))
    if bare:
        which = " and ".join(f"`hedgebot instruments {asset}`" for asset in bare)
        troubles.append(Text(f"{', '.join(bare)}: not hedged, and not priced; what could hedge it: {which}", "dim"))
    return [assets, places, *troubles, Text(f"worth {usd(said['value_bag_usd'])} USD outside the account")]
