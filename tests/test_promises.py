"""Has every promise its tests, do they exist, and is every check of a rehearsal one of a promise?"""

import ast
import json
from functools import cache
from pathlib import Path

import pytest

from bot.rehearsal.invariants import CHECKS
from tests.docs_of_promises import RUNS, checks_of
from tests.promises import PROMISES, Promise

HERE = Path(__file__).parent


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests of a file, without running it."""
    path = HERE / file
    if not path.is_file():
        return frozenset()
    found = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in found if node.name.startswith("test_"))


def lacking(promise: Promise) -> list[str]:
    """Its tests that do not exist."""
    return [one for one in promise.tests if one.partition("::")[2] not in names_in(one.partition("::")[0])]


def test_every_promise_is_there_once_in_order() -> None:
    assert [promise.number for promise in PROMISES] == list(range(1, 35))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_every_promise_has_tests_and_each_of_them_exists(promise: Promise) -> None:
    assert promise.tests
    assert len(set(promise.tests)) == len(promise.tests)
    assert lacking(promise) == []


@pytest.mark.parametrize("named", ["core/test_purity.py::test_the_core_is_impure", "core/test_gone.py::test_the_core_is_pure"])
def test_a_test_that_is_gone_is_found(named: str) -> None:
    assert lacking(Promise(30, "", (named, "core/test_purity.py::test_the_core_is_pure"))) == [named]


def test_every_check_of_a_rehearsal_belongs_to_a_promise() -> None:
    checks = {check.__name__ for checks in CHECKS.values() for check in checks}
    assert {name for promise in PROMISES for name in checks_of(promise)} == checks


def test_a_promise_that_no_rehearsal_checks_is_named_here() -> None:
    """I25 is held by comparing traces, I29 by all others while the clock is stepped; the rest is about parts that a rehearsal lacks."""
    assert [promise.number for promise in PROMISES if not checks_of(promise)] == [12, 14, 21, 22, 25, 29, 32, 34]


def test_the_runs_on_the_page_found_no_problem() -> None:
    runs = json.loads(RUNS.read_text("utf-8"))["runs"]
    assert runs
    for run in runs:
        assert run["said"].get("violations", []) == [], run["command"]
        assert run["said"].get("problems", 0) == 0, run["command"]
