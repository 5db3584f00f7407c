"""What became of an order, given what came back? Pure, by venue and by the code in the body; what is not on a list is UNKNOWN.

The class of an exception decides nothing: one class covers a connection that was never made and an answer lost after the order was taken.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from adapters.ccxt_client import Failed
from bot.ports import NotSent

WORDS: Final[Mapping[str, str]] = {  # our codes for a refusal, whatever the venue calls it
    "margin": "insufficient margin",
    "precision": "the venue does not take this price or amount",
    "contracts": "the venue does not take this amount",
    "auth": "the key, its signature or its rights are wrong",
    "clock": "the clocks disagree",
    "price-limit": "the price is outside the venue's limits",
    "reduce-only": "it would not reduce the position",
    "post-only": "post-only would take",
    "rate-limit": "too many requests",
    "overload": "the venue is overloaded and did not take it",
    "limit": "a limit of the venue on orders or positions is reached",
    "symbol": "the venue does not trade this contract now",
    "leverage": "the venue does not take this leverage",
    "self-trade": "it would trade with an order of this account",
}


class Verdict(StrEnum):
    EXISTS = "exists"  # the venue knows this client id already: look it up
    NOT_SENT = "not sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    code: str = ""  # of REFUSED: one of WORDS
    why: str = ""


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of one venue. `read` finds them in a status and a body, the most telling first."""

    read: Callable[[int | None, object], tuple[str, ...]]
    exists: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)  # the venue's code → one of WORDS
    gone: frozenset[str] = frozenset()  # to a cancel: there is nothing to cancel any more
    unchanged: frozenset[str] = frozenset()  # to a setting: it is so already
    absent: frozenset[str] = frozenset()  # to a look-up: not shown
    troubles: Mapping[str, str] = field(default_factory=dict)  # to a read: the venue's code → what it means (troubles.py)


def classify(codes: Codes, error: BaseException) -> Outcome:
    """What a placement that ended with `error` did. UNKNOWN unless (venue, code) proves otherwise."""
    if isinstance(error, NotSent):
        return Outcome(Verdict.NOT_SENT, why=str(error))
    if isinstance(error, asyncio.CancelledError):
        return Outcome(Verdict.UNKNOWN, why="it was interrupted while the venue had it")
    if not isinstance(error, Failed):
        return Outcome(Verdict.UNKNOWN, why=f"{type(error).__name__}")
    if not error.signed:
        return Outcome(Verdict.NOT_SENT, why=f"it was not signed: {error}")
    return judged(codes, error.status, error.body, str(error))


def judged(codes: Codes, status: int | None, body: object, why: str) -> Outcome:
    """What an answer says of the order it answers."""
    found = codes.read(status, body)
    if any(code in codes.exists for code in found):
        return Outcome(Verdict.EXISTS, why=why)
    for code in found:
        if code in codes.refused:
            word = codes.refused[code]
            return Outcome(Verdict.REFUSED, word, f"{WORDS[word]}: {why}")
    return Outcome(Verdict.UNKNOWN, why=why)


def says(error: Failed, codes: Codes, wanted: frozenset[str]) -> bool:
    """Does this answer carry one of these codes?"""
    return any(code in wanted for code in codes.read(error.status, error.body))
