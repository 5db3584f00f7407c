"""Is there a reason to hedge? Only below a moving average, or after a fall from the highest price of some days.

Either one calls the hedge in; it stays until none of them calls any more. Between the two edges of each (above and below the average by
the margin, at the fall and at the recovery) the last verdict stands, so a price that sits on an edge does not flap.
"""

from dataclasses import replace
from decimal import Decimal

from bot.core.policies.facts import Answer, Facts, percent, price, share
from bot.core.policy_terms import CandleSigns, DrawdownRule, Memory


def judge(rule: DrawdownRule, ratio: Decimal, facts: Facts, memory: Memory) -> Answer:
    signs = facts.candles
    if signs is None or (signs.average is None and rule.average is not None) or (signs.fall is None and rule.fall is not None):
        if not (facts.still_candles and memory.triggered is not None):
            return Answer(None, facts.no_candles, memory)
        triggered, seen = memory.triggered, "no new candle, the last verdict stands"
    else:
        called, dismissed = edges(rule, signs)
        triggered = called or (bool(memory.triggered) and not dismissed)
        seen = words(signs)
    memory = replace(memory, triggered=triggered)
    if triggered:
        return Answer(ratio, f"called in: {seen}", memory)
    return Answer(share(ratio, rule.keep), f"not called in: {seen}", memory)


def edges(rule: DrawdownRule, signs: CandleSigns) -> tuple[bool, bool]:
    """Does anything call the hedge in, and does nothing call for it any more?"""
    called, dismissed = False, True
    if signs.average is not None and rule.average is not None:
        called = called or signs.close < signs.average * (1 - rule.margin)
        dismissed = dismissed and signs.close > signs.average * (1 + rule.margin)
    if signs.fall is not None and rule.fall is not None and rule.recover is not None:
        called = called or signs.fall >= rule.fall
        dismissed = dismissed and signs.fall <= rule.recover
    return called, dismissed


def words(signs: CandleSigns) -> str:
    parts = [f"close {price(signs.close)}"]
    if signs.average is not None:
        parts.append(f"average {price(signs.average)}")
    if signs.fall is not None:
        parts.append(f"{percent(signs.fall)} below the highest price")
    return ", ".join(parts)
