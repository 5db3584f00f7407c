"""Which leverage settings at the venue leave room for every leg on one margin?

A position ties up its notional over its own setting. A leg alone on its margin is served by the lowest one that its plan needs; where
several share it, one at a lower setting than the others would tie up what these need, and the venue would refuse their orders.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING

from bot.core import risk
from bot.core.decision import LeverageCall
from bot.core.exposure import Exposure
from bot.core.memory import State
from bot.core.model import Snapshot
from bot.core.rules import RiskRule, Rules


def least(held: Exposure, final_short: int, limits: RiskRule) -> int | None:
    """The lowest setting that serves a whole plan, with all that stands on its margin; None where equity is gone."""
    worst = risk.leverage_after(held, final_short, limits.price_collar)
    return max(1, int(worst.to_integral_value(ROUND_CEILING))) if worst.is_finite() else None


def calls(rules: Rules, state: State, seen: Snapshot, needed: Sequence[int | None]) -> tuple[LeverageCall, ...]:
    """`needed`: of each leg of the rules that grows in this turn, the least that serves it; None: it does not grow. A setting is lowered
    only where nothing stands on it, and where the venue has none it is left alone."""
    views = [seen.view(rule.symbol) for rule in rules.legs]
    serves: dict[str, int] = {}  # all the legs on one margin, by settle currency
    for view, own in zip(views, needed, strict=True):
        if view is not None and own is not None:
            serves[view.instrument.settle] = max(own, serves.get(view.instrument.settle, 0))
    made = []
    for rule, view, own in zip(rules.legs, views, needed, strict=True):
        most = 0 if view is None else serves.get(view.instrument.settle, 0)
        if not most or view is None or view.position is None or view.position.leverage_setting is None:
            continue
        setting, stands = view.position.leverage_setting, view.position.contracts != 0
        raises = most > setting and (own is not None or stands or state.leg(rule.asset).working is not None)
        if raises or (own is not None and most < setting and not stands):
            made.append(LeverageCall(rule.asset, rule.symbol, most))
    return tuple(made)
