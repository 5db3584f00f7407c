"""Which orders, how large, under which name, and when do they go?"""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core import planner, sizing
from bot.core.exposure import Exposure, exposure
from bot.core.memory import LegState, changed, with_leg
from bot.core.model import Instrument, OrderStatus, Side
from tests.core.worlds import BTC, EXECUTION, SOL, Account, hedged

D = Decimal


def held(short: int, instrument: Instrument = BTC, mark: str = "60000") -> Exposure:
    price = D(mark)
    account = Account(instrument, D(100), price, short, price if short else None)
    found = exposure(account.view(0), LegState(instrument.asset, instrument.symbol), D(0), D(0), D(0))
    assert found is not None
    return found


def test_a_client_id_is_a_function_of_the_decision() -> None:
    name = planner.client_id("aa", 1, "main", BTC.symbol, 7)
    assert name == planner.client_id("aa", 1, "main", BTC.symbol, 7)
    assert len(name) == 25
    assert name.isalnum()
    assert name == name.lower()
    assert name.startswith("hbaa001")
    others = [("ab", 1, "main", BTC.symbol, 7), ("aa", 2, "main", BTC.symbol, 7), ("aa", 1, "x", BTC.symbol, 7), ("aa", 1, "main", "y", 7)]
    assert len({name, *(planner.client_id(*each) for each in others), planner.client_id("aa", 1, "main", BTC.symbol, 8)}) == 6


def test_a_run_that_counts_a_forgotten_epoch_again_gives_other_names() -> None:
    """After a restore: the record knows nothing of the run whose orders bear that epoch."""
    forgotten, now = (planner.client_id("aa", 6, "main", BTC.symbol, 7, run=run) for run in ("a1", "b2"))
    assert forgotten != now
    assert forgotten[:7] == now[:7]


@pytest.mark.parametrize(("epoch", "text"), [(0, "000"), (35, "00z"), (36, "010"), (46_655, "zzz"), (46_656, "000")])
def test_an_epoch_has_three_digits(epoch: int, text: str) -> None:
    assert planner.base36(epoch) == text


def test_epochs_of_one_tag_still_differ_in_the_hash() -> None:
    assert planner.client_id("aa", 0, "main", "x", 1) != planner.client_id("aa", 46_656, "main", "x", 1)


@pytest.mark.parametrize(("name", "ours"), [("hbaa" + "0" * 21, True), ("hbaa" + "0" * 20, False), ("hbab" + "0" * 21, False), ("", False)])
def test_only_names_of_this_database_are_ours(name: str, ours: bool) -> None:
    assert planner.is_ours(name, "aa") is ours


@pytest.mark.parametrize(("named", "now", "ahead"), [(8, 7, 1), (7, 7, 0), (6, 7, 0), (36**3 + 2, 36**3 - 1, 3), (36**3 - 1, 36**3 + 2, 0)])
def test_a_client_id_tells_how_many_epochs_later_it_was_made_also_past_the_last_number(named: int, now: int, ahead: int) -> None:
    assert planner.epochs_ahead(planner.client_id("aa", named, "main", BTC.symbol, 7), "aa", now) == ahead


@pytest.mark.parametrize(
    "name", ["hbaa-my-own-order-of-may-9", "hbaa_00000000000000000000", "hbaa000000000000000000000"[:24], "hbbb008000000000000000000"]
)
def test_an_id_that_somebody_else_made_is_of_no_epoch(name: str) -> None:
    assert planner.epochs_ahead(name[:25], "aa", 7) == 0


@pytest.mark.parametrize(
    ("short", "target", "order"),
    [
        (0, "99", None),
        (0, "100", (Side.SELL, 1, False)),
        (0, "100099", (Side.SELL, 1000, False)),
        (0, "500000", (Side.SELL, 1000, False)),
        (3000, "0", (Side.BUY, 1000, True)),
        (3000, "-5", (Side.BUY, 1000, True)),
        (1, "0", (Side.BUY, 1, True)),
        (-5, "300000", (Side.SELL, 5, True)),
        (-5, "0", (Side.SELL, 5, True)),
        (3000, "300099", None),
    ],
)
def test_sizes_round_towards_under_hedging_and_stop_at_zero(short: int, target: str, order: tuple[Side, int, bool] | None) -> None:
    size = sizing.size(held(short), D(target), EXECUTION)
    assert (size and (size.side, size.contracts, size.reduce_only)) == order


@pytest.mark.parametrize(
    ("change", "sent"),
    [({"min_contracts": 10}, False), ({"min_notional_usd": D(501)}, False), ({"min_notional_usd": D(500)}, True), ({}, True)],
)
def test_below_the_venues_minimum_nothing_is_sent(change: dict[str, object], sent: bool) -> None:
    instrument = replace(BTC, **change)  # type: ignore[arg-type]
    assert (sizing.size(held(100, instrument), D(10_500), EXECUTION) is not None) is sent


def test_a_chunk_leaves_no_rest_that_the_venue_would_refuse_to_close() -> None:
    instrument, sizes, short = replace(BTC, min_contracts=10), [], 2005
    while size := sizing.size(held(short, instrument), D(0), EXECUTION):
        sizes.append(size.contracts)
        short -= size.contracts
    assert short == 0
    assert sizes == [1000, 995, 10]


def test_a_linear_order_is_not_cancelled_because_its_chunk_shrinks_as_the_price_rises() -> None:
    from tests.core.worlds import leg_rule, rules, world

    made = world(Account(SOL, D(10**6), D(100)), rules=rules(leg_rule(SOL)), bag={"SOL": D(5000)}, fill=False)
    made.turn()
    made.account("SOL").mark = D(101)
    assert made.turn().cancels == ()


@pytest.mark.parametrize(("turns", "cancelled"), [(5, False), (6, True)])
def test_an_order_goes_when_its_time_is_up(turns: int, cancelled: bool) -> None:
    made = hedged(short_usd=0, fill=False)
    made.turn()
    cancels = [cancel for _ in range(turns) for cancel in made.turn().cancels]
    assert [cancel.why for cancel in cancels] == (["its time is up"] if cancelled else [])


def test_an_order_goes_when_nothing_or_the_other_side_is_wanted() -> None:
    made = hedged(short_usd=150_000, fill=False)
    made.turn()
    made.say("target-set", asset="BTC", ratio=D("0.5"))
    assert [cancel.why for cancel in made.turn().cancels] == [planner.NO_LONGER_WANTED]
    made = hedged(short_usd=150_000, fill=False)
    made.turn()
    made.say("target-set", asset="BTC", ratio=D(0))
    assert [cancel.why for cancel in made.turn().cancels] == ["the other side is wanted now"]


def test_a_paused_bot_leaves_its_order_to_fill_or_expire() -> None:
    made = hedged(short_usd=150_000, fill=False)
    made.turn()
    made.say("pause")
    made.say("target-set", asset="BTC", ratio=D("0.5"))
    assert made.turn().cancels == ()
    assert [cancel.why for _ in range(6) for cancel in made.turn().cancels] == ["its time is up"]


def test_an_order_of_unknown_fate_is_never_cancelled_blindly_nor_doubled() -> None:
    made = hedged(short_usd=0, fill=False)
    made.turn()
    working = made.state.leg("BTC").working
    assert working is not None
    made.state = with_leg(made.state, "BTC", working=changed(working, status=OrderStatus.UNKNOWN, venue_id=""))  # no answer came
    hidden = replace(made.snapshot(), views=(replace(made.snapshot().views[0], found=(), open_orders=()),))
    made.say("kill", reason="test")
    for _ in range(5):
        decision = made.turn(hidden)
        assert decision.cancels == ()
        assert decision.orders == ()
    assert [cancel.why for cancel in made.turn().cancels] == ["killed"]


def test_the_leverage_setting_is_the_lowest_that_serves_and_only_ever_raised_in_a_position() -> None:
    made = hedged(spot="2", wallet="3", short_usd=0, fill=False)
    assert [call.leverage for call in made.turn().leverage] == [2]
    made = hedged(spot="0", wallet="5", short_usd=0, fill=False)
    made.account().leverage = D(5)
    assert [call.leverage for call in made.turn().leverage] == [1]
    made = hedged(spot="0", wallet="5", short_usd=100_000, fill=False)
    made.account().leverage = D(5)
    assert made.turn().leverage == ()
