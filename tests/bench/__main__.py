"""How fast is it, and how much memory does it take? One JSON line for each figure; --check exits 1 where one is missed by far.

Figures are not tests: they depend on the machine and on who else uses it. Each module here with a `figures()` is asked.
"""

import importlib
import json
import logging
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import structlog

import tests.bench
from tests.bench.figure import missed_by_far


def collected() -> Iterator[dict[str, Any]]:
    for module in pkgutil.iter_modules(tests.bench.__path__):
        if module.name != "__main__":
            ask = getattr(importlib.import_module(f"tests.bench.{module.name}"), "figures", None)
            yield from ask() if ask is not None else ()


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m tests.bench [--check]\n")
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    missed = 0
    for one in collected():
        missed += missed_by_far(one)
        sys.stdout.write(json.dumps(one, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 1 if missed and arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
