"""Which markets move together? Correlations, β, R² and residual volatility of every pair, over the candles that all of them have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from bot.analytics.candles import share
from bot.analytics.regression import moments, returns_of, yearly
from bot.ports import Candle


@dataclass(frozen=True, slots=True)
class Pair:
    """`asset`, hedged with `hedge`. None where one of them does not move."""

    asset: str
    hedge: str
    correlation: Decimal | None
    beta: Decimal | None
    r_squared: Decimal | None
    residual_volatility: Decimal | None  # a year


@dataclass(frozen=True, slots=True)
class Correlations:
    assets: tuple[str, ...]
    returns: int
    closed_ms: int  # of the newest candle; 0 where there is none
    volatility: Mapping[str, Decimal | None]  # a year
    pairs: tuple[Pair, ...]  # every one, both ways

    def pair(self, asset: str, hedge: str) -> Pair:
        return next(pair for pair in self.pairs if (pair.asset, pair.hedge) == (asset, hedge))


def correlations(candles: Mapping[str, Sequence[Candle]], length_ms: int, most: int, half_life: Decimal | None) -> Correlations:
    """Of the newest `most` returns that all markets share."""
    found = returns_of(candles, length_ms, most)
    assets = tuple(candles)
    volatility: dict[str, Decimal | None] = {}
    pairs = []
    for asset in assets:
        y = found.by_asset[asset]
        own = moments(y, y, half_life)
        wild = None if own is None else yearly(own.of_y, len(y), length_ms, half_life)
        volatility[asset] = None if wild is None else share(wild)
        for hedge in assets:
            if hedge == asset:
                continue
            both = moments(found.by_asset[hedge], y, half_life)
            if both is None or wild is None:
                pairs.append(Pair(asset, hedge, None, None, None, None))
                continue
            explained = both.correlation**2
            left = share(wild * sqrt(max(0.0, 1 - explained)))
            pairs.append(Pair(asset, hedge, share(both.correlation), share(both.beta), share(explained), left))
    return Correlations(assets, len(found), found.closed_ms, volatility, tuple(pairs))
