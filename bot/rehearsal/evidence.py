"""What truly happened? The venue's truth, the record's truth, and what each process knew when it signed; nothing of it can fail.

The trace is the ordered list of all of it, and its SHA-256 names the run: the same seed gives the same hash.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol

from bot.core.decision import Approved, Decision, Effort, Transfer
from bot.core.events import (
    CommandGiven,
    DecisionMade,
    Event,
    FillSeen,
    Halted,
    IntentRecorded,
    OrderMoved,
    RunStarted,
    TransferIntended,
    TransferMoved,
)
from bot.core.ledger import fold
from bot.core.memory import State
from bot.core.model import OrderStatus, Snapshot, TransferStatus, View
from bot.rehearsal.venue import OWN, Book, Trade, Venue, VenueOrder

SIGNED: Final = "signed"  # an order of ours is about to leave
ACCEPTED: Final = "accepted"  # the venue took one
ENDED: Final = "ended"  # an order at the venue has ended
TRADED: Final = "traded"  # the venue booked a trade
SIGNED_TRANSFER: Final = "signed transfer"  # collateral is about to be asked for
CARRIED: Final = "carried"  # the venue moved it
LANDED: Final = "landed"  # rows were committed
TURNED: Final = "turned"  # the engine ended a turn
CLOSED: Final = "closed"  # a run ended by itself, with an exit code
OF_THE_RECORD: Final = (
    *("state", "head", "checked_head", "payments", "epoch", "intents", "orders", "fills", "halts", "efforts", "said"),
    *("rules_at_start", "old_epochs_end_ms", "transfer_intents", "transfers"),
)
FINISHED: Final = "finished"  # the last moment, long after the last fault


class Violated(BaseException):
    """An invariant does not hold. Not an Exception: nothing that forgives errors may forgive this one."""

    def __init__(self, invariant: str, text: str, at_ms: int) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.text = text
        self.at_ms = at_ms


class Process(Protocol):
    """What the evidence needs to know of a running bot."""

    number: int
    views: dict[str, View]  # what the last look showed it

    @property
    def epoch(self) -> int: ...
    @property
    def appended(self) -> bool:
        """Was its last write taken?"""

    @property
    def seen(self) -> Snapshot | None: ...
    @property
    def state(self) -> State: ...
    @property
    def decision(self) -> Decision | None: ...


@dataclass(slots=True)
class Sent:
    """A signed order: it may exist until the venue has answered it or it can no longer arrive."""

    order: Approved
    process: int
    epoch: int
    at_ms: int
    deliveries: int = 0  # by the wire; more than one only where the wire doubled it
    under_way: bool = True


@dataclass(slots=True)
class Moved:
    """A signed transfer: it may happen until it has arrived or no longer can."""

    transfer: Transfer
    at_ms: int
    deliveries: int = 0
    under_way: bool = True


@dataclass(slots=True)
class Said:
    """The last acknowledged words of the operator, and when."""

    dry_ms: int | None = None
    killed_ms: int | None = None
    paused_ms: int | None = None


Check = Callable[..., None]


class Evidence:
    def __init__(self, venue: Venue, account: str, instance: str, checks: dict[str, Sequence[Check]], *, keep_lines: bool) -> None:
        self.venue = venue
        self.checks = checks
        self.lines: list[str] | None = [] if keep_lines else None
        self.digest = sha256()
        self.struck: dict[str, int] = {}
        self.violation: Violated | None = None
        self.state = State(account=account, instance=instance)  # the fold of what was truly committed
        self.head = (0, "")
        self.checked_head = (0, "")  # as counted again
        self.payments: set[tuple[str, str]] = set()
        self.epoch = 0
        self.intents: dict[str, IntentRecorded] = {}
        self.orders: dict[str, tuple[OrderStatus, int]] = {}
        self.moved: dict[str, list[OrderMoved]] = {}
        self.fills: dict[tuple[str, str], FillSeen] = {}
        self.sent: dict[str, Sent] = {}
        self.transfer_intents: dict[str, TransferIntended] = {}
        self.transfers: dict[str, TransferStatus] = {}  # as they are on record
        self.moved_by_us: dict[str, Moved] = {}
        self.halts: list[Halted] = []
        self.efforts: dict[tuple[str, int], int] = {}  # by asset and epoch: when the attempt to align began
        self.said = Said()
        self.rules_at_start: dict[int, RunStarted] = {}
        self.old_epochs_end_ms: dict[int, int] = {}  # when each epoch was followed by the next
        self.foreign: list[tuple[int, str, int]] = []  # moment, symbol, signed contracts that were not the bot's doing
        self.first_alerts: dict[str, int] = {}
        self.turns = self.checked = 0
        self.quiet_from_ms: int | None = None
        self.well_ms: int | None = None  # first turn after the faults whose answer is in order
        self.why_not_well = ""
        self.faults: frozenset[str] = frozenset()
        for book in venue.books.values():
            book.told = self.told_by_venue

    # ----------------------------------------------------------------------------------------------------------------- the trace

    @property
    def now_ms(self) -> int:
        return self.venue.now_ms

    def note(self, text: str) -> None:
        line = f"{self.now_ms} {text}"
        self.digest.update(line.encode())
        self.digest.update(b"\n")
        if self.lines is not None:
            self.lines.append(line)

    def strike(self, name: str) -> None:
        self.struck[name] = self.struck.get(name, 0) + 1
        self.note(f"fault {name}")

    # ---------------------------------------------------------------------------------------------------------------- the checks

    def judge(self, moment: str, *subjects: Any) -> None:
        """Every check of this moment. Raise Violated, and remember it, if one does not hold."""
        for check in self.checks[moment]:
            self.checked += 1
            try:
                check(self, *subjects)
            except AssertionError as failed:
                self.violation = self.violation or Violated(check.__name__, str(failed), self.now_ms)
                self.note(f"VIOLATION {self.violation}")
                raise self.violation from None

    # ------------------------------------------------------------------------------------------------------------------ the venue

    def told_by_venue(self, what: str, book: Book, subject: VenueOrder | Trade) -> None:
        if isinstance(subject, Trade):
            self.note(
                f"venue trade {subject.number} {subject.owner} {subject.client_id or '-'} {'sell' if subject.sells else 'buy'}"
                f" {subject.contracts} at {subject.cents} position {book.account.contracts}"
            )
            if subject.owner != OWN:
                self.foreign.append((self.now_ms, book.symbol, -subject.contracts if subject.sells else subject.contracts))
        else:
            self.note(
                f"venue {what} {subject.venue_id} {subject.client_id or '-'} {'sell' if subject.sells else 'buy'}"
                f" {subject.filled}/{subject.contracts} at {subject.cents} {subject.status} {subject.why}"
            )
        self.judge(what, book, subject)

    def signed(self, process: Process, order: Approved) -> Sent:
        sent = Sent(order, process.number, process.epoch, self.now_ms)
        self.note(
            f"bot {process.number} signs {order.client_id} {order.side.value} {order.contracts} at {order.limit_price}"
            f"{' reduce-only' if order.reduce_only else ''}{' post-only' if order.post_only else ''}"
        )
        self.judge(SIGNED, process, order)
        self.sent[order.client_id] = sent
        return sent

    def signed_transfer(self, process: Process, transfer: Transfer) -> Moved:
        self.note(f"bot {process.number} signs transfer {transfer.transfer_id} of {transfer.coins} {transfer.asset}")
        self.judge(SIGNED_TRANSFER, process, transfer)
        sent = self.moved_by_us[transfer.transfer_id] = Moved(transfer, self.now_ms)
        return sent

    def carried(self, book: Book, transfer_id: str, pico: int) -> None:
        self.note(f"venue transfer {transfer_id} of {pico}")
        self.judge(CARRIED, book, transfer_id, pico)

    # ----------------------------------------------------------------------------------------------------------------- the record

    def landed(self, process: Process, events: Sequence[Event], seq: int, head: str) -> None:
        """These rows are in the database now, whatever the writer was told."""
        before = self.state
        for event in events:
            match event:
                case DecisionMade():
                    self.wait_for_depth(event)
                case IntentRecorded():
                    self.intend(event)
                    self.intents[event.order.client_id] = event
                    self.orders[event.order.client_id] = (event.status, 0)
                case TransferIntended():
                    self.transfer_intents[event.transfer.transfer_id] = event
                case OrderMoved():
                    self.moved.setdefault(event.client_id, []).append(event)
                case Halted():
                    self.halts.append(event)
                case RunStarted():
                    self.rules_at_start[event.epoch] = event
                    self.old_epochs_end_ms[event.epoch - 1] = self.now_ms
                    self.epoch = event.epoch
                case CommandGiven():
                    self.heard(event)
            self.state = fold(self.state, event)
        kinds = ",".join(type(event).__name__ for event in events)
        self.note(f"bot {process.number} records {kinds} up to {seq} {head[:16]}")
        self.head = (seq, head)
        self.judge(LANDED, process, events, before)
        for event in events:  # only now: the checks compare with what was known before
            match event:
                case OrderMoved():
                    known = self.orders.get(event.client_id, (event.was, 0))
                    self.orders[event.client_id] = (event.now, max(known[1], event.filled))
                case TransferIntended():
                    self.transfers[event.transfer.transfer_id] = event.status
                case TransferMoved():
                    self.transfers[event.transfer_id] = event.now
                case FillSeen():
                    self.fills[event.fill.symbol, event.fill.trade_id] = event

    def intend(self, event: IntentRecorded) -> None:
        """When did this effort to align begin? With the first intent after the leg was last at rest."""
        key = (event.order.asset, event.epoch)
        leg = next((leg for leg in self.state.legs if leg.asset == event.order.asset), None)
        if leg is None or leg.effort_since_ms is None:
            self.efforts[key] = event.mono_ms

    def wait_for_depth(self, event: DecisionMade) -> None:
        """Or with the decision that found the book too thin for anything."""
        for plan in event.decision.legs:
            if plan.effort is Effort.BEGINS and event.state.leg(plan.asset).effort_since_ms is None:
                self.efforts[plan.asset, event.state.epoch] = event.seen.mono_ms

    def heard(self, command: CommandGiven) -> None:
        """The word counts for the bot from the moment it is on record."""
        now_ms, said = self.now_ms, self.said
        match command.name:
            case "dry-run-on":
                said.dry_ms = now_ms
            case "dry-run-off":
                said.dry_ms = None
            case "kill":
                said.killed_ms = now_ms
            case "rearm":
                said.killed_ms = None
            case "pause":
                said.paused_ms = now_ms
            case "resume" | "flatten":
                said.paused_ms = None

    # ----------------------------------------------------------------------------------------------------------------- the engine

    def turned(self, process: Process, decision: Decision | None) -> None:
        self.turns += 1
        if decision is not None:
            self.note(f"bot {process.number} turn {decision.mode.value} {'; '.join(leg.why for leg in decision.legs)}")
        else:
            self.note(f"bot {process.number} turn without a record")
        self.judge(TURNED, process, decision)

    # ---------------------------------------------------------------------------------------------------------------- what counts

    def under_way(self, symbol: str) -> list[Sent]:
        """Signed orders that may still reach the venue."""
        return [sent for sent in self.sent.values() if sent.under_way and sent.order.symbol == symbol]

    def foreign_since(self, symbol: str, since_ms: int) -> tuple[int, int]:
        """Contracts bought and sold by others since then."""
        moved = [contracts for at_ms, name, contracts in self.foreign if name == symbol and at_ms >= since_ms]
        return sum(one for one in moved if one > 0), -sum(one for one in moved if one < 0)

    # ------------------------------------------------------------------------------------------------------------------- a backup

    def of_the_record(self) -> dict[str, Any]:
        """What is known of the record, as it stands; `recall` brings it back, as a backup does the database."""
        kept = {name: copy(getattr(self, name)) for name in OF_THE_RECORD}
        kept["moved"] = {name: list(moves) for name, moves in self.moved.items()}
        return kept

    def recall(self, kept: dict[str, Any]) -> None:
        for name, value in kept.items():
            setattr(self, name, value)

    def dice_on(self, *names: str) -> bool:
        """Is one of these faults on in this run?"""
        return not self.faults.isdisjoint(names)
