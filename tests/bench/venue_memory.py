"""How much memory does a bot take that hedges at a venue with a long list of markets, and does it stay there?"""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.figure import figure
from tests.bench.venue_process import ENVIRONMENT, SECRETS, venue_process

MARKETS: Final = 2_000
SETTLED: Final = 20  # turns before the memory counts as that of a running bot
LATER: Final = 150  # further turns
NAMES: Final = ("memory with a venue", "and its growth")
BARE: Final = "import os, ccxt.async_support as ccxt; ccxt.bybit(); print(open('/proc/self/statm').read().split()[1])"
MEGABYTE: Final = 1_000_000
COMMAND: Final = Path(sys.executable).with_name("hedgebot")
CONFIG: Final = """\
version: 1
mode: live
cycle_seconds: 0.05
venue: {{name: bybit, environment: {environment}, base_url: "{url}", streams: true}}
bag: {{BTC: {{coins: 1}}}}
hedges: {{BTC: {{ratio: 0.5}}}}
execution: {{order_ttl_seconds: 1}}
risk: {{max_leverage: 3, hard_leverage: 4}}
kill_file: {folder}/hedgebot.kill
audit: {{url: "sqlite:///{folder}/hedgebot.db"}}
api: {{port: {port}}}
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def resident(process: int) -> float:
    """Megabytes."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def turns(port: int) -> int:
    """Of the bot behind this port; 0 until it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            found = re.search(r"^hedgebot_cycle_seconds_count\{.*\} (\S+)$", answer.read().decode(), re.MULTILINE)
    except OSError:
        return 0
    return int(float(found[1])) if found is not None else 0


def wait_for(done: Callable[[], object], bot: subprocess.Popen[bytes], patience_s: float = 180) -> None:
    deadline = time.monotonic() + patience_s
    while not done():
        if bot.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the bot did not turn; it ended with {bot.poll()}")
        time.sleep(0.2)


def measure(folder: Path) -> tuple[float, float]:
    """Megabytes of a bot that has settled, and by how many more it grew."""
    port = free_port()
    with venue_process("bybit", delay_ms=0, markets=MARKETS) as there:
        config = folder / "hedge.yaml"
        config.write_text(CONFIG.format(environment=ENVIRONMENT["bybit"], url=there.base_url, folder=folder, port=port), "utf-8")
        words = [str(COMMAND), "run", "--live", "-c", str(config)]
        with subprocess.Popen(words, env={**os.environ, **SECRETS}, stdout=subprocess.DEVNULL) as bot:
            try:
                wait_for(lambda: turns(port) >= SETTLED, bot)
                before, settled = resident(bot.pid), turns(port)
                wait_for(lambda: turns(port) >= settled + LATER, bot)
                return before, resident(bot.pid) - before
            finally:
                bot.terminate()
                bot.wait()


def bare() -> float:
    """Megabytes of a process that has loaded the client library, and no market."""
    said = subprocess.run([sys.executable, "-c", BARE], check=True, capture_output=True, text=True).stdout
    return int(said) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def figures() -> list[dict[str, Any]]:
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        resting, grown = measure(Path(folder))
    how = (
        f"resident size of `hedgebot run --live` on Bybit's wire with {MARKETS} markets, streams and API, after {SETTLED} turns; "
        "the venue is another process"
    )
    return [
        figure(NAMES[0], round(resting, 1), "MB", "<= 220", how, over=("a Python with ccxt's client alone", resting / bare())),
        figure(NAMES[1], round(grown, 2), "MB", "<= 2", f"over {LATER} more turns, with orders placed, taken back and recorded"),
    ]
