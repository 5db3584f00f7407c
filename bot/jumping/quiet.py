"""Between which prices does the last decision stay as it is?

The questions are those of leg.py, band.py and sizing.py in the same order, asked of lines over the price instead of one price. Whatever
they do not follow is Unclear, and then every print is put to the engine itself.
"""

from bot.core.autoband import FACTOR, cost_rate
from bot.core.band import cheapest
from bot.core.decision import Decision
from bot.core.memory import LegState, State
from bot.core.model import ONE, ZERO, Basis, Kind, View
from bot.core.rules import LegRule, Rules
from bot.core.sizing import n_max_usd
from bot.engine import Engine
from bot.jumping.line import Cell, Line, Unclear, usd


def at_rest(engine: Engine) -> bool:
    """Was the last turn one that put nothing on record and waits for nothing but prices, funding and words?"""
    decision = engine.decision
    if decision is None or engine.busy or engine.said or decision.wake_mono_ms is not None:
        return False
    if decision.orders or decision.cancels or decision.moves or any(plan.refused for plan in decision.legs):
        return False
    state = engine.state
    if state.flattening or state.draining or state.cancel_all or state.stopping:
        return False
    return all(leg_at_rest(leg) for leg in state.legs)


def leg_at_rest(leg: LegState) -> bool:
    owes = leg.working is not None or leg.owed or leg.unexplained or leg.accept or leg.offered is not None
    return not owes and leg.contracts is not None and leg.wallet is not None and leg.baseline is not None


def cell(rule: LegRule, state: State, rules: Rules, view: View, decision: Decision, price: float, wallets: tuple[float, float]) -> Cell:
    """Around `price`, while the wallet stays between the two amounts. `view` is of the last turn. Raise Unclear."""
    return Question(rule, state, rules, view, decision, price, wallets).answer()


class Question:
    """One leg of an inverse contract."""

    def __init__(
        self,
        rule: LegRule,
        state: State,
        rules: Rules,
        view: View,
        decision: Decision,
        price: float,
        wallets: tuple[float, float],
    ) -> None:
        leg, instrument = state.leg(rule.asset), view.instrument
        plan = next(plan for plan in decision.legs if plan.asset == rule.asset)
        if view.position is None or leg.baseline is None or plan.spot_coins is None:
            raise Unclear
        if view.position.contracts > 0 or plan.spot_coins < 0 or instrument.kind is not Kind.INVERSE or rule.policies.exist:
            raise Unclear
        if leg.baseline.ratio != plan.ratio_effective or leg.baseline.basis is not rule.basis:
            raise Unclear
        self.rule, self.rules, self.instrument, self.baseline = rule, rules, instrument, leg.baseline
        self.held_back = leg.halted is not None or state.killed is not None or state.paused  # then no size is ever sent
        self.short = instrument.contract_size * -view.position.contracts
        entry = view.position.entry_price
        if self.short and entry is None:
            raise Unclear
        self.entry_coins = float(self.short / entry) if self.short and entry is not None else 0.0
        self.spot = float(plan.spot_coins)
        self.hedged = float(self.short)
        self.wallets = wallets
        self.band, self.cost, self.quote = rule.band, leg.trade_cost, view.quote
        if rule.auto is not None and leg.baseline.ratio > ZERO:
            if leg.trade_cost is None:
                raise Unclear
            self.band = cheapest(leg.baseline.ratio, rule.basis, leg.trade_cost.rate, rule.auto)
        self.ratio, self.base = float(leg.baseline.ratio), float(leg.baseline.coins)
        limits, execution = rules.risk, rules.execution
        largest = max(10.0, float(limits.max_leverage), float(limits.hard_leverage))
        coins = self.spot + max(map(abs, self.wallets)) + self.entry_coins + abs(self.base)
        dollars = self.hedged + float(instrument.contract_size + execution.min_order_usd)
        self.cell = Cell(price, coins * largest, dollars * largest)

    def equity(self) -> Line:
        """Of the account, in USD: P*(C - N/E) + N."""
        low, high = self.wallets
        return Line((low - self.entry_coins, high - self.entry_coins), self.hedged)

    def answer(self) -> Cell:
        above, limits = self.cell.above, self.rules.risk
        equity = self.equity()
        if self.short:
            if not above(equity - usd(self.hedged * float(self.instrument.maintenance_rate))):
                raise Unclear
            if not above(equity * float(limits.max_leverage) - usd(self.hedged)) and not above(
                equity * float(limits.hard_leverage) - usd(self.hedged)
            ):
                raise Unclear  # it is being reduced
        self.as_dear_as_ever()
        self.wished(equity)
        return self.cell

    def as_dear_as_ever(self) -> None:
        """Only prices at which a trade costs neither half nor twice what the band follows from: the venue rounds a spread to ticks."""
        if self.rule.auto is None:
            return
        if self.cost is None or self.quote is None:
            raise Unclear
        known, now = float(self.cost.rate), float(cost_rate(self.instrument, self.quote))
        tick, spare = float(self.instrument.tick), FACTOR * known - now
        if now - tick / float(self.quote.mark) <= known / FACTOR or not self.cell.above(Line((spare, spare), -tick)):
            raise Unclear

    def smallest(self) -> float:
        least = float(self.instrument.contract_size) * self.instrument.min_contracts
        return max(least, float(self.instrument.min_notional_usd), float(self.rules.execution.min_order_usd))

    def ideal(self, equity: Line) -> Line:
        """N*, never below 0."""
        if self.baseline.ratio == ZERO:
            return usd(0.0)
        whole = equity + Line((self.spot, self.spot), 0.0)
        unhedged = (1.0 - self.ratio) * self.base
        line = whole - Line((unhedged, unhedged), 0.0) if self.rule.basis is Basis.COINS else whole * self.ratio
        return line if self.cell.above(line) else usd(0.0)

    def wished(self, equity: Line) -> None:
        """As Want.sized: hold, or a wish that is too small to send or that may not be sent."""
        above = self.cell.above
        ideal, hedged = self.ideal(equity), usd(self.hedged)
        goal = self.banded(ideal)
        if goal is None:
            return
        if above(goal - hedged):
            cap = self.cap(equity)
            if above(goal - cap):
                goal = self.banded(cap)
                if goal is None or not above(goal - hedged):
                    return  # kept
                goal = goal if above(cap - goal) else cap
        self.too_small(goal)

    def banded(self, ideal: Line) -> Line | None:
        """Where band.wanted would trade to; None where it holds."""
        above, band, hedged = self.cell.above, self.band, usd(self.hedged)
        nothing = not ideal.level and not any(ideal.slopes)
        if nothing or above(usd(float(self.rules.execution.min_order_usd)) - ideal):
            return usd(0.0) if self.short else None
        if self.rule.auto is not None:
            narrower = min(1 - band.low if self.rule.auto.low is None else ONE, band.high - 1 if self.rule.auto.high is None else ONE)
            if above(usd(self.smallest()) - ideal * float(narrower)):
                raise Unclear  # the lot widens the band
        if above(ideal * float(band.low) - hedged):
            return ideal * float(band.safe_low)
        if above(hedged - ideal * float(band.high)):
            return ideal * float(band.safe_high)
        return None

    def cap(self, equity: Line) -> Line:
        """The lower one of what collateral and max_position_usd allow."""
        limits = self.rules.risk
        share = n_max_usd(self.instrument, limits.max_leverage, ONE, ONE, limits.price_collar)
        room = equity * float(share) if self.cell.above(equity) else usd(0.0)
        most = usd(float(limits.max_position_usd))
        return room if self.cell.above(most - room) else most

    def too_small(self, goal: Line) -> None:
        """Raise Unclear unless no order may be sent, or none of this size."""
        if self.held_back:
            return
        above = self.cell.above
        lot, smallest = float(self.instrument.contract_size), self.smallest()
        hedged = usd(self.hedged)
        below = above(hedged + usd(smallest) - goal)
        closes = not above(goal - usd(lot)) and bool(self.short)
        if not below or closes or not above(goal - hedged + usd(smallest - lot)):
            raise Unclear
