"""Which parts of what was seen can be counted with? A part that holds no sane number is UNKNOWN, exactly as if it had not been read."""

from dataclasses import replace
from decimal import Decimal

from bot.core.model import Fill, FundingPayment, Position, Quote, Snapshot, View


def sane(seen: Snapshot) -> Snapshot:
    """The same snapshot with NaN, infinite and impossible amounts taken out, each named in its view's errors."""
    views = tuple(sane_view(view) for view in seen.views)
    bag = tuple((asset, coins if coins is not None and coins.is_finite() else None) for asset, coins in seen.bag)
    return replace(seen, views=views, bag=bag)


def sane_view(view: View) -> View:
    quote, position, margin, fills, funding = view.quote, view.position, view.margin, view.fills, view.funding
    errors: list[str] = []
    if quote is not None and not positive(quote.mark):
        errors.append(f"the mark price {quote.mark} is no price")
        quote = None
    if position is not None and position.entry_price is not None and not positive(position.entry_price):
        position = replace(position, entry_price=None)
    if margin is not None and not finite(margin.wallet, margin.equity):
        errors.append("wallet or equity is not a number")
        margin = None
    if fills is not None and not all(map(sane_fill, fills)):
        errors.append("a fill has no sane price, amount or fee")
        fills = None
    if funding is not None and not all(map(sane_payment, funding)):
        errors.append("a funding payment is not a number")
        funding = None
    quote = quote and sane_funding_rate(quote)
    position = position and sane_setting(position)
    if not errors and quote is view.quote and position is view.position:
        return view
    return replace(view, quote=quote, position=position, margin=margin, fills=fills, funding=funding, errors=(*view.errors, *errors))


def positive(amount: Decimal) -> bool:
    return amount.is_finite() and amount > 0


def finite(*amounts: Decimal) -> bool:
    return all(amount.is_finite() for amount in amounts)


def sane_fill(fill: Fill) -> bool:
    return fill.contracts > 0 and positive(fill.price) and fill.fee_coins.is_finite()


def sane_payment(payment: FundingPayment) -> bool:
    return finite(payment.coins, payment.rate, payment.mark)


def sane_funding_rate(quote: Quote) -> Quote:
    rate = quote.funding_rate
    return quote if rate is None or rate.is_finite() else replace(quote, funding_rate=None)


def sane_setting(position: Position) -> Position:
    setting = position.leverage_setting
    return position if setting is None or positive(setting) else replace(position, leverage_setting=None)
