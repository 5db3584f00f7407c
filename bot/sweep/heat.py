"""How does a figure change over two keys? A heat map as SVG, complete in itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Final

CELL_HEIGHT: Final = 34
CELL_WIDTHS: Final = (44, 96)
LETTER: Final = 7.2  # width of one, at the size of labels
PLOT_WIDTH: Final = 720
TOP: Final = 64
COLOURS: Final = (
    (68, 1, 84),
    (59, 82, 139),
    (33, 145, 140),
    (94, 201, 98),
    (253, 231, 37),
)  # viridis: even steps also for the colour-blind
MISSING: Final = "#ddd"


@dataclass(frozen=True, slots=True)
class Heat:
    title: str
    x: tuple[str, Sequence[str]]  # the key and its values, in order
    y: tuple[str, Sequence[str]]
    cells: Mapping[tuple[str, str], float]  # by (x, y); what is missing was not finished
    say: Callable[[float], str]
    higher: bool  # is better


def heat_map(heat: Heat) -> str:
    (x_key, xs), (y_key, ys) = heat.x, heat.y
    ends = min(heat.cells.values(), default=0.0), max(heat.cells.values(), default=0.0)
    worst, best = ends if heat.higher else ends[::-1]
    left = int(max(len(label) for label in (*ys, y_key)) * LETTER) + 16
    wide = max(CELL_WIDTHS[0], min(CELL_WIDTHS[1], PLOT_WIDTH // len(xs)))
    slanted = max(map(len, xs)) * LETTER > wide - 6
    foot = int(max(map(len, xs)) * LETTER * 0.75) + 40 if slanted else 46
    width = max(left + wide * len(xs) + 16, left + 240, int(len(heat.title) * 8.6) + 20)
    height = TOP + CELL_HEIGHT * len(ys) + foot
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
        f' aria-label="{escape(heat.title)}" font-family="system-ui, sans-serif" font-size="12" fill="#222">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="22" font-size="15" font-weight="600">{escape(heat.title)}</text>',
        scale(heat.say(worst), heat.say(best)),
        f'<text x="{left - 8}" y="{TOP - 6}" text-anchor="end" fill="#666">{escape(y_key)}</text>',
    ]
    for row, y in enumerate(ys):
        top = TOP + row * CELL_HEIGHT
        parts.append(f'<text x="{left - 8}" y="{top + 21}" text-anchor="end">{escape(y)}</text>')
        for column, x in enumerate(xs):
            value = heat.cells.get((x, y))
            share = None if value is None else (value - worst) / (best - worst) if best != worst else 0.5
            parts.append(cell(left + column * wide, top, wide, share, "" if value is None else heat.say(value)))
    bottom = TOP + len(ys) * CELL_HEIGHT
    for column, x in enumerate(xs):
        middle = left + column * wide + wide // 2
        turn = f' text-anchor="end" transform="rotate(-45 {middle} {bottom + 14})"' if slanted else ' text-anchor="middle"'
        parts.append(f'<text x="{middle}" y="{bottom + 18}"{turn}>{escape(x)}</text>')
    parts.append(f'<text x="{left}" y="{height - 8}" fill="#666">{escape(x_key)}</text></svg>\n')
    return "".join(parts)


def cell(x: int, y: int, wide: int, share: float | None, label: str) -> str:
    if share is None:
        return f'<rect x="{x}" y="{y}" width="{wide - 2}" height="{CELL_HEIGHT - 2}" fill="{MISSING}"/>'
    box = f'<rect x="{x}" y="{y}" width="{wide - 2}" height="{CELL_HEIGHT - 2}" fill="{colour(share)}"><title>{label}</title></rect>'
    if len(label) * LETTER > wide - 4:  # coloured and not labelled
        return box
    ink = "#fff" if share < 0.6 else "#111"
    return f'{box}<text x="{x + wide // 2 - 1}" y="{y + 21}" text-anchor="middle" fill="{ink}">{label}</text>'


def scale(worst: str, best: str) -> str:
    stops = "".join(f'<rect x="{8 + at * 6}" y="32" width="6" height="9" fill="{colour(at / 19)}"/>' for at in range(20))
    return f'{stops}<text x="136" y="41" fill="#666">worst {worst}, best {best}</text>'


def colour(share: float) -> str:
    place = min(max(share, 0.0), 1.0) * (len(COLOURS) - 1)
    before, after = list(pairwise(COLOURS))[min(int(place), len(COLOURS) - 2)]
    part = place - min(int(place), len(COLOURS) - 2)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(before, after, strict=True))
