"""What is a figure, and when is its target met?"""

import operator
import re
from typing import Any, Final

TARGET: Final = re.compile(r"(<=|>=|<|>|=) (\d+(?:\.\d+)?)")
HOLDS: Final = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "=": operator.eq}
TOLERANCE: Final = 0.2  # of the target: machines differ, and a busy one is slower


def figure(name: str, value: float, unit: str, target: str, how: str) -> dict[str, Any]:
    """`target` reads like "<= 0.2"."""
    sign, bound = parts(target)
    return {"name": name, "value": value, "unit": unit, "target": target, "met": HOLDS[sign](value, bound), "how": how}


def missed_by_far(measured: dict[str, Any]) -> bool:
    """Is the target missed by more than the tolerance?"""
    sign, bound = parts(measured["target"])
    slack = {"<": bound * (1 + TOLERANCE), ">": bound * (1 - TOLERANCE), "=": bound}[sign[0]]
    return not measured["met"] and not HOLDS[sign](measured["value"], slack)


def parts(target: str) -> tuple[str, float]:
    found = TARGET.fullmatch(target)
    if found is None:
        raise ValueError(f"a target reads like `<= 0.2`, not {target!r}")
    return found[1], float(found[2])
