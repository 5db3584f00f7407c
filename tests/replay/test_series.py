"""What can be drawn of a replay? The same curves whether it jumped or stepped, and at each bar's end what the venue said just then."""

from decimal import Decimal
from random import Random

import pytest

pytest.importorskip("numpy")

import numpy as np

from adapters.history import Bar, Rate, instant_ms
from bot.core.events import CommandGiven
from bot.jumping.replay import JumpingReplay
from bot.settings import load
from bot.wiring.past import Recorded, drawn, replay

HOUR_MS = 3_600_000
BEGAN_MS = instant_ms("2024-01-01")
FULL = {"bag.BTC.coins": "2", "paper.collateral.BTC": "3", "hedges.BTC.ratio": "1.0", "paper.price.BTC": "1"}
HALF = {**FULL, "hedges.BTC.ratio": "0.5", "hedges.BTC.basis": "value"}
THIN = {**FULL, "bag.BTC.coins": "4", "paper.collateral.BTC": "1", "risk.max_leverage": "4", "risk.hard_leverage": "5"}
LINEAR = {**FULL, "paper.collateral.BTC": "0.5", "paper.collateral.USDT": "90000", "hedges.BTC.instrument": "BTC/USDT:USDT"}


def wandering(bars: int = 150, swing: float = 0.01, seed: int = 3) -> Recorded:
    chance, price, found = Random(seed), 60_000.0, []
    for hour in range(bars):
        close = price * (1 + swing * chance.gauss(0, 1))
        high, low = max(price, close) * (1 + swing * chance.random()), min(price, close) * (1 - swing * chance.random())
        found.append(Bar(BEGAN_MS + hour * HOUR_MS, HOUR_MS, *(Decimal(f"{one:.2f}") for one in (price, high, low, close))))
        price = close
    rates = [Rate(BEGAN_MS + hour * HOUR_MS, Decimal(f"{chance.gauss(0, 0.001):.8f}")) for hour in range(8, bars, 8)]
    return Recorded({"BTC": found}, {"BTC": rates})


def steep(*closes: int) -> Recorded:
    opens = (closes[0], *closes[:-1])
    bars = [
        Bar(BEGAN_MS + hour * HOUR_MS, HOUR_MS, Decimal(first), Decimal(max(first, last)), Decimal(min(first, last)), Decimal(last))
        for hour, (first, last) in enumerate(zip(opens, closes, strict=True))
    ]
    return Recorded({"BTC": bars}, {})


async def ran(flags, read, *, step=False):
    run = await replay(load(None, {}, {"mode": "live", "band.low": "0.98", "band.high": "1.02", **flags}), read, step=step, series=True)
    return run, await run.run()


@pytest.mark.parametrize("flags", [FULL, HALF, THIN], ids=["full", "half-value", "short-of-collateral"])
async def test_jumping_and_stepping_draw_the_same_curves(flags):
    read = wandering()
    (jumping, _), (stepping, _) = await ran(flags, read), await ran(flags, read, step=True)
    assert isinstance(jumping, JumpingReplay)
    assert not isinstance(stepping, JumpingReplay)
    assert jumping.jumped > 0
    ours, theirs = drawn(jumping, read, None), drawn(stepping, read, None)
    assert ours.orders == theirs.orders
    assert ours.fills == theirs.fills
    assert ours.fills
    for name in ("at_ms", "value_usd", "unhedged_usd", "naive_usd", "funding_usd", "fees_usd"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-10, atol=1e-6, err_msg=name)
    for name in type(ours.legs["BTC"]).__slots__:
        curves = getattr(ours.legs["BTC"], name), getattr(theirs.legs["BTC"], name)
        np.testing.assert_allclose(*curves, rtol=1e-8, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("flags", [FULL, HALF, THIN, LINEAR], ids=["full", "half-value", "short-of-collateral", "linear"])
async def test_each_bar_ends_with_what_the_venue_and_the_bot_said_just_then(flags):
    read = wandering()
    run = await replay(load(None, {}, {"mode": "live", "band.low": "0.98", "band.high": "1.02", **flags}), read, step=True, series=True)
    said = []
    answer = await run.run(lambda progress: said.append((progress.value_usd, run.engine.decision.legs[0], progress.at_ms)))
    curves = drawn(run, read, None)
    leg, at = curves.legs["BTC"], curves.at_ms.tolist()
    assert len(at) == len(read.bars["BTC"]) + 1
    assert len(said) > 100
    for value, plan, at_ms in said[:-1]:
        index = at.index(at_ms)
        assert curves.value_usd[index] == pytest.approx(float(value), abs=1e-4)
        assert leg.short_usd[index] == pytest.approx(-float(plan.position_usd), rel=1e-9)
        assert leg.target_usd[index] == pytest.approx(float(plan.target_usd), rel=1e-9)
        assert leg.ratio[index] == pytest.approx(float(plan.ratio_actual), rel=1e-9)
        assert leg.leverage[index] == pytest.approx(float(plan.leverage), rel=1e-9)
        assert leg.liquidation_price[index] == pytest.approx(float(plan.liquidation_price), rel=1e-9)
        assert leg.liquidation_distance[index] == pytest.approx(float(plan.liquidation_price / plan.mark) - 1, rel=1e-6)
    assert curves.value_usd[-1] == pytest.approx(float(answer["value_end_usd"]), abs=1e-4)
    assert curves.value_usd[0] == pytest.approx(float(answer["value_start_usd"]), abs=1e-4)
    assert curves.unhedged_usd[-1] == pytest.approx(float(answer["unhedged_value_end_usd"]), abs=1e-4)
    assert curves.funding_usd[-1] == pytest.approx(float(answer["funding_usd"]), abs=1e-4)
    assert curves.fees_usd[-1] == pytest.approx(float(answer["fees_usd"]), abs=1e-6)
    assert (len(curves.orders), len(curves.fills)) == (answer["orders"], answer["fills"])


@pytest.mark.parametrize("step", [False, True], ids=["jumping", "stepping"])
async def test_the_curves_end_when_what_was_under_way_after_the_last_bar_has_ended(step):
    read = wandering()
    last = read.bars["BTC"][-1]
    word = CommandGiven("target-set", "test", last.at_ms + last.length_ms, "BTC", Decimal("0.2"))
    run = await replay(load(None, {}, {"mode": "live", **FULL}), read, [word], step=step, series=True)
    answer = await run.run()
    curves = drawn(run, read, None)
    assert curves.fills[-1].at_ms > last.at_ms + last.length_ms
    assert curves.at_ms[-1] >= curves.fills[-1].at_ms
    assert len(curves.at_ms) == len(read.bars["BTC"]) + 2
    assert curves.value_usd[-1] == pytest.approx(float(answer["value_end_usd"]), abs=1e-4)
    assert curves.fees_usd[-1] == pytest.approx(float(answer["fees_usd"]), abs=1e-6)
    assert curves.legs["BTC"].short_usd[-1] == -100 * run.engine.state.legs[0].contracts


@pytest.mark.parametrize(
    ("closes", "naive", "hedged"),
    [
        ((60_000, 48_000, 36_000), 285_000, 300_000),
        ((60_000, 75_000, 90_000), 285_000, 300_000),
        ((60_000, 48_000, 60_000), 315_000, 300_000),
    ],
)
async def test_the_naive_rule_loses_what_v6_says(closes, naive, hedged):
    read = steep(*closes)
    run, _ = await ran(
        {**FULL, "bag.BTC.coins": "0", "paper.collateral.BTC": "5", "risk.max_leverage": "5", "risk.hard_leverage": "9"}, read
    )
    curves = drawn(run, read)
    assert curves.naive_usd[-1] == pytest.approx(naive, rel=1e-9)
    assert curves.value_usd[-1] == pytest.approx(hedged, rel=1e-3)
    assert curves.unhedged_usd[-1] == 5 * closes[-1]


async def test_a_few_points_hold_the_lowest_and_the_highest_close():
    read = wandering(bars=3_000)
    run, _ = await ran(FULL, read)
    few, every = drawn(run, read, 120), drawn(run, read, None)
    assert len(few.at_ms) <= 122
    assert len(every.at_ms) == 3_001
    assert few.unhedged_usd.min() == every.unhedged_usd.min()
    assert few.unhedged_usd.max() == every.unhedged_usd.max()
    assert few.value_usd[-1] == every.value_usd[-1]


async def test_a_replay_from_print_to_print_that_was_not_asked_keeps_no_series():
    read = wandering(bars=10)
    run = await replay(load(None, {}, {"mode": "live", **FULL}), read, step=True)
    await run.run()
    with pytest.raises(ValueError, match="series=True"):
        drawn(run, read)
