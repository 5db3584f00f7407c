"""Does a contract that changed at the venue stop its leg, and nothing else, until a person accepts it?"""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core.events import CommandGiven, ContractChanged, ContractPinned, Event, FillSeen, Halted, OrderMoved
from bot.core.model import Depth, Fill, Instrument, Kind, Order, OrderStatus, Position, Side, View
from bot.core.pin import acceptance, counted, differences, digest, halt, refusal
from tests.core.worlds import BTC, ETH, NOW_MS, Account, World, hedged, leg_rule, rules, started, world

D = Decimal
TEN_TIMES = replace(BTC, contract_size=D(1000))
CHANGES = {
    "type inverse → linear": replace(BTC, kind=Kind.LINEAR),
    "settle currency BTC → USDT": replace(BTC, settle="USDT"),
    "contract size 100 → 10": replace(BTC, contract_size=D(10)),
    "tick 0.5 → 0.1": replace(BTC, tick=D("0.1")),
    "lot 1 → 0.1": replace(BTC, lot=D("0.1")),
    "smallest order in contracts 1 → 5": replace(BTC, min_contracts=5),
    "smallest order in USD 0 → 100": replace(BTC, min_notional_usd=D(100)),
}


def kinds(made: World, kind: type[Event]) -> list[Event]:
    return [event for event in made.events if isinstance(event, kind)]


def recounted(account: Account, instrument: Instrument) -> None:
    """The venue changes a contract and counts everything in the new size."""

    def count(contracts: int) -> int:
        return int(contracts * account.instrument.contract_size / instrument.contract_size)

    account.short = count(account.short)
    account.orders = {
        name: replace(order, contracts=count(order.contracts), filled=count(order.filled)) for name, order in account.orders.items()
    }
    account.fills = [replace(fill, contracts=count(fill.contracts)) for fill in account.fills]
    account.instrument = instrument


def accepted(made: World, asset: str = "BTC") -> None:
    word = CommandGiven("accept-contract", "test", NOW_MS, asset, reason="read the notice")
    made.note(word, *acceptance(made.state, word))


def test_a_contract_is_pinned_at_first_sight_armed_or_not() -> None:
    for armed in (True, False):
        made = world(Account(BTC, D(5), D(60000)), rules=rules(), armed=armed)
        made.turn()
        assert kinds(made, ContractPinned) == [ContractPinned("BTC", BTC.spec, digest(BTC.spec), "", made.decisions[0].at_ms)]
        assert made.state.leg("BTC").pin == BTC.spec


def test_a_hash_stands_for_the_numbers_and_not_for_their_spelling() -> None:
    assert len(digest(BTC.spec)) == 64
    assert digest(replace(BTC, tick=D("0.50"), contract_size=D("1E+2")).spec) == digest(BTC.spec)
    assert len({digest(each.spec) for each in (BTC, ETH, *CHANGES.values())}) == len(CHANGES) + 2


def test_fees_are_no_part_of_it() -> None:
    made = hedged(short_usd=0)
    made.account().instrument = replace(BTC, maker_fee_rate=D("0.001"), taker_fee_rate=D("0.002"), maintenance_rate=D("0.01"))
    assert made.turn().orders


@pytest.mark.parametrize("said", CHANGES)
def test_each_change_stops_new_orders_and_is_named_with_old_and_new_value(said: str) -> None:
    made = hedged(short_usd=0)
    made.account().instrument = CHANGES[said]
    for _ in range(3):
        decision = made.turn()
        assert decision.orders == ()
        assert not decision.legs[0].aligned
    assert made.placed == []
    assert said in decision.legs[0].why
    assert "the contract BTC/USD:BTC changed at the venue" in decision.legs[0].why
    assert "nothing is placed" in decision.legs[0].why
    assert "hedgebot accept-contract BTC --reason" in decision.legs[0].why
    assert decision.legs[0].why.endswith(decision.alerts[0])
    (noted,) = kinds(made, ContractChanged)
    assert noted == ContractChanged("BTC", BTC.spec, CHANGES[said].spec, digest(BTC.spec), digest(CHANGES[said].spec), noted.at_ms)


def test_the_open_order_is_cancelled_and_the_leg_says_so() -> None:
    made = hedged(short_usd=0, fill=False)
    made.turn()
    (order,) = made.placed
    made.account().instrument = replace(BTC, tick=D("0.1"))
    decision = made.turn()
    assert [(cancel.client_id, cancel.why) for cancel in decision.cancels] == [(order.client_id, "the contract changed at the venue")]
    assert "its open order is being cancelled" in decision.legs[0].why
    made.turn()
    assert made.state.leg("BTC").working is None
    assert len(made.placed) == 1


def test_a_change_stops_its_leg_and_no_other() -> None:
    accounts = Account(BTC, D(5), D(60000)), Account(ETH, D(50), D(3000))
    made = world(*accounts, rules=rules(leg_rule(BTC), leg_rule(ETH)))
    made.account("BTC").instrument = replace(BTC, tick=D("0.1"))
    made.turns(10)
    assert {order.asset for order in made.placed} == {"ETH"}
    assert made.state.killed is None
    assert made.decisions[-1].legs[1].aligned


def test_a_restart_does_not_forget_the_pin() -> None:
    made = hedged(short_usd=0)
    made.state = started(made.rules, state=made.state, epoch=2)
    made.account().instrument = TEN_TIMES
    made.turn()
    assert made.turn().orders == ()
    assert "contract size 100 → 1000" in str(halt(made.state.leg("BTC")))


def test_re_arming_accepts_no_contract() -> None:
    made = hedged(short_usd=0)
    made.account().instrument = TEN_TIMES
    made.turn()
    made.say("rearm", reason="no reason")
    assert made.turn().orders == ()
    assert made.state.leg("BTC").offered == TEN_TIMES.spec


def test_the_pinned_contract_back_again_lifts_the_halt_on_record() -> None:
    made = hedged(short_usd=0)
    made.account().instrument = TEN_TIMES
    made.turn()
    made.account().instrument = BTC
    assert made.turn().orders
    there, back = kinds(made, ContractChanged)
    assert isinstance(there, ContractChanged)
    assert isinstance(back, ContractChanged)
    assert there.now == TEN_TIMES.spec
    assert back.now_hash == back.was_hash == digest(BTC.spec)


# ------------------------------------------------------------------------------------------------------------------- accepting


@pytest.mark.parametrize("size", ["10", "50", "200", "1000"])
def test_an_accepted_contract_counts_the_position_as_the_venue_shows_it(size: str) -> None:
    made = hedged(short_usd=0)
    made.turns(10)
    assert made.state.leg("BTC").contracts == -3000
    new = replace(BTC, contract_size=D(size))
    recounted(made.account(), new)
    for _ in range(10):
        made.turn()
    assert made.state.leg("BTC").contracts == -3000  # in contracts of the pinned size
    assert made.decisions[-1].legs[0].position_usd == -300_000
    assert made.state.killed is None
    accepted(made)
    decision = made.turn()
    assert made.state.leg("BTC").contracts == -300_000 // int(size)
    assert made.state.leg("BTC").pin == new.spec
    assert decision.legs[0].aligned
    assert decision.orders == ()
    pinned = kinds(made, ContractPinned)[-1]
    assert isinstance(pinned, ContractPinned)
    assert (pinned.was_hash, pinned.spec_hash) == (digest(BTC.spec), digest(new.spec))


def test_after_accepting_it_hedges_on_in_the_new_contract() -> None:
    made = hedged(short_usd=0)
    made.turns(10)
    recounted(made.account(), TEN_TIMES)
    made.turn()
    accepted(made)
    made.turn()
    made.say("target-set", asset="BTC", ratio=D("0.5"))
    made.turns(10)
    assert made.account().short == 150
    assert made.state.leg("BTC").contracts == -150
    assert made.state.killed is None


def test_fills_of_the_cancelled_order_are_counted_in_the_pinned_size() -> None:
    """The order was made for 1,000 contracts of 100 USD; the venue calls them 100 of 1,000 USD, and 30 of these traded."""
    made = hedged(short_usd=0, fill=False)
    made.turn()
    recounted(made.account(), TEN_TIMES)
    made.account().trade(made.now_ms, most=30)
    made.turn()
    made.turn()
    leg = made.state.leg("BTC")
    assert (leg.working, leg.owed, leg.contracts) == (None, 0, -300)
    assert [event.fill.contracts for event in kinds(made, FillSeen) if isinstance(event, FillSeen)] == [300]
    assert made.state.turnover_usd == 30_000
    accepted(made)
    made.turn()
    assert made.state.leg("BTC").contracts == -30
    assert made.state.killed is None


def test_what_cannot_be_counted_in_the_pinned_size_halts_only_the_leg() -> None:
    """A venue that splits contracts unevenly leaves a position that is no whole number of the old ones."""
    made = hedged(short_usd=0)
    made.turns(10)
    made.account().instrument, made.account().short = replace(BTC, contract_size=D(7)), 42_857
    for _ in range(10):
        made.turn()
    assert kinds(made, Halted) == []
    assert made.state.leg("BTC").contracts == -3000
    accepted(made)
    made.turn()
    assert made.state.leg("BTC").contracts == -42_857


@pytest.mark.parametrize("traded", [0, 1])
def test_an_order_that_is_gone_with_the_old_contract_ends_although_position_and_fills_prove_nothing(traded: int) -> None:
    """With a fill that is no whole number of the old contracts nobody can tell what it traded; never that it was not there."""
    made = hedged(short_usd=0, fill=False, absence=(3, 10_000))
    made.turn()
    account = made.account()
    account.instrument, account.short = replace(BTC, contract_size=D(7)), 1
    if traded:
        account.book(Side.SELL, traded, D(60_000), made.now_ms, made.placed[0].client_id)
        account.short = 1
    for _ in range(6):
        seen = made.snapshot()
        made.turn(replace(seen, views=(replace(seen.views[0], open_orders=(), found=()),)))
    assert made.state.leg("BTC").working is None
    assert [event.now for event in kinds(made, OrderMoved) if isinstance(event, OrderMoved)][-1] is OrderStatus.CANCELLED
    assert made.state.killed is None
    accepted(made)
    made.turn()
    assert made.state.leg("BTC").contracts == -1


def test_accepting_waits_for_the_end_of_the_open_order() -> None:
    made = hedged(short_usd=0, fill=False)
    made.turn()
    (order,) = made.placed
    assert "nothing to accept" in refusal(made.state, "BTC")
    assert "nothing to accept" in refusal(made.state, "DOGE")
    made.account().instrument = TEN_TIMES
    made.turn()
    assert order.client_id in refusal(made.state, "BTC")
    accepted(made)
    assert made.state.leg("BTC").pin == BTC.spec
    made.turn()
    assert refusal(made.state, "BTC") == ""


def test_only_what_the_bot_has_seen_is_accepted() -> None:
    """The venue changes the contract once more between the operator's look and his word."""
    made = hedged(short_usd=0)
    made.account().instrument = replace(BTC, tick=D("0.1"))
    made.turn()
    accepted(made)
    made.account().instrument = replace(BTC, tick=D("0.2"))
    assert made.turn().orders == ()
    assert "tick 0.1 → 0.2" in made.decisions[-1].legs[0].why


def test_a_leg_that_waits_for_a_word_takes_charge_of_nothing() -> None:
    made = world(Account(BTC, D(5), D(60000)), rules=rules(), armed=False)
    made.account().instrument = TEN_TIMES
    made.state = started(made.rules, state=made.state, epoch=2)
    made.turn()
    made.turn()
    assert made.state.leg("BTC").contracts is None
    accepted(made)
    made.turn()
    assert made.state.leg("BTC").contracts == 0


def test_a_leg_that_moves_to_another_contract_starts_anew() -> None:
    made = hedged(short_usd=0)
    rule = replace(made.rules.legs[0], symbol="BTC/USDT:USDT")
    leg = started(replace(made.rules, legs=(rule,)), state=made.state, epoch=2).leg("BTC")
    assert (leg.symbol, leg.contracts, leg.pin, leg.baseline) == ("BTC/USDT:USDT", None, None, None)
    assert leg.declared_coins == made.state.leg("BTC").declared_coins


def test_a_view_in_the_pinned_size_is_left_as_it_is() -> None:
    view = hedged().snapshot().views[0]
    assert counted(view, BTC.spec) is view
    assert differences(BTC.spec, BTC.spec) == ""


def test_another_type_of_contract_is_not_counted_at_all() -> None:
    view = hedged().snapshot().views[0]
    seen = counted(replace(view, instrument=replace(BTC, kind=Kind.LINEAR)), BTC.spec)
    assert (seen.position, seen.fills, seen.open_orders) == (None, (), ())


def test_the_visible_book_is_counted_in_the_pinned_size_rounded_down() -> None:
    """A tenth of the size: 57 small contracts are 5 of ours; what is less than one of ours is left out."""
    depth = Depth(((D(59999), 57), (D(59998), 9)), ((D(60001), 10),), NOW_MS)
    view = replace(hedged().snapshot().views[0], instrument=replace(BTC, contract_size=D(10)), depth=depth)
    assert counted(view, BTC.spec).depth == Depth(((D(59999), 5),), ((D(60001), 1),), NOW_MS)
    assert counted(replace(view, instrument=replace(BTC, kind=Kind.LINEAR)), BTC.spec).depth is None


def test_the_bot_goes_on_watching_while_it_waits() -> None:
    """A trade by hand while only the tick changed: it is seen, and halts the account as ever."""
    made = hedged(short_usd=300_000)
    made.account().instrument = replace(BTC, tick=D("0.1"))
    made.turn()
    made.account().book(Side.BUY, 10, D(60000), made.now_ms + 1)
    made.turn()
    (halted,) = kinds(made, Halted)
    assert isinstance(halted, Halted)
    assert halted.check == "foreign trade"


def test_everything_that_is_seen_is_counted_in_contracts_of_the_pinned_size_and_what_is_no_whole_number_is_unknown() -> None:
    """100 USD were pinned, 10 USD are shown: ten of theirs are one of ours."""
    pinned, shown = BTC.spec, replace(BTC, contract_size=D(10))
    order = Order("a1", "v1", BTC.symbol, Side.SELL, 300, 200, D(60_000), OrderStatus.PARTIAL, False, True, 1)
    fill = Fill("t1", "a1", BTC.symbol, Side.SELL, 200, D(60_000), D(0), True, 1)
    depth = Depth(((D(59_999), 55),), ((D(60_001), 5), (D(60_002), 10)), 1)
    held = Position(BTC.symbol, -200, D(60_000), None, 1)
    view = View(shown, position=held, open_orders=(order,), found=(order,), fills=(fill,), depth=depth)
    seen = counted(view, pinned)
    for orders in (seen.open_orders, seen.found):
        assert orders is not None
        assert [(one.contracts, one.filled) for one in orders] == [(30, 20)]
    assert seen.position is not None
    assert seen.fills is not None
    assert (seen.position.contracts, seen.fills[0].contracts, seen.instrument.contract_size) == (-20, 20, 100)
    assert seen.depth == Depth(((D(59_999), 5),), ((D(60_002), 1),), 1)
    odd = replace(
        view,
        position=Position(BTC.symbol, -201, D(60_000), None, 1), open_orders=(replace(order, contracts=301),),
        found=(replace(order, filled=201),), fills=(replace(fill, contracts=201),),
    )  # fmt: skip
    unknown = counted(odd, pinned)
    assert (unknown.position, unknown.open_orders, unknown.found, unknown.fills) == (None, None, None, None)
    linear = counted(replace(view, instrument=replace(BTC, kind=Kind.LINEAR)), pinned)
    assert (linear.position, linear.open_orders, linear.found, linear.fills, linear.depth) == (None, None, None, None, None)
