"""Where is the recorded market data, and what may be skipped? Nothing, once the machine says that it has what the test needs."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog
from hypothesis import settings

PROVIDED: Final = ("HEDGEBOT_TEST_DATA", "DOCKER_LAB")  # a test that skips for want of one of these names it in its reason

# The same code gives the same verdict; HYPOTHESIS_EXPLORE=1 looks for examples that nobody has tried yet.
settings.register_profile("steady", derandomize=not os.environ.get("HYPOTHESIS_EXPLORE"), deadline=None)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """What a test does to the log, as a command would, is undone for the next one."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def data_folder() -> Path:
    """The folder that HEDGEBOT_TEST_DATA names: recorded prices and funding."""
    named = os.environ.get("HEDGEBOT_TEST_DATA")
    if not named:
        pytest.skip("HEDGEBOT_TEST_DATA is not set: no recorded market data here")
    return Path(named)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A run that is ended before its end has told what failed until then."""
    if report.failed and not os.environ.get("PYTEST_XDIST_WORKER"):
        print(f"\n{report.nodeid} failed in {report.when} after {report.duration:.0f} s\n{report.longreprtext}", flush=True)  # noqa: T201


def unexcused(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why this skip is a failure; empty if it is none, or excused."""
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return ""
    reason = report.longrepr[2]
    given = next((name for name in PROVIDED if name in reason and os.environ.get(name)), "")
    return f"{report.nodeid} was skipped although {given} is set: {reason}" if given else ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if problem := unexcused(report):
        report.outcome, report.longrepr = "failed", problem
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if problem := unexcused(report):
        report.outcome, report.longrepr = "failed", problem
    return report
