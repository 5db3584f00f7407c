"""The server that holds the record is stopped and keeps every connection open: does the bot do what it does without one, and then go on?"""

import asyncio
import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.audit import database
from bot.audit.patience import ANSWER_SECONDS
from bot.audit.store import LATE_SECONDS
from bot.exit_codes import Exit
from bot.running import UNRECORDED_MS
from tests.audit.freezing import frozen
from tests.incidents.scene import PATIENCE_S, Process, Scene, scene
from tests.killed.rounds import there

TIMES = 2
AT_ONCE_S = 2.0  # with what a busy machine takes
STARTS_S = 3.0  # a command: its process and what it imports


async def health(place: Scene) -> tuple[int, Any]:
    """What a probe is told, and at once."""
    async with httpx.AsyncClient(base_url=place.address(), trust_env=False, timeout=AT_ONCE_S) as client:
        assert (await client.get("/livez")).status_code == 200
        answer = await client.get("/readyz")
        return answer.status_code, answer.json()


async def kept_running(place: Scene, *args: str) -> Process:
    return await place.start("run", "--live", "--log-json", *args)


async def stopped(bot: Process) -> int:
    bot.process.terminate()
    return await bot.ended()


@pytest.fixture
def server(fresh_server_url: str) -> str:
    database.upgrade(fresh_server_url)
    return fresh_server_url


async def test_frozen_while_orders_work_it_sends_none_and_goes_on_without_a_second_one(tmp_path: Path, server: str) -> None:
    chance = random.Random(7)
    async with scene("deribit", tmp_path, server) as place:
        bot = await place.runs()
        for _ in range(TIMES):
            await bot.says("order.intent", len(bot.said("order.intent")) + 3)
            await asyncio.sleep(chance.random() * 0.05)
            failed, recovered = len(bot.said("audit.failed")), len(bot.said("audit.recovered"))
            with frozen(server):
                await bot.says("audit.failed", failed + 1)
                sent = place.sent()
                code, told = await health(place)
                assert code == 503
                assert "no answer" in str(told)
                await bot.until(lambda: not place.place.server.core.open_orders(), "what rested is taken or cancelled")
                assert place.sent() == sent
            await bot.says("audit.recovered", recovered + 1)
        assert await bot.ended() == 0
        assert place.problems() == []


async def test_frozen_at_rest_it_says_so_within_seconds_calmly_and_recovers_by_itself(tmp_path: Path, server: str) -> None:
    async with scene("deribit", tmp_path, server) as place:
        bot = await kept_running(place)
        await bot.until(lambda: [line for line in bot.said("state.changed") if line["why"] == "no order is left"], "at rest")
        with frozen(server):
            await bot.says("audit.failed")
            first = bot.said("audit.failed")[0]
            assert "no answer for 3 s (it is stopped, or its disk or network hangs)" in first["error"]
            assert "cancels still go out" in first["did"]
            began = await place.ended_turns()
            silent = asyncio.get_running_loop().time() + 3 * ANSWER_SECONDS
            while asyncio.get_running_loop().time() < silent:
                assert (await health(place))[0] == 503
                await asyncio.sleep(0.2)
            assert await place.ended_turns() > began + 5  # it looks at the venue, and could cancel
            assert len(bot.said("audit.failed")) <= 4
        assert not bot.said("lease.lost")
        await bot.says("audit.recovered")
        await bot.until(lambda: there(place.place.server, "0.5"), "aligned")
        assert (await health(place))[0] == 200
        assert await stopped(bot) == 0
        assert place.problems() == []


async def test_a_kill_while_it_is_frozen_cancels_and_is_on_record_when_it_thaws(tmp_path: Path, server: str) -> None:
    async with scene("deribit", tmp_path, server, {"order_ttl_seconds: 0.5": "order_ttl_seconds: 600"}) as place:
        place.place.market.takes = False
        core = place.place.server.core
        bot = await kept_running(place)
        await bot.until(core.open_orders, "an order rests")
        with frozen(server):
            await bot.says("audit.failed")
            assert core.open_orders()
            sent, began = place.sent(), time.monotonic()
            killing = asyncio.create_task(place.hb("kill", "--reason", "the database hangs"))
            await bot.until(lambda: not core.open_orders(), "what rested is cancelled")
            assert time.monotonic() - began < STARTS_S + AT_ONCE_S
            assert place.sent() == sent
        await bot.says("audit.recovered")
        await killing
        assert (await place.status())["state"] == "HALTED"
        place.place.market.takes = True
        assert (await place.hb("rearm", "--reason", "it answers again")).code == 0
        await bot.until(lambda: there(place.place.server, "0.5"), "aligned")
        assert await stopped(bot) == 0
        assert place.problems() == []


async def test_frozen_at_its_end_it_ends_in_seconds_and_says_that_it_could_not_put_that_on_record(tmp_path: Path, server: str) -> None:
    async with scene("deribit", tmp_path, server) as place:
        bot = await kept_running(place)
        await bot.says("order.intent", 3)
        with frozen(server):
            began = time.monotonic()
            bot.process.terminate()
            await bot.says("stop.asked")
            assert await bot.ended() == Exit.ATTENTION
            assert time.monotonic() - began < UNRECORDED_MS / 1000 + LATE_SECONDS + 2 * AT_ONCE_S
            assert place.place.server.core.open_orders() == []
            ended = bot.said("run.ended")[0]
            assert "no own order is open, but the record cannot be written" in ended["why"]
            assert "bring the database back" in ended["next"]
        again = await place.runs()
        assert await again.ended() == 0
        assert place.problems() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, None], ids=["told to stop", "left alone"])
async def test_frozen_at_its_start_it_ends_as_where_no_server_is(tmp_path: Path, server: str, number: signal.Signals | None) -> None:
    async with scene("deribit", tmp_path, server) as place:
        with frozen(server):
            bot = await place.runs()
            if number is not None:
                bot.process.terminate()
            code = await asyncio.wait_for(bot.ended(), min(PATIENCE_S, 60))
            if number is None:
                assert code == Exit.FAILURE
                assert "the server is there and answers nothing" in str(bot.log)
        assert place.sent() == 0
        assert await (await place.runs()).ended() == 0
        assert place.problems() == []
