"""Is an account of long ago UNKNOWN, and one that is just recent enough not?"""

from dataclasses import replace

import pytest

from bot.core import trust
from bot.core.decide import decide
from bot.core.model import Snapshot
from bot.core.reconcile import reconcile
from tests.core.worlds import RISK, World, hedged, rules

AGE_MS = RISK.max_data_age_ms


def aged(made: World, part: str, age_ms: int) -> Snapshot:
    seen = made.snapshot()
    view = seen.views[0]
    was = getattr(view, part)
    return replace(seen, views=(replace(view, **{part: replace(was, at_ms=seen.now_ms - age_ms)}), *seen.views[1:]))


@pytest.mark.parametrize("part", ["position", "margin"])
@pytest.mark.parametrize(("age_ms", "known"), [(0, True), (AGE_MS, True), (AGE_MS + 1, False)])
def test_an_account_of_long_ago_counts_as_not_read(part: str, age_ms: int, known: bool) -> None:
    seen = trust.sane(aged(hedged(), part, age_ms), AGE_MS)
    (view,) = seen.views
    assert (getattr(view, part) is not None) is known
    assert bool(view.errors) is not known
    other = "margin" if part == "position" else "position"
    assert getattr(view, other) is not None


@pytest.mark.parametrize("part", ["position", "margin"])
@pytest.mark.parametrize(("age_ms", "known"), [(AGE_MS, True), (AGE_MS + 1, False)])
def test_nothing_is_planned_or_concluded_on_an_account_of_long_ago(part: str, age_ms: int, known: bool) -> None:
    made = hedged()
    made.account().wallet *= 2  # coins came in: more to hedge, and a transfer to recognise
    seen = aged(made, part, age_ms)
    assert bool(reconcile(made.state, seen, rules())) is known
    decision = decide(made.state, seen, rules())
    assert (decision.legs[0].delta_coins is not None) is known
    assert known or decision.orders == ()
    assert known or "old" in decision.legs[0].missing[-1]
