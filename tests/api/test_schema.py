"""Does the API do what its own description says, whatever is sent to it?"""

import asyncio
import itertools
import warnings
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import SecretStr

from bot.access_door import Door
from bot.api import SIMPLE, create_app
from bot.audit.store import Store
from bot.led import Led
from bot.metrics import Metrics
from tests.api.conftest import TOKEN
from tests.api.living import living
from tests.api.worlds import ListeningBot

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import ignored_auth

EXAMPLES = 8  # of each operation, and as many that break its description
KEY = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Iterator[FastAPI]:
    """A bot that only listens, over the record of one that traded."""
    folder = tmp_path_factory.mktemp("traded")

    async def trade() -> None:
        async with living(folder):
            pass

    asyncio.run(trade())
    with closing(Store.read(f"sqlite:///{folder}/hedgebot.db", account="main", venue="paper")) as record:
        led = Led(["main"])
        led.join(ListeningBot(), Metrics("main", "paper", ("BTC",)), record)
        minutes = itertools.count(step=61)  # wrong tokens are sent too, and here nobody has to wait for that
        yield create_app(led, Door(SecretStr(TOKEN), now=lambda: next(minutes)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as_described", "otherwise"])
def test_whatever_is_sent_the_answer_is_one_that_is_described(app, mode):
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=KEY).exclude(path="/api/v1/events")  # it never ends
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def every(case: schemathesis.Case) -> None:
            nonlocal tried
            tried += 1
            case.headers = {**(case.headers or {}), **KEY}
            case.call_and_validate(excluded_checks=[] if mode is GenerationMode.POSITIVE else [ignored_auth])

        every()
    assert tried > 100


async def test_the_description_names_every_command_and_asks_for_the_token(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot") as client:
        assert (await client.get("/api/v1/openapi.json")).status_code == 401
        paths = (await client.get("/api/v1/openapi.json", headers=KEY)).json()["paths"]
    assert {f"/api/v1/{name}" for name in (*SIMPLE, "dry-run", "target", "accept-contract", "events", "audit", "decisions")} <= set(paths)
    assert all(operation["security"] for path in paths.values() for operation in path.values())
