"""Do two legs of a rehearsal stand on one margin, as linear contracts do? What the venue says of it, and when a seed draws it."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random

import pytest

from bot.core import linear
from bot.rehearsal.drawn import drawn_margin, drawn_prices, drawn_settings
from bot.rehearsal.loop import BEGAN_MS
from bot.rehearsal.nouns import coins, contract_size, entry_of, instrument_of, price
from bot.rehearsal.venue import OWN, PICO, STEP_MS, Book, LinearBook, Venue, share_margin
from bot.rehearsal.world import Plan
from bot.wiring.rehearsed import rehearsed
from tests.simulation.planted import SHARED

D = Decimal
SHORTEST = D("0.5")


def both() -> tuple[LinearBook, LinearBook]:
    """60,000 USDT, short 1 BTC and 10 ETH, and the prices have moved since."""
    made = []
    for asset, cents, size in (("BTC", 50_000_00, 1_000), ("ETH", 2_500_00, 10_000)):
        made.append(
            LinearBook(
                f"{asset}/USDT:USDT",
                size=size,
                tick_cents=10,
                cents=cents,
                wallet_pico=60_000 * PICO,
                swing_ppm=100,
                source=Random(1),
                began_ms=BEGAN_MS,
            )
        )
    btc, eth = made
    share_margin([btc, eth])
    for book, contracts, cents in ((btc, 1_000, 55_000_00), (eth, 1_000, 2_000_00)):
        book.trade("", OWN, True, contracts, book.cents)
        book.prices.append(cents)
        book.now_ms = STEP_MS
    return btc, eth


def profit(book: Book) -> Decimal:
    entry = entry_of(book, book.account)
    assert entry is not None
    return linear.unrealised(-book.account.contracts * contract_size(book), entry, price(book.cents))


def test_the_equity_of_each_leg_is_the_wallet_and_what_every_leg_has_won_or_lost():
    btc, eth = both()
    fees = (50_000 + 25_000) * D("0.0005")
    assert coins(btc.account.wallet_pico) == coins(eth.account.wallet_pico) == 60_000 - fees
    assert (profit(btc), profit(eth)) == (-5_000, 5_000)
    assert coins(btc.equity()) == coins(eth.equity()) == 60_000 - fees
    assert coins(btc.equity(0)) == coins(btc.equity(STEP_MS - 1)) == 60_000 - fees
    assert coins(btc.load()) == coins(eth.load()) == 55_000 + 20_000


def test_what_one_leg_realises_or_is_paid_the_other_may_use():
    btc, eth = both()
    before = eth.account.wallet_pico
    eth.trade("", OWN, False, 500, eth.cents)
    assert coins(btc.account.wallet_pico - before) == 2_500 - 10_000 * D("0.0005")
    before = btc.account.wallet_pico
    btc.fund(100)
    assert coins(eth.account.wallet_pico - before) == linear.funding(D(1), D(55_000), D("0.0001"))


def test_an_order_that_the_whole_margin_does_not_carry_is_refused_whichever_leg_it_is_of():
    btc, eth = both()
    terms = {"client_id": "", "sells": True, "reduce_only": False, "post_only": True, "owner": OWN, "duplicates": "taken"}
    room = 10 * coins(btc.equity()) - 75_000
    most = int(room / (2_000 * contract_size(eth)))
    assert eth.create(contracts=most, cents=2_000_00 + 100, post_only_cancels=False, **terms).verdict == "taken"
    assert eth.create(contracts=most + 1, cents=2_000_00 + 100, post_only_cancels=False, **terms).why == "insufficient margin"


@pytest.mark.parametrize(("dollars", "gone"), [(113_500, False), (114_700, True)])
def test_a_margin_that_is_used_up_loses_every_leg_that_stands_on_it(dollars, gone):
    btc, eth = both()
    venue = Venue([btc, eth], Random(1))
    venue.set_now(STEP_MS)
    btc.prices[-1] = dollars * 100
    venue.advance(2 * STEP_MS)
    assert [book.account.contracts == 0 for book in (btc, eth)] == [gone, gone]
    assert [book.trades[-1].liquidation for book in (btc, eth)] == [gone, gone]


def drawn(seed: int, chosen: Mapping[str, str]) -> dict[str, str]:
    draw = Random(f"{seed}/world")
    flags = drawn_settings(draw)
    return drawn_margin(seed, flags, drawn_prices(draw), chosen)


def test_some_seeds_share_a_margin_and_no_other_draw_moves_for_it():
    shared = [seed for seed in range(1, 401) if drawn(seed, {})]
    assert 30 <= len(shared) <= 90
    assert shared[:3] == [8, 9, 14]
    assert drawn(8, {}) == drawn(8, {"execution.slices": "4"}) != {}


@pytest.mark.parametrize("chosen", [{"hedges.BTC.ratio": "1"}, {"paper.collateral.BTC": "3"}, {"bag.BTC.coins": "2"}])
def test_who_says_what_is_hedged_or_posted_gets_the_contracts_that_he_had(chosen):
    assert drawn(8, chosen) == {}


def test_contracts_settled_in_dollars_are_played_where_somebody_names_them_and_no_coin_tops_them_up():
    outcome = rehearsed(Plan(4, SHORTEST, (), settings=SHARED))  # a seed that may move collateral
    assert (outcome.invariant, outcome.problem) == ("", "")
    assert outcome.trades > 0


def test_a_shared_margin_is_told_as_a_linear_contract_settled_in_dollars():
    btc, _ = both()
    told = instrument_of(btc)
    assert (told.kind, told.settle, told.contract_size) == ("linear", "USDT", D("0.001"))


@pytest.mark.parametrize(
    "faults", [("lag", "replica"), ("adl", "liquidation", "transfer", "manual-trade"), ("crash", "usurped", "restored")]
)
def test_promises_hold_on_a_margin_that_bears_few_orders(faults):
    outcomes = [rehearsed(Plan(seed, SHORTEST, faults, settings=SHARED)) for seed in range(1, 6)]
    assert [(one.seed, one.invariant, one.problem) for one in outcomes if one.invariant] == []
