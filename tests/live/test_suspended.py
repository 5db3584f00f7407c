"""Does a contract that a venue suspends leave the other hedges of the account to be kept, also at a start?"""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.exchanges import relisting
from bot.cli_setup import online_findings
from bot.exit_codes import Exit
from bot.running import Until, run
from bot.wiring.start import wired
from tests.live.desk import ENVIRONMENT, desk, held_usd, intended_usd, until

BTC, ETH = "BTC/USD:BTC", "ETH/USD:ETH"


@pytest.mark.parametrize("venue", sorted(ENVIRONMENT))
async def test_a_contract_that_is_suspended_when_the_bot_starts_waits_and_the_others_are_hedged(
    venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relisting, "RELOAD_MS", 200)
    async with desk(venue, tmp_path) as here:
        core = here.server.core
        here.market.quote(selling=True)
        assert await here.hedge("1.0") is Exit.DONE
        core.closed.add(core.contracts[ETH].id)
        here.market.quote(selling=False)
        stop = asyncio.Event()
        async with wired(here.settings("0.5"), live_flag=True, absence=here.absence) as bot:
            ending = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))
            await until(lambda: held_usd(here.server)[BTC] == -90_000)
            turns = bot.engine.turns
            await until(lambda: bot.engine.turns >= turns + 3)
            assert held_usd(here.server)[ETH] == -90_000
            assert bot.engine.seen is not None
            told = {view.instrument.symbol: " ".join(view.errors) for view in bot.engine.seen.views}
            assert told[BTC] == ""
            assert "not traded" in told[ETH]
            core.closed.clear()
            await until(lambda: held_usd(here.server) == intended_usd("0.5"))
            stop.set()
            assert await ending is Exit.DONE
        assert here.problems() == []


@pytest.mark.parametrize("venue", sorted(ENVIRONMENT))
async def test_a_contract_that_is_taken_away_under_a_running_bot_is_named_to_people_and_the_others_are_hedged(
    venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before the list would be read again anyway."""
    monkeypatch.setattr(relisting, "AGAIN_MS", 200)
    async with desk(venue, tmp_path) as here:
        core = here.server.core
        here.market.quote(selling=True)
        assert await here.hedge("1.0") is Exit.DONE
        here.market.quote(selling=False)
        stop = asyncio.Event()
        async with wired(here.settings("0.5"), live_flag=True, absence=here.absence) as bot:
            core.positions.pop(ETH)
            core.delist(ETH)
            with capture_logs() as logged:
                ending = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))
                await until(lambda: held_usd(here.server)[BTC] == -90_000)
                await until(lambda: bot.engine.seen is not None and f"{ETH} is not listed any more" in str(bot.engine.seen.views[1].errors))
                await until(lambda: any(f"{ETH} is not listed any more" in row["text"] for row in logged if row["event"] == "alert"))
                assert bot.engine.state.killed is None
                stop.set()
                await ending
        assert here.problems() == []


@pytest.mark.parametrize("venue", sorted(ENVIRONMENT))
async def test_a_check_tells_once_of_a_contract_that_only_waits(venue: str, tmp_path: Path) -> None:
    async with desk(venue, tmp_path) as here:
        core = here.server.core
        core.quotes[ETH].bid = Decimal(0)
        empty = [found for found in await online_findings(here.settings("1.0")) if ETH in f"{found.key} {found.problem}"]
        assert [(found.severity, "shows no price" in found.problem) for found in empty] == [("warning", True)]
        core.closed.add(core.contracts[ETH].id)
        resting = [found for found in await online_findings(here.settings("1.0")) if ETH in f"{found.key} {found.problem}"]
        assert [(found.severity, "is not traded" in found.problem) for found in resting] == [("warning", True)]
