"""May we? Every check before an order, and the only place where an Intent becomes an Approved."""

from decimal import Decimal

from bot.core import contracts
from bot.core.exposure import Exposure
from bot.core.model import ZERO, Approved, Intent, Quote, Refused, RiskRule, Side, Snapshot, State

MINUTE_MS = 60_000
DAY_MS = 86_400_000


def quote_problem(quote: Quote, now_ms: int, rule: RiskRule) -> str | None:
    """Why this quote may not be traded on: not a number, zero, crossed, stale, or from the future. None if it may."""
    prices = (quote.mark, quote.bid, quote.ask) if quote.index is None else (quote.mark, quote.bid, quote.ask, quote.index)
    if any(not price.is_finite() for price in prices):
        return "a price is not a number"
    if any(price <= 0 for price in prices):
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


def review(
    intent: Intent, held: Exposure, quote: Quote, state: State, seen: Snapshot, rule: RiskRule, identity: str, placed_this_turn: int
) -> Approved | Refused:
    """Every pre-trade check on one snapshot; the first that fails names itself.

    Limits on position, leverage and turnover stop what grows a hedge, never what shrinks it: the position is the venue's own, and the
    instrument has no other unfinished order, so that position + order is the worst that can come.
    """
    instrument = held.instrument
    notional = contracts.notional_usd(instrument, intent.contracts, quote.mark)
    grows = intent.side is Side.SELL and not intent.reduce_only
    after = held.short + intent.side.sign * -intent.contracts

    def refused(check: str, why: str) -> Refused:
        return Refused(intent.asset, check, why)

    if intent.contracts < instrument.min_contracts:
        return refused("order size", f"{intent.contracts} contracts are below the venue's minimum of {instrument.min_contracts}")
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
    recent = sum(1 for stamp in state.order_times_ms if seen.now_ms - MINUTE_MS < stamp <= seen.now_ms)
    if recent + placed_this_turn >= rule.max_orders_per_minute:
        return refused("orders per minute", "max_orders_per_minute is reached")
    if grows:
        if contracts.notional_usd(instrument, after, quote.mark) > rule.max_position_usd:
            return refused("position", "the position would exceed max_position_usd")
        if turnover_today_usd(state, seen.now_ms) + notional > rule.max_turnover_usd_per_day:
            return refused("turnover", "max_turnover_usd_per_day is reached")
        if (worst := leverage_after(held, after, rule.price_collar)) > rule.max_leverage:
            return refused("leverage", f"leverage at the mark or within the collar would be {worst:.3f}")
    return Approved(
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
    )


def leverage_after(held: Exposure, short: int, shock: Decimal) -> Decimal:
    """The worst leverage with `short` contracts at the mark and at the mark ± shock; Infinity where equity is gone."""
    worst = ZERO
    for move in (ZERO, shock, -shock):
        mark = held.mark * (1 + move)
        equity = held.equity + contracts.unrealised(held.instrument, short, held.mark, mark)
        value = contracts.margin_usd(held.instrument, equity, mark)
        used = contracts.notional_usd(held.instrument, short, mark) + held.other_usd
        worst = max(worst, used / value if value > 0 else Decimal("Infinity"))
    return worst
