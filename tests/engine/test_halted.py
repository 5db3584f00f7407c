"""What do kill and flatten say of each other: which of them holds, and is the hedge really gone?"""

from bot.commanding import carried_out, refused
from bot.core.decision import Mode
from bot.core.events import CommandGiven
from tests.engine.bots import Bots


async def test_flatten_is_refused_where_no_order_would_be_sent(bots: Bots):
    bot = await bots.start(live_flag=False)
    await bot.turns(2)
    flatten = CommandGiven("flatten", "test", bot.clock.now_ms())
    assert "`hedgebot dry-run off` first" in refused(flatten, bot.engine.rules, "", bot.engine.state)


async def test_a_flatten_is_refused_while_halted_as_long_as_a_hedge_is_open(bots: Bots):
    bot = await bots.start()
    await bot.until_aligned()
    await bot.say("kill", reason="drill")
    await bot.turns(2)
    flatten = CommandGiven("flatten", "test", bot.clock.now_ms())
    why = refused(flatten, bot.engine.rules, "", bot.engine.state)
    assert "halted (drill)" in why
    assert "`hedgebot rearm --reason …` first" in why
    await bot.say("rearm", reason="drill over")
    await bot.say("flatten")
    await bot.until(lambda: bot.mode is Mode.HALTED)
    assert refused(flatten, bot.engine.rules, "", bot.engine.state) == ""  # it is flat: once more asks for nothing
    assert carried_out(flatten, bot.engine.state)


async def test_a_flatten_that_a_kill_ends_is_not_done(bots: Bots):
    bot = await bots.start({"execution.max_order_usd": "10000"})
    await bot.until_aligned()
    await bot.say("flatten")
    await bot.say("kill", reason="not now")
    await bot.until(lambda: bot.mode is Mode.HALTED)
    assert bot.contracts["BTC"] < 0
    assert not carried_out(CommandGiven("flatten", "test", bot.clock.now_ms()), bot.engine.state)


async def test_a_reason_that_is_given_after_the_kill_file_was_written_by_hand_goes_on_record(bots: Bots):
    bot = await bots.start()
    bot.kill_file.touch()
    await bot.turns(2)
    assert bot.engine.state.killed == "the kill file is there"
    for reason in ("the price is wrong", "another one"):
        await bot.say("kill", reason=reason)
    assert bot.engine.state.killed == "the price is wrong"
