"""What is left on record of a hedge that is over, and that the bot did not close?"""

import pytest

from bot.core.events import CommandGiven
from bot.core.ledger import fold
from bot.core.memory import changed
from bot.core.model import OrderStatus
from bot.core.release import RELEASE, ended
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


@pytest.mark.parametrize(
    ("was", "venue_id", "filled", "path"),
    [
        (OrderStatus.INTENT, "", 0, [OrderStatus.UNKNOWN, OrderStatus.ABSENT]),
        (OrderStatus.UNKNOWN, "", 0, [OrderStatus.ABSENT]),
        (OrderStatus.UNKNOWN, "7", 0, [OrderStatus.CANCELLED]),
        (OrderStatus.OPEN, "7", 0, [OrderStatus.UNKNOWN, OrderStatus.CANCELLED]),
        (OrderStatus.PARTIAL, "7", 3, [OrderStatus.UNKNOWN, OrderStatus.CANCELLED]),
    ],
)
def test_its_order_ends_absent_if_the_venue_never_showed_it_and_cancelled_otherwise(
    was: OrderStatus, venue_id: str, filled: int, path: list[OrderStatus]
):
    made = two(fill=False)
    made.turn()
    leg = made.state.leg("ETH")
    assert leg.working is not None
    leg = changed(leg, working=changed(leg.working, status=was, venue_id=venue_id, filled=filled))
    moves = ended(leg, WORD, MONO_MS)
    assert [(move.was, move.now) for move in moves] == list(zip([was, *path], path, strict=False))
    assert {(move.filled, move.asset, move.why) for move in moves} == {(filled, "ETH", "its contract is gone: settled by the venue")}
    after = folded(made.state, [*moves, WORD])
    assert (after.leg("ETH").working, after.leg("ETH").owed) == (None, 0)


def test_without_an_order_nothing_ends():
    made = two()
    made.turns(10)
    assert ended(made.state.leg("ETH"), WORD, MONO_MS) == ()
