"""What does a leg carry for assets that have no contract of their own?

N*_u = Σ_a h_a*β_a*V_a + N*_own(u): each such asset adds ratio * β * value to the short of the hedging coin u, always of its value of now
(domain.md §7). None of them touches the baseline of u: what their part of the short wins or loses are coins of u that its own rule then
keeps in USD.

What cannot be told is UNKNOWN and never 0: such a part may be anything from nothing upwards. So the short is known to be too small only
where it is too small without that part, and it is never known to be too large: the leg may grow to the parts that are known, and nothing
is bought back. A β that rests on too few returns, or explains too little (R²), is refused in the same way. A ratio or a bag of 0 needs
neither β nor price: its part is 0.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core import bag, policies, policy
from bot.core.cross_terms import CrossSeen
from bot.core.decision import CrossPlan
from bot.core.memory import State
from bot.core.model import ZERO, Quote, Snapshot, Target, TargetSource
from bot.core.rules import CrossRule, Rules

NO_BETA: Final = "β"  # it is not known; one that is refused says so
LATE: Final = 2  # candles: a β of one that closed so many of its own lengths ago is no news any more


@dataclass(frozen=True, slots=True)
class Lacking:
    what: str  # in a word, the same for as long as it lasts
    why: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What the assets of one leg add to its short."""

    plans: tuple[CrossPlan, ...] = ()

    @property
    def least_usd(self) -> Decimal:
        """Of the parts that are known."""
        return sum((plan.target_usd for plan in self.plans if plan.target_usd is not None), ZERO) if self.plans else ZERO

    @property
    def known(self) -> bool:
        return not self.plans or all(plan.target_usd is not None for plan in self.plans)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple([f"{plan.asset}: {what}" for plan in self.plans for what in plan.missing])

    @property
    def unknown(self) -> str:
        """Which parts are not known, in the order of the rules."""
        return ", ".join(plan.asset for plan in self.plans if plan.target_usd is None)

    @property
    def alerts(self) -> tuple[str, ...]:
        return tuple([f"{plan.asset}: what it adds to the short is {plan.why}" for plan in self.plans if plan.target_usd is None])


NOTHING: Final = Carried()


def carried(asset: str, state: State, seen: Snapshot, rules: Rules, quote: Quote | None) -> Carried:
    """Everything that the leg of `asset` carries; `quote` is of its contract."""
    if not rules.crosses:
        return NOTHING
    return Carried(tuple(planned(rule, state, seen, rules, quote) for rule in rules.crosses if rule.hedge == asset))


def planned(rule: CrossRule, state: State, seen: Snapshot, rules: Rules, quote: Quote | None) -> CrossPlan:
    shown, remembered = seen.cross(rule.asset), state.cross(rule.asset)
    asked = policy.target_now(rule, state, seen)
    if state.flattening:
        asked = Target(rule.asset, ZERO, TargetSource.OPERATOR)
    coins, (price, unpriced), (beta, unmeasured) = (
        seen.bag_coins(rule.asset),
        price_of(shown, seen, rules),
        beta_of(rule, shown, seen.now_ms),
    )
    value = None if coins is None or price is None else coins * price
    signs, armed = seen.signs_of(rule.asset), state.armed and value is not None and beta is not None  # else nothing can be traded for it
    applied = policies.apply(rule, asked, remembered.memory, signs, quote, remembered.ratio, seen.now_ms, armed=armed)
    ratio = None if applied.target is None else applied.target.ratio
    lacking: list[Lacking] = []
    target = None if ratio is None or value is None or beta is None else ratio * beta * value
    if ratio == 0 or coins == 0:
        target = ZERO
    elif target is None:
        if ratio is None and applied.lacking:
            lacking += [Lacking("what a policy goes by", f"policy {why}") for why in applied.lacking]
        elif ratio is None:
            lacking.append(Lacking("target", "the target document, which cannot be trusted now"))
        if coins is None:
            lacking += [Lacking("bag", why) for why in bag.troubles(seen.sources, rule.asset) or ("how many coins there are",)]
        lacking += [one for one in (unpriced, unmeasured) if one is not None]
    return CrossPlan(
        asset=rule.asset,
        ratio_target=None if asked is None else asked.ratio,
        ratio_effective=ratio,
        target_source=None if asked is None else asked.source,
        beta=beta,
        r_squared=None if shown.fit is None else shown.fit.r_squared,
        residual_volatility=None if shown.fit is None else shown.fit.residual_volatility,
        coins=coins,
        price=price,
        value_usd=value,
        target_usd=target,
        hedged_usd=None,
        why=f"UNKNOWN: {', '.join(dict.fromkeys(one.what for one in lacking))}" if lacking else "",
        missing=tuple(one.why for one in lacking),
        policies=applied.changes,
        memory=applied.memory if applied.memory != remembered.memory else None,
        ratio_changed=ratio is not None and ratio != remembered.ratio,
    )


def price_of(shown: CrossSeen, seen: Snapshot, rules: Rules) -> tuple[Decimal | None, Lacking | None]:
    """The price, or why there is none that can be counted with."""
    most_ms = rules.risk.max_data_age_ms
    if shown.price is None or shown.at_ms is None:
        why = shown.unpriced or "it was not told"
    elif not shown.price.is_finite() or shown.price <= 0:
        why = f"{shown.price} is none"
    elif seen.now_ms - shown.at_ms > most_ms:
        why = "it is stale"
    elif shown.at_ms - seen.now_ms > most_ms:
        why = "it comes from the future: check the clocks"
    else:
        return shown.price, None
    return None, Lacking("price", f"its price: {why}")


def beta_of(rule: CrossRule, shown: CrossSeen, now_ms: int) -> tuple[Decimal | None, Lacking | None]:
    """β within its limits, or why it is refused."""
    if rule.beta is not None:
        return rule.beta, None
    fit = shown.fit
    if fit is None:
        return None, Lacking(NO_BETA, f"its β: {shown.unmeasured or 'nothing was measured yet'}")
    if not (fit.beta.is_finite() and fit.r_squared.is_finite()):
        return None, Lacking(NO_BETA, "its β: not a number")
    if fit.returns < rule.least_returns:
        why = f"its β is refused: it rests on {fit.returns} returns, and at least {rule.least_returns} are needed"
        return None, Lacking("β refused, too few returns", why)
    if fit.r_squared < rule.least_r_squared:
        why = f"its β is refused: R² {fit.r_squared:f} is below the floor of {rule.least_r_squared:f}"
        return None, Lacking("β refused, R² too low", why)
    if now_ms - fit.closed_ms > LATE * rule.candle_ms:
        since = f": {shown.unmeasured}" if shown.unmeasured else ""
        return None, Lacking(NO_BETA, f"its β: the last candle closed too long ago{since}")
    return min(rule.most_beta, max(rule.least_beta, fit.beta)), None
