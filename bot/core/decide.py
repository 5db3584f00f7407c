"""What to do now? The one door to the core: what we remember and what we see, one pass downhill, a Decision."""

from decimal import localcontext
from typing import Final

from bot.core import contracts, machine, tied, trust
from bot.core.decision import Approved, Cancel, Decision, Transfer, decided
from bot.core.leg import LegAnswer, answer_leg
from bot.core.memory import LegState, State, Working
from bot.core.model import Snapshot
from bot.core.rules import ExecutionRule, Rules

RULES_VERSION: Final = "10"  # changes with every change that could decide otherwise on the same inputs


def decide(state: State, seen: Snapshot, rules: Rules) -> Decision:
    """Pure: the same three values give the same Decision, bit for bit. Each leg is answered on its own; none waits for another."""
    with localcontext(contracts.CONTEXT):
        seen = trust.sane(seen, rules.risk.max_data_age_ms)
        answers: list[LegAnswer] = []
        orders: tuple[Approved, ...] = ()
        cancels: tuple[Cancel, ...] = ()
        alerts: tuple[str, ...] = ()
        transfers: tuple[Transfer, ...] = ()
        doubtful, flat, wakes = False, True, wake(state, rules)
        for rule in rules.legs:
            answer = answer_leg(rule, state, seen, rules, orders)
            answers.append(answer)
            if answer.order is not None:
                orders += (answer.order,)
            if answer.transfer is not None:
                transfers += (answer.transfer,)
            if answer.wake_mono_ms is not None:
                wakes = answer.wake_mono_ms if wakes is None else min(wakes, answer.wake_mono_ms)
            cancels += answer.cancels
            alerts += answer.alerts
            doubtful, flat = doubtful or answer.doubtful, flat and answer.flat
        unfinished = any(leg.working is not None for leg in state.legs)
        facts = machine.facts(doubtful, unfinished or (bool(orders) and state.armed), unfinished, flat)
        moves = machine.moves(state, facts)
        return decided(
            at_ms=seen.now_ms,
            cycle=state.cycle + 1,
            armed=state.armed,
            legs=tuple([answer.plan for answer in answers]),
            orders=orders,
            cancels=cancels if state.live else (),
            leverage=tied.calls(rules, state, seen, [answer.least_leverage for answer in answers]) if orders and state.armed else (),
            moves=moves,
            alerts=alerts,
            wake_mono_ms=wakes,
            mode=moves[-1].now if moves else state.mode,
            transfers=transfers,
        )


def wake(state: State, rules: Rules) -> int | None:
    """The next moment (mono) at which one of our own timers can change the answer."""
    execution = rules.execution
    times: list[int] = []
    for leg in state.legs:
        if leg.working is not None:
            times.append(gone_by(leg, leg.working, execution))
        elif leg.missed_at_ms is not None:
            times.append(leg.missed_at_ms + execution.cooldown_ms)
        elif leg.effort_since_ms is not None:
            times.append(leg.effort_since_ms + execution.cross_after_ms)
    return min(times, default=None)


def gone_by(leg: LegState, working: Working, execution: ExecutionRule) -> int:
    """When an order of ours is taken off at the latest, as things stand."""
    if execution.reprice_after_ms is None or not working.order.post_only:
        return working.sent_mono_ms + execution.order_ttl_ms
    patience = (leg.effort_since_ms or working.sent_mono_ms) + execution.cross_after_ms
    return patience if working.behind_since_ms is None else min(patience, working.behind_since_ms + execution.reprice_after_ms)
