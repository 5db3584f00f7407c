"""Does the venue end our orders when the bot falls silent, and only then, and only ours?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.audit.store import Store
from bot.core.events import CommandGiven, DeadManSet
from bot.dead_man import TIMEOUT_MS, DeadMan
from bot.running import Until, run
from bot.settings import Settings, load
from bot.wiring.start import Wired, wired
from bot.witness import Witness
from tests.contract.ccxt_driver import CcxtUnderTest, under_test
from tests.contract.driver import D, Wanted
from tests.core.test_reconcile import selling
from tests.core.worlds import hedged
from tests.live.desk import SECRETS, STRICT, Desk, until
from tests.live.desk import desk as served


@pytest.fixture(params=["okx", "krakenfutures", "binancecoinm"])
async def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with served(request.param, tmp_path_factory.mktemp("dead")) as made:
        made.market.takes = False
        yield made


def settings(desk: Desk) -> Settings:
    path = desk.folder / "hedge.yaml"
    path.write_text(desk.text("1.0") + "dead_mans_switch: true\n", "utf-8")
    return load(path, SECRETS, {})


def wound(desk: Desk) -> bool:
    """Every contract with an order of ours is under the countdown."""
    return "" in desk.server.core.dead_man or len(desk.server.core.dead_man) == 2


def recorded(folder: Path) -> list[int]:
    store = Store.read(f"sqlite:///{folder}/hedgebot.db")
    try:
        return [row.event.timeout_ms for row in store.entries() if isinstance(row.event, DeadManSet)]
    finally:
        store.close()


async def working(bot: Wired, desk: Desk) -> tuple[asyncio.Event, asyncio.Task[object]]:
    stop = asyncio.Event()
    task: asyncio.Task[object] = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))
    await until(lambda: len(desk.server.core.open_orders()) == 2)
    return stop, task


async def test_it_is_wound_up_while_orders_rest_and_stopped_once_they_are_gone(desk: Desk) -> None:
    async with wired(settings(desk), live_flag=True, absence=STRICT) as bot:
        stop, task = await working(bot, desk)
        assert wound(desk)
        stop.set()
        assert await task == 0
    assert desk.server.core.dead_man == {}
    assert recorded(desk.folder) == [TIMEOUT_MS, 0]


async def test_it_is_stopped_before_dry_run_is_acknowledged_and_not_touched_after(desk: Desk) -> None:
    async with wired(settings(desk), live_flag=True, absence=STRICT) as bot:
        stop, task = await working(bot, desk)
        said = await bot.engine.command(CommandGiven("dry-run-on", "test", bot.engine.parts.clock.now_ms()), wait_ms=30_000)
        assert (said.code, desk.server.core.dead_man) == ("ok", {})
        asked, turns = len(desk.server.asked("dead-man")), bot.engine.turns
        await until(lambda: bot.engine.turns >= turns + 3)
        assert len(desk.server.asked("dead-man")) == asked
        stop.set()
        await task


async def test_a_bot_that_dies_leaves_it_to_the_venue_to_end_its_orders(desk: Desk) -> None:
    async with wired(settings(desk), live_flag=True, absence=STRICT) as bot:
        _, task = await working(bot, desk)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    core = desk.server.core
    assert len(core.open_orders()) == 2
    core.clock_offset_ms += TIMEOUT_MS
    core.fire_dead_man()
    assert core.open_orders() == []


async def test_it_stays_unset_with_an_alert_while_an_order_of_somebody_else_is_open(desk: Desk) -> None:
    desk.server.core.stranger_order("BTC/USD:BTC", "sell", 1, desk.server.core.quotes["BTC/USD:BTC"].mark * 2)
    configured = settings(desk)
    absorbing = configured.model_copy(update={"reconcile": configured.reconcile.model_copy(update={"foreign": "absorb"})})
    async with wired(absorbing, live_flag=True, absence=STRICT) as bot:
        stop = asyncio.Event()
        task = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))
        await until(lambda: len(desk.server.core.open_orders()) == 3)
        turns = bot.engine.turns
        await until(lambda: bot.engine.turns >= turns + 2)
        assert desk.server.core.dead_man == {}
        assert bot.engine.dead_man is not None
        assert "somebody else" in bot.engine.dead_man.alerts[0]
        stop.set()
        await task
    assert len(desk.server.core.open_orders()) == 1  # theirs


async def test_it_is_stopped_when_somebody_else_sends_an_order_while_it_runs(desk: Desk) -> None:
    configured = settings(desk)
    absorbing = configured.model_copy(update={"reconcile": configured.reconcile.model_copy(update={"foreign": "absorb"})})
    async with wired(absorbing, live_flag=True, absence=STRICT) as bot:
        stop, task = await working(bot, desk)
        await until(lambda: wound(desk))
        desk.server.core.stranger_order("BTC/USD:BTC", "sell", 1, desk.server.core.quotes["BTC/USD:BTC"].mark * 2)
        await until(lambda: desk.server.core.dead_man == {})
        stop.set()
        await task
    assert len(desk.server.core.open_orders()) == 1  # theirs


@pytest.mark.parametrize("name", ["okx", "krakenfutures"])
async def test_it_is_stopped_when_somebody_else_sends_an_order_elsewhere_in_the_account_while_it_runs(name: str) -> None:
    """Left to run, it would end theirs."""
    async with under_test(name, Wanted({"BTC": D(10)})) as venue:
        assert isinstance(venue, CcxtUnderTest)
        core, state = venue.core, hedged().state
        with closing(Store.open("sqlite://", account="main", venue=name, environment=None)) as store:
            switch = DeadMan(venue.exchange, venue.clock, Witness(store, None))
            assert [event.timeout_ms for event in await switch.wind(state) if isinstance(event, DeadManSet)] == [TIMEOUT_MS]
            core.contracts["ETH/USD:ETH"] = replace(core.contracts["ETH/USD:ETH"], settle="BTC")  # on a margin that there is
            core.stranger_order("ETH/USD:ETH", "sell", 1, core.quotes["ETH/USD:ETH"].mark * 2)
            assert [event.timeout_ms for event in await switch.wind(state) if isinstance(event, DeadManSet)] == [0]
            assert (core.dead_man, switch.running) == ({}, False)
            assert "would be cancelled too" in switch.alerts[0]
            assert await switch.wind(state) == []
        assert len(core.open_orders()) == 1


async def test_it_is_wound_up_again_long_before_it_runs_out_and_not_in_every_turn() -> None:
    async with under_test("okx", Wanted({"BTC": D(10)})) as venue:
        assert isinstance(venue, CcxtUnderTest)
        made = selling()
        with closing(Store.open("sqlite://", account="main", venue="okx", environment=None)) as store:
            switch = DeadMan(venue.exchange, venue.clock, Witness(store, None))
            for asked in (1, 2, 3):
                for _ in range(2):
                    await switch.mind(made.state, made.snapshot(), made.decisions[-1])
                    assert len(venue.server.asked("dead-man")) == asked
                await venue.wait(TIMEOUT_MS // 3)


async def test_a_countdown_that_could_not_be_asked_about_goes_on() -> None:
    async with under_test("okx", Wanted({"BTC": D(10)})) as venue:
        assert isinstance(venue, CcxtUnderTest)
        with closing(Store.open("sqlite://", account="main", venue="okx", environment=None)) as store:
            switch = DeadMan(venue.exchange, venue.clock, Witness(store, None))
            await switch.wind(hedged().state)
            venue.server.faults.add("status", "read", count=5, status=503)
            assert await switch.wind(hedged().state) == []
            assert (switch.running, len(venue.core.dead_man)) == (True, 1)
            assert "could not be read" in switch.alerts[0]


async def test_an_order_of_another_contract_keeps_an_account_wide_switch_unset(tmp_path: Path) -> None:
    async with served("okx", tmp_path) as desk:
        core = desk.server.core
        desk.market.takes = False
        core.contracts["SOL/USD:SOL"] = replace(core.contracts["ETH/USD:ETH"], id="SOL-USD-SWAP", base="SOL", settle="SOL")
        core.quotes["SOL/USD:SOL"] = replace(core.quotes["ETH/USD:ETH"])
        core.deposit("SOL", 100)
        core.stranger_order("SOL/USD:SOL", "sell", 1, core.quotes["SOL/USD:SOL"].mark * 2)
        async with wired(settings(desk), live_flag=True, absence=STRICT) as bot:
            stop = asyncio.Event()
            task = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))
            await until(lambda: len(core.open_orders()) == 3)
            assert bot.engine.dead_man is not None
            await until(lambda: bool(bot.engine.dead_man.alerts))
            assert "would be cancelled too" in bot.engine.dead_man.alerts[0]
            assert core.dead_man == {}
            stop.set()
            await task
