"""What is allowed? The configuration as the core sees it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from bot.core.model import ZERO, Basis
from bot.core.policy_terms import NO_POLICIES, Policies


@dataclass(frozen=True, slots=True)
class Band:
    """Trade only outside low..high, and then only back to the nearer safe edge. Multiples of the ideal hedge."""

    low: Decimal
    safe_low: Decimal
    safe_high: Decimal
    high: Decimal


class Wish(Protocol):
    """Which ratio somebody wants of an asset, whatever it is hedged with."""

    @property
    def asset(self) -> str: ...
    @property
    def ratio(self) -> Decimal: ...
    @property
    def policies(self) -> Policies: ...


@dataclass(frozen=True, slots=True)
class AutoBand:
    """Edges that cost least, from what a trade costs here; those that somebody wrote down stand. None: not written."""

    risk_aversion: Decimal  # γ of domain.md §6: how much an open gap weighs against the cost of closing it
    low: Decimal | None = None
    safe_low: Decimal | None = None
    safe_high: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CollateralRule:
    """When collateral should move between the venue's spot wallet and the account, and how much of it the bot may move itself."""

    auto: bool = False
    low: Decimal = Decimal("1.8")  # effective leverage above which it is topped up
    high: Decimal = Decimal("1.2")  # and below which what was topped up is swept back
    most_coins: Decimal = ZERO  # of one transfer
    most_coins_per_day: Decimal = ZERO  # into the account, in one UTC day

    @property
    def goal(self) -> Decimal:
        """The leverage that a transfer leads to."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class LegRule:
    asset: str
    symbol: str
    basis: Basis
    ratio: Decimal  # of the config; operator and document may override it
    band: Band
    policies: Policies = NO_POLICIES
    transit_ms: int = 0  # coins that left a wallet that is read, or the account, count as under way for so long
    auto: AutoBand | None = None  # instead of `band`, as soon as the cost of a trade was measured
    collateral: CollateralRule = CollateralRule()


@dataclass(frozen=True, slots=True)
class CrossRule:
    """An asset that another one's leg carries: always a share of its value of now. (domain.md §7)"""

    asset: str
    hedge: str  # the asset of that leg
    ratio: Decimal
    band: Band  # of its part of the short
    market: str = ""  # whose prices and candles it goes by
    beta: Decimal | None = None  # a person's number; None: measured
    least_beta: Decimal = ZERO
    most_beta: Decimal = Decimal(3)
    half_life: Decimal | None = None  # candles after which a return counts half; None: all count alike
    lookback: int = 720  # returns
    least_returns: int = 30
    least_r_squared: Decimal = Decimal("0.5")
    candle_ms: int = 3_600_000
    policies: Policies = NO_POLICIES


class Schedule(StrEnum):
    """How a large change is spread over time."""

    NONE = "none"
    TWAP = "twap"  # equal slices
    ALMGREN_CHRISS = "almgren-chriss"  # the earlier ones larger (domain.md §8)


@dataclass(frozen=True, slots=True)
class ExecutionRule:
    order_ttl_ms: int
    max_reprices: int
    cross_after_ms: int
    max_slippage: Decimal  # fraction of mark
    max_order_usd: Decimal
    min_order_usd: Decimal
    cooldown_ms: int
    schedule: Schedule = Schedule.NONE
    schedule_above_usd: Decimal = ZERO
    slices: int = 1
    horizon_ms: int = 0
    urgency: Decimal = ZERO  # κT
    max_depth_share: Decimal | None = None  # of the visible contracts at the prices that an order reaches; None: any
    reprice_after_ms: int | None = None  # pegged: the touch may be away for so long; None: an order rests for order_ttl, come what may


@dataclass(frozen=True, slots=True)
class RiskRule:
    max_leverage: Decimal
    hard_leverage: Decimal
    max_position_usd: Decimal
    max_turnover_usd_per_day: Decimal
    max_orders_per_minute: int
    price_collar: Decimal  # fraction of mark and of index
    max_data_age_ms: int
    allow_over_hedge: bool


class Foreign(StrEnum):
    HALT = "halt"
    ABSORB = "absorb"


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration as the core sees it; `version` names the code that decides, so that `audit verify` knows its own."""

    version: str
    account: str
    venue: str
    environment: str | None
    live: bool  # mode: live
    legs: tuple[LegRule, ...]
    execution: ExecutionRule
    risk: RiskRule
    foreign: Foreign
    absence_polls: int  # polls and time that prove an order absent
    absence_ms: int
    crosses: tuple[CrossRule, ...] = ()  # assets that a leg carries along

    @property
    def assets(self) -> tuple[str, ...]:
        """Everything that is hedged, by a contract of its own or of another asset."""
        return (*(leg.asset for leg in self.legs), *(cross.asset for cross in self.crosses))

    @property
    def policies(self) -> tuple[Policies, ...]:
        """Of each of them."""
        return (*(leg.policies for leg in self.legs), *(cross.policies for cross in self.crosses))
