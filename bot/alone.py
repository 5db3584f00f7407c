"""Does somebody else lead this account with a copy of our record? The lease keeps two processes from one database, not from two.

Such a process bears our name. What gives it away is an order or a trade that is newer than this run and was not sent by it: of a later
epoch, or of our own and unknown to us. Earlier epochs are those of runs before this one, whose requests may take effect late; and what is
older than this run proves nothing, for a record that was restored has forgotten some of its own orders.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from bot.core.decision import Approved
from bot.core.events import Event, FillSeen, Halted, OrderMoved
from bot.core.memory import State
from bot.core.model import Snapshot
from bot.core.planner import TAG, base36, epochs_ahead, is_ours

KEPT: Final = 50_000  # own orders of this run that have ended: one that did so that many ago trades no more


class Alone:
    """What this run sent, held against what the venue shows under our name."""

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self._sent: dict[str, None] = {}  # oldest first

    def sends(self, orders: Iterable[Approved]) -> None:
        self._sent.update(dict.fromkeys(order.client_id for order in orders))
        while len(self._sent) > KEPT:
            del self._sent[next(iter(self._sent))]

    def disproved(self, state: State, seen: Snapshot, happened: Sequence[Event]) -> Halted | None:
        if not state.armed or state.killed:
            return None
        orders = [(order.at_ms, order.client_id) for view in seen.views for order in view.open_orders or ()]
        fills = [(event.fill.at_ms, event.fill.client_id) for event in happened if isinstance(event, FillSeen)]
        for at_ms, name in (*orders, *fills):
            if at_ms >= self.since_ms and is_ours(name, state.instance) and not self.explained(name, state, happened):
                why = f"{name} is newer than this run and not of it: another process leads this account with a copy of this database"
                return Halted("second bot", why, seen.now_ms)
        return None

    def explained(self, name: str, state: State, happened: Sequence[Event]) -> bool:
        """An order of ours that is neither of a later run nor unknown to this one."""
        if epochs_ahead(name, state.instance, state.epoch):
            return False
        return not name.startswith(own_epoch(state)) or name in self._sent or name in under_way(state, happened)


def under_way(state: State, happened: Sequence[Event]) -> set[str]:
    """The orders on record that have not ended, or did so in this very look: one may rest for days while others come and go."""
    working = {leg.working.order.client_id for leg in state.legs if leg.working is not None}
    return working | {event.client_id for event in happened if isinstance(event, OrderMoved)}


def own_epoch(state: State) -> str:
    """How the names of this run's orders begin."""
    return f"{TAG}{state.instance}{base36(state.epoch)}"
