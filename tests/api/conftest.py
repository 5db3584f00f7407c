"""How does a test talk to the API? Through the real application, without a socket."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from bot.access_door import Door
from bot.api import create_app
from bot.led import Led
from bot.metrics import Metrics
from tests.api.worlds import ListeningBot

TOKEN = "correct-horse-battery-staple"


def alone(bot: ListeningBot, metrics: Metrics) -> Led:
    """A process that leads this account and no other."""
    led = Led([bot.account])
    led.join(bot, metrics)
    return led


@pytest.fixture
def bot() -> ListeningBot:
    return ListeningBot()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("main", "paper", ("BTC",))


@pytest.fixture
async def stranger(bot: ListeningBot, metrics: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without the token."""
    transport = httpx.ASGITransport(create_app(alone(bot, metrics), Door(SecretStr(TOKEN))), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
        yield client


@pytest.fixture
async def operator(stranger: httpx.AsyncClient) -> httpx.AsyncClient:
    """The same connection with the token."""
    stranger.headers["authorization"] = f"Bearer {TOKEN}"
    return stranger
