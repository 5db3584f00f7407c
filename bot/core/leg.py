"""What should this leg do? Its exposure, its target, its size, its order, its checks; every answer says why."""

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Final

from bot.core import autoband, bag, band, contracts, keeper, pin, planner, policies, policy, risk, sizing, tied
from bot.core.carried import Carried, carried
from bot.core.collateral import Collateral, collateral_of
from bot.core.decision import Approved, Baseline, Cancel, LegPlan, Mode, Refused, Transfer, leg_plan
from bot.core.exposure import Exposure, exposure, ratio_of, spot_coins
from bot.core.making import maker
from bot.core.memory import LegState, State
from bot.core.model import ONE, ZERO, OrderStatus, Side, Snapshot, Target, TargetSource, View
from bot.core.policy_terms import Memory
from bot.core.rules import LegRule, Rules
from bot.core.step import Step, next_step

HOURS_PER_YEAR: Final = 8760
IN_DOUBT: Final = (OrderStatus.INTENT, OrderStatus.SIGNED, OrderStatus.UNKNOWN)
RATIO_STEP: Final = Decimal("0.0001")
NO_STEP: Final = Step()
OVERDUE_MS: Final = (
    60_000  # an order whose fate is unknown for so long, or that stays open so long after its cancel, is somebody's business
)


@dataclass(frozen=True, slots=True)
class LegAnswer:
    plan: LegPlan
    order: Approved | None = None
    cancels: tuple[Cancel, ...] = ()
    least_leverage: int | None = None  # the venue's setting must be no lower for the whole plan; None: it does not grow
    alerts: tuple[str, ...] = ()
    doubtful: bool = False
    flat: bool = True
    wake_mono_ms: int | None = None
    transfer: Transfer | None = None


answered: Final = maker(LegAnswer)


def answer_leg(rule: LegRule, state: State, seen: Snapshot, rules: Rules, placed: tuple[Approved, ...]) -> LegAnswer:
    leg, view = state.leg(rule.asset), seen.view(rule.symbol)
    asked = policy.target_now(rule, state, seen)
    if state.flattening:
        asked = Target(rule.asset, ZERO, TargetSource.OPERATOR)
    declared = seen.bag_coins(rule.asset)
    held = exposure(view, leg, declared, other_usd(view, state, seen), pending_usd(view, state, seen, placed)) if view is not None else None
    carry = carried(rule.asset, state, seen, rules, view.quote if view is not None else None)
    applied = under_policies(rule, state, seen, leg, view, asked, held, carry)
    if view is None or held is None:
        return unknown(rule, state, leg, view, asked, applied, declared, rules, seen, carry)
    baseline = baseline_now(rule, leg, applied.target, held, seen)
    own = ideal_usd(rule, applied.target, baseline, held)
    ratio = None if applied.target is None else applied.target.ratio
    edges = carried_along(carry, rules, autoband.applied(rule, leg, view, seen, rules, ratio, own), own)
    ideal = None if own is None else own + carry.least_usd
    return want(rule, state, seen, rules, leg, view, held, asked, applied, baseline, own, ideal, carry, edges, held.leverage).answer(placed)


def under_policies(
    rule: LegRule,
    state: State,
    seen: Snapshot,
    leg: LegState,
    view: View | None,
    asked: Target | None,
    held: Exposure | None,
    carry: Carried,
) -> policies.Applied:
    """The target with the ratio that applies now. Until a ratio was ever in force, what is hedged already stands for it. While nobody knows
    what is held, no hedge can be traded, as in a dry run."""
    if asked is None or not rule.policies.exist:
        return policies.applied(asked, leg.memory)
    current = leg.baseline.ratio if leg.baseline is not None else None
    if current is None and held is not None:
        hedged = ratio_of(held.delta_coins + carry.least_usd / held.mark, rule.basis, held.long_coins, held.long_coins)
        current = None if hedged is None else max(ZERO, hedged.quantize(RATIO_STEP, ROUND_CEILING))
    quote = view.quote if view is not None else None
    armed = state.armed and held is not None
    return policies.apply(rule, asked, leg.memory, seen.signs_of(rule.asset), quote, current, seen.now_ms, armed=armed)


def sharing(view: View, seen: Snapshot) -> tuple[View, ...]:
    """Other legs on this leg's margin (linear legs all settle in USDT)."""
    if len(seen.views) == 1:
        return ()
    own = view.instrument
    return tuple(other for other in seen.views if other.instrument.settle == own.settle and other.instrument.symbol != own.symbol)


def other_usd(view: View, state: State, seen: Snapshot) -> Decimal | None:
    """Notional of other legs on this leg's margin, the larger of what the venue shows and what own fills lead to: either may lag. None
    while one of them is UNKNOWN."""
    total = ZERO
    for other in sharing(view, seen):
        if other.position is None or other.quote is None:
            return None
        symbol, shown = other.instrument.symbol, abs(other.position.contracts)
        known = (abs(leg.contracts + leg.owed) for leg in state.legs if leg.symbol == symbol and leg.contracts is not None)
        total += contracts.notional_usd(other.instrument, max([shown, *known]), other.quote.mark)
    return total


def pending_usd(view: View, state: State, seen: Snapshot, placed: tuple[Approved, ...]) -> Decimal:
    """What unfinished growing orders of those legs, and their orders of this turn, may add to the fills on record: they count as if they
    were filled."""
    total = ZERO
    for other in sharing(view, seen):
        symbol, mark = other.instrument.symbol, other.quote.mark if other.quote is not None else ZERO
        working = tuple(leg.working for leg in state.legs if leg.symbol == symbol and leg.working is not None)
        counts = [one.order.contracts - one.traded for one in working if not one.order.reduce_only]
        counts += [order.contracts for order in placed if order.symbol == symbol and not order.reduce_only]
        total += contracts.notional_usd(other.instrument, sum(counts), mark)
    return total


def baseline_now(rule: LegRule, leg: LegState, target: Target | None, held: Exposure, seen: Snapshot) -> Baseline | None:
    """B is set anew whenever the effective ratio changes (domain.md §1)."""
    old = leg.baseline
    if target is None or (old is not None and old.ratio == target.ratio and old.basis is rule.basis):
        return old
    return Baseline(held.long_coins, target.ratio, rule.basis, seen.now_ms)


def remembered(leg: LegState, applied: policies.Applied) -> Memory | None:
    """What the policies remember, where that changed."""
    return None if applied.memory is leg.memory or applied.memory == leg.memory else applied.memory


def ideal_usd(rule: LegRule, target: Target | None, baseline: Baseline | None, held: Exposure) -> Decimal | None:
    """N* of the leg's own coins, in USD at mark; None while there is no target."""
    if target is None or baseline is None:
        return None
    return held.mark * policy.ideal_coins(rule.basis, target.ratio, held.long_coins, baseline.coins)


def carried_along(carry: Carried, rules: Rules, own: autoband.Applied, own_usd: Decimal | None) -> autoband.Applied:
    """The band of the whole: what a leg carries may be as wrong as its own band says."""
    if not carry.plans:
        return own
    bands = {cross.asset: cross.band for cross in rules.crosses}
    parts = [(plan.target_usd or ZERO, bands[plan.asset]) for plan in carry.plans]
    why = f"{own.why or 'as configured'}; with what is carried for {', '.join(plan.asset for plan in carry.plans)}"
    return replace(own, band=band.together([(own_usd or ZERO, own.band), *parts]), why=why)


def unknown(
    rule: LegRule,
    state: State,
    leg: LegState,
    view: View | None,
    asked: Target | None,
    applied: policies.Applied,
    declared: Decimal | None,
    rules: Rules,
    seen: Snapshot,
    carry: Carried,
) -> LegAnswer:
    """Something is missing: no new risk, and it says what."""
    parts = {
        "bag": declared,
        "price": view and view.quote,
        "position": view and view.position,
        "equity": view and view.margin,
        "target": applied.target,
    }
    names = ", ".join(name for name, part in parts.items() if part is None) or "another leg on the same margin"
    plan = LegPlan(
        asset=rule.asset,
        instrument=rule.symbol,
        basis=rule.basis,
        ratio_target=None if asked is None else asked.ratio,
        ratio_effective=None if applied.target is None else applied.target.ratio,
        ratio_actual=None,
        ratio_planned=None,
        target_source=None if asked is None else asked.source,
        spot_coins=spot_coins(leg, declared),
        equity_coins=None,
        delta_coins=None,
        position_usd=None,
        target_usd=None,
        leverage=None,
        liquidation_price=None,
        mark=view.quote.mark if view is not None and view.quote is not None else None,
        aligned=False,
        why=f"UNKNOWN: {names}",
        missing=(*(view.errors if view is not None else ("not read",)), *bag.troubles(seen.sources, rule.asset), *carry.missing),
        policies=applied.changes,
        memory=remembered(leg, applied),
        crosses=carry.plans,
    )
    cancels: tuple[Cancel, ...] = ()
    if leg.working is not None:
        expiry = planner.cancel(state, leg, leg.working, None, None, rules.execution, seen.mono_ms)
        cancels = (expiry,) if expiry is not None and expiry.why != planner.NO_LONGER_WANTED else ()
    return LegAnswer(plan, cancels=cancels, alerts=(*carry.alerts, *bag.alerts(leg, seen)), doubtful=True, flat=False)


@dataclass(frozen=True, slots=True)
class Want:
    """One leg whose exposure is known."""

    rule: LegRule
    state: State
    seen: Snapshot
    rules: Rules
    leg: LegState
    view: View
    held: Exposure
    asked: Target | None
    applied: policies.Applied
    baseline: Baseline | None
    own: Decimal | None  # N* of the leg's own coins
    ideal: Decimal | None  # N*: the whole short, as far as it is known; None while there is no target
    carry: Carried
    edges: autoband.Applied
    leverage: Decimal  # effective, of everything on this margin, at mark

    @property
    def collateral(self) -> Collateral:
        target = self.applied.target
        ratio = None if target is None else target.ratio
        band = self.edges.band
        return collateral_of(self.rule, self.state, self.seen, self.rules, self.leg, self.held, self.carry, band, self.ideal, ratio)

    def answer(self, placed: tuple[Approved, ...]) -> LegAnswer:
        blocked = self.blocked()
        hold, size, missing, alerts = self.sized()
        missing += self.carry.missing
        if missing or not keeper.rests(self.rule.collateral, self.held, self.leg.keeping):
            kept = self.collateral.kept(blocked, limited=bool(missing), trading=size is not None)
            missing, alerts = missing + kept.missing, alerts + kept.alerts
        else:
            kept = keeper.NOTHING
        cancels = self.cancels(size)
        order: Approved | None = None
        refused: tuple[Refused, ...] = ()
        least: int | None = None
        why = blocked or hold
        step = NO_STEP
        if size is not None and not blocked:
            if self.leg.working is not None:
                why = f"{hold}: an order is working"
            elif kept.transfer is not None and self.state.armed:
                why = f"{hold}: collateral is moved first"
            elif waits := self.waits():
                why = f"{hold}: {waits}"
            else:
                size = replace(size, urgent=True) if self.state.flattening else size
                step = next_step(self.leg, self.view, self.held, size, hold, self.state, self.seen, self.rules, placed)
                why, alerts = step.why, alerts + step.alerts
                if isinstance(step.verdict, Approved):
                    order, least = step.verdict, self.least_leverage(size)
                elif step.verdict is not None:
                    refused = (step.verdict,)
                    why = f"{step.why}: refused by the check on {step.verdict.check} ({step.verdict.why})"
        if changed := pin.changed(self.leg, self.view.instrument.spec):
            alerts += (changed,)
        if self.leg.placements_without_fill >= self.rules.execution.max_reprices:
            alerts += (f"{self.rule.asset}: max_reprices placements without a fill",)
        for one in refused:
            alerts += (f"{self.rule.asset}: refused by the check on {one.check}",)
        if self.in_doubt_since() >= OVERDUE_MS:
            alerts += (f"{self.rule.asset}: the fate of an order is unknown for more than a minute",)
        elif self.cancelled_in_vain() >= OVERDUE_MS:
            alerts += (f"{self.rule.asset}: an order is still open a minute after its cancel",)
        alerts += (*self.carry.alerts, *bag.alerts(self.leg, self.seen))
        settled = size is None and not blocked and self.leg.working is None and not cancels
        plan = self.plan(size, step, settled=settled, why=why, missing=missing, refused=refused, lacking=kept.lacking)
        doubtful = self.leg.unexplained > 0 or self.leg.owed != 0 or (self.leg.working is not None and self.leg.working.status in IN_DOUBT)
        flat = self.held.short == 0 or self.leg.contracts is None  # a position that was never ours is not ours to close
        return answered(plan, order, cancels, least, alerts, doubtful, flat, step.wake_mono_ms, kept.transfer)

    def blocked(self) -> str:
        """Why this leg may not trade at all now; empty if it may."""
        state, leg = self.state, self.leg
        if halted := leg.halted or pin.changed(leg, self.view.instrument.spec) or state.killed:
            return f"halted: {halted}"
        if state.stopping:
            return "stopping"
        if state.draining:
            return "dry-run: own orders are being cancelled"
        if state.cancel_all:
            return "cancel-all: own orders are being cancelled"
        if state.paused:
            return "paused"
        if self.seen.kill_file is None:
            return "UNKNOWN: the kill file cannot be read"
        if state.mode is Mode.STARTING:
            return "first look"
        if state.armed and leg.contracts is None:
            return "not in charge of the position yet"
        if leg.owed:
            return "the fills of the last order are not on record yet"
        if leg.unexplained:
            return "the position is not explained by own fills"
        if self.applied.target is None:
            return f"UNKNOWN: {self.no_target()[0]}"
        if self.held.spot_coins < 0:
            return "the declared bag is smaller than what was moved out of it"
        problem = self.view.quote and risk.quote_problem(self.view.quote, self.seen.now_ms, self.rules.risk)
        return f"UNKNOWN: price ({problem})" if problem else ""

    def no_target(self) -> tuple[str, tuple[str, ...]]:
        """Why no ratio is in force: the word for it, and what is missing."""
        if self.applied.lacking:
            return "what a policy goes by", tuple(f"policy {why}" for why in self.applied.lacking)
        return "target", ("the target document, which cannot be trusted now",)

    def in_doubt_since(self) -> int:
        """For how many milliseconds nobody has known what became of our order."""
        working = self.leg.working
        if working is None or working.status not in IN_DOUBT:
            return 0
        same_run = working.epoch == self.state.epoch
        return self.seen.mono_ms - working.sent_mono_ms if same_run else self.seen.now_ms - working.sent_at_ms

    def cancelled_in_vain(self) -> int:
        """For how many milliseconds the cancel of our order has brought nothing."""
        working = self.leg.working
        return self.seen.mono_ms - working.cancel_since_ms if working is not None and working.cancel_since_ms is not None else 0

    def sized(self) -> tuple[str, sizing.Size | None, tuple[str, ...], tuple[str, ...]]:
        """What the plan wants: the reason, the next size (None: nothing), what is missing, alerts."""
        held, limits, asset = self.held, self.rules.risk, self.rule.asset
        alerts: tuple[str, ...] = ()
        missing: tuple[str, ...] = ()
        if held.spot_coins < 0:
            alerts += (f"{asset}: the declared bag is smaller than what was moved out of it; declare bag.{asset}.coins anew",)
        if held.short < 0:
            alerts += (f"{asset}: position against the hedge",)
        if self.ideal is None:
            what, lacking = self.no_target()
            return f"UNKNOWN: {what}", None, lacking, (*alerts, *(f"{asset}: policy {why}" for why in self.applied.lacking))
        if held.hedged_usd > limits.max_position_usd * (1 + limits.price_collar):  # a linear short drifts a little above it by itself
            alerts += (f"{asset}: the short is above max_position_usd, which only stops it from growing; to reduce it, lower the ratio",)
        leverage = self.leverage
        if held.short > 0 and leverage > limits.max_leverage:
            alerts += (f"{asset}: leverage is above {'hard' if leverage > limits.hard_leverage else 'max'}_leverage",)
        if held.short > 0 and leverage > limits.hard_leverage:
            kept = sizing.kept_usd(held, limits)
            if kept < self.ideal or not self.carry.known:
                cap = min(kept, limits.max_position_usd)
                missing = self.limited(cap)[1] if cap < self.ideal else ()
                size = self.size(kept)
                urgent = None if size is None else replace(size, urgent=True)
                return "leverage above hard_leverage: reduce to max_leverage", urgent, missing, alerts
        wish = band.wanted(held.hedged_usd, self.ideal, self.edges.band, self.rules.execution.min_order_usd)
        if not self.carry.known and (isinstance(wish, band.Hold) or wish.usd < 0):
            return f"UNKNOWN: what {self.carry.unknown} adds, so nothing is bought back", None, missing, alerts
        if isinstance(wish, band.Hold):
            return wish.why, None, missing, alerts
        limited, cap = "", min(sizing.room_usd(held, limits), limits.max_position_usd)
        if wish.usd > 0 and held.hedged_usd + wish.usd > cap:
            limited, missing = self.limited(cap)
            alerts += (f"{asset}: {limited}",)
            wish = band.wanted(held.hedged_usd, cap, self.edges.band, self.rules.execution.min_order_usd)
            if isinstance(wish, band.Trade) and wish.usd < 0:
                wish = band.Hold("kept")  # a hedge that drifted above its cap is never sold off
        if isinstance(wish, band.Hold):
            return limited or wish.why, None, missing, alerts
        goal = held.hedged_usd + wish.usd
        size = self.size(min(goal, cap) if limited else goal)  # a safe edge above 1 does not reach beyond the cap
        why = f"{wish.why}, {limited}" if limited else wish.why
        return why if size is not None else limited or "the difference is below the smallest order", size, missing, alerts

    def limited(self, cap: Decimal) -> tuple[str, tuple[str, ...]]:
        """Which limit stops the full hedge, and what is missing."""
        if cap < self.rules.risk.max_position_usd:
            return "limited by collateral", (self.collateral.missing(),)
        text = f"the full hedge of {self.ideal or ZERO:.0f} USD exceeds max_position_usd {cap:f}"
        return "limited by max_position_usd", (text,)

    def size(self, target_usd: Decimal) -> sizing.Size | None:
        return sizing.size(self.held, target_usd, self.rules.execution)

    def cancels(self, size: sizing.Size | None) -> tuple[Cancel, ...]:
        orphans = (
            ()
            if not self.view.open_orders
            else tuple(
                Cancel(self.rule.asset, order.symbol, order.client_id, "ours, but without an intent on record")
                for order in self.view.open_orders
                if planner.is_ours(order.client_id, self.state.instance)
                and (self.leg.working is None or order.client_id != self.leg.working.order.client_id)
            )
        )
        if self.leg.working is None:
            return orphans
        own = planner.cancel(self.state, self.leg, self.leg.working, size, self.market(), self.rules.execution, self.seen.mono_ms)
        return (*orphans, own) if own else orphans

    def waits(self) -> str:
        """Why a wanted order is not sent this turn, although the leg may trade."""
        if planner.cooling(self.leg, self.rules.execution, self.seen.mono_ms):
            return "the rest waits for the cooldown"
        ours = any(planner.is_ours(order.client_id, self.state.instance) for order in self.view.open_orders or ())
        return "an own order without an intent must go first" if ours else ""

    def market(self) -> planner.Market | None:
        """None while the prices may not be traded on."""
        quote = self.view.quote
        known = quote is not None and risk.quote_problem(quote, self.seen.now_ms, self.rules.risk) is None
        return planner.Market(quote, self.view.instrument.tick) if quote is not None and known else None

    def least_leverage(self, size: sizing.Size) -> int | None:
        return tied.least(self.held, size.final_short, self.rules.risk) if size.side is Side.SELL else None

    def plan(
        self,
        size: sizing.Size | None,
        step: Step,
        *,
        settled: bool,
        why: str,
        missing: tuple[str, ...],
        refused: tuple[Refused, ...],
        lacking: Decimal | None,
    ) -> LegPlan:
        held, instrument, mark = self.held, self.held.instrument, self.held.mark
        base = self.baseline.coins if self.baseline is not None else held.long_coins
        final = size.final_short if size is not None else held.short
        actual = self.own_ratio(held.short, base)
        entry = self.view.position.entry_price if self.view.position is not None else None
        final_usd = contracts.notional_usd(instrument, final, mark)
        rate = self.view.quote.funding_rate if self.view.quote is not None else None
        traded = abs(contracts.notional_usd(instrument, final - held.short, mark))
        return leg_plan(
            asset=self.rule.asset,
            instrument=self.rule.symbol,
            basis=self.rule.basis,
            ratio_target=None if self.asked is None else self.asked.ratio,
            ratio_effective=None if self.applied.target is None else self.applied.target.ratio,
            ratio_actual=actual,
            ratio_planned=actual if final == held.short else self.own_ratio(final, base),
            target_source=None if self.asked is None else self.asked.source,
            spot_coins=held.spot_coins,
            equity_coins=held.equity_coins,
            delta_coins=held.delta_coins,
            position_usd=-held.hedged_usd,
            target_usd=self.ideal if self.carry.known else None,
            leverage=self.leverage,
            liquidation_price=held.liquidation_price(entry),
            mark=mark,
            aligned=settled and not missing and self.ideal is not None,
            why=why,
            settled=settled,
            fees_usd=traded * instrument.maker_fee_rate,
            funding_usd_per_year=None if rate is None else -final_usd * rate * HOURS_PER_YEAR / instrument.funding_interval_hours,
            missing=missing,
            refused=refused,
            baseline=None if self.baseline is self.leg.baseline else self.baseline,
            policies=self.applied.changes,
            memory=remembered(self.leg, self.applied),
            band=None if self.rule.auto is None and not self.carry.plans else self.edges.band,
            band_why=self.edges.why,
            trade_cost=self.edges.cost,
            parent=step.begun if self.state.armed else None,
            effort=step.effort,
            lacking_coins=lacking,
            crosses=tuple([replace(plan, hedged_usd=self.share_of(plan.target_usd)) for plan in self.carry.plans]),
        )

    def share_of(self, part_usd: Decimal | None) -> Decimal | None:
        """How much of the short that is there stands for a part of the ideal: all parts are hedged alike."""
        if part_usd is None or not self.ideal or not self.carry.known:
            return None
        return self.held.hedged_usd * part_usd / self.ideal

    def own_ratio(self, short: int, base: Decimal) -> Decimal | None:
        """The ratio of the leg's own coins with `short` contracts, without what these stand for elsewhere."""
        held = self.held
        if not self.carry.plans and short == held.short:
            return ratio_of(held.delta_coins, self.rule.basis, held.long_coins, base)
        coins = contracts.notional_coins(held.instrument, short, held.mark)
        if self.carry.plans and not self.carry.known:
            return None
        own = self.own / self.ideal if self.carry.plans and self.own is not None and self.ideal else ONE
        return ratio_of(held.long_coins - coins * own, self.rule.basis, held.long_coins, base)


want: Final = maker(Want)
