"""A server that keeps its connections open and answers nothing: no turn waits for it, and nothing it was told is on record twice."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from adapters.clock import SystemClock
from adapters.kill_file import KillFile
from bot.audit import database
from bot.audit.lease import LeaseHeld
from bot.audit.patience import ANSWER_SECONDS
from bot.audit.store import HURRIED_SECONDS, LATE_SECONDS, MOMENT_SECONDS, Store
from bot.audit.verify import Verdict, verify
from bot.core.events import ErrorSeen
from bot.core.memory import State
from bot.gate import SignGate
from bot.leading import proving
from bot.ports import Misconfigured, NotSent
from tests.audit.freezing import frozen
from tests.audit.worlds import NOW, OWNER, approved, in_charge, intent

SOON = LATE_SECONDS + 1.5  # and what a busy machine takes


def said(number: int) -> ErrorSeen:
    return ErrorSeen("look", f"timeout {number}", NOW)


@pytest.fixture
def server(fresh_server_url: str) -> str:
    database.upgrade(fresh_server_url)
    return fresh_server_url


@pytest.fixture
def live(server: str) -> Iterator[Store]:
    store = Store.open(server, **OWNER, beside_the_loop=True, bounded=True)
    store.lead("pid 1")
    yield store
    store.close()


async def until(holds: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (other processes and threads do it)
            await asyncio.sleep(0.01)


async def again(store: Store) -> None:
    """As the turns of a bot do: ask until there is an answer."""
    async with asyncio.timeout(60):
        while True:
            with suppress(NotSent):
                if await store.reread() is not None:
                    return await store.prove()
            await asyncio.sleep(0.01)


def succeeds(store: Store) -> bool:
    with suppress(LeaseHeld):  # the server has not missed the session of before yet
        store.lead("pid 2")
    return store.epoch is not None


@pytest.mark.parametrize("rows", [1, 2], ids=["a row", "a transaction of several"])
async def test_a_write_that_gets_no_answer_is_given_up_and_is_on_record_once_or_not_at_all(live: Store, server: str, rows: int) -> None:
    _, taken = in_charge(State(account="main", instance=live.instance))
    await live.append(taken)
    lost, longest = [said(1), intent("hbone")][:rows], 0.0

    async def turning() -> None:
        nonlocal longest
        while True:
            began = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - began)

    loop = asyncio.create_task(turning())
    with frozen(server):
        began = time.monotonic()
        with pytest.raises(NotSent, match=r"no answer for 3 s .* nobody knows whether it was recorded: .*ErrorSeen.*; nothing was sent"):
            await live.append(lost)
        assert time.monotonic() - began < SOON
        for ask in (live.prove(), live.append([said(2)])):  # a turn that finds the last answer missing waits for none
            began = time.monotonic()
            with pytest.raises(NotSent):
                await ask
            assert time.monotonic() - began < LATE_SECONDS / 2
        assert await live.reread() is None
    loop.cancel()
    assert longest < 1.0
    await again(live)
    assert live.head().seq == len(taken) + rows
    assert await live.append([said(2)]) == len(taken) + rows + 1
    assert [row.kind for row in live.entries(after_seq=len(taken))] == [*(type(one).__name__ for one in lost), "ErrorSeen"]
    assert verify(live, [live.head()]).verdict is Verdict.GOOD


@pytest.mark.parametrize("several", [False, True], ids=["commits by itself", "waits for the word to commit"])
async def test_what_a_frozen_server_was_told_before_the_line_was_closed_is_found_or_gone_when_it_thaws(
    live: Store, server: str, several: bool
) -> None:
    """It finds the statements in the socket that we have closed. A single row commits by itself; several await a word that never comes."""
    await live.append([said(0)])
    with frozen(server):
        with pytest.raises(NotSent):
            await live.append([said(1), said(2)] if several else [said(1)])
        await until(lambda: live._writer.connection is None)  # the driver gives up, after the turn did
    await again(live)
    if not several:
        with closing(Store.read(server)) as reader:
            await until(lambda: reader.head().seq == 2)
    try:
        await live.append([said(3)])
    except NotSent:  # that row came after it was looked for
        assert not several
        await again(live)
        await live.append([said(3)])
    numbers = (0, 3) if several else (0, 1, 3)
    assert [row.event.error for row in live.entries()] == [f"timeout {number}" for number in numbers]
    assert verify(live, [live.head()]).verdict is Verdict.GOOD


async def test_a_lease_that_the_server_still_keeps_for_our_session_of_before_is_taken_back(live: Store, server: str) -> None:
    """It thaws and has not missed that session yet: that is not another leader."""
    kept = live._lock.session
    live._lock.session = live.database.connection()  # as if the line of the old one were dead: it goes on holding the lock
    await live.prove()
    other = Store.open(server, **OWNER)
    with pytest.raises(LeaseHeld):
        other.lead("pid 2")
    other.close()
    assert await live.append([said(0)]) == 1
    kept.close()


async def test_cancels_go_out_while_the_question_for_the_lease_gets_no_answer(live: Store, server: str, tmp_path) -> None:
    """Long before the lease runs out the gate knows that it is the database that is silent, not this process that slept."""
    clock = SystemClock()
    gate = SignGate(clock, KillFile(tmp_path / "kill"))
    gate.state = in_charge(State(account="main", instance=live.instance))[0]
    gate.lease_ttl_ms = live.ttl_ms = 300  # it is asked at once
    gate.lease_proven(clock.mono_ms())
    with frozen(server):
        async with proving(live, gate, clock, lambda: None):
            await until(gate.lease_run_out, SOON)
            with pytest.raises(NotSent, match="slept past its lease"):
                gate.check(None)
            await until(lambda: gate.lease_asked_in_vain, SOON)
            gate.check(None)
            with pytest.raises(NotSent, match="not ours"):
                gate.check(approved("hbone"))


async def test_a_frozen_server_keeps_nobody_waiting_at_the_start(server: str) -> None:
    with frozen(server):
        began = time.monotonic()
        with pytest.raises(Misconfigured, match="the server is there and answers nothing"):
            await asyncio.to_thread(Store.open, server, **OWNER, bounded=True)
        assert time.monotonic() - began < ANSWER_SECONDS + 2


async def test_whoever_is_in_a_hurry_waits_no_longer_for_what_was_asked_before(live: Store, server: str) -> None:
    hurries = False
    live.hurry(lambda: hurries)
    with frozen(server):
        asking = asyncio.ensure_future(live.append([said(0)]))
        await asyncio.wait([asking], timeout=2 * HURRIED_SECONDS)
        assert not asking.done()
        hurries, began = True, time.monotonic()
        with pytest.raises(NotSent, match=r"no answer for 0\.2 s"):
            await asking
        assert await live.reread() is None
        assert time.monotonic() - began < MOMENT_SECONDS
    await again(live)
    assert live.head().seq == 1


async def test_a_store_that_waits_for_a_frozen_server_in_vain_is_closed_at_once(server: str) -> None:
    store = Store.open(server, **OWNER, beside_the_loop=True, bounded=True)
    store.lead("pid 1")
    with frozen(server):
        with pytest.raises(NotSent):
            await store.append([said(0)])
        await until(lambda: store._writer.connection is None)  # now the thread waits for a new connection, to see whether it was committed
        began = time.monotonic()
        await asyncio.to_thread(store.close)
        assert time.monotonic() - began < MOMENT_SECONDS + 1


async def test_a_store_whose_server_is_frozen_is_closed_within_seconds(server: str) -> None:
    store = Store.open(server, **OWNER, beside_the_loop=True, bounded=True)
    store.lead("pid 1")
    with frozen(server):
        began = time.monotonic()
        await asyncio.to_thread(store.close)
        assert time.monotonic() - began < SOON
    with closing(Store.open(server, **OWNER)) as successor:
        await until(lambda: succeeds(successor))
