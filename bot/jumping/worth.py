"""What were bag and account worth when each bar ended, and what would the ideal hedge have been? Told of a whole run at once.

From one change to the next (course.py) both follow the price in straight lines; the ideal of a `value` hedge compounds from bar to bar.
Samples are the ends of all bars, and then the end of the run. Measured in floats: they report and decide nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bot.core.decision import Baseline
from bot.core.model import ZERO, Basis, Instrument, Kind
from bot.core.rules import LegRule
from bot.course import Course
from bot.jumping.columns import Floats, Whole
from bot.jumping.grid import Grid
from bot.jumping.steps import steps, steps_with_funding


@dataclass(frozen=True, slots=True)
class Regime:
    """A baseline, from the moment it was set; the first sample after that is `begins`."""

    begins: int
    price: float
    baseline: Baseline | None


@dataclass(frozen=True, slots=True)
class Pieces:
    """From the sample `begins` on, until the next piece: worth `coins * price + usd`, and funding less fees that were booked."""

    begins: Whole
    coins: Floats
    usd: Floats
    booked: Floats

    def each(self, amounts: Floats, count: int) -> Floats:
        """An amount of each piece, at each sample."""
        each: Floats = np.repeat(amounts, np.diff(self.begins, append=count))
        return each

    def of(self, begins: Whole) -> Whole:
        """The piece in which each of these samples lies."""
        found: Whole = self.begins.searchsorted(begins, "right") - 1
        return found


class Worth:
    """One asset of a run."""

    def __init__(self, grid: Grid, course: Course, rule: LegRule, contract: Instrument, coins: Decimal, posted: Decimal) -> None:
        """`coins` of the asset, in bag and collateral together; `posted`: of what the contract settles in."""
        self.rule, self.whole = rule, float(coins)
        self.prices = grid.tracks[rule.asset].ends
        self.opening = float(grid.tracks[rule.asset].first_price)
        turnings = course.turnings.get(rule.asset, [])
        wallet = steps_with_funding(course, rule.asset, "wallet", 0.0)
        funding = steps_with_funding(course, rule.asset, "funding_usd", 0.0)
        self.linear, size = contract.kind is Kind.LINEAR, contract.contract_size
        short = steps(turnings, lambda one: float(-one.contracts * size), 0.0).at(wallet.at_ms)
        entry = steps(turnings, lambda one: float(one.entry_price) if one.entry_price else np.inf, np.inf).at(wallet.at_ms)
        moved = steps(turnings, lambda one: float(one.moved_in), 0.0).at(wallet.at_ms)
        fees = steps(turnings, lambda one: float(one.fees_usd), 0.0).at(wallet.at_ms)
        begins = grid.at_ms.searchsorted(wallet.at_ms - grid.length_ms, "left")
        newest = np.append(begins[1:] != begins[:-1], True)[: len(begins)]
        outside = float(coins if self.linear else coins - posted)
        fresh = [0] if len(begins) and begins[0] == 0 else []  # a change before the first bar ended: nothing of before is seen
        if self.linear:  # its dollars at the start are neutral to the coin
            held, dollars = outside - short, wallet.amounts - float(posted) + short * np.where(short == 0, 0.0, entry)
        else:
            held, dollars = outside - moved + wallet.amounts - short / entry, short
        self.pieces = Pieces(
            np.delete(np.concatenate(([0], begins[newest])), fresh),
            np.delete(np.concatenate(([self.whole], held[newest])), fresh),
            np.delete(np.concatenate(([0.0], dollars[newest])), fresh),
            np.delete(np.concatenate(([0.0], (funding.amounts - fees)[newest])), fresh),
        )
        self.regimes = [Regime(0, self.opening, None)]
        for one in turnings:
            if one.baseline != self.regimes[-1].baseline:
                first = int(grid.at_ms.searchsorted(one.at_ms - grid.length_ms, "left"))
                self.regimes.append(Regime(first, float(one.price), one.baseline))

    def delta(self, baseline: Baseline | None, coins: float) -> float:
        """δ* = (1-h)B for `coins`, (1-h)(S+Q) of the ideal for `value`; of a linear contract (1-h)S."""
        if baseline is None:
            return float(1 - self.rule.ratio) * self.whole
        if self.linear and baseline.basis is Basis.VALUE:
            return float(1 - baseline.ratio) * self.whole
        return float(1 - baseline.ratio) * (float(baseline.coins) if baseline.basis is Basis.COINS else coins)

    @property
    def straight(self) -> bool:
        return not any(self.compounds(one.baseline) for one in self.regimes)

    def compounds(self, baseline: Baseline | None) -> bool:
        """Does what is hedged follow what bag and account are worth?"""
        return not self.linear and baseline is not None and baseline.basis is Basis.VALUE

    def extremes(self) -> tuple[float, float]:
        """Where the ideal is straight too: nowhere are both further apart than at the highest and the lowest price of a piece."""
        begins, deltas, levels = [], [], []
        ideal, price, delta = self.whole * self.opening, self.opening, 0.0
        for one in self.regimes:
            ideal, price = ideal + delta * (one.price - price), one.price
            delta = self.delta(one.baseline, 0.0)
            begins.append(one.begins)
            deltas.append(delta)
            levels.append(ideal - delta * price)
        pieces = self.pieces
        at = np.array(sorted({*pieces.begins.tolist(), *begins}), dtype=np.int64)  # np.unique would load numpy's masked arrays
        piece, regime = pieces.of(at), np.array(begins).searchsorted(at, "right") - 1
        coins, usd = pieces.coins[piece], pieces.usd[piece]
        apart_coins = coins - np.array(deltas)[regime]
        apart_usd = usd - np.array(levels)[regime] - pieces.booked[piece]
        least, error = float("inf"), 0.0
        for prices in (np.maximum.reduceat(self.prices, at), np.minimum.reduceat(self.prices, at)):
            least = min(least, float((coins * prices + usd).min()))
            error = max(error, float(np.abs(apart_coins * prices + apart_usd).max()))
        return least, error

    def value(self) -> Floats:
        pieces, count = self.pieces, len(self.prices)
        worth: Floats = pieces.each(pieces.coins, count) * self.prices + pieces.each(pieces.usd, count)
        return worth

    def ideal(self) -> Floats:
        count = len(self.prices)
        ideal = np.empty(count)
        booked = np.diff(self.pieces.each(self.pieces.booked, count), prepend=0.0)
        worth, price, delta = self.whole * self.opening, self.opening, 0.0
        ends = [one.begins for one in self.regimes[1:]] + [count]
        for one, end in zip(self.regimes, ends, strict=True):
            worth, price = worth + delta * (one.price - price), one.price
            delta = self.delta(one.baseline, worth / price)
            if one.begins == end:
                continue
            prices, paid = self.prices[one.begins : end], booked[one.begins : end]
            first = worth + delta * (prices[0] - price)
            if one.baseline is None or not self.compounds(one.baseline):
                ideal[one.begins : end] = first + delta * (prices - prices[0]) + paid.cumsum()
            else:  # each bar it holds (1-h) of what it is worth as the bar begins
                growth = np.ones(len(prices))
                np.divide(prices[1:], prices[:-1], out=growth[1:])
                growth[1:] = 1 + float(1 - one.baseline.ratio) * (growth[1:] - 1)
                grown = growth.cumprod()
                ideal[one.begins : end] = grown * (first + (paid / grown).cumsum())
            worth, price = float(ideal[end - 1]), float(prices[-1])
            delta = self.delta(one.baseline, worth / price)
        return ideal


def extremes(
    grid: Grid,
    course: Course,
    rules: Mapping[str, LegRule],
    contracts: Mapping[str, Instrument],
    bag: Mapping[str, Decimal],
    posted: Mapping[str, Decimal],
) -> tuple[float, float]:
    """The least that bag and account were worth, without what is neutral to every coin, and the largest distance from the ideal. USD."""
    value, ideal = np.zeros(len(grid) + 1), np.zeros(len(grid) + 1)
    for asset, track in grid.tracks.items():
        coins = bag.get(asset, ZERO) + posted.get(asset, ZERO)
        if asset not in rules:
            value += float(coins) * track.ends
            ideal += float(coins) * track.ends
            continue
        one = Worth(grid, course, rules[asset], contracts[asset], coins, posted.get(contracts[asset].settle, ZERO))
        if len(grid.tracks) == 1 and one.straight:
            return one.extremes()
        value += one.value()
        ideal += one.ideal()
    return float(value.min()), float(np.abs(value - ideal).max())
