"""How long does a person wait for the first word, and what is loaded for nothing?"""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.figure import figure

RUNS: Final = 10
NAMES: Final = ("hedgebot --help", "ccxt modules in paper mode")
COMMAND: Final = Path(sys.executable).with_name("hedgebot")
PAPER: Final = """
import asyncio, sys
from bot.settings import load
from bot.wiring.start import wired

async def turned():
    settings = load(None, {}, {"bag.BTC.coins": "2", "hedges.BTC.ratio": "1.0"})
    async with wired(settings) as bot:
        await bot.engine.turn()
        await bot.engine.turn()

import bot.cli
asyncio.run(turned())
print(sum(name.partition(".")[0] == "ccxt" for name in sys.modules))
"""


def figures() -> list[dict[str, Any]]:
    helped, bare = seconds([str(COMMAND), "--help"]), seconds([sys.executable, "-c", "pass"])
    with TemporaryDirectory() as folder:
        said = subprocess.run([sys.executable, "-c", PAPER], check=True, capture_output=True, text=True, cwd=folder).stdout
    return [
        figure(NAMES[0], round(helped, 3), "s", "<= 0.2", f"median of {RUNS} processes, wall time", over=("a bare Python", helped / bare)),
        figure(NAMES[1], int(said.splitlines()[-1]), "modules", "= 0", "sys.modules of a process after two turns"),
    ]


def seconds(command: list[str]) -> float:
    """Of the wall, the median of several processes."""
    taken = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return median(taken)
