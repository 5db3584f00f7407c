"""What can go wrong? Every fault by name, and the dice that say when.

A fault either strikes at a chance for each opportunity (`per` names it), or by itself, on average every so many seconds. Which faults a
seed turns on, and how often they strike, is drawn from the seed alone; each fault draws from a source of its own, so that taking one
fault away changes nothing about the others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

SWARM_SHARE: Final = 0.25  # of all faults, on average, that are on in one seed
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    profile: str
    what: str
    low: float  # of its chance for each opportunity, or of its mean seconds between two strikes
    high: float
    timed: bool = False


def chance(name: str, profile: str, what: str, low: float, high: float) -> Fault:
    return Fault(name, profile, what, low, high)


def timed(name: str, profile: str, what: str, low: float, high: float) -> Fault:
    return Fault(name, profile, what, low, high, timed=True)


FAULTS: Final = {
    fault.name: fault
    for fault in (
        chance("refused", "transport", "the connection is refused: nothing was sent", 0.02, 0.3),
        chance("lost-before", "transport", "an order is lost on its way; the bot sees a timeout", 0.02, 0.4),
        chance("lost-ack", "transport", "an order is accepted and the answer lost", 0.02, 0.4),
        chance("late-create", "transport", "an order arrives after its timeout, up to 120 s late", 0.02, 0.3),
        chance("garbage", "transport", "an order is accepted and answered with HTML, {} or half a body", 0.02, 0.3),
        chance("twice", "transport", "a request is delivered twice, and the second answer is the one that arrives", 0.02, 0.4),
        chance("slow", "transport", "a request takes up to 15 s", 0.02, 0.2),
        chance("queued", "transport", "a request waits up to 40 s for its turn before it is signed", 0.02, 0.2),
        chance("cancel-lost", "transport", "a cancel is lost; the bot is told so, or told nothing", 0.05, 0.5),
        chance("cancel-late", "transport", "a cancel takes effect up to 60 s later", 0.05, 0.5),
        chance("unread", "transport", "one of the reads fails", 0.01, 0.15),
        chance("lag", "venue", "one of the reads shows the venue as it was up to 90 s ago, for up to 5 minutes", 0.01, 0.1),
        chance("replica", "venue", "position, wallet and trades are read from a copy up to 90 s behind, for up to 5 minutes", 0.005, 0.05),
        chance("hidden-open", "venue", "an open order is missing from the list", 0.02, 0.5),
        chance("ghost-open", "venue", "an order that has ended is still listed as open", 0.02, 0.3),
        chance("forgetful", "venue", "the look-up by client id forgets orders that traded", 0.2, 1.0),
        chance("doubled-fills", "venue", "trades are shown twice", 0.05, 0.5),
        chance("partial", "venue", "orders fill in parts", 0.2, 0.9),
        chance("fill-on-cancel", "venue", "an order fills while it is being cancelled", 0.05, 0.6),
        chance("filled-first", "venue", "an order trades, whole or in part, before it is answered", 0.02, 0.5),
        chance("post-only-no", "venue", "a post-only order is turned away", 0.05, 0.5),
        chance("thrown-out", "venue", "an order is taken, rests, and is called rejected after all", 0.005, 0.1),
        chance("turned-away", "venue", "an order is rejected for certain (funds, limits)", 0.02, 0.3),
        chance("unavailable", "venue", "an order is answered with 503 and was not taken", 0.02, 0.3),
        chance("rate-limit", "venue", "an order is answered with 429 and was not taken", 0.02, 0.3),
        timed("ban", "venue", "429: every request is refused for up to 5 minutes", 1800, 7200),
        timed("maintenance", "venue", "the venue is away for up to 10 minutes and cancels every order", 2400, 7200),
        timed("liquidation", "venue", "the venue closes the position", 5400, 14400),
        timed("adl", "venue", "the venue takes part of the position (auto-deleveraging)", 3600, 10800),
        timed("respec", "venue", "the venue changes the tick of a contract; people accept it minutes later", 3600, 10800),
        timed("resize", "venue", "after maintenance a contract is a tenth of what it was; people accept it minutes later", 3600, 10800),
        timed("mode-by-hand", "venue", "somebody switches the account to hedge mode, and back minutes later", 2400, 7200),
        timed("leverage-by-hand", "venue", "somebody changes the leverage setting", 1200, 5400),
        timed("manual-order", "people", "somebody places an order of his own", 1800, 7200),
        timed("manual-trade", "people", "somebody trades by hand", 1800, 7200),
        timed("transfer", "people", "somebody moves coins in or out", 1800, 7200),
        chance("nan", "data", "a price is NaN", 0.005, 0.08),
        chance("zero", "data", "a price is zero or negative", 0.005, 0.08),
        chance("crossed", "data", "the book is crossed", 0.005, 0.08),
        chance("stale", "data", "the quote is old", 0.005, 0.08),
        chance("tenfold", "data", "one source prints ten times the price, or a tenth", 0.005, 0.08),
        timed("frozen", "data", "the quote stands still for up to 10 minutes", 1800, 7200),
        chance("nan-margin", "data", "wallet, equity or a fee is NaN", 0.005, 0.05),
        chance("db-busy", "database", "the database is locked by another process", 0.01, 0.15),
        chance("db-full", "database", "the disk is full", 0.01, 0.15),
        chance("db-lost-commit", "database", "a commit fails", 0.01, 0.15),
        chance("db-ghost-commit", "database", "a commit succeeds and an error is shown", 0.01, 0.15),
        timed("db-restart", "database", "the database is away for up to 3 minutes", 1200, 5400),
        timed("restored", "database", "an old copy of the database is put back, and the bot started again", 1800, 7200),
        chance("crash", "process", "the process dies, at any await and commit boundary", 0.001, 0.012),
        chance("stopped", "process", "the process is stopped for up to 10 minutes, at any await and commit boundary", 0.0005, 0.004),
        timed("terminated", "process", "SIGTERM, and a new start", 1200, 5400),
        timed("second", "process", "a second bot is started beside the first", 1800, 7200),
        timed("usurped", "process", "the lock file is deleted by hand and a second bot started", 2400, 7200),
        timed("step", "clock", "the wall clock is stepped by up to an hour, and set right minutes later", 1200, 5400),
        chance("drift", "clock", "the wall clock runs up to 200 ppm fast or slow", 1.0, 1.0),
        timed("venue-clock", "clock", "the venue's clock jumps by up to 45 s", 1800, 7200),
        timed("pause", "people", "pause, and resume minutes later", 900, 3600),
        timed("dry-run", "people", "dry-run on, and off minutes later", 900, 3600),
        timed("kill", "people", "kill, and rearm minutes later", 1800, 5400),
        timed("target", "people", "target set to any ratio, or cleared", 600, 3600),
        timed("cancel-all", "people", "cancel-all", 900, 3600),
        timed("flatten", "people", "flatten, and rearm minutes later", 3600, 14400),
        timed("kill-file", "people", "the kill file cannot be read for minutes", 1800, 7200),
        timed("declared", "people", "the bag is declared anew", 3600, 10800),
    )
}
PROFILES: Final = {
    profile: tuple(name for name, fault in FAULTS.items() if fault.profile == profile)
    for profile in dict.fromkeys(fault.profile for fault in FAULTS.values())
}


def named(words: Iterable[str]) -> tuple[str, ...]:
    """The faults that these words name: faults, profiles, `all` or `none`. Raise KeyError with the word that names nothing."""
    found: dict[str, None] = {}
    for word in words:
        if word == "all":
            found |= dict.fromkeys(FAULTS)
        elif word in PROFILES:
            found |= dict.fromkeys(PROFILES[word])
        elif word in FAULTS:
            found[word] = None
        elif word != NONE:
            raise KeyError(word)
    return tuple(found)


def swarm(seed: int) -> tuple[str, ...]:
    """The faults that are on in this seed: few of them in most seeds, many in some."""
    source = Random(f"{seed}/swarm")
    share = source.choice((SWARM_SHARE / 4, SWARM_SHARE / 2, SWARM_SHARE, SWARM_SHARE, 2 * SWARM_SHARE))
    return tuple(name for name in FAULTS if source.random() < share)


def strength(seed: int, name: str) -> float:
    """How often this fault strikes in this seed."""
    fault = FAULTS[name]
    return Random(f"{seed}/{name}/strength").uniform(fault.low, fault.high)


class Dice:
    """Does a fault strike now? Until `quiet`, after which nothing goes wrong any more."""

    def __init__(self, seed: int, faults: Iterable[str], struck: Callable[[str], None]) -> None:
        self.seed = seed
        self.on: Mapping[str, float] = {name: strength(seed, name) for name in faults}
        self.sources = {name: Random(f"{seed}/{name}") for name in FAULTS}
        self.struck = struck
        self.quiet = False
        self.where = ""  # the bot has got to, where it may die

    def hits(self, name: str) -> bool:
        chance = self.on.get(name)
        if chance is None or self.quiet or self.sources[name].random() >= chance:
            return False
        self.struck(name)
        return True

    def one_of(self, *names: str) -> str:
        """The first of these that strikes; empty if none does."""
        return next((name for name in names if self.hits(name)), "")

    def upto(self, name: str, most: int, least: int = 0) -> int:
        return self.sources[name].randint(least, most)
