"""Which promise is held by what? The tables of docs/promises.md: from tests/promises.py, the checks of rehearsals, and runs that were made.

    python -m tests.docs_of_promises --seeds 500 --hours 2 [--kills 50]

rehearses and kills, and writes what came out to docs/promises.json; the page is renewed by `python -m tests.docs_from_code`.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bot.program import code_hash
from bot.rehearsal.invariants import CHECKS
from tests.promises import PROMISES, Promise

HERE: Final = Path(__file__).parent.parent
RUNS: Final = HERE / "docs" / "promises.json"
KILLS: Final = re.compile(r"(\d+) of (\d+) bots killed while they worked, (\d+) orders, (\d+) problems")


def checks_of(promise: Promise) -> list[str]:
    """The functions that check it in every rehearsal."""
    return sorted({check.__name__ for checks in CHECKS.values() for check in checks if check.__name__.startswith(f"i{promise.number}_")})


def promises_table() -> str:
    rows = ["| | promise | held by these tests | checked in every rehearsal by |", "|---|---|---|---|"]
    for promise in PROMISES:
        tests = "<br>".join(f"`{one.replace('::', ' ')}`" for one in promise.tests)
        checks = "<br>".join(f"`{name}`" for name in checks_of(promise)) or "–"
        rows.append(f"| {promise.name} | {promise.holds} | {tests} | {checks} |")
    return "\n".join(rows) + "\n"


def runs_table() -> str:
    rows = ["| command | made on | what ran | checks | problems |", "|---|---|---|---|---|"]
    for run in json.loads(RUNS.read_text("utf-8"))["runs"]:
        said, checks = run["said"], "–"
        if "seeds" in said:
            ran = f"{said['seeds']:,} seeds, {said['cycles']:,} cycles, {said['orders']:,} orders, {said['restarts']:,} restarts"
            ran += f", {sum(said['faults'].values()):,} faults of {len(said['faults'])} kinds, {said['compared']} traces compared"
            checks, problems = f"{said['checks']:,}", len(said["violations"])
        elif "points" in said:
            ran = f"{said['points']:,} points: {said['answers']} answers of the venue, {said['policies']} ways to treat a known client id"
            ran, problems = f"{ran}, {said['deaths']:,} deaths at up to {said['moments']} moments of a life", len(said["violations"])
        elif "workers" in said:
            took = ", ".join(f"{seconds:g}" for seconds in said["led_again_after_seconds"])
            ran = f"{said['accounts']} accounts over {said['workers']} workers, one killed: all led again, none twice, after {took} s"
            problems = sum(seconds > said["at_most_seconds"] for seconds in said["led_again_after_seconds"])
        else:
            ran, problems = f"{said['killed']} of {said['rounds']} bots killed while they worked, {said['orders']} orders", said["problems"]
        rows.append(f"| `{run['command']}` | {run['date']}, program `{run['program']}` | {ran} | {checks} | {problems} |")
    return "\n".join(rows) + "\n"


@dataclass(frozen=True, slots=True)
class Asked:
    seeds: int
    hours: str
    kills: int


def measured(asked: Asked) -> Iterator[dict[str, Any]]:
    """What each command printed. Nothing is kept of a run that printed nothing."""
    rehearsal = ("simulate", "--seeds", str(asked.seeds), "--hours", asked.hours, "--compare", str(min(50, asked.seeds)))
    if asked.seeds:
        said = json.loads(printed("-m", "bot", *rehearsal, "--json"))
        yield run_of(f"hedgebot {' '.join(rehearsal)}", said)
        yield run_of("hedgebot simulate --grid", json.loads(printed("-m", "bot", "simulate", "--grid", "--json")))
    for words in ((), ("--venue", "deribit", "--postgresql")) if asked.kills else ():
        command = ("-m", "tests.killed", "--rounds", str(asked.kills), *words)
        found = KILLS.search(printed(*command))
        if found is not None:
            yield run_of(
                f"python {' '.join(command)}", dict(zip(("killed", "rounds", "orders", "problems"), map(int, found.groups()), strict=True))
            )
    if asked.kills:
        workers = ("-m", "tests.workers", "--rounds", "3")
        yield run_of(f"python {' '.join(workers)}", json.loads(printed(*workers)))


def run_of(command: str, said: dict[str, Any]) -> dict[str, Any]:
    return {"command": command, "date": f"{datetime.now(UTC):%Y-%m-%d}", "program": code_hash()[:12], "said": said}


def printed(*words: str) -> str:
    return subprocess.run([sys.executable, *words], cwd=HERE, stdout=subprocess.PIPE, text=True, check=False).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description="rehearse and kill, and keep what came out for docs/promises.md")
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--hours", default="2")
    parser.add_argument("--kills", type=int, default=50)
    asked = parser.parse_args()
    runs = list(measured(Asked(asked.seeds, asked.hours, asked.kills)))
    RUNS.write_text(json.dumps({"runs": runs}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
