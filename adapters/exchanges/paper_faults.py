"""What can be made to go wrong on the paper exchange?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    PLACE_NOT_SENT = "the placement does not leave the machine"  # NotSent
    PLACE_LOST = "the placement is lost on the way"  # Unknown; the venue never has the order
    PLACE_ANSWER_LOST = "the placement is accepted and the answer is lost"  # Unknown; the venue has the order
    PLACE_REJECTED = "the venue rejects the placement"  # Refused
    CANCEL_NOT_SENT = "the cancel does not leave the machine"  # NotSent
    CANCEL_LOST = "the cancel is lost on the way"  # Unknown; the order stays
    CANCEL_ANSWER_LOST = "the cancel is done and the answer is lost"  # Unknown; the order is gone
    LEVERAGE_NOT_SENT = "the leverage call does not leave the machine"  # NotSent
    LEVERAGE_ANSWER_LOST = "the leverage is set and the answer is lost"  # Unknown
    TRANSFER_NOT_SENT = "the transfer does not leave the machine"  # NotSent
    TRANSFER_LOST = "the transfer is lost on the way"  # Unknown; no coins move
    TRANSFER_ANSWER_LOST = "the transfer is made and the answer is lost"  # Unknown
    TRANSFER_REFUSED = "the venue refuses the transfer"  # Refused
    SPOT_FAILS = "the spot wallet cannot be read"  # None, and the error named
    READ_FAILS = "a read fails"  # the part is None and named in View.errors
    READ_STALE = "a read shows what the last one showed, old stamps and all"
    DOWN = "the venue is down"  # NotSent for every call, every part None


@dataclass(frozen=True, slots=True)
class Fault:
    """One trouble for the next `times` calls it concerns (reads: looks), on one symbol or on all."""

    trouble: Trouble
    times: int = 1
    symbol: str | None = None
    part: str | None = None  # READ_FAILS, READ_STALE: quote, position, margin, open_orders, found, fills or funding; None is all


class Faults:
    """The queue of troubles to come, used up in the order they were given."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._queue: list[tuple[Fault, int]] = [(fault, fault.times) for fault in faults]

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, *faults: Fault) -> None:
        self._queue.extend((fault, fault.times) for fault in faults)

    def clear(self) -> None:
        self._queue.clear()

    def use(self, *troubles: Trouble, symbol: str | None = None) -> Fault | None:
        """The first fault of one of these troubles that concerns `symbol`, used up by one; None if nothing is to go wrong."""
        for index, (fault, left) in enumerate(self._queue):
            if fault.trouble in troubles and (fault.symbol is None or symbol is None or fault.symbol == symbol):
                if left > 1:
                    self._queue[index] = (fault, left - 1)
                else:
                    del self._queue[index]
                return fault
        return None

    def use_each(self, *troubles: Trouble, symbols: Sequence[str]) -> list[Fault]:
        """Every fault of these troubles that concerns one of `symbols`, each used up by one."""
        used: list[Fault] = []
        kept: list[tuple[Fault, int]] = []
        for fault, left in self._queue:
            concerned = fault.trouble in troubles and (fault.symbol is None or fault.symbol in symbols)
            if concerned:
                used.append(fault)
            if not concerned or left > 1:
                kept.append((fault, left - concerned))
        self._queue = kept
        return used
