"""Which ratio applies now? The operator's word counts before the document's, and the document's before the config's."""

from decimal import Decimal

from bot.core.memory import State
from bot.core.model import COINS, ZERO, Basis, Snapshot, Target, TargetSource, targeted
from bot.core.rules import Wish


def target_now(rule: Wish, state: State, seen: Snapshot) -> Target | None:
    """The target in force; None while a configured document cannot be trusted and the operator has said nothing."""
    for target in state.targets:
        if target.asset == rule.asset and in_force(target, seen.now_ms):
            return target
    if seen.documents is None:
        return None
    for target in seen.documents:
        if target.asset == rule.asset and in_force(target, seen.now_ms):
            return target
    return targeted(rule.asset, rule.ratio, TargetSource.CONFIG)


def in_force(target: Target, now_ms: int) -> bool:
    return target.until_ms is None or now_ms < target.until_ms


def ideal_coins(basis: Basis, ratio: Decimal, long_coins: Decimal, baseline_coins: Decimal) -> Decimal:
    """Coins to be cancelled by the short (N*/P): `coins` holds δ at (1-h)B, `value` holds it at (1-h) of what there is.

    Never below 0, and 0 for a ratio of 0 whatever the hedge has won or lost. (domain.md §2)
    """
    if ratio == 0:
        return ZERO
    wanted = long_coins - (1 - ratio) * baseline_coins if basis is COINS else ratio * long_coins
    return max(ZERO, wanted)
