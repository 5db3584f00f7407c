"""Into which slices is a large order cut, and when? Almgren-Chriss holdings, in whole contracts. (domain.md §8, V23)"""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise
from typing import Final

from bot.core.contracts import CONTEXT

EVEN_BELOW: Final = Decimal("1E-9")  # there the slices differ by less than a contract of any order, and sinh would lose its digits


def sinh(x: Decimal) -> Decimal:
    return (x.exp() - (-x).exp()) / 2


def holdings(contracts: int, slices: int, urgency: Decimal) -> tuple[Decimal, ...]:
    """What is left before the first and after each slice: X*sinh(κ(T-t_j))/sinh(κT). `urgency` is κT >= 0; at 0 the slices are equal."""
    with localcontext(CONTEXT):
        left = [Decimal(slices - done) / slices for done in range(slices + 1)]
        if urgency < EVEN_BELOW:
            return tuple(contracts * share for share in left)
        whole = sinh(urgency)
        return tuple(contracts * sinh(urgency * share) / whole for share in left)


def sizes(contracts: int, slices: int, urgency: Decimal) -> tuple[int, ...]:
    """Contracts of each slice. Holdings are rounded to the nearest contract (half to even), so that the slices add up exactly."""
    left = [int(held.to_integral_value(ROUND_HALF_EVEN)) for held in holdings(contracts, slices, urgency)]
    return tuple(before - after for before, after in pairwise(left))
