"""What do kill and flatten say of each other: which of them holds, and is the hedge really gone?"""

import asyncio
from itertools import chain, repeat

import pytest

from bot import commanding
from bot.commanding import Said, at_once, carried_out, heeded, refused, told
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


@pytest.mark.parametrize(
    ("name", "done", "note", "said"),
    [
        ("kill", True, "", "kill is done"),
        ("kill", False, "", "kill is being carried out: own orders are not gone yet"),
        ("flatten", False, "", "flatten is being carried out: not every leg is flat yet"),
        ("kill", False, "already killed: drill", "already killed: drill: own orders are not gone yet"),
        ("kill", True, "kill_file cannot be written", "kill_file cannot be written"),
    ],
)
def test_an_operator_hears_whether_it_is_done_and_what_is_not_yet(name: str, *, done: bool, note: str, said: str):
    assert told(CommandGiven(name, "test", 0), done, note) == said


@pytest.mark.parametrize(
    ("name", "hurries"),
    [("kill", True), ("stop", True), ("flatten", False), ("cancel-all", False), ("pause", False), ("dry-run-on", False), ("rearm", False)],
)
async def test_only_a_kill_and_the_end_cancel_without_a_look_at_anything_else(name: str, hurries: bool):
    word = Said(CommandGiven(name, "test", 0), asyncio.get_running_loop().create_future())
    assert at_once([word]) is hurries


async def test_a_kill_file_hurries_the_bot_once_and_again_when_it_comes_back(monkeypatch: pytest.MonkeyPatch):
    """Else a bot whose order cannot be cancelled would turn ten times a second."""
    monkeypatch.setattr(commanding, "LOOK_SECONDS", 0)
    looks = chain([False, True, True, True, False, True, True], repeat(True))
    woken, looked = [], []

    def hurried() -> bool:
        looked.append(next(looks))
        return looked[-1]

    heeding = asyncio.create_task(heeded(hurried, lambda: woken.append(len(looked))))
    while len(looked) < 12:  # noqa: ASYNC110  # nothing to wait for but its turns
        await asyncio.sleep(0)
    heeding.cancel()
    assert woken == [2, 6]
