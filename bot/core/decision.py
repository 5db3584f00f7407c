"""What was decided? The answer as values: plans, approved orders, refusals and moves, each with its reason."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from bot.core.model import ZERO, Basis, Side, TargetSource
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

    @property
    def teaches(self) -> bool:
        """Is there something in it to be remembered?"""
        taught = self.baseline is not None or self.memory is not None or self.trade_cost is not None
        return taught or any(cross.memory is not None or cross.ratio_changed for cross in self.crosses)


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
    mode: Mode = field(default=Mode.STARTING)  # after the moves

    @property
    def reason(self) -> tuple[str, ...]:
        """What makes this decision differ from the last one: it is recorded when this changes."""
        crosses = (f"{cross.asset}:{cross.why}" for leg in self.legs for cross in leg.crosses)
        return (self.mode, str(self.armed), *(f"{leg.asset}:{leg.why}" for leg in self.legs), *crosses, *self.alerts)
