"""What does it cost to be short? Funding over a look-back, as a share of the hedge and a year."""

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from bot.analytics.candles import YEAR_MS, share
from bot.core.policy_terms import FundingSigns
from bot.ports import Settled

DAY_MS: Final = 86_400_000


def funding_cost(rates: Sequence[Settled], lookback_ms: int) -> tuple[FundingSigns | None, tuple[str, ...]]:
    """The rates that settled within the look-back up to the newest one, added up. A short pays when a rate is below 0."""
    if not rates:
        return None, ("no funding settlement is known",)
    newest = rates[-1].at_ms
    if rates[0].at_ms > newest - lookback_ms:
        known = Decimal(newest - rates[0].at_ms) / DAY_MS
        return None, (f"funding is known for {known:.1f} days, and the look-back is {Decimal(lookback_ms) / DAY_MS:.1f}",)
    first = bisect_right(rates, newest - lookback_ms, key=lambda one: one.at_ms)
    paid = -sum(float(one.rate) for one in rates[first:])
    return FundingSigns(newest, share(paid * YEAR_MS / lookback_ms)), ()
