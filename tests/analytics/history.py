"""How do policies judge a real history? Candle by candle, with the parts that judge in earnest; no venue and no order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pandas as pd

from adapters.candles import RecordedPast
from adapters.clock import VirtualClock
from adapters.history import Bar, Rate, read_bars, read_rates
from bot.core import policies
from bot.core.model import Quote, Target, TargetSource
from bot.core.policy_terms import Memory
from bot.core.policy_terms import Policies as Rules
from bot.settings_policies import Policies
from bot.signs import Measured
from tests.core.worlds import leg_rule
from tests.core.worlds import rules as core_rules
from tests.replay.data import data

D = Decimal
BARS = "btc-1h-2020-2023.csv"
RATES = "btc-funding-8h-2020-2023.csv"
DERIBIT = "deribit-btc-index-funding-1h-2019-2021.csv"


def policy(**written: object) -> Rules:
    """As from hedge.yaml."""
    return Policies.model_validate(written).rules


def bars(name: str = BARS) -> Sequence[Bar]:
    return read_bars(data(name), allow_gaps=True)


def rates(name: str = RATES) -> Sequence[Rate]:
    return read_rates(data(name), allow_gaps=True)


async def judged(
    rules: Rules,
    moments: Sequence[int],
    past_bars: Sequence[Bar] = (),
    past_rates: Sequence[Rate] = (),
    quotes: Sequence[Quote] = (),
    current: Decimal | None = None,
) -> list[tuple[int, Decimal]]:
    """At each moment the effective ratio of a target of 1; moments at which it is UNKNOWN are left out."""
    leg = replace(leg_rule(), policies=rules)
    clock = VirtualClock(moments[0])
    measured = Measured(RecordedPast(clock, {"BTC": past_bars}, {"BTC": past_rates}), core_rules(leg))
    memory, found = Memory(), []
    for index, now_ms in enumerate(moments):
        clock.advance_to(now_ms)
        signs = next(iter(await measured.read()), None)
        target = Target("BTC", D(1), TargetSource.CONFIG)
        quote = quotes[index] if quotes else None
        applied = policies.apply(leg, target, memory, signs, quote, current, now_ms, armed=True)
        memory = applied.memory
        if applied.target is not None:
            current = applied.target.ratio
            found.append((now_ms, current))
    return found


def changes(ratios: Sequence[tuple[int, Decimal]]) -> list[tuple[pd.Timestamp, Decimal]]:
    """The first ratio, and each that differs from the one before it."""

    def walk() -> Iterator[tuple[pd.Timestamp, Decimal]]:
        before = None
        for at_ms, ratio in ratios:
            if ratio != before:
                yield pd.Timestamp(at_ms, unit="ms", tz="UTC"), ratio
            before = ratio

    return list(walk())


def switches(series: pd.Series) -> list[tuple[pd.Timestamp, Decimal]]:
    """The same of a pandas series of ratios; NaN is UNKNOWN."""
    known = series.dropna()
    moved = known[known.ne(known.shift())]
    return [(at, D(str(round(value, 6))).normalize() if value else D(0)) for at, value in moved.items()]


def table(name: str) -> pd.DataFrame:
    """A file as pandas reads it, by time."""
    return pd.read_csv(Path(data(name)), parse_dates=["timestamp"], index_col="timestamp")


def daily(name: str = BARS) -> pd.DataFrame:
    """Whole days of hourly bars, named by the moment at which they close."""
    days = table(name).resample("1D").agg({"open": "first", "high": "max", "low": "min", "close": "last"})
    days.index = days.index + pd.Timedelta("1D")
    return days


def milliseconds(index: pd.DatetimeIndex) -> list[int]:
    return [int(at.timestamp() * 1000) for at in index]
