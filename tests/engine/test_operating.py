"""Does the bot do what its operator says, and remember it?"""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from adapters.exchanges.paper import PaperExchange
from bot import running
from bot.audit.verify import verify
from bot.commanding import carried_out, pull_or_release
from bot.core.decision import Mode
from bot.core.events import AlertRaised, CommandGiven
from bot.core.memory import changed
from bot.core.model import OrderStatus, Side
from bot.core.pin import ACCEPT
from bot.engine import Engine
from bot.exit_codes import Exit
from bot.logs import keep_secret
from bot.ports import LeaseLost, Misconfigured, NotSent
from tests.engine.bots import Phone, in_full, working


async def test_without_a_word_and_without_the_flag_a_live_configuration_runs_dry(bots):
    bot = await bots.start(live_flag=False)
    await bot.turns(10)
    assert not bot.engine.state.armed
    assert bot.contracts == {"BTC": 0}
    assert {order.status for order in bot.orders()} == {"DRY_RUN"}


async def test_a_dry_run_records_each_distinct_plan_once_and_sends_nothing(bots):
    bot = await bots.start(live_flag=False, fed=False, matching="print")
    await bot.turns(30)
    assert len(bot.orders()) == 1
    (leg,) = bot.decision.legs
    assert leg.ratio_actual == 0
    assert leg.ratio_planned > Decimal("0.999")
    await bot.say("target-set", asset="BTC", ratio=Decimal("0.2"))
    await bot.turns(5)
    assert [order.contracts for order in bot.orders()] == [1000, 600]


async def test_dry_run_off_arms_and_the_word_survives_a_restart(bots):
    bot = await bots.start(live_flag=False)
    await bot.say("dry-run-off")
    await bot.until_aligned()
    await bots.end(bot)
    again = await bots.start(live_flag=False)
    assert again.engine.state.armed


async def test_dry_run_on_cancels_own_orders_and_is_done_when_they_are_gone(bots):
    bot = await working(bots)
    await bot.say("dry-run-on")
    asked = CommandGiven("dry-run-on", "test", bot.clock.now_ms())
    assert not carried_out(asked, bot.engine.state)
    assert not bot.engine.state.armed
    await bot.until(lambda: carried_out(asked, bot.engine.state), 3)
    assert bot.engine.own_open_orders() == 0
    sent = [order for order in bot.orders() if order.status != "DRY_RUN"]
    await bot.turns(20)
    assert [order for order in bot.orders() if order.status != "DRY_RUN"] == sent
    await bots.end(bot)
    assert not (await bots.start()).engine.state.armed  # --live does not override the stored word


async def test_a_second_kill_is_done_when_the_first_one_is(bots):
    bot = await working(bots)
    await bot.say("kill")
    assert bot.engine.state.mode is Mode.CANCEL_ONLY
    again = CommandGiven("kill", "test", bot.clock.now_ms())
    early = await bot.engine.command(again, wait_ms=20)  # nobody turns meanwhile; and the turns go on when he has ceased to wait
    assert (early.code, early.done, early.state) == ("draining", False, Mode.CANCEL_ONLY)
    assert early.message.endswith("own orders are not gone yet")
    await bot.until(lambda: bot.engine.state.mode is Mode.HALTED, 3)
    late = await bot.engine.command(again, wait_ms=0)
    assert (late.code, late.done, late.state) == ("ok", True, Mode.HALTED)


async def test_dry_run_off_is_refused_under_mode_dry_run(bots):
    bot = await bots.start({"mode": "dry-run"})
    said = bot.engine.command(CommandGiven("dry-run-off", "test", bot.clock.now_ms()))
    result = await asyncio.wait_for(said, 5)  # one that is taken waits for a turn
    assert result.code == "refused"
    assert "mode: live" in result.message


async def test_under_mode_dry_run_nothing_at_all_is_signed(bots):
    bot = await bots.start({"mode": "dry-run"})
    with pytest.raises(NotSent, match="signs nothing"):
        bot.engine.parts.gate.check(None)
    await bot.turns(10)
    assert bot.contracts == {"BTC": 0}


async def test_pause_leaves_the_open_order_to_its_end_and_sends_no_other(bots):
    bot = await working(bots)
    await bot.say("pause")
    assert bot.mode is Mode.PAUSED
    assert bot.engine.own_open_orders() == 1
    await bot.turns(10)
    assert bot.engine.own_open_orders() == 0
    assert len(bot.orders()) == 1
    await bots.end(bot)
    again = await bots.start(fed=False, matching="print")
    await again.turns(3)
    assert again.mode is Mode.PAUSED
    await again.say("resume")
    await again.turns(2)
    assert len(again.orders()) == 2


async def test_kill_cancels_freezes_keeps_the_hedge_and_survives_a_restart(bots):
    bot = await bots.start()
    await bot.until_aligned()
    await bot.say("kill", reason="drill")
    await bot.turns(2)
    assert bot.mode is Mode.HALTED
    assert in_full(bot)
    await bots.end(bot)
    again = await bots.start()
    await again.turns(3)
    assert again.mode is Mode.HALTED
    await again.say("target-set", asset="BTC", ratio=Decimal("0.5"))
    await again.turns(5)
    assert in_full(again)
    await again.say("rearm", reason="drill over")
    await again.until_aligned()
    assert again.contracts["BTC"] > -1600


async def test_kill_cancels_a_resting_order(bots):
    bot = await working(bots)
    await bot.say("kill", reason="drill")
    await bot.turns(2)
    assert bot.orders()[0].status == "CANCELLED"
    assert bot.mode is Mode.HALTED


async def test_the_command_writes_the_kill_file_and_rearm_removes_it(bots):
    bot = await bots.start()
    await bot.turns(2)
    engine: Engine = bot.engine
    switch = engine.parts.gate.kill_switch
    assert pull_or_release(switch, CommandGiven("kill", "test", bot.clock.now_ms(), reason="drill")) == ""
    assert bot.kill_file.read_text() == "drill\n"
    await bot.turns(2)
    assert bot.mode is Mode.HALTED
    pull_or_release(switch, CommandGiven("rearm", "test", bot.clock.now_ms(), reason="over"))
    assert not bot.kill_file.exists()


async def test_a_kill_whose_file_cannot_be_written_is_obeyed_and_says_so(bots):
    bot = await working(bots)
    bot.engine.parts.gate.kill_switch.path = bots.folder / "absent" / "hedgebot.kill"
    saying = asyncio.create_task(bot.engine.command(CommandGiven("kill", "test", bot.clock.now_ms(), reason="drill")))
    await asyncio.sleep(0)
    await bot.turns(3)
    result = await asyncio.wait_for(saying, 5)
    assert (result.done, result.state, bot.engine.state.killed) == (True, Mode.HALTED, "drill")
    assert "cannot be written: No such file or directory; the kill is given to bot and database without it" in result.message


async def test_a_kill_file_put_there_by_hand_kills(bots):
    bot = await working(bots)
    bot.kill_file.touch()
    await bot.turns(3)
    assert bot.mode is Mode.HALTED
    assert bot.engine.own_open_orders() == 0


async def test_while_the_kill_file_cannot_be_read_nothing_is_signed_and_no_flag_is_set(bots):
    bot = await bots.start()
    bot.engine.parts.gate.kill_switch.path = bot.kill_file / "below" / "a" / "file"
    bot.kill_file.touch()  # a file where a folder is looked for: neither there nor not there
    await bot.turns(5)
    assert bot.orders() == []
    assert bot.engine.state.killed is None
    bot.kill_file.unlink()
    await bot.until_aligned()


@pytest.mark.parametrize("name", ["rearm", ACCEPT])
async def test_what_lets_orders_go_out_again_needs_a_reason(bots, name):
    bot = await bots.start()
    said = bot.engine.command(CommandGiven(name, "test", bot.clock.now_ms(), "BTC", reason=" "))
    result = await asyncio.wait_for(said, 5)  # one that is taken waits for a turn
    assert (result.code, result.message) == ("refused", f"{name} needs a reason: it goes on record")


async def test_flatten_closes_every_leg_then_halts(bots):
    bot = await bots.start(assets=("BTC", "ETH"))
    await bot.until_aligned()
    await bot.say("flatten")
    assert bot.mode is Mode.REDUCING
    await bot.until(lambda: bot.mode is Mode.HALTED)
    assert bot.contracts == {"BTC": 0, "ETH": 0}
    await bot.turns(10)
    assert bot.contracts == {"BTC": 0, "ETH": 0}


async def test_cancel_all_ends_the_open_orders_once_and_the_bot_goes_on(bots):
    bot = await working(bots)
    await bot.say("cancel-all")
    asked = CommandGiven("cancel-all", "test", bot.clock.now_ms())
    assert not carried_out(asked, bot.engine.state)
    await bot.turns(3)
    assert carried_out(asked, bot.engine.state)
    first, *later = bot.orders()
    assert first.status == "CANCELLED"
    assert later


async def test_a_first_start_with_a_short_waits_for_adoption(bots):
    bot = await bots.start()
    await bot.until_aligned()
    await bots.end(bot)
    stranger = await bots.start(fresh_record=True)
    await stranger.turns(10)
    assert stranger.orders() == []
    assert "--adopt" in stranger.decision.legs[0].why
    await bots.end(stranger)
    heir = await bots.start(fresh_record=True, adopt=True)
    await heir.until_aligned()
    assert in_full(heir)
    assert heir.orders() == []


async def test_a_long_is_closed_reduce_only_after_adoption_and_the_short_is_opened_by_a_later_order(bots):
    bot = await bots.start({"reconcile.foreign": "absorb"}, adopt=True, fed=False, matching="print")
    bot.venue.manual_trade("BTC/USD:BTC", Side.BUY, 300)
    await bot.turn()
    await bot.until_aligned()
    orders = [order for order in bot.orders() if order.filled]
    assert orders[0].reduce_only
    assert orders[0].filled == 300
    assert not orders[1].reduce_only
    assert bot.contracts["BTC"] <= -2900


async def test_a_long_without_adoption_halts_the_leg(bots):
    bot = await bots.start()
    bot.venue.manual_trade("BTC/USD:BTC", Side.BUY, 300)
    await bot.turns(5)
    assert bot.orders() == []
    assert "position against the hedge" in bot.decision.legs[0].why


async def test_an_order_of_an_earlier_run_is_cancelled_before_a_new_one_is_made(bots):
    bot = await working(bots)
    old = bot.orders()[0].client_id
    await bots.end(bot)
    again = await bots.start(fed=False, matching="print")
    await again.turns(4)
    assert again.store.order(old).status == "CANCELLED"
    await again.until_aligned()
    assert in_full(again)


async def test_a_leg_that_left_the_configuration_with_a_position_refuses_the_start(bots):
    bot = await bots.start(assets=("BTC", "ETH"))
    await bot.until_aligned()
    await bots.end(bot)
    with pytest.raises(Exception, match=r"hedges\.ETH is gone"):
        await bots.start(assets=("BTC",))
    bots.running.clear()


async def test_a_hedge_that_is_open_unwinds_when_its_horizon_is_over_and_a_new_one_refuses_the_start(bots):
    bot = await bots.start()
    await bot.until_aligned()
    await bots.end(bot)
    over = {"hedges.BTC.policies.schedule.until": "2023-11-01"}
    again = await bots.start(over)
    await again.until(lambda: again.contracts["BTC"] == 0)
    await bots.end(again)
    with pytest.raises(Misconfigured, match=r"hedges\.BTC\.policies\.schedule\.until is 2023-11-01, .*; nothing was sent: name a"):
        await bots.start(over, fresh_record=True)


async def test_raising_the_declared_coins_raises_the_hedge(bots):
    bot = await bots.start()
    await bot.until_aligned()
    await bots.end(bot)
    again = await bots.start({"bag.BTC.coins": "2.5"})
    await again.until_aligned()
    assert again.contracts["BTC"] < -3200


async def test_a_start_waits_for_what_a_run_that_did_not_end_well_may_have_under_way(bots, monkeypatch):
    monkeypatch.setattr(PaperExchange, "absence_ms", 7_000)
    await bots.end(await working(bots))
    for ended_well, waits_ms in ((False, 7_000), (True, 0)):
        began_ms = bots.clock.now_ms()
        bot = await bots.start()
        assert bots.clock.now_ms() - began_ms == waits_ms, ended_well
        assert await running.shut_down(bot.engine, "run")
        await bots.end(bot)


async def test_fills_while_the_bot_was_away_are_counted_once(bots):
    bot = await working(bots)
    await bots.end(bot)
    again = await bots.start(fed=False, matching="print")
    again.venue.print("BTC", Decimal("60200"), again.clock.now_ms())
    await again.until_aligned()
    assert again.contracts["BTC"] == -sum(fill.contracts for fill in again.store.fills(limit=1000))
    assert verify(again.store).exit_code == 0


async def test_a_dry_run_that_finds_an_order_of_an_earlier_run_does_not_end_as_verified(bots):
    bot = await working(bots)
    await bots.end(bot)
    watching = await bots.start({"mode": "dry-run"}, fed=False, matching="print")
    await watching.turns(2)
    phone = Phone(watching)
    assert not await running.shut_down(watching.engine, "run")
    assert watching.engine.own_open_orders() == 1
    assert phone.told == [("critical", "the run of main ended, and own orders may still be open")]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LeaseLost("epoch 2, ours was 1"), ("warning", "this process no longer leads main, and signs nothing more: epoch 2, ours was 1")),
        (ZeroDivisionError("x"), ("critical", "the run of main ended, and own orders may still be open: ZeroDivisionError('x')")),
    ],
)
async def test_a_run_that_ends_against_its_will_is_told(bots, error, told):
    bot = await bots.start()
    phone = Phone(bot)

    async def fails():
        raise error

    bot.engine.thought = lambda *_: fails()
    ending = running.run(bot.engine, "run", asyncio.Event(), running.Until())
    if isinstance(error, LeaseLost):
        assert await ending is Exit.ATTENTION
    else:
        with pytest.raises(ZeroDivisionError):
            await ending
    assert phone.told == [told]


async def test_no_message_carries_a_secret(bots):
    bot = await bots.start()
    await bot.turn()
    phone = Phone(bot)
    keep_secret("hunter22-secret")
    for severity in ("warning", "critical"):
        await running.call(bot.engine, severity, "https://user:hunter22-secret@host refused")
    await bot.engine.tell(bot.decision, [AlertRaised("hunter22-secret is wrong", bots.clock.now_ms())])
    assert len(phone.told) == 3
    assert not any("hunter22" in text for _, text in phone.told)


async def test_a_dry_run_without_an_open_order_ends_verified(bots):
    bot = await bots.start({"mode": "dry-run"})
    await bot.turns(2)
    assert await running.shut_down(bot.engine, "run")


async def test_a_live_run_ends_verified_once_its_order_was_seen_gone_twice(bots):
    bot = await working(bots)
    assert await running.shut_down(bot.engine, "run")
    assert bot.engine.own_open_orders() == 0
    assert bot.orders()[0].status == "CANCELLED"
    assert bot.kinds()[-1] == "RunEnded"


async def test_an_own_order_that_no_intent_tells_of_still_counts_as_open_at_the_end(bots):
    bot = await working(bots)
    await bot.turn()
    engine = bot.engine
    engine.state = changed(engine.state, legs=tuple(changed(leg, working=None) for leg in engine.state.legs))
    assert engine.own_open_orders() == 1
    assert not running.nothing_open(engine)
    engine.seen = replace(engine.seen, views=tuple(replace(view, open_orders=()) for view in engine.seen.views))
    assert running.nothing_open(engine)
    engine.seen = replace(engine.seen, views=tuple(replace(view, open_orders=None) for view in engine.seen.views))
    assert not running.nothing_open(engine)


async def test_an_order_that_is_being_cancelled_is_looked_for_at_once_a_doubtful_one_once_a_cycle(bots):
    bot = await working(bots)
    engine, (leg,) = bot.engine, bot.engine.state.legs

    def waits_ms(status: OrderStatus, cancel_asked_ms: int | None) -> int:
        order = replace(leg.working, status=status, cancel_asked_ms=cancel_asked_ms)
        engine.state = replace(engine.state, legs=(replace(leg, working=order),))
        return running.next_turn_ms(engine, replace(bot.decision, wake_mono_ms=None), None)

    assert waits_ms(OrderStatus.OPEN, None) == engine.parts.cycle_ms
    assert waits_ms(OrderStatus.OPEN, 0) == running.FAST_MS
    assert waits_ms(OrderStatus.UNKNOWN, 0) == engine.parts.cycle_ms
    engine.state = replace(engine.state, cancel_all=True)
    assert waits_ms(OrderStatus.OPEN, None) == running.FAST_MS
    assert waits_ms(OrderStatus.UNKNOWN, None) == engine.parts.cycle_ms


async def test_a_timer_that_had_run_out_before_the_look_hurries_nobody(bots):
    bot = await working(bots)
    now_ms = bot.engine.seen.mono_ms
    for wake_ms, waits_ms in ((now_ms, bot.engine.parts.cycle_ms), (now_ms + 1, running.FAST_MS), (now_ms + 1_000, 1_000)):
        assert running.next_turn_ms(bot.engine, replace(bot.decision, wake_mono_ms=wake_ms), None) == waits_ms
