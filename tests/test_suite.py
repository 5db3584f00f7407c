"""The suite's own rules: what counts as a missed figure, and which skip is a failure."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.bench import __main__ as bench
from tests.bench.figure import curve, figure, missed_by_far, table, unmeasured

SKIPPING = """
import pytest

def test_of_history(data_folder):
    assert data_folder

@pytest.mark.skip(reason="needs DOCKER_LAB")
def test_of_containers():
    pass

@pytest.mark.skip(reason="another platform")
def test_of_something_else():
    pass
"""


@pytest.mark.parametrize(
    ("value", "target", "met", "far"),
    [
        (0.2, "<= 0.2", True, False),
        (0.24, "<= 0.2", False, False),
        (0.241, "<= 0.2", False, True),
        (1.0, "< 1", False, False),
        (1000, ">= 1000", True, False),
        (800, ">= 1000", False, False),
        (799, ">= 1000", False, True),
        (0, "= 0", True, False),
        (1, "= 0", False, True),
    ],
)
def test_a_figure_is_missed_by_far_beyond_a_fifth_of_its_target(value: float, target: str, met: bool, far: bool) -> None:
    measured = figure("x", value, "s", target, "by hand")
    assert (measured["met"], missed_by_far(measured)) == (met, far)


def test_a_target_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="reads like"):
        figure("x", 1, "s", "fast", "by hand")


ODD: Final = """
from tests.bench.figure import figure

def figures():
    yield figure("reached", 1, "s", "<= 1", "by hand")
    raise OSError("no space left")
"""


@pytest.fixture
def odd_module(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module that breaks after its first figure."""
    file = bench.HERE / f"odd_{os.getpid()}.py"
    file.write_text(ODD, "utf-8")
    yield file.stem
    file.unlink()


def test_a_module_that_breaks_keeps_its_figures_says_why_and_counts_as_missed(
    odd_module: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "build" / "bench.json"
    assert bench.main(["--check", "--to", str(kept), odd_module]) == 1
    reached, broken = json.loads(kept.read_text("utf-8"))["figures"]
    assert (reached["name"], reached["value"], reached["met"]) == ("reached", 1, True)
    assert (broken["value"], broken["met"], broken["how"]) == (None, False, "not measured: OSError: no space left")
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(one)["name"] for one in lines if one.startswith("{")] == ["reached", f"figures of {odd_module}"]
    assert lines[-1] == "1 of 2 met"


def test_what_this_machine_cannot_show_is_no_miss_and_says_why() -> None:
    one = unmeasured("commit over bare PostgreSQL", "x", "<= 1.5", "no server here")
    assert not missed_by_far(one)
    assert table([one]).splitlines()[-2:] == ["  not measured: no server here", "0 of 0 met"]


def test_the_table_of_figures_fits_a_terminal_of_100_columns() -> None:
    wide = figure("n" * 52, 1_234_567_890.5, "MB/s", ">= 1000000000", "by hand", curve("assets", "ms", ("turn", [(1, 2.0)])))
    rows = table([wide, unmeasured("x", "s", "<= 1", "because " * 40)]).splitlines()
    assert max(map(len, rows)) <= 100
    assert rows[2].split() == ["n" * 52, "1,234,567,890.5", "MB/s", ">=", "1000000000", "yes"]


def outcomes(folder: Path, **given: str) -> tuple[int, str]:
    """Exit code and closing line of a run of its own."""
    (folder / "test_skipping.py").write_text(SKIPPING)
    (folder / "conftest.py").write_text("from tests.conftest import *  # noqa: F403\n")
    environment = {name: value for name, value in os.environ.items() if name not in ("HEDGEBOT_TEST_DATA", "DOCKER_LAB")}
    here = str(Path(__file__).parent.parent)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**environment, "PYTHONPATH": here, **given},
        check=False,
    )
    return run.returncode, run.stdout.splitlines()[-1].rpartition(" in ")[0]


def test_a_skip_for_want_of_data_is_excused_where_there_is_none(tmp_path: Path) -> None:
    assert outcomes(tmp_path) == (0, "3 skipped")


def test_a_skip_for_want_of_what_the_machine_has_fails_the_run(tmp_path: Path) -> None:
    assert outcomes(tmp_path, DOCKER_LAB="here") == (1, "2 skipped, 1 error")
    assert outcomes(tmp_path, DOCKER_LAB="here", HEDGEBOT_TEST_DATA=str(tmp_path)) == (1, "1 passed, 1 skipped, 1 error")
