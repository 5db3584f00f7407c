"""Which contract comes first, at what cost, and does it say why?"""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.cross_terms import CrossFit, CrossSeen
from bot.core.model import Depth, Instrument, Kind
from bot.core.ranking import Asked, Costs, Offer, Ranked, Verdict, Way, ranked
from bot.core.rules import CrossRule
from tests.core.worlds import BAND, BTC, NOW_MS, RISK, SOL, quote_of

D = Decimal
HOUR = 3_600_000
ASKED = Asked(D(100_000), D(365), D(3), RISK, NOW_MS)
SOL_INVERSE = replace(SOL, symbol="SOL/USD:SOL", kind=Kind.INVERSE, settle="SOL", contract_size=D(10))
RULE = CrossRule("SOL", "BTC", D(1), BAND)


def book(*, bid: str, ask: str, count: int, step: str = "1", levels: int = 2) -> Depth:
    bids = tuple((D(bid) - n * D(step), count) for n in range(levels))
    asks = tuple((D(ask) + n * D(step), count) for n in range(levels))
    return Depth(bids, asks, NOW_MS)


def offer(instrument: Instrument, way: Way, *, mark: int = 100, half: str = "0.01", funding: str | None = "0") -> Offer:
    """A deep book right at the touch."""
    quote = quote_of(instrument, D(mark), half=D(half))
    deep = book(bid=str(quote.bid), ask=str(quote.ask), count=10**9)
    return Offer(instrument.symbol, way, instrument.asset, instrument, quote, deep, None if funding is None else D(funding))


def fit(**changed: object) -> CrossFit:
    return replace(CrossFit(NOW_MS, 720, D("1.5"), D("0.64"), D("0.9"), D("0.54")), **changed)  # type: ignore[arg-type]


def cross(found: CrossFit | None = None, *, funding: str = "0", why: str = "") -> Offer:
    made = offer(BTC, Way.CROSS, mark=60_000, half="3", funding=funding)
    return replace(made, rule=RULE, seen=CrossSeen("SOL", fit=found, unmeasured=why))


INVERSE, LINEAR = offer(SOL_INVERSE, Way.INVERSE), offer(SOL, Way.LINEAR)


def costs(one: Ranked) -> Costs:
    assert one.costs is not None
    return one.costs


def test_what_a_year_costs_is_fees_and_spread_there_and_back_and_the_funding() -> None:
    (best,) = ranked([replace(INVERSE, funding=D("0.02"))], ASKED)
    assert costs(best) == Costs(fees=D("0.001"), spread=D("0.0002"), depth=D(0), funding=D("0.02"), left_open=D(0))
    assert costs(best).total == D("0.0212")
    assert best.why == "no other contract can be had"


def test_a_hedge_of_a_month_is_opened_and_closed_twelve_times_a_year_and_funding_stays() -> None:
    (best,) = ranked([replace(INVERSE, funding=D("0.02"))], replace(ASKED, days=D("36.5")))
    assert (costs(best).fees, costs(best).spread, costs(best).funding) == (D("0.01"), D("0.002"), D("0.02"))


def test_another_assets_contract_costs_beta_times_as_much_and_what_it_leaves_open() -> None:
    (one,) = ranked([cross(fit(), funding="0.04")], ASKED)
    assert one.beta == D("1.5")
    assert one.order_usd == D(150_000)
    assert costs(one) == Costs(D("0.0015"), D("0.00015"), D(0), D("0.06"), left_open=D("1.5") * D("0.54") ** 2)
    assert "R² 0.64: of the asset's 90 % a year it leaves 54" in one.why


def test_alike_an_own_inverse_comes_before_an_own_linear_one_and_that_before_anothers() -> None:
    whole = cross(fit(beta=D(1), r_squared=D(1), residual_volatility=D(0)))
    same = replace(whole, quote=quote_of(BTC, D(60_000), half=D(6)))
    rows = ranked([same, LINEAR, INVERSE], ASKED)
    assert [one.offer.way for one in rows] == [Way.INVERSE, Way.LINEAR, Way.CROSS]
    assert rows[0].why == "costs the same as SOL/USDT:USDT, to the basis point: own inverse comes before own linear"
    assert rows[1].why == "costs the same as SOL/USD:SOL, to the basis point: own inverse comes before own linear"


@pytest.mark.parametrize(("dearer", "first"), [("0.00004", Way.INVERSE), ("0.00016", Way.LINEAR)])
def test_less_than_a_basis_point_a_year_decides_nothing(dearer: str, first: Way) -> None:
    assert ranked([replace(INVERSE, funding=D(dearer)), LINEAR], ASKED)[0].offer.way is first


def test_the_dearer_one_says_by_how_much_and_for_what() -> None:
    rows = ranked([replace(INVERSE, funding=D("0.03")), replace(LINEAR, funding=D("-0.05"))], ASKED)
    assert rows[0].why == "brings in 488.0 bp a year, the most of all"
    assert (rows[1].verdict, rows[1].rank) == (Verdict.POSSIBLE, 2)
    assert rows[1].why == "costs 800.0 bp a year more than SOL/USDT:USDT, 800.0 of it funding"


def test_a_cheap_contract_that_leaves_much_open_comes_after_a_dear_one_of_its_own() -> None:
    rows = ranked([cross(fit(), funding="-0.01"), replace(INVERSE, funding=D("0.1"))], ASKED)
    assert [one.offer.way for one in rows] == [Way.INVERSE, Way.CROSS]
    assert "of it what it leaves open" in rows[1].why


def test_an_order_takes_what_the_book_shows_and_beyond_it_the_book_goes_on_as_it_began() -> None:
    # 100 USD a contract: 1,000 of them; each level holds 250, at 99.5 and 98.5 below a mid of 100
    thin = Depth(((D("99.5"), 250), (D("98.5"), 250)), ((D("100.5"), 10**6), (D("101.5"), 10**6)), NOW_MS)
    coin = replace(SOL_INVERSE, contract_size=D(100))
    (one,) = ranked([replace(INVERSE, instrument=coin, depth=thin)], ASKED)
    near = 1 - 500 / (250 / D("99.5") + 250 / D("98.5")) / 100  # harmonic, as an inverse contract averages
    far = D("0.015") * (1 + D(1_000) / 500) / 2
    assert costs(one).depth == pytest.approx((near + far) / 2 - D("0.005"), abs=D("1e-6"))
    assert one.visible_usd == D(50_000)
    assert "the visible book takes 50000 of 100000 USD: the rest is an estimate" in one.why


def test_a_thin_book_makes_a_contract_dearer_than_a_deep_one() -> None:
    quote = quote_of(SOL_INVERSE, D(100), half=D("0.01"))
    thin = replace(INVERSE, quote=quote, depth=Depth(((quote.bid, 1),), ((quote.ask, 1),), NOW_MS))
    rows = ranked([thin, replace(LINEAR, funding=D("0.005"))], ASKED)
    assert [one.offer.way for one in rows] == [Way.LINEAR, Way.INVERSE]
    assert "of it depth" in rows[1].why


@pytest.mark.parametrize("lacking", ["funding", "depth"])
def test_a_cost_that_is_not_known_is_never_nothing_and_comes_after_all_that_are_known(lacking: str) -> None:
    blind = replace(INVERSE, **{lacking: None})  # type: ignore[arg-type]
    rows = ranked([blind, replace(LINEAR, funding=D("0.5"))], ASKED)
    assert [one.offer.way for one in rows] == [Way.LINEAR, Way.INVERSE]
    assert costs(rows[1]).total is None
    assert rows[1].why == f"what it costs is not known whole: {lacking}"


@pytest.mark.parametrize(
    ("made", "verdict", "why"),
    [
        (
            replace(INVERSE, instrument=None, troubles=("Bybit: SOL/USD:SOL is not listed",)),
            Verdict.NOT_LISTED,
            "Bybit: SOL/USD:SOL is not",
        ),
        (replace(INVERSE, barred="nothing is sent there"), Verdict.REFUSED, "nothing is sent there"),
        (replace(INVERSE, quote=None, troubles=("quote: HTTP 502",)), Verdict.UNKNOWN, "it shows no price; quote: HTTP 502"),
        (replace(INVERSE, quote=quote_of(SOL_INVERSE, D(100), NOW_MS - 60_000)), Verdict.UNKNOWN, "the price is stale"),
        (cross(fit(returns=5)), Verdict.REFUSED, "its β is refused: it rests on 5 returns, and at least 30 are needed"),
        (cross(fit(r_squared=D("0.49"))), Verdict.REFUSED, "its β is refused: R² 0.49 is below the floor of 0.5"),
        (cross(fit(beta=D("-0.2"))), Verdict.REFUSED, "its β is 0 or below"),
        (cross(fit(closed_ms=NOW_MS - 3 * HOUR)), Verdict.UNKNOWN, "its β: the last candle closed too long ago"),
        (cross(None, why="the venue's history could not be read"), Verdict.UNKNOWN, "its β: the venue's history could not be read"),
    ],
)
def test_what_cannot_hedge_comes_nowhere_and_says_why(made: Offer, verdict: Verdict, why: str) -> None:
    rows = ranked([made, LINEAR], ASKED)
    assert (rows[0].offer.way, rows[0].rank) == (Way.LINEAR, 1)
    assert (rows[1].verdict, rows[1].rank, rows[1].costs) == (verdict, None, None)
    assert rows[1].why.startswith(why)


SHARES = st.decimals(-1, 1, places=4)


@given(st.permutations([INVERSE, LINEAR, cross(fit())]), SHARES, SHARES, SHARES)
def test_the_order_in_which_contracts_are_given_changes_nothing(given: list[Offer], a: Decimal, b: Decimal, c: Decimal) -> None:
    rates = {Way.INVERSE: a, Way.LINEAR: b, Way.CROSS: c}
    rows = ranked([replace(one, funding=rates[one.way]) for one in given], ASKED)
    again = ranked([replace(one, funding=rates[one.way]) for one in (INVERSE, LINEAR, cross(fit()))], ASKED)
    assert rows == again
    assert [one.rank for one in rows] == [1, 2, 3]
    totals = [costs(one).least for one in rows]
    assert all(later - earlier > D("-0.0001") for earlier, later in pairwise(totals))
