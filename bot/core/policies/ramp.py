"""How fast does it begin? With a share of the ratio, and the rest in equal steps. A hedge that ended begins anew.

The clock of the ramp starts with the first armed decision that wants a hedge and knows what is held: neither a dry run uses any of it up,
nor the time before there are prices.
"""

from dataclasses import replace
from decimal import Decimal

from bot.core.policies.facts import Answer, Facts, share
from bot.core.policy_terms import Memory, RampRule


def judge(rule: RampRule, ratio: Decimal, facts: Facts, memory: Memory) -> Answer:
    if ratio == 0:
        return Answer(ratio, "nothing to hedge", replace(memory, ramp_since_ms=None))
    since_ms = memory.ramp_since_ms
    if since_ms is None and facts.armed:
        since_ms = facts.now_ms
        memory = replace(memory, ramp_since_ms=since_ms)
    done = 0 if since_ms is None else min(rule.steps, (facts.now_ms - since_ms) * rule.steps // rule.length_ms)
    level = rule.start + (1 - rule.start) * done / rule.steps
    return Answer(share(ratio, level), f"step {done} of {rule.steps}", memory)
