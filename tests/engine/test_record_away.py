"""What does the bot still do while its record takes no rows, and what of it counts?"""

from dataclasses import replace

import pytest

from bot import running
from bot.audit.verify import verify
from bot.core.decision import Cancel, Mode
from bot.core.events import CommandGiven
from bot.ports import NotSent
from tests.engine.bots import Phone, in_full, working


async def test_when_the_database_is_full_nothing_is_sent_and_cancels_still_go_out(bots):
    bot = await working(bots)
    bot.store.full = True
    placed = len(bot.orders())
    await bot.turns(10)
    assert bot.engine.database_problem
    assert not bot.engine.health().database.ok
    assert len(bot.orders()) == placed
    bot.store.full = False
    await bot.until_aligned()
    assert in_full(bot)
    assert verify(bot.store).exit_code == 0


async def test_an_order_whose_time_is_up_is_cancelled_also_while_the_record_cannot_be_read(bots):
    bot = await working(bots)
    bot.store.away = True
    placed = len(bot.orders())
    await bot.turns(5)  # 25 of its 30 seconds
    assert bot.engine.own_open_orders() == 1
    await bot.turns(4)
    assert bot.engine.own_open_orders() == 0
    assert len(bot.orders()) == placed
    bot.store.away = False
    await bot.until_aligned()
    assert in_full(bot)
    assert verify(bot.store).exit_code == 0


async def test_a_kill_file_cancels_at_once_also_while_the_record_cannot_be_read(bots):
    bot = await working(bots)
    bot.store.away = True
    await bot.turns(2)
    assert bot.engine.own_open_orders() == 1
    bot.kill_file.touch()
    await bot.turns(2)
    assert bot.engine.own_open_orders() == 0
    bot.store.away = False
    await bot.turns(2)
    assert bot.mode is Mode.HALTED


@pytest.mark.parametrize("away", [False, True])
async def test_a_shutdown_that_was_not_recorded_at_once_sends_nothing_more_and_ends_verified(bots, away):
    bot = await working(bots)
    placed, append, tries = len(bot.orders()), bot.store.append, []

    async def fails_at_first(events):
        tries.append(events)
        bot.store.away = away and len(tries) < 3
        if len(tries) < 3:
            raise NotSent("the server does not answer (test)")
        return await append(events)

    bot.store.append = fails_at_first
    keep = bot.store.state

    def read():
        tries.append(())
        bot.store.away = away and len(tries) < 3
        return keep()

    bot.store.state = read
    assert await running.shut_down(bot.engine, "r")
    assert len(bot.orders()) == placed
    assert bot.engine.own_open_orders() == 0


async def test_without_the_record_a_shutdown_ends_soon_after_the_venue_showed_how_own_orders_ended(bots):
    bot = await working(bots)
    phone = Phone(bot)
    bot.store.away, began = True, bot.clock.mono_ms()
    assert not await running.shut_down(bot.engine, "r")
    assert running.UNRECORDED_MS <= bot.clock.mono_ms() - began < 2 * running.UNRECORDED_MS
    assert bot.engine.own_open_orders() == 0
    assert phone.told[-1][1].startswith("the run of main ended, and no own order is open, but the record cannot be written")


async def test_without_the_record_a_shutdown_goes_on_looking_for_an_order_of_which_the_venue_shows_nothing(bots):
    bot = await working(bots)
    look = bot.venue.look

    async def hides(asks):
        return tuple(replace(view, open_orders=(), found=()) for view in await look(asks))

    bot.venue.look = hides
    bot.engine.rules = replace(bot.engine.rules, absence_ms=120_000, absence_polls=3)
    bot.store.away, began = True, bot.clock.mono_ms()
    assert not await running.shut_down(bot.engine, "r")
    assert bot.clock.mono_ms() - began >= running.SHUTDOWN_MS


async def test_after_a_kill_that_cannot_be_recorded_the_next_turn_is_soon_until_own_orders_are_gone(bots):
    bot = await working(bots)
    bot.store.away = True
    await bot.turn()
    later = running.next_turn_ms(bot.engine, None, None)
    bot.kill_file.touch()
    assert running.next_turn_ms(bot.engine, None, None) == running.FAST_MS < later
    await bot.turns(2)
    assert running.next_turn_ms(bot.engine, None, None) == later


async def test_a_kill_whose_row_was_not_taken_waits_for_the_next_one(bots):
    bot = await working(bots)
    bot.store.full = True
    word = bot.engine.hear(CommandGiven("kill", "test", bot.clock.now_ms(), reason="drill"))
    await bot.turns(2)
    assert bot.engine.own_open_orders() == 0
    assert not word.done()
    bot.store.full = False
    await bot.turn()
    assert word.result() is None
    assert bot.engine.state.killed == "drill"


async def test_a_word_that_is_on_record_is_not_recorded_again_because_a_later_row_of_its_turn_was_not_taken(bots):
    """That of the cancelled order."""
    bot = await working(bots)
    append = bot.store.append

    async def takes_the_word_alone(events):
        head = await append(events)
        bot.store.full = True
        return head

    bot.store.append = takes_the_word_alone
    word = bot.engine.hear(CommandGiven("stop", "test", bot.clock.now_ms()))
    await bot.turn()
    assert word.result() is None
    assert bot.engine.database_problem
    bot.store.full, bot.store.append = False, append
    await bot.turns(2)
    assert [row.event.name for row in bot.store.entries(kinds=("CommandGiven",))] == ["stop"]
    assert bot.engine.own_open_orders() == 0


async def test_a_word_that_cannot_be_recorded_did_not_happen(bots):
    bot = await bots.start()
    await bot.until_aligned()
    bot.store.full = True
    word = bot.engine.hear(CommandGiven("pause", "test", bot.clock.now_ms()))
    await bot.turn()
    with pytest.raises(NotSent, match="not recorded"):
        word.result()
    bot.store.full = False
    await bot.turns(2)
    assert not bot.engine.state.paused


async def test_once_a_write_of_the_turn_has_failed_no_order_of_it_is_sent(bots, monkeypatch):
    bot = await working(bots)
    resting = bot.engine.state.legs[0].working.order
    bot.store.full = True
    sent: list[object] = []
    monkeypatch.setattr(bot.venue, "place", sent.append)
    asked = Cancel("BTC", resting.symbol, resting.client_id, "its time is up")
    await bot.engine.act(replace(bot.decision, armed=True, cancels=(asked,), orders=(replace(resting, client_id="hbt1001" + "a" * 18),)))
    assert bot.engine.database_problem
    assert sent == []
