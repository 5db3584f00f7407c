"""How does a replay look on one page, and two of them side by side?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from html import escape
from itertools import accumulate, compress, pairwise
from typing import Any, Final

from bot.drawing import BLACK, CURVES, FAR, GREEN, GREY, ORANGE, RED, Chart, Line, Marks, document, figure, sheet
from bot.face import iso_utc
from bot.jumping.series import LegSeries, Series
from bot.report import r_squared, variance_reduction

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
YEAR_DAYS: Final = Decimal(365)
MOST_HOURS: Final = 0.9  # of a history make hourly returns: a venue's outage of some hours does not make them daily ones
KINDS: Final = {
    "sell": ("sold", ORANGE),
    "buy": ("bought", GREEN),
    "": ("liquidated", RED),
}  # of fills: what they are called, and their colours

Edges = tuple[float, float]
Chosen = Callable[[Any], list[bool]]  # of moments: is each of them one that returns are taken between?


@dataclass(frozen=True, slots=True)
class Told:
    """One run: what it is called, what it answered, its curves, and the edges of each asset's band as multiples of the ideal hedge of its
    own coins."""

    name: str
    answer: Mapping[str, Any]
    curves: Series
    bands: Mapping[str, Edges]
    carried: Mapping[str, Sequence[str]] = field(default_factory=dict)  # the assets that a leg's short is for too
    funded: bool = True  # funding rates were given: else none is counted, and 0 would be no figure

    @property
    def days(self) -> Decimal:
        return Decimal(int(self.curves.at_ms[-1] - self.curves.at_ms[0])) / DAY_MS


@dataclass(frozen=True, slots=True)
class Extremes:
    """The lowest and highest prices of every bar: what closes do not show. Arrays of one length."""

    at_ms: Any
    low: Any
    high: Any


def page(runs: Sequence[Told], prices: Mapping[str, Extremes]) -> str:
    """The first run is the one that was asked for; the others are compared with it."""
    first = runs[0]
    began, ended = (iso_utc(int(first.curves.at_ms[place]))[:16].replace("T", " ") for place in (0, -1))
    intro = f"<p>{began} to {ended} UTC, {first.answer['steps']:,} bars. A replay is not a forecast.</p>"
    return document("Replay", f"{intro}{table(runs, together(prices))}{''.join(map(figure, charts(runs, prices)))}")


def picture(runs: Sequence[Told], prices: Mapping[str, Extremes]) -> str:
    """The charts alone, as one SVG."""
    return sheet("Replay", list(charts(runs, prices)))


# ---------------------------------------------------------------------------------------------------------------- figures


def together(prices: Mapping[str, Extremes]) -> Chosen:
    """Those at which bars of all assets end, or begin if they do so together: at others some price stands still because its bar goes on, or
    because it has none."""
    ends = [one.at_ms for one in prices.values()]
    if all(len(one) == len(ends[0]) and (one == ends[0]).all() for one in ends):
        return lambda at_ms: [True] * len(at_ms)
    openings = {2 * int(one[0]) - int(one[1]) if len(one) > 1 else 0 for one in ends}
    opening = openings.pop() if len(openings) == 1 else None

    def chosen(at_ms: Any) -> list[bool]:
        every = at_ms >= 0
        for one in ends:
            every = every & (one[one.searchsorted(at_ms).clip(max=len(one) - 1)] == at_ms)
        return [whole or at == opening for whole, at in zip(every.tolist(), at_ms.tolist(), strict=True)]

    return chosen


def table(runs: Sequence[Told], chosen: Chosen) -> str:
    first = runs[0].curves
    columns = [figures(one, chosen) for one in runs]
    unhedged = bare("unhedged", first.unhedged_usd, first, chosen)
    naive = bare("naive rule", first.naive_usd, first, chosen)
    heads = ("", *(one.name for one in runs), "unhedged", "naive rule")
    rows = [(name, *(column.get(name, "–") for column in (*columns, unhedged, naive))) for name in columns[0]]
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table><tr>{head}</tr>{body}</table></div>'


def bare(name: str, values: Iterable[float], of: Series, chosen: Chosen) -> dict[str, str]:
    """What can be said of a value that nobody traded for."""
    worth = list(values)
    return {
        "value at the start, USD": usd(worth[0]),
        "value at the end, USD": usd(worth[-1]),
        "lowest value, USD": usd(min(worth)),
        "largest drawdown": percent(-min(drawdowns(worth))),
        **(effect(of, worth, chosen) if name != "unhedged" and min(worth) > 0 else {}),
    }


def figures(run: Told, chosen: Chosen) -> dict[str, str]:
    said, curves = run.answer, run.curves
    worth = curves.value_usd.tolist()
    start, end, bag = (Decimal(said[name]) for name in ("value_start_usd", "value_end_usd", "unhedged_value_end_usd"))
    funding, fees = Decimal(said["funding_usd"]), Decimal(said["fees_usd"])
    cost = fees - funding
    yearly = percent(float(cost / start / run.days * YEAR_DAYS)) if run.days else "–"
    return {
        "value at the start, USD": usd(start),
        "value at the end, USD": usd(end),
        "lowest value, USD": usd(Decimal(said["value_min_usd"])),
        "largest drawdown": percent(-min(drawdowns(worth))),
        **effect(curves, worth, chosen),
        "the hedge brought, USD": usd(end - bag),
        "of which the contracts, USD": usd(end - bag + cost),
        "of which funding, USD": usd(funding) if run.funded else "not counted",
        "of which fees, USD": usd(-fees),
        "cost a year, of the start": yearly if run.funded else f"{yearly} (fees alone)",
        "largest hedge error": f"{float(said['hedge_error_max_bps']):,.2f} bp",
        "turnover, USD": usd(Decimal(said["turnover_usd"])),
        "orders, fills": f"{said['orders']:,}, {said['fills']:,}",
        "liquidated": "YES" if said["liquidated"] else "no",
    }


def effect(curves: Series, worth: Sequence[float], chosen: Chosen) -> dict[str, str]:
    """As in the insurance statement: of the returns from hour to hour, or from day to day where the curve has no hours."""
    bare, hedged, every = returns(curves, worth, chosen)
    reduced, told = variance_reduction(bare, hedged), r_squared(bare, hedged)
    return {
        f"variance taken away ({every} returns)": "–" if reduced is None else percent(float(reduced)),
        "R² of hedged to bag": "–" if told is None else f"{told:.4f}",
    }


def returns(curves: Series, worth: Sequence[float], chosen: Chosen) -> tuple[list[Decimal], list[Decimal], str]:
    unhedged = curves.unhedged_usd.tolist()
    times = list(compress(enumerate(curves.at_ms.tolist()), chosen(curves.at_ms)))
    if not times:
        return [], [], "hourly"
    hours = len({at // HOUR_MS for _, at in times})
    every_ms = HOUR_MS if hours >= MOST_HOURS * (times[-1][1] - times[0][1]) / HOUR_MS else DAY_MS
    places = list({at // every_ms: place for place, at in times}.values())
    steps = [(was, now) for was, now in pairwise(places) if unhedged[was] > 0 and worth[was] > 0]
    bare, hedged = (
        [Decimal(values[now] / values[was] - 1).quantize(Decimal("1e-12")) for was, now in steps] for values in (unhedged, worth)
    )
    return bare, hedged, "hourly" if every_ms == HOUR_MS else "daily"


def drawdowns(worth: Sequence[float]) -> list[float]:
    """At each moment, below the highest value so far, as a share of it."""
    return [now / most - 1 if most > 0 else 0.0 for now, most in zip(worth, accumulate(worth, max), strict=True)]


# ---------------------------------------------------------------------------------------------------------------- curves


def charts(runs: Sequence[Told], prices: Mapping[str, Extremes]) -> Iterator[Chart]:
    """All over the same time, whatever began later or ended sooner."""
    at = runs[0].curves.at_ms
    for one in each_chart(runs, prices):
        yield replace(one, span_ms=(float(at[0]), float(at[-1])))


def each_chart(runs: Sequence[Told], prices: Mapping[str, Extremes]) -> Iterator[Chart]:
    first = runs[0].curves
    at = first.at_ms.tolist()

    def of_each(read: Any) -> list[Line]:
        return [curve(place, run.name, run.curves.at_ms.tolist(), read(run.curves)) for place, run in enumerate(runs)]

    unhedged, naive = first.unhedged_usd.tolist(), first.naive_usd.tolist()
    yield Chart(
        "Value, USD",
        [
            Line("unhedged", at, unhedged, GREY),
            Line("naive rule", at, naive, GREY, dashed=True),
            *of_each(lambda one: one.value_usd.tolist()),
        ],
    )
    yield Chart(
        "Drawdown",
        [Line("unhedged", at, drawdowns(unhedged), GREY), *of_each(lambda one: drawdowns(one.value_usd.tolist()))],
        percent=True,
    )
    for asset in first.legs:
        yield from charts_of(asset, runs, prices.get(asset))
    if runs[0].funded:
        yield Chart("Funding received, USD", of_each(lambda one: one.funding_usd.tolist()))
    yield Chart("Fees paid, USD", of_each(lambda one: one.fees_usd.tolist()))


def charts_of(asset: str, runs: Sequence[Told], prices: Extremes | None) -> Iterator[Chart]:
    holding = [(place, run, run.curves.legs[asset]) for place, run in enumerate(runs) if asset in run.curves.legs]

    def of_each(read: Any, *, alone: bool = False) -> list[Line]:
        """From the first fill on: until then there was no hedge. `alone`: of the runs in which the contract carries nothing else."""
        lines = []
        for place, run, leg in holding:
            if alone and run.carried.get(asset):
                continue
            since = begun(run.curves, asset)
            lines.append(curve(place, run.name, run.curves.at_ms[since:].tolist(), read(leg)[since:].tolist()))
        return lines

    _, first, leg = holding[0]
    at = first.curves.at_ms.tolist()
    price = [Line("price", at, leg.price.tolist(), GREY)]
    if prices is not None:  # a bar that fell and rose again shows too
        price = [Line("price", prices.at_ms, prices.low, GREY), Line("", prices.at_ms, prices.high, GREY)]
    yield Chart(f"{asset}: price and orders of {first.name}", price, orders(first.curves, asset))
    others = [other for other in first.carried.get(asset, ()) if other != asset]
    along = f" with {' and '.join(others)} that it carries" if others else ""
    yield Chart(f"{asset}: short{along}, USD", [*of_each(lambda one: one.short_usd), *band(at, leg, first.bands.get(asset))])
    if not others:  # what is shorted for others is no share of the own coins
        target = Line("target", at, leg.ratio_target.tolist(), GREY, dashed=True)
        yield Chart(f"{asset}: hedge ratio", [*of_each(lambda one: one.ratio, alone=True), target])
    yield Chart(f"{asset}: leverage", of_each(lambda one: one.leverage))
    yield Chart(f"{asset}: distance to liquidation", of_each(lambda one: one.liquidation_distance), percent=True, most=FAR)


def curve(place: int, name: str, at: Sequence[float], values: Sequence[float]) -> Line:
    """Of a run: where there are more of them than colours, those that share one are dashed."""
    return Line(name, at, values, place % CURVES, dashed=place >= CURVES)


def begun(curves: Series, asset: str) -> int:
    """The first moment after a fill; 0 if there is none."""
    filled_ms = next((one.at_ms for one in curves.fills if one.asset == asset), 0)
    return min(int(curves.at_ms.searchsorted(filled_ms)), len(curves.at_ms) - 1)


def band(at: Sequence[float], leg: LegSeries, edges: Edges | None) -> list[Line]:
    if edges is None:
        return []
    low, high = edges
    return [
        Line("band", at, (leg.target_usd * low).tolist(), GREY, dashed=True),
        Line("", at, (leg.target_usd * high).tolist(), GREY, dashed=True),
    ]


def orders(curves: Series, asset: str) -> list[Marks]:
    """Each order at its limit, and over it what it traded at."""
    placed = [(one.at_ms, one.limit_price) for one in curves.orders if one.asset == asset]
    ours = [one for one in curves.fills if one.asset == asset]
    kinds = {side: [(one.at_ms, one.price) for one in ours if side == ("" if one.liquidation else one.side)] for side in KINDS}
    marks = [Marks("ordered", BLACK, placed), *(Marks(*kind, kinds[side]) for side, kind in KINDS.items())]
    return [one for one in marks if one.points]


# ---------------------------------------------------------------------------------------------------------------- words


def usd(amount: Decimal | float) -> str:
    return f"{amount:,.0f}"


def percent(share: float) -> str:
    return f"{share:.2%}"
