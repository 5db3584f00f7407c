"""How does what the venue knows read in the words of the ports? Whole cents, picocoins and contracts, as prices, amounts and nouns."""

from decimal import Decimal
from typing import Final

from bot.core.model import Fill, FundingPayment, Instrument, Kind, Order, OrderStatus, Side
from bot.rehearsal.venue import MAINTENANCE_PPM, MAKER_PPM, MILLION, TAKER_PPM, Account, Book, Paid, Trade, VenueOrder

HUNDRED: Final = Decimal(100)
DOLLARS: Final = "USDT"  # what all linear contracts are settled in


def coins(pico: int) -> Decimal:
    return Decimal(pico).scaleb(-12)


def price(cents: int) -> Decimal:
    return Decimal(cents) / HUNDRED


def cents_of(limit: Decimal) -> int:
    """A price as the venue counts. A price between two cents is none."""
    whole = limit * HUNDRED
    return int(whole) if whole == whole.to_integral_value() else -1


def asset_of(book: Book) -> str:
    return book.symbol.partition("/")[0]


def contract_size(book: Book) -> Decimal:
    """In USD; of a linear contract in coins."""
    return Decimal(book.size).scaleb(-6) if book.linear else Decimal(book.size)


def notional_usd(book: Book, contracts: int, at: Decimal) -> Decimal:
    """Of so many contracts at this price."""
    size = contracts * contract_size(book)
    return size * at if book.linear else size


def entry_of(book: Book, held: Account) -> Decimal | None:
    """The mean price of what is held: USD over coins."""
    if not held.contracts or not held.cost_pico:
        return None
    size, cost = abs(held.contracts) * contract_size(book), coins(held.cost_pico)
    return cost / size if book.linear else size / cost


def instrument_of(book: Book) -> Instrument:
    asset = asset_of(book)
    return Instrument(
        symbol=book.symbol,
        asset=asset,
        kind=Kind.LINEAR if book.linear else Kind.INVERSE,
        settle=DOLLARS if book.linear else asset,
        contract_size=contract_size(book),
        tick=price(book.tick),
        maker_fee_rate=Decimal(MAKER_PPM) / MILLION,
        taker_fee_rate=Decimal(TAKER_PPM) / MILLION,
        maintenance_rate=Decimal(MAINTENANCE_PPM) / MILLION,
        funding_interval_hours=1,
    )


def order_noun(book: Book, order: VenueOrder, then: tuple[str, int]) -> Order:
    return Order(
        client_id=order.client_id,
        venue_id=order.venue_id,
        symbol=book.symbol,
        side=Side.SELL if order.sells else Side.BUY,
        contracts=order.contracts,
        filled=then[1],
        limit_price=price(order.cents),
        status=OrderStatus(then[0]),
        reduce_only=order.reduce_only,
        post_only=order.post_only,
        at_ms=book.stamp(order.at_ms),
        why=order.why if then[0] == order.status else "",
    )


def payment_noun(book: Book, paid: Paid) -> FundingPayment:
    rate = Decimal(paid.rate_ppm) / MILLION
    return FundingPayment(f"f{paid.number}", book.symbol, rate, price(paid.cents), coins(paid.pico), paid.stamp_ms)


def fill_noun(book: Book, trade: Trade) -> Fill:
    return Fill(
        trade_id=f"t{trade.number}",
        client_id=trade.client_id,
        symbol=book.symbol,
        side=Side.SELL if trade.sells else Side.BUY,
        contracts=trade.contracts,
        price=price(trade.cents),
        fee_coins=coins(trade.fee_pico),
        maker=trade.maker,
        at_ms=trade.stamp_ms,
        liquidation=trade.liquidation,
    )
