"""How well does a sweep use the cores of this machine?"""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.figure import figure, unmeasured

CORES: Final = 2
BARS: Final = 525_600  # a year of minutes
COMMAND: Final = Path(sys.executable).with_name("hedgebot")
GRID: Final = """
prices: btc.csv
bag: 2
collateral: 3
set: {risk.max_turnover_usd_per_day: 1000000000, risk.max_leverage: 4, risk.hard_leverage: 6}
vary:
  hedges.BTC.ratio: {from: 0.40, to: 0.80, step: STEP}
"""
LASTING: Final = 40  # seconds on one core: start-up and reading are a small part of a sweep that is worth two cores
FEW, MORE = 8, 80  # runs that tell how long one takes, beside the start
MOST: Final = 8_000  # combinations are judged one after the other before any runs: of shorter runs that alone would be measured
NAMES: Final = (f"sweep efficiency on {CORES} cores",)


def figures() -> list[dict[str, Any]]:
    target = ">= 85"
    if len(os.sched_getaffinity(0)) < CORES:
        return [unmeasured(NAMES[0], "%", target, f"fewer than {CORES} cores here")]
    with TemporaryDirectory() as folder:
        Path(folder, "btc.csv").write_text(minutes())
        (started, few), (tried, more) = swept(folder, 1, FEW), swept(folder, 1, MORE)
        runs = min(MOST, max(MORE, round(LASTING * (more - few) / max(tried - started, 0.001))))
        seconds, made = zip(*(swept(folder, cores, runs) for cores in (1, CORES)), strict=True)
    how = f"speed-up over 1 core, by {CORES}: {made[0]} runs of {BARS:,} minutes in {seconds[0]} and {seconds[1]} s, with reading"
    return [figure(NAMES[0], round(100 * seconds[0] / seconds[1] / CORES, 1), "%", target, how)]


def swept(folder: str, cores: int, runs: int) -> tuple[float, int]:
    Path(folder, "grid.yaml").write_text(GRID.replace("STEP", f"{0.4 / (runs - 1):.6f}"))
    words = [COMMAND, "sweep", "grid.yaml", "--cores", str(cores), "--to", f"{cores}-{runs}.parquet", "--json"]
    said = json.loads(subprocess.run(words, check=True, capture_output=True, text=True, cwd=folder).stdout)
    return said["seconds"], said["runs"]


def minutes() -> str:
    chance, price, rows = Random(1), 60_000.0, ["timestamp,open,high,low,close"]
    for minute in range(BARS):
        close = price * (1 + 0.0008 * chance.gauss(0, 1))
        high, low = max(price, close) * (1 + 0.0003 * chance.random()), min(price, close) * (1 - 0.0003 * chance.random())
        rows.append(f"{1_704_067_200 + 60 * minute},{price:.2f},{high:.2f},{low:.2f},{close:.2f}")
        price = close
    return "\n".join(rows) + "\n"
