"""Does the API read the record of a running bot, page by page and as it grows, and hear two operators at once?"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from bot import api_record
from bot.access_door import FAILURES
from bot.api_record import MOST_ROWS, MOST_STREAMS, entries_as_they_come
from bot.audit.explain import explain
from bot.core.events import CommandGiven
from tests.api.living import TOKEN, Living, living

READS = ["status", "plan", "bag", "hedges", "targets", "orders", "fills", "funding", "decisions", "audit", "audit/1", "openapi.json"]


@pytest.fixture
async def bot(tmp_path) -> AsyncIterator[Living]:
    async with living(tmp_path) as bot:
        yield bot


async def test_orders_fills_and_decisions_are_those_on_record_newest_first(bot):
    orders = (await bot.get("orders"))["orders"]
    assert [one["client_id"] for one in orders] == [row.client_id for row in bot.bot.store.orders()]
    assert orders[0]["status"] in ("FILLED", "CANCELLED")
    fills = await bot.get("fills")
    assert sum(one["contracts"] for one in fills["fills"]) == -bot.bot.engine.state.leg("BTC").contracts
    assert (await bot.get("orders", open=True))["orders"] == []
    assert (await bot.get("funding"))["funding"] == []
    decisions = (await bot.get("decisions"))["decisions"]
    assert [one["seq"] for one in decisions] == sorted((one["seq"] for one in decisions), reverse=True)
    assert any(one["legs"][0]["orders"] for one in decisions)


async def test_pages_join_without_a_gap(bot):
    whole = (await bot.get("orders"))["orders"]
    assert len(whole) > 1
    first = await bot.get("orders", limit=1)
    assert first["orders"] == whole[:1]
    assert first["next"] == whole[0]["seq"]
    assert (await bot.get("orders", before=first["next"]))["orders"] == whole[1:]
    for name in ("orders", "fills", "decisions"):
        rows = (await bot.get(name, limit=2))[name]
        assert (await bot.get(name, limit=2, before=rows[0]["seq"]))[name][0] == rows[1]
        assert (await bot.get(name, limit=2))["next"] == rows[1]["seq"]
    assert {(await bot.get(name, limit=MOST_ROWS))["next"] for name in ("orders", "fills", "decisions")} == {None}
    head = bot.bot.store.head().seq
    joined, after = [], 0
    while after is not None and after < head:
        page = await bot.get("audit", after=after, limit=7)
        joined += [one["seq"] for one in page["entries"]]
        after = page["next"]
        assert after == (joined[-1] if joined[-1] < page["head"]["seq"] else None)
    assert joined[:head] == list(range(1, head + 1))


async def test_a_decision_is_explained_in_the_words_of_the_command_line(bot):
    seq = (await bot.get("decisions"))["decisions"][-1]["seq"]
    told = await bot.get(f"decisions/{seq}")
    assert told["story"] == explain(bot.bot.store, str(seq)) == (await bot.get(f"explain/{seq}"))["story"]
    assert told["event"]["decision"]["cycle"] == told["cycle"]
    order = (await bot.get("orders"))["orders"][0]["client_id"]
    assert order in (await bot.get(f"explain/{order}"))["story"]
    assert (await bot.get("audit/1"))["kind"] == "RunStarted"


async def test_what_is_not_on_record_is_404(bot):
    for path in ("decisions/999999", "decisions/1", "audit/999999", "explain/hbnobody", "explain/999999"):
        answer = await bot.client.get(f"/api/v1/{path}")
        assert (path, answer.status_code, answer.json()["field"]) == (path, 404, None)


async def test_a_parameter_that_cannot_be_meant_names_itself(bot):
    for path, field in (
        ("orders?limit=0", "limit"),
        (f"orders?limit={MOST_ROWS + 1}", "limit"),
        ("fills?before=x", "before"),
        ("audit?after=-1", "after"),
        (f"audit/{2**64}", "seq"),
        ("explain/a%20b", "identity"),
        ("events?after=no", "after"),
    ):
        answer = await bot.client.get(f"/api/v1/{path}")
        assert (path, answer.status_code, answer.json()["field"]) == (path, 422, field)
    for said in ("-1", "x", "1.5", "9" * 30):
        asked = bot.client.get("/api/v1/events", headers={"last-event-id": said})
        answer = await asyncio.wait_for(asked, 10)  # a stream has no end
        assert (answer.status_code, answer.json()["field"]) == (422, "last-event-id")


async def test_bag_and_hedges_tell_what_is_held_and_what_should_be(bot):
    bag = await bot.get("bag")
    assert (bag["bag"][0]["asset"], bag["bag"][0]["spot_coins"]) == ("BTC", "2")
    hedge = (await bot.get("hedges"))["hedges"][0]
    assert hedge["band"] == {"low": "0.995", "safe_low": "1", "safe_high": "1", "high": "1.005"}
    assert hedge["now"]["aligned"] is True


# ---------------------------------------------------------------------------------------------------------------- as it is recorded


async def told(stream: AsyncIterator[str], kind: str) -> dict:
    async for text in stream:
        if f"event: {kind}\n" in text:
            return json.loads(text.partition("data: ")[2])
    raise AssertionError(f"the stream ended without {kind}")


async def test_the_stream_tells_each_entry_as_it_is_recorded(bot):
    stream = entries_as_they_come(bot.led, "main", bot.bot.store.head().seq)
    assert (await anext(stream)).startswith(":")
    hearing = asyncio.create_task(told(stream, "CommandGiven"))
    await bot.client.post("/api/v1/pause")
    heard = await asyncio.wait_for(hearing, 10)
    assert "pause" in heard["says"]
    assert bot.bot.store.entry(heard["seq"]).hash == heard["hash"]
    hearing = asyncio.create_task(told(stream, "CommandGiven"))
    await bot.client.post("/api/v1/resume")
    assert "resume" in (await asyncio.wait_for(hearing, 10))["says"]  # and nothing twice
    await stream.aclose()


async def test_a_stream_on_which_nothing_happens_is_kept_open_by_a_line_now_and_then(bot, monkeypatch):
    monkeypatch.setattr(api_record, "KEEP_ALIVE_SECONDS", 0.0)
    stream = entries_as_they_come(bot.led, "main", bot.bot.store.head().seq + 1_000)
    assert [await asyncio.wait_for(anext(stream), 10) for _ in range(3)] == [": from here on\n\n", *[": still here\n\n"] * 2]
    await stream.aclose()


async def test_a_stream_goes_on_where_it_broke_and_ends_with_the_run(bot):
    stream = entries_as_they_come(bot.led, "main", 2)
    assert (await anext(stream)).startswith(":")
    assert (await anext(stream)).startswith("id: 3\n")
    bot.led.leave("main", "its run has ended")
    rest = [text async for text in stream]
    assert all(text.startswith("id: ") for text in rest)


class Listener:
    """Somebody who asks for the stream, and hangs up when he likes; `gone`: before he has heard a word."""

    def __init__(self, bot: Living, *, gone: bool = False, query: str = "", **headers: str) -> None:
        self.status, self.retry_after, self.heard = 0, "", ""
        self.answered, self.hung_up = asyncio.Event(), asyncio.Event()
        if gone:
            self.hung_up.set()
        said = [(b"authorization", f"Bearer {TOKEN}".encode()), *((name.encode(), text.encode()) for name, text in headers.items())]
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/api/v1/events", "raw_path": b"/api/v1/events", "query_string": query.encode(), "headers": said, "client": ("here", 1),
            "server": ("bot", 80), "root_path": "",
        }  # fmt: skip
        self.asking = asyncio.create_task(bot.app(scope, self.receive, self.send))

    async def receive(self) -> dict:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.retry_after = dict(message["headers"]).get(b"retry-after", b"").decode()
        self.heard += message.get("body", b"").decode()
        if "id: " in self.heard or self.status != 200:
            self.answered.set()

    async def hang_up(self) -> None:
        self.hung_up.set()
        await asyncio.wait_for(self.asking, 10)


async def test_a_stream_more_than_there_may_be_is_refused_until_one_is_closed_or_was_never_begun(bot):
    for _ in range(MOST_STREAMS):
        await Listener(bot, gone=True).hang_up()
    listening = [Listener(bot, query="after=0") for _ in range(MOST_STREAMS)]
    await asyncio.gather(*(asyncio.wait_for(one.answered.wait(), 10) for one in listening))
    assert {one.status for one in listening} == {200}
    late = Listener(bot)
    await asyncio.wait_for(late.asking, 10)
    assert (late.status, late.retry_after) == (503, "10")
    assert f"{MOST_STREAMS} streams are open" in late.heard
    await listening.pop().hang_up()
    listening.append(again := Listener(bot, query="after=0"))
    await asyncio.wait_for(again.answered.wait(), 10)
    assert again.status == 200
    for one in listening:
        await one.hang_up()


async def test_a_stream_begins_behind_the_entry_that_was_heard_last_else_behind_the_one_that_is_named(bot):
    for heard, first in (({}, 3), ({"last-event-id": "4"}, 5), ({"last-event-id": "0"}, 1)):
        listener = Listener(bot, query="after=2", **heard)
        await asyncio.wait_for(listener.answered.wait(), 10)
        await listener.hang_up()
        assert listener.heard.startswith(f": from here on\n\nid: {first}\n")
    head = bot.bot.store.head().seq
    listener = Listener(bot)
    await bot.client.post("/api/v1/pause")
    await asyncio.wait_for(listener.answered.wait(), 10)
    await listener.hang_up()
    assert int(listener.heard.partition("id: ")[2].partition("\n")[0]) > head


# ---------------------------------------------------------------------------------------------------------------- who may


async def test_a_token_that_reads_sees_everything_and_commands_nothing(bot):
    reader = {"authorization": f"Bearer {bot.reader}"}
    for path in READS:
        answer = await bot.client.get(f"/api/v1/{path}", headers=reader)
        assert (path, answer.status_code) == (path, 200)
        assert TOKEN not in answer.text
        assert (await bot.client.get(f"/api/v1/{path}", headers={"authorization": ""})).status_code == 401
    for path in ("pause", "resume", "kill", "rearm", "cancel-all", "flatten", "dry-run", "target", "accept-contract"):
        answer = await bot.client.post(f"/api/v1/{path}", json={}, headers=reader)
        assert (path, answer.status_code) == (path, 403)
        assert "role operate" in answer.json()["detail"]
    assert (await bot.client.delete("/api/v1/target/BTC", headers=reader)).status_code == 403
    assert commands(bot) == []


async def test_the_tenth_wrong_token_is_the_last_that_is_compared(bot):
    wrong = {"authorization": "Bearer wrong"}
    for _ in range(FAILURES):
        assert (await bot.client.get("/api/v1/status", headers=wrong)).status_code == 401
    answer = await bot.client.get("/api/v1/status", headers=wrong)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert "wait" in answer.json()["detail"]
    assert (await bot.client.get("/livez")).status_code == 200


async def test_ten_megabytes_are_refused_whether_announced_or_not(bot):
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(160):
            yield b" " * 65_536

    for content in (b" " * 10_485_760, parts()):
        answer = await bot.client.post("/api/v1/kill", content=content)
        assert (answer.status_code, answer.json()["field"]) == (413, "body")
    assert bot.bot.engine.state.killed is None


# ---------------------------------------------------------------------------------------------------------------- two at once


def commands(bot: Living) -> list[CommandGiven]:
    return [row.event for row in bot.bot.store.entries(kinds=("CommandGiven",))]


async def test_two_who_kill_at_once_are_both_answered_and_it_is_one_event(bot):
    answers = await asyncio.gather(*(bot.client.post("/api/v1/kill", json={"reason": why}) for why in ("odd fills", "odd prices")))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert {answer.json()["state"] for answer in answers} == {"HALTED"}
    killed = [one for one in commands(bot) if one.name == "kill"]
    assert [one.reason for one in killed] in (["odd fills"], ["odd prices"])
    assert bot.bot.engine.state.killed == killed[0].reason
    late = await bot.client.post("/api/v1/kill", json={"reason": "me too"})
    assert (late.status_code, late.json()["message"]) == (200, f"already killed: {killed[0].reason}")
    assert len([one for one in commands(bot) if one.name == "kill"]) == 1
    rearmed = await bot.client.post("/api/v1/rearm", json={"reason": "looked"})
    assert rearmed.status_code == 200
    await bot.client.post("/api/v1/kill", json={"reason": "again"})
    assert [one.reason for one in commands(bot) if one.name == "kill"] == [killed[0].reason, "again"]


async def test_the_holder_of_a_token_is_named_on_record(bot):
    from bot.access_tokens import Role, give

    token = give(bot.door.path, "alice", Role.OPERATE, "2026-03-01T12:00:00Z")
    await bot.client.post("/api/v1/pause", headers={"authorization": f"Bearer {token}"})
    await bot.client.post("/api/v1/resume")
    assert [(one.name, one.by) for one in commands(bot)] == [("pause", "api alice"), ("resume", "api")]
