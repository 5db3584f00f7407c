"""What each order came to cost is kept, shown and summed up: the same figures wherever somebody looks."""

from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from bot.audit.explain import explain
from bot.audit.sentences import trimmed
from bot.cli_show import costs_table
from bot.core.events import FillSeen
from bot.record_face import fills_json, orders_json
from bot.report import fold_report
from tests.engine.bots import Bot, Bots

D = Decimal


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[Bots]:
    made = Bots(tmp_path)
    yield made
    made.close()


async def traded(bots: Bots) -> Bot:
    bot = await bots.start()
    await bot.until_aligned()
    return bot


async def test_orders_and_fills_tell_what_they_cost_against_the_market_they_met(bots):
    bot = await traded(bots)
    orders, fills = orders_json(bot.store, bot.store.orders(limit=500)), fills_json(bot.store, bot.store.fills(limit=500))
    filled = [order for order in orders if order["filled"]]
    assert filled
    assert all((order["cost"] is None) is (order["filled"] == 0) for order in orders)
    assert all(D(order["arrival_mid"]) > 0 for order in orders)
    for one in [*filled, *fills]:
        cost = {name: D(value) for name, value in one["cost"].items()}
        assert abs(cost["market_bps"] - cost["slippage_bps"] - cost["fees_bps"] - cost["saved_bps"]) <= D("0.002")
        assert abs(cost["fees_bps"] - (2 if one.get("maker", one.get("post_only")) else 5)) < D("0.01")
    makers = [order for order in filled if order["post_only"]]
    assert all(D(order["cost"]["slippage_bps"]) < 0 and D(order["cost"]["saved_bps"]) > 3 for order in makers)


async def test_an_order_is_explained_with_its_cost(bots):
    bot = await traded(bots)
    order = next(one for one in orders_json(bot.store, bot.store.orders(limit=500)) if one["filled"])
    told = explain(bot.store, order["client_id"])
    cost, mid = order["cost"], trimmed(D(order["arrival_mid"]), 8)
    assert f"fees {trimmed(D(cost['fees_bps']), 2)} bp; a market order at that moment" in told
    assert f"against the mid of {mid}" in told
    assert f"{trimmed(D(cost['saved_bps']), 2)} bp saved" in told


async def test_the_report_sums_up_what_the_fills_cost(bots):
    bot = await traded(bots)
    (row,) = fold_report([one.event for one in bot.store.entries()]).json()["assets"]
    fills = fills_json(bot.store, bot.store.fills(limit=500))
    notional = [D(fill["notional_usd"]) for fill in fills]
    for name, figure in (("slippage_bps", row["premium"]["slippage_usd"]), ("saved_bps", row["saved_usd"])):
        summed = sum(usd * D(fill["cost"][name]) for usd, fill in zip(notional, fills, strict=True)) / 10_000
        assert abs(summed - D(figure)) < D("0.05")
    assert len(fills) == sum(isinstance(one.event, FillSeen) for one in bot.store.entries())


async def test_the_table_of_costs_has_every_order_that_traded_and_no_figure_is_cut_on_a_narrow_terminal(bots):
    bot = await traded(bots)
    orders, fills = orders_json(bot.store, bot.store.orders(limit=500)), fills_json(bot.store, bot.store.fills(limit=500))
    for listed in (orders, fills):
        for width in (100, 40):
            shown = drawn(costs_table(listed), width)
            for one in listed:
                saved = None if one["cost"] is None else f"{D(one['cost']['saved_bps']):.2f}".rstrip("0").rstrip(".")
                assert saved is None or saved in shown
    assert "nothing on record" in drawn(costs_table([one for one in orders if one["cost"] is None]), 100)


def drawn(table: RenderableType, width: int) -> str:
    terminal = Console(width=width, file=StringIO())
    with terminal.capture() as shown:
        terminal.print(table)
    return shown.get()
