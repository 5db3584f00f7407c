"""How wild is the market? A bag hedged at h moves with (1-h) of the price's volatility; no more is hedged than brings that to the target.

h = 1 - target/volatility, in steps: the last one stays until the exact value lies a whole step away, so the ratio does not follow every
candle.
"""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from bot.core.model import ONE, ZERO
from bot.core.policies.facts import Answer, Facts, percent
from bot.core.policy_terms import Memory, VolatilityRule


def judge(rule: VolatilityRule, ratio: Decimal, facts: Facts, memory: Memory) -> Answer:
    signs = facts.candles
    if signs is None or signs.volatility is None:
        if not (facts.still_candles and memory.calmed is not None):
            return Answer(None, facts.no_candles, memory)
        most, seen = memory.calmed, "no new candle, the last verdict stands"
    else:
        most = stepped(rule, signs.volatility, memory.calmed)
        seen = f"{percent(signs.volatility)} a year"
    memory = replace(memory, calmed=most)
    return Answer(min(ratio, most), f"{seen}; {most.normalize():f} brings the bag to {percent(rule.target)}", memory)


def stepped(rule: VolatilityRule, volatility: Decimal, before: Decimal | None) -> Decimal:
    exact = max(ZERO, 1 - rule.target / volatility) if volatility > 0 else ZERO
    if before is not None and abs(exact - before) < rule.step:
        return before
    return min(ONE, (exact / rule.step).to_integral_value(ROUND_HALF_UP) * rule.step)
