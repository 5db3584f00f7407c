"""Who comes through the door of the console, and with which words does its page arrive? Without a browser: the gate before a small page."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from bot.access_door import Door
from bot.access_tokens import Role, give, hashed, revoke
from bot.console.gate import COOKIE, MOST_SESSIONS, SESSION_SECONDS, Gate, Sessions, login_page

OWN = "the-own-token-of-the-bot"
PAGE = "<html><script>one</script><scripture>two</scripture><style >three</style></html>"


class Behind:
    """What the gate guards: notes what reached it."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(f"{scope['type']} {scope['path']}")
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        encodings = [value for name, value in scope["headers"] if name == b"accept-encoding"]
        answer = HTMLResponse(PAGE) if scope["path"] == "/" else PlainTextResponse(f"behind {encodings}")
        await answer(scope, receive, send)


class Entrance:
    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.tokens = folder / "tokens"
        self.door = Door(SecretStr(OWN), self.tokens, lambda: self.now)
        self.sessions = Sessions(self.door, lambda: self.now)
        self.behind = Behind()
        self.gate = Gate(self.behind, self.door, self.sessions)

    def client(self, scheme: str = "http", **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.gate), base_url=f"{scheme}://console.test", headers=headers)

    async def opened(self, token: str = OWN) -> httpx.AsyncClient:
        client = self.client()
        assert (await client.post("/login", data={"token": token})).status_code == 303
        return client

    async def socket(self, path: str, cookie: str = "", **headers: str) -> str:
        """What the gate says to a websocket."""
        said: list[Any] = []

        async def send(message: Any) -> None:
            said.append(message)

        given = {"host": "console.test", **headers, **({"cookie": f"{COOKIE}={cookie}"} if cookie else {})}
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
        await self.gate({"type": "websocket", "path": path, "headers": raw}, asyncio.Queue[Any]().get, send)
        return str(said[0]["type"])


@pytest.fixture
def entrance(tmp_path: Path) -> Entrance:
    return Entrance(tmp_path)


async def test_without_a_session_neither_page_nor_parts_nor_socket_are_reached(entrance: Entrance) -> None:
    client = entrance.client()
    assert (await client.get("/")).headers["location"] == "/login"
    assert (await client.get("/_nicegui/any.js")).status_code == 401
    assert await entrance.socket("/_nicegui_ws/socket.io") == "websocket.close"
    assert await entrance.socket("/_nicegui_ws/socket.io", cookie="made-up") == "websocket.close"
    assert entrance.behind.reached == []


async def test_with_a_session_they_are_and_nothing_else_is(entrance: Entrance) -> None:
    client = await entrance.opened()
    cookie = client.cookies[COOKIE]
    assert (await client.get("/")).status_code == 200
    assert (await client.get("/_nicegui/any.js")).text.startswith("behind")
    assert await entrance.socket("/_nicegui_ws/socket.io", cookie) == "websocket.accept"
    assert await entrance.socket("/elsewhere", cookie) == "websocket.close"
    assert (await client.get("/elsewhere")).status_code == 404
    assert entrance.behind.reached == ["http /", "http /_nicegui/any.js", "websocket /_nicegui_ws/socket.io"]


async def test_the_api_has_a_door_of_its_own_and_is_not_asked_for_a_session(entrance: Entrance) -> None:
    for path in ("/api/v1/status", "/metrics", "/livez", "/readyz"):
        assert (await entrance.client().get(path)).text.startswith("behind")


FOREIGN = [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil.test"}, {"origin": "null"}]
OWN_SITE = [{"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": "http://console.test"}, {}]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_what_another_site_sends_opens_closes_and_reaches_nothing(entrance: Entrance, headers: dict[str, str]) -> None:
    client = await entrance.opened()
    cookie = client.cookies[COOKIE]
    assert await entrance.socket("/_nicegui_ws/socket.io", cookie, **headers) == "websocket.close"
    assert (await client.post("/logout", headers=headers)).status_code == 404
    assert (await client.get("/")).status_code == 200
    stranger = await entrance.client().post("/login", data={"token": OWN}, headers=headers)
    assert (stranger.status_code, "set-cookie" in stranger.headers) == (403, False)


@pytest.mark.parametrize("headers", OWN_SITE)
async def test_what_the_page_itself_sends_is_heard(entrance: Entrance, headers: dict[str, str]) -> None:
    client = await entrance.opened()
    assert await entrance.socket("/_nicegui_ws/socket.io", client.cookies[COOKIE], **headers) == "websocket.accept"
    assert (await entrance.client().post("/login", data={"token": OWN}, headers=headers)).status_code == 303


async def test_a_browser_that_tells_its_site_is_believed_before_the_origin(entrance: Entrance) -> None:
    headers = {"sec-fetch-site": "cross-site", "origin": "http://console.test"}
    assert (await entrance.client().post("/login", data={"token": OWN}, headers=headers)).status_code == 403


async def test_leaving_ends_the_session_for_whoever_kept_its_cookie_and_is_no_link(entrance: Entrance) -> None:
    client = await entrance.opened()
    cookie = client.cookies[COOKIE]
    assert (await client.get("/logout")).status_code == 404  # a picture on another page could ask for it
    assert await entrance.socket("/_nicegui_ws/socket.io", cookie) == "websocket.accept"
    left = await client.post("/logout")
    assert (left.headers["location"], "Max-Age=0" in left.headers["set-cookie"]) == ("/login", True)
    assert await entrance.socket("/_nicegui_ws/socket.io", cookie) == "websocket.close"


async def test_no_script_reads_the_cookie_no_other_site_sends_it_and_it_is_not_the_token(entrance: Entrance) -> None:
    for scheme in ("http", "https"):
        said = (await entrance.client(scheme).post("/login", data={"token": OWN})).headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", f"Max-Age={int(SESSION_SECONDS)}"} <= set(said.split("; "))
        assert ("Secure" in said.split("; ")) is (scheme == "https")
        assert OWN not in said
        assert not {said.split("=", 1)[1].split(";")[0], OWN, hashed(OWN)} & set(entrance.sessions.known)  # what is kept opens nothing


async def test_a_session_ends_after_its_hours_and_with_its_token(entrance: Entrance) -> None:
    token = give(entrance.tokens, "phone", Role.READ, "2026-01-01T00:00:00Z")
    phone, own = await entrance.opened(token), await entrance.opened()
    granted = entrance.sessions.holder(phone.cookies[COOKIE])
    assert granted is not None
    assert (granted.name, granted.operates) == ("phone", False)
    revoke(entrance.tokens, "phone")
    assert (await phone.get("/")).status_code == 303
    entrance.now += SESSION_SECONDS - 1
    assert (await own.get("/")).status_code == 200
    entrance.now += 1
    assert (await own.get("/")).status_code == 303


async def test_the_oldest_session_gives_way_and_ended_ones_are_forgotten(entrance: Entrance) -> None:
    first = entrance.sessions.open(hashed(OWN))
    for _ in range(MOST_SESSIONS):
        last = entrance.sessions.open(hashed(OWN))
    assert len(entrance.sessions.known) == MOST_SESSIONS
    assert entrance.sessions.holder(first) is None
    assert entrance.sessions.holder(last) is not None
    entrance.now += SESSION_SECONDS
    entrance.sessions.open(hashed(OWN))
    assert len(entrance.sessions.known) == 1


async def test_wrong_tokens_are_counted_for_the_address_and_then_nothing_is_compared(entrance: Entrance) -> None:
    client = entrance.client()
    codes = [(await client.post("/login", data={"token": "wrong"})).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    waits = await client.post("/login", data={"token": OWN})
    assert (waits.status_code, int(waits.headers["retry-after"]) > 0) == (429, True)


async def test_every_script_and_style_of_the_page_has_the_nonce_of_this_answer_alone(entrance: Entrance) -> None:
    client = await entrance.opened()
    nonces = set()
    for _ in range(2):
        page = await client.get("/", headers={"accept-encoding": "br"})
        (nonce,) = set(re.findall(r"nonce-([\w-]+)'", page.headers["content-security-policy"]))
        assert page.text == PAGE.replace("<script>", f'<script nonce="{nonce}">').replace("<style >", f'<style nonce="{nonce}" >')
        assert int(page.headers["content-length"]) == len(page.content)
        nonces.add(nonce)
    assert len(nonces) == 2
    assert (await client.get("/_nicegui/any.js", headers={"accept-encoding": "br"})).text == "behind [b'br']"


async def test_a_page_is_asked_for_as_plain_text_for_in_a_packed_one_no_nonce_could_be_written(tmp_path: Path) -> None:
    entrance = Entrance(tmp_path)
    seen: list[Any] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(name for name, _ in scope["headers"])
        await HTMLResponse(PAGE)(scope, receive, send)

    entrance.gate.app = behind
    client = await entrance.opened()
    await client.get("/", headers={"accept-encoding": "gzip"})
    assert b"cookie" in seen
    assert b"accept-encoding" not in seen


async def test_the_login_page_loads_nothing_and_says_nothing_unescaped(entrance: Entrance) -> None:
    page = await entrance.client().get("/login")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert b"&lt;b&gt;" in bytes(login_page("<b>").body)
    assert (await entrance.client().put("/login")).status_code == 405
    assert "text/css" in (await entrance.client().get("/console/style.css")).headers["content-type"]


async def test_who_comes_for_one_account_finds_that_one_behind_the_login(entrance: Entrance) -> None:
    client = entrance.client()
    door = (await client.get("/", params={"account": "a&b"})).headers["location"]
    assert door == "/login?account=a%26b"
    assert 'name="account" value="a&amp;b"' in (await client.get(door)).text
    wrong = await client.post("/login", data={"token": "wrong", "account": "a&b"})
    assert 'name="account" value="a&amp;b"' in wrong.text
    right = await client.post("/login", data={"token": OWN, "account": "a&b"})
    assert right.headers["location"] == "/?account=a%26b"
    assert (await client.post("/login", data={"token": OWN, "account": "/evil.test\r\n"})).headers["location"] == "/?account=%2Fevil.test"
