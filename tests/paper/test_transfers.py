"""Do coins in the paper venue's spot wallet survive, move whole, and stay the same coins?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.exchanges.paper_faults import Fault, Trouble
from bot.core.decision import Transfer
from bot.core.model import TransferStatus
from bot.ports import NotSent, Refused, SpotAsk
from tests.paper.trading import D, make, view


def transfer(name: str, coins: str) -> Transfer:
    return Transfer(name, "BTC", D(coins), 1 << 60, "test")


async def beside(paper) -> D:
    (found,) = await paper.spots([SpotAsk("BTC")])
    return found.coins


async def test_what_moved_stays_moved_when_the_venue_is_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'paper.db'}"
    paper = make(url, spot={"BTC": D(2)})
    await paper.transfer(transfer("t1", "0.75"))
    await paper.close()
    again = make(url, spot={"BTC": D(2)})  # what the file says now counts only for a new wallet
    assert await beside(again) == D("1.25")
    (margin,) = [(await view(again)).margin]
    assert margin is not None
    assert margin.wallet == D("5.75")
    assert again.moved_in() == {"BTC": D("0.75")}
    (found,) = await again.spots([SpotAsk("BTC", transfer("t1", "0.75"))])
    assert found.found is TransferStatus.DONE
    await again.transfer(transfer("t1", "0.75"))
    assert await beside(again) == D("1.25")


async def test_a_database_of_before_is_read_and_gets_its_wallet_once_one_is_configured(tmp_path: Path) -> None:
    file = tmp_path / "paper.db"
    paper = make(f"sqlite:///{file}")
    await paper.close()
    with closing(sqlite3.connect(file)) as old:
        for table in ("paper_spot", "paper_transfer"):
            old.execute(f"DROP TABLE {table}")
        old.commit()
    again = make(f"sqlite:///{file}")
    assert await beside(again) == 0
    await again.close()
    funded = make(f"sqlite:///{file}", spot={"BTC": D(2)})
    assert await beside(funded) == 2
    assert (await view(funded)).margin is not None


async def test_a_currency_that_is_posted_later_is_funded_once_and_the_others_stay_as_they_are(tmp_path: Path) -> None:
    """Whoever hedges one asset more on paper begins with collateral for it, and loses nothing of what he has."""
    url = f"sqlite:///{tmp_path / 'paper.db'}"
    await make(url, collateral={"BTC": D(5)}).close()
    for _ in range(2):
        grown = make(url, collateral={"BTC": D(50), "ETH": D(10)})
        assert {one.currency: one.wallet for one in grown.balances()} == {"BTC": D(5), "ETH": D(10)}
        assert grown.opened.collateral == {"BTC": D(5), "ETH": D(10)}
        await grown.close()


async def test_another_process_that_looks_sees_what_moved(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'paper.db'}"
    one, other = make(url, spot={"BTC": D(2)}), make(url, spot={"BTC": D(2)})
    await one.transfer(transfer("t1", "0.5"))
    assert await beside(other) == D("1.5")
    with pytest.raises(Refused):
        await other.transfer(transfer("t2", "1.6"))
    await other.transfer(transfer("t2", "1.5"))
    assert await beside(one) == 0


async def test_every_coin_is_somewhere(tmp_path: Path) -> None:
    paper = make(f"sqlite:///{tmp_path / 'paper.db'}", spot={"BTC": D(2)})
    for number, coins in enumerate(("0.3", "-0.1", "1.8", "-2", "0.00000001")):
        await paper.transfer(transfer(f"t{number}", coins))
        (balance,) = [one for one in paper.balances() if one.currency == "BTC"]
        assert balance.wallet + await beside(paper) == 7
        assert balance.wallet == balance.deposited == 5 + paper.moved_in()["BTC"]


async def test_a_venue_that_is_down_neither_moves_nor_tells() -> None:
    paper = make(spot={"BTC": D(2)})
    paper.faults.add(Fault(Trouble.DOWN, times=2))
    with pytest.raises(NotSent):
        await paper.transfer(transfer("t1", "1"))
    (found,) = await paper.spots([SpotAsk("BTC")])
    assert found.coins is None
    assert "down" in found.error
    assert await beside(paper) == 2
