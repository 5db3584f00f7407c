"""Does a leg see what is its own, and go on by itself, where several contracts share one account?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace

import pytest

from adapters.exchanges.preflight import ATTENTION, Wish, preflight
from bot.audit.store import Store
from bot.core.model import Ask, View
from bot.dead_man import DeadMan
from bot.ports import Misconfigured, NotSent, Refused
from bot.witness import Witness
from tests.contract.ccxt_driver import INVERSE, LINEAR, CcxtUnderTest, under_test
from tests.contract.driver import D, Wanted
from tests.core.test_reconcile import selling
from tests.venue_server.nouns import Position

ETH, SOL = "ETH/USD:ETH", "SOL/USD:SOL"
LEGS = (INVERSE, ETH, SOL)
SOL_IDS = {"bybit": "SOLUSD", "okx": "SOL-USD-SWAP", "krakenfutures": "PI_SOLUSD", "binancecoinm": "SOLUSD_PERP"}


@asynccontextmanager
async def several(name: str) -> AsyncIterator[CcxtUnderTest]:
    """A venue that lists inverse contracts of three coins, all of them connected, with collateral in each."""
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        assert isinstance(venue, CcxtUnderTest)
        core = venue.core
        core.contracts[SOL] = replace(core.contracts[ETH], id=SOL_IDS[name], base="SOL", settle="SOL")
        core.quotes[SOL] = replace(core.quotes[ETH], mark=D(150), index=D(150), bid=D("149.9"), ask=D("150.1"))
        core.deposit("ETH", 100)
        core.deposit("SOL", 2_000)
        await venue.exchange.connect(LEGS)
        yield venue


async def views(venue: CcxtUnderTest, *symbols: str) -> dict[str, View]:
    asks = [Ask(symbol, venue.began_ms, venue.began_ms) for symbol in symbols or LEGS]
    return {view.instrument.symbol: view for view in await venue.exchange.look(asks)}


async def test_a_leg_that_rests_does_not_read_the_trades_of_another_back_to_the_beginning_at_kraken() -> None:
    """Its fills are those of the account, a hundred at a time: the page that reaches the cursor is the last, whoever traded on it."""
    async with several("krakenfutures") as venue:
        for _ in range(4_500):  # long ago: more than the pages that are asked for at all
            venue.core.stranger_trade(ETH, "sell", 1)
        await venue.wait(60_000)
        venue.began_ms = venue.clock.now_ms()
        for _ in range(150):
            venue.core.stranger_trade(ETH, "sell", 1)
        asked = len(venue.server.asked("read-trades"))
        seen = await views(venue)
        assert {symbol: None if view.fills is None else len(view.fills) for symbol, view in seen.items()} == {INVERSE: 0, ETH: 150, SOL: 0}
        assert len(venue.server.asked("read-trades")) - asked == 2


async def test_a_trade_is_of_the_order_of_its_own_contract_where_a_venue_counts_orders_for_each() -> None:
    """Binance numbers the orders of every contract by themselves: two of them may bear the same number."""
    async with several("binancecoinm") as venue:
        core = venue.core
        for symbol, own in ((INVERSE, "of-btc"), (ETH, "of-eth"), (SOL, "of-sol")):
            core._last_id = 500
            core.orders.clear()
            core.place(symbol, "sell", 5, core.quotes[symbol].bid, client_id=own)
            (fill,) = (await views(venue, symbol))[symbol].fills or ()
            assert (fill.symbol, fill.client_id) == (symbol, own)


async def test_the_dead_mans_switch_of_a_contract_that_takes_none_leaves_those_of_the_others_wound_up() -> None:
    async with several("binancecoinm") as venue:
        venue.core.closed.add(venue.core.contracts[INVERSE].id)
        with pytest.raises(Refused, match=INVERSE):
            await venue.exchange.count_down(60_000, lambda _: True)
        assert set(venue.core.dead_man) == {ETH, SOL}
        await venue.exchange.count_down(0, lambda _: True)  # nothing rests where nothing is traded
        assert venue.core.dead_man == {}


async def test_a_switch_that_was_wound_up_in_part_is_stopped_once_the_orders_are_gone() -> None:
    async with several("binancecoinm") as venue:
        venue.core.closed.add(venue.core.contracts[INVERSE].id)
        working = selling()
        resting = replace(working.state, legs=tuple(replace(leg, working=None) for leg in working.state.legs))
        idle = replace(working.decisions[-1], legs=(), orders=())
        with closing(Store.open("sqlite://", account="main", venue="binancecoinm", environment=None)) as store:
            switch = DeadMan(venue.exchange, venue.clock, Witness(store, None))
            assert await switch.stop() == []
            await switch.mind(working.state, working.snapshot(), working.decisions[-1])
            assert set(venue.core.dead_man) == {ETH, SOL}
            assert INVERSE in switch.alerts[0]
            await switch.mind(resting, working.snapshot(), idle)
            assert venue.core.dead_man == {}


async def test_every_leg_is_paid_its_own_where_one_history_tells_of_all() -> None:
    for name in SOL_IDS:
        async with several(name) as venue:
            for number, (symbol, times) in enumerate(zip(LEGS, (1_050, 2, 3), strict=True)):  # the first fills a page of any venue
                venue.core.positions[symbol] = Position(-1_000 * (number + 1), D(-1))
                for _ in range(times):
                    venue.clock.shift_ms += 20_000
                    venue.core.settle_funding(symbol, D("0.0001"))
            seen = await views(venue)
            for symbol in LEGS:
                told = {int(payment.payment_id): payment.coins for payment in seen[symbol].funding or ()}
                true = {payment.id: payment.received for payment in venue.core.payments if payment.symbol == symbol}
                assert set(told) == set(true), (name, symbol, seen[symbol].errors)
                assert sum(told.values()) == pytest.approx(sum(true.values()), abs=D("1e-9"))


@pytest.mark.parametrize("name", ["binancecoinm", "okx", "krakenfutures"])
async def test_legs_that_were_paid_a_moment_apart_ask_for_payments_together(name: str) -> None:
    """All count each such answer dearly: at Binance three legs alone used up what a bot may ask for in a cycle."""
    async with several(name) as venue:
        before = len(venue.server.asked("read-funding"))
        hour_ms = venue.began_ms // 3_600_000 * 3_600_000
        await venue.exchange.look([Ask(symbol, venue.began_ms, hour_ms + 1_000 * number) for number, symbol in enumerate(LEGS)])
        assert len(venue.server.asked("read-funding")) == before + 1


async def test_the_legs_of_binance_ask_for_the_prices_of_all_contracts_once() -> None:
    async with several("binancecoinm") as venue:
        before = len(venue.server.log)
        seen = await views(venue)
        asked = [row.path for row in venue.server.log[before:]]
        assert [asked.count(f"/dapi/v1/{name}") for name in ("premiumIndex", "ticker/bookTicker")] == [1, 1]
        marks = {symbol: view.quote.mark for symbol, view in seen.items() if view.quote is not None}
        assert marks == {INVERSE: 60_000, ETH: 3_000, SOL: 150}


async def test_a_contract_without_a_price_is_no_reason_not_to_hedge_the_others() -> None:
    wish = Wish(live=True, min_order_usd=D(100), max_order_usd=D(1000), max_position_usd=D(10_000))
    for name in SOL_IDS:
        async with several(name) as venue:
            for symbol, severity in ((ETH, "warning"), (INVERSE, "warning"), (SOL, "error")):
                venue.core.quotes[symbol].bid = D(0)  # nobody buys
                found = await preflight(venue.exchange, LEGS, venue.clock, wish)
                told = {each.severity for each in found if "shows no price of" in each.what}
                assert told == {severity}, (name, symbol)
                assert {each.exit_code for each in found if each.severity == "error"} <= {ATTENTION}


async def test_collateral_that_lacks_for_some_is_told_and_for_all_refuses_where_orders_are_sent() -> None:
    async with several("okx") as venue:
        for currency, severity in (("ETH", "warning"), ("SOL", "warning"), ("BTC", "error")):
            venue.core.wallets.pop(currency)
            for live in (True, False):
                found = await preflight(venue.exchange, LEGS, venue.clock, Wish(live, D(100), D(1000), D(10_000)))
                told = {each.severity for each in found if "in the futures account" in each.what}
                assert told == {severity if live else "warning"}, (currency, live)


async def test_a_contract_is_gone_where_the_list_shows_others_and_not_where_it_shows_nothing() -> None:
    """What the list does not show is taken for taken away, and its hedge for over once a person says so."""
    async with several("okx") as venue:
        listings, contracts = venue.exchange.listings, venue.core.contracts
        assert await listings.lists(ETH)
        await venue.exchange.connect([INVERSE])
        gone = contracts.pop(ETH)
        assert not await listings.lists(ETH)
        await venue.exchange.connect([INVERSE])
        everything = dict(contracts)
        contracts.clear()
        with pytest.raises(NotSent, match="OKX showed an empty list of contracts"):
            await listings.lists(ETH)
        contracts.update({**everything, ETH: gone})
        assert await listings.lists(ETH)


async def test_legs_that_share_an_empty_account_refuse_together() -> None:
    async with under_test("bybit", Wanted(collateral={"BTC": D(10)})) as venue:
        assert isinstance(venue, CcxtUnderTest)
        core, other = venue.core, "DOGE/USDT:USDT"
        core.contracts[other] = replace(core.contracts[LINEAR], id="DOGEUSDT", base="DOGE")
        core.quotes[other] = replace(core.quotes[LINEAR])
        core.wallets.pop("USDT", None)
        await venue.exchange.connect([LINEAR, other])
        found = await preflight(venue.exchange, [LINEAR, other], venue.clock, Wish(True, D(100), D(1000), D(10_000)))
        assert [each.severity for each in found if "there is no USDT in the futures account" in each.what] == ["error"]


async def test_a_contract_that_is_not_traded_is_connected_beside_others_and_not_alone() -> None:
    async with several("okx") as venue:
        venue.core.closed.add(venue.core.contracts[ETH].id)
        with pytest.raises(Misconfigured, match="not traded any more, or not yet"):
            await venue.exchange.connect([ETH])
        await venue.exchange.connect(LEGS)
        found = await preflight(venue.exchange, LEGS, venue.clock, Wish(True, D(100), D(1000), D(10_000)))
        assert [each.severity for each in found if f"{ETH} is not traded at OKX now" in each.what] == ["warning"]
        assert not [each for each in found if each.severity == "error"]
        seen = await views(venue)
        assert [symbol for symbol, view in seen.items() if view.quote is None] == [ETH]
        assert seen[ETH].position is not None
