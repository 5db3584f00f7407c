"""Does the rehearsal find bugs? Each planted one must break a promise that it is meant to break, within 1,000 seeds or 60 seconds."""

import pytest

from bot.rehearsal.faults import FAULTS
from bot.rehearsal.invariants import CHECKS
from tests.simulation.hunt import hunted
from tests.simulation.planted import PLANTED, Planted


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_bug_breaks_a_promise(planted: Planted, monkeypatch):
    planted.plant(monkeypatch)
    found = hunted(planted)
    assert found.outcome is not None, f"{planted.name}: not found in {found.seeds} seeds and {found.seconds:.0f} s"
    assert found.outcome.invariant.startswith(planted.finds), f"found by {found.outcome.invariant}: {found.outcome.problem}"


def test_at_least_thirty_bugs_are_planted_each_under_a_name_of_its_own():
    assert len({planted.name for planted in PLANTED}) == len(PLANTED) >= 30


def test_every_planted_bug_names_faults_and_promises_that_exist():
    promises = [check.__name__ for checks in CHECKS.values() for check in checks]
    for planted in PLANTED:
        assert set(planted.faults) <= set(FAULTS)
        for prefix in planted.finds:
            assert prefix in ("i25_", "no error") or any(name.startswith(prefix) for name in promises), prefix
