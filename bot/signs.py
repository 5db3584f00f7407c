"""What do closed candles and funding settlements say now? Measured once for each new one, and handed over at every turn."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bot.analytics.candles import depth, measured
from bot.analytics.costs import funding_cost
from bot.analytics.regression import fitted
from bot.core.cross_terms import CrossFit, CrossSeen
from bot.core.policy_terms import Policies, Signs
from bot.core.rules import CrossRule, Rules
from bot.ports import Past, Prices, Series, Wanted

NOTHING: Series = Series()


class Measured:
    """The signs of every asset whose policies go by candles or funding."""

    def __init__(self, past: Past, rules: Rules) -> None:
        self._past = past
        self._asked = asked(rules)
        self._last: dict[str, tuple[tuple[Series, ...], Signs]] = {}

    async def read(self) -> tuple[Signs, ...]:
        """Never raises; waits no longer than the history it reads."""
        found = []
        for asset, policies, wanted in self._asked:
            series = tuple([await self._past.read(one) for one in wanted])
            last = self._last.get(asset)
            if last is None or any(now is not was for now, was in zip(series, last[0], strict=True)):
                last = self._last[asset] = (series, signs(asset, policies, together(wanted, series)))
            found.append(last[1])
        return tuple(found)


def asked(rules: Rules) -> list[tuple[str, Policies, tuple[Wanted, ...]]]:
    """Whose policies go by what. An asset that another one's leg carries has candles of its own, and that leg's funding."""
    symbols = {leg.asset: leg.symbol for leg in rules.legs}
    found = [(leg.asset, leg.policies, wanted(leg.asset, leg.symbol, leg.asset, leg.symbol, leg.policies)) for leg in rules.legs]
    for cross in rules.crosses:
        of = wanted(cross.asset, cross.market, cross.hedge, symbols[cross.hedge], cross.policies)
        found.append((cross.asset, cross.policies, of))
    return [one for one in found if one[2]]


def wanted(asset: str, market: str, hedge: str, symbol: str, policies: Policies) -> tuple[Wanted, ...]:
    """One question where both are of one market."""
    candles = Wanted(asset, market, policies.candle_ms, depth(policies)) if policies.from_candles else None
    funding_ms = None if policies.funding is None else policies.funding.lookback_ms
    if funding_ms is None:
        return () if candles is None else (candles,)
    rates = Wanted(hedge, symbol, policies.candle_ms, 0, funding_ms)
    if candles is None:
        return (rates,)
    return (replace(candles, funding_ms=funding_ms),) if market == symbol else (candles, rates)


def together(wanted: Sequence[Wanted], series: Sequence[Series]) -> Series:
    """Candles from where they were asked for, and rates likewise."""
    pairs = list(zip(wanted, series, strict=True))
    candles = next((found.candles for one, found in pairs if one.candles), ())
    rates = next((found.rates for one, found in pairs if one.funding_ms is not None), ())
    return Series(candles, rates, tuple(problem for one in series for problem in one.problems))


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


class Crossed:
    """Price and β of every asset that another one's leg carries."""

    def __init__(self, prices: Prices, past: Past, rules: Rules) -> None:
        self._prices, self._past = prices, past
        symbols = {leg.asset: leg.symbol for leg in rules.legs}
        self._asked = tuple(
            (
                rule,
                Wanted(rule.asset, rule.market, rule.candle_ms, rule.lookback + 1),
                Wanted(rule.hedge, symbols[rule.hedge], rule.candle_ms, rule.lookback + 1),
            )
            for rule in rules.crosses
        )
        self._last: dict[str, tuple[Series, Series, CrossFit | None, str]] = {}

    async def read(self) -> tuple[CrossSeen, ...]:
        """Never raises; waits no longer than the history it reads."""
        return tuple(await asyncio.gather(*(self._seen(*asked) for asked in self._asked)))

    async def _seen(self, rule: CrossRule, own: Wanted, other: Wanted) -> CrossSeen:
        fit, unmeasured = await self._fit(rule, own, other) if rule.beta is None else (None, "")
        priced = await self._prices.price(rule.asset, rule.market)
        return CrossSeen(rule.asset, priced.price, priced.at_ms, fit, priced.problem, unmeasured)

    async def _fit(self, rule: CrossRule, own: Wanted, other: Wanted) -> tuple[CrossFit | None, str]:
        """Of the newest candle that closed; kept until another one does."""
        asset, hedge = await self._past.read(own), await self._past.read(other)
        last = self._last.get(rule.asset)
        if last is None or last[0] is not asset or last[1] is not hedge:
            fit, why = fitted(rule, asset.candles, hedge.candles)
            problems = "; ".join(dict.fromkeys((*asset.problems, *hedge.problems, *((why,) if why else ()))))
            last = self._last[rule.asset] = (asset, hedge, fit, problems)
        return last[2], last[3]
