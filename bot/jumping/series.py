"""What can be drawn of a replay? Columns over time: what bag and account were worth, how they were hedged, and how near the end was.

    read = recorded(history)                              # wiring/past.py
    run = await replay(settings, read, series=True)       # it jumps or steps as ever
    answer = await run.run()
    curves = drawn(run, read, points=2_000)               # a Series; points=None: every bar

Nothing of this is measured on the way. A replay that jumps, and any that is asked for its series, keeps what changed (course.py: some
hundred bytes for each fill and settlement). Between two changes every curve is a formula of the price, and is computed here from the
price columns.
Floats: they are looked at, and decide nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from bot.core.decision import Baseline
from bot.core.model import ZERO, Basis, Instrument, Kind
from bot.course import Course, Turning
from bot.jumping.columns import Columns, Floats, Whole
from bot.jumping.steps import Steps, steps, steps_with_funding
from bot.replay import Replay

NEVER: Final = float("inf")
NAN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class LegSeries:
    """One asset at each moment of the series."""

    price: Floats
    short_usd: Floats  # N at the mark; positive for a short
    target_usd: Floats  # N*; with the band's edges as multiples of it, what the hedge was allowed to be. NaN before there was a target
    ratio: Floats  # 1 - δ/B, or 1 - δ/(S+Q) of a `value` hedge; NaN where that is undefined
    ratio_target: Floats  # in force; NaN before there was one
    delta_coins: Floats
    equity_coins: Floats  # Q; of a linear contract the USDT of its whole margin
    leverage: Floats  # infinite where equity is gone
    liquidation_price: Floats  # infinite where there is none; NaN where legs share their margin
    liquidation_distance: Floats  # liquidation_price / price - 1


@dataclass(frozen=True, slots=True)
class OrderMark:
    """An order of the bot, to be drawn on the price of `asset`."""

    at_ms: int
    asset: str
    side: str  # "buy" or "sell"
    contracts: int
    limit_price: float
    client_id: str
    why: str


@dataclass(frozen=True, slots=True)
class FillMark:
    at_ms: int
    asset: str
    side: str
    contracts: int
    price: float
    notional_usd: float
    fee_coins: float  # in settle currency
    client_id: str  # empty for a liquidation
    liquidation: bool


@dataclass(frozen=True, slots=True)
class Series:
    """Every array has one value for each moment: the first opening, then ends of bars. USD."""

    at_ms: Whole
    value_usd: Floats  # bag and account
    unhedged_usd: Floats  # the same coins without a hedge
    naive_usd: Floats  # short of ratio * coins * price at each bar's end, with the same funding rates and no fees: the rule of domain.md V6
    funding_usd: Floats  # received so far
    fees_usd: Floats  # paid so far
    legs: Mapping[str, LegSeries]
    orders: Sequence[OrderMark]
    fills: Sequence[FillMark]


def series(
    run: Replay, columns: Mapping[str, Columns], rates: Mapping[str, Sequence[tuple[int, Decimal]]], points: int | None = 2_000
) -> Series:
    """Of a replay that was run with `series=True`. At most about `points` moments, those of the lowest and highest closes among them;
    None: every bar."""
    course = run.course
    if course is None:
        raise ValueError("this replay kept no series: run it with series=True")
    at_ms = moments(columns, course, points)
    instruments = {one.asset: one for one in run.engine.parts.instruments.values()}
    legs: dict[str, LegSeries] = {}
    value, unhedged, naive, funding, fees = (np.zeros(len(at_ms)) for _ in range(5))
    for currency, amount in run.posted.items():
        if currency not in columns:  # USDT margin
            value += wallet_over(course, instruments.values(), currency, amount).at(at_ms)
            unhedged += float(amount)
            naive += float(amount)
    for asset, of in columns.items():
        posted = run.posted.get(asset, ZERO)
        curve = Curve(of, at_ms, course, instruments.get(asset), run.bag.get(asset, ZERO), posted)
        coins = float(run.bag.get(asset, ZERO) + posted)
        value += curve.worth_usd()
        unhedged += coins * curve.price
        naive += coins * naive_usd(of, at_ms, rates.get(asset, ()), course.turnings.get(asset, ()), curve.linear)
        funding += curve.booked("funding_usd")
        fees += curve.booked("fees_usd")
        if asset in instruments:
            legs[asset] = curve.leg(alone=sum(1 for one in instruments.values() if one.settle == curve.settle) == 1)
    return Series(at_ms, value, unhedged, naive, funding, fees, legs, orders_of(course), fills_of(course))


# ---------------------------------------------------------------------------------------------------------------- moments


def moments(columns: Mapping[str, Columns], course: Course, points: int | None) -> Whole:
    """The first opening, the ends of bars that are shown, and when what was under way then had ended, in the order of time."""
    first = min(int(of.at_ms[0]) for of in columns.values())
    shown = [of.at_ms[chosen(of, points)] + of.length_ms for of in columns.values()]
    last = max([int(one[-1]) for one in shown] + [turnings[-1].at_ms for turnings in course.turnings.values()])
    return np.unique(np.concatenate((np.array([first, last], dtype=np.int64), *shown)))


def chosen(of: Columns, points: int | None) -> Whole:
    """Of each stretch of bars the one with the lowest close, the one with the highest, and the last one."""
    count = len(of)
    if points is None or count <= points:
        return np.arange(count)
    edges = np.linspace(0, count, max(1, points // 3) + 1).astype(np.int64)
    found = [edges[1:] - 1]
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = of.close[begin:end]
        found.append(np.array([begin + part.argmin(), begin + part.argmax()], dtype=np.int64))
    return np.unique(np.concatenate(found))


def wallet_over(course: Course, instruments: Iterable[Instrument], currency: str, posted: Decimal) -> Steps:
    """A wallet that several legs may share: each of them saw it at its own moments."""
    seen = [steps_with_funding(course, one.asset, "wallet", 0.0) for one in instruments if one.settle == currency]
    at_ms = np.concatenate([np.zeros(0, dtype=np.int64), *(one.at_ms for one in seen)])
    amounts = np.concatenate([np.zeros(0), *(one.amounts for one in seen)])
    order = at_ms.argsort(kind="stable")
    return Steps(at_ms[order], amounts[order], float(posted))


# ---------------------------------------------------------------------------------------------------------------- curves


class Curve:
    """One asset: what is held of it, at each moment."""

    def __init__(self, of: Columns, at_ms: Whole, course: Course, instrument: Instrument | None, bag: Decimal, posted: Decimal) -> None:
        self.course, self.asset, self.at_ms, self.instrument = course, instrument.asset if instrument else "", at_ms, instrument
        self.turnings = course.turnings.get(self.asset, ())
        self.linear = instrument is not None and instrument.kind is Kind.LINEAR
        self.settle = instrument.settle if instrument is not None else ""
        self.price = np.concatenate((of.open[:1], of.close))[(of.at_ms + of.length_ms).searchsorted(at_ms, "right")]
        self.spot = float(bag) - self._held(lambda one: float(one.moved_in))
        self.posted = float(posted)
        size = float(instrument.contract_size) if instrument is not None else 0.0
        self.short = self._held(lambda one: -one.contracts * size)  # USD, coins of a linear contract
        self.entry = self._held(lambda one: float(one.entry_price) if one.entry_price is not None else NEVER)
        self.wallet = steps_with_funding(course, self.asset, "wallet", self.posted).at(at_ms)

    def _held(self, amount: Callable[[Turning], float], before: float = 0.0) -> Floats:
        return steps(self.turnings, amount, before).at(self.at_ms)

    def booked(self, kept: str) -> Floats:
        return steps_with_funding(self.course, self.asset, kept, 0.0).at(self.at_ms) if kept == "funding_usd" else self._held(fees_usd)

    def worth_usd(self) -> Floats:
        """Bag and account; of a linear contract without the margin that legs share."""
        if self.linear:
            return (self.spot + self.posted) * self.price + self.unrealised()
        return (self.spot + self.wallet + self.unrealised()) * self.price

    def unrealised(self) -> Floats:
        """In settle currency."""
        with np.errstate(divide="ignore", invalid="ignore"):
            profit = self.short * (self.entry - self.price) if self.linear else self.short * (1 / self.price - 1 / self.entry)
        return np.where(self.short == 0, 0.0, profit)

    def leg(self, *, alone: bool) -> LegSeries:
        price, value_basis = self.price, self._held(lambda one: one.baseline is not None and one.baseline.basis is Basis.VALUE) > 0
        base = self._held(lambda one: of_baseline(one.baseline, "coins"), NAN)
        ratio = self._held(lambda one: of_baseline(one.baseline, "ratio"), NAN)
        equity = self.wallet + self.unrealised()
        long = self.spot if self.linear else self.spot + equity
        short_coins = self.short if self.linear else self.short / price
        short_usd = short_coins * price
        delta = long - short_coins
        wanted = np.where(value_basis & (not self.linear), ratio * long, long - (1 - ratio) * base)
        target = np.where(ratio == 0, 0.0, np.maximum(wanted, 0.0)) * price
        whole = np.where(value_basis, long, base)
        margin_usd = equity if self.linear else equity * price
        rate = float(self.instrument.maintenance_rate) if self.instrument is not None else 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.linear:
                liquidated = (self.wallet + self.short * self.entry) / (self.short * (1 + rate))
            else:
                lacking = self.short / self.entry - self.wallet
                liquidated = np.where(lacking > 0, self.short * (1 - rate) / lacking, NEVER)
            liquidated = np.where(self.short > 0, liquidated, NEVER)
            leverage = np.where(short_usd == 0, 0.0, np.where(margin_usd > 0, np.abs(short_usd) / margin_usd, NEVER))
            actual = np.where(whole > 0, 1 - delta / whole, NAN)
        if not alone:
            liquidated, leverage = np.full(len(price), NAN), np.full(len(price), NAN)
        return LegSeries(price, short_usd, target, actual, ratio, delta, equity, leverage, liquidated, liquidated / price - 1)


def fees_usd(one: Turning) -> float:
    return float(one.fees_usd)


def of_baseline(baseline: Baseline | None, part: str) -> float:
    return NAN if baseline is None else float(getattr(baseline, part))


def naive_usd(of: Columns, at_ms: Whole, rates: Sequence[tuple[int, Decimal]], turnings: Sequence[Turning], linear: bool) -> Floats:
    """What one coin is worth whose hedge is the ratio times its price, made anew at each bar's end (V6)."""
    ends = of.at_ms + of.length_ms
    ratio = steps(turnings, lambda one: of_baseline(one.baseline, "ratio"), 0.0)
    prices = np.concatenate((of.open[:1], of.close))
    held = np.nan_to_num(ratio.at(np.concatenate((of.at_ms[:1], ends[:-1]))))
    earned = held * (prices[:-1] - prices[1:]) if linear else held * (prices[:-1] / prices[1:] - 1)
    begins = np.array([at for at, _ in rates], dtype=np.int64)
    paid = np.nan_to_num(ratio.at(begins)) * np.array([float(rate) for _, rate in rates])
    if linear:
        paid = paid * prices[ends.searchsorted(begins, "right")]
    grown = np.concatenate(([0.0], earned.cumsum()))[ends.searchsorted(at_ms, "right")]
    funded = np.concatenate(([0.0], paid.cumsum()))[begins.searchsorted(at_ms, "right")]
    price = prices[ends.searchsorted(at_ms, "right")]
    worth: Floats = price + grown + funded if linear else price * (1 + grown + funded)
    return worth


# ---------------------------------------------------------------------------------------------------------------- marks


def orders_of(course: Course) -> list[OrderMark]:
    orders = [(event, event.order) for event in course.orders]
    return [
        OrderMark(event.at_ms, one.asset, one.side.value, one.contracts, float(one.limit_price), one.client_id, one.why)
        for event, one in orders
    ]


def fills_of(course: Course) -> list[FillMark]:
    return [
        FillMark(
            at_ms=event.fill.at_ms,
            asset=event.asset,
            side=event.fill.side.value,
            contracts=event.fill.contracts,
            price=float(event.fill.price),
            notional_usd=float(event.notional_usd),
            fee_coins=float(event.fill.fee_coins),
            client_id=event.fill.client_id,
            liquidation=event.fill.liquidation,
        )
        for event in course.fills
    ]
