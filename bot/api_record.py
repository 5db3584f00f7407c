"""What does the record answer over HTTP? Pages of it, newest or oldest first, and a stream of what is being recorded."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi import Path as InPath
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.access_door import Grant
from bot.api_answers import answer
from bot.api_docs import ENTRIES_PAGE, STREAM, described, page_of
from bot.audit.explain import NotOnRecord, explain
from bot.audit.store import Store
from bot.led import Led
from bot.record_face import decision_json, entry_json, fills_json, funding_json, orders_json, whole_entry_json
from bot.words import Misspoken

PREFIX: Final = "/api/v1"
EVENTS: Final = f"{PREFIX}/events"
MOST_ROWS: Final = 500
MOST_STREAMS: Final = 20
POLL_SECONDS: Final = 0.25  # the head is asked for in memory; the record is read only when it moved
KEEP_ALIVE_SECONDS: Final = 15.0
MOST_SEQ: Final = 2**63 - 1
# Readers have threads of their own: those of the loop prove the lease, and no page of the record may keep them waiting.
READERS: Final = ThreadPoolExecutor(2, thread_name_prefix="record")

T = TypeVar("T")
Rows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="how many")]
Before = Annotated[int | None, Query(ge=1, le=MOST_SEQ, description="only what lies before this place in the chain")]
After = Annotated[int, Query(ge=0, le=MOST_SEQ, description="only what lies after this place in the chain")]
Seq = Annotated[int, InPath(ge=1, le=MOST_SEQ, description="a place in the chain")]
Account = Annotated[str | None, Query(description="which account, where this process leads several")]


async def reading(read: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(READERS, read)


def record_routes(led: Led, with_token: Callable[..., Awaitable[Grant]]) -> APIRouter:
    """Every path that reads the record."""
    routes = APIRouter(prefix=PREFIX, dependencies=[Depends(with_token)])

    def page(name: str, read: Callable[[Store, int, int | None], list[dict[str, Any]]]) -> None:
        async def newest_first(limit: Rows = 100, before: Before = None, account: Account = None) -> Response:
            record = led.record(account)
            rows = await reading(partial(read, record, limit, before))
            return answer({name: rows, "next": rows[-1]["seq"] if len(rows) == limit else None})

        routes.get(f"/{name}", name=name, responses=described(page_of(name)))(newest_first)

    page("fills", lambda store, limit, before: fills_json(store, store.fills(limit=limit, before_seq=before)))
    page("funding", lambda store, limit, before: [funding_json(row) for row in store.funding(limit=limit, before_seq=before)])
    page("decisions", lambda store, limit, before: [decision_json(row) for row in store.decisions(limit=limit, before_seq=before)])

    @routes.get("/orders", responses=described(page_of("orders")))
    async def orders(
        limit: Rows = 100,
        before: Before = None,
        unfinished: Annotated[bool, Query(alias="open", description="only those that are not finished")] = False,
        account: Account = None,
    ) -> Response:
        record = led.record(account)
        rows = await reading(lambda: orders_json(record, record.orders(limit=limit, open_only=unfinished, before_seq=before)))
        return answer({"orders": rows, "next": rows[-1]["seq"] if len(rows) == limit else None})

    @routes.get("/decisions/{seq}", responses=described(missing=True))
    async def decision(seq: Seq, account: Account = None) -> Response:
        """A decision with all its inputs, and its explanation."""
        record = led.record(account)

        def read() -> dict[str, Any]:
            row = record.entry(seq)
            if row is None or row.kind != "DecisionMade":
                raise NotOnRecord(f"no decision is on record at {seq}")
            return {**decision_json(row), "story": explain(record, str(seq)), "event": whole_entry_json(row)["event"]}

        return answer(await reading(read))

    @routes.get("/explain/{identity}", responses=described(missing=True))
    async def story(identity: Annotated[str, InPath(pattern="^[0-9A-Za-z]{1,64}$")], account: Account = None) -> Response:
        """Why the bot did that: `identity` is an order's id, or a place in the chain."""
        record = led.record(account)
        return answer({"id": identity, "story": await reading(partial(explain, record, identity))})

    @routes.get("/audit", responses=described(ENTRIES_PAGE))
    async def entries(after: After = 0, limit: Rows = 100, account: Account = None) -> Response:
        """Links of the chain, oldest first; `next` is the `after` of the next page."""
        record = led.record(account)
        rows = await reading(lambda: [entry_json(row) for row in record.entries(after_seq=after, limit=limit)])
        head = record.head()
        more = rows[-1]["seq"] if rows and rows[-1]["seq"] < head.seq else None
        return answer({"entries": rows, "next": more, "head": {"seq": head.seq, "hash": head.hash}})

    @routes.get("/audit/{seq}", responses=described(missing=True))
    async def entry(seq: Seq, account: Account = None) -> Response:
        record = led.record(account)
        row = await reading(partial(record.entry, seq))
        if row is None:
            raise NotOnRecord(f"entry {seq} is not on record: {await reading(record.extent)}")
        return answer(whole_entry_json(row))

    open_streams: set[object] = set()

    @routes.get("/events", responses=STREAM)
    async def events(
        request: Request,
        after: Annotated[int | None, Query(ge=0, le=MOST_SEQ, description="begin behind this place; default: with what comes now")] = None,
        account: Account = None,
    ) -> Response:
        """Server-sent events: each entry as it is recorded. `Last-Event-ID` goes on where a connection broke."""
        name = led.meant(account).account
        since = last_event(request.headers.get("last-event-id"))
        since = since if since is not None else after
        if len(open_streams) >= MOST_STREAMS:
            raise HTTPException(503, f"{MOST_STREAMS} streams are open: close one first", {"retry-after": "10"})
        told = entries_as_they_come(led, name, led.record(name).head().seq if since is None else since)
        return Stream(told, open_streams)

    return routes


class Stream(StreamingResponse):
    """Counts among `open_ones` until it is over, also for a listener who hangs up before its first word is asked for."""

    def __init__(self, told: AsyncIterator[str], open_ones: set[object]) -> None:
        super().__init__(told, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self.open_ones = open_ones
        open_ones.add(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.open_ones.discard(self)


def last_event(said: str | None) -> int | None:
    if said is None:
        return None
    if not said.isascii() or not said.isdigit() or int(said) > MOST_SEQ:
        raise Misspoken("last-event-id", "must be the number of an entry")
    return int(said)


async def entries_as_they_come(led: Led, account: str, after: int) -> AsyncIterator[str]:
    """Ends when this process no longer leads the account."""
    yield ": from here on\n\n"
    quiet = 0.0
    with suppress(Misspoken):
        while True:
            record = led.record(account)
            if record.head().seq <= after:
                await asyncio.sleep(POLL_SECONDS)
                quiet += POLL_SECONDS
                if quiet >= KEEP_ALIVE_SECONDS:
                    quiet = 0.0
                    yield ": still here\n\n"
                continue
            quiet = 0.0
            rows = await reading(partial(page_after, record, after))
            for row in rows:
                after = row["seq"]
                yield f"id: {after}\nevent: {row['kind']}\ndata: {json.dumps(row, ensure_ascii=False)}\n\n"


def page_after(record: Store, after: int) -> list[dict[str, Any]]:
    return [entry_json(row) for row in record.entries(after_seq=after, limit=MOST_ROWS)]
