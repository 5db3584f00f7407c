"""What does `hedgebot` do in a process of its own while something around it breaks? A bot at a local venue, and the hand on its world.

The bot is the installed command with its real wiring, record and log. Only two things in its process are told otherwise: reads of a local
venue never lag, so that an absence is proven by one look; and its wall clock is off by what a file says.
"""

import asyncio
import json
import multiprocessing
import os
import re
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TextIO

import httpx

import bot.cli
import bot.cli_read
import bot.cli_run
import bot.cli_setup
import bot.running
from bot.audit.lease import TTL_MS
from bot.cli_call import address_file
from bot.running import SHUTDOWN_MS
from bot.settings import Settings, load
from bot.wiring.start import wired
from tests.killed.rounds import problems
from tests.live.desk import PATIENCE_S, SECRETS, STRICT, Desk, desk

NURSERY: Final = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(
    ["tests.incidents.scene", "tests.killed.rounds", "ccxt.async_support", "psycopg", "bot.api", "alembic.command"]
)
TURNS: Final = re.compile(r"^hedgebot_cycle_seconds_count\{.*\} ([0-9.]+)$", re.MULTILINE)
RATIO: Final = "0.5"  # what every bot here is to reach, and `problems` compares with


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Part:
    """Who the process is to be."""

    args: tuple[str, ...]
    folder: str
    clock: str  # a file with the milliseconds by which the wall clock is off
    ttl_ms: int
    shutdown_ms: int
    libuv: bool


def become(part: Part, out: Connection, err: Connection) -> None:
    """`hedgebot ARGS` from here on."""
    os.chdir(part.folder)
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    for name in [name for name in os.environ if name.upper().startswith("HEDGEBOT")]:
        del os.environ[name]
    os.environ.update(SECRETS)
    sys.argv = ["hedgebot", *part.args]
    if not part.libuv:
        sys.modules["uvloop"] = None  # type: ignore[assignment]  # as where it is not installed
    true, off = time.time_ns, os.open(part.clock, os.O_RDONLY)

    def false_ns() -> int:
        return true() + int(os.pread(off, 32, 0) or b"0") * 1_000_000

    setattr(time, "time_ns", false_ns)  # noqa: B010 (the type checker knows that it is not for assigning to)
    setattr(time, "time", lambda: false_ns() / 1e9)  # noqa: B010
    setattr(bot.cli_run, "wired", partial(wired, absence=STRICT, ttl_ms=part.ttl_ms))  # noqa: B010
    setattr(bot.running, "SHUTDOWN_MS", part.shutdown_ms)  # noqa: B010
    bot.cli.main()


@dataclass(slots=True)
class Process:
    """A command that runs, and its log so far."""

    process: Any
    streams: tuple[asyncio.Task[None], asyncio.Task[None]]
    log: list[dict[str, Any]] = field(default_factory=list)
    out: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return int(self.process.pid)

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    async def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for something that comes true while it lives."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while not holds():
            assert self.process.exitcode is None, (what, self.process.exitcode, self.log[-3:])
            assert loop.time() < deadline, (what, self.log[-3:])
            await asyncio.sleep(0.01)

    async def says(self, event: str, times: int = 1) -> None:
        await self.until(lambda: len(self.said(event)) >= times, f"says {event}")

    async def ended(self) -> int:
        """Its exit code."""
        await asyncio.to_thread(self.process.join, PATIENCE_S)
        assert self.process.exitcode is not None, ("it does not end", self.log[-3:])
        await asyncio.wait(self.streams)
        return int(self.process.exitcode)

    def largest_file(self, most: int) -> None:
        """From now on no write of this process may go beyond `most` bytes: with 0 its disk is full; RLIM_INFINITY frees it."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


@dataclass(slots=True)
class Scene:
    """A venue, a configuration, a database, and the processes that were started over them."""

    place: Desk
    url: str
    changes: Mapping[str, str]
    ttl_ms: int = TTL_MS
    shutdown_ms: int = SHUTDOWN_MS
    libuv: bool = True  # whether bots can import uvloop
    processes: list[Process] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.place.folder

    @property
    def clock(self) -> Path:
        return self.folder / "clock-is-off-by-ms"

    def write(self, changes: Mapping[str, str] | None = None) -> Settings:
        """hedge.yaml, with words of it replaced."""
        text = self.place.text(RATIO).replace(f"sqlite:///{self.folder}/hedgebot.db", self.url.replace(":@", "@"))  # no empty password
        for was, now in (*self.changes.items(), *(changes or {}).items()):
            assert was in text, was
            text = text.replace(was, now)
        path = self.folder / "hedge.yaml"
        path.write_text(text, "utf-8")
        return load(path, SECRETS, {})

    async def start(self, *args: str) -> Process:
        """`hedgebot ARGS` without waiting for its end."""
        (our_out, out), (our_err, err) = NURSERY.Pipe(duplex=False), NURSERY.Pipe(duplex=False)
        part = Part(args, str(self.folder), str(self.clock), self.ttl_ms, self.shutdown_ms, self.libuv)
        process = NURSERY.Process(target=become, args=(part, out, err), daemon=True)
        process.start()
        out.close()
        err.close()
        lines: list[str] = []
        log: list[dict[str, Any]] = []
        streams = (
            asyncio.create_task(heard(our_out, lines.append)),
            asyncio.create_task(heard(our_err, lambda line: log.append(entry(line)))),
        )
        started = Process(process, streams, log, lines)
        self.processes.append(started)
        return started

    async def runs(self, *args: str) -> Process:
        """`hedgebot run --live`, until aligned."""
        return await self.start("run", "--live", "--until-aligned", "--timeout", f"{PATIENCE_S:g}", "--log-json", *args)

    async def hb(self, *args: str) -> Answer:
        """`hedgebot ARGS` to its end."""
        command = await self.start(*args)
        code = await command.ended()
        return Answer(code, "".join(command.out), "".join(str(line["event"]) for line in command.log))

    async def status(self) -> Any:
        return (await self.hb("status", "--json")).json

    def sent(self) -> int:
        return len(self.place.server.asked("place"))

    async def turns(self, bot: Process, whole: int) -> None:
        """Wait until the bot began and ended so many turns."""
        wanted = await self.ended_turns() + 1 + whole  # the one that is under way began before
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_S
        while await self.ended_turns() < wanted:
            assert bot.process.exitcode is None, bot.log[-3:]
            assert loop.time() < deadline, bot.log[-3:]
            await asyncio.sleep(0.02)

    def address(self) -> str:
        """Of the API of the bot that runs."""
        return (self.folder / address_file(load(self.folder / "hedge.yaml", SECRETS, {}))).read_text("ascii").strip()

    async def ended_turns(self) -> int:
        address = self.address()
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=PATIENCE_S) as client:
            return sum(int(float(count)) for count in TURNS.findall((await client.get("/metrics")).text))

    def problems(self) -> list[str]:
        return problems(self.place.server, self.write())

    def step_clock(self, by_ms: int) -> None:
        aside = self.folder / "clock-is-off-by-ms.new"
        aside.write_text(f"{by_ms}", "ascii")
        self.clock.write_bytes(aside.read_bytes().ljust(32))


def entry(line: str) -> dict[str, Any]:
    return dict(json.loads(line)) if line.startswith("{") else {"event": line}


async def heard(end: Connection, take: Callable[[str], object]) -> None:
    """Every line of a pipe until its other end is closed."""
    reader = asyncio.StreamReader(limit=1 << 24)
    pipe: TextIO = os.fdopen(os.dup(end.fileno()), "rb", 0)  # type: ignore[assignment]
    end.close()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    try:
        while line := await reader.readline():
            take(line.decode())
    finally:
        transport.close()


@asynccontextmanager
async def scene(venue: str, folder: Path, url: str | None = None, changes: Mapping[str, str] | None = None) -> AsyncIterator[Scene]:
    """Nothing that was started here outlives it."""
    async with desk(venue, folder) as place:
        place.cycle, place.ttl, place.cross = "0.05", "0.5", "60"
        place.server.delay_ms = 3  # a request is under way long enough for something to happen meanwhile
        made = Scene(place, url or f"sqlite:///{folder}/hedgebot.db", {"max_order_usd: 200000": "max_order_usd: 4000", **(changes or {})})
        made.step_clock(0)
        made.write()
        try:
            yield made
        finally:
            for one in made.processes:
                one.process.kill()
                await one.ended()
