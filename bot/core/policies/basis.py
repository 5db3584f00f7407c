"""Is now a bad moment to sell? While the perpetual trades too far under the index, what is hedged may shrink and not grow."""

from dataclasses import replace
from decimal import Decimal

from bot.core.model import ONE, Quote
from bot.core.policies.facts import Answer, Facts
from bot.core.policy_terms import BasisRule, Memory


def judge(rule: BasisRule, ratio: Decimal, facts: Facts, memory: Memory) -> Answer:
    under = discount(facts.quote)
    if under is None:
        if facts.current is None:
            return Answer(None, "UNKNOWN: no price or no index", memory)
        return Answer(min(ratio, facts.current), "UNKNOWN: no price or no index, so nothing new", memory)
    discounted = under >= rule.discount or (bool(memory.discounted) and under > rule.resume)
    memory = replace(memory, discounted=discounted)
    seen = f"{abs(under) * 10_000:.1f} bp {'under' if under > 0 else 'over'} the index"
    if not discounted:
        return Answer(ratio, seen, memory)
    if facts.current is None:
        return Answer(None, f"{seen}, and what is hedged already is UNKNOWN", memory)
    return Answer(min(ratio, facts.current), f"{seen}: nothing new until {rule.resume * 10_000:.1f} bp", memory)


def discount(quote: Quote | None) -> Decimal | None:
    """How far the middle of the book lies under the index, as a share of it."""
    if quote is None or quote.index is None or not (quote.index.is_finite() and quote.index > 0):
        return None
    middle = (quote.bid + quote.ask) / 2
    return ONE - middle / quote.index if middle.is_finite() and middle > 0 else None
