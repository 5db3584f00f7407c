"""Does the API get its port, keep its hands off the bot's signals, and let go of both?"""

import asyncio
import os
import signal
import socket

import anyio.to_thread
import httpx
import pytest
import structlog
from pydantic import SecretStr

from bot import api_server
from bot.access_door import FAILURES, Door
from bot.api import create_app
from bot.api_server import QuietServer, serve
from bot.face import CannotListen, status_json
from tests.api.conftest import TOKEN, alone
from tests.live.desk import until


@pytest.fixture
def app(bot, metrics):
    return create_app(alone(bot, metrics), Door(SecretStr(TOKEN)))


async def test_a_real_server_answers_and_lets_the_port_go(app, bot):
    serving = await serve(app, "127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/api/v1/status")).status_code == 401
        client.headers["authorization"] = f"Bearer {TOKEN}"
        answer = await client.get("/api/v1/status")
        assert answer.json() == status_json(bot.shown)
        assert "server" not in answer.headers
        big = await client.post("/api/v1/kill", content=b" " * 70_000)
        assert big.status_code == 413
        assert (await client.post("/api/v1/pause")).json()["done"] is True
    await serving.stop()
    await serving.stop()  # again is harmless
    with socket.create_server(("127.0.0.1", serving.port)):
        pass
    assert [command.name for command in bot.heard] == ["pause"]


async def test_a_request_that_never_ends_does_not_keep_the_bot_from_ending(app, monkeypatch):
    monkeypatch.setattr(api_server, "GRACE_SECONDS", 0.2)
    serving = await serve(app, "127.0.0.1", 0)
    _, request = await asyncio.open_connection("127.0.0.1", serving.port)
    request.write(f"POST /api/v1/pause HTTP/1.1\r\nhost: bot\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 9\r\n\r\n".encode())
    await until(lambda: bool(serving._server.server_state.tasks))
    await asyncio.wait_for(serving.stop(), 10)
    request.close()


async def test_a_connection_more_than_there_may_be_is_told_so_and_served_once_another_is_closed(app, monkeypatch):
    monkeypatch.setattr(api_server, "MOST_CONNECTIONS", 3)
    serving = await serve(app, "127.0.0.1", 0)
    idle = [(await asyncio.open_connection("127.0.0.1", serving.port))[1] for _ in range(2)]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False) as client:
        assert (await client.get("/livez")).status_code == 503
        idle.pop().close()
        await until(lambda: len(serving._server.server_state.connections) == 1)
        assert (await client.get("/livez")).status_code == 200
    idle.pop().close()
    await serving.stop()


async def test_who_guesses_is_known_by_his_connection_whatever_address_he_writes_down(app):
    serving = await serve(app, "127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False) as client:
        codes = []
        for number in range(FAILURES + 1):
            headers = {"authorization": "Bearer wrong", "x-forwarded-for": f"192.0.2.{number}"}
            codes.append((await client.get("/api/v1/status", headers=headers)).status_code)
    await serving.stop()
    assert codes == [401] * FAILURES + [429]


async def test_an_answer_is_sent_at_once_and_not_when_the_part_before_it_was_acknowledged(app):
    serving = await serve(app, "127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False) as client:
        assert (await client.get("/livez")).status_code == 200
        (connection,) = serving._server.server_state.connections
        assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await serving.stop()


async def test_a_server_that_breaks_is_told_in_the_log(app, monkeypatch):
    async def breaks(self, sockets):
        sockets[0].close()
        raise OSError("no descriptor is left")

    monkeypatch.setattr(QuietServer, "serve", breaks)
    with structlog.testing.capture_logs() as lines:
        await (await serve(app, "127.0.0.1", 0)).stop()
    assert [(line["event"], line["log_level"]) for line in lines if line["event"] == "api.stopped"] == [("api.stopped", "error")]


async def test_no_question_of_a_request_is_handed_to_a_thread(app, monkeypatch):
    """A thread for each small question costs more than its answer."""
    handed = []
    monkeypatch.setattr(anyio.to_thread, "run_sync", lambda call, *rest, **more: handed.append(call))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bot") as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        for path in ("status", "plan", "hedges", "bag", "targets", "openapi.json"):
            assert (await client.get(f"/api/v1/{path}")).status_code == 200
        assert (await client.post("/api/v1/pause")).status_code == 200
    assert handed == []


async def test_a_taken_port_is_known_before_anything_is_traded(app):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(CannotListen, match=rf"port {port} on 127.0.0.1 is taken: stop what listens there, or set api.port"):
            await serve(app, "127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "remedy"), [("192.0.2.1", 8080, "set api.host"), ("bot..example", 8080, "set api.host and api.port")]
)
async def test_an_address_that_is_not_ours_names_the_setting(app, host, port, remedy):
    with pytest.raises(CannotListen, match=remedy):
        await serve(app, host, port)


async def test_the_bot_keeps_its_own_signals(app):
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, heard.set)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        serving = await serve(app, "127.0.0.1", 0)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False) as client:
            assert (await client.get("/livez")).status_code == 200
            assert {number: signal.getsignal(number) for number in before} == before
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(heard.wait(), 5)
            assert (await client.get("/livez")).status_code == 200  # the API goes when the bot says so
        await serving.stop()
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
