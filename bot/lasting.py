"""What lasts too long to be a hiccup? A venue that cannot be read for turns on end is told, and a record that cannot be written; a key that
is refused again and again halts.
"""

from typing import Final

from bot.core.decision import Decision
from bot.core.events import Halted
from bot.ports import PortError, Refused

TURNS: Final = 3  # in a row
REFUSALS: Final = 3  # in a row
UNRECORDED: Final = "the record cannot be written"
UNTRUSTED: Final = ("UNKNOWN: price", "UNKNOWN: the kill file")  # what begins so says that something was read, and cannot be traded on
CONTRACT: Final = "contract: "  # what is missing then: the venue trades it no more, so nothing of it can be read


class Lasting:
    """Counts of this process, forgotten with it: a halt is on record, and what is unread will be unread again."""

    def __init__(self) -> None:
        self._unread: dict[str, int] = {}  # asset → turns
        self._told: dict[str, str] = {}
        self._refusals = 0
        self._unrecorded = 0
        self._lost = ""  # what was told of the record

    def unread(self, decision: Decision) -> tuple[str, ...]:
        """One text for each leg that could not trade for so many turns because account, price or kill file could not be read or believed;
        the same text for as long as it lasts, but that a contract is gone is told also if that is found out later."""
        for leg in decision.legs:
            blind = leg.equity_coins is None or leg.why.startswith(UNTRUSTED)
            self._unread[leg.asset] = self._unread.get(leg.asset, 0) + 1 if blind else 0
            if not blind:
                self._told.pop(leg.asset, None)
                continue
            gone = next((what for what in leg.missing if what.startswith(CONTRACT)), "")
            told = self._told.get(leg.asset)
            if self._unread[leg.asset] >= TURNS and (told is None or gone not in told):
                causes = [gone] if gone else leg.missing[:1]
                self._told[leg.asset] = ": ".join([f"{leg.asset}: nothing new is risked, {leg.why}", *causes])
        return tuple(self._told.values())

    def unrecorded(self, problem: str) -> tuple[str, ...]:
        """One text where the record could not be written for so many turns; `problem` is empty in a turn in which it could."""
        self._unrecorded = self._unrecorded + 1 if problem else 0
        if self._unrecorded < TURNS:
            self._lost = ""
            return ()
        self._lost = self._lost or f"{UNRECORDED}: {problem}; nothing is sent, and cancels still go out"
        return (self._lost,)

    def answered(self, error: PortError | None, now_ms: int) -> tuple[Halted, ...]:
        """What the venue said to an order or a setting. A key that is refused is refused until a person looks at it."""
        if not isinstance(error, Refused) or error.code != "auth":
            self._refusals = 0 if error is None else self._refusals
            return ()
        self._refusals += 1
        if self._refusals < REFUSALS:
            return ()
        self._refusals = 0
        return (
            Halted("key", f"the venue refused the key {REFUSALS} times in a row ({error}): see its rights and that it is valid", now_ms),
        )
