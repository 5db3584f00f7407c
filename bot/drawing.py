"""How is a curve over time drawn? As SVG that needs nothing else: in a page that fits a phone, or as one sheet."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from typing import Final

from bot.analytics.pixels import thinned
from bot.face import iso_utc

WIDTH: Final = 800  # units, and columns of which each keeps its lowest and highest value
HEIGHT: Final = 220
STEPS: Final = (1, 2, 2.5, 5, 10)
GRIDLINES: Final = 4
TWO_DAYS_MS: Final = 2 * 86_400_000
CURVES: Final = 8  # colours that curves are told apart by; then those of marks, and grey
LIGHT: Final = (
    *("#1668b0", "#8a3ab9", "#b8860b", "#0b8f99", "#e0569b", "#7a4a21", "#7d9b00", "#1b2a7a"),
    *("#000000", "#e8590c", "#2b8a3e", "#d00000", "#777777"),
)
DARK: Final = (
    *("#5aa9f0", "#c792ea", "#e0b84c", "#3fd0c9", "#ff8ac2", "#b08560", "#b9d02e", "#7a7cff"),
    *("#ffffff", "#ff8a3d", "#43b85f", "#ff4848", "#999999"),
)
BLACK, ORANGE, GREEN, RED, GREY = range(CURVES, len(LIGHT))  # grey is for what is there for comparison
GUTTER: Final = 60  # units left of the plot, for its labels: no curve runs through them
LETTER: Final = 7.2  # width of one in a legend
FAR: Final = 10  # times the price, to liquidation: what lies beyond is next to none
NOTHING: Final = '<span class="key">nothing to show</span>'
SHEET: Final = "".join(f".c{at}{{stroke:{colour}}} .k{at}{{fill:{colour}}}" for at, colour in enumerate(LIGHT))
STYLE: Final = (
    ":root{color-scheme:light dark;--ink:#222;--paper:#fff;--dim:#666;--rule:#ddd;"
    + "".join(f"--c{at}:{colour};" for at, colour in enumerate(LIGHT))
    + "}@media (prefers-color-scheme:dark){:root{--ink:#ddd;--paper:#16191d;--dim:#9aa0a6;--rule:#353a40;"
    + "".join(f"--c{at}:{colour};" for at, colour in enumerate(DARK))
    + "}}"
    + "".join(f".c{at}{{stroke:var(--c{at})}}.k{at}{{color:var(--c{at})}}" for at in range(len(LIGHT)))
    + """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em;
       color: var(--ink); background: var(--paper) }
figure { margin: 1.8em 0 } figcaption { font-weight: 600; display: flex; flex-wrap: wrap; column-gap: 1em }
.key { font-weight: 400; overflow-wrap: anywhere } .plot, .x { margin-left: 60px }
.plot { position: relative; height: 220px; margin-top: .6em } .plot svg { position: absolute; inset: 0; width: 100%; height: 100% }
.plot path { fill: none; stroke-width: 1.5; vector-effect: non-scaling-stroke } .plot .rule { stroke: var(--rule); stroke-width: 1 }
.plot .dash { stroke-dasharray: 5 4 } .plot .mark { stroke-width: 7; stroke-linecap: round }
.plot .y { position: absolute; right: 100%; transform: translateY(-50%); font-size: 11px; color: var(--dim);
           padding-right: 6px; white-space: nowrap }
table { border-collapse: collapse; margin: 1em 0 } td, th { padding: .2em 1.2em .2em 0; text-align: left; vertical-align: top }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.wide { overflow-x: auto; background: linear-gradient(to left, var(--paper) 40%, transparent) right / 48px 100% no-repeat local,
        linear-gradient(to left, var(--rule), transparent) right / 12px 100% no-repeat scroll }
.wide td:first-child, .wide th:first-child { position: sticky; left: 0; background: var(--paper); min-width: 8em }
@media (max-width: 600px) { .wide { font-size: 13px } .wide td, .wide th { padding-right: .6em } }
.x { display: flex; justify-content: space-between; font-size: 11px; color: var(--dim) }
"""
)


Place = Callable[[float, float], str]


@dataclass(frozen=True, slots=True)
class Line:
    """Its value at each moment; not drawn where that is not finite. `colour` is a place in LIGHT and DARK."""

    name: str
    at_ms: Sequence[float]
    values: Sequence[float]
    colour: int
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """Points of one kind."""

    name: str
    colour: int
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    lines: Sequence[Line]
    marks: Sequence[Marks] = ()
    percent: bool = False
    span_ms: Sequence[float] = ()  # moments that lie within, whatever its lines and marks begin and end with
    most: float = math.inf  # a value above it is not drawn: beside it everything else would be flat


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart in a box of WIDTH by HEIGHT: paths, and the heights of its labels."""

    chart: Chart
    paths: str = ""
    labels: Sequence[tuple[float, str]] = ()
    began: str = ""
    ended: str = ""
    names: Sequence[tuple[str, int]] = field(default=())


def drawn(chart: Chart) -> Drawn:
    pieces = [(line, thinned(line.at_ms, below(line.values, chart.most), WIDTH)) for line in chart.lines]
    points = [point for _, drawn in pieces for piece in drawn for point in piece] + [one for marks in chart.marks for one in marks.points]
    if not points:
        return Drawn(chart, names=[told(line, chart, drawn=False) for line in chart.lines if line.name])
    times = [at for line in chart.lines for at in (line.at_ms[0], line.at_ms[-1]) if len(line.at_ms)]
    times += [at for one in chart.marks for at, _ in one.points] + list(chart.span_ms)
    began, ended = min(times), max(times)
    low, high = min(value for _, value in points), max(value for _, value in points)
    room = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    low, high = low - room, high + room

    def place(at: float, value: float) -> str:
        x = (at - began) / ((ended - began) or 1) * WIDTH
        return f"{x:.1f} {(high - value) / (high - low) * HEIGHT:.1f}"

    labels = [((high - value) / (high - low) * HEIGHT, said(value, percent=chart.percent)) for value in round_values(low, high)]
    rules = "".join(f'<path class="rule" d="M0 {y:.1f}H{WIDTH}"/>' for y, _ in labels)
    curves = "".join(
        f'<path class="c{line.colour}{" dash" if line.dashed else ""}" d="{"".join(path(piece, place) for piece in drawn)}"/>'
        for line, drawn in pieces
        if drawn
    )
    marks = "".join(f'<path class="mark c{one.colour}" d="{"".join(spots(one, place))}"/>' for one in chart.marks if one.points)
    names = [told(line, chart, drawn=bool(drawn)) for line, drawn in pieces if line.name]
    names += [(one.name, one.colour) for one in chart.marks]
    stamped = 10 if ended - began >= TWO_DAYS_MS else len("2026-03-01T12:00")  # the date alone where that tells both ends apart
    first, last = (iso_utc(int(at))[:stamped].replace("T", " ") for at in (began, ended))
    return Drawn(chart, rules + curves + marks, labels, first, last, names)


def below(values: Sequence[float], most: float) -> Sequence[float]:
    return values if math.isinf(most) else [value if value <= most else math.nan for value in values]


def told(line: Line, chart: Chart, *, drawn: bool) -> tuple[str, int]:
    """In the legend; of what has no curve why."""
    if drawn:
        return line.name, line.colour
    finite = [value for value in line.values if not math.isnan(value)]
    if finite and all(map(math.isinf, finite)):
        return f"{line.name}: infinite", GREY
    beyond = f"above {said(chart.most, percent=chart.percent)}" if any(value > chart.most for value in finite) else "nothing to show"
    return f"{line.name}: {beyond}", GREY


def path(piece: Sequence[tuple[float, float]], place: Place) -> str:
    return "M" + "L".join(place(at, value) for at, value in piece)


def spots(marks: Marks, place: Place) -> Iterator[str]:
    """A round dot each; those that fall on the same place once."""
    yield from dict.fromkeys(f"M{place(at, value)}h.01" for at, value in marks.points)


def round_values(low: float, high: float) -> list[float]:
    """At most a handful of round numbers between two values."""
    rough = (high - low) / GRIDLINES
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * one for one in STEPS if power * one >= rough)
    first = math.ceil(low / step)
    return [at * step for at in range(first, math.floor(high / step) + 1)]


def said(value: float, *, percent: bool) -> str:
    """Without an exponent, whether a coin costs a thousandth of a cent or a bag is worth tens of billions."""
    if percent:
        return f"{Decimal(f'{value * 100:.6g}'):,f} %"
    return f"{Decimal(f'{value:.10g}' if abs(value) >= 1 else f'{value:.4g}'):,f}"


# ---------------------------------------------------------------------------------------------------------------- where it is shown


def document(title: str, body: str) -> str:
    """A whole page: nothing of it lies elsewhere."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html><html lang="en">{head}<h1>{escape(title)}</h1>{body}</html>\n'


def figure(chart: Chart) -> str:
    """For a page with STYLE: the curves stretch with it, the words do not."""
    of = drawn(chart)
    keys = "".join(f'<span class="key k{colour}">{escape(name)}</span>' for name, colour in of.names)
    if not of.paths:
        return f"<figure><figcaption>{escape(chart.title)}{keys or NOTHING}</figcaption></figure>"
    labels = "".join(f'<span class="y" style="top:{y / HEIGHT:.1%}">{label}</span>' for y, label in of.labels)
    return (
        f'<figure><figcaption>{escape(chart.title)}{keys}</figcaption><div class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none" role="img" aria-label="{escape(chart.title)}">{of.paths}</svg>{labels}</div>'
        f'<div class="x"><span>{of.began}</span><span>{of.ended}</span></div></figure>'
    )


def sheet(title: str, charts: Sequence[Chart]) -> str:
    """All charts below each other as one SVG, on white."""
    parts, top = [], 60
    for one in map(drawn, charts):
        if not one.paths:
            continue
        parts.append(f'<text x="20" y="{top}" font-size="14" font-weight="600">{escape(one.chart.title)}</text>')
        across = 32 + int(len(one.chart.title) * 8)
        for name, colour in one.names:
            if across + len(name) * LETTER > GUTTER + WIDTH:
                across, top = GUTTER, top + 18
            parts.append(f'<text class="k{colour}" x="{across}" y="{top}" font-size="13">{escape(name)}</text>')
            across += 18 + int(len(name) * LETTER)
        parts.append(f'<svg x="{GUTTER}" y="{top + 10}" width="{WIDTH}" height="{HEIGHT}">{one.paths}</svg>')
        grey = 'font-size="11" fill="#666"'
        parts += [f'<text x="{GUTTER - 6}" y="{top + 14 + y:.1f}" {grey} text-anchor="end">{label}</text>' for y, label in one.labels]
        foot = top + HEIGHT + 24
        parts.append(f'<text x="{GUTTER}" y="{foot}" {grey}>{one.began}</text>')
        parts.append(f'<text x="{GUTTER + WIDTH}" y="{foot}" {grey} text-anchor="end">{one.ended}</text>')
        top += HEIGHT + 64
    style = f"{SHEET} path{{fill:none;stroke-width:1.5}} .rule{{stroke:#ddd;stroke-width:1}} .dash{{stroke-dasharray:5 4}} " + (
        ".mark{stroke-width:7;stroke-linecap:round}"
    )
    width, height = GUTTER + WIDTH + 20, top - 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" fill="#222"><style>{style}</style><rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="20" y="28" font-size="18" font-weight="600">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )
