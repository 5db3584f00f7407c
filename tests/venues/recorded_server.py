"""What does a venue that is recorded only answer? Documented answers, by method and path, on the loopback; every request is logged."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

TRANSPORT = frozenset({"timestamp", "signature", "recvWindow"})


@dataclass(slots=True)
class Asked:
    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]

    @property
    def words(self) -> dict[str, Any]:
        """What was asked, without what only signs it."""
        said = json.loads(self.body) if self.body.startswith("{") else dict(parse_qsl(self.body or self.query))
        return {name: value for name, value in said.items() if name not in TRANSPORT}


@dataclass(slots=True)
class Recorded:
    answers: dict[str, Any]  # "GET /path" → the answer; (status, answer) for a refusal
    moments: Mapping[str, Callable[[], str]] = field(default_factory=dict)  # words of the answers that are told anew each time
    base_url: str = ""
    log: list[Asked] = field(default_factory=list)

    def asked(self, ending: str) -> Asked:
        """The only request whose path ends so."""
        (found,) = [row for row in self.log if row.path.endswith(ending)]
        return found

    @property
    def writes(self) -> list[Asked]:
        return [row for row in self.log if row.method != "GET"]

    async def handle(self, request: web.Request) -> web.Response:
        self.log.append(Asked(request.method, request.path, request.query_string, await request.text(), dict(request.headers)))
        answer = self.answers.get(f"{request.method} {request.path}", (404, {"code": -1, "msg": "not recorded"}))
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(body, str) and body.startswith("<"):
            return web.Response(text=body, status=status, content_type="text/html")
        text = json.dumps(body)
        for word, now in self.moments.items():
            text = text.replace(word, now())
        return web.json_response(text=text, status=status)


@asynccontextmanager
async def recorded(answers: Mapping[str, Any], moments: Mapping[str, Callable[[], str]] | None = None) -> AsyncIterator[Recorded]:
    served = Recorded(dict(answers), moments or {})
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", served.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    served.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield served
    finally:
        await runner.cleanup()
