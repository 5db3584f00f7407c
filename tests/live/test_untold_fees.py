"""Does a fee that a venue charges and does not tell move a hedge? Kraken Futures shows one schedule and charges by another."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from bot.exit_codes import Exit
from tests.live.desk import desk, held_usd, intended_usd
from tests.venue_server import Core


async def test_a_fee_that_is_not_told_is_taken_for_no_transfer(tmp_path: Path) -> None:
    async with desk("krakenfutures", tmp_path) as here:

        def dearer(core: Core) -> None:
            core.maker_fee = Decimal("0.0004")  # the bot read a schedule of nothing

        here.market.quote(selling=True)
        here.server.meanwhile("place", dearer)
        assert await here.hedge("0.5") is Exit.DONE
        assert here.server.core.wallets["BTC"] < 2
        assert held_usd(here.server)["BTC/USD:BTC"] == intended_usd("0.5")["BTC/USD:BTC"]
    with closing(sqlite3.connect(tmp_path / "hedgebot.db")) as record:
        kinds = {kind for (kind,) in record.execute("SELECT kind FROM entries")}
    assert "FillSeen" in kinds
    assert "CoinsMoved" not in kinds
