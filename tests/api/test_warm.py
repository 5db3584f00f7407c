"""Is everything that a server does only once done before anybody can ask?"""

import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr

from bot.access_door import Door
from bot.api import create_app
from bot.api_record import EVENTS
from bot.api_warm import warm
from bot.audit import codec
from bot.core.events import KINDS
from bot.led import Led
from tests.api.conftest import TOKEN, alone
from tests.api.living import living


class Overheard:
    """What was asked, and how it was answered."""

    def __init__(self, app, told):
        self.app, self.told = app, told

    async def __call__(self, scope, receive, send):
        async def heard(message):
            if message["type"] == "http.response.start":
                token = any(name == b"authorization" for name, _ in scope["headers"])
                self.told.append((scope["method"], scope["path"], token, message["status"]))
            await send(message)

        await self.app(scope, receive, heard)


async def warmed(led, door):
    app, told = create_app(led, door), []
    app.add_middleware(Overheard, told=told)
    await warm(app, TOKEN)
    paths = {(method, route.path.partition("{")[0]) for route in app.routes if isinstance(route, APIRoute) for method in route.methods}
    return told, paths


async def test_every_path_is_asked_for_and_every_page_of_the_record_read(tmp_path):
    async with living(tmp_path) as bot:
        told, paths = await warmed(bot.led, Door(SecretStr(TOKEN)))
    asked = {(method, path.removesuffix("1")) for method, path, _, _ in told}
    assert asked == paths
    read = {path: status for method, path, token, status in told if token}
    assert {path for path, status in read.items() if status != 200} <= {"/api/v1/decisions/1", "/api/v1/explain/1"}
    assert {"/api/v1/status", "/api/v1/orders", "/api/v1/fills", "/api/v1/audit", "/api/v1/audit/1"} <= set(read)
    assert EVENTS not in read, "a stream would never end"
    assert 500 not in [status for _, _, _, status in told]


async def test_no_command_is_given_and_nobody_is_taken_for_one_who_guesses(bot, metrics):
    door = Door(SecretStr(TOKEN))
    told, _ = await warmed(alone(bot, metrics), door)
    assert {status for method, _, _, status in told if method != "GET"} == {401}
    assert (bot.heard, door.failures) == ([], {})


async def test_a_worker_that_leads_nothing_yet_is_warmed_too():
    told, paths = await warmed(Led([], worker=True), Door(SecretStr(TOKEN)))
    assert len({(method, path) for method, path, _, _ in told}) == len(paths)
    assert 500 not in [status for _, _, _, status in told]


@pytest.mark.parametrize("made", [codec.serializer, codec.validator])
async def test_the_codec_of_every_kind_is_at_hand(bot, metrics, made):
    made.cache_clear()
    await warmed(alone(bot, metrics), Door(SecretStr(TOKEN)))
    assert made.cache_info().currsize == len(KINDS)
