"""How does a change of 3000 contracts go on in five slices? `python -m tests.book.picture` draws docs/schedule.svg."""

from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Final

from bot.core.slices import sizes

DOCS: Final = Path(__file__).parents[2] / "docs"
CONTRACTS, SLICES, SECONDS = 3000, 5, 600
WIDE, HIGH, LEFT, TOP = 620, 220, 60, 34
LINES: Final = (("twap", "0", "#1668b0"), ("almgren-chriss, urgency 1.5", "1.5", "#c2571a"), ("almgren-chriss, urgency 4", "4", "#6b4fa0"))


def drawn() -> str:
    def x(seconds: int) -> int:
        return LEFT + seconds * WIDE // SECONDS

    def y(contracts: int) -> int:
        return TOP + HIGH - contracts * HIGH // CONTRACTS

    parts = []
    for done in range(0, CONTRACTS + 1, 1000):
        parts.append(f'<path d="M{LEFT} {y(done)}H{LEFT + WIDE}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(done) + 4}" text-anchor="end">{done:,}</text>')
    for slice_ in range(SLICES + 1):
        at = SECONDS * slice_ // SLICES
        parts.append(f'<text x="{x(at)}" y="{TOP + HIGH + 18}" text-anchor="middle">{at} s</text>')
    for number, (name, urgency, colour) in enumerate(LINES):
        steps = f"M{x(0)} {y(0)}"
        for slice_, done in enumerate(accumulate(sizes(CONTRACTS, SLICES, Decimal(urgency)))):
            steps += f"V{y(done)}H{x(SECONDS * (slice_ + 1) // SLICES)}"
        parts.append(f'<path d="{steps}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{LEFT + number * 200}" y="16" fill="{colour}">{name}</text>')
    body = "".join(parts)
    box = f'viewBox="0 0 {LEFT + WIDE + 24} {TOP + HIGH + 28}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="12" fill="#444">{body}</svg>\n'


if __name__ == "__main__":
    (DOCS / "schedule.svg").write_text(drawn(), encoding="utf-8")
