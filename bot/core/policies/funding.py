"""Does it cost too much? Scaled down, or out, while the yearly cost over the look-back exceeds the budget; back in at a lower one."""

from dataclasses import replace
from decimal import Decimal

from bot.core.policies.facts import Answer, Facts, percent, share
from bot.core.policy_terms import FundingRule, Memory


def judge(rule: FundingRule, ratio: Decimal, facts: Facts, memory: Memory) -> Answer:
    signs = facts.funding
    if signs is None:
        if not (facts.still_funding and memory.costly is not None):
            return Answer(None, facts.no_funding, memory)
        costly, seen = memory.costly, "no new settlement, the last verdict stands"
    else:
        costly = signs.cost > rule.budget or (bool(memory.costly) and signs.cost > rule.resume)
        seen = f"{'costs' if signs.cost >= 0 else 'earns'} {percent(abs(signs.cost))} a year"
    memory = replace(memory, costly=costly)
    if costly:
        return Answer(share(ratio, rule.keep), f"over the budget: {seen}, back in at {percent(rule.resume)}", memory)
    return Answer(ratio, f"within the budget: {seen}", memory)
