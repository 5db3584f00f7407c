"""What do we talk about? The nouns, all frozen.

Money and coins are `Decimal`; contract counts are integers of the smallest step a venue trades (its lot).
`None` always means UNKNOWN and is never read as 0. `*_ms` are milliseconds: `now_ms` and `at_ms` count from the Unix epoch (UTC),
`mono_ms` from an arbitrary origin of this process and measures durations only.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from bot.core.policy_terms import NO_POLICIES, NOTHING_YET, Change, Memory, Policies, Signs

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
NO_LIQUIDATION: Final = Decimal("Infinity")  # a value of its own: there is no liquidation price; never 0, never unknown


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: what one filled contract adds to the signed position."""
        return 1 if self is Side.BUY else -1


class Kind(StrEnum):
    INVERSE = "inverse"  # a contract is a fixed number of USD, settled in coin (domain.md §1)
    LINEAR = "linear"  # a contract is a fixed number of coins, settled in USDT (domain.md §7a)


class Basis(StrEnum):
    COINS = "coins"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One perpetual contract, as the venue specifies it."""

    symbol: str  # "BTC/USD:BTC"
    asset: str  # "BTC"
    kind: Kind
    settle: str  # the currency of margin, fees and funding: "BTC" or "USDT"
    contract_size: Decimal  # of one count: USD for an inverse contract, coins for a linear one
    tick: Decimal  # USD per coin; every limit price is an exact multiple
    maker_fee_rate: Decimal  # of notional; negative is a rebate
    taker_fee_rate: Decimal
    maintenance_rate: Decimal  # m of domain.md §3
    min_contracts: int = 1
    min_notional_usd: Decimal = ZERO
    lot: Decimal = ONE  # how many of the venue's own contracts one count is
    funding_interval_hours: int = 8

    @property
    def spec(self) -> "ContractSpec":
        return ContractSpec(
            self.symbol, self.kind, self.settle, self.contract_size, self.tick, self.lot, self.min_contracts, self.min_notional_usd
        )


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """What an order's numbers mean. It is pinned when a contract is first seen (pin.py); fees are no part of it."""

    symbol: str
    kind: Kind
    settle: str
    contract_size: Decimal
    tick: Decimal
    lot: Decimal
    min_contracts: int
    min_notional_usd: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    symbol: str
    mark: Decimal
    index: Decimal | None
    bid: Decimal
    ask: Decimal
    funding_rate: Decimal | None  # of the running interval; positive means a short receives
    at_ms: int  # the venue's stamp


@dataclass(frozen=True, slots=True)
class Position:
    symbol: str
    contracts: int  # signed: short is negative
    entry_price: Decimal | None  # None when flat or not told
    leverage_setting: Decimal | None  # the venue's setting; says nothing about safety (domain.md §1 L)
    at_ms: int


@dataclass(frozen=True, slots=True)
class Margin:
    """The futures account in one settle currency."""

    currency: str
    wallet: Decimal  # C: without unrealised profit
    equity: Decimal  # Q: with unrealised profit of every position settled in this currency
    at_ms: int


class OrderStatus(StrEnum):
    """States of an order; the table of moves is in machine.py."""

    PLANNED = "PLANNED"
    INTENT = "INTENT"
    SIGNED = "SIGNED"
    ACKED = "ACKED"
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTED"
    ABSENT = "ABSENT"
    DRY_RUN = "DRY_RUN"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL: Final = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.ABSENT, OrderStatus.DRY_RUN}
)


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the venue shows it."""

    client_id: str  # "" where the venue shows none: then it is not ours
    venue_id: str
    symbol: str
    side: Side
    contracts: int
    filled: int
    limit_price: Decimal
    status: OrderStatus  # ACKED, OPEN, PARTIAL, FILLED, CANCELLED, EXPIRED or REJECTED
    reduce_only: bool
    post_only: bool
    at_ms: int
    why: str = ""  # the venue's reason for an end that nobody asked for ("post-only would take", "margin")


@dataclass(frozen=True, slots=True)
class Fill:
    trade_id: str  # unique within (account, symbol)
    client_id: str  # "" for a fill without one: a foreign order, a liquidation
    symbol: str
    side: Side
    contracts: int
    price: Decimal
    fee_coins: Decimal  # in settle currency; positive is paid
    maker: bool
    at_ms: int
    liquidation: bool = False


@dataclass(frozen=True, slots=True)
class FundingPayment:
    payment_id: str  # unique within (account, symbol)
    symbol: str
    rate: Decimal
    mark: Decimal  # of the settlement
    coins: Decimal  # in settle currency; positive is received
    at_ms: int


class TargetSource(StrEnum):
    OPERATOR = "operator"
    DOCUMENT = "document"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Target:
    asset: str
    ratio: Decimal
    source: TargetSource
    until_ms: int | None = None  # exclusive end; None holds until changed


# ---------------------------------------------------------------------------------------------------------------- what was seen


@dataclass(frozen=True, slots=True)
class Ask:
    """What to read of one instrument in the next look."""

    symbol: str
    fills_since_ms: int  # inclusive
    funding_since_ms: int  # inclusive
    client_ids: tuple[str, ...] = ()  # our unfinished orders: find each of them by id


@dataclass(frozen=True, slots=True)
class View:
    """What one look at the venue showed of one instrument. A part that could not be read is None and named in `errors`."""

    instrument: Instrument
    quote: Quote | None = None
    position: Position | None = None
    margin: Margin | None = None
    open_orders: tuple[Order, ...] | None = None  # every open order of the symbol, ours and foreign
    found: tuple[Order, ...] | None = None  # those of Ask.client_ids that the venue knows, in any status
    fills: tuple[Fill, ...] | None = None
    funding: tuple[FundingPayment, ...] | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sourced:
    """What one source of the bag says. `coins` may be held over from an earlier read: then `error` says why, and the stamps are of that."""

    asset: str
    name: str
    coins: Decimal | None  # None is UNKNOWN
    at_ms: int | None = None  # when the read that showed them was begun
    mono_ms: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a decision may know about the world."""

    now_ms: int
    mono_ms: int
    views: tuple[View, ...]
    bag: tuple[tuple[str, Decimal | None], ...]  # asset, coins outside the account as declared or read; None is UNKNOWN
    documents: tuple[Target, ...] | None = ()  # targets of the target document; None: one is configured and cannot be trusted now
    kill_file: bool | None = False  # None: it could not be read
    signs: tuple[Signs, ...] = ()  # what was measured for the policies, at the last closed candle
    sources: tuple[Sourced, ...] = ()  # what is read of the bag; counted in `bag`

    def view(self, symbol: str) -> View | None:
        return next((view for view in self.views if view.instrument.symbol == symbol), None)

    def bag_coins(self, asset: str) -> Decimal | None:
        return next((coins for name, coins in self.bag if name == asset), None)

    def read_coins(self, asset: str) -> Decimal | None:
        """The part of the bag that sources show; None where one of them is UNKNOWN, and where nothing is read."""
        shown = [source.coins for source in self.sources if source.asset == asset]
        known = [coins for coins in shown if coins is not None]
        return sum(known, ZERO) if known and len(known) == len(shown) else None

    def signs_of(self, asset: str) -> Signs | None:
        return next((signs for signs in self.signs if signs.asset == asset), None)


# ---------------------------------------------------------------------------------------------------------------- what is allowed


@dataclass(frozen=True, slots=True)
class Band:
    """Trade only outside low..high, and then only back to the nearer safe edge. Multiples of the ideal hedge."""

    low: Decimal
    safe_low: Decimal
    safe_high: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class LegRule:
    asset: str
    symbol: str
    basis: Basis
    ratio: Decimal  # of the config; operator and document may override it
    band: Band
    policies: Policies = NO_POLICIES
    transit_ms: int = 0  # coins that left a wallet that is read, or the account, count as under way for so long


@dataclass(frozen=True, slots=True)
class ExecutionRule:
    order_ttl_ms: int
    max_reprices: int
    cross_after_ms: int
    max_slippage: Decimal  # fraction of mark
    max_order_usd: Decimal
    min_order_usd: Decimal
    cooldown_ms: int


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


# ---------------------------------------------------------------------------------------------------------------- what is remembered


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


@dataclass(frozen=True, slots=True)
class Refused:
    asset: str
    check: str  # the name of the pre-trade check
    why: str


@dataclass(frozen=True, slots=True)
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
    cancel_asked_ms: int | None = None  # mono
    venue_id: str = ""


@dataclass(frozen=True, slots=True)
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
    missed_at_ms: int | None = None  # mono: when a crossing order left something, or an order was rejected
    dry_plan: str = ""  # the last plan recorded as DRY_RUN
    halted: str | None = None  # why this leg may not trade
    pin: ContractSpec | None = None  # the contract that was taken on; `contracts` counts in it
    offered: ContractSpec | None = None  # what the venue shows instead of it: nothing is placed until a person accepts that
    memory: Memory = NOTHING_YET  # of its policies


@dataclass(frozen=True, slots=True)
class State:
    """Everything the bot remembers between turns: the fold of the audit log (ledger.py)."""

    account: str
    instance: str  # two characters, drawn once when the database is made
    epoch: int = 0
    cycle: int = 0
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

    def leg(self, asset: str) -> LegState:
        return next(leg for leg in self.legs if leg.asset == asset)


# ---------------------------------------------------------------------------------------------------------------- what was decided


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
        return (self.mode, str(self.armed), *(f"{leg.asset}:{leg.why}" for leg in self.legs), *self.alerts)
