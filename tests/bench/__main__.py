"""How fast is it, and how much memory does it take? One JSON line for each figure, then a table of all.

    python -m tests.bench [--check] [--to FILE] [MODULE ...]

Figures are not tests: they depend on the machine and on who else uses it. Each module here with a `figures()` is asked, in a process of
its own, for the NAMES it promises. --check exits 1 where a target is missed by far; --to keeps everything as one document, from which
docs/performance.md is made (tests/docs_of_performance.py). With BIG=1 in the environment the longest curve goes on to its last point,
which takes many minutes.
"""

import argparse
import ast
import json
import os
import platform
import re
import resource
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

from bot.program import code_hash
from tests.bench.figure import failed, missed_by_far, table

HERE: Final = Path(__file__).parent
ASKED: Final = """
import json, logging, sys
import structlog
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
from tests.bench.{0} import figures
for one in figures():
    print(json.dumps(one, ensure_ascii=False), flush=True)
"""


def modules() -> list[str]:
    """Those that measure something."""
    return sorted(path.stem for path in HERE.glob("*.py") if re.search(r"^def figures\(", path.read_text("utf-8"), re.MULTILINE))


def asked(module: str) -> list[dict[str, Any]]:
    """Its figures, each said as soon as it is measured; and kept with the share of the machine that others used meanwhile."""
    before, began, found = load(), time.monotonic(), []
    sys.stdout.write(f"# {module}: {question(module)}\n")
    sys.stdout.flush()
    with TemporaryFile("w+") as complaints:
        words = [sys.executable, "-c", ASKED.format(module)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=complaints, text=True) as child:
            assert child.stdout is not None
            for said in child.stdout:
                if said.startswith("{"):
                    found.append(json.loads(said))
                    say(found[-1])
        complaints.seek(0)
        complaint = complaints.read().strip()
    if child.returncode:
        sys.stderr.write(complaint + "\n")
        found.append(failed(module, (complaint.splitlines() or [f"it ended with {child.returncode}"])[-1]))
        say(found[-1])
    elif (kept := [one["name"] for one in found]) != list(promised(module)):
        found.append(failed(module, f"it promises {', '.join(promised(module))}, and measured {', '.join(kept)}"))
        say(found[-1])
    share, seconds = others(before, load()), round(time.monotonic() - began)
    sys.stdout.write(f"# {module}: {seconds} s, with {share:.0%} of the machine taken by others\n")
    return [{**one, "module": module, "others": round(share, 2), "seconds": seconds} for one in found]


def promised(module: str) -> tuple[str, ...]:
    """The figures that a module measures, in their order."""
    names: tuple[str, ...] = import_module(f"tests.bench.{module}").NAMES
    return names


def question(module: str) -> str:
    """The one that its file opens with."""
    said = ast.get_docstring(ast.parse((HERE / f"{module}.py").read_text("utf-8"))) or ""
    return said.partition("\n")[0]


def say(one: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(one, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def load() -> tuple[float, float, float]:
    """Seconds of processor that the machine had, that it used, and that we and our ended children used; all since some moment."""
    try:
        ticks = [int(word) for word in Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]]
    except OSError:
        ticks = [0] * 8
    own = sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
    second = os.sysconf("SC_CLK_TCK")
    return sum(ticks) / second, (sum(ticks) - ticks[3] - ticks[4]) / second, own


def others(before: tuple[float, float, float], after: tuple[float, float, float]) -> float:
    """The share of the machine that was used by others meanwhile."""
    had, used, own = (now - then for then, now in zip(before, after, strict=True))
    return max(0.0, used - own) / had if had else 0.0


def machine() -> dict[str, Any]:
    try:
        models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    except OSError:
        models = []
    return {
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "program": code_hash()[:12],
        "cores": len(os.sched_getaffinity(0)),
        "processor": f"{platform.machine()}, {models[0]}" if models else platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": round(os.getloadavg()[0], 2),
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--to", type=Path, metavar="FILE")
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    given = parser.parse_args(arguments)
    if unknown := set(given.modules) - set(modules()):
        parser.error(f"no figures are measured by {', '.join(sorted(unknown))}; there are {', '.join(modules())}")
    found: list[dict[str, Any]] = []
    here = machine()
    for module in given.modules or modules():
        found += asked(module)
    sys.stdout.write(f"\n{table(found)}")
    if given.to is not None:
        given.to.parent.mkdir(parents=True, exist_ok=True)
        given.to.write_text(json.dumps({"machine": here, "figures": found}, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return 1 if given.check and any(map(missed_by_far, found)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
