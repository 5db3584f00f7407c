"""Which band applies to a leg now, and why?

A trade costs the taker's fee and half the spread. The spread moves with every tick, and a band that moved with it would trade by itself:
so the cost that counts is the one that was measured when it last had halved or doubled, at most once an hour. It is remembered by the
decision that measured it. The width follows its cube root, so that in between the edges are off by a quarter at most.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from bot.core import band, risk, sizing
from bot.core.decision import TradeCost
from bot.core.making import maker
from bot.core.memory import LegState
from bot.core.model import Instrument, Quote, Snapshot, View
from bot.core.rules import AutoBand, Band, LegRule, Rules

STEP: Final = Decimal("0.00001")  # a tenth of a basis point
FACTOR: Final = 2
EVERY_MS: Final = 3_600_000
TENTH: Final = Decimal("0.1")
HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Applied:
    band: Band
    why: str = ""
    cost: TradeCost | None = None  # measured by this decision


as_written: Final = maker(Applied)


def applied(
    rule: LegRule, leg: LegState, view: View, seen: Snapshot, rules: Rules, ratio: Decimal | None, ideal_usd: Decimal | None
) -> Applied:
    """What was written down, or what follows from the cost of a trade here. `ratio`, `ideal_usd`: None while UNKNOWN."""
    auto = rule.auto
    if auto is None:
        return as_written(rule.band)
    cost = measured(leg.trade_cost, view, seen, rules)
    if cost is None or not ratio or not ideal_usd:
        return Applied(rule.band, "as configured, until there is something to measure", cost if cost != leg.trade_cost else None)
    cheapest = band.cheapest(ratio, rule.basis, cost.rate, auto)
    smallest = sizing.smallest_usd(view.instrument, view.quote.mark if view.quote is not None else ideal_usd, rules.execution.min_order_usd)
    lasting = band.above_the_lot(cheapest, ideal_usd, smallest, auto)
    return Applied(lasting, words(auto, cost, lasting, cheapest, smallest), cost if cost != leg.trade_cost else None)


def measured(known: TradeCost | None, view: View, seen: Snapshot, rules: Rules) -> TradeCost | None:
    """The cost that counts: the known one, unless it is of old and has halved or doubled since."""
    if view.quote is None or risk.quote_problem(view.quote, seen.now_ms, rules.risk):
        return known
    now = cost_rate(view.instrument, view.quote)
    if known is not None and (known.rate / FACTOR < now < known.rate * FACTOR or seen.now_ms - known.at_ms < EVERY_MS):
        return known
    rate = max(STEP, now.quantize(STEP, ROUND_HALF_EVEN))
    return known if known is not None and rate == known.rate else TradeCost(rate, seen.now_ms)


def cost_rate(instrument: Instrument, quote: Quote) -> Decimal:
    """What a trade costs for certain, one way: the taker's fee and half the spread, as a share of it."""
    return instrument.taker_fee_rate + (quote.ask - quote.bid) / (2 * quote.mark)


def words(auto: AutoBand, cost: TradeCost, applied: Band, cheapest: Band, smallest_usd: Decimal) -> str:
    """Where the edges come from."""
    written = [name for name in ("low", "safe_low", "safe_high", "high") if getattr(auto, name) is not None]
    text = f"a trade costs {(cost.rate * 10_000).quantize(TENTH):f} bp (fee and half the spread)"
    if applied != cheapest:
        text += f"; the smallest order is {smallest_usd.quantize(HUNDREDTH):f} USD"
    return f"{text}; as configured: {', '.join(written)}" if written else text
