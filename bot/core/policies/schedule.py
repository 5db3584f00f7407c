"""From when until when? No hedge before the start; from the horizon on it is unwound, at once or in daily steps."""

from decimal import Decimal

from bot.core.model import DAY_MS, ZERO
from bot.core.policies.facts import Answer, Facts, share
from bot.core.policy_terms import Memory, ScheduleRule


def judge(rule: ScheduleRule, ratio: Decimal, facts: Facts, memory: Memory) -> Answer:
    if rule.start_ms is not None and facts.now_ms < rule.start_ms:
        return Answer(ZERO, "the start is not reached yet", memory)
    if rule.until_ms is None or facts.now_ms < rule.until_ms:
        return Answer(ratio, "within the schedule", memory)
    left = left_after(rule, (facts.now_ms - rule.until_ms) // DAY_MS)
    if left == 0:
        return Answer(ZERO, "the horizon is over", memory)
    return Answer(share(ratio, left), f"unwinding since the horizon, {left.normalize():f} of it is left", memory)


def left_after(rule: ScheduleRule, days: int) -> Decimal:
    """With 4 days of unwinding: 0.75 at the horizon, 0.5 a day later, 0.25, and then nothing."""
    if days + 1 >= rule.unwind_days:
        return ZERO
    return 1 - Decimal(days + 1) / rule.unwind_days
