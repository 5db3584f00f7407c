"""How does the statement look on one page? HTML that needs nothing else: its charts are drawn into it."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from html import escape
from typing import Any, Final

from bot.face import iso_utc
from bot.report import Account, Report, Sample

WIDTH: Final = 860
HEIGHT: Final = 220
LEFT: Final = 80
BOTTOM: Final = 24
MOST_POINTS: Final = 600
COLOURS: Final = ("#1668b0", "#c2571a")
STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em 1.2em .2em 0; text-align: left; vertical-align: top }
td + td { text-align: right; font-variant-numeric: tabular-nums } svg { width: 100%; height: auto } figcaption { font-weight: 600 }
figure { margin: 1.5em 0 } .key { font-weight: 400; margin-left: 1em }
"""

Line = tuple[str, Callable[[Sample], Decimal | None]]


def page(report: Report) -> str:
    """The whole document."""
    said = report.json()
    parts = [section(account, row) for account, row in zip(report.accounts, said["assets"], strict=True)]
    total = table([(words(name), shown(value)) for name, value in said["total"].items()])
    body = "".join(parts) + (f"<h2>Together</h2>{total}" if len(parts) > 1 else "")
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Insurance statement</title><style>{STYLE}</style>' + (
        f"<h1>Insurance statement</h1>{body or '<p>The record holds no look at an account.</p>'}</html>\n"
    )


def section(account: Account, row: dict[str, Any]) -> str:
    plain = [(words(name), shown(value)) for name, value in row.items() if not isinstance(value, dict) and name != "asset"]
    premium = [(f"premium: {words(name)}", shown(value)) for name, value in row["premium"].items()]
    coins = [(f"{account.settle}: {words(name)}", shown(value)) for name, value in row["coins"].items()]
    return f"<h2>{escape(account.asset)}</h2>{table([*plain, *premium, *coins])}" + "".join(
        chart(title, account.samples, lines) for title, lines in charts(account)
    )


def charts(account: Account) -> Sequence[tuple[str, Sequence[Line]]]:
    return (
        ("Value in USD", (("hedged", account.value_usd), ("without a hedge", account.unhedged_usd))),
        ("Hedge ratio", (("actual", lambda at: at.ratio),)),
        (f"Funding received, {account.settle}", (("funding", lambda at: at.funding),)),
        ("Effective leverage", (("leverage", lambda at: at.leverage),)),
        ("Distance to liquidation, share of the price", (("distance", distance),)),
    )


def distance(at: Sample) -> Decimal | None:
    """None where there is no liquidation price, or where it is UNKNOWN."""
    return None if at.liquidation is None or at.liquidation.is_infinite() else at.liquidation / at.price - 1


def chart(title: str, samples: Sequence[Sample], lines: Sequence[Line]) -> str:
    few = samples[:: max(1, len(samples) // MOST_POINTS)]
    drawn = [(name, [(at.at_ms, value) for at in few if (value := read(at)) is not None and value.is_finite()]) for name, read in lines]
    points = [point for _, line in drawn for point in line]
    if not points:
        return f"<figure><figcaption>{escape(title)}</figcaption>nothing to show</figure>"
    values = [value for _, value in points]
    low, high = min(values), max(values)
    room = (high - low) * Decimal("0.05") or abs(high) * Decimal("0.05") or Decimal(1)
    low, high = low - room, high + room
    began, ended = samples[0].at_ms, max(samples[-1].at_ms, samples[0].at_ms + 1)

    def place(at_ms: int, value: Decimal) -> str:
        x = LEFT + Decimal((at_ms - began) * (WIDTH - LEFT)) / (ended - began)
        y = (high - value) / (high - low) * (HEIGHT - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    paths = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{" ".join(place(*point) for point in line)}"/>'
        for (_, line), colour in zip(drawn, COLOURS, strict=False)
    )
    keys = "".join(
        f'<span class="key" style="color:{colour}">{escape(name)}</span>' for (name, _), colour in zip(drawn, COLOURS, strict=False)
    )
    axis = (
        f'<text x="0" y="12">{high:,.4g}</text><text x="0" y="{HEIGHT - BOTTOM}">{low:,.4g}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{iso_utc(began)[:10]}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 6}" text-anchor="end">{iso_utc(ended)[:10]}</text>'
        f'<path d="M{LEFT} 0V{HEIGHT - BOTTOM}H{WIDTH}" fill="none" stroke="#999"/>'
    )
    return (
        f'<figure><figcaption>{escape(title)}{keys}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-size="11" fill="#555">{axis}{paths}</svg></figure>'
    )


def table(rows: Sequence[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows) + "</table>"


def words(name: str) -> str:
    return name.replace("_", " ").replace(" usd", " (USD)").replace("r2", "R²")


def shown(value: object) -> str:
    return "–" if value is None else str(value)
