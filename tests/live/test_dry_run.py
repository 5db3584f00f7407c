"""Does a dry run change anything at a venue? Its request log must hold nothing but reads."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.core.events import CommandGiven
from bot.running import Until, run
from bot.wiring.start import wired
from tests.live.desk import ENVIRONMENT, STRICT, Desk, held_usd, until
from tests.live.desk import desk as served

NO_READ = ("private/buy", "private/sell", "private/cancel", "private/cancel_all", "private/edit", "private/close_position")


@pytest.fixture(params=ENVIRONMENT)
async def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with served(request.param, tmp_path_factory.mktemp("dry")) as made:
        yield made


def changes(desk: Desk) -> list[str]:
    """Every request that was no read: by the server's own classes, by its method, and by Deribit's GETs that trade."""
    asked = (row for row in desk.server.log if row in desk.server.changes or row.method != "GET" or row.path.endswith(NO_READ))
    return [f"{row.method} {row.path}" for row in asked]


@pytest.mark.parametrize(("mode", "live_flag", "dry_flag"), [("dry-run", False, False), ("live", False, False), ("live", True, True)])
async def test_a_dry_run_only_reads_and_still_plans(desk: Desk, mode: str, live_flag: bool, dry_flag: bool) -> None:
    async with wired(desk.settings("1.0", mode), live_flag=live_flag, dry_flag=dry_flag, absence=STRICT) as bot:
        ended = await run(bot.engine, bot.run_id, asyncio.Event(), Until(aligned=True, timeout_ms=30_000), desk.told)
    assert ended == 3  # a plan is left
    assert desk.last is not None
    assert desk.last.decision is not None
    assert {(order.asset, order.side) for order in desk.last.decision.orders} == {("BTC", "sell"), ("ETH", "sell")}
    assert {status for _, status, _ in desk.orders()} == {"DRY_RUN"}
    assert changes(desk) == []
    assert desk.server.asked("read-position")


async def test_no_order_starts_after_dry_run_was_acknowledged(desk: Desk) -> None:
    """Armed, with orders resting: `dry-run on` cancels them, and from then on the venue is only read."""
    desk.market.takes = False
    async with wired(desk.settings("1.0"), live_flag=True, absence=STRICT) as bot:
        engine, stop = bot.engine, asyncio.Event()
        running = asyncio.create_task(run(engine, bot.run_id, stop, Until()))
        await until(lambda: len(desk.server.core.open_orders()) == 2)
        said = await engine.command(CommandGiven("dry-run-on", "test", engine.parts.clock.now_ms()), wait_ms=30_000)
        assert (said.code, desk.server.core.open_orders()) == ("ok", [])
        quiet = len(desk.server.log)
        turns = engine.turns
        await until(lambda: engine.turns >= turns + 3)
        after = desk.server.log[quiet:]
        assert after
        assert [row.path for row in after if row.method != "GET" or row.path.endswith(NO_READ)] == []
        stop.set()
        assert await running == 0
    assert held_usd(desk.server) == {"BTC/USD:BTC": 0, "ETH/USD:ETH": 0}
