"""What do Bybit and OKX say of a transfer that is under way, and what do the other venues say instead?"""

from dataclasses import replace

import pytest

from adapters.exchanges.ccxt_open import VENUES
from bot.core.decision import Transfer
from bot.core.model import TransferStatus
from bot.ports import NotSent, SpotAsk, Unknown
from bot.venue_offers import OFFERS
from tests.contract.ccxt_driver import ENVIRONMENT, under_test
from tests.contract.driver import D, Wanted, wallet

WANTED = Transfer("hb00001aaaaaaaaaaaaaaaaaa", "BTC", D("1.5"), 1 << 60, "test")


def test_every_sheet_says_what_moves_collateral_and_the_offers_agree():
    for name, venue in VENUES.items():
        assert venue.transfer_right
        assert (venue.transfers is None) == bool(OFFERS[name].no_transfer), name
        assert (venue.transfers is not None) == any("transfer" in path for _, path in venue.writes), name


@pytest.mark.parametrize("name", ["bybit", "okx"])
async def test_a_transfer_that_is_under_way_is_unknown_until_it_arrives(name):
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        venue.core.funding_wallets["BTC"] = D(4)
        venue.core.pending_transfers = True
        with pytest.raises(Unknown):
            await venue.exchange.transfer(WANTED)
        (found,) = await venue.exchange.spots([SpotAsk("BTC", WANTED)])
        assert found.found is TransferStatus.UNKNOWN
        assert await wallet(venue) == 10
        venue.core.settle_transfers()
        (found,) = await venue.exchange.spots([SpotAsk("BTC", WANTED)])
        assert (found.coins, found.found) == (D("2.5"), TransferStatus.DONE)
        assert await wallet(venue) == D("11.5")


@pytest.mark.parametrize("name", ["bybit", "okx"])
async def test_an_id_that_another_process_signed_before_is_looked_up(name):
    """The process that signed it is gone, and with it what it remembered."""
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        venue.core.funding_wallets["BTC"] = D(4)
        await venue.exchange.transfer(WANTED)
        venue.exchange.moving._signed.clear()
        if name == "bybit":  # its code for that is on the sheet
            await venue.exchange.transfer(WANTED)
        else:  # an answer that is on no list is no end
            with pytest.raises(Unknown):
                await venue.exchange.transfer(WANTED)
        assert len(venue.core.transfers) == 1
        assert (await venue.exchange.spots([SpotAsk("BTC", WANTED)]))[0].found is TransferStatus.DONE


@pytest.mark.parametrize("name", sorted(ENVIRONMENT.keys() - {"bybit", "okx"}))
async def test_where_the_right_would_withdraw_too_nothing_is_ever_sent(name):
    async with under_test(name, Wanted(collateral={"BTC": D(10)})) as venue:
        assert not venue.exchange.moves_collateral
        with pytest.raises(NotSent):
            await venue.exchange.transfer(WANTED)
        (found,) = await venue.exchange.spots([SpotAsk("BTC")])
        assert found.coins is None
        assert found.error


async def test_a_spot_wallet_that_cannot_be_read_is_unknown_and_named():
    async with under_test("bybit", Wanted(collateral={"BTC": D(10)})) as venue:
        venue.server.faults.add("error", "read-spot", code="10016")
        (found,) = await venue.exchange.spots([SpotAsk("BTC", replace(WANTED))])
        assert found.coins is None
        assert found.found is TransferStatus.ABSENT
        assert "spot wallet of BTC" in found.error
