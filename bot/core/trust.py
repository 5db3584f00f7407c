"""Which parts of what was seen can be counted with? A part without a sane number, or of long ago, is UNKNOWN, as if it was not read."""

from dataclasses import replace
from decimal import Decimal
from operator import is_
from typing import Final

from bot.core.model import Depth, Fill, FundingPayment, Position, Quote, Snapshot, View

_NEWEST: Final[list[tuple[Snapshot, int, Snapshot]]] = []  # the last answer: a turn asks twice of one look


def sane(seen: Snapshot, max_age_ms: int) -> Snapshot:
    """The same snapshot without NaN, infinite and impossible amounts, and without an account that is too old, each named in its view's
    errors. A price that is too old stays: what may be done on it is asked of risk.quote_problem."""
    for asked, age_ms, answer in _NEWEST:
        if asked is seen and age_ms == max_age_ms:
            return answer
    answer = cleared(seen, max_age_ms)
    _NEWEST[:] = [(seen, max_age_ms, answer)]
    return answer


def cleared(seen: Snapshot, max_age_ms: int) -> Snapshot:
    now_ms = seen.now_ms
    if not seen.sources and not seen.spots and all(known(coins) for _, coins in seen.bag):
        oldest_ms = now_ms - max_age_ms
        for view in seen.views:
            if not plain(view, oldest_ms):
                break
        else:
            return seen
    views = tuple([view if plain(view, now_ms - max_age_ms) else recent_view(sane_view(view), now_ms, max_age_ms) for view in seen.views])
    bag = tuple([held if known(held[1]) else (held[0], None) for held in seen.bag])
    sources = tuple([source if known(source.coins) else replace(source, coins=None) for source in seen.sources])
    spots = tuple([spot if known(spot.coins) else replace(spot, coins=None) for spot in seen.spots])
    if same(views, seen.views) and same(bag, seen.bag) and same(sources, seen.sources) and same(spots, seen.spots):
        return seen
    return replace(seen, views=views, bag=bag, sources=sources, spots=spots)


def plain(view: View, oldest_ms: int) -> bool:
    """Is there nothing about it that sane_view and recent_view would have to look at twice? Most views are so, at every turn."""
    quote, position, margin = view.quote, view.position, view.margin
    if quote is None or position is None or margin is None:
        return False
    if (view.fills and not all(map(sane_fill, view.fills))) or (view.funding and not all(map(sane_payment, view.funding))):
        return False
    if view.depth is not None and (view.depth.at_ms < oldest_ms or not sane_depth(view.depth)):
        return False
    if position.at_ms < oldest_ms or margin.at_ms < oldest_ms or not (margin.wallet.is_finite() and margin.equity.is_finite()):
        return False
    entry, setting, rate = position.entry_price, position.leverage_setting, quote.funding_rate
    if not (quote.mark.is_finite() and quote.mark > 0) or not (rate is None or rate.is_finite()):
        return False
    return (entry is None or (entry.is_finite() and entry > 0)) and (setting is None or (setting.is_finite() and setting > 0))


def known(coins: Decimal | None) -> bool:
    """Or at least not wrong."""
    return coins is None or coins.is_finite()


def same(ours: tuple[object, ...], theirs: tuple[object, ...]) -> bool:
    """The very same objects: amounts that are no numbers cannot be compared."""
    return all(map(is_, ours, theirs))


def sane_view(view: View) -> View:
    quote, position, margin, fills, funding = view.quote, view.position, view.margin, view.fills, view.funding
    errors: list[str] = []
    if quote is not None and not positive(quote.mark):
        errors.append(f"the mark price {quote.mark} is no price")
        quote = None
    if position is not None and position.entry_price is not None and not positive(position.entry_price):
        position = replace(position, entry_price=None)
    if margin is not None and not (margin.wallet.is_finite() and margin.equity.is_finite()):
        errors.append("wallet or equity is not a number")
        margin = None
    if fills and not all(map(sane_fill, fills)):
        errors.append("a fill has no sane price, amount or fee")
        fills = None
    if funding and not all(map(sane_payment, funding)):
        errors.append("a funding payment is not a number")
        funding = None
    depth = view.depth
    if depth is not None and not sane_depth(depth):
        errors.append("the visible book is not in the order of its prices, or holds no sane number")
        depth = None
    quote = quote and sane_funding_rate(quote)
    position = position and sane_setting(position)
    if not errors and quote is view.quote and position is view.position:
        return view
    view = replace(view, quote=quote, position=position, margin=margin, depth=depth)
    return replace(view, fills=fills, funding=funding, errors=(*view.errors, *errors))


def recent_view(view: View, now_ms: int, max_age_ms: int) -> View:
    """A position, a balance or a book of long ago says nothing of now."""
    position, margin, depth = view.position, view.margin, view.depth
    errors: list[str] = []
    if depth is not None and now_ms - depth.at_ms > max_age_ms:
        errors.append(f"the visible book is {now_ms - depth.at_ms} ms old, and at most {max_age_ms} ms may be counted with")
        depth = None
    if position is not None and now_ms - position.at_ms > max_age_ms:
        errors.append(f"the position is {now_ms - position.at_ms} ms old, and at most {max_age_ms} ms may be counted with")
        position = None
    if margin is not None and now_ms - margin.at_ms > max_age_ms:
        errors.append(f"the balance is {now_ms - margin.at_ms} ms old, and at most {max_age_ms} ms may be counted with")
        margin = None
    return replace(view, position=position, margin=margin, depth=depth, errors=(*view.errors, *errors)) if errors else view


def positive(amount: Decimal) -> bool:
    return amount.is_finite() and amount > 0


def sane_fill(fill: Fill) -> bool:
    return fill.contracts > 0 and positive(fill.price) and fill.fee_coins.is_finite()


def sane_depth(depth: Depth) -> bool:
    """Each side best price first, and the two do not cross."""
    for side, falling in ((depth.bids, True), (depth.asks, False)):
        before: Decimal | None = None
        for price, contracts in side:
            if not positive(price) or contracts <= 0 or (before is not None and (price >= before if falling else price <= before)):
                return False
            before = price
    return not depth.bids or not depth.asks or depth.bids[0][0] < depth.asks[0][0]


def sane_payment(payment: FundingPayment) -> bool:
    return payment.coins.is_finite() and payment.rate.is_finite() and payment.mark.is_finite()


def sane_funding_rate(quote: Quote) -> Quote:
    rate = quote.funding_rate
    return quote if rate is None or rate.is_finite() else replace(quote, funding_rate=None)


def sane_setting(position: Position) -> Position:
    setting = position.leverage_setting
    return position if setting is None or positive(setting) else replace(position, leverage_setting=None)
