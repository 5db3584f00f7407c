"""What was decided? The answer as values: plans, approved orders, refusals and moves, each with its reason."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from bot.core.making import maker
from bot.core.model import ZERO, Basis, Side, TargetSource, settle_of
from bot.core.policy_terms import Change, Memory
from bot.core.rules import Band


class Mode(StrEnum):
    """The machine's `state`."""

    STARTING = "STARTING"
    RECONCILING = "RECONCILING"
    WATCHING = "WATCHING"
    WORKING = "WORKING"
    PAUSED = "PAUSED"
    REDUCING = "REDUCING"
    CANCEL_ONLY = "CANCEL_ONLY"
    HALTED = "HALTED"
    STOPPING = "STOPPING"


@dataclass(frozen=True, slots=True)
class Baseline:
    """B of domain.md §1: the coins the ratio refers to, set when the effective ratio changes."""

    coins: Decimal
    ratio: Decimal
    basis: Basis
    at_ms: int


@dataclass(frozen=True, slots=True)
class TradeCost:
    """What a trade costs here, one way, as a share of it: measured now and then, and counted with until it has changed (autoband.py)."""

    rate: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Parent:
    """A change of the position that is worked in pieces: how it was cut, and since when it is worked."""

    side: Side
    from_short: int  # the position it began from, short positive
    sizes: tuple[int, ...]  # contracts of each slice; together the whole change
    horizon_ms: int  # 0: everything is due at once
    began_at_ms: int
    began_mono_ms: int
    epoch: int  # of the run it began in: only there does the monotonic stamp mean anything
    mid: Decimal  # of the market when it began

    @property
    def whole(self) -> int:
        return sum(self.sizes)


class Effort(StrEnum):
    """What a decision does to the patience with which the bot waits for a maker's fill."""

    KEEPS = "keeps"
    BEGINS = "begins"  # something is due, and the book is too thin for it
    ENDS = "ends"  # nothing is due until the next slice, which gets patience of its own


@dataclass(frozen=True, slots=True)
class Arrival:
    """The market that an order meets when it is decided: what it comes to cost is measured against this."""

    mid: Decimal
    market: Decimal  # what a market order of its size would have got on average, as far as the book was visible
    taker_fee_rate: Decimal


@dataclass(frozen=True, slots=True)
class Intent:
    """An order the planner would like; only risk turns it into an `Approved`."""

    asset: str
    symbol: str
    side: Side
    contracts: int
    limit_price: Decimal
    reduce_only: bool
    post_only: bool  # False: immediate-or-cancel within the slippage limit
    why: str
    arrival: Arrival | None = None
    plan_mid: Decimal | None = None
    queue_ahead: int | None = None
    cut_to_book: bool = False


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that passed every pre-trade check and has a name. Only risk.py makes one."""

    client_id: str
    asset: str
    symbol: str
    side: Side
    contracts: int
    limit_price: Decimal
    reduce_only: bool
    post_only: bool
    reference_price: Decimal  # the mark it was decided on
    notional_usd: Decimal  # at the mark
    deadline_mono_ms: int  # not sent by then, it is dropped
    why: str
    arrival: Arrival | None = None
    plan_mid: Decimal | None = None  # of the market when the change began that this order is a piece of
    queue_ahead: int | None = None  # contracts of others that were visible at its price; None: not told, or it does not queue
    cut_to_book: bool = False  # more was due than its share of the visible book


@dataclass(frozen=True, slots=True)
class Transfer:
    """Collateral that moves between the venue's spot wallet and the account. Only keeper.py makes one."""

    transfer_id: str
    asset: str
    coins: Decimal  # positive into the account
    deadline_mono_ms: int  # not sent by then, it is dropped
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    asset: str
    check: str  # the name of the pre-trade check
    why: str


@dataclass(frozen=True, slots=True)
class CrossPlan:
    """What one asset adds to the short of the leg that carries it. None means UNKNOWN."""

    asset: str
    ratio_target: Decimal | None
    ratio_effective: Decimal | None
    target_source: TargetSource | None
    beta: Decimal | None  # as it counts: within its limits
    r_squared: Decimal | None
    residual_volatility: Decimal | None
    coins: Decimal | None
    price: Decimal | None
    value_usd: Decimal | None
    target_usd: Decimal | None  # ratio * β * value
    hedged_usd: Decimal | None  # its share of the short that is there, in proportion to the targets
    why: str  # what keeps it from being known or hedged; empty if nothing does
    missing: tuple[str, ...] = ()
    policies: tuple[Change, ...] = ()
    memory: Memory | None = None  # of the policies, where this decision changed it
    ratio_changed: bool = False


@dataclass(frozen=True, slots=True)
class LegPlan:
    """One leg's answer: the numbers and the reason. None means UNKNOWN or undefined; a short `position_usd` is negative."""

    asset: str
    instrument: str
    basis: Basis
    ratio_target: Decimal | None
    ratio_effective: Decimal | None
    ratio_actual: Decimal | None
    ratio_planned: Decimal | None
    target_source: TargetSource | None
    spot_coins: Decimal | None
    equity_coins: Decimal | None
    delta_coins: Decimal | None
    position_usd: Decimal | None
    target_usd: Decimal | None
    leverage: Decimal | None  # Infinity where equity is gone
    liquidation_price: Decimal | None  # NO_LIQUIDATION where there is none
    mark: Decimal | None
    aligned: bool
    why: str
    settled: bool = False  # nothing more is wanted now, aligned or held back by a limit: the next attempt starts afresh
    fees_usd: Decimal = ZERO  # of the planned order, at its rate
    funding_usd_per_year: Decimal | None = None  # a cost: positive is paid
    missing: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    baseline: Baseline | None = None  # set by this decision
    policies: tuple[Change, ...] = ()  # from the target ratio to the effective one, in order
    memory: Memory | None = None  # of the policies, where this decision changed it
    band: Band | None = None  # that applies, where it is not the one of the rules
    band_why: str = ""  # where its edges come from, then
    trade_cost: TradeCost | None = None  # measured by this decision
    crosses: tuple[CrossPlan, ...] = ()  # what it carries for assets without a contract of their own
    parent: Parent | None = None  # begun by this decision
    effort: Effort = Effort.KEEPS
    lacking_coins: Decimal | None = None  # collateral that should be moved into the account now, in settle currency; None: none is known of

    @property
    def settle(self) -> str:
        """The currency of its margin."""
        return settle_of(self.instrument)

    @property
    def teaches(self) -> bool:
        """Is there something in it to be remembered?"""
        if self.baseline is not None or self.memory is not None or self.trade_cost is not None or self.parent is not None:
            return True
        return any(cross.memory is not None or cross.ratio_changed for cross in self.crosses) if self.crosses else False


QUEUE_TOO_LONG: Final = "the queue ahead is too long for the patience that is left"


@dataclass(frozen=True, slots=True)
class Cancel:
    asset: str
    symbol: str
    client_id: str
    why: str


@dataclass(frozen=True, slots=True)
class LeverageCall:
    asset: str
    symbol: str
    leverage: int


@dataclass(frozen=True, slots=True)
class Move:
    """One step of the machine."""

    was: Mode
    event: str
    now: Mode
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    at_ms: int
    cycle: int
    armed: bool
    legs: tuple[LegPlan, ...]
    orders: tuple[Approved, ...] = ()  # to be placed when armed; recorded as DRY_RUN when not
    cancels: tuple[Cancel, ...] = ()
    leverage: tuple[LeverageCall, ...] = ()
    moves: tuple[Move, ...] = ()
    alerts: tuple[str, ...] = ()
    wake_mono_ms: int | None = None  # the next moment at which a timer of ours may change the answer
    transfers: tuple[Transfer, ...] = ()  # of collateral, before the orders; recorded as DRY_RUN when not armed
    mode: Mode = field(default=Mode.STARTING)  # after the moves

    @property
    def reason(self) -> tuple[str, ...]:
        """What makes this decision differ from the last one: it is recorded when this changes."""
        legs = [f"{leg.asset}:{leg.why}" for leg in self.legs]
        crosses = [f"{cross.asset}:{cross.why}" for leg in self.legs if leg.crosses for cross in leg.crosses]
        return (self.mode, str(self.armed), *legs, *crosses, *self.alerts)


approved: Final = maker(Approved)
decided: Final = maker(Decision)
leg_plan: Final = maker(LegPlan)
