"""What is a policy told, what does it see, and what does it remember? The nouns of bot/core/policies, all frozen.

Shares are fractions (0.15 is 15 %). `None` means: not asked for in a rule, UNKNOWN in what is seen, not judged yet in what is remembered.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

# ---------------------------------------------------------------------------------------------------------------- the rules


@dataclass(frozen=True, slots=True)
class ScheduleRule:
    start_ms: int | None  # no hedge before
    until_ms: int | None  # the horizon: unwound from here on
    unwind_days: int  # in so many daily steps; 0 at once


@dataclass(frozen=True, slots=True)
class DrawdownRule:
    average: Decimal | None  # days of the moving average below which the bag is hedged
    margin: Decimal  # how far through the average the close must be, as a share of it
    fall: Decimal | None  # hedged after a fall of this share
    fall_days: Decimal | None  # from the highest price of so many days
    recover: Decimal | None  # and until the fall is no more than this
    keep: Decimal  # share of the ratio that stays while nothing has triggered


@dataclass(frozen=True, slots=True)
class ReversalRule:
    fast: int  # candles of the fast EMA
    slow: int  # candles of the slow EMA
    channel: int  # candles of the Donchian channel
    confirmations: int  # closed candles in a row that must agree
    keep: Decimal  # share of the ratio that stays in an uptrend


@dataclass(frozen=True, slots=True)
class FundingRule:
    budget: Decimal  # share of the hedge that it may cost in a year
    resume: Decimal  # back in at or below this cost
    lookback_ms: int
    keep: Decimal  # share of the ratio that stays while it costs too much


@dataclass(frozen=True, slots=True)
class VolatilityRule:
    target: Decimal  # a year, of bag and hedge together
    days: Decimal  # of candles it is measured over
    step: Decimal  # the ratio moves in multiples of this


@dataclass(frozen=True, slots=True)
class RampRule:
    start: Decimal  # share of the ratio to begin with
    length_ms: int
    steps: int  # equal ones, from there to the whole


@dataclass(frozen=True, slots=True)
class BasisRule:
    discount: Decimal  # of the perpetual's mid price under the index, from which on nothing new is hedged
    resume: Decimal  # until it is no more than this


@dataclass(frozen=True, slots=True)
class Policies:
    """Of one leg, in the order in which they are applied. Each may stand once."""

    candle_ms: int = 86_400_000
    schedule: ScheduleRule | None = None
    drawdown: DrawdownRule | None = None
    reversal: ReversalRule | None = None
    funding: FundingRule | None = None
    volatility: VolatilityRule | None = None
    ramp: RampRule | None = None
    basis: BasisRule | None = None

    @property
    def exist(self) -> bool:
        return self.from_candles or any((self.schedule, self.funding, self.ramp, self.basis))

    @property
    def from_candles(self) -> bool:
        return any((self.drawdown, self.reversal, self.volatility))


NO_POLICIES: Final = Policies()


# ---------------------------------------------------------------------------------------------------------------- what is seen


@dataclass(frozen=True, slots=True)
class CandleSigns:
    """Statistics at the close of one candle. None: not asked for, or the history is too short for it."""

    closed_ms: int
    close: Decimal
    average: Decimal | None = None  # simple, of the closes
    fall: Decimal | None = None  # from the highest high of the window, as a share of it
    ema_fast: Decimal | None = None
    ema_slow: Decimal | None = None
    trend: int | None = None  # closed candles in a row on which EMA cross and last Donchian break agree; negative: downwards
    volatility: Decimal | None = None  # standard deviation of log returns, a year


@dataclass(frozen=True, slots=True)
class FundingSigns:
    """What a short paid for its funding over the look-back, as a share of it and a year. Negative: it received."""

    at_ms: int  # of the newest settlement
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Signs:
    """Everything measured for one asset; an input of the decision, and on record with it."""

    asset: str
    candles: CandleSigns | None = None
    funding: FundingSigns | None = None
    lacking: tuple[str, ...] = ()  # why a part is missing


# ---------------------------------------------------------------------------------------------------------------- what is remembered


@dataclass(frozen=True, slots=True)
class Memory:
    """What the policies of one leg decided last. It changes in steps and only by a recorded decision."""

    candle_ms: int | None = None  # close of the newest candle that was judged
    funding_ms: int | None = None  # the newest settlement that was judged
    triggered: bool | None = None  # drawdown: is the hedge called for?
    unwound: bool | None = None  # reversal: is it off in an uptrend?
    costly: bool | None = None  # funding: is it over the budget?
    calmed: Decimal | None = None  # volatility: the most that is hedged
    ramp_since_ms: int | None = None
    discounted: bool | None = None  # basis: does the perpetual trade too far below the index?


NOTHING_YET: Final = Memory()


# ---------------------------------------------------------------------------------------------------------------- what they say


@dataclass(frozen=True, slots=True)
class Change:
    """One policy's word on the ratio. `after` is None where it cannot tell."""

    policy: str
    before: Decimal
    after: Decimal | None
    why: str
