"""Are positions, wallets, funding and liquidation kept as domain.md §1-5 and §7a say?"""

import pytest

from bot.core.model import OrderStatus, Side
from tests.contract.driver import (
    Build,
    D,
    VenueUnderTest,
    Wanted,
    approved,
    contracts_held,
    equity,
    near,
    open_at,
    seen,
    the_order,
    wallet,
)

SELL, BUY = Side.SELL, Side.BUY


async def v1(build: Build) -> VenueUnderTest:
    venue = await build(Wanted(collateral={"BTC": D(5)}))
    await open_at(venue, 3000, 60000, client_id="v1")
    return venue


async def test_positions_are_signed_integers(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    assert await contracts_held(venue) == -10
    await open_at(venue, 25, 60000, client_id="a2", side=BUY)
    held = await contracts_held(venue)
    assert held == 15
    assert isinstance(held, int)


async def test_a_flat_position_has_no_entry_price(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    await open_at(venue, 10, 59000, client_id="a2", side=BUY)
    position = (await seen(venue)).position
    assert position is not None
    assert (position.contracts, position.entry_price) == (0, None)


async def test_a_position_turned_over_is_entered_at_the_price_of_the_turn(venue: VenueUnderTest) -> None:
    await open_at(venue, 10, 60000, client_id="a1")
    await open_at(venue, 25, 50000, client_id="a2", side=BUY)
    position = (await seen(venue)).position
    assert position is not None
    assert (position.contracts, position.entry_price) == (15, 50000)


@pytest.mark.parametrize(("price", "wanted"), [("36000", "8.3333333"), ("48000", "6.25"), ("75000", "4"), ("120000", "2.5")])
async def test_V1_equity_holds_the_unrealised_profit(build: Build, price: str, wanted: str) -> None:
    venue = await v1(build)
    await venue.market(D(price))
    assert near(await equity(venue), wanted, "0.00000005")
    assert await wallet(venue) == 5


async def test_V2_a_split_bag_dies_at_74625_and_lives_just_below(build: Build) -> None:
    venue = await build(Wanted(collateral={"BTC": D(1)}))
    await open_at(venue, 3000, 60000, client_id="v2")
    await venue.exchange.place(approved(venue, "rests", SELL, 1, 99000))
    await venue.market(D("74624.9"))
    view = await seen(venue)
    assert await contracts_held(venue) == -3000
    assert not any(fill.liquidation for fill in view.fills or ())
    await venue.market(D("74625"))
    view = await seen(venue)
    assert await contracts_held(venue) == 0
    last = (view.fills or ())[-1]
    assert (last.liquidation, last.client_id, last.side, last.contracts, last.price) == (True, "", BUY, 3000, 74625)
    assert (await the_order(venue, "rests")).status is OrderStatus.CANCELLED
    assert view.open_orders == ()
    assert near(await wallet(venue), "0.0201005", "0.0000001")  # the maintenance margin is what was left


async def test_a_liquidation_in_a_jump_leaves_an_empty_wallet_not_a_debt(build: Build) -> None:
    venue = await build(Wanted(collateral={"BTC": D(1)}))
    await open_at(venue, 3000, 60000, client_id="a1")
    await venue.market(D(90000))
    assert await contracts_held(venue) == 0
    assert await wallet(venue) == await equity(venue) == 0


async def test_V3_buying_back_realises_and_keeps_entry_and_equity(build: Build) -> None:
    venue = await v1(build)
    await open_at(venue, 1000, 48000, client_id="v3", side=BUY)
    view = await seen(venue)
    assert view.margin is not None
    assert view.position is not None
    assert near(view.margin.wallet - 5, "0.41666667")
    assert near(view.margin.equity, "6.25")
    assert near(view.margin.equity - view.margin.wallet, "0.83333333")
    assert (view.position.contracts, view.position.entry_price) == (-2000, 60000)


@pytest.mark.parametrize(
    ("trades", "wanted"),
    [(((7, 60000), (7, 40000)), "48000"), (((6, 50000), (1, 58000), (1, 57000), (3, 56000)), "52794.0868")],
)
async def test_V4_entry_is_the_harmonic_mean(venue: VenueUnderTest, trades: tuple[tuple[int, int], ...], wanted: str) -> None:
    for number, (contracts, price) in enumerate(trades):
        await open_at(venue, contracts, D(price), client_id=f"v4n{number}")
    position = (await seen(venue)).position
    assert position is not None
    assert near(position.entry_price, wanted, "0.00005")


async def test_V5_a_short_earns_coins_on_the_way_down(venue: VenueUnderTest) -> None:
    await open_at(venue, 100, 48600, client_id="v5")
    await open_at(venue, 100, 43700, client_id="v5out", side=BUY)
    earned = await wallet(venue) - 10
    assert near(earned, "0.02307164")
    assert near(earned * 43700, "1008.23", "0.005")


@pytest.mark.parametrize(
    ("collateral", "contracts", "entry", "alive", "dead"),
    [
        ("0.1136", 100, "48600", "107962.8", "107962.9"),  # V8
        ("2.5", 3000, "60000", "119399.9", "119400"),  # V9
        ("1.66666667", 3000, "60000", "89550", "89550.1"),  # V9: 5/3, a fraction of a unit more than it
    ],
)
async def test_V8_V9_cross_margin_dies_at_its_liquidation_price(
    build: Build, collateral: str, contracts: int, entry: str, alive: str, dead: str
) -> None:
    venue = await build(Wanted(collateral={"BTC": D(collateral)}, price=D(entry)))
    await open_at(venue, contracts, entry, client_id="v8")
    await venue.market(D(alive))
    assert await contracts_held(venue) == -contracts
    await venue.market(D(dead))
    assert await contracts_held(venue) == 0


async def test_V9_a_covered_short_has_no_liquidation_price(build: Build) -> None:
    venue = await v1(build)
    await venue.market(D(10_000_000))
    assert await contracts_held(venue) == -3000


@pytest.mark.parametrize(("rate", "wanted"), [("0.0001", "0.0005"), ("-0.0003", "-0.0015")])
async def test_V12_a_short_receives_positive_funding_and_pays_negative(build: Build, rate: str, wanted: str) -> None:
    venue = await v1(build)
    await venue.settle_funding(D(rate))
    assert await wallet(venue) == 5 + D(wanted)
    (payment,) = (await seen(venue)).funding or ()
    assert (payment.coins, payment.rate, payment.mark) == (D(wanted), D(rate), 60000)


async def test_V13_funding_of_fifty_contracts(build: Build) -> None:
    venue = await build(Wanted(collateral={"BTC": D(5)}, price=D(10000)))
    await open_at(venue, 50, 10000, client_id="v13")
    await venue.settle_funding(D("0.0001"))
    assert await wallet(venue) - 5 == D("0.00005")


async def test_no_position_no_funding(venue: VenueUnderTest) -> None:
    await venue.settle_funding(D("0.0001"))
    assert (await seen(venue)).funding == ()
    assert await wallet(venue) == 10


async def test_V26_a_linear_short_gains_pays_and_dies_in_usdt(build: Build) -> None:
    venue = await build(Wanted(collateral={"USDT": D(5000)}))
    await open_at(venue, 100, 100, client_id="v26", instrument=venue.linear)
    await venue.market(D(120), venue.linear)
    assert await equity(venue, venue.linear) == 3000
    assert await wallet(venue, venue.linear) == 5000
    await venue.settle_funding(D("0.0001"), venue.linear)
    assert await wallet(venue, venue.linear) == D("5001.2")
    await venue.deposit("USDT", D("-1.2"))
    await venue.market(D("149.25"), venue.linear)
    assert await contracts_held(venue, venue.linear) == -100
    await venue.market(D("149.26"), venue.linear)
    assert await contracts_held(venue, venue.linear) == 0


async def test_a_linear_entry_is_the_arithmetic_mean(build: Build) -> None:
    venue = await build(Wanted(collateral={"USDT": D(5000)}))
    await open_at(venue, 10, 100, client_id="a1", instrument=venue.linear)
    await open_at(venue, 30, 104, client_id="a2", instrument=venue.linear)
    position = (await seen(venue, instrument=venue.linear)).position
    assert position is not None
    assert position.entry_price == 103


async def test_fees_are_paid_in_coin_rounded_up_maker_and_taker(build: Build) -> None:
    venue = await build(Wanted(collateral={"BTC": D(5)}, fees=True))
    await open_at(venue, 100, 60000, client_id="maker")
    assert await wallet(venue) == 5 - D("0.00003334")  # 10,000 USD / 60,000 x 0.0002 = 0.0000333333
    quote = (await seen(venue)).quote
    assert quote is not None
    await venue.exchange.place(approved(venue, "taker", SELL, 1, quote.bid, post_only=False))
    taker = ((await seen(venue)).fills or ())[-1]
    assert taker.fee_coins == D("0.00000084")  # 100 USD / 59,994 x 0.0005 = 0.000000833
    assert await wallet(venue) == 5 - D("0.00003334") - taker.fee_coins


async def test_a_deposit_is_in_wallet_and_equity(venue: VenueUnderTest) -> None:
    await venue.deposit("BTC", D("1.5"))
    assert await wallet(venue) == await equity(venue) == D("11.5")
    await venue.deposit("BTC", D("-0.5"))
    assert await wallet(venue) == 11
