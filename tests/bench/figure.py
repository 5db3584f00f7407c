"""What is a figure, and when is its target met?"""

import operator
import re
from collections.abc import Sequence
from typing import Any, Final

TARGET: Final = re.compile(r"(<=|>=|<|>|=) (\d+(?:\.\d+)?)")
HOLDS: Final = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq}
TOLERANCE: Final = 0.2  # of the target: machines differ, and a busy one is slower
COLUMNS: Final = ((52, "figure"), (21, "value"), (13, "target"), (3, "met"))  # 97 columns with the gaps
MET: Final = {True: "yes", False: "NO", None: "-"}

Curve = dict[str, Any]
Over = tuple[str, float]  # what was measured beside it in the same run, and how many times that the figure is


def figure(
    name: str, value: float, unit: str, target: str, how: str, curve: Curve | None = None, over: Over | None = None
) -> dict[str, Any]:
    """`target` reads like "<= 0.2". A figure in `x` or `%` is a ratio itself, any other may say over what it is one."""
    sign, bound = parts(target)
    measured = {"name": name, "value": value, "unit": unit, "target": target, "met": HOLDS[sign](value, bound), "how": how}
    if over is not None:
        measured |= {"over": over[0], "ratio": short(over[1])}
    return measured if curve is None else {**measured, "curve": curve}


def short(value: float) -> float:
    """Three digits that count."""
    return float(f"{value:.3g}")


def curve(over: str, unit: str, *lines: tuple[str, Sequence[tuple[float, float]]]) -> Curve:
    """What was measured for several sizes: each line has a name, and points (size, value)."""
    return {"over": over, "unit": unit, "lines": [{"name": name, "points": [list(point) for point in points]} for name, points in lines]}


def unmeasured(name: str, unit: str, target: str, why: str) -> dict[str, Any]:
    """A figure that this machine cannot show: it counts neither as met nor as missed."""
    parts(target)
    return {"name": name, "value": None, "unit": unit, "target": target, "met": None, "how": f"not measured: {why}"}


def failed(module: str, why: str) -> dict[str, Any]:
    """A module that ended before it had measured all of its figures: that counts as missed."""
    return {"name": f"figures of {module}", "value": None, "unit": "", "target": "", "met": False, "how": f"not measured: {why}"}


def missed_by_far(measured: dict[str, Any]) -> bool:
    """Is the target missed by more than the tolerance, or was the figure never reached?"""
    if measured["met"] is not False or measured["value"] is None:
        return measured["met"] is False
    sign, bound = parts(measured["target"])
    slack = {"<": bound * (1 + TOLERANCE), ">": bound * (1 - TOLERANCE), "=": bound}[sign[0]]
    return not HOLDS[sign](measured["value"], slack)


def parts(target: str) -> tuple[str, float]:
    found = TARGET.fullmatch(target)
    if found is None:
        raise ValueError(f"a target reads like `<= 0.2`, not {target!r}")
    return found[1], float(found[2])


def written(value: float | None, unit: str) -> str:
    if value is None:
        return "not measured"
    return f"{value:,} {unit}" if unit else f"{value:,}"


def table(figures: Sequence[dict[str, Any]]) -> str:
    """All of them for a terminal of 100 columns; what could not be measured says why in a line of its own."""
    rows = [line(*(name for _, name in COLUMNS)), line(*("─" * width for width, _ in COLUMNS))]
    for one in figures:
        rows.append(line(one["name"], written(one["value"], one["unit"]), one["target"], MET[one["met"]]))
        if one["value"] is None:
            rows.append(f"  {one['how']}"[:100])
    known = [one for one in figures if one["met"] is not None]
    rows.append(f"{sum(one['met'] for one in known)} of {len(known)} met")
    return "\n".join(rows) + "\n"


def line(*cells: str) -> str:
    left, *rest = (
        cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, (width, _)) in enumerate(zip(cells, COLUMNS, strict=True))
    )
    return "   ".join((left, *rest)).rstrip()
