"""What does the bot remember between two turns? The fold of the audit log (ledger.py).

What is folded has no slots: a copy with a few values changed is a copied dict then, in a tenth of the time that each value takes alone.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar

from bot.core.decision import Approved, Baseline, Mode, Parent, TradeCost, Transfer
from bot.core.model import ZERO, ContractSpec, OrderStatus, Target, TransferStatus
from bot.core.policy_terms import NOTHING_YET, Memory

T = TypeVar("T", "Working", "Moving", "Keeping", "LegState", "State")


def changed(one: T, **changes: Any) -> T:
    """As dataclasses.replace."""
    new: T = object.__new__(one.__class__)
    values = new.__dict__
    values.update(one.__dict__, **changes)
    if len(values) != len(one.__dict__):
        raise TypeError(f"{one.__class__.__name__} has no {', '.join(changes.keys() - one.__dict__.keys())}")
    return new


@dataclass(frozen=True)
class Working:
    """Our record of the one unfinished order of an instrument."""

    order: Approved
    epoch: int  # of the lease it was written under
    status: OrderStatus
    filled: int  # never shrinks
    sent_at_ms: int
    sent_mono_ms: int
    traded: int = 0  # contracts of its fills that are on record
    polls: int = 0  # how often in a row it was looked for in vain
    vain_since_ms: int | None = None  # mono: the first of those looks
    cancel_asked_ms: int | None = None  # mono: the last time
    cancel_since_ms: int | None = None  # mono: the first time in this run
    venue_id: str = ""
    ahead: int | None = None  # most contracts of others that can be before it in the queue; None: not told
    behind_since_ms: int | None = None  # mono: others have offered a better price since then


@dataclass(frozen=True)
class Moving:
    """Our record of the one transfer of collateral of an asset that has not come to its end."""

    transfer: Transfer
    epoch: int  # of the lease it was written under
    status: TransferStatus  # INTENT, UNKNOWN or DONE
    sent_at_ms: int
    sent_mono_ms: int
    seen_coins: Decimal = ZERO  # that moved into the account since, unexplained by trades
    polls: int = 0  # how often in a row it was looked for in vain
    vain_since_ms: int | None = None  # mono: the first of those looks
    done_since_ms: int | None = None  # mono: since when the venue says that it is done


@dataclass(frozen=True)
class Keeping:
    """What the margin keeper remembers of an asset (keeper.py)."""

    moving: Moving | None = None
    topped_up_coins: Decimal = ZERO  # net coins that own transfers moved into the account: no more than these are swept back
    day: int = 0  # days since the epoch
    day_coins: Decimal = ZERO  # moved into the account on it, what is UNKNOWN counted in
    wait_until_ms: int = 0  # after a transfer that was refused or not sent
    wait_why: str = ""
    dry: str = ""  # the last transfer recorded as DRY_RUN


NOTHING_KEPT: Final = Keeping()


@dataclass(frozen=True)
class LegState:
    asset: str
    symbol: str
    baseline: Baseline | None = None
    working: Working | None = None
    contracts: int | None = None  # the last explained position; None: not in charge yet
    entry_price: Decimal | None = None  # harmonic (inverse) or arithmetic (linear) mean of the fills behind `contracts`
    wallet: Decimal | None = None  # the last explained wallet balance
    charged_at_ms: int = 0  # when the leg became ours; earlier fills and payments are not counted
    declared_coins: Decimal | None = None
    transferred_coins: Decimal = ZERO  # net coins moved into the account since they were declared
    read_coins: Decimal | None = None  # of the sources, as far as it counts (bag.py); None: the bag is only declared
    underway_coins: Decimal = ZERO  # net coins moved into the account that the sources have not been seen to miss
    astray_coins: Decimal = ZERO  # least that was on neither side (negative) or on both (positive) since `astray_since_ms`
    astray_since_ms: int | None = None  # mono
    fills_cursor_ms: int = 0
    funding_cursor_ms: int = 0
    recent_fills: tuple[tuple[int, str], ...] = ()  # (at_ms, id) of those that a read from the cursor may show again
    recent_payments: tuple[tuple[int, str], ...] = ()
    owed: int = 0  # signed contracts that an ended order filled and whose fills are not on record yet
    owed_id: str = ""  # that order
    accept: bool = False  # re-armed: the next position is taken as the venue shows it
    shown_contracts: int | None = None  # the position at the last look that own fills explained
    unexplained: int = 0  # looks in a row whose position own fills did not explain
    unexplained_since_ms: int | None = None  # mono
    effort_since_ms: int | None = None  # mono: when this attempt to align began
    placements_without_fill: int = 0
    gap_usd: Decimal | None = None  # between hedge and target when the last order was planned; None: nothing is under way
    gap_traded: bool = False  # an own order traded since then
    repeats: int = 0  # orders in a row that traded and left the gap as large as it was
    parent: Parent | None = None  # the change that is being worked
    inside: bool = False  # the next maker's order goes one tick inside the spread: the queue at the touch was too long
    missed_at_ms: int | None = None  # mono: when a crossing order left something, or an order was rejected
    dry_plan: str = ""  # the last plan recorded as DRY_RUN
    halted: str | None = None  # why this leg may not trade
    pin: ContractSpec | None = None  # the contract that was taken on; `contracts` counts in it
    offered: ContractSpec | None = None  # what the venue shows instead of it: nothing is placed until a person accepts that
    memory: Memory = NOTHING_YET  # of its policies
    trade_cost: TradeCost | None = None  # that its band follows from
    keeping: Keeping = NOTHING_KEPT  # of its collateral

    @property
    def is_open(self) -> bool:
        """Is a position, or an order that may become one, on record?"""
        return bool(self.contracts or self.working)


@dataclass(frozen=True, slots=True)
class CrossState:
    """An asset that another one's leg carries."""

    asset: str
    ratio: Decimal | None = None  # the effective ratio that was in force last
    memory: Memory = NOTHING_YET  # of its policies


@dataclass(frozen=True)
class State:
    """Everything the bot remembers between turns: the fold of the audit log (ledger.py)."""

    account: str
    instance: str  # two characters, drawn once when the database is made
    epoch: int = 0
    cycle: int = 0  # decisions on record since the start: no two orders come from the same one
    mode: Mode = Mode.STARTING
    live: bool = False  # mode: live
    armed: bool = False  # orders are sent
    dry_run_word: bool | None = None  # the last stored word of `dry-run on|off`
    draining: bool = False  # dry-run was asked for and own orders are still being cancelled
    paused: bool = False
    killed: str | None = None  # why; set until re-armed
    flattening: bool = False
    adopt: bool = False  # this run may take over a position it finds
    cancel_all: bool = False  # asked once, done when no own order is open
    stopping: bool = False
    targets: tuple[Target, ...] = ()  # the operator's
    legs: tuple[LegState, ...] = ()
    order_times_ms: tuple[int, ...] = ()  # stamps of placements within the last minute
    turnover_day: int = 0  # days since the epoch
    turnover_usd: Decimal = ZERO
    config_hash: str = ""
    crosses: tuple[CrossState, ...] = ()
    run_id: str = ""  # of this run; part of the names of its orders

    def cross(self, asset: str) -> CrossState:
        return next((cross for cross in self.crosses if cross.asset == asset), CrossState(asset))

    def leg(self, asset: str) -> LegState:
        for leg in self.legs:
            if leg.asset == asset:
                return leg
        raise KeyError(asset)


def with_leg(state: State, asset: str, **changes: Any) -> State:
    return changed(state, legs=tuple([changed(leg, **changes) if leg.asset == asset else leg for leg in state.legs]))
