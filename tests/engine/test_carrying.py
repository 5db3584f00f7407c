"""Does a whole bot keep a cross-hedge: on paper, on record, under the operator's word, and across a restart?"""

from decimal import Decimal

from bot.audit.explain import explain
from bot.audit.verify import Verdict, verify
from bot.core.decision import LegPlan
from bot.core.events import RunStarted
from tests.engine.bots import BEGAN_MS, Bot, Bots

D = Decimal
HOUR = 3_600_000
CARRIED = {
    "bag.BTC.coins": "0",
    "bag.SOL.coins": "1500",
    "hedges.SOL.ratio": "1",
    "hedges.SOL.cross.with": "BTC",
    "paper.price.SOL": "100",
    "paper.collateral.BTC": "3.5",
}
FIXED = {**CARRIED, "hedges.SOL.cross.beta": "1.3"}


def leg(bot: Bot) -> LegPlan:
    (plan,) = bot.decision.legs
    return plan


async def test_the_sum_is_shorted_on_record_and_decided_again_bit_for_bit(bots: Bots) -> None:
    bot = await bots.start(FIXED)
    await bot.until_aligned()
    plan = leg(bot)
    (sol,) = plan.crosses
    assert sol.target_usd == D("1.3") * 1500 * (sol.price or 0)
    assert plan.position_usd is not None
    assert -plan.position_usd > sol.target_usd + D("3.4") * (plan.mark or 0)
    seen = verify(bot.store)
    assert (seen.verdict, seen.hash_only) == (Verdict.GOOD, 0)
    assert "Carries SOL: ratio 1 × β 1.3 × 1" in explain(bot.store, bot.store.orders(limit=1)[0].client_id)
    start = next(row.event for row in bot.store.entries() if row.kind == "RunStarted")
    assert isinstance(start, RunStarted)
    assert start.rules.crosses[0].beta == D("1.3")


async def test_the_operators_word_is_for_the_asset_and_survives_a_restart(bots: Bots) -> None:
    bot = await bots.start(FIXED)
    await bot.until_aligned()
    baseline = bot.engine.state.leg("BTC").baseline
    await bot.say("target-set", asset="SOL", ratio=D("0.5"))
    await bot.until_aligned()
    halved = bot.contracts["BTC"]
    assert leg(bot).crosses[0].ratio_effective == D("0.5")
    await bots.end(bot)
    again = await bots.start(FIXED)
    await again.until_aligned()
    assert leg(again).crosses[0].ratio_effective == again.engine.state.cross("SOL").ratio == D("0.5")
    assert abs(again.contracts["BTC"] - halved) < 30
    await again.say("target-clear", asset="SOL")
    await again.until_aligned()
    assert again.contracts["BTC"] < halved - 900
    assert leg(again).crosses[0].ratio_effective == 1
    assert again.engine.state.leg("BTC").baseline == baseline


async def test_a_measured_beta_waits_for_enough_closed_candles_and_only_what_is_posted_is_hedged_meanwhile(bots: Bots) -> None:
    bot = await bots.start(CARRIED)
    await bot.until(lambda: leg(bot).why == "UNKNOWN: what SOL adds, so nothing is bought back")
    assert leg(bot).missing == ("SOL: its β: no closed candle of SOL is known",)
    assert -2100 <= bot.contracts["BTC"] <= -2080
    bots.clock.advance_to(BEGAN_MS + 31 * HOUR)
    await bot.turn()
    assert "its β is refused: it rests on 29 returns" in leg(bot).missing[0]
    bots.clock.advance_to(BEGAN_MS + 60 * HOUR)
    await bot.turn()
    assert "its β is refused: R² 0.0" in leg(bot).missing[0]  # two random walks have nothing in common
    assert verify(bot.store).verdict is Verdict.GOOD


async def test_an_asset_that_is_carried_unwinds_when_its_horizon_is_over(bots: Bots) -> None:
    bot = await bots.start(FIXED)
    await bot.until_aligned()
    whole = bot.contracts["BTC"]
    await bots.end(bot)
    again = await bots.start({**FIXED, "hedges.SOL.policies.schedule.until": "2023-11-01"})
    await again.until_aligned()
    assert leg(again).crosses[0].ratio_effective == 0
    assert again.contracts["BTC"] - whole > 1800
