"""How much can be traded? Lots, minimums, collateral, and every rounding in its named direction."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from bot.core import contracts
from bot.core.exposure import Exposure
from bot.core.model import INVERSE, ONE, ZERO, Instrument, Side
from bot.core.rules import ExecutionRule, RiskRule


@dataclass(frozen=True, slots=True)
class Size:
    """An order's size; `final_short` is the position (short positive) once it and its successors are filled."""

    side: Side
    contracts: int  # of this order
    reduce_only: bool
    final_short: int
    whole: int  # contracts of it and its successors on the same side
    urgent: bool = False  # no time is taken over it: a position against the hedge, too much leverage, or the operator's `flatten`


def n_max_usd(instrument: Instrument, max_leverage: Decimal, equity: Decimal, mark: Decimal, shock: Decimal) -> Decimal:
    """The largest short whose leverage stays within `max_leverage` at the mark and at the mark ± `shock`.

    At shock 0 it is N_max = L_max*P*Q of domain.md §3; an inverse short of N loses equity N(1/P' - 1/P) by the move itself, so that
    N = L_max*P*Q*(1+s)/(1 + L_max*s) for a move of s. 0 where equity is gone (V25).
    """
    if equity <= 0:
        return ZERO
    value = contracts.margin_usd(instrument, equity, mark)
    limits = []
    for move in (ZERO, shock, -shock):
        if instrument.kind is INVERSE:
            used, room = 1 + max_leverage * move, 1 + move
        else:
            used, room = 1 + move + max_leverage * move, ONE
        if used > 0:
            limits.append(max_leverage * value * room / used)
    return min(limits)


def equity_needed(instrument: Instrument, notional_usd: Decimal, max_leverage: Decimal, mark: Decimal, shock: Decimal) -> Decimal:
    """The equity, in settle currency, that `notional_usd` needs: the inverse of n_max_usd."""
    unit = n_max_usd(instrument, max_leverage, ONE, mark, shock)
    return notional_usd / unit


def smallest_usd(instrument: Instrument, mark: Decimal, min_order_usd: Decimal) -> Decimal:
    """Below this no order is sent, except to close the rest (domain.md §5)."""
    lot = contracts.notional_usd(instrument, instrument.min_contracts, mark)
    return max(lot, instrument.min_notional_usd, min_order_usd)


def size(held: Exposure, target_short_usd: Decimal, rule: ExecutionRule) -> Size | None:
    """The next order towards `target_short_usd`, or None if the difference is too small to send.

    The target is rounded down to whole contracts (under-hedging); no order crosses zero; an order is at most `max_order_usd`, and at most
    what the venue takes in one.
    """
    instrument, mark = held.instrument, held.mark
    final = max(0, contracts.contracts_floor(instrument, target_short_usd, mark))
    change = final - held.short
    if change == 0:
        return None
    side = Side.SELL if change > 0 else Side.BUY
    closes_long = held.short < 0
    if closes_long:  # a long is closed first, by an order of its own
        change = min(change, -held.short)
    reduces = closes_long or change < 0
    count = abs(change)
    closes_rest = reduces and count == abs(held.short)
    if not closes_rest and contracts.notional_usd(instrument, count, mark) < smallest_usd(instrument, mark, rule.min_order_usd):
        return None
    return Size(side, first_chunk(instrument, mark, count, rule.max_order_usd), reduces, final, count, closes_long)


def first_chunk(instrument: Instrument, mark: Decimal, count: int, max_order_usd: Decimal) -> int:
    """At most `max_order_usd` of `count` contracts, and no more than the venue takes in one order."""
    most = contracts.contracts_floor(instrument, max_order_usd, mark)
    if instrument.max_contracts is not None:
        most = min(most, instrument.max_contracts)
    return part(instrument, mark, count, max(instrument.min_contracts, most))


def part(instrument: Instrument, mark: Decimal, count: int, most: int) -> int:
    """At most `most` of `count` contracts, leaving a rest that the venue still takes."""
    chunk = min(count, most)
    unit = contracts.notional_usd(instrument, 1, mark)
    least = max(instrument.min_contracts, int((instrument.min_notional_usd / unit).to_integral_value(ROUND_CEILING)))
    return count - least if 0 < count - chunk < least and count - least >= least else chunk


def room_usd(held: Exposure, risk: RiskRule) -> Decimal:
    """The largest short of this leg that collateral allows, other legs on the same margin counted."""
    limit = n_max_usd(held.instrument, risk.max_leverage, held.equity, held.mark, risk.price_collar)
    return max(ZERO, limit - held.other_usd - held.pending_usd)


def kept_usd(held: Exposure, risk: RiskRule) -> Decimal:
    """What remains of a short above `hard_leverage`: as much as `max_leverage` allows at the mark; legs that share the margin shrink
    in proportion, for each of them reduces by itself."""
    limit = n_max_usd(held.instrument, risk.max_leverage, held.equity, held.mark, ZERO)
    return limit * held.hedged_usd / (held.hedged_usd + held.other_usd)
