"""Who waits for what a server does only once? Nobody: each path is asked for once before anybody else can.

At the first request of its kind the library builds what its path takes, looks the handler up in its source, and a thread, a connection and
statements are made to read the record: 5 to 30 ms each, for which an order would wait too.
"""

import re
from typing import Final

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from bot.api_record import EVENTS
from bot.audit import codec

ENDLESS: Final = {EVENTS}  # a stream is opened by whoever listens
PLACE: Final = re.compile(r"\{\w+\}")


async def warm(app: FastAPI, token: str) -> None:
    """Commands are asked for without the token, and so refused: this changes nothing."""
    codec.prepare()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot", trust_env=False) as client:
        for route in app.routes:
            if isinstance(route, APIRoute):
                path, methods = PLACE.sub("1", route.path), route.methods or set()
                for method in sorted(methods):
                    await client.request(method, path)
                if "GET" in methods and route.path not in ENDLESS:
                    await client.get(path, headers={"authorization": f"Bearer {token}"})
