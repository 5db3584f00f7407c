"""What can happen? Every row of the audit chain is one of these, and the bot's memory is their fold (ledger.py)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core.decision import Approved, Decision, Transfer
from bot.core.making import maker
from bot.core.memory import State
from bot.core.model import ContractSpec, Fill, FundingPayment, OrderStatus, Snapshot, TransferStatus
from bot.core.rules import Rules


@dataclass(frozen=True, slots=True)
class RunStarted:
    run_id: str
    program_version: str
    epoch: int
    config_hash: str
    rules: Rules
    live: bool
    armed: bool
    adopt: bool
    at_ms: int
    overrides: tuple[str, ...] = ()  # what stands by the operator's word, where the bot would otherwise refuse or prove it


@dataclass(frozen=True, slots=True)
class RunEnded:
    run_id: str
    verified: bool  # no own order is left at the venue
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class CommandGiven:
    """An operator's word. `name` is one of COMMANDS."""

    name: str
    by: str  # "cli", "api", "file", "signal"
    at_ms: int
    asset: str | None = None  # target-set, target-clear, accept-contract, release
    ratio: Decimal | None = None  # target-set
    until_ms: int | None = None  # target-set
    reason: str = ""  # rearm, kill, accept-contract, release


COMMANDS: Final = (
    "pause",
    "resume",
    "dry-run-on",
    "dry-run-off",
    "kill",
    "rearm",
    "cancel-all",
    "flatten",
    "target-set",
    "target-clear",
    "accept-contract",
    "release",
    "stop",
)


@dataclass(frozen=True, slots=True)
class DecisionMade:
    """A decision with all its inputs; `rules_hash` names the rules of the run (RunStarted.config_hash)."""

    state: State
    seen: Snapshot
    rules_hash: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class IntentRecorded:
    order: Approved
    epoch: int
    cycle: int
    status: OrderStatus  # INTENT, or DRY_RUN
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class OrderMoved:
    """One step of our order in the table of machine.py; `filled` never shrinks."""

    client_id: str
    symbol: str
    was: OrderStatus
    now: OrderStatus
    filled: int
    why: str
    at_ms: int
    mono_ms: int
    venue_id: str = ""
    asset: str = ""


@dataclass(frozen=True, slots=True)
class LookedInVain:
    """An UNKNOWN order was looked for everywhere and not seen: one poll towards the proof that it is absent."""

    client_id: str
    symbol: str
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class QueueSeen:
    """Where our resting order stands in the visible book, as far as that shows; written when it changes."""

    client_id: str
    symbol: str
    ahead: int | None  # contracts of others that can be before it at its price, at most; None: not told
    behind: bool  # others offer a better price
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class TransferIntended:
    """A transfer of collateral, before it is asked for; in dry-run each distinct plan once."""

    transfer: Transfer
    epoch: int
    cycle: int
    status: TransferStatus  # INTENT, or DRY_RUN
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class TransferMoved:
    """What became of a transfer, as far as that is known now."""

    transfer_id: str
    asset: str
    coins: Decimal
    was: TransferStatus
    now: TransferStatus
    why: str
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class TransferSought:
    """A transfer of unknown fate was looked for in the venue's history and not seen: one poll towards the proof that it is absent."""

    transfer_id: str
    asset: str
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class CancelAsked:
    client_id: str
    symbol: str
    why: str
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class FillSeen:
    asset: str
    fill: Fill
    ours: bool
    notional_usd: Decimal  # at the fill's price
    realised: Decimal  # profit booked, in settle currency, fee not deducted
    contracts_after: int  # signed position that this fill leads to
    entry_after: Decimal | None


@dataclass(frozen=True, slots=True)
class FundingSeen:
    asset: str
    payment: FundingPayment


@dataclass(frozen=True, slots=True)
class BalanceSeen:
    """Position and wallet as the venue shows them, once own fills, fees and funding explain them; written when they change."""

    asset: str
    symbol: str
    contracts: int
    entry_price: Decimal | None
    wallet: Decimal
    equity: Decimal
    mark: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class TookCharge:
    """The leg is ours from here on: flat, or with a position taken over on the operator's word."""

    asset: str
    symbol: str
    contracts: int
    entry_price: Decimal | None
    wallet: Decimal
    adopted: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class CoinsMoved:
    """A wallet change that own fills, fees and funding do not explain: positive into the account."""

    asset: str
    coins: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class BagDeclared:
    asset: str
    coins: Decimal
    was_spot_coins: Decimal | None  # what the bag outside counted before; None at the first declaration
    at_ms: int
    read_coins: Decimal | None = None  # what sources showed then; None: the bag is only declared


@dataclass(frozen=True, slots=True)
class BagFollowed:
    """What the sources of a bag show, and how much of it counts from here on (bag.py)."""

    asset: str
    shown_coins: Decimal
    read_coins: Decimal
    transferred_coins: Decimal
    underway_coins: Decimal
    astray_coins: Decimal
    astray_since_ms: int | None
    added_coins: Decimal  # that came (positive) or are gone
    at_ms: int


@dataclass(frozen=True, slots=True)
class PositionUnexplained:
    """The venue's position is not the last one plus our fills: no new risk until it is, and a halt if it stays so."""

    asset: str
    symbol: str
    expected: int
    seen: int
    at_ms: int
    mono_ms: int


@dataclass(frozen=True, slots=True)
class ContractPinned:
    """This is the contract that orders are made for: as it was first seen (`was_hash` is empty), or as a person accepted it."""

    asset: str
    spec: ContractSpec
    spec_hash: str  # SHA-256 of the spec
    was_hash: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ContractChanged:
    """The venue shows another contract than the pinned one, or the pinned one again (both hashes are the same then)."""

    asset: str
    was: ContractSpec  # the pinned one
    now: ContractSpec
    was_hash: str
    now_hash: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class LegHalted:
    asset: str
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Halted:
    """A check stopped the account: own orders are cancelled, nothing is sent until `rearm --reason`."""

    check: str
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class DeadManSet:
    """The venue's dead man's switch was set, or stopped (0). Renewals are not on record."""

    timeout_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """Entries up to `upto_seq` may be dropped from the record: what the rest is proven by without them."""

    upto_seq: int
    entry_hash: str  # of the last of them
    tables: str  # SHA-256 of the rows of orders, fills and funding that follow from those entries
    rules_hash: str  # of the run that was under way there, and its rules: later decisions may have been made by them
    rules: Rules | None
    archive: str  # the file that holds them
    at_ms: int


@dataclass(frozen=True, slots=True)
class AlertRaised:
    what: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ErrorSeen:
    where: str
    error: str
    at_ms: int


ALL: Final = (
    RunStarted,
    RunEnded,
    CommandGiven,
    DecisionMade,
    IntentRecorded,
    OrderMoved,
    LookedInVain,
    QueueSeen,
    TransferIntended,
    TransferMoved,
    TransferSought,
    CancelAsked,
    FillSeen,
    FundingSeen,
    BalanceSeen,
    TookCharge,
    CoinsMoved,
    BagDeclared,
    BagFollowed,
    PositionUnexplained,
    ContractPinned,
    ContractChanged,
    LegHalted,
    Halted,
    DeadManSet,
    Checkpointed,
    AlertRaised,
    ErrorSeen,
)

Event = (
    RunStarted
    | RunEnded
    | CommandGiven
    | DecisionMade
    | IntentRecorded
    | OrderMoved
    | LookedInVain
    | QueueSeen
    | TransferIntended
    | TransferMoved
    | TransferSought
    | CancelAsked
    | FillSeen
    | FundingSeen
    | BalanceSeen
    | TookCharge
    | CoinsMoved
    | BagDeclared
    | BagFollowed
    | PositionUnexplained
    | ContractPinned
    | ContractChanged
    | LegHalted
    | Halted
    | DeadManSet
    | Checkpointed
    | AlertRaised
    | ErrorSeen
)

KINDS: Final = {cls.__name__: cls for cls in ALL}  # the `kind` column of the chain
order_moved: Final = maker(OrderMoved)
