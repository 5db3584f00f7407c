"""Slices, places in the queue and shares of the book, by the whole bot on the paper exchange, and on record."""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.audit.explain import explain
from bot.audit.verify import Verdict, verify
from bot.core.decision import Approved
from bot.core.events import DecisionMade, IntentRecorded, QueueSeen
from bot.core.model import Order, Side
from tests.engine.bots import Bot, Bots

D = Decimal
TWAP = {
    "execution.schedule": "twap", "execution.schedule_above_usd": "1000", "execution.slices": "5", "execution.horizon_seconds": "300",
    "execution.max_order_usd": "1000000",
}  # fmt: skip


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[Bots]:
    made = Bots(tmp_path)
    yield made
    made.close()


async def quiet(bots: Bots, flags: dict[str, str], **more: object) -> Bot:
    """A bot in a market that stands still: only what a test lets trade trades."""
    bot = await bots.start(flags, fed=False, **more)
    bot.venue.print("BTC", D(60000), bots.clock.now_ms())
    return bot


def intents(bot: Bot) -> list[IntentRecorded]:
    return [row.event for row in bot.store.entries() if isinstance(row.event, IntentRecorded)]


def let_trade(bot: Bot) -> None:
    """Strangers take all that rests of ours."""
    for order in bot.engine.seen.views[0].open_orders or ():
        beyond = order.limit_price + D(1) * (1 if order.side is Side.SELL else -1)
        bot.venue.others_trade(order.symbol, Side.BUY if order.side is Side.SELL else Side.SELL, order.contracts, beyond)


async def worked(bot: Bot, turns: int) -> None:
    for _ in range(turns):
        await bot.turn()
        let_trade(bot)


async def test_slices_follow_one_another_through_a_kill_and_the_record_decides_the_same_again(bots):
    bot = await quiet(bots, TWAP)
    await worked(bot, 20)
    assert [event.order.contracts for event in intents(bot)] == [600, 600]
    await bots.end(bot)
    bots.clock.advance_to(bots.clock.now_ms() + 20_000)
    bot = await quiet(bots, TWAP)
    await worked(bot, 60)
    orders = [event.order for event in intents(bot)]
    assert [order.contracts for order in orders[:4]] == [600] * 4
    assert 597 <= orders[4].contracts <= 600  # what fees took is not hedged
    assert [order.why for order in orders[:5]] == [f"under-hedged, slice {number} of 5" for number in range(1, 6)]
    assert sum(order.contracts for order in orders) == -bot.contracts["BTC"]
    assert verify(bot.store).verdict is Verdict.GOOD


async def test_every_order_of_a_plan_keeps_the_mid_that_the_plan_began_at(bots):
    bot = await quiet(bots, TWAP)
    await worked(bot, 3)
    bot.venue.print("BTC", D(60060), bots.clock.now_ms())
    await worked(bot, 14)
    first, second = (event.order for event in intents(bot))
    assert (first.plan_mid, first.arrival.mid) == (D(60000), D(60000))
    assert (second.plan_mid, second.arrival.mid) == (D(60000), D(60060))


async def test_a_pegged_order_keeps_its_place_and_its_queue_is_on_record_and_explained(bots):
    bot = await quiet(bots, {"execution.reprice_after_seconds": "10"}, spread_bps=D(0))  # a tick on either side of the price
    bot.venue.print("BTC", D("60000.05"), bots.clock.now_ms())  # between two ticks: there is no price inside the spread
    await bot.turns(3)
    (event,) = intents(bot)
    ahead = event.order.queue_ahead
    assert ahead > 0
    bot.venue.others_trade(event.order.symbol, Side.BUY, ahead // 2, event.order.limit_price)
    await bot.turns(10)  # far beyond order_ttl_seconds
    assert len(intents(bot)) == 1
    seen = [row.event for row in bot.store.entries() if isinstance(row.event, QueueSeen)]
    assert seen == [] or all(not one.behind for one in seen)
    story = explain(bot.store, event.order.client_id)
    assert f"{ahead:,} contracts of others were ahead" in story
    bot.venue.print("BTC", D(59900), bots.clock.now_ms())
    await bot.turns(4)
    assert [cancel.why for row in bot.store.entries() if isinstance(row.event, DecisionMade) for cancel in row.event.decision.cancels] == [
        "the touch moved away"
    ]
    story = explain(bot.store, event.order.client_id)
    assert "behind the best price" in story
    assert verify(bot.store).verdict is Verdict.GOOD


async def test_no_order_is_more_than_its_share_of_the_book_on_record_beside_it(bots):
    bot = await quiet(bots, {"execution.max_depth_share": "0.2", "execution.max_order_usd": "1000000"})
    await worked(bot, 60)
    decisions = [row.event for row in bot.store.entries() if isinstance(row.event, DecisionMade) and row.event.decision.orders]
    assert len(decisions) > 3
    for event in decisions:
        (order,) = event.decision.orders
        depth = event.seen.views[0].depth
        reached = depth.asks[:1] if order.post_only else [level for level in depth.bids if level[0] >= order.limit_price]
        visible = sum(count for _, count in reached)
        assert 0 < order.contracts <= visible * D("0.2")
    assert bot.aligned
    assert verify(bot.store).verdict is Verdict.GOOD


async def test_a_replay_has_no_book_and_works_without_its_share():
    from bot.settings import load
    from bot.wiring.past import Recorded, replay
    from tests.replay.test_jumping import BEGAN, MINUTE, Bar

    bars = [Bar(BEGAN + at * MINUTE, MINUTE, *(D(60000 + 10 * (at % 3)),) * 4) for at in range(30)]
    flags = {"mode": "live", "bag.BTC.coins": "2", "hedges.BTC.ratio": "1", "execution.max_depth_share": "0.1"}
    run = await replay(load(None, {}, flags), Recorded({"BTC": bars}, {"BTC": []}))
    assert (await run.run())["fills"] > 0


@pytest.mark.parametrize("cut_short", [False, True])
async def test_an_order_is_sent_before_its_lines_are_logged_and_they_are_logged_whatever_becomes_of_it(bots, cut_short):
    bot = await quiet(bots, {})
    place, lines_before = bot.venue.place, []

    async def placing(order: Approved) -> Order:
        lines_before.extend(line["event"] for line in lines)
        if cut_short:
            raise asyncio.CancelledError
        return await place(order)

    with capture_logs() as lines:
        await bot.turn()
        lines.clear()
        bot.venue.place = placing
        with pytest.raises(asyncio.CancelledError) if cut_short else nullcontext():
            await bot.turn()
    assert intents(bot)
    assert lines_before == []
    told = [line["event"] for line in lines if line["event"] != "state.changed"]
    assert told[:2] == ["audit.head", "order.intent"]
    assert set(told[2:]) == (set() if cut_short else {"order.moved"})
    assert {line.get("asset") for line in lines if line["event"].startswith("order.")} == {"BTC"}
