"""May we? Every check before an order, and the only place where an Intent becomes an Approved."""

from collections.abc import Sequence
from decimal import Decimal

from bot.core import contracts
from bot.core.decision import Approved, Intent, Refused, approved
from bot.core.exposure import Exposure
from bot.core.memory import State
from bot.core.model import DAY_MS, ZERO, Kind, Quote, Side, Snapshot
from bot.core.rules import RiskRule, Rules

MINUTE_MS = 60_000


def quote_problem(quote: Quote, now_ms: int, rule: RiskRule) -> str | None:
    """Why this quote may not be traded on: not a number, zero, crossed, stale, or from the future. None if it may."""
    prices = (quote.mark, quote.bid, quote.ask) if quote.index is None else (quote.mark, quote.bid, quote.ask, quote.index)
    for price in prices:
        if not price.is_finite():
            return "a price is not a number"
    if min(prices) <= 0:
        return "a price is zero or negative"
    if quote.bid >= quote.ask:
        return "the book is crossed"
    if now_ms - quote.at_ms > rule.max_data_age_ms:
        return "the price is stale"
    if quote.at_ms - now_ms > rule.max_data_age_ms:
        return "the price comes from the future: check the clocks"
    return None


def turnover_today_usd(state: State, now_ms: int) -> Decimal:
    return state.turnover_usd if now_ms // DAY_MS == state.turnover_day else ZERO


def pending_usd(state: State, seen: Snapshot, placed: Sequence[Approved]) -> Decimal:
    """Turnover that unfinished orders and those of this turn may still add, and ended ones whose fills are not on record yet."""
    total = sum((order.notional_usd for order in placed), ZERO)
    for leg in state.legs:
        if leg.owed and (view := seen.view(leg.symbol)) is not None and view.quote is not None:
            total += contracts.notional_usd(view.instrument, abs(leg.owed), view.quote.mark)
        if leg.working is not None:
            order = leg.working.order
            total += order.notional_usd * max(0, order.contracts - leg.working.traded) / order.contracts
    return total


def review(
    intent: Intent, held: Exposure, quote: Quote, state: State, seen: Snapshot, rules: Rules, identity: str, placed: Sequence[Approved]
) -> Approved | Refused:
    """Every pre-trade check on one snapshot; the first that fails names itself.

    Limits on position, leverage and turnover stop what grows a hedge, never what shrinks it: the position is the venue's own, and the
    instrument has no other unfinished order, so that position + order is the worst that can come. `placed` are this turn's orders of
    other legs.
    """
    instrument, rule = held.instrument, rules.risk
    notional = contracts.notional_usd(instrument, intent.contracts, quote.mark)
    grows = intent.side is Side.SELL and not intent.reduce_only
    after = held.short + intent.side.sign * -intent.contracts

    def refused(check: str, why: str) -> Refused:
        return Refused(intent.asset, check, why)

    if intent.contracts < instrument.min_contracts:
        return refused("order size", "fewer contracts than the venue's minimum")
    if instrument.max_contracts is not None and intent.contracts > max(instrument.max_contracts, instrument.min_contracts):
        return refused("order size", "more contracts than the venue takes in one order")
    if notional > rules.execution.max_order_usd:
        return refused("order value", "the order is above max_order_usd")
    if problem := quote_problem(quote, seen.now_ms, rule):
        return refused("price", problem)
    if intent.limit_price % instrument.tick != 0 or intent.limit_price <= 0:
        return refused("price", "the limit price is not a multiple of the tick")
    for name, reference in (("mark", quote.mark), ("index", quote.index)):
        if reference is not None and abs(intent.limit_price - reference) > rule.price_collar * reference:
            return refused("price collar", f"the limit price is outside the collar around the {name} price")
    if (held.short < 0) != (after < 0) and after != 0 and held.short != 0:
        return refused("crosses zero", "an order may close a position or open one, not both")
    if after < 0 and held.short >= 0:
        return refused("net long", "a hedge is never net long")
    if abs(after) > abs(held.short) and intent.reduce_only:
        return refused("reduce-only", "a reduce-only order may not grow the position")
    if abs(after) < abs(held.short) and not intent.reduce_only:
        return refused("reduce-only", "an order that shrinks the position must be reduce-only")
    recent = sum(1 for stamp in state.order_times_ms if abs(seen.now_ms - stamp) < MINUTE_MS)  # also where the clock was set back since
    if recent + len(placed) >= rule.max_orders_per_minute:
        return refused("orders per minute", "max_orders_per_minute is reached")
    if grows:
        if contracts.notional_usd(instrument, after, quote.mark) > rule.max_position_usd:
            return refused("position", "the position would exceed max_position_usd")
        if turnover_today_usd(state, seen.now_ms) + pending_usd(state, seen, placed) + notional > rule.max_turnover_usd_per_day:
            return refused("turnover", "max_turnover_usd_per_day is reached")
        if leverage_after(held, after, rule.price_collar) > rule.max_leverage:
            return refused("leverage", "leverage at the mark or within the collar would exceed max_leverage")
    return approved(
        client_id=identity,
        asset=intent.asset,
        symbol=intent.symbol,
        side=intent.side,
        contracts=intent.contracts,
        limit_price=intent.limit_price,
        reduce_only=intent.reduce_only,
        post_only=intent.post_only,
        reference_price=quote.mark,
        notional_usd=notional,
        deadline_mono_ms=seen.mono_ms + rule.max_data_age_ms,
        why=intent.why,
        arrival=intent.arrival,
        plan_mid=intent.plan_mid,
        queue_ahead=intent.queue_ahead,
        cut_to_book=intent.cut_to_book,
    )


def leverage_after(held: Exposure, short: int, shock: Decimal) -> Decimal:
    """The worst leverage with `short` contracts at the mark and at the mark ± shock; Infinity where equity is gone.

    Other legs on the margin move with it. Whatever the contract, a short of N loses N*move by the move, in USD at the moved mark; written
    so, nothing is rounded before the last division, and a size that sizing.n_max_usd allows is never refused here.
    """
    worst = ZERO
    others = held.other_usd + held.pending_usd
    scales = held.instrument.kind is Kind.LINEAR  # q*P moves with the price, N of an inverse contract does not
    for move in (ZERO, shock, -shock):
        mark = held.mark * (1 + move)
        everything = contracts.notional_usd(held.instrument, short, held.mark) + others
        value = contracts.margin_usd(held.instrument, held.equity, mark) - everything * move
        used = everything * (1 + move) if scales else everything
        worst = max(worst, used / value if value > 0 else Decimal("Infinity"))
    return worst
