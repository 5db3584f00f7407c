"""Which contract should hedge an asset, and why that one?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from bot.analytics.costs import DAY_MS
from bot.cli_config import settings_from
from bot.cli_exit import Wrong
from bot.cli_show import Fitting, number, usd
from bot.core.decide import RULES_VERSION
from bot.core.ranking import BP, Asked, Ranked, ranked
from bot.exit_codes import Exit
from bot.face import iso_utc, plain, plain_or_null
from bot.settings import Settings, to_rules
from bot.wiring.offers import Offers, offers_for

HUNDREDTH_BP: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command line, with what was typed made plain already."""

    asset: str
    others: Sequence[str]
    usd: Decimal | None
    days: Decimal
    lookback_days: Decimal
    config: Path | None
    sets: Sequence[str]
    account: str | None


def chosen_among(wanted: Wanted) -> dict[str, Any]:
    """The fields of `instruments --json`. Raise Wrong, PortError or SettingsError."""
    for name in (wanted.asset, *wanted.others):
        if not name.isalnum() or name != name.upper():
            raise Wrong(Exit.USAGE, f"{name!r} is not the name of an asset: write it as BTC")
    settings = settings_from(wanted.config, wanted.sets, account=wanted.account)
    found = asyncio.run(offers_for(settings, wanted.asset, wanted.others, int(wanted.lookback_days * DAY_MS)))
    size, because = size_of(settings, wanted, found)
    rules = to_rules(settings, version=RULES_VERSION, absence_ms=0, absence_polls=1)
    asked = Asked(size, wanted.days, settings.band.risk_aversion, rules.risk, found.looked_ms)
    rows = [row(one) for one in ranked(found.offers, asked)]
    leg = settings.legs.get(wanted.asset)
    cross = settings.crosses.get(wanted.asset)
    return {
        "asset": wanted.asset,
        "venue": found.venue,
        "as_of": iso_utc(found.looked_ms),
        "usd": plain_or_null(size),
        "usd_why": because,
        "days": plain_or_null(wanted.days),
        "funding_lookback_days": plain_or_null(wanted.lookback_days),
        "risk_aversion": plain_or_null(settings.band.risk_aversion),
        "configured": leg.instrument if leg is not None else None if cross is None else f"{cross.with_}/USD:{cross.with_}",
        "contracts": rows,
    }


def size_of(settings: Settings, wanted: Wanted, found: Offers) -> tuple[Decimal, str]:
    """How much is to be hedged, and who says so."""
    if wanted.usd is not None:
        return wanted.usd, "--usd"
    marks = [one.quote.mark for one in found.offers if one.rule is None and one.quote is not None]
    closes = [one.seen.price for one in found.offers if one.seen is not None and one.seen.price is not None]
    hedge, held = settings.hedges.get(wanted.asset), settings.bag.get(wanted.asset)
    if (marks or closes) and hedge is not None and held is not None and hedge.ratio * held.declared:
        return hedge.ratio * held.declared * (marks or closes)[0], f"{plain(hedge.ratio)} of bag.{wanted.asset}.coins"
    return settings.execution.max_order_usd, "execution.max_order_usd; --usd names another"


def row(one: Ranked) -> dict[str, Any]:
    offer, costs = one.offer, one.costs
    fit = None if offer.seen is None else offer.seen.fit
    return {
        "rank": one.rank,
        "instrument": offer.symbol,
        "kind": offer.way.value,
        "verdict": one.verdict.value,
        "why": one.why,
        "bps_per_year": None
        if costs is None
        else {
            "fees": bps(costs.fees),
            "spread": bps(costs.spread),
            "depth": bps(costs.depth),
            "funding": bps(costs.funding),
            "left_open": bps(costs.left_open),
            "total": bps(costs.total),
        },
        "order_usd": cents(one.order_usd),
        "visible_usd": cents(one.visible_usd),
        "beta": None if offer.rule is None or costs is None else plain_or_null(one.beta),
        "r_squared": None if fit is None else plain_or_null(fit.r_squared),
        "residual_volatility": None if fit is None else plain_or_null(fit.residual_volatility),
        "returns": None if fit is None else fit.returns,
    }


def bps(share: Decimal | None) -> str | None:
    return None if share is None else plain_or_null((share.quantize(HUNDREDTH_BP)) * BP)


def cents(amount: Decimal | None) -> str | None:
    return None if amount is None else plain_or_null(amount.quantize(Decimal("0.01")))


def tables(told: dict[str, Any]) -> list[RenderableType]:
    names = ("contract", "fees", "spread", "depth", "funding", "open", "total", "book USD", "R²")
    rows, lines = [], []
    for one in told["contracts"]:
        costs = one["bps_per_year"]
        if costs is not None:
            figures = (number(costs[name], 1) for name in ("fees", "spread", "depth", "funding", "left_open", "total"))
            rows.append((one["instrument"], *figures, usd(one["visible_usd"]), number(one["r_squared"], 2)))
        style = "bold" if one["rank"] == 1 else "" if one["rank"] else "dim"
        place = f"{one['rank']}. " if one["rank"] else "–  "
        lines.append(Text(f"{place}{one['instrument']} ({one['kind']}) {one['verdict']}: {one['why']}", style))
    head = f"{told['asset']} on {told['venue']}: {usd(told['usd'])} USD ({told['usd_why']}) hedged for {number(told['days'], 1)} days"
    taken = "configured is nothing" if told["configured"] is None else f"configured is {told['configured']}"
    table: list[RenderableType] = [Fitting(names, rows), Text("in bp of that, a year", "dim")] if rows else []
    return [Text(head, "dim"), *table, *lines, Text(taken, "dim")]
