"""Is β measured right? Against the exact mathematics of the core, against pandas on real history, and never with a candle of the future."""

from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.candles import RecordedPast
from adapters.clock import VirtualClock
from adapters.history import Bar, instant_ms, read_bars
from bot.analytics.regression import fitted, moments, returns_of, weights
from bot.core import regression
from bot.core.rules import CrossRule
from bot.ports import Candle, Priced, Wanted
from bot.signs import Crossed
from tests.core.test_carried import CROSS
from tests.core.worlds import leg_rule, rules
from tests.replay.data import data, needs_data

D = Decimal
HOUR = 3_600_000
AUTO = replace(CROSS, beta=None, lookback=720)
SOL, BTC = "sol-1h-2020-2023.csv", "btc-1h-2020-2023.csv"


def candles(closes: list[float], first: int = 0) -> list[Candle]:
    return [Candle((first + n) * HOUR, D(str(close)), D(str(close)), D(str(close))) for n, close in enumerate(closes)]


# ---------------------------------------------------------------------------------------------------------------- the formula


def test_v19_in_floats_is_what_the_exact_mathematics_says() -> None:
    x, y = [0.01, -0.02, 0.015, -0.01, 0.03], [0.02, -0.025, 0.02, -0.02, 0.045]
    found = moments(np.array(x), np.array(y), None)
    assert found is not None
    assert round(found.beta, 12) == 1.46875
    assert round(found.correlation**2, 6) == 0.977780


@given(st.lists(st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)), min_size=2, max_size=60))
def test_ordinary_least_squares_agree_with_the_exact_ones_on_any_returns(pairs: list[tuple[float, float]]) -> None:
    x, y = [round(one, 6) for one, _ in pairs], [round(other, 6) for _, other in pairs]
    exact = regression.ordinary_least_squares([D(str(one)) for one in x], [D(str(other)) for other in y])
    found = moments(np.array(x), np.array(y), None)
    if exact is None or min(np.var(x), np.var(y)) < 1e-12:
        return
    assert found is not None
    assert found.beta == pytest.approx(float(exact.beta), rel=1e-6, abs=1e-9)
    assert found.correlation**2 == pytest.approx(float(exact.r_squared), rel=1e-6, abs=1e-9)


def test_series_that_do_not_move_have_no_beta() -> None:
    still, moves = np.zeros(40), np.linspace(-0.1, 0.1, 40)
    assert moments(still, moves, None) is None
    assert moments(moves, still, None) is None
    assert fitted(AUTO, candles([100.0] * 60), candles([5.0 + n for n in range(60)]))[1] == "59 returns that both markets share give no β"


def test_weights_halve_with_each_half_life_and_add_up_to_one() -> None:
    found = weights(5, D(2))
    assert found.sum() == pytest.approx(1)
    assert found[-1] / found[-3] == pytest.approx(2)
    assert list(weights(4, None)) == [0.25] * 4


# ---------------------------------------------------------------------------------------------------------------- which returns


def test_only_candles_that_both_markets_have_one_after_the_other_make_a_return() -> None:
    one = candles([10, 11, 12, 13, 14, 15])
    other = [candle for candle in candles([1, 2, 3, 4, 5, 6]) if candle.opened_ms != 2 * HOUR]
    found = returns_of({"one": one, "other": other}, HOUR)
    assert [round(float(value), 9) for value in found.by_asset["other"]] == [
        round(float(np.log(b / a)), 9) for a, b in ((1, 2), (4, 5), (5, 6))
    ]
    assert (len(found), found.closed_ms) == (3, 6 * HOUR)
    assert len(returns_of({"one": one, "other": other}, HOUR, 2)) == 2
    assert len(returns_of({"one": one, "other": []}, HOUR)) == 0


def test_the_newest_candle_is_one_that_both_have() -> None:
    up = [100 * 1.01 ** (n % 7) for n in range(50)]
    fit, _ = fitted(AUTO, candles(up), candles(up)[:45])
    assert fit is not None
    assert (fit.closed_ms, fit.returns, fit.beta, fit.r_squared) == (45 * HOUR, 44, 1, 1)
    assert fit.residual_volatility == 0


def test_a_beta_of_five_candles_says_that_it_is_one_of_five() -> None:
    fit, why = fitted(AUTO, candles([1, 1.1, 1.05, 1.2, 1.1, 1.3]), candles([1, 1.05, 1.02, 1.1, 1.06, 1.15]))
    assert fit is not None
    assert (fit.returns, why) == (5, "")
    none, why = fitted(AUTO, [], candles([1, 2]))
    assert (none, why) == (None, "no closed candle of SOL is known")
    assert fitted(AUTO, candles([1, 2]), [])[1] == "no closed candle of BTC is known"


# ---------------------------------------------------------------------------------------------------------------- real history


class Still:
    """Prices are no part of this."""

    async def price(self, asset: str, market: str) -> Priced:
        return Priced(D(1), 0)


@cache
def bars_of(name: str) -> tuple[Bar, ...]:
    return read_bars(data(name), allow_gaps=True)


def past_of(clock: VirtualClock) -> tuple[RecordedPast, dict[str, tuple[Bar, ...]]]:
    bars = {"BTC": bars_of(BTC), "SOL": bars_of(SOL)}
    return RecordedPast(clock, bars, {}), bars


async def measured(rule: CrossRule, moments_ms: list[int]) -> list[tuple[int, float, float]]:
    """(closed_ms, β, R²) at each moment, by the parts that the bot has."""
    clock = VirtualClock(moments_ms[0])
    crossed = Crossed(Still(), past_of(clock)[0], replace(rules(leg_rule()), crosses=(rule,)))
    found = []
    for now_ms in moments_ms:
        clock.advance_to(now_ms)
        (seen,) = await crossed.read()
        assert seen.fit is not None
        found.append((seen.fit.closed_ms, float(seen.fit.beta), float(seen.fit.r_squared)))
    return found


def returns() -> pd.DataFrame:
    """Log returns of hours whose predecessor both files have, by the moment at which they close."""
    read = [pd.read_csv(data(name), parse_dates=["timestamp"], index_col="timestamp")["close"] for name in (BTC, SOL)]
    closes = pd.concat(read, axis=1, keys=["BTC", "SOL"]).dropna()
    logs = np.log(closes).diff()[closes.index.to_series().diff() == pd.Timedelta("1h")]
    logs.index = logs.index + pd.Timedelta("1h")
    return logs


DAYS = [instant_ms("2021-02-01") + n * 9 * 24 * HOUR + 123_456 for n in range(110)]


@needs_data
@pytest.mark.parametrize("half_life", [None, D(180)], ids=["ols", "ewma"])
async def test_beta_and_r_squared_over_three_years_are_what_pandas_computes(half_life: Decimal | None) -> None:
    ours = await measured(replace(AUTO, half_life=half_life), DAYS)
    logs = returns()
    for (closed_ms, beta, r_squared), now_ms in zip(ours, DAYS, strict=True):
        now = pd.Timestamp(now_ms, unit="ms", tz="UTC").floor("1h")
        window = logs[(logs.index <= now) & (logs.index > now - pd.Timedelta("720h"))]
        assert closed_ms == int(window.index[-1].timestamp() * 1000)
        if half_life is None:
            cov = window.cov()
            theirs, explained = cov.loc["SOL", "BTC"] / cov.loc["BTC", "BTC"], window.corr().loc["SOL", "BTC"] ** 2
        else:
            by = window.ewm(halflife=float(half_life))
            cov = by.cov(bias=True).loc[window.index[-1]]
            theirs = cov.loc["SOL", "BTC"] / cov.loc["BTC", "BTC"]
            explained = cov.loc["SOL", "BTC"] ** 2 / cov.loc["BTC", "BTC"] / cov.loc["SOL", "SOL"]
        assert beta == pytest.approx(theirs, abs=2e-6)
        assert r_squared == pytest.approx(explained, abs=2e-6)


@needs_data
async def test_no_candle_counts_before_it_has_closed() -> None:
    close_ms = instant_ms("2022-11-09T12:00")
    before, at, later = await measured(AUTO, [close_ms - 1, close_ms, close_ms + HOUR - 1])
    assert (before[0], at[0], later[0]) == (close_ms - HOUR, close_ms, close_ms)
    assert before != at == later


@needs_data
async def test_what_comes_later_changes_nothing_that_was_measured_before() -> None:
    now_ms = instant_ms("2022-11-09T12:30")
    clock = VirtualClock(now_ms)
    _, bars = past_of(clock)
    forged = {
        asset: [bar if bar.at_ms + bar.length_ms <= now_ms else replace(bar, close=D(1), low=D(1)) for bar in of]
        for asset, of in bars.items()
    }
    crossed = Crossed(Still(), RecordedPast(clock, forged, {}), replace(rules(leg_rule()), crosses=(AUTO,)))
    (seen,) = await crossed.read()
    ((closed_ms, beta, r_squared),) = await measured(AUTO, [now_ms])
    assert seen.fit is not None
    assert (seen.fit.closed_ms, float(seen.fit.beta), float(seen.fit.r_squared)) == (closed_ms, beta, r_squared)


@needs_data
async def test_a_past_hands_over_as_much_as_is_wanted_and_the_same_object_until_there_is_more() -> None:
    clock = VirtualClock(instant_ms("2022-01-01"))
    past, _ = past_of(clock)
    wanted = Wanted("SOL", "SOL/USDT:USDT", HOUR, 721)
    first = await past.read(wanted)
    assert len(first.candles) == 721
    clock.advance_to(clock.now_ms() + HOUR - 1)
    assert await past.read(wanted) is first
    clock.advance_to(clock.now_ms() + 1)
    assert (await past.read(wanted)).candles[-2] == first.candles[-1]
