"""What is left on record of a hedge that is over, and that the bot did not close?"""

import pytest

from bot.core.events import CommandGiven
from bot.core.ledger import fold
from bot.core.memory import changed
from bot.core.model import OrderStatus, Position, Target, TargetSource, View
from bot.core.release import RELEASE, WayToFlat, ended, refusal, way_to_flat
from tests.core.worlds import BTC, ETH, MONO_MS, NOW_MS, Account, D, World, folded, leg_rule, rules, started, world

WORD = CommandGiven(RELEASE, "test", NOW_MS, "ETH", reason="settled by the venue")


def two(*, fill: bool = True) -> World:
    accounts = Account(BTC, D(5), D(60_000)), Account(ETH, D(50), D(3_000))
    return world(*accounts, rules=rules(leg_rule(BTC), leg_rule(ETH)), fill=fill)


def test_a_released_leg_is_in_nobodys_charge_and_the_others_are_as_they_were():
    made = two()
    made.turns(10)
    before, after = made.state, fold(made.state, WORD)
    assert before.leg("ETH").contracts
    assert after.leg("ETH").contracts is None
    assert after.leg("ETH").pin is None
    assert after.leg("ETH").declared_coins == before.leg("ETH").declared_coins
    assert after.leg("BTC") is before.leg("BTC")
    assert [leg.asset for leg in started(rules(leg_rule(BTC)), state=after, epoch=2).legs] == ["BTC"]
    assert [leg.asset for leg in started(rules(leg_rule(BTC)), state=before, epoch=2).legs] == ["BTC", "ETH"]


@pytest.mark.parametrize(("contracts", "over"), [(-1, False), (0, True), (1, False)])
def test_a_hedge_is_over_where_the_venue_holds_neither_a_short_nor_a_long(contracts: int, *, over: bool):
    made = two()
    made.turns(10)
    position = Position(ETH.symbol, contracts, None, None, NOW_MS)
    why = refusal(made.state.leg("ETH"), View(ETH, position=position), WayToFlat("`ratio: 0`"))
    assert (why == "") is over
    assert over or f"the venue still holds {contracts} contracts of {ETH.symbol}" in why


def test_what_the_venue_does_not_show_may_be_held_and_is_not_released():
    made = two()
    made.turns(10)
    leg = made.state.leg("ETH")
    assert refusal(leg, View(ETH, errors=("position: timed out",)), WayToFlat("")).startswith(
        f"the position in {ETH.symbol} could not be read (position: timed out): release it when"
    )
    assert "(the venue does not show it)" in refusal(leg, View(ETH), WayToFlat(""))
    assert refusal(leg, None, WayToFlat("")) == ""  # it lists the contract no more


def test_a_flat_hedge_is_not_released_while_its_order_may_be_open():
    made = two(fill=False)
    made.turn()
    leg = made.state.leg("ETH")
    assert leg.working is not None
    flat = View(ETH, position=Position(ETH.symbol, 0, None, None, NOW_MS))
    assert f"the order {leg.working.order.client_id} of {ETH.symbol} may still be open" in refusal(leg, flat, WayToFlat(""))
    assert refusal(leg, None, WayToFlat("")) == ""


@pytest.mark.parametrize(
    ("was", "venue_id", "filled", "traded", "path"),
    [
        (OrderStatus.INTENT, "", 0, 0, [OrderStatus.UNKNOWN, OrderStatus.ABSENT]),
        (OrderStatus.UNKNOWN, "", 0, 0, [OrderStatus.ABSENT]),
        (OrderStatus.UNKNOWN, "7", 0, 0, [OrderStatus.CANCELLED]),
        (OrderStatus.UNKNOWN, "", 0, 2, [OrderStatus.CANCELLED]),  # its answer was lost, and its trade was seen
        (OrderStatus.OPEN, "7", 0, 0, [OrderStatus.UNKNOWN, OrderStatus.CANCELLED]),
        (OrderStatus.PARTIAL, "7", 3, 0, [OrderStatus.UNKNOWN, OrderStatus.CANCELLED]),
        (OrderStatus.PARTIAL, "7", 3, 5, [OrderStatus.UNKNOWN, OrderStatus.CANCELLED]),
    ],
)
def test_its_order_ends_absent_if_the_venue_never_showed_it_and_cancelled_otherwise(
    was: OrderStatus, venue_id: str, filled: int, traded: int, path: list[OrderStatus]
):
    made = two(fill=False)
    made.turn()
    leg = made.state.leg("ETH")
    assert leg.working is not None
    leg = changed(leg, working=changed(leg.working, status=was, venue_id=venue_id, filled=filled, traded=traded))
    moves = ended(leg, WORD, MONO_MS)
    assert [(move.was, move.now) for move in moves] == list(zip([was, *path], path, strict=False))
    most = max(filled, traded)  # whatever of the two was told first
    assert {(move.filled, move.asset, move.why) for move in moves} == {(most, "ETH", "its contract is gone: settled by the venue")}
    after = folded(made.state, [*moves, WORD])
    assert (after.leg("ETH").working, after.leg("ETH").owed) == (None, 0)


def test_without_an_order_nothing_ends():
    made = two()
    made.turns(10)
    assert ended(made.state.leg("ETH"), WORD, MONO_MS) == ()


def word(asset: str, ratio: str, until_ms: int | None = None) -> Target:
    return Target(asset, D(ratio), TargetSource.OPERATOR, until_ms)


@pytest.mark.parametrize("words", [(), (word("ETH", "0"),), (word("ETH", "0.5", NOW_MS),), (word("BTC", "0.5"),)])
def test_the_file_alone_leads_to_flat_where_no_word_for_this_asset_is_in_force(words: tuple[Target, ...]):
    assert way_to_flat("ETH", (), words, document=False, now_ms=NOW_MS) == WayToFlat("`ratio: 0`")


def test_a_word_in_force_has_to_be_taken_back_before_a_hedge_can_become_flat():
    way = way_to_flat("ETH", (), (word("ETH", "0.5", NOW_MS + 1),), document=False, now_ms=NOW_MS)
    assert way == WayToFlat("`ratio: 0` (and take your own word back, which goes before it: `hedgebot target clear ETH`)")


def test_a_word_of_zero_goes_before_a_document_too():
    assert way_to_flat("ETH", (), (word("ETH", "0"),), document=True, now_ms=NOW_MS).how == "`ratio: 0`"


def test_under_a_document_what_a_contract_carries_has_to_come_to_nothing_with_it_by_a_word():
    way = way_to_flat("BTC", ("SOL",), (word("BTC", "0"),), document=True, now_ms=NOW_MS)
    assert way.how.startswith("`ratio: 0` (and so for SOL, which it carries) and say `hedgebot target set SOL 0`, which goes before")
    assert way.after == " and say `hedgebot target clear SOL`"
