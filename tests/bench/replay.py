"""How fast does a replay go through years, jumping and stepping, and is it right? How long until a cold process has answered?

The job: 5 BTC posted, ratio 1, a band of 2 %, bars of a minute, limit orders, fees, funding every 8 hours. Prices are a seeded random walk.
Each speed stands beside its correctness: the end equity of the same history from print to print.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from adapters.history import Rate, instant_ms
from adapters.history_columns import Bars
from bot.replay import Replay
from bot.settings import load
from bot.wiring.past import Recorded, replay
from tests.bench.figure import figure

MINUTE: Final = 60_000
EIGHT_HOURS: Final = 28_800_000
BEGAN: Final = instant_ms("2020-01-01")
MILLION: Final = 1_000_000
FIVE_YEARS: Final = 2_628_000
COMPARED: Final = 200_000  # bars that are also replayed from print to print: of all million that would take minutes
JOBS: Final = ("full hedge", "trade-heavy")
KINDS: Final = ("parquet", "feather", "csv")
NAMES: Final = (
    *(f"replay jumping, {JOBS[0]}{what}" for what in ("", ": distance")),
    "replay stepping",
    *(f"replay jumping, {JOBS[1]}{what}" for what in ("", ": distance")),
    *(f"{what} from {kind}" for kind in KINDS for what in ("five years", "peak memory")),
)
BARE: Final = "import polars as pl; print(pl.{0}({1!r})['close'].sum())"  # reads the file, and no more
FULL: Final = {
    **{"mode": "live", "bag.BTC.coins": "0", "paper.collateral.BTC": "5", "hedges.BTC.ratio": "1.0", "paper.price.BTC": "60000"},
    **{"band.low": "0.98", "band.high": "1.02"},
    **dict.fromkeys(("risk.max_position_usd", "execution.max_order_usd", "risk.max_turnover_usd_per_day"), "10000000"),
}
HEAVY: Final = {**FULL, "hedges.BTC.ratio": "0.5", "hedges.BTC.basis": "value"}  # its target moves with the price: it trades all the time


def market(bars: int, swing: float = 0.0007, seed: int = 7) -> Recorded:
    """Minutes of a random walk around 60,000 on ticks of half a dollar, and a positive rate every 8 hours."""
    chance = np.random.default_rng(seed)
    close = 60_000 * np.exp(np.cumsum(chance.normal(0, swing, bars)))
    first = np.concatenate(([60_000.0], close[:-1]))
    high = np.maximum(first, close) * (1 + np.abs(chance.normal(0, swing / 2, bars)))
    low = np.minimum(first, close) * (1 - np.abs(chance.normal(0, swing / 2, bars)))
    at_ms = BEGAN + np.arange(bars, dtype=np.int64) * MINUTE
    prices = Bars(at_ms, MINUTE, *(np.round(part * 2) / 2 for part in (first, high, low, close)))
    rates = [Rate(at, Decimal("0.0001")) for at in range(BEGAN + EIGHT_HOURS, BEGAN + bars * MINUTE, EIGHT_HOURS)]
    return Recorded({"BTC": prices}, {"BTC": rates})


def part(read: Recorded, bars: int) -> Recorded:
    end_ms = BEGAN + bars * MINUTE
    return Recorded({"BTC": read.bars["BTC"][:bars]}, {"BTC": [rate for rate in read.rates["BTC"] if rate.at_ms < end_ms]})


@dataclass(frozen=True)
class Ran:
    seconds: float
    cpu: float
    answer: dict[str, Any]
    equity: Decimal


def ran(flags: dict[str, str], read: Recorded, *, step: bool = False) -> Ran:
    """Seconds of the run call alone."""
    run: Replay = asyncio.run(replay(load(None, {}, flags), read, step=step))
    wall, cpu = time.perf_counter(), time.process_time()
    answer = asyncio.run(run.run())
    return Ran(time.perf_counter() - wall, time.process_time() - cpu, answer, run.venue.equities()["BTC"])


def jumping(name: str, flags: dict[str, str], read: Recorded, target: str) -> Iterator[dict[str, Any]]:
    bars = len(read.bars["BTC"])
    runs = [ran(flags, read) for _ in range(5)]
    best, said = min(runs, key=lambda one: one.seconds), runs[0].answer
    how = f"run call only, best of 5; {bars:,} bars, {said['fills']} fills of {said['orders']} orders, {len(read.rates['BTC'])} fundings; \
{bars / min(one.cpu for one in runs):,.0f} bars per second of CPU"
    beginning = part(read, COMPARED)
    jumped, stepped = ran(flags, beginning), ran(flags, beginning, step=True)
    over = ("stepping", bars / best.seconds / (COMPARED / stepped.seconds))
    yield figure(f"replay jumping, {name}", round(bars / best.seconds), "bars/s", target, how, over=over)
    apart = f"{abs(jumped.equity - stepped.equity):f}"
    how = f"end equity against the replay from print to print over {COMPARED:,} bars, {stepped.answer['fills']} fills"
    yield figure(f"replay jumping, {name}: distance", float(apart), "coins", "<= 0.000000001", how)
    if name == JOBS[0]:
        rate, bare = COMPARED / stepped.seconds, COMPARED / passed(beginning)
        how = f"run call only, {COMPARED:,} bars of four prints, {stepped.answer['fills']} fills, nothing on record; \
{COMPARED / stepped.cpu:,.0f} bars per second of CPU"
        yield figure("replay stepping", round(rate), "bars/s", ">= 10000", how, over=("a bare pass over the prints", rate / bare))


def passed(read: Recorded) -> float:
    """Seconds of a loop that looks at every print and does nothing about it."""
    began = time.perf_counter()
    for bar in read.bars["BTC"]:
        for _ in bar.prints():
            pass
    return time.perf_counter() - began


COLD: Final = """
import sys
from bot.cli import main
sys.argv[0] = "hedgebot"
try:
    sys.exit(main())
finally:
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""  # ru_maxrss would count what this process held when it started the other


def cold(path: Path, funding: Path) -> tuple[float, float, float, dict[str, Any]]:
    """Wall seconds, CPU seconds and the peak in MB of a whole process."""
    words = ["replay", "--prices", str(path), "--funding", str(funding), "--collateral", "BTC=5"]
    words += ["--set", "band.low=0.98", "--set", "band.high=1.02", "--json"]
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", COLD, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        answer = json.loads(child.stdout.read())
        told = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, int(told.split()[-1]) / 1024, answer


def cold_processes(folder: Path) -> Iterator[dict[str, Any]]:
    import polars as pl

    read = market(FIVE_YEARS)
    bars = read.bars["BTC"]
    assert isinstance(bars, Bars)
    columns = {"timestamp": bars.at_ms, "open": bars.open, "high": bars.high, "low": bars.low, "close": bars.close}
    frame, funding = pl.DataFrame(columns), folder / "funding.csv"
    rates = read.rates["BTC"]
    pl.DataFrame({"timestamp": [one.at_ms for one in rates], "rate": [float(one.rate) for one in rates]}).write_csv(funding)
    frame.write_parquet(folder / "bars.parquet")
    frame.write_ipc(folder / "bars.feather")
    frame.write_csv(folder / "bars.csv")
    megabytes = sum(part.nbytes for part in columns.values()) / 2**20
    for kind, reads, target in zip(KINDS, ("read_parquet", "read_ipc", "read_csv"), ("<= 1.5", "<= 1.5", "<= 2.5"), strict=True):
        runs = [cold(folder / f"bars.{kind}", funding) for _ in range(3)]
        wall, cpu, peak, answer = min(runs, key=lambda one: one[0])
        how = f"{answer['steps']:,} minutes to the JSON answer, cold process, best of 3; {cpu:.2f} s of CPU"
        bare = min(alone(BARE.format(reads, str(folder / f"bars.{kind}"))) for _ in range(3))
        yield figure(f"five years from {kind}", round(wall, 2), "s", target, how, over=("a script that only reads the file", wall / bare))
        most = round(3 * megabytes + 150)
        how = f"resident, at its highest; the columns are {megabytes:.0f} MB: 3 times that and 150 MB"
        yield figure(f"peak memory from {kind}", round(peak), "MB", f"<= {most}", how, over=("the columns", peak / megabytes))


def alone(script: str) -> float:
    """Seconds of a whole process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def figures() -> Iterator[dict[str, Any]]:
    read = market(MILLION)
    yield from jumping(JOBS[0], FULL, read, ">= 20000000")
    yield from jumping(JOBS[1], HEAVY, market(MILLION, swing=0.0013), ">= 8000000")
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder:
        yield from cold_processes(Path(folder))
