"""Is the core pure? No float, clock, environment, log, random number or await: the syntax tree of every file says so."""

import ast
from pathlib import Path

import pytest

import bot.core

FILES = sorted(Path(bot.core.__file__).parent.rglob("*.py"))
BANNED = {"datetime", "time", "random", "uuid", "os", "logging", "asyncio", "math", "secrets", "structlog", "sys", "numpy", "socket"}


def impurities(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Constant(value=float() | complex()):
                found.append(f"{line}: the float {node.value}")
            case ast.Name(id="float" | "open" | "print" | "input" | "id" | "hash" as name):
                found.append(f"{line}: {name}()")
            case ast.Await() | ast.AsyncFor() | ast.AsyncWith() | ast.AsyncFunctionDef():
                found.append(f"{line}: await")
            case ast.Import(names=names):
                found += [f"{line}: import {name.name}" for name in names if name.name.split(".")[0] in BANNED]
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in BANNED:
                found.append(f"{line}: from {module}")
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in ("bot", "adapters") and not module.startswith("bot.core"):
                found.append(f"{line}: the core knows nothing of {module}")
            case ast.BinOp(op=ast.Div(), left=ast.Constant(value=int()), right=ast.Constant(value=int())):
                found.append(f"{line}: a division of two integers is a float")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_core_is_pure(path: Path) -> None:
    assert impurities(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = 0.5",
        "x = float(1)",
        "import os",
        "import os.path",
        "from datetime import datetime",
        "async def f(): await g()",
        "x = 1 / 3",
        "from bot.settings import load",
        "import logging",
        "from time import time",
        "import random",
        "from uuid import uuid4",
    ],
)
def test_an_impurity_would_be_found(source: str) -> None:
    assert impurities(source)


def test_every_file_of_the_core_is_looked_at() -> None:
    assert {"decide.py", "risk.py", "reconcile.py", "ledger.py"} <= {path.name for path in FILES}
