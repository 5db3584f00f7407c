"""How does a matrix of correlations look? An SVG picture that needs nothing else."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

CELL: Final = 92  # in the picture's own units
LEFT: Final = 76
TOP: Final = 68
STRONG, WEAK = (22, 104, 176), (255, 255, 255)  # colours of 1 and of 0; what moves against each other is drawn in AGAINST
AGAINST: Final = (194, 87, 26)


def heat_map(
    title: str, below: str, names: Sequence[str], value: Callable[[str, str], float | None], note: Callable[[str, str], str]
) -> str:
    """A cell for each pair, row by row, with its number and a small note under it; what is unknown is left white."""
    wide, high = LEFT + CELL * len(names) + 12, TOP + CELL * len(names) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{wide}" height="{high}" fill="#fff"/>',
        f'<text x="8" y="18" fill="#333">{escape(title)}</text>',
        f'<text x="8" y="34" fill="#666" font-size="10">{escape(below)}</text>',
    ]
    for across, name in enumerate(names):
        middle = LEFT + CELL * across + CELL / 2
        parts.append(f'<text x="{middle:g}" y="{TOP - 8}" text-anchor="middle" fill="#333">{escape(name)}</text>')
    for down, row in enumerate(names):
        y = TOP + CELL * down
        parts.append(f'<text x="{LEFT - 8}" y="{y + CELL / 2 + 4:g}" text-anchor="end" fill="#333">{escape(row)}</text>')
        for across, column in enumerate(names):
            x, shown = LEFT + CELL * across, value(row, column)
            ink = "#fff" if shown is not None and abs(shown) > 0.6 else "#333"
            middle, said = x + CELL / 2, f'text-anchor="middle" fill="{ink}"'
            parts += [
                f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{colour(shown)}" stroke="#ddd"/>',
                f'<text x="{middle:g}" y="{y + 44}" {said} font-size="15">{number(shown)}</text>',
                f'<text x="{middle:g}" y="{y + 64}" {said} font-size="9">{escape(note(row, column))}</text>',
            ]
    return "\n".join([*parts, "</svg>\n"])


def colour(value: float | None) -> str:
    if value is None:
        return "#fff"
    end = STRONG if value >= 0 else AGAINST
    part = min(1.0, abs(value))
    return "#" + "".join(f"{round(low + (high - low) * part):02x}" for low, high in zip(WEAK, end, strict=True))


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
