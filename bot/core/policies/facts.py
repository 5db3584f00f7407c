"""What may a policy know? What was measured, while it is fresh; the prices of now; what is hedged already. And how does it answer?"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from bot.core.model import Quote
from bot.core.policy_terms import CandleSigns, FundingSigns, Memory, Signs
from bot.core.rules import Wish

LATE: Final = 2  # candles: one that closed so many of its own lengths ago is no news any more
FUNDING_AGE_MS: Final = 86_400_000  # every venue settles at least once a day
STEP: Final = Decimal("0.0001")  # of a ratio that is a product


@dataclass(frozen=True, slots=True)
class Facts:
    now_ms: int
    candles: CandleSigns | None  # fresh, or None
    funding: FundingSigns | None  # fresh, or None
    quote: Quote | None
    current: Decimal | None  # the effective ratio of before
    armed: bool
    candle_ms: int | None  # close of the newest candle judged with this decision, or before it
    funding_ms: int | None
    still_candles: bool  # no candle is fresh, and the last verdict on one still counts
    still_funding: bool
    lacking: str  # why something was not measured

    @classmethod
    def of(
        cls, rule: Wish, signs: Signs | None, quote: Quote | None, memory: Memory, current: Decimal | None, now_ms: int, *, armed: bool
    ) -> "Facts":
        candles, funding = (signs.candles, signs.funding) if signs is not None else (None, None)
        candle_age_ms = LATE * rule.policies.candle_ms
        fresh = candles is not None and finite(candles) and recent(candles.closed_ms, now_ms, candle_age_ms)
        funded = funding is not None and funding.cost.is_finite() and recent(funding.at_ms, now_ms, FUNDING_AGE_MS)
        judges_funding = rule.policies.funding is not None
        return cls(
            now_ms=now_ms,
            candles=candles if fresh else None,
            funding=funding if funded else None,
            quote=quote,
            current=current,
            armed=armed,
            candle_ms=candles.closed_ms if fresh and candles is not None and rule.policies.from_candles else memory.candle_ms,
            funding_ms=funding.at_ms if funded and funding is not None and judges_funding else memory.funding_ms,
            still_candles=not fresh and recent(memory.candle_ms, now_ms, candle_age_ms),
            still_funding=not funded and recent(memory.funding_ms, now_ms, FUNDING_AGE_MS),
            lacking="; ".join(signs.lacking) if signs is not None else "nothing was measured yet",
        )

    @property
    def no_candles(self) -> str:
        return f"UNKNOWN: {self.lacking or 'the last closed candle is too old'}"

    @property
    def no_funding(self) -> str:
        return f"UNKNOWN: {self.lacking or 'the last funding settlement is too old'}"


def recent(at_ms: int | None, now_ms: int, age_ms: int) -> bool:
    return at_ms is not None and now_ms - at_ms <= age_ms


def finite(signs: CandleSigns) -> bool:
    parts = (signs.close, signs.average, signs.fall, signs.ema_fast, signs.ema_slow, signs.volatility)
    return all(part is None or part.is_finite() for part in parts)


@dataclass(frozen=True, slots=True)
class Answer:
    ratio: Decimal | None  # None: cannot tell
    why: str
    memory: Memory


def share(ratio: Decimal, part: Decimal) -> Decimal:
    """A part of a ratio, in steps that a person can read. All of it stays as it was written."""
    return ratio if part == 1 else (ratio * part).quantize(STEP, ROUND_HALF_EVEN)


def percent(part: Decimal) -> str:
    text = f"{(part * 100).quantize(Decimal('0.1'), ROUND_HALF_EVEN):f}"
    return f"{text.removesuffix('.0')} %"


def price(usd: Decimal) -> str:
    text = f"{usd:.8g}"
    return f"{Decimal(text):f}"
