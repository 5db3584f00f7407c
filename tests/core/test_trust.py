"""Is an account of long ago UNKNOWN, and one that is just recent enough not?"""

from dataclasses import replace

import pytest

from bot.core import trust
from bot.core.decide import decide
from bot.core.model import Depth, Levels, Snapshot
from bot.core.reconcile import reconcile
from tests.core.worlds import RISK, D, World, hedged, rules

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


@pytest.mark.parametrize("wrong", [{"contracts": 0}, {"contracts": -1}, {"price": D(0)}, {"price": D("NaN")}, {"fee_coins": D("Infinity")}])
def test_a_fill_without_a_sane_number_makes_all_of_them_unread(wrong: dict[str, object]) -> None:
    """One left out would be missed by the position."""
    made = hedged(short_usd=0)
    made.turns(5)
    (view,) = made.snapshot().views
    assert view.fills
    assert trust.sane(made.snapshot(), AGE_MS).views[0].fills == view.fills
    bent = replace(view, fills=(replace(view.fills[0], **wrong), *view.fills[1:]))  # type: ignore[arg-type]
    (seen,) = trust.sane(made.snapshot(views=(bent,)), AGE_MS).views
    assert seen.fills is None
    assert "a fill has no sane price, amount or fee" in seen.errors


@pytest.mark.parametrize("wrong", ["coins", "rate", "mark"])
def test_a_payment_without_a_sane_number_makes_all_of_them_unread(wrong: str) -> None:
    made = hedged()
    made.account().settle_funding(D("0.0001"), made.now_ms)
    (view,) = made.snapshot().views
    assert view.funding
    bent = replace(view, funding=(replace(view.funding[0], **{wrong: D("NaN")}),))
    (seen,) = trust.sane(made.snapshot(views=(bent,)), AGE_MS).views
    assert seen.funding is None
    assert "a funding payment is not a number" in seen.errors


BIDS, ASKS = ((D(59999), 5), (D(59998), 7)), ((D(60001), 3), (D(60002), 9))


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        (BIDS[::-1], ASKS),
        (BIDS, ASKS[::-1]),
        (((D(59999), 5), (D(59999), 7)), ASKS),
        (BIDS, ((D(59999), 3),)),
        (((D("NaN"), 5),), ASKS),
        (((D(0), 5),), ASKS),
        (BIDS, ((D(60001), 0),)),
    ],
    ids=["bids rise", "asks fall", "a price twice", "touching", "no number", "no price", "an empty level"],
)
def test_a_book_that_makes_no_sense_counts_as_not_read(bids: Levels, asks: Levels) -> None:
    seen = hedged().snapshot()
    view = replace(seen.views[0], depth=Depth(bids, asks, seen.now_ms))
    (found,) = trust.sane(replace(seen, views=(view,)), AGE_MS).views
    assert found.depth is None
    assert "visible book" in found.errors[0]
    assert found.position is not None


@pytest.mark.parametrize(("bids", "asks"), [(BIDS, ASKS), ((), ASKS), (BIDS, ()), ((), ())])
@pytest.mark.parametrize(("age_ms", "known"), [(AGE_MS, True), (AGE_MS + 1, False)])
def test_a_book_with_one_side_or_none_is_a_book_until_it_is_old(bids: Levels, asks: Levels, age_ms: int, known: bool) -> None:
    seen = hedged().snapshot()
    depth = Depth(bids, asks, seen.now_ms - age_ms)
    (found,) = trust.sane(replace(seen, views=(replace(seen.views[0], depth=depth),)), AGE_MS).views
    assert found.depth == (depth if known else None)
    assert bool(found.errors) is not known
