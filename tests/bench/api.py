"""How long does an answer of the API take while the bot trades, and what keeps its loop busy meanwhile?"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.figure import figure
from tests.bench.venue_memory import COMMAND, SETTLED, free_port, turns, wait_for
from tests.bench.venue_process import ENVIRONMENT, SECRETS, venue_process

SECONDS: Final = 20.0
PACE_S: Final = 0.01
TRADE_EVERY_S: Final = 1.0
MARKETS: Final = 500
ASKED: Final = ("status", "plan", "hedges", "bag", "orders?limit=20", "fills?limit=20", "audit?limit=20", "metrics", "livez")
TOKEN: Final = "t" * 32
NAMES: Final = ("API p99 while trading", "longest hold of the loop")
BARE: Final = """
import sys
import fastapi, uvicorn
app = fastapi.FastAPI()
app.get("/livez")(lambda: {"alive": True})
uvicorn.run(app, port=int(sys.argv[1]), log_level="critical")
"""
BARE_ASKS: Final = 500
CONFIG: Final = """\
version: 1
mode: live
cycle_seconds: 0.5
venue: {{name: bybit, environment: {environment}, base_url: "{url}", streams: true}}
bag: {{BTC: {{coins: 1}}}}
hedges: {{BTC: {{ratio: 0.5}}}}
band: {{cooldown_seconds: 0.1}}
execution: {{max_order_usd: 900000}}
risk: {{max_leverage: 3, hard_leverage: 4, max_turnover_usd_per_day: 100000000000, max_orders_per_minute: 10000}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
api: {{port: {port}}}
"""


class Client:
    """One kept connection to the bot."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> float:
        """Milliseconds until the whole answer is here. Raise RuntimeError if it is not a good one."""
        words = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {TOKEN}", **({} if body is None else {"Content-Type": "application/json"})}
        began = time.perf_counter()
        self.connection.request(method, path, words, headers)
        answer = self.connection.getresponse()
        said = answer.read()
        taken = (time.perf_counter() - began) * 1000
        if answer.status not in (200, 202):
            raise RuntimeError(f"{method} {path}: {answer.status} {said[:200]!r}")
        return taken


@contextmanager
def trading(words: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A live bot that settled, started by `words`; its target changes every second, and somebody takes its orders."""
    port = free_port()
    with (
        TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name,
        venue_process("bybit", delay_ms=0, markets=MARKETS, takes=True) as there,
    ):
        folder, ended = Path(name), threading.Event()
        config = folder / "hedge.yaml"
        config.write_text(CONFIG.format(environment=ENVIRONMENT["bybit"], url=there.base_url, folder=folder, port=port), "utf-8")
        environment = {**os.environ, **SECRETS, "HEDGEBOT__API__TOKEN": TOKEN}
        command = [*words, "run", "--live", "-c", str(config)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as bot:
            operator = threading.Thread(target=change_targets, args=(port, ended))
            try:
                wait_for(lambda: turns(port) >= SETTLED, bot)
                operator.start()
                yield bot, port
            finally:
                ended.set()
                if operator.ident is not None:
                    operator.join()
                bot.terminate()
                bot.wait()


def change_targets(port: int, ended: threading.Event) -> None:
    client, ratios = Client(port), ("0.5", "0.4")
    place = 0
    while not ended.wait(TRADE_EVERY_S):
        client.ask("POST", "/api/v1/target", {"asset": "BTC", "ratio": ratios[place % 2]})
        place += 1


def answers(port: int) -> dict[str, list[float]]:
    """Milliseconds of every answer, by what was asked."""
    client = Client(port)
    found: dict[str, list[float]] = {asked: [] for asked in ASKED}
    until, asks = time.monotonic() + SECONDS, 0
    while time.monotonic() < until:
        asked = ASKED[asks % len(ASKED)]
        found[asked].append(client.ask("GET", f"/{asked}" if asked in ("metrics", "livez") else f"/api/v1/{asked}"))
        asks += 1
        time.sleep(PACE_S)
    return found


def bare_answers() -> list[float]:
    """Milliseconds of every answer of a server that does nothing else and has nothing to say; of the same make."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", BARE, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: listens(port), server)
            client, found = Client(port), []
            for _ in range(BARE_ASKS):
                found.append(client.ask("GET", "/livez"))
                time.sleep(PACE_S)
            return found
        finally:
            server.terminate()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def orders_placed(port: int) -> int:
    client = Client(port)
    client.connection.request("GET", "/api/v1/orders?limit=500", None, {"Authorization": f"Bearer {TOKEN}"})
    return len(json.loads(client.connection.getresponse().read())["orders"])


def p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100)[98]


def figures() -> Iterator[dict[str, Any]]:
    with trading([str(COMMAND)]) as (_, port):
        before = orders_placed(port)
        found = answers(port)
        placed = orders_placed(port) - before
    bare = p99(bare_answers())
    everything = [taken for times in found.values() for taken in times]
    by_path = ", ".join(f"{asked} {p99(times):.1f}" for asked, times in found.items())
    how = (
        f"{len(everything)} requests over one kept connection from another process, {placed} orders placed and filled meanwhile on Bybit's "
        f"wire, each durable; median {median(everything):.2f} ms; p99 of each in ms: {by_path}; p99 of a bare FastAPI {bare:.2f}"
    )
    over = ("a FastAPI that does nothing else", p99(everything) / bare)
    yield figure(NAMES[0], round(p99(everything), 2), "ms", "<= 3", how, over=over)

    with trading([sys.executable, "-m", "tests.bench.watched_bot"]) as (bot, port):
        bot.send_signal(signal.SIGUSR1)
        answers(port)
        bot.terminate()
        assert bot.stdout is not None
        said = json.loads(bot.stdout.read().splitlines()[-1])
    worst = "; ".join(f"{name} {taken} ms, {times} times over half a ms" for name, taken, times in said["worst"][:4])
    how = (
        f"the longest of {said['callbacks']} callbacks of the loop, by the time it computed, under the same load ({worst}); by the clock "
        f"on the wall 99.9 % ended within {said['p999_wall_ms']:.2f} ms, the longest within {said['longest_wall_ms']:.2f} ms"
    )
    yield figure(NAMES[1], round(said["longest_cpu_ms"], 2), "ms", "<= 1", how)
