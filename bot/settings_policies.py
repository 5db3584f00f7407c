"""When and how much is hedged? The policies of one hedge, as they stand in hedge.yaml, and what they may not say together."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from bot.core.policy_terms import (
    BasisRule,
    DrawdownRule,
    FundingRule,
    RampRule,
    ReversalRule,
    ScheduleRule,
    VolatilityRule,
)
from bot.core.policy_terms import Policies as PolicyRules
from bot.settings_values import Bps, Number, Section, Whole, refuse, shown

DAY_MS: Final = 86_400_000
CANDLES_MS: Final = {"1h": 3_600_000, "4h": 14_400_000, "1d": DAY_MS}
MOST_CANDLES: Final = 1000  # of one window: what a venue tells in a few requests

Share = Annotated[Number, Field(ge=0, lt=1)]
Part = Annotated[Number, Field(gt=0, lt=1)]
Days = Annotated[Number, Field(gt=0, le=3650)]


def moment_ms(text: str, *, end: bool) -> int:
    """A date (UTC: its beginning, or with `end` its end), or a moment with its zone. Raise ValueError."""
    text = text.strip()
    if len(text) == len("2026-12-31"):
        at = datetime.combine(date.fromisoformat(text) + timedelta(days=int(end)), datetime.min.time(), tzinfo=UTC)
    else:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError("no zone")
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def readable(text: str) -> str:
    try:
        moment_ms(text, end=False)
    except (ValueError, OverflowError):
        refuse(f"is {shown(text)}, which is no date", "write it as 2026-12-31 (UTC), or as 2026-12-31T18:00Z")
    return text


Moment = Annotated[str, AfterValidator(readable)]


class Schedule(Section):
    """No hedge before its start, none after its horizon."""

    start: Moment | None = Field(default=None, description="hedge from this date on (UTC)")
    until: Moment | None = Field(default=None, description="the horizon: hedge to the end of this date (UTC), then unwind")
    unwind_days: Whole = Field(default=0, ge=0, le=365, description="unwind in so many daily steps after the horizon; 0 at once")

    @property
    def start_ms(self) -> int | None:
        return None if self.start is None else moment_ms(self.start, end=False)

    @property
    def until_ms(self) -> int | None:
        return None if self.until is None else moment_ms(self.until, end=True)

    @model_validator(mode="after")
    def _in_order(self) -> "Schedule":
        if self.start_ms is None and self.until_ms is None:
            refuse("has neither start nor until", "give it a date, or delete it")
        if self.start_ms is not None and self.until_ms is not None and self.until_ms <= self.start_ms:
            refuse(f"is {self.until}, not after start {self.start}", "a hedge cannot end before it begins", "until")
        if self.unwind_days and self.until_ms is None:
            refuse(f"is {self.unwind_days}, and there is no until", "name the date from which to unwind", "unwind_days")
        return self

    @property
    def rule(self) -> ScheduleRule:
        return ScheduleRule(self.start_ms, self.until_ms, self.unwind_days)


class Drawdown(Section):
    """Hedge only below a moving average, or after a fall."""

    average_days: Days | None = Field(default=None, description="hedge while the close is below the average of so many days")
    margin: Share = Field(default=Decimal("0.01"), description="in below the average less this share of it, out above it plus the same")
    fall: Part | None = Field(default=None, description="hedge after a fall of this share (0.15 is 15 %)")
    fall_days: Days | None = Field(default=None, description="from the highest price of so many days")
    recover: Share | None = Field(default=None, description="out again once the fall is no more than this share; default half of fall")
    keep: Share = Field(default=Decimal(0), description="share of the ratio that stays while nothing calls for a hedge")

    @model_validator(mode="after")
    def _complete(self) -> "Drawdown":
        if self.average_days is None and self.fall is None:
            refuse("has neither average_days nor fall", "say what calls for a hedge: `average_days: 100`, or `fall: 0.15, fall_days: 14`")
        if (self.fall is None) is not (self.fall_days is None):
            given, other = ("fall_days", "fall") if self.fall is None else ("fall", "fall_days")
            refuse(f"is given without {other}", "a fall is a share within so many days: give both", given)
        if self.recover is not None and (self.fall is None or self.recover >= self.fall):
            refuse(f"is {self.recover}, not below fall {self.fall}", "the hedge would end as it begins: lower it", "recover")
        return self

    @property
    def rule(self) -> DrawdownRule:
        recover = self.fall / 2 if self.recover is None and self.fall is not None else self.recover
        return DrawdownRule(self.average_days, self.margin, self.fall, self.fall_days, recover, self.keep)


class Reversal(Section):
    """Unwind on a confirmed uptrend, hedge again on a confirmed downtrend."""

    fast: Whole = Field(default=12, ge=2, le=500, description="candles of the fast EMA")
    slow: Whole = Field(default=26, ge=3, le=500, description="candles of the slow EMA")
    channel: Whole = Field(default=20, ge=2, le=500, description="candles of the Donchian channel")
    confirmations: Whole = Field(default=2, ge=1, le=50, description="closed candles in a row on which both must agree")
    keep: Share = Field(default=Decimal(0), description="share of the ratio that stays in an uptrend")

    @model_validator(mode="after")
    def _ordered(self) -> "Reversal":
        if self.fast >= self.slow:
            refuse(f"is {self.fast}, not below slow {self.slow}", "the averages would never cross as meant: lower it", "fast")
        return self

    @property
    def rule(self) -> ReversalRule:
        return ReversalRule(self.fast, self.slow, self.channel, self.confirmations, self.keep)


class Funding(Section):
    """Less hedge while funding costs more than its budget."""

    budget: Annotated[Number, Field(ge=0, le=10)] = Field(
        default=Decimal("0.10"), description="most that the hedge may cost in a year, as a share of it"
    )
    resume: Annotated[Number, Field(ge=-10, le=10)] | None = Field(
        default=None, description="back in at this cost or a lower one; default half of budget"
    )
    lookback_days: Annotated[Number, Field(gt=0, le=90)] = Field(default=Decimal(7), description="over which the cost is taken")
    keep: Share = Field(default=Decimal(0), description="share of the ratio that stays while it costs too much; 0 leaves")

    @model_validator(mode="after")
    def _hysteresis(self) -> "Funding":
        if self.resume is not None and self.resume >= self.budget:
            refuse(f"is {self.resume}, not below budget {self.budget}", "the hedge would come and go with every settlement", "resume")
        if self.resume is None and self.budget == 0:
            refuse("is not given, and the budget is 0", "say from which gain on to hedge again, such as -0.02", "resume")
        return self

    @property
    def rule(self) -> FundingRule:
        resume = self.budget / 2 if self.resume is None else self.resume
        return FundingRule(self.budget, resume, int(self.lookback_days * DAY_MS), self.keep)


class Volatility(Section):
    """No more hedge than brings the bag to a target volatility."""

    target: Annotated[Number, Field(gt=0, le=5)] = Field(description="volatility of bag and hedge together, a year (0.3 is 30 %)")
    days: Days = Field(default=Decimal(30), description="of returns that are measured")
    step: Annotated[Number, Field(ge=Decimal("0.01"), le=Decimal("0.5"))] = Field(
        default=Decimal("0.1"), description="the ratio moves in multiples of this, and only by a whole one"
    )

    @property
    def rule(self) -> VolatilityRule:
        return VolatilityRule(self.target, self.days, self.step)


class Ramp(Section):
    """Begin with a part, and grow in steps."""

    start: Part = Field(default=Decimal("0.25"), description="share of the ratio to begin with")
    days: Days = Field(description="until the whole ratio is reached")
    steps: Whole = Field(default=4, ge=1, le=1000, description="equal ones, from the start to the whole")

    @property
    def rule(self) -> RampRule:
        return RampRule(self.start, int(self.days * DAY_MS), self.steps)


class Basis(Section):
    """Nothing new while the perpetual trades too far under the index."""

    discount_bps: Bps = Field(description="how far the middle of the book may lie under the index, in basis points")
    resume_bps: Annotated[Number, Field(ge=-1000, lt=10000)] | None = Field(
        default=None, description="until it is no more than this; default half of discount_bps"
    )

    @model_validator(mode="after")
    def _hysteresis(self) -> "Basis":
        if self.resume_bps is not None and self.resume_bps >= self.discount_bps:
            refuse(f"is {self.resume_bps}, not below discount_bps {self.discount_bps}", "it would flap: lower it", "resume_bps")
        return self

    @property
    def rule(self) -> BasisRule:
        resume = self.discount_bps / 2 if self.resume_bps is None else self.resume_bps
        return BasisRule(self.discount_bps / 10000, resume / 10000)


class Policies(Section):
    """When and how much: applied in this order, each to what the one before it left."""

    candle: Literal["1h", "4h", "1d"] = Field(
        default="1d", description="length of the candles that drawdown, reversal and volatility go by"
    )
    schedule: Schedule | None = None
    drawdown: Drawdown | None = None
    reversal: Reversal | None = None
    funding: Funding | None = None
    volatility: Volatility | None = None
    ramp: Ramp | None = None
    basis: Basis | None = None

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, data: Any) -> Any:
        """A heading with nothing under it would be a policy that silently is none."""
        if isinstance(data, dict):
            for name, part in data.items():
                if part is None:
                    refuse("has nothing under it", f"write `{name}: {{}}` for its defaults, or delete the line", name)
        return data

    @model_validator(mode="after")
    def _together(self) -> "Policies":
        schedule, ramp = self.schedule, self.ramp
        if schedule is not None and ramp is not None and schedule.start_ms is not None and schedule.until_ms is not None:
            room_ms = schedule.until_ms - schedule.start_ms
            if ramp.days * DAY_MS > room_ms:
                refuse(
                    f"is {ramp.days}, longer than the schedule from {schedule.start} to the end of {schedule.until}",
                    "the whole ratio would never be reached: shorten it, or move the horizon",
                    "ramp",
                    "days",
                )
        for at, days in self._windows():
            candles = days * DAY_MS / CANDLES_MS[self.candle]
            if candles < 1 or candles > MOST_CANDLES:
                problem = f"is {days} days, {candles.normalize():f} candles of {self.candle}"
                refuse(problem, f"between 1 and {MOST_CANDLES} make sense: change it, or policies.candle", *at)
        return self

    def _windows(self) -> list[tuple[tuple[str, str], Decimal]]:
        found = []
        if self.drawdown is not None and self.drawdown.average_days is not None:
            found.append((("drawdown", "average_days"), self.drawdown.average_days))
        if self.drawdown is not None and self.drawdown.fall_days is not None:
            found.append((("drawdown", "fall_days"), self.drawdown.fall_days))
        if self.volatility is not None:
            found.append((("volatility", "days"), self.volatility.days))
        return found

    def pointless_at(self, now_ms: int) -> Iterator[tuple[str, str, str]]:
        """What cannot come to anything from this moment on: key, problem and remedy."""
        schedule, ramp = self.schedule, self.ramp
        if schedule is None or schedule.until_ms is None:
            return
        if schedule.until_ms <= now_ms:
            yield "schedule.until", f"is {schedule.until}, which is over: nothing would ever be hedged", "name a later date, or delete it"
        elif ramp is not None and ramp.days * DAY_MS > schedule.until_ms - max(now_ms, schedule.start_ms or now_ms):
            problem = f"is {ramp.days}, and the horizon {schedule.until} comes before that"
            yield "ramp.days", problem, "the whole ratio would never be reached: shorten it, or move the horizon"

    @property
    def rules(self) -> PolicyRules:
        """As the core sees them: fractions for basis points, milliseconds for days."""
        return PolicyRules(
            candle_ms=CANDLES_MS[self.candle],
            schedule=None if self.schedule is None else self.schedule.rule,
            drawdown=None if self.drawdown is None else self.drawdown.rule,
            reversal=None if self.reversal is None else self.reversal.rule,
            funding=None if self.funding is None else self.funding.rule,
            volatility=None if self.volatility is None else self.volatility.rule,
            ramp=None if self.ramp is None else self.ramp.rule,
            basis=None if self.basis is None else self.basis.rule,
        )


NO_POLICIES: Final = Policies()


def policies_by_name() -> dict[str, type[Section]]:
    """Every policy there is, in the order in which they are applied."""
    kinds = {name: alternative(field.annotation) for name, field in Policies.model_fields.items()}
    return {name: kind for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Section)}


def alternative(annotation: Any) -> Any:
    """The first of `X | None`."""
    return next(iter(get_args(annotation)), annotation)
