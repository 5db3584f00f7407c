"""Does each pre-trade check stop by itself what it is there for? Asked of `review` alone, on both sides of each edge: what a size or a plan
would never lead to is refused all the same."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.core.decision import Approved, Intent
from bot.core.exposure import Exposure, exposure
from bot.core.memory import State, changed
from bot.core.model import DAY_MS, Quote, Side
from bot.core.risk import quote_problem, review
from bot.core.rules import RiskRule
from tests.core.worlds import BTC, EXECUTION, NOW_MS, RISK, SOL, XRP, Account, World, hedged, leg_rule, quote_of, rules, world

D = Decimal
MARK = D(60_000)
GOOD = quote_of(BTC, MARK)
AGE_MS = RISK.max_data_age_ms
APPROVED = ""


def reviewed(
    side: Side = Side.SELL,
    contracts: int = 1,
    limit: str = "60000",
    *,
    short: int = 1000,
    reduce_only: bool | None = None,
    quote: Quote = GOOD,
    limits: RiskRule = RISK,
    placed: Sequence[Approved] = (),
    least: int = 1,
    most: int | None = None,
    other_usd: str = "0",
    pending_usd: str = "0",
    **remembered: object,
) -> str:
    """Which check refuses this order of an account of 5 BTC with a short of so many contracts; nothing if none does."""
    made = hedged(wallet="5", short_usd=max(0, short) * 100)
    held = replace(held_in(made.snapshot().views[0], made.state), short=short, other_usd=D(other_usd), pending_usd=D(pending_usd))
    held = replace(held, instrument=replace(held.instrument, min_contracts=least, max_contracts=most))
    only_reduces = (side is Side.BUY) if reduce_only is None else reduce_only
    intent = Intent("BTC", BTC.symbol, side, contracts, D(limit), only_reduces, True, "")
    seen = replace(made.snapshot(), now_ms=NOW_MS)
    verdict = review(intent, held, quote, changed(made.state, **remembered), seen, rules(risk=limits), "x" * 25, placed)
    return APPROVED if isinstance(verdict, Approved) else verdict.check


def held_in(view: object, state: State) -> Exposure:
    found = exposure(view, state.leg("BTC"), D(0), D(0), D(0))  # type: ignore[arg-type]
    assert found is not None
    return found


def approved_of(usd: int, asset: str = "ETH") -> Approved:
    return Approved("y" * 25, asset, f"{asset}/USD:{asset}", Side.SELL, usd // 10, D(3_000), False, True, D(3_000), D(usd), 0, "")


@pytest.mark.parametrize("part", ["mark", "bid", "ask", "index"])
@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity", "0", "-1"])
def test_a_price_that_is_no_price_may_not_be_traded_on_whichever_it_is(part: str, value: str) -> None:
    quote = replace(GOOD, **{part: D(value)})
    assert quote_problem(quote, NOW_MS, RISK) in ("a price is not a number", "a price is zero or negative")
    assert reviewed(quote=quote) == "price"


def test_a_venue_without_an_index_is_judged_by_its_mark() -> None:
    assert reviewed(quote=replace(GOOD, index=None)) == APPROVED


@pytest.mark.parametrize(("bid", "check"), [("59999.5", APPROVED), ("60000", "price"), ("60000.5", "price")])
def test_a_locked_book_is_as_bad_as_a_crossed_one(bid: str, check: str) -> None:
    assert reviewed(quote=replace(GOOD, bid=D(bid), ask=MARK)) == check


@pytest.mark.parametrize(("age_ms", "check"), [(AGE_MS, APPROVED), (AGE_MS + 1, "price"), (-AGE_MS, APPROVED), (-AGE_MS - 1, "price")])
def test_a_price_counts_for_max_data_age_and_not_from_the_future(age_ms: int, check: str) -> None:
    assert reviewed(quote=replace(GOOD, at_ms=NOW_MS - age_ms)) == check


@pytest.mark.parametrize(("contracts", "check"), [(2, APPROVED), (1, "order size")])
def test_an_order_has_at_least_the_venues_smallest_size(contracts: int, check: str) -> None:
    assert reviewed(contracts=contracts, least=2) == check


@pytest.mark.parametrize(("contracts", "check"), [(500, APPROVED), (501, "order size")])
def test_an_order_has_at_most_what_the_venue_takes_in_one(contracts: int, check: str) -> None:
    assert reviewed(contracts=contracts, most=500) == check


@pytest.mark.parametrize(("contracts", "check"), [(1000, APPROVED), (1001, "order value")])
def test_an_order_is_worth_at_most_max_order_usd(contracts: int, check: str) -> None:
    assert EXECUTION.max_order_usd == 100_000
    assert reviewed(contracts=contracts) == check


@pytest.mark.parametrize("limit", ["60000.25", "0", "-0.5"])
def test_a_limit_is_a_multiple_of_the_tick_above_zero(limit: str) -> None:
    assert reviewed(limit=limit) == "price"


@pytest.mark.parametrize("reference", ["mark", "index"])
@pytest.mark.parametrize(
    ("side", "limit", "check"),
    [
        (Side.SELL, "60600", APPROVED),
        (Side.SELL, "60600.5", "price collar"),
        (Side.BUY, "59400", APPROVED),
        (Side.BUY, "59399.5", "price collar"),
    ],
)
def test_a_limit_stays_within_the_collar_of_mark_and_of_index(reference: str, side: Side, limit: str, check: str) -> None:
    near = D(limit)  # where the other one of the two is
    assert reviewed(side, limit=limit, quote=replace(GOOD, **{"mark": near, "index": near, reference: MARK})) == check


@pytest.mark.parametrize(
    ("short", "side", "contracts", "check"),
    [
        (10, Side.BUY, 10, APPROVED),
        (10, Side.BUY, 11, "crosses zero"),
        (-10, Side.SELL, 10, APPROVED),
        (-10, Side.SELL, 11, "crosses zero"),
        (0, Side.BUY, 1, "net long"),
    ],
)
def test_an_order_ends_at_zero_at_the_furthest_and_opens_no_long(short: int, side: Side, contracts: int, check: str) -> None:
    assert reviewed(side, contracts, short=short, reduce_only=short != 0) == check


@pytest.mark.parametrize(
    ("short", "side", "reduce_only", "check"),
    [
        (10, Side.BUY, False, "reduce-only"),
        (-10, Side.SELL, False, "reduce-only"),
        (10, Side.SELL, True, "reduce-only"),
        (10, Side.SELL, False, APPROVED),
    ],
)
def test_what_shrinks_a_position_is_reduce_only_and_nothing_else_is(short: int, side: Side, reduce_only: bool, check: str) -> None:
    assert reviewed(side, short=short, reduce_only=reduce_only) == check


@pytest.mark.parametrize(
    ("ages_ms", "placed", "check"),
    [
        ([0, 1, 59_999], 0, APPROVED),
        ([0, 1, 2, 59_999], 0, "orders per minute"),
        ([0, 1, 59_999], 1, "orders per minute"),
        ([0, 1, 2, 60_000], 0, APPROVED),
        ([0, 1, 2, -59_999], 0, "orders per minute"),  # the clock was set back since
        ([0, 1, 2, -60_000], 0, APPROVED),
    ],
)
def test_orders_of_the_last_minute_and_of_this_turn_are_counted_together(ages_ms: list[int], placed: int, check: str) -> None:
    stamps = tuple(NOW_MS - age for age in ages_ms)
    limits = replace(RISK, max_orders_per_minute=4)
    assert reviewed(limits=limits, order_times_ms=stamps, placed=[approved_of(1000)] * placed) == check
    assert reviewed(Side.BUY, limits=limits, order_times_ms=stamps, placed=[approved_of(1000)] * placed) == check


@pytest.mark.parametrize(
    ("side", "contracts", "check"), [(Side.SELL, 100, APPROVED), (Side.SELL, 101, "position"), (Side.BUY, 101, APPROVED)]
)
def test_a_position_grows_to_max_position_usd_and_may_always_shrink(side: Side, contracts: int, check: str) -> None:
    assert reviewed(side, contracts, limits=replace(RISK, max_position_usd=D(110_000))) == check


TODAY = NOW_MS // DAY_MS


@pytest.mark.parametrize(
    ("side", "contracts", "day", "check"),
    [
        (Side.SELL, 100, TODAY, APPROVED),
        (Side.SELL, 101, TODAY, "turnover"),
        (Side.BUY, 101, TODAY, APPROVED),
        (Side.SELL, 1000, TODAY - 1, APPROVED),
    ],
)
def test_a_hedge_grows_within_the_turnover_of_the_day_and_may_always_shrink(side: Side, contracts: int, day: int, check: str) -> None:
    limits = replace(RISK, max_turnover_usd_per_day=D(100_000))
    assert reviewed(side, contracts, limits=limits, turnover_day=day, turnover_usd=D(90_000)) == check


@pytest.mark.parametrize(("usd", "check"), [(90_000, APPROVED), (90_010, "turnover")])
def test_what_other_orders_of_this_turn_may_trade_counts_for_the_turnover(usd: int, check: str) -> None:
    limits = replace(RISK, max_turnover_usd_per_day=D(100_000))
    assert reviewed(contracts=100, limits=limits, placed=[approved_of(usd)]) == check


def beside(made: World, most: str) -> str:
    """Which check refuses 600 USD of XRP beside what SOL does, with so much turnover allowed a day."""
    view = made.snapshot().views[1]
    held = exposure(view, made.state.leg("XRP"), D(600), D(0), D(0))
    assert held is not None
    assert view.quote is not None
    limits = replace(made.rules, risk=replace(RISK, max_turnover_usd_per_day=D(most) + D("0.02")))
    intent = Intent("XRP", XRP.symbol, Side.SELL, 60, D(1), False, True, "")
    verdict = review(intent, held, view.quote, made.state, made.snapshot(), limits, "x" * 25, ())
    return APPROVED if isinstance(verdict, Approved) else verdict.check


def sol_and_xrp() -> World:
    """SOL sells 80 contracts of 10 USD, and 20 of them have traded."""
    both = rules(leg_rule(SOL), leg_rule(XRP), execution=replace(EXECUTION, max_order_usd=D(800)))
    made = world(Account(SOL, D(5_000), D(100)), Account(XRP, D(5_000), D(1)), rules=both, bag={"SOL": D(8), "XRP": D(0)}, fill=False)
    made.turn()
    made.account("SOL").trade(made.now_ms, 20)
    made.turn()
    assert made.state.turnover_usd == D("200.02")
    return made


@pytest.mark.parametrize(("most", "check"), [("1400", APPROVED), ("1399", "turnover")])
def test_what_is_left_of_a_working_order_of_another_leg_counts_for_the_turnover(most: str, check: str) -> None:
    assert beside(sol_and_xrp(), most) == check


@pytest.mark.parametrize(("most", "check"), [("1400", APPROVED), ("1399", "turnover")])
def test_fills_of_an_ended_order_of_another_leg_count_for_the_turnover_before_they_are_told(most: str, check: str) -> None:
    made = sol_and_xrp()
    made.account("SOL").trade(made.now_ms)
    shown = made.snapshot()
    made.turn(replace(shown, views=(replace(shown.views[0], fills=()), shown.views[1])))
    assert made.state.leg("SOL").owed == -60
    assert beside(made, most) == check


@pytest.mark.parametrize(
    ("contracts", "other", "pending", "check"),
    [(100, "0", "0", APPROVED), (100, "470000", "0", APPROVED), (100, "490000", "0", "leverage"), (100, "0", "490000", "leverage")],
)
def test_everything_on_the_margin_counts_for_its_leverage(contracts: int, other: str, pending: str, check: str) -> None:
    """5 BTC carry 594,117 USD at leverage 2 and a move of 1 %: 600,000 * 1.01 / 1.02."""
    assert reviewed(contracts=contracts, other_usd=other, pending_usd=pending) == check


@pytest.mark.parametrize(("contracts", "check"), [(941, APPROVED), (942, "leverage")])
def test_leverage_is_judged_at_the_worse_end_of_the_collar(contracts: int, check: str) -> None:
    assert reviewed(contracts=contracts, short=5_000) == check
