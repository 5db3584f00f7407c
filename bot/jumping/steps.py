"""Which amounts stay as they are from one moment to the next, and what were they at any moment?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bot.course import Course, Turning
from bot.jumping.columns import Floats, Whole


@dataclass(frozen=True, slots=True)
class Steps:
    at_ms: Whole
    amounts: Floats
    before: float

    def at(self, at_ms: Whole) -> Floats:
        """After everything that happened at each moment."""
        return np.concatenate(([self.before], self.amounts))[self.at_ms.searchsorted(at_ms, "right")]


def steps(turnings: Sequence[Turning], amount: Callable[[Turning], float], before: float) -> Steps:
    return Steps(np.array([one.at_ms for one in turnings], dtype=np.int64), np.array([amount(one) for one in turnings]), before)


def steps_with_funding(course: Course, asset: str, kept: str, before: float) -> Steps:
    """Of `wallet` or `funding_usd`, which settlements change too."""
    turnings, paid = course.turnings.get(asset, ()), course.paid.get(asset, ())
    at_ms = np.array([one.at_ms for one in turnings] + [at for one in paid for at in one.at_ms], dtype=np.int64)
    amounts = np.array([float(getattr(one, kept)) for one in turnings] + [amount for one in paid for amount in getattr(one, kept)])
    order = at_ms.argsort(kind="stable")
    return Steps(at_ms[order], amounts[order], before)
