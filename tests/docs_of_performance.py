"""How fast is it? The tables and curves of docs/performance.md: from what `make bench` measured.

    make bench                                                # BIG=1 make bench: the longest curves to their last point
    python -m tests.docs_of_performance build/bench.json

keeps the figures as docs/performance.json and draws the curves beside it; then `python -m tests.docs_from_code` renews the page.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from html import escape
from itertools import groupby
from math import floor, log10
from pathlib import Path
from typing import Any, Final

from tests.bench.__main__ import modules, promised, question
from tests.bench.figure import parts, written

DOCS: Final = Path(__file__).parent.parent / "docs"
KEPT: Final = DOCS / "performance.json"
MET: Final = {True: "yes", False: "**missed**", None: "not measured"}
MACHINE: Final = ("at", "program", "cores", "processor", "python", "sqlite")  # of which the page tells
BUSY: Final = 0.05  # of the machine, taken by others while a group was measured
RATIOS: Final = ("x", "%")  # units of figures that are ratios themselves

# the groups of the page: title, modules
GROUPS: Final = (
    ("Replay", ("replay", "history", "sweeps", "rehearsal")),
    ("Live", ("orders", "venues", "api", "gauges", "cycles", "growth", "venue_memory")),
    ("The record", ("audit", "record")),
    ("The command line", ("startup",)),
    ("Execution on a captured book", ("captured_book",)),
)

# picture, what it shows
CURVES: Final = {
    "bars": "A replay of a thousand to ten million bars",
    "assets": "A turn with one to a hundred assets",
    "accounts": "Turns of one to a hundred accounts in one process",
    "entries": "Questions of a record, the longer the record",
}


def kept() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(KEPT.read_text("utf-8"))
    return found


def lacking(document: dict[str, Any]) -> list[str]:
    """What the document has too many or too few, against what the modules measure today."""
    now = [name for module in modules() for name in promised(module)]
    there = [one["name"] for one in document["figures"]]
    gone = [f"no longer measured: {name}" for name in there if name not in now]
    return gone + [f"not there: {name}" for name in now if name not in there]


# ---------------------------------------------------------------------------------------------------------------- tables


def figures_tables() -> str:
    return tables(kept())


def tables(document: dict[str, Any]) -> str:
    """How it was measured, and a table for each group, with what was missed."""
    figures, machine = document["figures"], document["machine"]
    known = [one for one in figures if one["met"] is not None]
    missed = [one for one in known if not one["met"]]
    what = f": missed are {', '.join(one['name'] for one in missed)}" if missed else ""
    said = [
        f"Measured on {machine['at']}, program `{machine['program']}`: {machine['cores']} cores ({machine['processor']}), "
        f"Python {machine['python']}, SQLite {machine['sqlite']}. {len(known) - len(missed)} of {len(known)} targets were met{what}."
        f"{disturbed(figures)}"
    ]
    for title, names in GROUPS:
        said += ["", f"## {title}"]
        for module, of in groupby([one for one in figures if one["module"] in names], key=lambda one: str(one["module"])):
            said += ["", f"{question(module)} (`python -m tests.bench {module}`)", ""]
            said += ["| figure | value | ratio | target | met | how |", "|---|---|---|---|---|---|"]
            said += [row(one) for one in of]
    return "\n".join(said) + "\n"


def disturbed(figures: Sequence[dict[str, Any]]) -> str:
    """A busy machine is slower: the page says so."""
    shares = {one["module"]: one["others"] for one in figures if one["others"] > BUSY}
    if not shares:
        return ""
    told = ", ".join(f"{share:.0%} of it during {module}" for module, share in shares.items())
    return f" Others used the machine meanwhile: {told}."


def row(one: dict[str, Any]) -> str:
    value = written(one["value"], one["unit"])
    return f"| {' | '.join(cell(text) for text in (one['name'], value, ratio(one), target(one), MET[one['met']], one['how']))} |"


def target(one: dict[str, Any]) -> str:
    sign, bound = parts(one["target"])
    return f"{sign} {bound:,.0f}" if bound >= 1000 else str(one["target"])


def ratio(one: dict[str, Any]) -> str:
    if one["value"] is None:
        return "–"
    if "ratio" in one:
        return f"{one['ratio']:,g} × {one['over']}"
    return "itself" if one["unit"] in RATIOS else "–"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<=", "≤").replace(">=", "≥").replace("<", "&lt;")


# ---------------------------------------------------------------------------------------------------------------- curves

WIDTH: Final = 640
HEIGHT: Final = 300
LEFT, RIGHT, TOP, BELOW = 72, 36, 44, 34
COLOURS: Final = ("#1668b0", "#c2571a", "#2b8a3e", "#8a3ab9", "#b8860b", "#0b7285", "#c2255c")
KEY: Final = 16  # units of height for each name below the picture

Curve = dict[str, Any]


def picture(over: str) -> Path:
    return DOCS / f"performance-{over}.svg"


def curves_over(document: dict[str, Any], over: str) -> Curve:
    """All lines of the document over one size that have the same unit as most of them."""
    found = [one["curve"] for one in document["figures"] if one.get("curve", {}).get("over") == over]
    units = [curve["unit"] for curve in found]
    unit = max(units, key=lambda name: sum(len(curve["lines"]) for curve in found if curve["unit"] == name))
    lines = [line for curve in found if curve["unit"] == unit for line in curve["lines"] if line["points"]]
    return {"over": over, "unit": unit, "lines": lines}


def drawn(title: str, curve: Curve) -> str:
    """Lines over powers of ten, and a grey one on which twice as many cost twice as much."""
    points = [point for line in curve["lines"] for point in line["points"]]
    xs, ys = [log10(x) for x, _ in points], [log10(max(y, 1e-9)) for _, y in points]
    left, right, low, high = min(xs), max(xs), floor(min(ys)), floor(max(ys)) + 1
    wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BELOW

    def x_of(size: float) -> float:
        return LEFT + (log10(size) - left) / ((right - left) or 1) * wide

    def y_of(value: float) -> float:
        return TOP + (high - log10(max(value, 1e-9))) / (high - low) * tall

    whole = HEIGHT + KEY * (len(curve["lines"]) + 1)
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" font-family="sans-serif" font-size="11">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{whole}" fill="#fff"/>',
        f'<text x="8" y="18" font-size="13" fill="#222">{escape(title)}</text>',
        f'<text x="8" y="34" fill="#666">{escape(curve["unit"])}, over {escape(curve["over"])}; both by powers of ten</text>',
    ]
    for power in range(low, high + 1):
        y = y_of(10.0**power)
        shapes.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        shapes.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#666">{10.0**power:,.10g}</text>')
    for size in sorted({x for x, _ in points}):
        shapes.append(f'<path d="M{x_of(size):.1f} {TOP}v{tall}" stroke="#eee"/>')
        shapes.append(f'<text x="{x_of(size):.1f}" y="{TOP + tall + 16}" text-anchor="middle" fill="#666">{size:,.10g}</text>')
    size, value = curve["lines"][0]["points"][-1]
    began = max(10**left, size * 10**low / value)
    shapes.append(
        f'<path d="M{x_of(began):.1f} {y_of(value * began / size):.1f}L{x_of(size):.1f} {y_of(value):.1f}" stroke="#999" '
        'stroke-dasharray="5 4" fill="none"/>'
    )
    for at, line in enumerate(curve["lines"]):
        colour, name = COLOURS[at % len(COLOURS)], escape(line["name"])
        path = "L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in line["points"])
        shapes.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        shapes += [f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="2.5" fill="{colour}"/>' for x, y in line["points"]]
        shapes.append(f'<text x="{LEFT}" y="{HEIGHT + KEY * (at + 0.5):.0f}" fill="{colour}">{name}: {ends(line["points"])}</text>')
    return "\n".join([*shapes, "</svg>\n"])


def ends(points: Sequence[Sequence[float]]) -> str:
    (first, low), (last, high) = points[0], points[-1]
    return f"{low:,.6g} for {first:,.10g}, {high:,.6g} for {last:,.10g}"


def pictures() -> str:
    """The curves as the page shows them."""
    return "\n\n".join(f"![{title}]({picture(over).name})" for over, title in CURVES.items()) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="keep what `make bench` measured for docs/performance.md, and draw its curves")
    parser.add_argument("measured", type=Path, metavar="FILE", help="build/bench.json")
    document = json.loads(parser.parse_args().measured.read_text("utf-8"))
    if problems := lacking(document):
        sys.exit("\n".join([*problems, "nothing was written: `make bench` measures all of them"]))
    KEPT.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for over, title in CURVES.items():
        picture(over).write_text(drawn(title, curves_over(document, over)), "utf-8")


if __name__ == "__main__":
    main()
