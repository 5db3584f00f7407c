"""Does a replay that jumps do what the one does that goes from print to print? The same record, to the last letter."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("numpy")

from adapters.history import Bar, Rate, instant_ms
from bot.audit import codec
from bot.core.events import CommandGiven, Event, IntentRecorded
from bot.jumping.replay import JumpingReplay
from bot.replay import Replay, Unrecorded
from bot.settings import load
from bot.wiring.past import History, Recorded, recorded, replay
from tests.replay.data import data, needs_data

MINUTE = 60_000
HOUR = 60 * MINUTE
BEGAN = instant_ms("2024-01-01")
EXACT = ("steps", "orders", "fills", "value_end_usd", "funding_coin", "funding_usd", "fees_coin", "fees_usd", "turnover_usd", "liquidated")
CLOSE = {"value_min_usd": Decimal("0.000002"), "hedge_error_max_bps": Decimal("0.0002")}


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Thousands of log lines would be kept for nobody."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


class Kept(Unrecorded):
    """A record that can be compared."""

    def __init__(self, replayed: Replay) -> None:
        super().__init__(replayed.engine.state)
        self.events: list[Event] = []
        replayed.engine.parts = replace(replayed.engine.parts, audit=self)

    async def append(self, events: Sequence[Event]) -> int:
        self.events += events
        return await super().append(events)

    def sha256(self) -> str:
        return hashlib.sha256("\n".join(map(codec.encode, self.events)).encode()).hexdigest()


@dataclass(frozen=True)
class Ran:
    replay: Replay
    record: Kept
    answer: dict


async def ran(flags: dict[str, str], read: Recorded, commands: Sequence[CommandGiven] = (), *, step: bool) -> Ran:
    run = await replay(load(None, {}, {"mode": "live", **flags}), read, commands, step=step)
    record = Kept(run)
    return Ran(run, record, await run.run())


async def same(flags: dict[str, str], read: Recorded, commands: Sequence[CommandGiven] = ()) -> Ran:
    """The replay that jumped, after it was held against the one that did not."""
    jumped, stepped = await ran(flags, read, commands, step=False), await ran(flags, read, commands, step=True)
    assert isinstance(jumped.replay, JumpingReplay), jumped.replay.stepping
    for ours, theirs in zip(jumped.record.events, stepped.record.events, strict=False):
        assert ours == theirs
    assert jumped.record.sha256() == stepped.record.sha256()
    assert jumped.replay.engine.state == stepped.replay.engine.state
    assert jumped.replay.venue.accounts() == stepped.replay.venue.accounts()
    assert jumped.replay.venue.balances() == stepped.replay.venue.balances()
    assert jumped.replay.venue.moved_in() == stepped.replay.venue.moved_in()
    assert {name: jumped.answer[name] for name in EXACT} == {name: stepped.answer[name] for name in EXACT}
    assert jumped.answer.get("alerts") == stepped.answer.get("alerts")
    for name, distance in CLOSE.items():
        assert abs(Decimal(jumped.answer[name]) - Decimal(stepped.answer[name])) <= distance, (
            name,
            jumped.answer[name],
            stepped.answer[name],
        )
    return jumped


# ---------------------------------------------------------------------------------------------------------------- random markets


@st.composite
def markets(draw: st.DrawFn) -> tuple[Recorded, int]:
    """One to three assets: still bars, leaps, gaps, common ones and gaps, beginnings and ends of an asset's own; funding on and off the
    bars, sometimes rounded away."""
    count = draw(st.integers(2, 80))
    length = draw(st.sampled_from([9_000, MINUTE, 5 * MINUTE, HOUR]))
    gaps = draw(st.sets(st.integers(1, count), max_size=2))
    begins, times = BEGAN, []
    for place in range(count):
        begins += draw(st.integers(1, 5)) * length + draw(st.sampled_from([0, 1, length // 3])) if place in gaps else 0
        times.append(begins)
        begins += length
    chance = Random(draw(st.integers(0, 1 << 32)))
    digits = draw(st.sampled_from([2, 2, 5]))  # five: finer than a tick
    bars, rates = {}, {}
    for asset, first in (("BTC", 60_000.0), ("ETH", 3_000.0), ("SOL", 150.0))[: draw(st.integers(1, 3))]:
        price = first
        swing = draw(st.sampled_from([0.0002, 0.003, 0.03]))
        bars[asset] = []
        for at_ms in draw(own_times(times)):
            opened = price * (1 + chance.choice((0, 0, 0, swing * chance.gauss(0, 1))))
            closed = opened if chance.random() < 0.2 else max(opened * 0.3, opened * (1 + swing * chance.gauss(0, 1)))
            over, under = (chance.choice((0, swing * chance.random())) for _ in range(2))
            high, low = max(opened, closed) * (1 + over), min(opened, closed) * (1 - under)
            bars[asset].append(Bar(at_ms, length, *(Decimal(f"{one:.{digits}f}") for one in (opened, high, low, closed))))
            price = closed
        every = draw(st.sampled_from([HOUR, 8 * HOUR, 30 * length]))
        offset = draw(st.sampled_from([0, 3, length // 3, 17_001]))
        moments = range(BEGAN + offset, times[-1] + 2 * length, every)
        size = draw(st.sampled_from([0.0, 1e-10, 0.0001, 0.004]))
        rates[asset] = [Rate(at_ms, Decimal(f"{size * chance.gauss(0.2, 1):.12f}")) for at_ms in moments][:400]
    return Recorded(bars, rates), times[-1]


@st.composite
def own_times(draw: st.DrawFn, times: list[int]) -> list[int]:
    """Those of them at which one asset has a bar."""
    if draw(st.booleans()):
        return times
    begin, end = sorted(draw(st.lists(st.integers(0, len(times)), min_size=2, max_size=2)))
    missing = draw(st.sets(st.integers(0, len(times)), max_size=8))
    return [at_ms for place, at_ms in enumerate(times) if begin <= place < end and place not in missing] or times[-1:]


@st.composite
def configurations(draw: st.DrawFn, read: Recorded) -> dict[str, str]:
    flags: dict[str, str] = {}
    for asset in read.bars:
        unit = {"BTC": 1, "ETH": 20, "SOL": 400}[asset]
        ratio = draw(st.sampled_from(["1.0", "1.0", "0.5", "0.83", "0"]))
        basis = draw(st.sampled_from(["coins", "value"]))
        bag, posted = draw(st.sampled_from([("0", 5), ("2", 3), ("4", 1), ("0", 0.001)]))
        flags |= {f"bag.{asset}.coins": str(int(bag) * unit), f"paper.collateral.{asset}": str(Decimal(str(posted)) * unit)}
        flags |= {f"hedges.{asset}.ratio": ratio, f"hedges.{asset}.basis": basis, f"paper.price.{asset}": "1"}
    hedged = list(read.bars)
    if len(hedged) > 1 and draw(st.integers(0, 4)) == 0:
        bare = hedged.pop()
        del flags[f"hedges.{bare}.ratio"], flags[f"hedges.{bare}.basis"]
    if linear := draw(st.sampled_from([None, None, *hedged])):
        flags |= {f"hedges.{linear}.instrument": f"{linear}/USDT:USDT"}
        flags["paper.collateral.USDT"] = draw(st.sampled_from(["400000", "60000", "100"]))
    low, high = draw(st.sampled_from([("0.995", "1.005"), ("0.98", "1.02"), ("0.9999", "1.0001")]))
    if draw(st.booleans()):
        flags |= {"band.low": low, "band.high": high}
    if draw(st.booleans()):
        flags["band.auto"] = "true"
    flags["risk.max_leverage"] = draw(st.sampled_from(["2", "1", "5"]))
    flags["risk.hard_leverage"] = draw(st.sampled_from(["3", "6", "50"])) if flags["risk.max_leverage"] != "5" else "50"
    if draw(st.booleans()):
        for asset in [one for one in hedged if one != linear]:
            unit = {"BTC": 1, "ETH": 20, "SOL": 400}[asset]
            above = f"collateral.{asset}"
            flags |= {f"{above}.auto_transfer": "true", f"paper.wallet.{asset}": str(draw(st.sampled_from([0, 1, 4])) * unit)}
            flags |= {f"{above}.max_transfer_coins": str(draw(st.sampled_from([1, 4])) * unit)}
            flags |= {f"{above}.max_transfer_coins_per_day": str(draw(st.sampled_from([4, 8])) * unit)}
    flags["risk.max_position_usd"] = draw(st.sampled_from(["1000000", "150000"]))
    flags["execution.order_ttl_seconds"] = draw(st.sampled_from(["30", "600"]))
    flags["risk.max_turnover_usd_per_day"] = draw(st.sampled_from(["2000000", "310000"]))
    flags["cycle_seconds"] = draw(st.sampled_from(["5", "25"] if read.bars["BTC"][0].length_ms <= MINUTE else ["300"]))
    flags["paper.spread_bps"] = draw(st.sampled_from(["2", "60"]))
    for key, values in SOMETIMES.items():
        flags[key] = draw(st.sampled_from(values))
    spread = {"execution.schedule_above_usd": "5000", "execution.slices": "4", "execution.horizon_seconds": "3600"}
    early = {"execution.schedule": "almgren-chriss", "execution.urgency": "3", **spread}
    manners = [{}, {}, {"execution.reprice_after_seconds": "8"}, {"execution.schedule": "twap", **spread}, early]
    return flags | draw(st.sampled_from(manners))


SOMETIMES = {
    "execution.cross_after_seconds": ("120", "10", "1800"),
    "execution.max_slippage_bps": ("20", "2"),
    "execution.max_order_usd": ("100000", "20000"),
    "band.cooldown_seconds": ("10", "240"),
    "band.min_order_usd": ("100", "3000"),
    "risk.max_orders_per_minute": ("20", "2"),
    "risk.price_collar_bps": ("100", "30"),
}


POLICIES = (
    {"ramp.days": "0.5", "ramp.steps": "5"},
    {"ramp.days": "0.07", "ramp.steps": "3", "ramp.start": "0.5"},
    {"schedule.start": "2024-01-01T03:00:00Z"},
    {"schedule.until": "2024-01-01", "schedule.unwind_days": "2"},
    {"funding.budget": "0.05", "funding.resume": "0.01", "funding.lookback_days": "1"},
    {"reversal.fast": "2", "reversal.slow": "4", "reversal.channel": "3", "reversal.confirmations": "1"},
    {"drawdown.fall": "0.01", "drawdown.fall_days": "0.25"},
    {"volatility.target": "0.3", "volatility.days": "0.5"},
    {"basis.discount_bps": "1", "basis.resume_bps": "0.5"},
    {"basis.discount_bps": "40"},
    {"basis.discount_bps": "0.01", "basis.resume_bps": "0"},
)


@st.composite
def judgements(draw: st.DrawFn, hedged: Sequence[str]) -> dict[str, str]:
    """Up to three policies of each hedge, by candles of an hour or four."""
    flags: dict[str, str] = {}
    for asset in hedged:
        chosen = draw(st.lists(st.sampled_from(POLICIES), min_size=1, max_size=3))
        above = f"hedges.{asset}.policies"
        flags[f"{above}.candle"] = draw(st.sampled_from(["1h", "4h"]))
        flags |= {f"{above}.{key}": value for policy in chosen for key, value in policy.items()}
    return flags


@given(st.data())
@settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))
async def test_jumping_and_stepping_leave_the_same_record(draws):
    read, until_ms = draws.draw(markets())
    flags = draws.draw(configurations(read))
    hedged = [asset for asset in read.bars if f"hedges.{asset}.ratio" in flags]
    if read.bars["BTC"][0].length_ms >= 5 * MINUTE and draws.draw(st.booleans()):
        flags |= draws.draw(judgements(hedged))
    commands = []
    for _ in range(draws.draw(st.integers(0, 3))):
        at_ms = draws.draw(st.integers(BEGAN, until_ms + HOUR))
        asset, ratio = draws.draw(st.sampled_from(hedged)), draws.draw(st.sampled_from(["0", "0.3", "1"]))
        until = draws.draw(st.sampled_from([None, at_ms + 7 * HOUR]))
        commands.append(CommandGiven("target-set", "test", at_ms, asset, Decimal(ratio), until_ms=until))
    await same(flags, read, sorted(commands, key=lambda command: command.at_ms))


@pytest.mark.parametrize(("discount_bps", "jumps"), [("0.6", True), ("0.01", False)])
async def test_only_a_discount_that_rounding_to_ticks_could_reach_is_looked_for_at_every_print(discount_bps, jumps):
    chance, price, bars = Random(5), 150.0, []
    for place in range(100):
        closed = price * (1 + 0.003 * chance.gauss(0, 1))
        prices = (price, max(price, closed) * 1.001, min(price, closed) * 0.999, closed)
        bars.append(Bar(BEGAN + place * HOUR, HOUR, *(Decimal(f"{one:.5f}") for one in prices)))
        price = closed
    flags = {"bag.SOL.coins": "1000", "paper.collateral.SOL": "1000", "hedges.SOL.ratio": "0.5", "hedges.SOL.basis": "value"}
    flags |= {"paper.price.SOL": "1", "hedges.SOL.policies.basis.discount_bps": discount_bps, "hedges.SOL.policies.basis.resume_bps": "0"}
    jumped = await same(flags, Recorded({"SOL": bars}, {}))
    assert (jumped.replay.jumped > 0) is jumps


async def test_a_transfer_that_has_to_wait_is_made_at_the_same_print_where_a_bar_prints_one_price_twice():
    bars = [
        Bar(BEGAN + hour * HOUR, HOUR, *map(Decimal, prices.split()))
        for hour, prices in enumerate(
            (
                "60011.30 60022.89 60006.44 60011.30",
                "59994.54 60001.09 59985.47 60001.09",
                "60001.09 60009.29 59991.12 59997.84",
                "59972.36 59978.99 59956.83 59967.20",
                "59967.20 59975.84 59965.28 59965.28",
                "59964.67 59964.67 59954.99 59954.99",
            ),
            1,
        )
    ]
    rates = [Rate(BEGAN + hour * HOUR, Decimal("0.00006")) for hour in range(8)]
    flags = {"bag.BTC.coins": "4", "paper.collateral.BTC": "1", "paper.wallet.BTC": "1", "hedges.BTC.ratio": "1", "paper.price.BTC": "1"}
    flags |= {"collateral.BTC.auto_transfer": "true", "collateral.BTC.max_transfer_coins": "1", "cycle_seconds": "300"}
    word = CommandGiven("target-set", "test", BEGAN + HOUR + 1, "BTC", Decimal("0.3"))
    jumped = await same({**flags, "collateral.BTC.max_transfer_coins_per_day": "4"}, Recorded({"BTC": bars}, {"BTC": rates}), [word])
    assert jumped.answer["transfers"]


# ---------------------------------------------------------------------------------------------------------------- real ones


@dataclass(frozen=True)
class Case:
    prices: str
    rates: str
    since: str
    until: str
    flags: tuple[tuple[str, str], ...]

    def read(self) -> Recorded:
        return recorded(History({"BTC": data(self.prices)}, {"BTC": data(self.rates)}, instant_ms(self.since), instant_ms(self.until)))


MINUTES = ("xbtusd-inverse-1m-2018-11.csv", "xbtusd-inverse-funding-8h-2018-2020.csv", "2018-11-13", "2018-11-17")
HOURS = ("deribit-btc-index-funding-1h-2019-2021.csv", "deribit-btc-index-funding-1h-2019-2021.csv", "2020-03-05", "2020-03-25")
FULL = (("bag.BTC.coins", "0"), ("paper.collateral.BTC", "5"), ("hedges.BTC.ratio", "1.0"), ("band.low", "0.98"), ("band.high", "1.02"))
HALF = (("bag.BTC.coins", "2"), ("paper.collateral.BTC", "3"), ("hedges.BTC.ratio", "0.5"), ("hedges.BTC.basis", "value"))
AUTO = (*HALF, ("band.auto", "true"))
THIN = (("bag.BTC.coins", "4"), ("paper.collateral.BTC", "1"), ("hedges.BTC.ratio", "1.0"))
LINEAR = (
    *(("bag.BTC.coins", "4"), ("hedges.BTC.ratio", "0.5"), ("hedges.BTC.instrument", "BTC/USDT:USDT")),
    *(("paper.collateral.USDT", "12000"), ("paper.collateral.BTC", "0.5")),
)
TOPPED_UP = (
    *(("bag.BTC.coins", "2"), ("paper.wallet.BTC", "2"), ("paper.collateral.BTC", "2.4"), ("hedges.BTC.ratio", "1.0")),
    *((f"collateral.BTC.{name}", value) for name, value in (("auto_transfer", "true"), ("low", "1.6"), ("high", "1.4"))),
)


@needs_data
@pytest.mark.parametrize("window", [MINUTES, HOURS], ids=["minutes-2018-11", "hours-2020-03"])
@pytest.mark.parametrize(
    "flags",
    [FULL, HALF, AUTO, THIN, LINEAR, TOPPED_UP],
    ids=["full", "half-value", "half-value-auto-band", "short-of-collateral", "linear", "topped-up"],
)
async def test_real_crashes_leave_the_same_record(window, flags):
    case = Case(*window, flags)
    jumped = await same(dict(case.flags), case.read())
    assert jumped.answer["fills"] > 0


@needs_data
@pytest.mark.parametrize(
    "policies",
    [
        {"reversal.fast": "4", "reversal.slow": "9", "reversal.channel": "8"},
        {"drawdown.fall": "0.05", "drawdown.fall_days": "3", "volatility.target": "0.6", "volatility.days": "4"},
        {"funding.budget": "0.1", "funding.lookback_days": "2", "ramp.days": "3", "ramp.steps": "7"},
        {"schedule.start": "2018-11-13T06:00:00Z", "schedule.until": "2018-11-14", "schedule.unwind_days": "2"},
    ],
    ids=["reversal", "drawdown-volatility", "funding-ramp", "schedule"],
)
async def test_policies_change_their_verdict_at_the_same_moments_in_a_real_crash(policies):
    flags = {f"hedges.BTC.policies.{key}": value for key, value in {"candle": "1h", **policies}.items()}
    jumped = await same({**dict(FULL), **flags}, Case(*MINUTES, FULL).read())
    assert jumped.answer["switches"]
    assert jumped.replay.jumped > 0.8 * jumped.answer["steps"]


@needs_data
async def test_most_of_a_full_hedge_is_jumped_over():
    jumped = await ran(dict(FULL), Case(*MINUTES, FULL).read(), step=False)
    assert isinstance(jumped.replay, JumpingReplay)
    assert jumped.replay.jumped > 0.99 * jumped.answer["steps"]


@needs_data
async def test_most_of_a_linear_hedge_is_jumped_over():
    jumped = await ran(dict(LINEAR), Case(*MINUTES, LINEAR).read(), step=False)
    assert isinstance(jumped.replay, JumpingReplay)
    assert jumped.replay.jumped > 0.95 * jumped.answer["steps"]


@pytest.mark.parametrize(
    "posted",
    [
        {"paper.collateral.BTC": "4", "bag.BTC.coins": "4"},
        {"paper.collateral.USDT": "30000", "bag.BTC.coins": "1", "hedges.BTC.instrument": "BTC/USDT:USDT"},
    ],
    ids=["inverse", "linear"],
)
async def test_funding_alone_leads_over_the_limit_at_the_same_settlement(posted):
    still = Decimal(50_000)
    bars = [Bar(BEGAN + place * HOUR, HOUR, still, still, still, still) for place in range(400)]
    rates = [Rate(BEGAN + place * 8 * HOUR, Decimal("-0.01")) for place in range(1, 50)]
    flags = {"hedges.BTC.ratio": "1", "paper.price.BTC": "1", "paper.collateral.BTC": "0", **posted}
    jumped = await same(flags, Recorded({"BTC": bars}, {"BTC": rates}))
    reduced = [one.order for one in jumped.record.events if isinstance(one, IntentRecorded) and one.order.reduce_only]
    assert reduced
    assert jumped.replay.jumped > 300


async def test_two_linear_hedges_share_their_margin_and_are_not_jumped_over():
    bars = {asset: [Bar(BEGAN, HOUR, *([Decimal(3000)] * 4))] for asset in ("BTC", "ETH")}
    flags = {key: value for asset in bars for key, value in {
        f"bag.{asset}.coins": "1", f"hedges.{asset}.instrument": f"{asset}/USDT:USDT", f"paper.price.{asset}": "1",
    }.items()}  # fmt: skip
    run = await ran({**flags, "paper.collateral.USDT": "9000"}, Recorded(bars, {}), step=False)
    assert not isinstance(run.replay, JumpingReplay)
    assert run.replay.stepping == "BTC/USDT:USDT and ETH/USDT:USDT share their margin"


@needs_data
async def test_an_operators_word_is_heard_in_the_middle_of_what_is_quiet():
    word = CommandGiven("target-set", "test", instant_ms("2018-11-15") + 12_345, "BTC", Decimal(0))
    jumped = await same(dict(FULL), Case(*MINUTES, FULL).read(), [word])
    assert jumped.replay.engine.state.legs[0].contracts == 0
