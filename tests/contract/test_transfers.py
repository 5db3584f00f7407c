"""Does collateral move once, whatever the answer, and never without a word about what became of it?"""

from decimal import Decimal

import pytest

from bot.core.decision import Transfer
from bot.core.model import Side, SpotSeen, TransferStatus
from bot.ports import Mover, NotSent, Refused, SpotAsk, Unknown
from tests.contract.conftest import MOVERS
from tests.contract.driver import D, VenueUnderTest, open_at, seen, wallet

pytestmark = pytest.mark.parametrize("build", MOVERS, indirect=True)


def transfer(name: str = "hb00001aaaaaaaaaaaaaaaaaa", coins: str = "1.5") -> Transfer:
    return Transfer(name, "BTC", D(coins), 1 << 60, "test")


def mover(venue: VenueUnderTest) -> Mover:
    return venue.exchange  # type: ignore[return-value]


async def shown(venue: VenueUnderTest, asked: Transfer | None = None) -> SpotSeen:
    (found,) = await mover(venue).spots([SpotAsk("BTC", asked)])
    return found


@pytest.fixture
async def beside(venue: VenueUnderTest) -> VenueUnderTest:
    """10 BTC of collateral, 4 beside it."""
    await venue.hold_beside("BTC", D(4))
    return venue


async def both(venue: VenueUnderTest) -> tuple[Decimal | None, Decimal]:
    return (await shown(venue)).coins, await wallet(venue)


async def test_coins_move_into_the_account_and_back_and_none_is_lost(beside):
    await mover(beside).transfer(transfer())
    assert await both(beside) == (D("2.5"), D("11.5"))
    await mover(beside).transfer(transfer("hb00001bbbbbbbbbbbbbbbbbb", "-0.5"))
    assert await both(beside) == (D(3), D(11))


async def test_a_coin_of_which_nothing_lies_there_is_nothing_and_not_unknown(venue):
    assert (await shown(venue)).coins == 0


async def test_one_id_moves_coins_once_however_often_it_is_asked(beside):
    await mover(beside).transfer(transfer())
    await mover(beside).transfer(transfer())
    assert await both(beside) == (D("2.5"), D("11.5"))
    assert beside.transfers_made() == 1


async def test_a_lost_answer_is_unknown_and_the_history_proves_it_done(beside):
    beside.lose_next_transfer_answer()
    with pytest.raises(Unknown):
        await mover(beside).transfer(transfer())
    found = await shown(beside, transfer())
    assert found == SpotSeen("BTC", D("2.5"), TransferStatus.DONE)
    await mover(beside).transfer(transfer())  # asked again, it is looked up and not sent
    assert beside.transfers_made() == 1


async def test_a_lost_request_is_unknown_and_the_history_does_not_show_it(beside):
    beside.lose_next_transfer()
    with pytest.raises(Unknown):
        await mover(beside).transfer(transfer())
    assert await shown(beside, transfer()) == SpotSeen("BTC", D(4), TransferStatus.ABSENT)
    assert beside.transfers_made() == 0


async def test_more_than_lies_there_is_refused_and_moves_nothing(beside):
    with pytest.raises(Refused):
        await mover(beside).transfer(transfer(coins="4.0001"))
    assert await both(beside) == (D(4), D(10))


async def test_margin_in_use_does_not_leave_the_account(beside):
    await open_at(beside, 30_000, 60_000, client_id="o1", side=Side.SELL)  # 3,000,000 USD on 10 BTC
    with pytest.raises(Refused):
        await mover(beside).transfer(transfer(coins="-9"))
    assert (await seen(beside)).position.contracts == -30_000
    assert (await shown(beside)).coins == 4


async def test_a_key_without_the_right_is_refused_and_says_so(beside):
    beside.refuse_transfers()
    with pytest.raises(Refused, match=r"may not transfer|refused"):
        await mover(beside).transfer(transfer())
    assert await both(beside) == (D(4), D(10))


async def test_nothing_is_signed_while_the_gate_is_closed(beside):
    beside.close_gate("dry-run is on")
    with pytest.raises(NotSent, match="dry-run is on"):
        await mover(beside).transfer(transfer())
    assert beside.transfers_made() == 0
