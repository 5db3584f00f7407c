"""When is the hedge wrong enough to trade?"""

from dataclasses import dataclass
from decimal import Decimal

from bot.core.model import Band


@dataclass(frozen=True, slots=True)
class Hold:
    why: str


@dataclass(frozen=True, slots=True)
class Trade:
    """Change the short by `usd`: positive sells, negative buys back."""

    usd: Decimal
    why: str


def wanted(hedged_usd: Decimal, ideal_usd: Decimal, band: Band, ignore_below_usd: Decimal) -> Hold | Trade:
    """Outside low..high, trade back to the nearer safe edge; a target below `ignore_below_usd` counts as 0.

    USD of short, positive; a long is negative. (domain.md §6, V16)
    """
    if ideal_usd < ignore_below_usd:
        return Trade(-hedged_usd, "close: the target is zero") if hedged_usd else Hold("flat, as the target is zero")
    if hedged_usd < ideal_usd * band.low:
        return Trade(ideal_usd * band.safe_low - hedged_usd, "under-hedged")
    if hedged_usd > ideal_usd * band.high:
        return Trade(ideal_usd * band.safe_high - hedged_usd, "over-hedged")
    return Hold("inside the band")
