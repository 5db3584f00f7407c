"""Can every trouble be made to happen, just as often as asked?"""

import asyncio

import pytest

from adapters.clock import VirtualClock
from adapters.exchanges.paper_faults import Fault, Trouble
from bot.core.decision import Approved
from bot.core.model import Ask, OrderStatus, Side
from bot.ports import NotSent, Refused, Unknown
from tests.paper.trading import BTC, ETH, START_MS, D, make, order, view

SELL = Side.SELL


async def test_a_fault_happens_as_often_as_it_says_and_then_no_more() -> None:
    paper = make(faults=[Fault(Trouble.PLACE_NOT_SENT, times=2)])
    for number in range(2):
        with pytest.raises(NotSent):
            await paper.place(order(f"a{number}", SELL, 1, 60100))
    assert (await paper.place(order("a2", SELL, 1, 60100))).status is OrderStatus.OPEN
    assert not paper.faults
    await paper.close()


async def test_placing_a_rejected_id_again_returns_the_rejected_order() -> None:
    paper = make(faults=[Fault(Trouble.PLACE_REJECTED)])
    with pytest.raises(Refused):
        await paper.place(order("a", SELL, 1, 60100))
    again = await paper.place(order("a", SELL, 1, 60100))
    assert (again.status, again.why) == (OrderStatus.REJECTED, "rejected (fault)")
    await paper.close()


async def test_a_fault_on_one_symbol_spares_the_other() -> None:
    paper = make(faults=[Fault(Trouble.PLACE_LOST, symbol=ETH)])
    await paper.place(order("a", SELL, 1, 60100))
    with pytest.raises(Unknown):
        await paper.place(order("b", SELL, 1, 3100, symbol=ETH))
    await paper.close()


async def test_a_lost_cancel_leaves_the_order_open() -> None:
    paper = make(faults=[Fault(Trouble.CANCEL_LOST)])
    await paper.place(order("a", SELL, 1, 60100))
    with pytest.raises(Unknown):
        await paper.cancel(BTC, "a")
    assert len((await view(paper)).open_orders or ()) == 1
    paper.faults.add(Fault(Trouble.CANCEL_NOT_SENT))
    with pytest.raises(NotSent):
        await paper.cancel(BTC, "a")
    assert len((await view(paper)).open_orders or ()) == 1
    await paper.close()


@pytest.mark.parametrize(
    ("trouble", "error", "leverage"), [(Trouble.LEVERAGE_NOT_SENT, NotSent, 10), (Trouble.LEVERAGE_ANSWER_LOST, Unknown, 3)]
)
async def test_a_lost_leverage_call(trouble: Trouble, error: type[Exception], leverage: int) -> None:
    paper = make(faults=[Fault(trouble)])
    with pytest.raises(error):
        await paper.set_leverage(BTC, 3)
    position = (await view(paper)).position
    assert position is not None
    assert position.leverage_setting == leverage
    await paper.close()


async def test_a_stale_read_shows_the_last_one_with_its_stamp() -> None:
    clock = VirtualClock(START_MS)
    paper = make(clock=clock)
    before = (await view(paper)).quote
    clock.advance_to(START_MS + 5000)
    paper.print("BTC", D(50000), START_MS + 5000)
    paper.faults.add(Fault(Trouble.READ_STALE, times=2, part="quote"))
    for _ in range(2):
        frozen = await view(paper)
        assert frozen.quote == before
        assert frozen.position is not None
        assert frozen.position.at_ms == START_MS + 5000
    moved = (await view(paper)).quote
    assert moved is not None
    assert (moved.mark, moved.at_ms) == (50000, START_MS + 5000)
    await paper.close()


async def test_a_read_fault_counts_looks_not_symbols() -> None:
    paper = make(faults=[Fault(Trouble.READ_FAILS, times=1)])
    asks = [Ask(BTC, 0, 0), Ask(ETH, 0, 0)]
    assert [one.quote for one in await paper.look(asks)] == [None, None]
    assert all(one.quote and not one.errors for one in await paper.look(asks))
    await paper.close()


async def test_a_venue_that_is_down_answers_nothing_and_loses_nothing() -> None:
    paper = make()
    await paper.place(order("a", SELL, 1, 60100))
    paper.faults.add(Fault(Trouble.DOWN, times=5))
    seen = await view(paper, "a")
    assert (seen.quote, seen.position, seen.margin, seen.open_orders, seen.found, seen.fills, seen.funding) == (None,) * 7
    assert len(seen.errors) == 7
    with pytest.raises(NotSent):
        await paper.place(order("b", SELL, 1, 60100))
    with pytest.raises(NotSent):
        await paper.cancel(BTC, "a")
    with pytest.raises(NotSent):
        await paper.set_leverage(BTC, 3)
    with pytest.raises(NotSent):
        await paper.server_time_ms()
    assert [one.client_id for one in (await view(paper, "a", "b")).found or ()] == ["a"]
    await paper.close()


async def test_latency_passes_before_the_order_arrives_and_again_before_its_answer() -> None:
    clock = VirtualClock(START_MS)
    asked_at: list[int] = []

    class Gate:
        def check(self, order: Approved | None) -> None:
            asked_at.append(clock.now_ms())

    paper = make(clock=clock, latency_ms=40, gate=Gate())
    placed = await paper.place(order("a", SELL, 1, 60100))
    assert (asked_at, placed.at_ms, clock.now_ms()) == ([START_MS + 40], START_MS + 40, START_MS + 80)
    await paper.close()


async def test_a_gate_is_asked_last_and_keeps_the_order_out() -> None:
    class Gate:
        def check(self, order: Approved | None) -> None:
            raise NotSent("killed")

    paper = make(gate=Gate())
    with pytest.raises(NotSent, match="killed"):
        await paper.place(order("a", SELL, 1, 60100))
    assert (await view(paper, "a")).found == ()
    await paper.close()


async def test_without_latency_a_look_is_one_moment() -> None:
    paper = make()
    ran: list[str] = []

    async def other() -> None:
        ran.append("other")

    task = asyncio.create_task(other())
    await paper.look([Ask(BTC, 0, 0)])
    assert ran == []  # the event loop had no turn in between
    await task
    await paper.close()
