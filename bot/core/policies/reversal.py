"""Has the trend turned? Unwound in a confirmed uptrend, back in a confirmed downtrend, and in between as before.

A candle is up if the fast EMA lies above the slow one and the last break of the Donchian channel was upwards; down is the reverse. So
many closed candles in a row confirm. Without a verdict yet the bag is hedged.
"""

from dataclasses import replace
from decimal import Decimal

from bot.core.policies.facts import Answer, Facts, price, share
from bot.core.policy_terms import Memory, ReversalRule


def judge(rule: ReversalRule, ratio: Decimal, facts: Facts, memory: Memory) -> Answer:
    signs = facts.candles
    if signs is None or signs.trend is None:
        if not (facts.still_candles and memory.unwound is not None):
            return Answer(None, facts.no_candles, memory)
        unwound, seen = memory.unwound, "no new candle, the last verdict stands"
    else:
        unwound = bool(memory.unwound)
        if signs.trend >= rule.confirmations:
            unwound = True
        elif signs.trend <= -rule.confirmations:
            unwound = False
        way = "up" if signs.trend > 0 else "down"
        agree = f"{abs(signs.trend)} candles {way} in a row" if signs.trend else "EMA and channel disagree"
        emas = f", EMA {price(signs.ema_fast)} over {price(signs.ema_slow)}" if signs.ema_fast and signs.ema_slow else ""
        seen = f"{agree}{emas}"
    memory = replace(memory, unwound=unwound)
    if unwound:
        return Answer(share(ratio, rule.keep), f"uptrend: {seen}", memory)
    return Answer(ratio, f"no uptrend: {seen}", memory)
