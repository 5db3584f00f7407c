"""Are a venue's candles and funding read in whole, closed ones only, and only once each? By the real client, over the wire."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.candles import candles_of
from adapters.ccxt_client import Keys, own_rate
from adapters.clock import SystemClock, VirtualClock
from adapters.exchanges.ccxt_open import open_venue
from adapters.history import Bar, instant_ms
from adapters.venue_past import AGAIN_MS, VenuePast, unbroken
from bot.audit.explain import explain
from bot.audit.verify import Verdict, verify
from bot.face import plan_json
from bot.ports import Candle, Misconfigured, Settled, Wanted
from bot.settings import load
from bot.settings_policies import Policies as Written
from bot.signs import asked
from bot.wiring.start import looking, wired
from tests.core.worlds import leg_rule, rules
from tests.venue_server import serve

D = Decimal
HOUR = 3_600_000
BTC = "BTC/USD:BTC"


def asked_of(**written: object) -> tuple[Wanted, ...]:
    """What the policies of a leg ask for."""
    leg = replace(leg_rule(), policies=Written.model_validate(written).rules)
    return next(wanted for _, _, wanted in asked(rules(leg)))


async def test_a_past_longer_than_a_page_is_read_whole_then_one_candle_at_a_time() -> None:
    now_ms = instant_ms("2024-03-10T00:00:30")
    hours = 100 * 4 + 12
    first_ms = now_ms - 30_000 - hours * HOUR
    async with serve("bybit") as server:
        prices = [(first_ms + n * HOUR, D(50_000 + n), D(50_100 + n), D(49_900 + n), D(50_001 + n)) for n in range(hours + 1)]
        server.core.candles[BTC] = prices
        server.core.funding_rates[BTC] = [(first_ms + n * 8 * HOUR, D(n) / 10_000) for n in range(-9, hours // 8 + 1)]
        clock = VirtualClock(now_ms)
        exchange = open_venue("bybit", "testnet", Keys(), clock, None, base_url=server.base_url)
        await exchange.connect([BTC])
        (wanted,) = asked_of(candle="4h", drawdown={"average_days": "16"}, funding={"lookback_days": "7"})
        past = VenuePast(exchange.client, clock)
        series = await past.read(wanted)
        assert series.problems == ()
        assert (len(series.candles), series.candles[-1].opened_ms) == (98, instant_ms("2024-03-09T20:00"))
        assert series.candles[-1] == Candle(
            series.candles[-1].opened_ms, D(50_100 + hours - 1), D(49_900 + hours - 4), D(50_001 + hours - 1)
        )
        assert series.rates[-1] == Settled(first_ms + hours // 8 * 8 * HOUR, D(hours // 8) / 10_000)
        assert series.rates[0].at_ms <= now_ms - 7 * 24 * HOUR
        asked = len(server.log)
        assert await past.read(wanted) is series
        assert len(server.log) == asked
        clock.advance_to(instant_ms("2024-03-10T04:00:30"))
        server.core.candles[BTC] += [(first_ms + n * HOUR, D(1), D(2), D(1), D(2)) for n in range(hours + 1, hours + 5)]
        await past.read(wanted)
        await past._reading[wanted]
        assert (await past.read(wanted)).candles[-1].opened_ms == instant_ms("2024-03-10")
        await past.close()
        await exchange.close()


async def test_what_was_read_stays_when_the_venue_falls_silent_and_the_reason_is_told() -> None:
    now_ms = instant_ms("2024-03-10T00:00:30")
    async with serve("bybit") as server:
        server.core.candles[BTC] = [(now_ms - 30_000 - n * HOUR, D(5), D(6), D(4), D(5)) for n in range(60, -1, -1)]
        clock = VirtualClock(now_ms)
        exchange = open_venue("bybit", "testnet", Keys(), clock, None, base_url=server.base_url)
        await exchange.connect([BTC])
        (wanted,) = asked_of(candle="1h", drawdown={"average_days": "1"})
        past = VenuePast(exchange.client, clock)
        before = await past.read(wanted)
    clock.advance_to(now_ms + HOUR)
    await past.read(wanted)
    await past._reading[wanted]
    after = await past.read(wanted)
    assert after.candles == before.candles
    assert "could not be read" in after.problems[0]
    assert past._due_ms[wanted] == now_ms + HOUR + AGAIN_MS
    await past.close()
    await exchange.close()


@pytest.mark.parametrize(("step", "ratio"), [(100, "0"), (-100, "1")])
async def test_the_whole_bot_goes_by_the_candles_of_its_venue(tmp_path: Path, step: int, ratio: str) -> None:
    async with serve("bybit") as server:
        now_ms = SystemClock().now_ms()
        opened = now_ms - now_ms % HOUR
        closes = [(opened - n * HOUR, D(60_000 - step * n)) for n in range(60, -1, -1)]
        server.core.candles[BTC] = [(at_ms, close, close + 5, close - 5, close) for at_ms, close in closes]
        flags = {
            "mode": "live",
            "paper.feed": "live:bybit",
            "paper.base_url": server.base_url,
            "paper.url": f"sqlite:///{tmp_path}/paper.db",
            "audit.url": f"sqlite:///{tmp_path}/hedgebot.db",
            "kill_file": f"{tmp_path}/hedgebot.kill",
            "bag.BTC.coins": "2",
            "hedges.BTC.policies.candle": "1h",
            "hedges.BTC.policies.reversal.confirmations": "2",
        }
        settings = load(None, {}, flags)
        async with looking(settings) as engine:
            await engine.turn()
            await engine.turn()
            leg = plan_json(engine.status())["legs"][0]
        assert (leg["ratio_target"], leg["ratio_effective"], leg["policies"][0]["after"]) == ("1", ratio, ratio)
        assert ("candles up in a row" in leg["policies"][0]["why"]) is (ratio == "0")
        async with wired(settings, live_flag=True) as bot:
            for _ in range(3):
                decision = await bot.engine.turn()
            assert decision is not None
            assert decision.legs[0].ratio_effective == D(ratio)
            assert (bot.engine.state.leg("BTC").working is not None) is (ratio == "1")
            seen = verify(bot.store)
            assert (seen.verdict, seen.hash_only) == (Verdict.GOOD, 0)
            assert seen.decided_again > 0
            told = explain(bot.store, str(next(row.seq for row in bot.store.entries() if row.kind == "DecisionMade")))
        assert f"reversal: {'1 → 0 (uptrend' if ratio == '0' else 'leaves it (no uptrend'}" in told


def test_an_hour_of_deribit_counts_with_its_own_rate_and_not_with_eight() -> None:
    row = {"fundingRate": -0.00009234260068476106, "info": {"interest_8h": "-0.0000923", "interest_1h": "-4.739622041017375e-7"}}
    assert own_rate(row) == D("-4.739622041017375e-7")
    assert own_rate({"fundingRate": 0.0001, "info": {}}) == D("0.0001")


def bar(hour: int, close: int, length: int = HOUR) -> Bar:
    return Bar(hour * HOUR, length, D(close), D(close + 1), D(close - 1), D(close))


def test_the_first_and_the_last_candle_count_only_if_they_are_whole() -> None:
    made = candles_of([bar(hour, 100 + hour) for hour in range(2, 15)], 4 * HOUR)
    assert [candle.opened_ms // HOUR for candle in made] == [4, 8]
    assert made[0] == Candle(4 * HOUR, D(108), D(103), D(107))
    assert [candle.opened_ms // HOUR for candle in candles_of([bar(hour, 9) for hour in range(16)], 4 * HOUR)] == [0, 4, 8, 12]


def test_bars_longer_than_a_candle_make_none() -> None:
    with pytest.raises(Misconfigured, match="write a longer candle"):
        candles_of([bar(0, 9, 8 * HOUR)], HOUR)


def test_statistics_begin_after_the_last_hole() -> None:
    candles = [Candle(hour * HOUR, D(2), D(1), D(1)) for hour in (0, 1, 3, 4, 5)]
    assert [candle.opened_ms // HOUR for candle in unbroken(candles, HOUR)] == [3, 4, 5]
