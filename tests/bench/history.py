"""Does a replay cost in proportion to its bars? From a thousand to ten million of them, jumping, and stepping up to ten thousand."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.bench.figure import curve, figure
from tests.bench.replay import FULL, HEAVY, market, part, ran

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
STEPPED: Final = 10_000  # bars; a hundred thousand take ten times as long, and so on
NAMES: Final = ("a bar of 10,000,000 over one of 1,000,000, full hedge", "a bar of 10,000,000 over one of 1,000,000, trade-heavy")
ONCE: Final = 100_000  # bars; beyond that nothing is repeated
Points = list[tuple[int, float]]


def figures() -> Iterator[dict[str, Any]]:
    for name, kind, flags, swing in ((NAMES[0], "full hedge", FULL, 0.0007), (NAMES[1], "trade-heavy", HEAVY, 0.0013)):
        whole = market(SIZES[-1], swing=swing)
        jumped: Points = []
        stepped: Points = []
        for size in SIZES:
            read = part(whole, size)
            jumped.append((size, round(min(ran(flags, read).seconds for _ in range(3 if size <= ONCE else 1)) * 1000, 3)))
            if size <= STEPPED:
                stepped.append((size, round(ran(flags, read, step=True).seconds * 1000, 3)))
        said = ", ".join(f"{taken} for {size:,}" for size, taken in jumped)
        how = f"milliseconds of the run call, {kind}, the best of 3 up to {ONCE:,}: {said}"
        lines = curve("bars", "ms of a replay", (f"jumping, {kind}", jumped), (f"stepping, {kind}", stepped))
        yield figure(name, grown(jumped), "x", "<= 1.25", how, lines)


def grown(points: Sequence[tuple[int, float]]) -> float:
    """The cost of a bar of the most, over that of a bar of a tenth of them."""
    *_, (fewer, before), (most, after) = points
    return round((after / most) / (before / fewer), 2)
