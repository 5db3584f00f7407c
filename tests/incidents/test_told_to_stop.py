"""SIGTERM while an order is on its way: exit 0 only where the venue holds no own order."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.incidents.scene import scene

TIMES = 5


@pytest.mark.parametrize(("venue", "loop"), [("bybit", "uvloop"), ("deribit", "asyncio")])
async def test_exit_0_means_that_no_own_order_is_open_at_whatever_moment_it_was_told_to_stop(tmp_path: Path, venue: str, loop: str) -> None:
    chance = random.Random(venue)
    async with scene(venue, tmp_path) as place:
        server = place.place.server
        server.delay_ms = 10
        place.libuv = loop == "uvloop"
        for _ in range(TIMES):
            bot = await place.runs()
            await bot.says("run.started")
            assert bot.said("run.started")[0]["loop"] == loop
            await bot.says("order.intent", chance.randrange(1, 4))
            await asyncio.sleep(chance.random() * 0.05)
            bot.process.terminate()
            code = await bot.ended()
            assert code == (3 if server.core.open_orders() else 0)
            assert bot.said("stop.asked")
            sent = place.sent()
            await asyncio.sleep(0)
            assert place.sent() == sent
        assert await (await place.runs()).ended() == 0
        assert place.problems() == []


async def test_exit_3_where_a_cancel_never_takes_effect(tmp_path: Path) -> None:
    async with scene("bybit", tmp_path) as place:
        place.shutdown_ms = 3_000
        place.place.ttl = "600"
        place.write()
        server = place.place.server
        place.place.market.takes = False
        bot = await place.runs()
        await bot.until(server.core.open_orders, "an order rests")
        server.faults.add("status", "cancel", count=1_000_000)
        bot.process.terminate()
        assert await bot.ended() == 3
        assert server.core.open_orders()
