"""What goes wrong between a bot and a venue, and on which call? A queue of faults that tests fill and the server spends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

Kind = Literal[
    "lost_ack",  # taken, then the connection ends without an answer
    "drop",  # the connection ends before anything was taken
    "reset",  # like lost_ack (or drop, with accepted=False), by RST instead of FIN
    "delay",  # the answer comes `delay_ms` later
    "status",  # an HTTP status with an HTML page: 429, 418, 502, 503, 504, 520 …
    "html", "empty", "null", "braces",  # a 200 that says nothing
    "truncate",  # half of the true answer
    "twice",  # the network delivers the request twice; the second answer comes back
    "stale",  # the previous answer to the same question again
    "error",  # the venue's own error, by `code`
    "maintenance",  # the venue's own way to say so
]  # fmt: skip
ACCEPTED = ("lost_ack", "twice", "reset", "delay", "html", "empty", "null", "braces", "truncate")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Fault:
    """`where` is an endpoint class ("place", "read-position"), a prefix of classes ("read"), or "any"."""

    kind: Kind
    where: str = "any"
    count: int = 1
    status: int = 503
    retry_after_s: int | None = None
    delay_ms: int = 0
    code: str = ""
    text: str = ""
    accepted: bool | None = None  # was the request carried out? None: as is usual for the kind

    @property
    def carried_out(self) -> bool:
        return self.kind in ACCEPTED if self.accepted is None else self.accepted

    def hits(self, endpoint: str) -> bool:
        return self.where == "any" or endpoint == self.where or endpoint.startswith(self.where + "-")


@dataclass(slots=True)
class Faults:
    """Each call spends one of the first fault that addresses it."""

    queue: list[Fault] = field(default_factory=list)
    spent: list[tuple[Fault, str]] = field(default_factory=list)
    read_lag: dict[str, int] = field(default_factory=dict)
    """Endpoint class → for how many answers of that class a new order (or its trades) stays invisible."""
    _shown: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))

    def add(self, kind: Kind, where: str = "any", **more: object) -> None:
        self.queue.append(Fault(kind, where, **more))  # type: ignore[arg-type]

    def clear(self) -> None:
        self.queue.clear()
        self.read_lag.clear()

    def take(self, endpoint: str) -> Fault | None:
        for at, fault in enumerate(self.queue):
            if fault.hits(endpoint):
                if fault.count > 1:
                    self.queue[at] = replace(fault, count=fault.count - 1)
                else:
                    del self.queue[at]
                self.spent.append((fault, endpoint))
                return fault
        return None

    def visible(self, endpoint: str, items: Iterable[Item]) -> list[Item]:
        """Leave out what the lag of this endpoint still hides."""
        lag = self.read_lag.get(endpoint, 0)
        if not lag:
            return list(items)
        seen = []
        for item in items:
            key = (endpoint, getattr(item, "order_id", None) or item.id)  # type: ignore[attr-defined]
            if self._shown[key] >= lag:
                seen.append(item)
        for key in {(endpoint, getattr(item, "order_id", None) or item.id) for item in items}:  # type: ignore[attr-defined]
            self._shown[key] += 1
        return seen
