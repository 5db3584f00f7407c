"""How does an operator put on record that a hedge is over which the bot did not close? Once the venue has been asked."""

import asyncio
from contextlib import closing
from typing import Any, Final

from bot.audit.lease import LeaseHeld
from bot.cli_exit import Wrong
from bot.core.events import CommandGiven
from bot.core.memory import LegState, State
from bot.core.model import Ask, View
from bot.core.release import RELEASE, ended, refusal
from bot.exit_codes import Exit
from bot.gate import Sealed
from bot.ports import Clock
from bot.settings import Settings
from bot.wiring.choice import venue_of
from bot.wiring.record import holder, open_store, recorded_state
from bot.wiring.start import paper_aside, to_flat
from bot.wiring.unrecorded import NOBODY
from bot.wiring.venue import kill_switch, open_exchange, real_time

UNCHANGED: Final = "nothing was changed"


def release(settings: Settings, asset: str, reason: str) -> dict[str, Any]:
    """Raise Wrong, or PortError, where it stays on record as it is.

    The venue is asked before the lease is taken: it may answer late, and a lease runs out.
    """
    clock = real_time()
    remembered = recorded_state(settings)
    leg = open_leg(remembered, asset)
    way = to_flat(settings, remembered or State(settings.account, NOBODY), asset, clock.now_ms())
    if why := refusal(leg, asyncio.run(shown(settings, leg.symbol, clock)), way):
        raise Wrong(Exit.ATTENTION, f"{why}; {UNCHANGED}")
    command = CommandGiven(RELEASE, "cli", clock.now_ms(), asset, reason=reason)
    with closing(open_store(settings)) as store:
        try:
            store.lead(f"{holder()} for `{RELEASE}`")
        except LeaseHeld as held:
            text = f"{held.holder or 'another process'} leads account {settings.account}: stop that bot, then give {RELEASE} again"
            raise Wrong(Exit.ATTENTION, f"{text}; {UNCHANGED}") from held
        if open_leg(store.state(), asset) != leg:
            raise Wrong(Exit.ATTENTION, f"the record of {asset} changed while the venue was asked: give {RELEASE} again; {UNCHANGED}")
        asyncio.run(store.append([*ended(leg, command, clock.mono_ms()), command]))
        state, where = store.state(), store.database.where
    message = f"the hedge of {asset} ({leg.contracts} contracts of {leg.symbol}) is over; on record in {where}"
    return {"accepted": True, "done": True, "state": state.mode.value, "code": "ok", "message": message}


def open_leg(state: State | None, asset: str) -> LegState:
    legs = () if state is None else state.legs
    for leg in legs:
        if leg.asset == asset and leg.is_open:
            return leg
    known = ", ".join(sorted(leg.asset for leg in legs if leg.is_open)) or "none"
    raise Wrong(Exit.ATTENTION, f"no hedge of {asset} is open on record (open: {known}): there is nothing to release; {UNCHANGED}")


async def shown(settings: Settings, symbol: str, clock: Clock) -> View | None:
    """The contract as the venue shows it now; None where it is not in its list any more. Raise PortError where it does not tell."""
    with paper_aside(settings) as aside:
        exchange = open_exchange(aside, clock, Sealed(clock, kill_switch(settings)))
        try:
            source = venue_of(exchange)
            if source is not None and not await source.listings.lists(symbol):
                return None
            if source is not None and source is exchange:
                await source.listings.connect([symbol], to_trade=False)
            else:
                await exchange.connect([symbol])
            (view,) = await exchange.look([Ask(symbol, clock.now_ms(), clock.now_ms())])
            return view
        finally:
            await exchange.close()
