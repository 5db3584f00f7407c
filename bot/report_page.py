"""How does the statement look on one page? HTML that needs nothing else: its charts are drawn into it."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from bot.drawing import FAR, Chart, Line, document, figure
from bot.report import Account, Report, Sample

TITLES: Final = {  # of the figures, also on the terminal
    "settle": "settled in",
    "price_start": "price at the start",
    "price_end": "price at the end",
    "value_start_usd": "value at the start, USD",
    "value_end_usd": "value at the end, USD",
    "unhedged_end_usd": "without a hedge, USD",
    "hedge_usd": "the hedge brought, USD",
    "loss_avoided_usd": "loss avoided",
    "upside_given_up_usd": "upside given up",
    "protected_average_usd": "protected on average, USD",
    "ratio_average": "share of the bag",
    "came_coins": "coins that came to the bag",
    "premium_usd": "premium, USD",
    "funding_usd": "funding",
    "fees_usd": "fees",
    "slippage_usd": "slippage",
    "delay_usd": "delay",
    "basis_usd": "basis",
    "annual_cost_ratio": "cost a year, share of the value",
    "saved_usd": "saved against market orders, USD",
    "variance_reduction": "variance taken away",
    "r2_hedged_to_bag": "R² of hedged to bag",
    "time_in_band": "time in the band",
    "collateral_average_usd": "collateral on average, USD",
    "opportunity_cost_usd": "yield of that collateral elsewhere",
    "turnover_usd": "turnover, USD",
    "wallet_start": "wallet at the start",
    "wallet_end": "wallet at the end",
}


def page(report: Report) -> str:
    """The whole document."""
    said = report.json()
    parts = [section(account, row) for account, row in zip(report.accounts, said["assets"], strict=True)]
    total = table([*figures(said["total"]), *premium(said["total"])])
    body = "".join(parts) + (f"<h2>Together</h2>{total}" if len(parts) > 1 else "")
    return document("Insurance statement", body or "<p>The record holds no look at an account.</p>")


def section(account: Account, row: dict[str, Any]) -> str:
    plain = figures(row) + [
        (f"carried: {one['asset']} {words(name)}", readable(name, one[name]))
        for one in row.get("carried", ())
        for name in ("value_start_usd", "value_end_usd")
    ]
    coins = [(f"{account.settle}: {words(name)}", to_the_satoshi(value)) for name, value in row["coins"].items()]
    return f"<h2>{escape(account.asset)}</h2>{table([*plain, *premium(row), *coins])}{''.join(map(figure, charts(account)))}"


def figures(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(words(name), readable(name, value)) for name, value in row.items() if not isinstance(value, dict | list) and name != "asset"]


def premium(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f"premium: {words(name)}", readable(name, value)) for name, value in row["premium"].items()]


def charts(account: Account) -> list[Chart]:
    def line(name: str, read: Callable[[Sample], Decimal | None], colour: int = 0) -> Line:
        return Line(name, [at.at_ms for at in account.samples], [number(read(at)) for at in account.samples], colour)

    return [
        Chart("Value in USD", [line("hedged", account.value_usd), line("without a hedge", account.unhedged_usd, 1)]),
        Chart("Hedge ratio", [line("actual", lambda at: at.ratio)]),
        Chart(f"Funding received, {account.settle}", [line("funding", lambda at: at.funding)]),
        Chart("Effective leverage", [line("leverage", lambda at: at.leverage)]),
        Chart("Distance to liquidation, share of the price", [line("distance", distance)], percent=True, most=FAR),
    ]


def number(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)


def distance(at: Sample) -> Decimal | None:
    """None where there is no liquidation price, or where it is UNKNOWN."""
    return None if at.liquidation is None or at.liquidation.is_infinite() else at.liquidation / at.price - 1


def table(rows: Sequence[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows) + "</table>"


def words(name: str) -> str:
    return TITLES.get(name, name)


def readable(name: str, value: object) -> str:
    """USD to the cent, moments to the minute; all digits are in the answer of `--json`."""
    if value is None:
        return "–"
    if name in ("from", "to"):
        return f"{str(value)[:16].replace('T', ' ')} UTC"
    return f"{Decimal(str(value)):,.2f}" if name.endswith("_usd") else str(value)


def to_the_satoshi(value: str) -> str:
    return f"{Decimal(value):,.8f}"
