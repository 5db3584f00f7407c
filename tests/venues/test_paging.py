"""Is a history read to its end, however long the bot was away?"""

from decimal import Decimal

from tests.contract.ccxt_driver import INVERSE, under_test
from tests.contract.driver import D, Wanted, open_at, seen


async def test_funding_of_more_than_one_page_is_read_whole_and_once() -> None:
    """Kraken pays every hour and shows 500 payments at a time: three weeks away are more than that."""
    async with under_test("krakenfutures", Wanted(collateral={"BTC": D(10)})) as venue:
        await open_at(venue, 100, 60000, client_id="a1")
        core = venue.server.core  # type: ignore[attr-defined]
        for _ in range(1_201):
            venue.clock.shift_ms += 3_600_000  # type: ignore[attr-defined]
            core.settle_funding(INVERSE, Decimal("0.00001"))
        payments = (await seen(venue)).funding
        assert payments is not None
        assert len(payments) == len({payment.payment_id for payment in payments}) == 1_201
        assert abs(sum(payment.coins for payment in payments) - (core.wallets["BTC"] - 10)) < D("1e-15")
