"""What befalls an account whose venue is down when the process starts, beside others that are led?"""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot import cli_run
from bot.cli_run import Api, Asked, Keeper, Teller
from bot.exit_codes import Exit
from bot.led import Led
from bot.running import Until
from bot.settings import load_all
from tests.live.desk import until
from tests.venue_server import KEY, SECRET, serve

CONFIG = """\
version: 1
cycle_seconds: 0.2
bag: {{BTC: {{coins: 1}}}}
hedges: {{BTC: {{ratio: 1}}}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
paper: {{url: "sqlite:///{folder}/paper.db", price: {{BTC: 60000}}, collateral: {{BTC: 3}}}}
api: {{port: 0}}
accounts:
  fund: {{venue: {{name: bybit, environment: testnet, base_url: "{url}"}}}}
  sim: {{venue: {{name: paper}}}}
"""
KEYS = {"HEDGEBOT__ACCOUNTS__FUND__API_KEY": KEY, "HEDGEBOT__ACCOUNTS__FUND__API_SECRET": SECRET}


async def test_it_is_told_to_people_and_metrics_and_tried_again_until_the_venue_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cli_run, "RETRY_SECONDS", 0.1)
    async with serve("bybit") as server:
        server.core.deposit("BTC", 2)
        server.faults.add("drop", count=1_000_000)
        file = tmp_path / "hedge.yaml"
        file.write_text(CONFIG.format(folder=tmp_path, url=server.base_url), "utf-8")
        fund, sim = load_all(file, KEYS, {})
        led, stop = Led(["fund", "sim"]), asyncio.Event()
        async with Api(led, sim) as api:
            keeper = Keeper(Asked(Until()), led, api, stop, Teller(False, bounded=False, several=True))
            with capture_logs() as logged:
                running = asyncio.create_task(keeper.kept(fund))
                await until(lambda: "it is tried again every" in dict(led.checks())["fund.led"].why)
                once = len(server.log)
                await until(lambda: len(server.log) > 2 * once)  # the third time, so the second one was in vain too
                why = dict(led.checks())["fund.led"].why
                page = (await led.scrape()).decode()
                server.faults.clear()
                server.faults.add("maintenance", count=1_000_000)
                await until(lambda: dict(led.checks())["fund.led"].why != why)  # people know, whatever it says now
                server.faults.clear()
                await until(lambda: [bot.account for bot in led.bots()] == ["fund"])
            assert "Bybit cannot be reached" in why
            assert 'hedgebot_lease_held{account="fund",venue="bybit"} 0.0' in page
            told = [row for row in logged if row["event"] == "alert"]
            assert [row["severity"] for row in told if "nobody keeps the hedge of fund" in row["text"]] == ["critical"]
            stop.set()
            assert await running is Exit.DONE
