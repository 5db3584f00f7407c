"""Between which prices does the last decision stay as it is?

The questions are those of leg.py, band.py and sizing.py in the same order, asked of lines over the price instead of one price. Whatever
they do not follow is Unclear, and then every print is put to the engine itself.
"""

from bot.core.autoband import FACTOR, cost_rate
from bot.core.band import cheapest
from bot.core.decide import wake
from bot.core.decision import Baseline, Decision, Mode
from bot.core.keeper import UNIT
from bot.core.memory import LegState, State
from bot.core.model import ONE, ZERO, Basis, Instrument, Kind, SpotSeen, View
from bot.core.rules import LegRule, Rules
from bot.core.sizing import n_max_usd
from bot.engine import Engine
from bot.jumping.line import Cell, Line, Unclear, coins, usd


def at_rest(engine: Engine) -> bool:
    """Would the next turn put nothing on record, at this price? Then it waits for nothing but prices, funding and words.

    What the last turn put on record is looked at once more only where that may change what is said of it: after the first look, and while
    there are alerts (a leg that settles forgets its vain attempts).
    """
    decision, state = engine.decision, engine.state
    if decision is None or engine.said or wake(state, engine.rules) is not None:
        return False
    if decision.orders or decision.cancels or decision.transfers or any(plan.refused for plan in decision.legs):
        return False
    if engine.busy and (decision.alerts or any(move.was is Mode.STARTING for move in decision.moves)):
        return False
    if state.flattening or state.draining or state.cancel_all or state.stopping:
        return False
    return all(leg_at_rest(leg) for leg in state.legs)


def leg_at_rest(leg: LegState) -> bool:
    if leg.keeping.moving is not None:
        return False
    owes = leg.working is not None or leg.parent is not None or leg.owed or leg.unexplained or leg.accept or leg.offered is not None
    return not owes and leg.contracts is not None and leg.wallet is not None


class Asker:
    """One leg, under one configuration. A linear contract has a margin of dollars that no other leg shares."""

    def __init__(self, rule: LegRule, rules: Rules, instrument: Instrument) -> None:
        limits, execution = rules.risk, rules.execution
        self.rule, self.instrument = rule, instrument
        self.inverse = instrument.kind is Kind.INVERSE
        self.discount = None if rule.policies.basis is None else float(rule.policies.basis.discount)
        self.tick = float(instrument.tick)
        self.lot = float(instrument.contract_size)
        self.maintenance = float(instrument.maintenance_rate)
        self.max_leverage, self.hard_leverage = float(limits.max_leverage), float(limits.hard_leverage)
        self.max_position = float(limits.max_position_usd)
        self.capacity = float(n_max_usd(instrument, limits.max_leverage, ONE, ONE, limits.price_collar))  # of a dollar of equity
        self.ignored = float(execution.min_order_usd)
        self.fewest, self.least = self.lot * instrument.min_contracts, max(float(instrument.min_notional_usd), self.ignored)
        self.largest = max(10.0, self.max_leverage, self.hard_leverage)
        self.low, self.high = float(rule.collateral.low), float(rule.collateral.high)

    def cell(self, state: State, view: View, decision: Decision, price: float, spot: SpotSeen | None) -> Cell:
        """Around `price` and the wallet of now. `view` and `spot` are of the last turn. Raise Unclear."""
        return Question(self, state, view, decision, price, spot).answer()


class Question:
    def __init__(self, asker: Asker, state: State, view: View, decision: Decision, price: float, spot: SpotSeen | None) -> None:
        rule, leg = asker.rule, state.leg(asker.rule.asset)
        plan = next(plan for plan in decision.legs if plan.asset == rule.asset)
        if view.position is None or leg.wallet is None or plan.spot_coins is None:
            raise Unclear
        if view.position.contracts > 0 or plan.spot_coins < 0:
            raise Unclear
        baseline = leg.baseline
        self.is_told = plan.ratio_effective is not None  # else a policy cannot tell: nothing is wished, whatever the price
        if self.is_told and (baseline is None or baseline.ratio != plan.ratio_effective or baseline.basis is not rule.basis):
            raise Unclear
        self.asker, self.rule = asker, rule
        self.baseline = baseline if baseline is not None else Baseline(ZERO, ZERO, rule.basis, 0)
        self.can_top_up = rule.collateral.auto and (spot is None or spot.coins is None or spot.coins >= UNIT)
        self.can_sweep = rule.collateral.auto and leg.keeping.topped_up_coins > 0
        self.held_back = leg.halted is not None or state.killed is not None or state.paused  # then no size is ever sent
        self.short = asker.lot * -view.position.contracts  # USD, coins of a linear contract
        entry = view.position.entry_price
        if self.short and entry is None:
            raise Unclear
        self.entry = float(entry) if entry is not None else 1.0
        self.spot = float(plan.spot_coins)
        self.band, self.cost, self.quote = rule.band, leg.trade_cost, view.quote
        self.discounted = bool(leg.memory.discounted)
        if rule.auto is not None and self.baseline.ratio > ZERO:
            if leg.trade_cost is None:
                raise Unclear
            self.band = cheapest(self.baseline.ratio, rule.basis, leg.trade_cost.rate, rule.auto)
        self.ratio, self.base = float(self.baseline.ratio), float(self.baseline.coins)
        wallet = float(leg.wallet)
        if asker.inverse:
            amount, dollars = self.spot + abs(wallet) + self.short / self.entry + abs(self.base), self.short + asker.lot + asker.ignored
        else:
            amount, dollars = self.spot + self.short + asker.lot + abs(self.base), abs(wallet) + self.short * self.entry + asker.ignored
        self.cell = Cell(price, wallet, amount * asker.largest, dollars * asker.largest)

    def notional(self, short: float) -> Line:
        """N of a short: dollars, or coins of a linear contract at the price."""
        return usd(short) if self.asker.inverse else coins(short)

    @property
    def hedged(self) -> Line:
        return self.notional(self.short)

    @property
    def smallest(self) -> Line:
        """The smallest order that is sent."""
        if self.asker.inverse:
            return usd(max(self.asker.fewest, self.asker.least))
        fewest, least = self.notional(self.asker.fewest), usd(self.asker.least)
        return fewest if self.cell.above(fewest - least) else least

    def equity(self) -> Line:
        """Of the account, in USD: P*(C - N/E) + N; of a linear contract C + q*E - q*P."""
        if self.asker.inverse:
            return Line(1.0, -self.short / self.entry, self.short)
        return Line(0.0, -self.short, self.short * self.entry, 1.0)

    def answer(self) -> Cell:
        above, asker = self.cell.above, self.asker
        equity = self.equity()
        if self.short:
            if not above(equity - self.hedged * asker.maintenance):
                raise Unclear
            if (
                self.is_told
                and not above(equity * asker.max_leverage - self.hedged)
                and not above(equity * asker.hard_leverage - self.hedged)
            ):
                raise Unclear  # it is being reduced
        self.kept(equity)
        self.at_the_index()
        self.as_dear_as_ever()
        if self.is_told:
            self.wished(equity)
        return self.cell

    def at_the_index(self) -> None:
        """A print is the mark and the index, so the book lies around the index, but for what it is rounded to ticks by: raise Unclear
        where that alone could be the discount that the basis policy waits for."""
        if self.asker.discount is None:
            return
        if self.discounted or self.quote is None or self.quote.index != self.quote.mark:
            raise Unclear
        if not self.cell.above(coins(self.asker.discount) - usd(self.asker.tick)):
            raise Unclear

    def as_dear_as_ever(self) -> None:
        """Only prices at which a trade costs neither half nor twice what the band follows from: the venue rounds a spread to ticks."""
        if self.rule.auto is None:
            return
        if self.cost is None or self.quote is None:
            raise Unclear
        instrument = self.asker.instrument
        known, now = float(self.cost.rate), float(cost_rate(instrument, self.quote))
        tick, spare = float(instrument.tick), FACTOR * known - now
        if now - tick / float(self.quote.mark) <= known / FACTOR or not self.cell.above(coins(spare) - usd(tick)):
            raise Unclear

    def kept(self, equity: Line) -> None:
        """Above `low` that is said; raise Unclear where collateral may move (keeper.py): there while the spot wallet holds some, and below
        `high` while own transfers are in the account. Where collateral limits the hedge: `wished`."""
        if self.short and not self.cell.above(equity * self.asker.low - self.hedged) and self.can_top_up:
            raise Unclear
        if self.can_sweep:
            if not self.is_told or not self.short:
                raise Unclear
            if self.cell.above(equity * self.asker.high - self.hedged) and self.cell.above(equity * self.asker.high - self.ideal(equity)):
                raise Unclear

    def ideal(self, equity: Line) -> Line:
        """N*, never below 0."""
        if self.baseline.ratio == ZERO:
            return usd(0.0)
        whole = equity + coins(self.spot) if self.asker.inverse else coins(self.spot)
        line = whole - coins((1.0 - self.ratio) * self.base) if self.rule.basis is Basis.COINS else whole * self.ratio
        return line if self.cell.above(line) else usd(0.0)

    def wished(self, equity: Line) -> None:
        """As Want.sized: hold, or a wish that is too small to send or that may not be sent."""
        above = self.cell.above
        ideal, hedged = self.ideal(equity), self.hedged
        goal = self.banded(ideal)
        if goal is None:
            return
        if above(goal - hedged):
            cap = self.cap(equity)
            if above(goal - cap):
                if self.can_top_up:
                    raise Unclear
                goal = self.banded(cap)
                if goal is None or not above(goal - hedged):
                    return  # kept
                goal = goal if above(cap - goal) else cap
        self.too_small(goal)

    def banded(self, ideal: Line) -> Line | None:
        """Where band.wanted would trade to; None where it holds."""
        above, band, hedged = self.cell.above, self.band, self.hedged
        nothing = not (ideal.usd or ideal.coins or ideal.shares)
        if nothing or above(usd(self.asker.ignored) - ideal):
            return usd(0.0) if self.short else None
        if self.rule.auto is not None:
            narrower = min(1 - band.low if self.rule.auto.low is None else ONE, band.high - 1 if self.rule.auto.high is None else ONE)
            if above(self.smallest - ideal * float(narrower)):
                raise Unclear  # the lot widens the band
        if above(ideal * float(band.low) - hedged):
            return ideal * float(band.safe_low)
        if above(hedged - ideal * float(band.high)):
            return ideal * float(band.safe_high)
        return None

    def cap(self, equity: Line) -> Line:
        """The lower one of what collateral and max_position_usd allow."""
        room = equity * self.asker.capacity if self.cell.above(equity) else usd(0.0)
        most = usd(self.asker.max_position)
        return room if self.cell.above(most - room) else most

    def too_small(self, goal: Line) -> None:
        """Raise Unclear unless no order may be sent, or none of this size."""
        if self.held_back:
            return
        above, lot, smallest, hedged = self.cell.above, self.notional(self.asker.lot), self.smallest, self.hedged
        below = above(hedged + smallest - goal)
        closes = not above(goal - lot) and bool(self.short)
        if not below or closes or not above(goal - hedged + smallest - lot):
            raise Unclear
