"""The server that holds the record dies, or is held locked, while orders work: does the bot go on by itself, without a second order?"""

import asyncio
import random
import signal
from pathlib import Path

import psycopg
import pytest

from bot.audit import database
from tests.incidents.conftest import Server
from tests.incidents.scene import scene

TIMES = 2


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL], ids=["stopped at once", "killed"])
async def test_it_goes_on_by_itself_after_every_restart_of_its_database(tmp_path: Path, mortal: Server, number: signal.Signals) -> None:
    chance = random.Random(number)
    url = mortal.emptied()
    database.upgrade(url)
    async with scene("deribit", tmp_path, url) as place:
        bot = await place.runs()
        for _ in range(TIMES):
            await bot.says("order.intent", len(bot.said("order.intent")) + 3)
            await asyncio.sleep(chance.random() * 0.05)
            failed, recovered = len(bot.said("audit.failed")), len(bot.said("audit.recovered"))
            await asyncio.to_thread(mortal.end, number)
            await bot.says("audit.failed", failed + 1)
            sent = place.sent()
            probed = await place.hb("probe", "--json")
            assert probed.code == 1
            await bot.until(lambda: not place.place.server.core.open_orders(), "what rested is taken or cancelled")
            assert place.sent() == sent
            await asyncio.to_thread(mortal.start)
            await bot.says("audit.recovered", recovered + 1)
        assert await bot.ended() == 0
        assert place.problems() == []


async def test_while_somebody_holds_the_record_locked_it_says_so_and_cancels_and_then_goes_on(tmp_path: Path, mortal: Server) -> None:
    url = mortal.emptied()
    database.upgrade(url)
    async with scene("deribit", tmp_path, url) as place:
        bot = await place.runs()
        await bot.says("order.intent", 3)
        with psycopg.connect(mortal.url) as somebody:
            somebody.execute("LOCK TABLE entries IN ACCESS EXCLUSIVE MODE")
            await bot.says("audit.failed")
            assert "another session of the server holds it locked" in bot.said("audit.failed")[0]["error"]
            sent = place.sent()
            await bot.until(lambda: not place.place.server.core.open_orders(), "what rested is taken or cancelled")
            assert place.sent() == sent
        await bot.says("audit.recovered")
        assert await bot.ended() == 0
        assert place.problems() == []
