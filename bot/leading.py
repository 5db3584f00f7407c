"""How does a process become the leader of an account, and stay it? Take the lease, wait for what the last leader may still have under
way, and prove every few seconds that it is ours.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog

from bot.audit.lease import BEAT_MS, LeaseHeld
from bot.audit.store import LATE_SECONDS, Store
from bot.core.events import RunEnded, RunStarted
from bot.core.model import View
from bot.core.planner import epochs_ahead
from bot.event_loop import beside
from bot.gate import SignGate
from bot.ports import Clock, LeaseLost, PortError

log = structlog.get_logger("hedgebot")
IN_FLIGHT_MS: Final = 41_000  # a signed request may still take effect: the widest receive window 30 s (OKX), HTTP timeout 10 s, clocks 1 s


async def lead(store: Store, holder: str, clock: Clock, over_beat_ms: int | None = None) -> int:
    """Take the lease and return our epoch. A holder that seems silent is watched for the TTL first, and then succeeded. Raise LeaseHeld.

    `over_beat_ms`: the caller has watched already; see `Store.lead`.
    """
    try:
        return await store.aside(partial(store.lead, holder, over_beat_ms=over_beat_ms))
    except LeaseHeld as held:
        if not held.silent or store.ttl_ms is None:
            raise
        log.warning("lease.silent", holder=held.holder, did=f"watching it for {store.ttl_ms / 1000:g} s before taking over")
        await clock.sleep_ms(store.ttl_ms)
        epoch = await store.aside(partial(store.lead, holder, over_beat_ms=held.beat_ms))
        log.warning("lease.taken_over", was=held.holder, epoch=epoch, did="its sessions were ended; its epoch can write nothing more")
        return epoch


def takeover_wait_ms(store: Store, absence_ms: int) -> int:
    """How long requests of the leader before us may still take effect, counted from the moment in which we lead.

    None after a verified end. Else what it signed last may be under way (nothing is, where reads cannot lag); and on a server it may have
    signed until its lease ran out, unless we watched that happen. On SQLite a lease ends with its process.
    """
    seq = store.head().seq
    began, ended = store.newest_of(RunStarted.__name__, seq), store.newest_of(RunEnded.__name__, seq)
    if began is None or not isinstance(began.event, RunStarted) or not began.event.live:
        return 0
    if ended is not None and ended.seq > began.seq and isinstance(ended.event, RunEnded) and ended.event.verified:
        return 0
    still_leading = 0 if store.watched else store.ttl_ms or 0
    return still_leading + min(absence_ms, IN_FLIGHT_MS)


def newest_epoch(views: Sequence[View], instance: str, epoch: int) -> int:
    """The highest epoch in tags of ours at the venue; `epoch` if none is higher. A database restored from a backup has forgotten some."""
    for view in views:
        identities = [order.client_id for order in view.open_orders or ()] + [fill.client_id for fill in view.fills or ()]
        for identity in identities:
            epoch += epochs_ahead(identity, instance, epoch)
    return epoch


@asynccontextmanager
async def proving(store: Store, gate: SignGate, clock: Clock, wake: Callable[[], None]) -> AsyncIterator[None]:
    """Prove the lease beside the turns while the context lasts, where it would run out: a turn may take long, and cycles too."""
    if store.ttl_ms is None:
        yield
        return
    async with beside(prove(store, gate, clock, wake, min(BEAT_MS, store.ttl_ms // 3)), "lease"):
        yield


async def prove(store: Store, gate: SignGate, clock: Clock, wake: Callable[[], None], every_ms: int) -> None:
    while True:
        await asyncio.sleep(every_ms / 1000)
        asked_mono_ms = clock.mono_ms()
        asking = asyncio.ensure_future(asyncio.to_thread(store.keep_lease))
        try:
            while not await answered(asking):
                gate.lease_asked_in_vain = True
            asking.result()
        except LeaseLost:
            gate.lease_held = False
            wake()  # the next turn finds out, says so and ends the run
            return
        except PortError:
            gate.lease_asked_in_vain = True
        else:
            gate.lease_proven(asked_mono_ms)
        finally:
            asking.cancel()


async def answered(asking: asyncio.Future[None]) -> bool:
    """Is it, within the time in which an answer is due? While this process is stopped nobody asks in vain."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.wait([asking], timeout=LATE_SECONDS)
    return asking.done() or (loop.time() - began > 2 * LATE_SECONDS and await answered(asking))
