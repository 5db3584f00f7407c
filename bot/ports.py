"""What does the engine need from the world? Tiny ports; adapters/ fills them, wiring.py picks them.

The error tree says what the caller must do next:

    PortError
      NotSent        nothing happened: try again later
        NotReady     at start: no setting is wrong, but somebody must look at the venue, the account or the machine first
      Refused        they said no: record it, do not repeat
      Unknown        it may have happened: find(client_id) first
      Misconfigured  stop and tell the operator
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from bot.core.cross_terms import CrossSeen
from bot.core.decision import Approved, Transfer
from bot.core.events import Event
from bot.core.memory import State
from bot.core.model import Ask, Instrument, Order, Sourced, SpotSeen, Target, View
from bot.core.policy_terms import Signs


class PortError(Exception):
    """Something outside the bot did not do what was asked."""


class NotSent(PortError):
    """Nothing left the machine. Safe to try again later with a new intent."""


class NotReady(NotSent):
    """The bot cannot start now: the venue, the account or this machine needs somebody. No setting is wrong."""


class Refused(PortError):
    """The venue said no, and its word is final. `code` is the venue's own."""

    def __init__(self, why: str, code: str = "") -> None:
        super().__init__(why)
        self.code = code


class Unknown(PortError):
    """It may have happened. Look the client id up before doing anything else."""


class Misconfigured(PortError):
    """A person must change something: a key, a file, a database. The message says what."""


class Unlisted(Misconfigured):
    """The venue's list has no `symbol`."""

    def __init__(self, why: str, symbol: str) -> None:
        super().__init__(why)
        self.symbol = symbol


class Gate(Protocol):
    """The last word before a signature; asked inside the venue client, after every queue."""

    def check(self, order: Approved | Transfer | None) -> None:
        """Raise NotSent with the reason if this call may not be signed now. `order` is None for cancels and settings calls."""


class Exchange(Protocol):
    """A venue, in the core's words. Paper obeys the same contract suite (tests/contract/) as every real one."""

    name: str
    environment: str | None
    absence_ms: int  # how long, and how many polls, prove that an order does not exist
    absence_polls: int

    async def connect(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        """Load the contracts of `symbols` and prove the environment. Raise Misconfigured naming the symbol or the setting."""

    async def server_time_ms(self) -> int:
        """The venue's clock. Raise NotSent when it cannot be asked."""

    async def look(self, asks: Sequence[Ask]) -> tuple[View, ...]:
        """One round of reads, as concurrent and as consistent as the venue allows; one View for each Ask, in order.

        Never raises for a failed read: that part of the View is None and named in `errors`. Fills and payments come oldest first,
        those at or after the cursor, possibly again.
        """

    async def place(self, order: Approved) -> Order:
        """Send one limit order (post-only, or immediate-or-cancel) and return it as the venue shows it.

        A client id that the venue already knows never makes a second order: the first one is returned.
        Raise NotSent, Refused or Unknown; never return a guess.
        """

    async def cancel(self, symbol: str, client_id: str) -> None:
        """Ask for the end of one of our orders. Returning means asked, not gone: the next look tells. An order that is
        already gone is not an error. Raise NotSent or Unknown."""

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Set the venue's leverage setting of this contract. Raise NotSent, Refused or Unknown."""

    async def close(self) -> None:
        """Release connections. Never raises."""


@dataclass(frozen=True, slots=True)
class SpotAsk:
    """What to read of one asset's wallet beside the account; with a transfer that has not come to its end."""

    asset: str
    transfer: Transfer | None = None


class Mover(Protocol):
    """A venue that moves collateral between its spot wallet and the futures account, where the right to do so is not the right to
    withdraw. An Exchange that is one says so by `moves_collateral`."""

    async def spots(self, asks: Sequence[SpotAsk]) -> tuple[SpotSeen, ...]:
        """What lies there now, and what became of the transfers, one answer for each ask. Never raises: what could not be read is None."""

    async def transfer(self, wanted: Transfer) -> None:
        """Move the coins; returning means that it is done. An id that the venue already knows never moves coins a second time.

        Raise NotSent, Refused or Unknown; never return a guess.
        """


class Countdown(Protocol):
    """A venue's dead man's switch for orders, where it has one."""

    async def count_down(self, timeout_ms: int, mine: Callable[[str], bool]) -> None:
        """Have the venue cancel open orders unless asked again within `timeout_ms`; 0 stops that.

        `mine` tells own client ids. Raise Refused where it would reach an order that is not ours, NotSent or Unknown.
        """


class Holdings(Protocol):
    """The bag outside the futures account."""

    async def coins(self, assets: Sequence[str]) -> dict[str, Decimal | None]:
        """Coins of each asset; None where a source failed or is stale. Never raises."""

    def sources(self) -> tuple[Sourced, ...]:
        """What each source that is read said, as counted in the last answer of `coins`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a target document is believed now."""

    error: str = ""  # what is wrong with it, and whether its last good word still counts; empty: nothing
    at_ms: int | None = None  # when the read that was believed last was begun


class Targets(Protocol):
    """A target document."""

    async def read(self) -> tuple[Target, ...] | None:
        """The ratios of the document, each with source DOCUMENT; None while it cannot be trusted. Never raises."""

    def standing(self) -> Standing:
        """What the last read came to."""


@dataclass(frozen=True, slots=True)
class Candle:
    """One closed candle, in USD per coin."""

    opened_ms: int
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class Settled:
    """One funding settlement: positive, and a short received."""

    at_ms: int
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Series:
    """What is known of one market's past, oldest first and without gaps. The same object is handed over until there is more."""

    candles: Sequence[Candle] = ()  # closed ones only
    rates: Sequence[Settled] = ()
    problems: tuple[str, ...] = ()  # why there is not more


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of a market's past somebody goes by."""

    asset: str
    symbol: str  # of the market, as the venue spells it
    candle_ms: int
    candles: int  # the newest so many; 0: none
    funding_ms: int | None = None  # settlements of so long; None: none


class Past(Protocol):
    """Candles and funding of markets."""

    async def read(self, wanted: Wanted) -> Series:
        """What is known now. Never raises; waits for a venue at most the first time."""


@dataclass(frozen=True, slots=True)
class Priced:
    """What one coin costs, and when that was so; or why it is not known."""

    price: Decimal | None = None
    at_ms: int | None = None
    problem: str = ""


class Prices(Protocol):
    """Markets that nobody trades on here."""

    async def price(self, asset: str, market: str) -> Priced:
        """USD per coin, now. Never raises."""


class Crosses(Protocol):
    """Assets that are hedged with another one's contract."""

    async def read(self) -> tuple[CrossSeen, ...]:
        """The price of each now, and its β as of the last closed candle. Never raises."""


class Measures(Protocol):
    """Statistics that policies go by."""

    async def read(self) -> tuple[Signs, ...]:
        """As of the last closed candle and the last settlement. Never raises."""


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def mono_ms(self) -> int:
        """Milliseconds since some moment of this process; never steps."""

    async def sleep_ms(self, duration_ms: int) -> None: ...


class Head(Protocol):
    @property
    def seq(self) -> int: ...
    @property
    def hash(self) -> str: ...


class AuditLog(Protocol):
    """The append-only record. A row exists before the act it announces."""

    async def append(self, events: Sequence[Event]) -> int:
        """Write all of them in one durable transaction under our epoch and return the sequence number of the last one.

        Raise NotSent if the database did not take them (no order may follow), LeaseLost if our epoch is not the current one.
        """

    async def reread(self) -> State | None:
        """What the record says the bot remembers; settles a commit whose outcome was in doubt. Raise NotSent if it cannot be read.

        None while the database gives no answer: ask again in the next turn, and write nothing before.
        """

    def head(self) -> Head:
        """The newest link of the chain."""

    async def prove(self) -> None:
        """Prove that we still lead. Raise LeaseLost if another does, NotSent if the database cannot be asked."""


class KillSwitch(Protocol):
    """The kill flag that works without a database and without the bot: a file."""

    def read(self) -> bool | None:
        """Is it set? None while that cannot be told: then nothing is signed."""

    def set(self, reason: str) -> None:
        """Raise Misconfigured, naming the path, if it cannot be written."""

    def clear(self) -> None:
        """Raise Misconfigured, naming the path, if it cannot be removed."""


class LeaseLost(PortError):
    """Another process leads this account now. Sign nothing more."""


class Notifier(Protocol):
    async def notify(self, severity: str, text: str) -> None:
        """Tell a person. Never raises, never blocks the loop."""
