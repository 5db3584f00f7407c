"""Which venues are there, how far was each seen to work, and may orders be sent there?

The quirk sheets (adapters/exchanges/venues) know how a venue is spoken to; a test holds that both agree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.core.model import Kind


class Proof(StrEnum):
    """How far one kind of contract of a venue was seen to work."""

    FIRST_CLASS = "first-class"
    RECORDED = "recorded only"
    PLAN = "plan only"
    NONE = "none"


PROOFS: Final[Mapping[Proof, str]] = {
    Proof.FIRST_CLASS: "the whole bot was run against a local server that speaks the venue's wire",
    Proof.RECORDED: "requests and answers were held to documented ones, and no more; venue.untested_ok: true arms it",
    Proof.PLAN: "it is read and planned for, and nothing is ever sent",
    Proof.NONE: "the bot hedges with no such contract there",
}


NOT_PROVEN: Final = "has no transfer that was proven on the wire"
WITHDRAWS: Final = "lets only a key move collateral that may withdraw too"


@dataclass(frozen=True, slots=True)
class Offer:
    """What one venue offers."""

    environments: tuple[str | None, ...]  # the first is the safest
    inverse: Proof
    linear: Proof
    seen: str | None  # where it was seen to work; None: nowhere
    why_not: str = ""  # what is missing, and why
    dead_man: bool = False  # it has a dead man's switch that a REST client can wind up
    book: bool = True  # its visible book is read
    no_transfer: str = NOT_PROVEN  # why no collateral is moved there; "": it is, between its spot wallet and the account
    no_transfer_in: tuple[str, ...] = ()  # environments without that wallet

    def proof(self, kind: Kind) -> Proof:
        return self.inverse if kind is Kind.INVERSE else self.linear


LOCAL: Final = "local server only"
ANSWERS: Final = "recorded answers only"
LINEAR_RECORDED: Final = "linear contracts are recorded only"
NO_TEST: Final = "it has no test environment that lists what the bot hedges with"
NO_SENDING: Final = "nothing is sent: its test environment has no cancel and no list of open orders, so no order could be proven"
OFFERS: Final[Mapping[str, Offer]] = {
    "paper": Offer((None,), Proof.FIRST_CLASS, Proof.FIRST_CLASS, "here", no_transfer=""),
    "bybit": Offer(("testnet", "demo", "production"), Proof.FIRST_CLASS, Proof.RECORDED, LOCAL, LINEAR_RECORDED, no_transfer="",
        no_transfer_in=("demo",)),
    "deribit": Offer(
        ("testnet", "production"), Proof.FIRST_CLASS, Proof.NONE, LOCAL, "its linear contracts are settled in USDC",
        no_transfer=f"{WITHDRAWS} (wallet:read_write)",
    ),
    "okx": Offer(("demo", "production"), Proof.FIRST_CLASS, Proof.RECORDED, LOCAL, LINEAR_RECORDED, dead_man=True, no_transfer=""),
    "krakenfutures": Offer(
        ("demo", "production"), Proof.FIRST_CLASS, Proof.NONE, LOCAL, "its linear contracts are settled in USD, out of a basket",
        dead_man=True, no_transfer=f"{WITHDRAWS} (its Withdraw permission)",
    ),
    "binancecoinm": Offer(
        ("demo", "production"), Proof.FIRST_CLASS, Proof.NONE, LOCAL, "its linear contracts are at the venue binance", dead_man=True,
        no_transfer="moves it by another host than the one it trades on, which was not proven on the wire",
    ),
    "binance": Offer(
        ("demo", "production"), Proof.NONE, Proof.RECORDED, ANSWERS, "its inverse contracts are at the venue binancecoinm"
    ),
    "bingx": Offer(("production",), Proof.RECORDED, Proof.RECORDED, ANSWERS, NO_TEST, book=False),
    "mexc": Offer(("production",), Proof.RECORDED, Proof.RECORDED, ANSWERS, NO_TEST, book=False),
    "weex": Offer(("production",), Proof.NONE, Proof.PLAN, None, NO_SENDING, book=False),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Why a live bot may not be armed with these contracts."""

    why: str
    on_word: bool  # `venue.untested_ok: true` lifts it


def held_back(name: str, kinds: Iterable[Kind]) -> HeldBack | None:
    """What stands against sending orders, the gravest first; None if nothing does."""
    offer, wanted = OFFERS[name], sorted(set(kinds))
    for kind in wanted:
        if offer.proof(kind) is Proof.PLAN:
            return HeldBack(f"is {name}, where the bot only plans: {offer.why_not}", on_word=False)
    for kind in wanted:
        if offer.proof(kind) is Proof.RECORDED:
            return HeldBack(f"is {name}, whose {kind} contracts are recorded only: they were never traded, on no server", on_word=True)
    return None
