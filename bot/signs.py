"""What do closed candles and funding settlements say now? Measured once for each new one, and handed over at every turn."""

from collections.abc import Sequence

from bot.analytics.candles import measured
from bot.analytics.costs import funding_cost
from bot.core.policy_terms import Policies, Signs
from bot.core.rules import LegRule
from bot.ports import Past, Series


class Measured:
    """The signs of every leg whose policies go by candles or funding."""

    def __init__(self, past: Past, legs: Sequence[LegRule]) -> None:
        self._past = past
        self._legs = tuple(leg for leg in legs if leg.policies.from_candles or leg.policies.funding is not None)
        self._last: dict[str, tuple[Series, Signs]] = {}

    async def read(self) -> tuple[Signs, ...]:
        """Never raises; waits no longer than the history it reads."""
        found = []
        for leg in self._legs:
            series = await self._past.read(leg)
            last = self._last.get(leg.asset)
            if last is None or last[0] is not series:
                last = self._last[leg.asset] = (series, signs(leg.asset, leg.policies, series))
            found.append(last[1])
        return tuple(found)


def signs(asset: str, policies: Policies, series: Series) -> Signs:
    lacking: tuple[str, ...] = series.problems
    candles = funding = None
    if policies.from_candles:
        candles, why = measured(policies, series.candles)
        lacking += why
    if policies.funding is not None:
        funding, why = funding_cost(series.rates, policies.funding.lookback_ms)
        lacking += why
    return Signs(asset, candles, funding, lacking)
