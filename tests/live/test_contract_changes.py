"""Does a contract that changes at a venue stop its leg, at the start and while the bot runs, until a person accepts it?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.exchanges import relisting
from bot.audit.store import Store
from bot.core.events import CommandGiven, ContractChanged, ContractPinned
from bot.engine import Engine
from bot.exit_codes import Exit
from bot.ports import NotSent
from bot.running import Until, run
from bot.wiring.record import read_store
from bot.wiring.start import wired
from tests.live.desk import PATIENCE_S, Desk, desk, held_usd, intended_usd

VENUES = ("bybit", "deribit")
BTC = "BTC/USD:BTC"


def change(here: Desk, **what: Any) -> None:
    """The venue lists another contract from now on."""
    core = here.server.core
    core.contracts[BTC] = replace(core.contracts[BTC], **what)


@asynccontextmanager
async def running(here: Desk, ratio: str = "1.0") -> AsyncIterator[Engine]:
    stop = asyncio.Event()
    async with wired(here.settings(ratio), live_flag=True, absence=here.absence) as bot:
        ending = asyncio.create_task(run(bot.engine, bot.run_id, stop, Until()))
        try:
            yield bot.engine
        finally:
            stop.set()
            assert await ending is Exit.DONE


async def until(engine: Engine, holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await engine.turned.rings()


def why(engine: Engine, asset: str = "BTC") -> str:
    legs = engine.decision.legs if engine.decision is not None else ()
    return next((leg.why for leg in legs if leg.asset == asset), "")


def store_of(here: Desk) -> Store:
    return read_store(here.settings("1.0"))


@pytest.mark.parametrize("venue", VENUES)
async def test_a_tick_that_changed_while_no_bot_ran_stops_its_leg_at_the_start(venue: str, tmp_path: Path) -> None:
    async with desk(venue, tmp_path) as here:
        here.market.quote(selling=True)
        assert await here.hedge("1.0") is Exit.DONE
        sent = len(here.server.asked("place"))
        change(here, tick=here.server.core.contracts[BTC].tick * 2)
        here.market.quote(selling=False)
        assert await here.hedge("0.5") is Exit.ATTENTION
        assert here.last is not None
        ((asset, halted),) = here.last.halted_legs
        assert asset == "BTC"
        assert f"the contract {BTC} changed at the venue (tick " in halted
        assert "hedgebot accept-contract BTC --reason" in halted
        assert held_usd(here.server) == {BTC: -180_000, "ETH/USD:ETH": -45_000}  # the other leg went on
        assert len(here.server.asked("place")) > sent
        store = store_of(here)
        try:
            kinds = [row.event for row in store.entries() if isinstance(row.event, ContractPinned | ContractChanged)]
        finally:
            store.close()
        assert [type(event) for event in kinds] == [ContractPinned, ContractPinned, ContractChanged]


@pytest.mark.parametrize("venue", ["bybit", "okx", "binancecoinm"])
async def test_an_order_is_cut_to_what_the_venue_takes_in_one(venue: str, tmp_path: Path) -> None:
    async with desk(venue, tmp_path) as here:
        here.market.quote(selling=True)
        largest = 50_000 // int(here.server.core.contracts[BTC].unit)
        change(here, max_units=largest)
        assert await here.hedge("1.0") is Exit.DONE
        assert held_usd(here.server) == intended_usd("1.0")
        sold = [order.units for order in here.server.core.orders.values() if order.symbol == BTC]
        assert max(sold) == largest
        assert here.problems() == []


@pytest.mark.parametrize("venue", VENUES)
async def test_a_change_under_a_running_bot_is_noticed_and_accepted_by_a_command(
    venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relisting, "RELOAD_MS", 200)
    monkeypatch.setattr(relisting, "AGAIN_MS", 200)
    async with desk(venue, tmp_path) as here:
        here.market.takes = False
        here.market.quote(selling=True)
        async with running(here) as engine:
            await until(engine, lambda: len(here.server.core.open_orders()) == 2)
            change(here, tick=here.server.core.contracts[BTC].tick * 2)
            await until(engine, lambda: "changed at the venue" in why(engine))
            await until(engine, lambda: not here.server.core.open_orders(BTC) and engine.state.leg("BTC").working is None)
            sent = len(here.server.core.orders)
            await until(engine, lambda turns=engine.turns + 5: engine.turns >= turns)
            assert [order.symbol for order in list(here.server.core.orders.values())[sent:]].count(BTC) == 0
            assert engine.state.killed is None
            refused = await engine.command(CommandGiven("accept-contract", "test", 0, "BTC"))
            assert "needs a reason" in refused.message
            here.market.takes = True
            word = CommandGiven("accept-contract", "test", engine.parts.clock.now_ms(), "BTC", reason="the venue announced it")
            assert (await engine.command(word)).code == "ok"
            await until(engine, lambda: held_usd(here.server) == intended_usd("1.0"))
            again = await engine.command(word)
            assert "nothing to accept" in again.message
        assert here.problems() == []


async def test_a_lot_ten_times_as_large_counts_the_hedge_anew_once_it_is_accepted(tmp_path: Path) -> None:
    """Bybit: amounts are USD, so the position stays what it is and is counted in contracts of 10 USD."""
    async with desk("bybit", tmp_path) as here:
        here.market.quote(selling=True)
        assert await here.hedge("1.0") is Exit.DONE
        core = here.server.core
        contract, held = core.contracts[BTC], core.positions[BTC]
        core.contracts[BTC] = replace(contract, lot=contract.lot * 10, unit=contract.unit * 10)
        held.units //= 10
        for order in core.orders.values():
            if order.symbol == BTC:
                order.units, order.filled = order.units // 10, order.filled // 10
        core.trades[:] = [replace(trade, units=trade.units // 10) if trade.symbol == BTC else trade for trade in core.trades]
        here.market.quote(selling=False)
        assert await here.hedge("0.5") is Exit.ATTENTION
        assert held_usd(here.server)[BTC] == -180_000
        async with running(here, "0.5") as engine:
            await until(engine, lambda: "contract size 1 → 10" in why(engine))
            assert engine.state.leg("BTC").contracts == -180_000
            word = CommandGiven("accept-contract", "test", engine.parts.clock.now_ms(), "BTC", reason="the venue announced it")
            assert (await engine.command(word)).code == "ok"
            await until(engine, lambda: held_usd(here.server) == intended_usd("0.5"))
            await until(engine, lambda: engine.state.leg("BTC").contracts == -9_000)
            assert engine.state.killed is None


@pytest.mark.parametrize("venue", VENUES)
async def test_a_contract_that_is_not_listed_any_more_has_no_price(venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relisting, "RELOAD_MS", 200)
    monkeypatch.setattr(relisting, "AGAIN_MS", 200)
    async with desk(venue, tmp_path) as here:
        here.market.quote(selling=True)
        async with running(here) as engine:
            await until(engine, lambda: held_usd(here.server) == intended_usd("1.0"))
            contract = here.server.core.contracts.pop(BTC)
            await until(engine, lambda: why(engine).startswith("UNKNOWN"))
            sent = len(here.server.asked("place"))
            await until(engine, lambda turns=engine.turns + 3: engine.turns >= turns)
            assert len(here.server.asked("place")) == sent
            assert engine.state.killed is None
            here.server.core.contracts[BTC] = contract
            await until(engine, lambda: not why(engine).startswith("UNKNOWN"))


class Still:
    mono = 1_000_000

    def mono_ms(self) -> int:
        return self.mono


def test_a_reading_of_the_list_is_due_soon_after_a_refusal_and_not_at_once_again() -> None:
    clock = Still()
    listing = relisting.Relisting(clock, lambda: None)  # type: ignore[arg-type,return-value]
    assert listing.due_mono_ms == clock.mono + relisting.RELOAD_MS
    listing.soon()
    assert listing.due_mono_ms == clock.mono + relisting.AGAIN_MS
    clock.mono += 2 * relisting.AGAIN_MS
    listing.due_mono_ms = clock.mono + relisting.RELOAD_MS
    listing.soon()
    assert listing.due_mono_ms == clock.mono


async def test_a_list_that_is_empty_or_does_not_come_changes_nothing_and_is_asked_for_again_soon() -> None:
    clock, answers = Still(), iter([{}, NotSent("the venue is down"), {BTC: {"symbol": BTC}}])

    async def load() -> relisting.Markets:
        answer = next(answers)
        if isinstance(answer, NotSent):
            raise answer
        return answer

    listing = relisting.Relisting(clock, load)  # type: ignore[arg-type]

    async def read() -> relisting.Markets | None:
        clock.mono = listing.due_mono_ms - 1
        assert listing.arrived() is None
        await asyncio.sleep(0)
        assert listing._reading is None  # too early
        clock.mono += 1
        assert listing.arrived() is None
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return listing.arrived()

    for _ in range(2):
        assert await read() is None
        assert listing.due_mono_ms == clock.mono + relisting.AGAIN_MS
    assert await read() == {BTC: {"symbol": BTC}}
    assert listing.due_mono_ms == clock.mono + relisting.RELOAD_MS
    await listing.close()


async def test_a_reading_that_never_ends_is_given_up_when_the_bot_ends() -> None:
    clock, ended = Still(), asyncio.Event()

    async def load() -> relisting.Markets:
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    listing = relisting.Relisting(clock, load)  # type: ignore[arg-type]
    clock.mono = listing.due_mono_ms
    listing.arrived()
    await asyncio.sleep(0)
    await asyncio.wait_for(listing.close(), 10)
    assert ended.is_set()
