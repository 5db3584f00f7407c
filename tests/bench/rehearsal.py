"""How fast is a rehearsal: hours of a bot's life, with every fault and every check, over hours on the wall?"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.figure import figure, unmeasured

COMMAND: Final = Path(sys.executable).with_name("hedgebot")
CORES: Final = 2
SEEDS: Final = 48
COMPARED: Final = SEEDS // 10  # as many as 50 of 500
HOURS: Final = 2
ALL: Final = (500 + 50) * HOURS * 60  # minutes of `simulate --seeds 500 --hours 2 --compare 50`, which may take 8
NAME: Final = f"rehearsed time over real time on {CORES} cores"
NAMES: Final = (NAME,)


def figures() -> list[dict[str, Any]]:
    target = f">= {ALL // 8}"
    if len(os.sched_getaffinity(0)) < CORES:
        return [unmeasured(NAME, "x", target, f"fewer than {CORES} cores here")]
    words = ["simulate", "--seeds", str(SEEDS), "--hours", str(HOURS), "--compare", str(COMPARED), "--cores", str(CORES), "--json"]
    with TemporaryDirectory() as folder:
        said = json.loads(subprocess.run([COMMAND, *words], check=True, capture_output=True, text=True, cwd=folder).stdout)
    hours = (said["seeds"] + said["compared"]) * HOURS
    times = round(hours * 3600 / said["seconds"])
    how = (
        f"`hedgebot {' '.join(words)}`: {said['cycles']:,} cycles, {said['checks']:,} checks, {len(said['violations'])} problems in "
        f"{said['seconds']:.0f} s; 500 seeds, 50 of them twice, would take {ALL / times:.1f} min"
    )
    return [figure(NAME, times, "x", target, how)]
