"""What ends our orders if this process dies? The venue's own countdown, wound up while own orders are open and stopped once they are gone.

It is asked for by `dead_mans_switch: true` and never stands in the way: an order does not wait for it, and an alert says when it is not
set. Where the venue's countdown reaches further than our contracts, orders of others there keep it unset: they would be cancelled too.
"""

from dataclasses import dataclass, field
from typing import Final

from bot.core.decision import Decision
from bot.core.events import DeadManSet, Event
from bot.core.memory import State
from bot.core.model import Snapshot
from bot.core.planner import is_ours
from bot.ports import Clock, Countdown, PortError, Refused
from bot.witness import Witness

TIMEOUT_MS: Final = 60_000
RENEW_MS: Final = 15_000
NOTHING_SET: Final = ""
FOREIGN: Final = "foreign"  # the code of a refusal: it would reach orders of others


@dataclass(slots=True)
class DeadMan:
    """The countdown of one account. Whether an earlier run left it running is not known until it was stopped once."""

    countdown: Countdown
    clock: Clock
    witness: Witness
    running: bool | None = None
    problem: str = NOTHING_SET  # why it is not set although it should be
    _signs: bool = False
    _wound_mono_ms: int = field(default=-TIMEOUT_MS)

    async def mind(self, state: State, seen: Snapshot, decision: Decision) -> list[Event]:
        """Set, renew or stop it for this turn, before its orders are placed; what changed goes on record."""
        signed, self._signs = self._signs, state.armed or state.draining or state.stopping or state.killed is not None
        if not self._signs and not signed:
            return []  # dry: nothing is signed; what is still set runs out. The turn that ends the draining may stop it.
        if not open_or_placed(state, decision):
            return await self.stop() if self.running is not False else []
        strangers = foreign(state, seen)
        if strangers:
            self.problem = f"{strangers} is open and would be cancelled too"
            return await self.stop() if self.running is not False else []
        if self.running and self.clock.mono_ms() - self._wound_mono_ms < RENEW_MS:
            return []
        return await self.wind(state)

    async def wind(self, state: State) -> list[Event]:
        now_ms, mono_ms = self.clock.now_ms(), self.clock.mono_ms()
        try:
            await self.countdown.count_down(TIMEOUT_MS, lambda client_id: is_ours(client_id, state.instance))
        except PortError as error:
            self.problem = str(error)
            self.witness.api_error(type(error).__name__, f"dead man's switch: {error}")
            seen_others = isinstance(error, Refused) and error.code == FOREIGN
            if not seen_others and not self.running:
                self.running = None  # it may have been set, or set for some of the contracts: it is stopped once the orders are gone
            return await self.stop() if seen_others and self.running is not False else []  # what runs on would end their orders
        was, self.running, self._wound_mono_ms, self.problem = self.running, True, mono_ms, NOTHING_SET
        return [] if was else [DeadManSet(TIMEOUT_MS, now_ms)]

    async def stop(self) -> list[Event]:
        try:
            await self.countdown.count_down(0, lambda _: True)
        except PortError as error:
            self.witness.api_error(type(error).__name__, f"dead man's switch not stopped: {error}; it is asked again next turn")
            return []
        was, self.running = self.running, False
        return [DeadManSet(0, self.clock.now_ms())] if was else []

    @property
    def alerts(self) -> tuple[str, ...]:
        return (f"dead man's switch is not set: {self.problem}",) if self.problem else ()


def open_or_placed(state: State, decision: Decision) -> bool:
    return any(leg.working for leg in state.legs) or bool(decision.armed and decision.orders)


def foreign(state: State, seen: Snapshot) -> str:
    """An open order of somebody else on our contracts; empty if there is none."""
    for order in (order for view in seen.views for order in view.open_orders or ()):
        if not is_ours(order.client_id, state.instance):
            return f"order {order.venue_id} of somebody else on {order.symbol}"
    return ""
