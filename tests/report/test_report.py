"""The insurance statement adds up to the record, to the last digit, and says what a hedge is worth."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bot.cli_report import LINES
from bot.core.events import CoinsMoved, DecisionMade, Event, FillSeen, FundingSeen, IntentRecorded
from bot.report import annual, fold_report, r_squared, variance_reduction
from bot.report_page import page
from tests.engine.bots import Bot, Bots

D = Decimal


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[Bots]:
    made = Bots(tmp_path)
    yield made
    made.close()


def record(bot: Bot) -> list[Event]:
    return [row.event for row in bot.store.entries()]


async def lived(bots: Bots, ratio: str = "1.0") -> Bot:
    """Hedged at 60,000; then a fall, funding, a deposit from the bag, and a rise of the ratio's worth."""
    bot = await bots.start({"hedges.BTC.ratio": ratio}, fed=False)
    bot.venue.print("BTC", D(60000), bots.clock.now_ms())
    for price in (60000, 60100, 59000, 56000, 52000, 48000, 48500, 47000):
        bot.venue.print("BTC", D(price), bots.clock.now_ms())
        for _ in range(70):
            bot.venue.print("BTC", D(price), bots.clock.now_ms())
            await bot.turn(60)
        if price == 52000:
            bot.venue.settle_funding("BTC", D("-0.0003"), bots.clock.now_ms())
            bot.venue.deposit("BTC", D("0.5"))
    return bot


def adds_up(row: dict[str, Any]) -> bool:
    with localcontext(prec=60):
        return D(row["value_end_usd"]) == D(row["unhedged_end_usd"]) + D(row["hedge_usd"])


def amounts(row: dict[str, Any]) -> dict[str, Decimal]:
    return {name: D(value) for name, value in row["coins"].items()}


async def test_every_part_adds_up_to_the_record_to_the_last_digit(bots):
    bot = await lived(bots)
    events = record(bot)
    (row,) = fold_report(events).json()["assets"]
    coins = amounts(row)
    assert coins["realised"] == sum((one.realised for one in events if isinstance(one, FillSeen)), D(0))
    assert coins["fees"] == sum((one.fill.fee_coins for one in events if isinstance(one, FillSeen)), D(0)) > 0
    assert coins["funding"] == sum((one.payment.coins for one in events if isinstance(one, FundingSeen)), D(0)) < 0
    assert coins["moved"] == sum((one.coins for one in events if isinstance(one, CoinsMoved)), D(0)) == D("0.5")
    seen = [one.seen.views[0].margin for one in events if isinstance(one, DecisionMade) and one.seen.views[0].margin is not None]
    assert (coins["wallet_start"], coins["wallet_end"]) == (seen[0].wallet, seen[-1].wallet)
    assert (
        coins["wallet_end"]
        == coins["wallet_start"] + sum(coins[name] for name in ("realised", "funding", "moved", "rounding")) - coins["fees"]
    )
    assert coins["hedge"] == coins["price"] + coins["funding"] - coins["fees"] + coins["rounding"]
    assert abs(coins["rounding"]) < D("1e-7")
    assert adds_up(row)


@pytest.mark.parametrize(("hours", "share"), [(24, D("3.65")), (D("23.99"), None), (8760, D("0.01")), (0, None)])
def test_a_cost_is_told_per_year_from_one_day_on(hours, share):
    assert annual(D(1), D(100), D(hours) / 8760) == share


async def test_the_cost_of_some_hours_is_told_and_not_multiplied_to_a_year(bots):
    bot = await lived(bots)
    said = fold_report(record(bot)).json()
    for row in (said["assets"][0], said["total"]):
        assert D(row["premium_usd"]) > 0
        assert row["annual_cost_ratio"] is None


async def test_a_whole_hedge_through_a_fall_brings_the_loss_of_the_bag_back(bots):
    bot = await lived(bots)
    (row,) = fold_report(record(bot)).json()["assets"]
    assert D(row["value_start_usd"]) == 300_000
    assert D(row["unhedged_end_usd"]) == 5 * 47_000
    assert abs(D(row["hedge_usd"]) - 65_000) < 500
    assert D(row["came_coins"]) == 0  # what moved from the bag into the account did not come
    assert D(row["variance_reduction"]) > D("0.99")
    assert D("0.9") < D(row["time_in_band"]) <= 1
    premium = {name: D(value) for name, value in row["premium"].items()}
    assert D(row["premium_usd"]) == sum(premium.values())
    assert premium["fees_usd"] > 0
    assert premium["funding_usd"] > 0  # the rate was negative: a short paid


async def test_half_a_hedge_takes_away_three_quarters_of_the_variance(bots):
    bot = await lived(bots, "0.5")
    (row,) = fold_report(record(bot)).json()["assets"]
    assert abs(D(row["variance_reduction"]) - D("0.75")) < D("0.06")
    assert D(row["r2_hedged_to_bag"]) > D("0.99")


async def carried(bots: Bots, *, with_beta: bool) -> dict[str, Any]:
    """5 BTC posted carry 1,000 SOL at 150 (β 1.5); both fall for a day, SOL by one and a half times as much if it keeps to its β."""
    flags = {"bag.BTC.coins": "0", "paper.collateral.BTC": "5", "bag.SOL.coins": "1000", "paper.price.SOL": "150"}
    flags |= {"hedges.SOL.ratio": "1", "hedges.SOL.cross.with": "BTC", "hedges.SOL.cross.beta": "1.5"}
    flags |= {"band.low": "0.999", "band.high": "1.001", "risk.max_leverage": "4", "risk.hard_leverage": "5"}
    bot = await bots.start(flags, fed=False)
    btc, sol = D(60_000), D(150)
    for hour in range(24):
        move = D("-0.01") if hour % 3 else D("0.006")
        if hour:
            btc, sol = btc * (1 + move), sol * (1 + (move * D("1.5") if with_beta else D(0)))
        for _ in range(60):
            for asset, price in (("BTC", btc), ("SOL", sol)):
                bot.venue.print(asset, price.quantize(D("0.01")), bots.clock.now_ms())
            await bot.turn(60)
    report = fold_report(record(bot))
    (row,) = report.json()["assets"]
    assert adds_up(row)
    assert row["carried"][0] | {"value_end_usd": ""} == {
        "asset": "SOL", "coins": "1000", "value_start_usd": "150000", "value_end_usd": "",
    }  # fmt: skip
    assert D(row["value_start_usd"]) == 450_000
    assert D(row["carried"][0]["value_end_usd"]) == 1000 * sol.quantize(D("0.01"))
    assert "carried: SOL value at the end, USD" in page(report)
    return row


async def test_what_a_leg_carries_is_part_of_the_bag_that_it_protects(bots):
    row = await carried(bots, with_beta=True)
    start = D(row["value_start_usd"])
    assert D(row["unhedged_end_usd"]) < D("0.88") * start
    assert D(row["value_end_usd"]) > D("0.985") * start
    assert D(row["variance_reduction"]) > D("0.98")


async def test_a_carried_asset_that_goes_its_own_way_leaves_its_hedge_as_a_bet(bots):
    row = await carried(bots, with_beta=False)
    assert D(row["carried"][0]["value_end_usd"]) == 150_000
    assert D(row["value_end_usd"]) > D(row["value_start_usd"]) * D("1.03")  # BTC fell and SOL did not: the short won what it was not to
    assert D(row["variance_reduction"]) < D("0.7")


async def test_it_begins_at_the_first_look_after_a_given_moment(bots):
    bot = await lived(bots)
    events = record(bot)
    half = (events[0].at_ms + bots.clock.now_ms()) // 2
    (row,) = fold_report(events, half).json()["assets"]
    assert row["fills"] < fold_report(events).json()["assets"][0]["fills"]
    assert adds_up(row)
    assert fold_report(events, bots.clock.now_ms() + 1).json()["assets"] == []


async def test_time_in_which_nobody_looked_is_not_time_in_the_band(bots):
    bot = await lived(bots)
    before = fold_report(record(bot)).json()["assets"][0]["time_in_band"]
    await bots.end(bot)
    bots.clock.advance_to(bots.clock.now_ms() + 30 * 86_400_000)
    bot = await bots.start({"hedges.BTC.ratio": "1.0"}, fed=False)
    await bot.turn()
    assert abs(D(fold_report(record(bot)).json()["assets"][0]["time_in_band"]) - D(before)) < D("0.01")


async def test_the_page_is_complete_in_itself_and_well_formed(bots):
    bot = await lived(bots)
    text = page(fold_report(record(bot)))
    assert text.count("<svg") == 5
    assert not re.search(r"(src|href)=|https?://|<script", text)
    for picture in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
        ElementTree.fromstring(picture)
    assert "hedged" in text
    names = {name.removeprefix("premium: ") for name in re.findall(r"<td>([^<]*)</td><td>", text)}
    assert {title.strip() for title, _ in LINES if "{" not in title} <= names, "each figure has one name, on the terminal and on the page"
    assert [name for name in re.findall(r"<td>([^<]*)</td><td>", text) if "_" in name] == [], (
        "a field's name is nothing that a holder reads"
    )


def test_a_record_without_a_look_makes_an_empty_statement():
    assert fold_report([]).json()["assets"] == []
    assert "no look at an account" in page(fold_report([]))
    assert json.dumps(fold_report([]).json())


@pytest.mark.parametrize(("start", "shown"), [("24.0054", "-0.01"), ("999.99", "-0.01"), ("1000", "0"), ("4000000000", "0")])
def test_a_bag_of_a_few_dollars_is_told_in_cents(start, shown):
    row = {"value_start_usd": start, "hedge_usd": "-0.0126", "premium": {"fees_usd": "-0.0126"}}
    read = {title.strip(): of_row for title, of_row in LINES}
    assert (read["the hedge brought, USD"](row), read["fees"](row)) == (shown, shown)


def test_statistics_of_a_hedge_by_hand():
    bare = [D("0.01"), D("-0.02"), D("0.03"), D("0")]
    assert variance_reduction(bare, [one / 2 for one in bare]) == D("0.75")
    assert r_squared(bare, [one / 2 for one in bare]) == 1
    assert variance_reduction(bare[:2], bare[:2]) is None
    assert r_squared(bare, [D(0)] * 4) is None


async def test_the_loss_avoided_is_what_the_contracts_earned_by_the_price_alone(bots):
    bot = await lived(bots)
    (row,) = fold_report(record(bot)).json()["assets"]
    with localcontext(prec=60):
        at_the_end = D(row["coins"]["price"]) * D(row["price_end"])
        assert (D(row["loss_avoided_usd"]), D(row["upside_given_up_usd"])) == (at_the_end, 0)
        rest = (D(row["coins"]["funding"]) - D(row["coins"]["fees"]) + D(row["coins"]["rounding"])) * D(row["price_end"])
        assert D(row["hedge_usd"]) == D(row["loss_avoided_usd"]) - D(row["upside_given_up_usd"]) + rest


async def test_a_rise_is_an_upside_given_up(bots):
    bot = await bots.start({"hedges.BTC.ratio": "1.0"}, fed=False)
    for price in (60000, 60000, 60000, 66000):
        for _ in range(60):
            bot.venue.print("BTC", D(price), bots.clock.now_ms())
            await bot.turn(60)
    (row,) = fold_report(record(bot)).json()["assets"]
    assert D(row["loss_avoided_usd"]) == 0
    assert abs(D(row["upside_given_up_usd"]) - 30_000) < 500  # 5 BTC that rose by 6,000
    assert D("0.9") < D(row["ratio_average"]) <= 1
    assert abs(D(row["protected_average_usd"]) - 300_000) < 30_000


async def test_what_the_collateral_would_have_earned_elsewhere_is_told_beside_the_premium(bots):
    bot = await lived(bots)
    (low,), (high,) = (fold_report(record(bot), 0, D(share)).json()["assets"] for share in ("0.03", "0.06"))
    years = D(bots.clock.now_ms() - record(bot)[0].at_ms) / D(365 * 86_400_000)
    assert abs(D(low["opportunity_cost_usd"]) - D(low["collateral_average_usd"]) * D("0.03") * years) < D("0.5")
    assert abs(D(high["opportunity_cost_usd"]) - 2 * D(low["opportunity_cost_usd"])) <= D("0.01")
    assert high["premium_usd"] == low["premium_usd"]


async def test_the_total_is_the_sum_of_the_assets_and_their_returns_are_weighed_by_what_they_are_worth(bots):
    bot = await bots.start(assets=("BTC", "ETH"))
    for _ in range(80):
        await bot.turn(300)
    said = fold_report(record(bot)).json()
    rows, total = said["assets"], said["total"]
    assert [row["asset"] for row in rows] == ["BTC", "ETH"]
    with localcontext(prec=60):
        for name in ("value_end_usd", "hedge_usd", "premium_usd", "saved_usd", "opportunity_cost_usd", "turnover_usd"):
            assert D(total[name]) == sum(D(row[name]) for row in rows), name
        assert D(total["premium_usd"]) == sum(map(D, total["premium"].values()))
    assert D(total["variance_reduction"]) > D("0.5")
    assert total["fills"] == sum(row["fills"] for row in rows)
    text = page(fold_report(record(bot)))
    assert "Together" in text
    assert "{" not in text.split("</style>")[1]  # every figure is a figure


async def test_usdt_that_was_moved_into_the_account_is_nothing_that_the_hedge_brought(bots):
    bot = await bots.start({"hedges.SOL.instrument": "SOL/USDT:USDT", "paper.collateral.USDT": "100000"}, assets=("SOL",), fed=False)
    await bot.until_aligned()
    bot.venue.deposit("USDT", D(5000))
    for _ in range(70):
        bot.venue.print("SOL", D(150), bots.clock.now_ms())
        await bot.turn(60)
    (row,) = fold_report(record(bot)).json()["assets"]
    assert abs(D(row["hedge_usd"])) < 50
    assert amounts(row)["others"] == 5000
    assert adds_up(row)


async def test_linear_contracts_on_one_account_have_each_its_own_profit_and_together_that_of_the_account(bots):
    """ETH rises by 300 USD and SOL falls by 15 after both were sold: on 20 and 500 coins."""
    flags = {f"hedges.{asset}.instrument": f"{asset}/USDT:USDT" for asset in ("ETH", "SOL")}
    bot = await bots.start({**flags, "paper.collateral.USDT": "200000"}, assets=("ETH", "SOL"), fed=False)
    await bot.until_aligned()
    for ethereum, solana in ((3100, 145), (3300, 135), (3300, 135)):
        for _ in range(70):
            bot.venue.print("ETH", D(ethereum), bots.clock.now_ms())
            bot.venue.print("SOL", D(solana), bots.clock.now_ms())
            await bot.turn(60)
    bot.venue.settle_funding("SOL", D("0.001"), bots.clock.now_ms())
    await bot.turn(60)
    said = fold_report(record(bot)).json()
    ethereum, solana = said["assets"]
    assert D(ethereum["upside_given_up_usd"]) == pytest.approx(D(6000), abs=20)
    assert D(solana["loss_avoided_usd"]) == pytest.approx(D(7500), abs=20)
    assert D(ethereum["coins"]["rounding"]) == D(solana["coins"]["rounding"]) == 0
    assert D(solana["coins"]["funding"]) > 60
    equity = bot.decision.legs[0].equity_coins * bot.decision.legs[0].mark
    assert D(said["total"]["hedge_usd"]) == pytest.approx(equity - 200_000, abs=D("0.0001"))
    for row in said["assets"]:
        assert adds_up(row)
        parts = amounts(row)
        assert parts["wallet_end"] == parts["wallet_start"] + parts["realised"] + parts["funding"] - parts["fees"] + parts["others"]
        assert D(row["variance_reduction"]) > D("0.9")


async def test_what_the_market_did_between_a_plan_and_its_orders_is_told_apart_from_their_slippage(bots):
    spread = {
        "execution.schedule": "twap", "execution.schedule_above_usd": "1000", "execution.slices": "3", "execution.horizon_seconds": "300",
    }  # fmt: skip
    bot = await bots.start(spread, fed=False)
    price = D(60000)
    for turn in range(120):
        bot.venue.print("BTC", price + (D(1) if turn % 2 else D(0)), bots.clock.now_ms())  # it breathes, so that orders trade
        price -= D(5)
        await bot.turn()
    (row,) = fold_report(record(bot)).json()["assets"]
    delay, slipped = D(row["premium"]["delay_usd"]), D(row["premium"]["slippage_usd"])
    fills = [one for one in record(bot) if isinstance(one, FillSeen)]
    decided = {one.order.client_id: one.order for one in record(bot) if isinstance(one, IntentRecorded)}
    whole = sum(one.notional_usd * (decided[one.fill.client_id].plan_mid / one.fill.price - 1) for one in fills)
    assert delay > 10  # sold into a fall
    assert D(row["premium"]["basis_usd"]) == 0  # the index of the paper exchange is its price: what the market did is no premium
    assert abs(delay + slipped - whole) < D("0.02")


async def test_the_page_fits_a_phone_coins_to_the_satoshi_and_a_short_time_by_its_minutes(bots):
    bot = await lived(bots)
    text = page(fold_report(record(bot)))
    cells = re.findall(r"<td>([^<]*)</td></tr>", text)
    assert max(map(len, cells)) <= len("2026-03-01 12:00 UTC")
    assert all(re.search(r"\.\d{8}$", value) for value in re.findall(r"<td>BTC: [^<]*</td><td>([^<]*)</td>", text))
    began, ended = re.search(r'<div class="x"><span>([^<]*)</span><span>([^<]*)</span>', text).groups()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", began)
    assert began < ended


async def test_what_was_booked_after_the_last_look_waits_for_the_next_one(bots):
    bot = await lived(bots)
    events = record(bot)
    payment = next(one for one in events if isinstance(one, FundingSeen))
    whole = fold_report(events).json()
    assert fold_report([*events, payment, next(one for one in events if isinstance(one, FillSeen))]).json() == whole
    (row,) = fold_report([*events, payment, next(one for one in reversed(events) if isinstance(one, DecisionMade))]).json()["assets"]
    assert D(row["coins"]["funding"]) == 2 * D(whole["assets"][0]["coins"]["funding"])
