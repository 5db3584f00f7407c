"""When would each policy have switched? On real prices, against the formula as pandas computes it."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from bot.core.model import Quote
from tests.analytics.history import bars, changes, daily, judged, milliseconds, policy, rates, switches, table
from tests.replay.data import needs_data

pytestmark = needs_data
D = Decimal


def remembered(called: pd.Series, dismissed: pd.Series, known: pd.Series, before: bool) -> pd.Series:
    """True from each call to the next dismissal; NaN while nothing is known."""
    word = pd.Series(np.where(called, 1.0, np.where(dismissed, 0.0, np.nan)), index=called.index)
    return word.where(known).ffill().fillna(float(before)).where(known)


def trend(days: pd.DataFrame, fast: int, slow: int, channel: int) -> pd.Series:
    """Days in a row on which the EMA cross and the last Donchian break agree, signed."""
    close = days["close"]
    side = np.sign(close.ewm(span=fast, adjust=False).mean() - close.ewm(span=slow, adjust=False).mean())
    above = close > days["high"].shift(1).rolling(channel).max()
    below = close < days["low"].shift(1).rolling(channel).min()
    broken = pd.Series(np.select([above, below], [1.0, -1.0], np.nan), index=close.index).ffill()
    agreed = side.where(side == broken, 0.0)
    run = agreed.groupby((agreed != agreed.shift()).cumsum()).cumcount() + 1
    return agreed * run


@pytest.mark.parametrize(("fast", "slow", "channel", "confirmations"), [(12, 26, 20, 2), (20, 50, 55, 3), (5, 15, 10, 1)])
async def test_a_reversal_switches_on_the_days_that_pandas_names(fast: int, slow: int, channel: int, confirmations: int) -> None:
    days = daily()
    run = trend(days, fast, slow, channel)
    known = pd.Series(np.arange(len(days)) + 1 >= max(slow, channel + 1) + confirmations, index=days.index)
    unwound = remembered(run >= confirmations, run <= -confirmations, known, before=False)
    rules = policy(reversal={"fast": fast, "slow": slow, "channel": channel, "confirmations": confirmations})
    got = changes(await judged(rules, milliseconds(days.index), bars()))
    assert got == switches(1 - unwound)
    assert len(got) > 5


async def test_a_drawdown_below_the_average_switches_on_the_days_that_pandas_names() -> None:
    days = daily()
    average = days["close"].rolling(100).mean()
    called = remembered(days["close"] < average * 0.99, days["close"] > average * 1.01, average.notna(), before=False)
    rules = policy(drawdown={"average_days": "100"})
    got = changes(await judged(rules, milliseconds(days.index), bars()))
    assert got == switches(called)
    assert len(got) > 10


async def test_a_fall_calls_the_hedge_in_on_the_days_that_pandas_names() -> None:
    days = daily()
    fall = 1 - days["close"] / days["high"].rolling(14).max()
    called = remembered(fall >= 0.15, fall <= 0.075, fall.notna(), before=False)
    rules = policy(drawdown={"fall": "0.15", "fall_days": "14", "keep": "0.25"})
    got = changes(await judged(rules, milliseconds(days.index), bars()))
    assert got == switches(called.map({1.0: 1.0, 0.0: 0.25}))
    assert (pd.Timestamp("2020-02-27", tz="UTC"), D(1)) in got  # two weeks before the crash


async def test_funding_switches_at_the_settlements_that_pandas_names() -> None:
    paid = table("deribit-btc-index-funding-1h-2019-2021.csv")["interest_1h"]
    cost = -paid.rolling("7D").sum() * 365 / 7
    known = pd.Series(paid.index >= paid.index[0] + pd.Timedelta("7D"), index=paid.index)
    costly = remembered(cost.round(6) > 0.1, cost.round(6) <= 0.05, known, before=False)
    rules = policy(funding={"budget": "0.1"})
    settled = rates("deribit-btc-index-funding-1h-2019-2021.csv")
    got = changes(await judged(rules, milliseconds(paid.index), past_rates=settled))
    assert got == switches(1 - costly)
    assert any(at.strftime("%Y-%m") == "2020-03" and ratio == 0 for at, ratio in got)  # March 2020: shorts paid


async def test_volatility_steps_on_the_days_that_pandas_names() -> None:
    days = daily()
    deviation = np.log(days["close"]).diff().rolling(30).std() * np.sqrt(365)
    exact = (1 - 0.3 / deviation.round(6)).clip(lower=0)
    steps, before = [], None
    for value in exact:
        if not np.isnan(value) and (before is None or abs(value - before) >= 0.1):
            before = np.floor(value / 0.1 + 0.5) * 0.1
        steps.append(np.nan if before is None else before)
    rules = policy(volatility={"target": "0.3"})
    got = changes(await judged(rules, milliseconds(days.index), bars()))
    assert got == switches(pd.Series(steps, index=days.index))
    assert len(got) > 20


async def test_the_basis_holds_a_ramp_back_on_the_bars_that_pandas_names() -> None:
    shown = table("bybit-spot-linear-inverse-8h-2023.csv")
    spot = shown[shown["pair"].eq("BTC/USDT") & shown["contract"].eq("spot")]["close"]
    both = pd.concat([spot, shown[shown["pair"].eq("BTCUSDCM")]["close"]], axis=1, keys=["spot", "perpetual"]).dropna()
    under = 1 - both["perpetual"] / both["spot"]
    discounted = remembered(under >= 0.0004, under <= 0.0002, under.notna(), before=False)
    ramp = np.minimum(1, 0.2 + 0.8 * np.floor((both.index - both.index[0]) / pd.Timedelta("2D")) / 100)
    ratios, before = [], 0.0
    for held, level in zip(discounted, ramp, strict=True):
        before = min(level, before) if held else level
        ratios.append(before)
    quotes = [
        Quote("BTC/USD:BTC", D(str(price)), D(str(index)), D(str(price)), D(str(price)), None, at_ms)
        for at_ms, price, index in zip(milliseconds(both.index), both["perpetual"], both["spot"], strict=True)
    ]
    rules = policy(basis={"discount_bps": "4"}, ramp={"days": 200, "steps": 100, "start": "0.2"})
    got = await judged(rules, milliseconds(both.index), quotes=quotes, current=D(0))
    assert changes(got) == switches(pd.Series(ratios, index=both.index))
    free = await judged(policy(ramp={"days": 200, "steps": 100, "start": "0.2"}), milliseconds(both.index))
    assert changes(free) != changes(got)
    assert discounted.sum() > 100


async def test_a_ramp_and_a_schedule_step_at_the_hours_that_pandas_names() -> None:
    hours = table("deribit-btc-index-funding-1h-2019-2021.csv")["2020-03-01":"2020-04-15"].index
    rules = policy(
        schedule={"start": "2020-03-05", "until": "2020-03-31", "unwind_days": 4},
        ramp={"days": 8, "steps": 4, "start": "0.2"},
    )
    begins, horizon = pd.Timestamp("2020-03-05", tz="UTC"), pd.Timestamp("2020-04-01", tz="UTC")
    level = np.minimum(1, 0.2 + 0.8 * np.floor((hours - begins) / pd.Timedelta("2D")) / 4)
    over = np.floor((hours - horizon) / pd.Timedelta("1D"))
    left = np.where(hours < horizon, 1, np.maximum(0, 1 - (over + 1) / 4))
    expected = pd.Series(np.where(hours < begins, 0, level * left), index=hours)
    got = changes(await judged(rules, milliseconds(hours)))
    assert got == switches(expected)
    assert [ratio for _, ratio in got] == list(map(D, ("0", "0.2", "0.4", "0.6", "0.8", "1", "0.75", "0.5", "0.25", "0")))
