"""Does a hedge that keeps its collateral outlive what really happened?"""

from decimal import Decimal

import pytest

from adapters.history import Bar, instant_ms
from bot.core.model import NO_LIQUIDATION
from bot.jumping.replay import JumpingReplay
from bot.replay import Replay
from bot.settings import load
from bot.wiring.past import History, Recorded, recorded, replay
from tests.replay.data import data, needs_data

pytest.importorskip("numpy")
D = Decimal
MINUTE = 60_000
DERIBIT = "deribit-btc-index-funding-1h-2019-2021.csv"
LINEAR, LINEAR_RATES = "btc-1h-2020-2023.csv", "btc-funding-8h-2020-2023.csv"
WINDOWS = {
    "march-2020": (DERIBIT, DERIBIT, "2020-03-01", "2020-04-01"),
    "may-2021": ("btc-spot-5m-2021-05.csv", LINEAR_RATES, "2021-05-01", "2021-05-30"),
    "june-2022": (LINEAR, LINEAR_RATES, "2022-06-01", "2022-07-01"),
    "november-2022": (LINEAR, LINEAR_RATES, "2022-11-01", "2022-12-01"),
    "rally-2020-10": (DERIBIT, DERIBIT, "2020-10-01", "2021-02-01"),
}
CAPS = {"collateral.BTC.max_transfer_coins": "4", "collateral.BTC.max_transfer_coins_per_day": "4"}
TOP_UP = {"collateral.BTC.auto_transfer": "true", **CAPS}


async def driven(read: Recorded, bag: str, collateral: str, *, top_up: bool, step: bool = False, **flags: str) -> tuple[Replay, dict]:
    limits = {"risk.max_position_usd": "9000000", "risk.max_turnover_usd_per_day": "9000000"}
    moved = {**TOP_UP, "paper.wallet.BTC": bag} if top_up else {}
    held = {"bag.BTC.coins": bag, "paper.collateral.BTC": collateral, "hedges.BTC.ratio": "1.0"}
    run = await replay(load(None, {}, {"mode": "live", **held, **limits, **moved, **flags}), read, step=step)
    return run, await run.run()


def prices(*path: int) -> Recorded:
    """Each of them for ten minutes, after two hours at the first one, which is time to open a hedge."""
    steps = [path[0]] * 12 + list(path[1:])
    begins = instant_ms("2024-01-01")
    bars = [Bar(begins + place * 10 * MINUTE, 10 * MINUTE, *[D(one)] * 4) for place, one in enumerate(steps)]
    return Recorded({"BTC": bars}, {"BTC": []})


def kept(answer: dict) -> Decimal:
    """What the value lost beyond fees and funding, as a share of the start."""
    start = D(answer["value_start_usd"])
    return (start + D(answer["funding_usd"]) - D(answer["fees_usd"]) - D(answer["value_end_usd"])) / start


async def test_v2_without_top_ups_the_hedge_stops_at_n_max_and_says_what_is_missing():
    run, answer = await driven(prices(60_000, 60_001), "4", "1", top_up=False, **{"risk.price_collar_bps": "100"})
    (plan,) = run.engine.decision.legs
    assert plan.position_usd is not None
    assert D(-120_000) <= plan.position_usd <= D(-118_700)  # N_max = 120,000 at the mark; within the collar a little less
    (missing,) = plan.missing
    assert "(1.500" in missing  # at the mark alone, and what the fee of the opening took
    assert plan.lacking_coins is not None
    assert D("1.524") < plan.lacking_coins < D("1.527")  # with room for a move of the collar
    assert "transfers" not in answer


async def test_v2_with_top_ups_the_hedge_is_whole_and_outlives_a_doubling():
    run, answer = await driven(prices(60_000, 75_000, 90_000, 120_000), "4", "1", top_up=True)
    first = answer["transfers"][0]
    assert first["coins"] == "1.5248"  # at 60,000: 1.5, and room for the collar
    (plan,) = run.engine.decision.legs
    assert plan.position_usd is not None
    assert -300_000 <= plan.position_usd <= -299_500  # but for the fee
    assert plan.leverage is not None
    assert plan.leverage < D("1.8")
    assert not answer["liquidated"]
    assert abs(kept(answer)) < D("0.002")
    assert sum(D(one["coins"]) for one in answer["transfers"]) == run.venue.moved_in()["BTC"] <= 4


async def test_v2_opened_at_five_times_without_anything_to_move_is_liquidated_at_74_625():
    """What the keeper is there for: the same bag, all of its hedge on one coin, and nobody who moves another."""
    loose = {"risk.max_leverage": "6", "risk.hard_leverage": "50"}
    dead, alive = prices(60_000, 74_700), prices(60_000, 74_500)
    assert (await driven(dead, "4", "1", top_up=False, **loose))[1]["liquidated"]
    assert not (await driven(alive, "4", "1", top_up=False, **loose))[1]["liquidated"]
    assert not (await driven(dead, "4", "1", top_up=True, **loose))[1]["liquidated"]


async def test_coins_that_were_topped_up_go_back_when_they_are_not_needed_and_posted_ones_stay():
    run, answer = await driven(prices(60_000, 100_000, 60_000, 30_000, 20_000), "2", "3", top_up=True)
    moved = [D(one["coins"]) for one in answer["transfers"]]
    assert moved[0] > 0
    assert moved[-1] < 0
    assert sum(moved) >= 0
    assert run.venue.balances()[0].deposited >= 3  # no more is swept back than was moved in
    assert abs(kept(answer)) < D("0.002")


async def test_moving_coins_is_neither_gain_nor_loss():
    path = (60_000, 90_000, 70_000, 110_000, 40_000, 60_000)
    run, answer = await driven(prices(*path), "2", "3", top_up=True, **{"collateral.BTC.high": "1.7"})
    assert len(answer["transfers"]) > 2
    outside = 2 - run.venue.moved_in()["BTC"]
    value = (outside + run.venue.equities()["BTC"]) * 60_000
    assert D(answer["value_end_usd"]) == value  # to the last digit
    (balance,) = run.venue.balances()
    assert balance.wallet == balance.deposited + balance.realised - balance.fees + balance.funding + balance.insured
    assert balance.deposited == 3 + run.venue.moved_in()["BTC"]
    (leg,) = run.engine.state.legs
    assert leg.transferred_coins == run.venue.moved_in()["BTC"]  # what the bot recognised is what moved


@needs_data
@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("top_up", [False, True], ids=["without-top-ups", "with-top-ups"])
async def test_none_is_liquidated_at_bag_2_and_collateral_3(name, top_up):
    bars, rates, since, until = WINDOWS[name]
    read = recorded(History({"BTC": data(bars)}, {"BTC": data(rates)}, instant_ms(since), instant_ms(until)))
    run, answer = await driven(read, "2", "3", top_up=top_up)
    assert isinstance(run, JumpingReplay), run.stepping
    assert not answer["liquidated"]
    if name == "rally-2020-10":
        assert (D(answer["value_end_usd"]) > D("1.1") * D(answer["value_start_usd"])) is not top_up  # hard_leverage cuts the hedge
        assert bool(answer.get("transfers")) is top_up
    if top_up or name != "rally-2020-10":
        assert abs(kept(answer)) <= D("0.006")
    if top_up and run.engine.decision.legs[0].leverage != 0:
        (plan,) = run.engine.decision.legs
        assert plan.leverage < D("1.8") or plan.lacking_coins is not None or plan.liquidation_price == NO_LIQUIDATION
    outside = 2 - run.venue.moved_in().get("BTC", D(0))
    worth = (outside + run.venue.equities()["BTC"]) * run.tally.last["BTC"]
    assert abs(D(answer["value_end_usd"]) - worth) < D("1e-15")  # coins and dollars add up
