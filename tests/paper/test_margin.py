"""Do positions of one currency carry and sink each other, and is every loss accounted for?"""

import pytest

from bot.core.model import OrderStatus, Side
from bot.ports import Refused
from tests.paper.trading import BTC, START_MS, USDT, D, held, make, order, view

ETH_USDT = "ETH/USDT:USDT"


async def test_profit_in_one_contract_carries_a_loss_in_another_of_the_same_currency() -> None:
    paper = make(collateral={"USDT": D(6000)})
    for symbol in (USDT, ETH_USDT):
        await paper.set_leverage(symbol, 50)
    await paper.place(order("a", Side.SELL, 1000, 59994, symbol=USDT, post_only=False))  # 1 BTC short
    paper.print("BTC", D(63000), START_MS + 1)  # a loss of 3,006
    await paper.place(order("b", Side.SELL, 500, "2999.7", symbol=ETH_USDT, post_only=False))  # 5 ETH short
    paper.print("ETH", D(2000), START_MS + 2)  # a profit of 4,998.5
    paper.print("BTC", D(70000), START_MS + 3)  # a loss of 10,006: more than the wallet
    assert (await held(paper, USDT), await held(paper, ETH_USDT)) == (-1000, -500)
    await paper.place(order("c", Side.BUY, 1, 1990, symbol=ETH_USDT))
    paper.print("BTC", D(71000), START_MS + 4)
    assert (await held(paper, USDT), await held(paper, ETH_USDT)) == (0, 0)
    (ended,) = (await view(paper, "c", symbol=ETH_USDT)).found or ()
    assert (ended.status, ended.why) == (OrderStatus.CANCELLED, "liquidation")
    assert {one.symbol: one.liquidated for one in paper.accounts()} == {USDT: True, ETH_USDT: True}
    await paper.close()


async def test_another_currency_is_untouched_by_a_liquidation() -> None:
    paper = make(collateral={"BTC": D(5), "USDT": D(6100)})
    await paper.place(order("a", Side.SELL, 1000, 59994, symbol=USDT, post_only=False))
    await paper.place(order("b", Side.SELL, 100, 70000))
    paper.print("BTC", D(66500), START_MS + 1)
    assert await held(paper, USDT) == 0
    (kept,) = (await view(paper, "b")).found or ()
    assert kept.status is OrderStatus.OPEN
    await paper.close()


async def test_what_a_liquidation_could_not_collect_is_borne_by_the_venue_and_shown() -> None:
    paper = make(collateral={"BTC": D(1)})
    await paper.place(order("a", Side.SELL, 3000, 59994, post_only=False))
    paper.print("BTC", D(90000), START_MS + 1)
    (balance,) = paper.balances()
    assert (balance.wallet, balance.insured > 0) == (0, True)
    assert balance.deposited + balance.realised - balance.fees + balance.insured == 0
    await paper.close()


@pytest.mark.parametrize(("amount", "allowed"), [("-4.49", True), ("-4.51", False), ("-6", False)])
async def test_coins_that_carry_a_position_cannot_be_withdrawn(amount: str, allowed: bool) -> None:
    paper = make(spread_bps=D(0), instruments=())
    await paper.set_leverage(BTC, 1)
    await paper.place(order("a", Side.SELL, 300, "59999.9", post_only=False))  # ties up 0.5 BTC
    if allowed:
        paper.deposit("BTC", D(amount))
    else:
        with pytest.raises(Refused, match="cannot be withdrawn"):
            paper.deposit("BTC", D(amount))
    margin = (await view(paper)).margin
    assert margin is not None
    assert margin.wallet == D(5) - D("0.00025001") + (D(amount) if allowed else 0)
    await paper.close()


async def test_an_order_that_turns_the_position_over_ties_up_margin_for_the_far_side_only() -> None:
    paper = make(collateral={"BTC": D(1)})
    await paper.set_leverage(BTC, 2)
    await paper.place(order("a", Side.SELL, 1000, 59994, post_only=False))
    assert (await paper.place(order("b", Side.BUY, 2000, 59000))).status is OrderStatus.OPEN
    with pytest.raises(Refused, match="insufficient margin"):
        await paper.place(order("c", Side.BUY, 300, 59000))
    await paper.close()


async def test_totals_value_each_payment_at_the_price_of_its_moment() -> None:
    paper = make()
    await paper.place(order("a", Side.SELL, 1000, 59994, post_only=False))
    paper.settle_funding("BTC", D("0.001"), START_MS + 1)
    paper.print("BTC", D(30000), START_MS + 2)
    paper.settle_funding("BTC", D("0.001"), START_MS + 3)
    (account,) = (one for one in paper.accounts() if one.symbol == BTC)
    assert (account.fills, account.turnover_usd) == (1, 100_000)
    assert account.fees_coins == D("0.00083342")  # 100,000 / 59,994 x 0.0005, rounded up
    assert account.fees_usd == account.fees_coins * 59994
    assert account.funding_coins == D("0.00166667") + D("0.00333333")
    assert account.funding_usd == D("0.00166667") * 60000 + D("0.00333333") * 30000
    await paper.close()
