"""Which band costs least, and does it stay where it is while the spread twitches? Both sides of each edge."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core import band
from bot.core.autoband import EVERY_MS, cost_rate
from bot.core.decide import decide
from bot.core.decision import TradeCost
from bot.core.model import Basis, Snapshot
from bot.core.rules import AutoBand
from tests.core.worlds import BAND, BTC, NOW_MS, Account, World, leg_rule, quote_of, rules, world

D = Decimal
AUTO = AutoBand(D(3))
FIVE_BP = D("0.0005")


def edges(ratio: str, basis: Basis, rule: AutoBand = AUTO, cost: Decimal = FIVE_BP) -> tuple[Decimal, ...]:
    found = band.cheapest(D(ratio), basis, cost, rule)
    return tuple(edge.quantize(D("0.0001")) for edge in (found.low, found.safe_low, found.safe_high, found.high))


# ---------------------------------------------------------------------------------------------------------------- from costs to a band


def test_v22_a_half_hedged_value_breathes_five_percent() -> None:
    assert edges("0.5", Basis.VALUE) == (D("0.95"), 1, 1, D("1.05"))


def test_v22_a_fifth_of_the_value_is_allowed_nine_percent() -> None:
    width = band.half_width(D("0.2"), FIVE_BP, D(3))  # 0.018566 in ratio points
    found = band.cheapest(D("0.2"), Basis.VALUE, FIVE_BP, AUTO)
    assert found.high == 1 + width / D("0.2")


@pytest.mark.parametrize(("ratio", "basis"), [("1", Basis.COINS), ("1", Basis.VALUE)])
def test_a_full_hedge_has_no_gamma_and_waits_only_for_what_funding_opens(ratio: str, basis: Basis) -> None:
    assert edges(ratio, basis) == (D("0.9946"), 1, 1, D("1.0054"))


def test_the_price_does_not_widen_a_hedge_in_coins() -> None:
    halves = band.cheapest(D("0.5"), Basis.COINS, FIVE_BP, AUTO), band.cheapest(D("0.5"), Basis.VALUE, FIVE_BP, AUTO)
    assert halves[0].high - 1 < (halves[1].high - 1) / 4


def test_a_dearer_trade_and_a_bolder_owner_have_a_wider_band() -> None:
    usual = band.cheapest(D("0.5"), Basis.VALUE, FIVE_BP, AUTO)
    assert band.cheapest(D("0.5"), Basis.VALUE, 8 * FIVE_BP, AUTO).high - 1 == pytest.approx(2 * (usual.high - 1))
    assert band.cheapest(D("0.5"), Basis.VALUE, FIVE_BP, AutoBand(D("0.375"))).high - 1 == pytest.approx(2 * (usual.high - 1))


def test_a_free_trade_needs_no_band_and_a_tiny_hedge_never_gets_more_than_half_of_itself() -> None:
    assert edges("0.5", Basis.VALUE, cost=D(0)) == (1, 1, 1, 1)
    assert edges("0.001", Basis.VALUE) == (D("0.5"), 1, 1, D("1.5"))


def test_edges_that_somebody_wrote_stand_and_the_others_make_room_for_them() -> None:
    assert edges("0.5", Basis.VALUE, AutoBand(D(3), low=D("0.9"))) == (D("0.9"), 1, 1, D("1.05"))
    assert edges("0.5", Basis.VALUE, AutoBand(D(3), high=D("1.01"))) == (D("0.95"), 1, 1, D("1.01"))
    assert edges("1", Basis.COINS, AutoBand(D(3), safe_low=D("0.99"), safe_high=D("1.02"))) == (D("0.99"), D("0.99"), D("1.02"), D("1.02"))


@pytest.mark.parametrize(("ideal", "low"), [("20000", "0.995"), ("19999", "0.9949997")])
def test_no_gap_below_the_smallest_order_is_worth_a_trade(ideal: str, low: str) -> None:
    lasting = band.above_the_lot(BAND, D(ideal), D(100), AUTO)
    assert lasting.low.quantize(D("0.0000001")) == D(low)
    assert lasting.high - 1 == pytest.approx(1 - lasting.low)


def test_a_written_edge_is_not_moved_for_the_lot() -> None:
    assert band.above_the_lot(BAND, D(100), D(100), AutoBand(D(3), low=BAND.low, high=BAND.high)) == BAND
    assert band.above_the_lot(BAND, D(0), D(100), AUTO) == BAND


# ---------------------------------------------------------------------------------------------------------------- measured, and remembered


def halved(spread_usd: str = "12", basis: Basis = Basis.VALUE) -> World:
    """Half of 10 BTC hedged as value at 60,000, where half of a spread of 12 USD is 1 bp."""
    account = Account(BTC, D(10), D(60_000), 3000, D(60_000))
    made = world(account, rules=rules(replace(leg_rule(ratio="0.5", basis=basis), auto=AUTO)), fill=False)
    made.turn(spread(made, spread_usd))
    return made


def spread(made: World, usd: str, mark: str = "60000") -> Snapshot:
    made.account().mark = D(mark)
    seen = made.snapshot()
    quote = quote_of(BTC, D(mark), made.now_ms, D(usd) / 2)
    return replace(seen, views=tuple(replace(view, quote=quote) for view in seen.views))


def test_a_trade_costs_the_takers_fee_and_half_the_spread() -> None:
    assert cost_rate(BTC, quote_of(BTC, D(60_000), half=D(6))) == D("0.0006")


def test_the_first_look_at_a_book_measures_and_remembers_what_a_trade_costs() -> None:
    made = halved()
    assert made.state.legs[0].trade_cost == TradeCost(D("0.00051"), made.decisions[0].at_ms)  # a book of two ticks, at the first look
    plan = made.decisions[-1].legs[0]
    assert plan.trade_cost is None
    assert plan.band is not None
    assert plan.band.high.quantize(D("0.0001")) == D("1.0503")
    assert plan.band_why == "a trade costs 5.1 bp (fee and half the spread)"


@pytest.mark.parametrize(
    ("spread_usd", "remeasured"),
    [("62.3", False), ("62.4", True)],  # 5 bp of fee and 5.2 bp of half a spread make twice 5.1 bp
)
def test_a_cost_that_has_not_doubled_moves_no_band(spread_usd: str, remeasured: bool) -> None:
    made = halved()
    made.now_ms += EVERY_MS
    before = made.decisions[-1].legs[0].band
    plan = made.turn(spread(made, spread_usd)).legs[0]
    assert (plan.trade_cost is not None) is remeasured
    assert (plan.band != before) is remeasured


def test_a_cost_that_has_halved_is_measured_anew() -> None:
    made = halved()
    made.now_ms += EVERY_MS
    made.turn(spread(made, "300"))
    assert made.state.legs[0].trade_cost.rate == D("0.003")
    made.now_ms += EVERY_MS
    assert made.turn(spread(made, "120.1")).legs[0].trade_cost is None  # 15.0 bp is still more than a half of 30
    made.turn(spread(made, "120"))
    assert made.state.legs[0].trade_cost.rate == D("0.0015")


@pytest.mark.parametrize(("later_ms", "remeasured"), [(EVERY_MS - 1, False), (EVERY_MS, True)])
def test_a_spread_that_leaps_is_believed_once_an_hour(later_ms: int, remeasured: bool) -> None:
    made = halved()
    made.now_ms = made.state.legs[0].trade_cost.at_ms + later_ms - 5_000  # a turn takes five seconds
    seen = spread(made, "600")
    assert (made.turn(seen).legs[0].trade_cost is not None) is remeasured


def test_a_book_that_cannot_be_traded_on_measures_nothing() -> None:
    made = halved()
    made.now_ms += EVERY_MS
    assert made.turn(spread(made, "-600")).legs[0].trade_cost is None


def test_a_spread_that_twitches_trades_nothing() -> None:
    """At the very edge of its band, a band that followed the spread would sell and buy with it."""
    made = halved()
    edge = made.decisions[-1].legs[0].band.low
    price = next(p for p in range(60_000, 70_000, 5) if hedged_share(made, p) < edge) - 5  # the last price inside
    for tick in range(200):
        decision = made.turn(spread(made, str(1 + tick % 60), str(price)))
        assert decision.legs[0].why == "inside the band"
    assert not made.placed
    made.turn(spread(made, "12", str(price + 5)))
    assert [order.why for order in made.placed] == ["under-hedged"]


def hedged_share(made: World, price: int) -> Decimal:
    account = made.account()
    account.mark = D(price)
    return D(account.short * 100) / (account.equity() * price / 2)


def test_a_decision_on_a_measured_band_is_decided_again_bit_for_bit() -> None:
    made = halved()
    record = next(event for event in made.events if getattr(event, "decision", None) == made.decisions[0])
    assert decide(record.state, record.seen, made.rules) == made.decisions[0]
    assert made.decisions[0].legs[0].trade_cost.at_ms >= NOW_MS


def test_a_ratio_of_zero_closes_whatever_the_band() -> None:
    made = halved()
    made.say("target-set", asset="BTC", ratio=D(0))
    made.turn(spread(made, "12"))
    assert made.placed[0].reduce_only
