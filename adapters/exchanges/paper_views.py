"""What does the paper venue show to someone who looks? Frozen objects, rebuilt only when price, time or the thing itself moved."""

from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal
from operator import attrgetter
from typing import Final

from adapters.exchanges.paper_keeping import Keeper
from adapters.exchanges.paper_ledger import Leg, VenueOrder, Wallet, coins
from adapters.exchanges.paper_venue import Venue
from bot.core.model import (
    Ask,
    Depth,
    Fill,
    FundingPayment,
    Levels,
    Margin,
    Order,
    Position,
    Quote,
    Side,
    SpotSeen,
    TransferStatus,
    View,
    margined,
    positioned,
    quoted,
    viewed,
)
from bot.ports import SpotAsk

PARTS: Final = ("quote", "position", "margin", "open_orders", "found", "fills", "funding", "depth")
BY_TIME: Final = attrgetter("at_ms")


@dataclass(frozen=True, slots=True)
class Account:
    """What is held of one contract, and what trading it has cost and brought since the venue was made. Coins are of the settle currency;
    USD are valued at the price of each moment."""

    symbol: str
    asset: str
    contracts: int  # held now; a short is negative
    entry_price: Decimal | None
    fills: int
    turnover_usd: Decimal
    fees_coins: Decimal  # positive is paid
    fees_usd: Decimal
    funding_coins: Decimal  # positive is received
    funding_usd: Decimal
    liquidated: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """One wallet and what it is made of: wallet == deposited + realised - fees + funding + insured, exactly."""

    currency: str
    wallet: Decimal
    deposited: Decimal
    realised: Decimal
    fees: Decimal
    funding: Decimal
    insured: Decimal


def view(venue: Venue, keeper: Keeper, ask: Ask) -> View:
    leg = venue.leg(ask.symbol)
    return viewed(
        leg.spec,
        quote(venue, leg),
        position(venue, leg),
        margin(venue, leg.wallet),
        open_orders(leg),
        found(venue, keeper, ask) if ask.client_ids else (),
        fills(keeper, leg, ask.fills_since_ms),
        payments(keeper, leg, ask.funding_since_ms),
        depth=depth(venue, leg, ask.levels) if ask.levels else None,
    )


def known(venue: Venue, keeper: Keeper, client_id: str) -> VenueOrder | None:
    """The order with this client id, whatever became of it."""
    order = venue.by_client_id.get(client_id)
    return order if order is not None else keeper.order_of(client_id)


def quote(venue: Venue, leg: Leg) -> Quote | None:
    market, last = leg.market, leg.quote
    if last is None:
        if not market.listed:
            return None
        bid, ask = venue.matching.touch.of(leg.spec, market.price)
    elif last.at_ms == venue.now_ms:
        return last
    else:
        bid, ask = last.bid, last.ask
    leg.quote = shown = quoted(leg.spec.symbol, market.price, market.price, bid, ask, venue.running_rate(leg), venue.now_ms)
    return shown


def depth(venue: Venue, leg: Leg, most: int) -> Depth | None:
    """The book with our own orders in it, as a venue shows it."""
    sides = venue.matching.shown(leg, most)
    if sides is None:
        return None
    bids, asks = sides
    if leg.orders:
        bids, asks = with_own(leg, Side.BUY, bids, most), with_own(leg, Side.SELL, asks, most)
    return Depth(bids, asks, venue.now_ms)


def with_own(leg: Leg, side: Side, others: Levels, most: int) -> Levels:
    levels = dict(others)
    for order in leg.orders:
        if order.side is side:
            levels[order.limit_price] = levels.get(order.limit_price, 0) + order.remaining
    return tuple(sorted(levels.items(), reverse=side is Side.BUY)[:most])


def position(venue: Venue, leg: Leg) -> Position:
    shown, now_ms = leg.shown_position, venue.now_ms
    if shown is None or shown.at_ms != now_ms:
        leg.shown_position = shown = positioned(leg.spec.symbol, leg.position, leg.entry, Decimal(leg.leverage), now_ms)
    return shown


def margin(venue: Venue, wallet: Wallet) -> Margin:
    shown, now_ms = wallet.margin, venue.now_ms
    if shown is None:
        wallet.margin = shown = margined(wallet.currency, coins(wallet.units), wallet.equity(), now_ms)
    elif shown.at_ms != now_ms:
        wallet.margin = shown = margined(wallet.currency, shown.wallet, shown.equity, now_ms)
    return shown


def open_orders(leg: Leg) -> tuple[Order, ...]:
    if leg.shown_orders is None:
        leg.shown_orders = tuple(order.shown() for order in leg.orders)
    return leg.shown_orders


def found(venue: Venue, keeper: Keeper, ask: Ask) -> tuple[Order, ...]:
    orders = (known(venue, keeper, client_id) for client_id in ask.client_ids)
    return tuple(order.shown() for order in orders if order is not None and order.symbol == ask.symbol)


def fills(keeper: Keeper, leg: Leg, since_ms: int) -> tuple[Fill, ...]:
    recent = leg.fills
    if since_ms < leg.fills_from_ms:
        return keeper.fills_since(leg.spec.symbol, since_ms)
    if not recent or recent[-1].at_ms < since_ms:
        return ()
    return tuple(recent[bisect_left(recent, since_ms, key=BY_TIME) :])


def payments(keeper: Keeper, leg: Leg, since_ms: int) -> tuple[FundingPayment, ...]:
    recent = leg.payments
    if since_ms < leg.payments_from_ms:
        return keeper.payments_since(leg.spec.symbol, since_ms)
    if not recent or recent[-1].at_ms < since_ms:
        return ()
    return tuple(recent[bisect_left(recent, since_ms, key=BY_TIME) :])


def spot(venue: Venue, ask: SpotAsk) -> SpotSeen:
    """The wallet beside the account, and whether a transfer was made."""
    held = venue.spots.get(ask.asset)
    found = None
    if ask.transfer is not None:
        found = TransferStatus.DONE if ask.transfer.transfer_id in venue.carried else TransferStatus.ABSENT
    return SpotSeen(ask.asset, coins(held.units if held is not None else 0), found)


def account(leg: Leg) -> Account:
    totals = leg.totals
    return Account(
        symbol=leg.spec.symbol,
        asset=leg.spec.asset,
        contracts=leg.position,
        entry_price=leg.entry,
        fills=totals.fills,
        turnover_usd=totals.turnover_usd,
        fees_coins=coins(totals.fees),
        fees_usd=totals.fees_usd,
        funding_coins=coins(totals.funding),
        funding_usd=totals.funding_usd,
        liquidated=totals.liquidated,
    )


def balance(wallet: Wallet) -> Balance:
    return Balance(
        currency=wallet.currency,
        wallet=coins(wallet.units),
        deposited=coins(wallet.deposited),
        realised=coins(wallet.realised),
        fees=coins(wallet.fees),
        funding=coins(wallet.funding),
        insured=coins(wallet.insured),
    )
