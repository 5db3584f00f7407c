"""How does each policy look on a real history? One picture each: the price, and under it the ratio in force.

`HEDGEBOT_TEST_DATA=FOLDER python -m tests.analytics.pictures` draws them anew into docs/policies, with the table of the wild months.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Final

import pandas as pd
import structlog

from adapters.history import instant_ms
from bot.core.model import Quote
from tests.analytics.history import BARS, DERIBIT, D, bars, judged, policy, rates, table
from tests.analytics.windows import CHOICES, WINDOWS, Result, result
from tests.replay.data import data

DOCS: Final = Path(__file__).parents[2] / "docs" / "policies"
WIDE, HIGH, LOW, LEFT, GAP, TOP = 720, 150, 60, 52, 26, 24  # of the drawing, in its own units
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@dataclass(frozen=True)
class Picture:
    name: str
    title: str
    since: str
    until: str
    written: Mapping[str, object]
    step_ms: int = DAY_MS
    prices: str = BARS


PICTURES: Final = (
    Picture("schedule", "Hedged from 5 to 20 March 2020, then unwound in 5 daily steps", "2020-02-25", "2020-04-01",
            {"schedule": {"start": "2020-03-05", "until": "2020-03-20", "unwind_days": 5}}, HOUR_MS * 8),
    Picture("drawdown", "Below the average of 100 days, or 15 % under the high of 14 days", "2020-01-01", "2023-01-01",
            {"drawdown": {"average_days": 100, "fall": "0.15", "fall_days": 14}}),
    Picture("reversal", "EMA 12/26 and Donchian 20, two confirmations", "2020-04-01", "2023-01-01", {"reversal": {}}),
    Picture("funding", "Out above 10 % a year, back in at 5 % (Deribit, March 2020)", "2020-02-15", "2020-05-15",
            {"funding": {"budget": "0.1"}}, HOUR_MS * 4, DERIBIT),
    Picture("volatility", "A bag of at most 30 % a year, measured over 30 days", "2020-04-01", "2023-01-01",
            {"volatility": {"target": "0.3"}}),
    Picture("ramp", "A quarter at once, the rest in 4 steps over 8 days", "2020-03-01", "2020-03-20", {"ramp": {"days": 8}}, HOUR_MS * 8),
    Picture("basis", "A ramp of 60 days that waits while the perpetual trades 4 bp under (Bybit, 2023)", "2023-01-01", "2023-04-01",
            {"basis": {"discount_bps": 4}, "ramp": {"days": 60, "steps": 30, "start": "0.05"}}, HOUR_MS * 8),
)  # fmt: skip


async def drawn(picture: Picture) -> str:
    since_ms, until_ms = instant_ms(picture.since), instant_ms(picture.until)
    moments = list(range(since_ms, until_ms, picture.step_ms))
    rules = policy(**picture.written)
    if picture.name == "basis":
        prices, quotes = bybit(since_ms, until_ms)
        moments = [quote.at_ms for quote in quotes]
        ratios = await judged(rules, moments, quotes=quotes, current=D(0))
    else:
        column = "index_price" if picture.prices == DERIBIT else "close"
        shown = table(picture.prices)[column]
        prices = {at_ms: float(shown.asof(pd.Timestamp(at_ms, unit="ms", tz="UTC"))) for at_ms in moments}
        past = bars(picture.prices) if rules.from_candles else ()
        # judged from the beginning of the history: what is remembered is older than the picture
        first_ms = min(since_ms, past[0].at_ms) if past else since_ms
        before = list(range(first_ms - first_ms % picture.step_ms + picture.step_ms, since_ms, picture.step_ms))
        found = await judged(rules, [*before, *moments], past, rates(DERIBIT) if rules.funding is not None else ())
        ratios = [one for one in found if one[0] >= since_ms]
    return svg(picture, [(at_ms, prices[at_ms]) for at_ms in moments], [(at_ms, float(ratio)) for at_ms, ratio in ratios])


def bybit(since_ms: int, until_ms: int) -> tuple[dict[int, float], list[Quote]]:
    """Spot as the index, the coin-margined perpetual as the book."""
    shown = pd.read_csv(data("bybit-spot-linear-inverse-8h-2023.csv"), parse_dates=["timestamp"], index_col="timestamp")
    spot = shown[shown["pair"].eq("BTC/USDT") & shown["contract"].eq("spot")]["close"]
    both = pd.concat([spot, shown[shown["pair"].eq("BTCUSDCM")]["close"]], axis=1, keys=["spot", "perpetual"]).dropna()
    prices, quotes = {}, []
    for at, row in both.iterrows():
        at_ms = int(at.timestamp() * 1000)  # type: ignore[attr-defined]
        if since_ms <= at_ms < until_ms:
            middle = D(str(row["perpetual"]))
            prices[at_ms] = float(row["spot"])
            quotes.append(Quote("BTC/USD:BTC", middle, D(str(row["spot"])), middle, middle, None, at_ms))
    return prices, quotes


def svg(picture: Picture, prices: Sequence[tuple[int, float]], ratios: Sequence[tuple[int, float]]) -> str:
    """A line on a logarithmic scale over an area of steps; plain enough for light and dark pages."""
    first, last = prices[0][0], prices[-1][0]
    least, most = min(price for _, price in prices), max(price for _, price in prices)

    def x(at_ms: int) -> str:
        return f"{LEFT + (at_ms - first) / (last - first) * (WIDE - LEFT - 6):.1f}"

    def y(price: float) -> str:
        return f"{TOP + (1 - log(price / least) / log(most / least)) * HIGH:.1f}"

    floor = TOP + HIGH + GAP + LOW
    line = " ".join(f"{x(at_ms)},{y(price)}" for at_ms, price in prices)
    area, before = [], 0.0
    for at_ms, ratio in ratios:
        if ratio != before or not area:
            area += [f"{x(at_ms)},{floor - before * LOW:.1f}", f"{x(at_ms)},{floor - ratio * LOW:.1f}"]
            before = ratio
    area += [f"{x(last)},{floor - before * LOW:.1f}", f"{x(last)},{floor}"]
    texts = [
        (LEFT, 14, "start", picture.title),
        (LEFT - 4, TOP + 8, "end", f"{most:,.0f}"),
        (LEFT - 4, TOP + HIGH, "end", f"{least:,.0f}"),
        (LEFT - 4, floor - LOW + 8, "end", "ratio 1"),
        (LEFT - 4, floor, "end", "0"),
        (LEFT, floor + 16, "start", picture.since),
        (WIDE - 6, floor + 16, "end", picture.until),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {floor + 24}" font-family="sans-serif" font-size="11">',
            f"<title>{picture.title}</title>",
            f'<rect width="{WIDE}" height="{floor + 24}" fill="#fff"/>',
            f'<polyline points="{line}" fill="none" stroke="#555" stroke-width="1.2"/>',
            f'<polygon points="{x(first)},{floor} {" ".join(area)}" fill="#3f7fbf" fill-opacity="0.55"/>',
            f'<path d="M{LEFT} {floor}H{WIDE - 6}M{LEFT} {floor - LOW}H{WIDE - 6}" stroke="#bbb" stroke-width="0.6"/>',
            *(f'<text x="{left}" y="{down}" text-anchor="{anchor}" fill="#333">{text}</text>' for left, down, anchor, text in texts),
            "</svg>\n",
        ]
    )


def row(window: str, choice: str, one: Result) -> str:
    cells = (
        f"{one.end_usd:,.0f}",
        f"{one.worst_usd:,.0f}",
        f"{one.funding_usd:,.0f}",
        f"{one.fees_usd:,.0f}",
        str(one.changes),
        "**yes**" if one.liquidated else "no",
    )
    return f"| {window} | {choice} | {' | '.join(cells)} |"


async def months() -> str:
    rows = [
        "| window | policy | USD at the end | at worst | funding | fees | changes | liquidated |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for window in WINDOWS:
        found = {choice: await result(window, choice) for choice in CHOICES}
        rows += [row(window.name, choice, one) for choice, one in found.items()]
        first = found["always hedged"]
        rows.append(f"| {window.name} | never hedged (from {first.start_usd:,.0f}) | {first.unhedged_end_usd:,.0f} | | | | | |")
    return "\n".join(rows) + "\n"


async def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for picture in PICTURES:
        (DOCS / f"{picture.name}.svg").write_text(await drawn(picture), encoding="utf-8")
    page = DOCS / "index.md"
    before, mark, rest = page.read_text(encoding="utf-8").partition("<!-- months -->\n")
    _, end, after = rest.partition("<!-- /months -->")
    page.write_text(f"{before}{mark}{await months()}{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
