"""When may a policy change its verdict although no price has moved?

With news: a candle that closes, a settlement. And by the clock alone: a schedule begins or ends, a ramp takes its next step, what a verdict
rests on grows too old. The basis policy looks at prices: quiet.py asks for it.
"""

from collections.abc import Iterator

from bot.core.memory import LegState
from bot.core.model import DAY_MS
from bot.core.policies.facts import FUNDING_AGE_MS, LATE
from bot.core.policy_terms import Signs
from bot.core.rules import LegRule


def by_the_clock(rule: LegRule, leg: LegState, signs: Signs | None) -> Iterator[int]:
    """Every such moment of one leg, past or to come, as things stand."""
    policies, memory = rule.policies, leg.memory
    if (schedule := policies.schedule) is not None:
        if schedule.start_ms is not None:
            yield schedule.start_ms
        if schedule.until_ms is not None:
            yield from range(schedule.until_ms, schedule.until_ms + schedule.unwind_days * DAY_MS + 1, DAY_MS)
    if (ramp := policies.ramp) is not None and memory.ramp_since_ms is not None:
        for step in range(1, ramp.steps + 1):
            yield memory.ramp_since_ms - -(step * ramp.length_ms) // ramp.steps
    candles, funding = (signs.candles, signs.funding) if signs is not None else (None, None)
    for closed_ms in (None if candles is None else candles.closed_ms, memory.candle_ms):
        if closed_ms is not None:
            yield closed_ms + LATE * policies.candle_ms + 1
    for settled_ms in (None if funding is None else funding.at_ms, memory.funding_ms):
        if settled_ms is not None:
            yield settled_ms + FUNDING_AGE_MS + 1
