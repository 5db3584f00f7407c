"""What if a process leads a copy of the record, beside the one that leads the record itself?"""

import shutil
from dataclasses import replace
from decimal import Decimal

import pytest

from bot import alone
from bot.core.decision import Mode
from tests.engine.bots import Bots, in_full, working


async def beside_a_copy(bots: Bots, *, busy: bool):
    """A bot that leads, `busy` if it has sent orders in this run, and another over a copy of its record that wants something else."""
    bot = await bots.start()
    await bot.until_aligned()
    await bots.end(bot)
    original = await bots.start()
    shutil.copy(bots.folder / "hedgebot.db", bots.folder / f"record-{len(bots.running)}.db")
    if busy:
        await original.say("target-set", asset="BTC", ratio=Decimal("0.7"))
        await original.until_aligned()
    other = await bots.start({"hedges.BTC.ratio": "0.5"}, fresh_record=True)
    return original, other


@pytest.mark.parametrize("busy", [True, False])
async def test_the_one_that_sees_orders_under_its_name_that_it_did_not_send_halts_and_names_the_cause(bots: Bots, *, busy: bool):
    """Each would undo what the other hedges, and pay for it, until the turnover of the day is used up."""
    original, other = await beside_a_copy(bots, busy=busy)
    assert (other.engine.state.epoch > original.engine.state.epoch) == busy
    await other.turns(3)
    sent = len(original.orders())
    await original.turns(20)
    assert original.mode is Mode.HALTED
    assert "another process leads this account with a copy of this database" in str(original.engine.state.killed)
    assert len(original.orders()) == sent


async def test_a_trade_between_two_looks_gives_the_other_away_when_its_order_is_gone_again(bots: Bots):
    original, other = await beside_a_copy(bots, busy=False)
    await other.until_aligned()
    assert other.engine.own_open_orders() == 0
    sent = len(original.orders())
    await original.turns(2)
    assert (original.mode, len(original.orders())) == (Mode.HALTED, sent)
    assert "another process leads this account" in str(original.engine.state.killed)


async def test_once_the_other_is_gone_it_goes_on_when_rearmed_with_every_trade_on_record(bots: Bots):
    original, other = await beside_a_copy(bots, busy=False)
    await other.turns(3)
    await original.turns(20)
    await bots.end(other)
    await original.say("rearm", reason="the copy is stopped")
    await original.until_aligned()
    assert in_full(original)
    assert original.engine.state.killed is None


async def test_an_order_that_rests_is_its_own_however_many_were_sent_since(bots: Bots, monkeypatch: pytest.MonkeyPatch):
    """It may rest for days while another leg sends thousands."""
    monkeypatch.setattr(alone, "KEPT", 0)
    bot = await bots.start()
    await bot.until(lambda: bot.engine.own_open_orders() == 1)
    await bot.until_aligned()  # it ends, and is not the last
    assert in_full(bot)
    assert bot.engine.state.killed is None


async def test_an_order_of_an_earlier_run_that_the_venue_shows_only_now_is_cancelled_and_halts_nobody(bots: Bots):
    """Its request was under way when that run died: newer than this one, and not sent by it."""
    bot = await working(bots)
    order = bot.engine.state.legs[0].working.order
    await bots.end(bot)
    again = await bots.start(fed=False, matching="print")
    await again.until(lambda: again.engine.own_open_orders() == 0)
    late = replace(order, client_id=order.client_id[:-3] + "zzz")
    await again.venue.place(late)
    await again.turns(3)
    assert again.engine.state.killed is None
    assert late.client_id not in {one.client_id for view in again.engine.seen.views for one in view.open_orders}


async def test_it_is_put_on_record_once_however_long_the_other_trades_on_and_holds_for_the_next_run(bots: Bots):
    original, other = await beside_a_copy(bots, busy=False)
    await other.turns(3)
    await original.turns(5)
    why = original.engine.state.killed
    await other.say("target-set", asset="BTC", ratio=Decimal("0.8"))
    await other.turns(3)
    await original.turns(5)
    assert original.kinds().count("Halted") == 1
    await bots.end(original)
    again = await bots.start()
    await again.turns(2)
    assert (again.mode, again.engine.state.killed) == (Mode.HALTED, why)


async def test_who_sends_nothing_himself_is_halted_by_nobody(bots: Bots):
    """A dry run over a copy of the record, beside the bot that leads it."""
    bot = await bots.start()
    await bot.until_aligned()
    await bots.end(bot)
    looker = await bots.start(dry_flag=True)
    shutil.copy(bots.folder / "hedgebot.db", bots.folder / f"record-{len(bots.running)}.db")
    other = await bots.start({"hedges.BTC.ratio": "0.5"}, fresh_record=True)
    sent = len(other.orders())
    await other.turns(3)
    assert len(other.orders()) > sent
    await looker.turns(5)
    assert looker.engine.state.killed is None
