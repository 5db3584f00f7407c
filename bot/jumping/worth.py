"""What are bag and account worth at the end of every bar that was jumped over, and what would the ideal hedge be?

Between two payments both follow the price in straight lines (a `value` hedge's ideal compounds from bar to bar). Measured in floats: they
report and decide nothing. What the ideal hedge of `coins` has in the end is booked exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bot.core.decision import Baseline
from bot.core.model import ZERO, Basis, FundingPayment
from bot.jumping.ahead import Due
from bot.jumping.columns import Floats, Whole
from bot.jumping.grid import Ends
from bot.replay import Tally


@dataclass(frozen=True, slots=True)
class Holding:
    """One asset as the stretch begins, and the last price before it ends."""

    asset: str
    baseline: Baseline
    coins: float  # S + C - N/E
    hedged_usd: float  # N
    ideal_delta: Decimal  # δ* until the next bar ends
    ends_at: Decimal


@dataclass(frozen=True, slots=True)
class Pieces:
    """Ends of bars between one settlement and the next: where each piece begins, and what was paid until then, by asset."""

    starts: Whole
    count: int
    coins: Mapping[str, Floats]
    usd: Mapping[str, Floats]

    @classmethod
    def of(cls, ends: Ends, due: Sequence[Due], payments: Sequence[FundingPayment | None], assets: Sequence[str]) -> "Pieces":
        count = len(ends.at_ms)
        paid = [(one, payment) for one, payment in zip(due, payments, strict=True) if payment is not None]
        places = ends.at_ms.searchsorted(np.array([one.at_ms for one, _ in paid], dtype=np.int64), "left")
        starts = np.unique(np.concatenate((np.zeros(1, dtype=np.int64), places[places < count])))
        coins, usd = ({asset: np.zeros(len(starts)) for asset in assets} for _ in range(2))
        for (one, payment), piece in zip(paid, starts.searchsorted(places[places < count]).tolist(), strict=False):
            coins[one.asset][piece] += float(payment.coins)
            usd[one.asset][piece] += float(payment.coins * payment.mark)
        return cls(starts, count, {asset: of.cumsum() for asset, of in coins.items()}, {asset: of.cumsum() for asset, of in usd.items()})

    def each(self, amounts: Floats) -> Floats:
        """An amount of each piece, at each end."""
        return np.repeat(amounts, np.diff(self.starts, append=self.count))


def measure(
    tally: Tally,
    holdings: Sequence[Holding],
    ends: Ends,
    due: Sequence[Due],
    payments: Sequence[FundingPayment | None],
    elsewhere: float,
) -> None:
    """Into the tally. `elsewhere`: what the account holds in other currencies, in USD."""
    if not len(ends.at_ms):
        for one in holdings:
            tally.ideal[one.asset] += one.ideal_delta * (one.ends_at - tally.last[one.asset])
        return
    pieces = Pieces.of(ends, due, payments, [one.asset for one in holdings])
    if len(holdings) == 1 and holdings[0].baseline.basis is Basis.COINS:
        value, ideal = extremes(tally, holdings[0], ends.prices[holdings[0].asset], pieces)
    else:
        value, ideal = np.zeros(pieces.count), np.zeros(pieces.count)
        for one in holdings:
            prices = ends.prices[one.asset]
            value += pieces.each(one.coins + pieces.coins[one.asset]) * prices + one.hedged_usd
            ideal += straight(tally, one, prices, pieces) if one.baseline.basis is Basis.COINS else compounded(tally, one, prices, pieces)
    value += elsewhere
    tally.value_usd, least = Decimal(float(value[-1])), Decimal(float(value.min()))
    tally.least_usd = least if tally.least_usd is None else min(tally.least_usd, least)
    tally.error_usd = max(tally.error_usd, Decimal(float(np.abs(value - ideal - float(tally.dollars)).max())))
    last_ms = int(ends.at_ms[-1])
    booked = [(one.asset, payment) for one, payment in zip(due, payments, strict=True) if payment is not None and one.at_ms <= last_ms]
    for asset, payment in booked:
        tally.booked[asset] = tally.booked.get(asset, ZERO) + payment.coins * payment.mark
    for one in holdings:
        if one.baseline.basis is Basis.COINS:
            paid = sum((payment.coins * payment.mark for asset, payment in booked if asset == one.asset), ZERO)
            tally.ideal[one.asset] += one.ideal_delta * (one.ends_at - tally.last[one.asset]) + paid


def extremes(tally: Tally, one: Holding, prices: Floats, pieces: Pieces) -> tuple[Floats, Floats]:
    """Value and ideal at the highest, the lowest and the last price of each piece: nowhere in between are they further apart."""
    lasts = prices[np.append(pieces.starts[1:], pieces.count) - 1]
    picked = np.stack((np.maximum.reduceat(prices, pieces.starts), np.minimum.reduceat(prices, pieces.starts), lasts))
    value = (one.coins + pieces.coins[one.asset]) * picked + one.hedged_usd
    ideal = float(tally.ideal[one.asset]) + pieces.usd[one.asset] + float(one.ideal_delta) * (picked - float(tally.last[one.asset]))
    return value.ravel(), ideal.ravel()


def straight(tally: Tally, one: Holding, prices: Floats, pieces: Pieces) -> Floats:
    """The ideal of a hedge of `coins`: δ* stays as it is."""
    moved: Floats = float(one.ideal_delta) * (prices - float(tally.last[one.asset]))
    return moved + pieces.each(float(tally.ideal[one.asset]) + pieces.usd[one.asset])


def compounded(tally: Tally, one: Holding, prices: Floats, pieces: Pieces) -> Floats:
    """The ideal of a `value` hedge: at each end it holds (1-h) of what it is worth then, until the next one."""
    share, asset = float(1 - one.baseline.ratio), one.asset
    growth = np.ones(pieces.count)
    np.divide(prices[1:], prices[:-1], out=growth[1:])
    growth[1:] = 1 + share * (growth[1:] - 1)
    grown = growth.cumprod()
    paid = np.diff(pieces.usd[asset], prepend=0.0)
    first = float(tally.ideal[asset]) + float(one.ideal_delta) * (prices[0] - float(tally.last[asset]))
    ideal: Floats = grown * (first + pieces.each((paid / grown[pieces.starts]).cumsum()))
    delta = share * ideal[-1] / prices[-1]
    tally.held[asset] = one.baseline, Decimal(delta)
    tally.ideal[asset] = Decimal(ideal[-1] + delta * (float(one.ends_at) - prices[-1]))
    return ideal
