"""A bot that really runs, on paper and with a record of its own, and its API without a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from bot.access_door import Door
from bot.access_tokens import Role, give
from bot.api import create_app
from bot.led import Led
from bot.running import Until, run
from bot.settings import load
from bot.wiring.start import Wired, wired

TOKEN = "correct-horse-battery-staple"
HEDGE = """\
version: 1
mode: live
cycle_seconds: 0.1
bag: {BTC: {coins: 2}}
hedges: {BTC: {ratio: 1.0}}
paper: {price: {BTC: 60000}, collateral: {BTC: 3}, url: "sqlite:///%(folder)s/paper.db"}
band: {cooldown_seconds: 0.1}
execution: {order_ttl_seconds: 0.2, cross_after_seconds: 0.1}
risk: {max_orders_per_minute: 1000}
kill_file: "%(folder)s/hedgebot.kill"
audit: {url: "sqlite:///%(folder)s/hedgebot.db"}
"""


@dataclass
class Living:
    bot: Wired
    led: Led
    door: Door
    app: FastAPI
    client: httpx.AsyncClient
    reader: str  # a token that may only read

    async def get(self, path: str, **params: object) -> dict:
        answer = await self.client.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def living(folder: Path) -> AsyncIterator[Living]:
    (folder / "hedge.yaml").write_text(HEDGE % {"folder": folder})
    tokens = folder / "hedgebot.db.tokens"
    reader = give(tokens, "grafana", Role.READ, "2026-03-01T12:00:00Z")
    async with wired(load(folder / "hedge.yaml", {}, {}), live_flag=True) as bot:
        led, door, stop = Led(["main"]), Door(SecretStr(TOKEN), tokens), asyncio.Event()
        led.join(bot.engine, bot.metrics, bot.store)
        turning = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))

        async def watch() -> None:
            while bot.engine.decision is None or not all(leg.aligned for leg in bot.engine.decision.legs):
                await bot.engine.turned.rings()

        await asyncio.wait_for(watch(), 30)
        app = create_app(led, door)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {TOKEN}"}
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://bot", headers=headers) as client:
                yield Living(bot, led, door, app, client, reader)
        finally:
            led.leave("main", "its run has ended")
            stop.set()
            await turning
