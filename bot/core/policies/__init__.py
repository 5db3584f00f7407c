"""How does a target ratio become the effective one? Policies, in their order, each with its reason.

    schedule     no hedge before its start, none after its horizon
    drawdown     only below a moving average, or after a fall
    reversal     not in a confirmed uptrend
    funding      less while it costs more than its budget
    volatility   no more than calms the bag to its target
    ramp         begins small and grows in steps
    basis        nothing new while the perpetual trades too far below the index

First whether, then how much, then how fast, and at last whether now: each takes the ratio that the one before it left, and none ever
raises it above the target. The operator's word (`target set`, `flatten`) is final: policies change what the configuration or a target
document asks for, and nothing else.

Ratios move in steps, never with every tick, since the baseline B is set anew with each change (domain.md §1). What cannot be told is
UNKNOWN: a policy keeps its last verdict while that is not too old, and then the leg waits as it is; a missing number never counts as 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from bot.core.making import maker
from bot.core.model import ZERO, Quote, Target, TargetSource
from bot.core.policies import basis, drawdown, funding, ramp, reversal, schedule, volatility
from bot.core.policies.facts import Answer, Facts
from bot.core.policy_terms import Change, Memory, Signs
from bot.core.rules import Wish

ORDER: Final = ("schedule", "drawdown", "reversal", "funding", "volatility", "ramp", "basis")
JUDGES: Final[dict[str, Callable[..., Answer]]] = {
    "schedule": schedule.judge,
    "drawdown": drawdown.judge,
    "reversal": reversal.judge,
    "funding": funding.judge,
    "volatility": volatility.judge,
    "ramp": ramp.judge,
    "basis": basis.judge,
}


@dataclass(frozen=True, slots=True)
class Applied:
    target: Target | None  # with the effective ratio; None while that is UNKNOWN
    memory: Memory
    changes: tuple[Change, ...] = ()
    lacking: tuple[str, ...] = ()


applied: Final = maker(Applied)


def apply(
    rule: Wish,
    target: Target | None,
    memory: Memory,
    signs: Signs | None,
    quote: Quote | None,
    current: Decimal | None,
    now_ms: int,
    *,
    armed: bool,
) -> Applied:
    """Every policy of the leg, in order. `current` is the effective ratio of before, or what is hedged already where there is none.
    `armed`: a hedge that is wanted now can be traded."""
    if target is None or target.source is TargetSource.OPERATOR or not rule.policies.exist:
        return Applied(target, memory)
    facts = Facts.of(rule, signs, quote, memory, current, now_ms, armed=armed)
    ratio, changes, lacking = target.ratio, [], []
    for name in ORDER:
        policy = getattr(rule.policies, name)
        if policy is None:
            continue
        answer = JUDGES[name](policy, ratio, facts, memory)
        memory = answer.memory
        changes.append(Change(name, ratio, answer.ratio, answer.why))
        if answer.ratio is None:
            lacking.append(f"{name}: {answer.why}")
        else:
            ratio = min(ratio, max(ZERO, answer.ratio))
    memory = replace(memory, candle_ms=facts.candle_ms, funding_ms=facts.funding_ms)
    known = None if lacking else replace(target, ratio=ratio)
    return Applied(known, memory, tuple(changes), tuple(lacking))
