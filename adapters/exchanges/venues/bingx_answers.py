"""What does BingX answer? Its inverse and its linear contracts spell the same things otherwise.

In one-way mode the position is signed and its side says BOTH.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
    entry,
    mapping,
    moment,
    money,
    named,
    one,
    optional,
    price,
    rows,
    side,
    signed,
    stamp,
    truth,
)
from adapters.exchanges.venues.sheet import Account, Bodies, Page, Placed, status_code
from bot.core.decision import Approved
from bot.core.model import ZERO, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote

PAGE: Final = 1000
STATUS: Final = {
    "NEW": OrderStatus.OPEN,
    "PENDING": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}


def inverse(listed: Listed) -> bool:
    return listed.instrument.kind is Kind.INVERSE


def good(body: object) -> Mapping[str, Any]:
    answer = mapping(body)
    if str(answer.get("code")) != "0":
        raise Malformed("the answer is no success")
    return answer


# ------------------------------------------------------------------------------------------------------------------ reading


def only(told: object, listed: Listed) -> Mapping[str, Any]:
    """The row of this contract; some answers hold it alone, some in a list."""
    shown = told if isinstance(told, list) else [told]
    return one((item for item in rows({"data": shown}, "data") if item.get("symbol") == listed.market_id), listed.market_id)


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    marks, told = only(good(bodies[0]).get("data"), listed), good(bodies[1]).get("data")
    touch = only(told if inverse(listed) else mapping(told).get("book_ticker"), listed)
    stamped = marks.get("updateTime") or good(bodies[0]).get("timestamp")
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(marks.get("markPrice"), "the mark"),
        index=optional(marks.get("indexPrice"), "the index"),
        bid=price(touch.get("bidPrice") or touch.get("bid_price"), "the bid"),
        ask=price(touch.get("askPrice") or touch.get("ask_price"), "the ask"),
        funding_rate=optional(marks.get("lastFundingRate"), "the funding rate"),
        at_ms=stamp(stamped) if stamped else asked_ms,
    )


def hedged(held: Mapping[str, Any]) -> bool:
    """Linear rows of one-way mode may name a side too, and say `onlyOnePosition` beside it."""
    return str(held.get("positionSide")).upper() in {"LONG", "SHORT"} and not truth(held.get("onlyOnePosition"))


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    """A contract without a row is flat. One-way mode: the amount carries the sign, and the side is BOTH."""
    held = [item for item in rows(good(bodies[0]), "data") if item.get("symbol") == listed.market_id and money(item.get("positionAmt"))]
    if any(hedged(item) for item in held):
        raise Malformed("the account is in hedge mode (long and short positions apart)")
    if any(truth(item.get("isolated")) for item in held):
        raise Malformed("the position is on isolated margin")
    if len(held) > 1:
        raise Malformed(f"{listed.market_id} has {len(held)} positions")
    contracts = signed(listed.counts(held[0].get("positionAmt"), "the position"), held[0].get("positionSide")) if held else 0
    return Position(
        symbol=listed.instrument.symbol,
        contracts=contracts,
        entry_price=entry(held[0].get("avgPrice"), contracts) if held else None,
        leverage_setting=optional(mapping(good(bodies[1]), "data").get("shortLeverage"), "the leverage"),
        at_ms=asked_ms,
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    currency = listed.instrument.settle
    coins = [item for item in rows(good(bodies[0]), "data") if item.get("asset") == currency]
    held = one(coins, currency) if coins else {"balance": "0", "equity": "0"}  # the list names every coin there is
    return Margin(currency, money(held.get("balance"), "the balance"), money(held.get("equity"), "the equity"), asked_ms)


def sizes(listed: Listed, shown: Mapping[str, Any], status: OrderStatus) -> tuple[int, int]:
    """Our counts of an order and of what it filled.

    An inverse order tells contracts in `quantity`, and `origQty` and `executedQty` in a unit of their own: what was filled is their share.
    """
    if not inverse(listed):
        return listed.counts(shown.get("origQty")), listed.counts(shown.get("executedQty") or "0", "the filled amount")
    size = listed.counts(shown.get("quantity"))
    done, whole = (optional(shown.get(name)) or ZERO for name in ("executedQty", "origQty"))
    if status is OrderStatus.FILLED:
        return size, size
    if done and not whole:
        raise Malformed("an order was filled in part, and its size is not told in that unit")
    return size, listed.counts(done * listed.step * size / whole, "the filled amount") if whole else 0


def order(listed: Listed, shown: Mapping[str, Any]) -> Order:
    word = str(shown.get("status")).upper()
    if word not in STATUS:
        raise Malformed(f"an order is {word!r}")
    size, filled = sizes(listed, shown, STATUS[word])
    status = OrderStatus.PARTIAL if STATUS[word] is OrderStatus.OPEN and filled else STATUS[word]
    return Order(
        client_id=str(shown.get("clientOrderId") or shown.get("clientOrderID") or ""),
        venue_id=named(shown.get("orderId"), "the order id"),
        symbol=listed.instrument.symbol,
        side=side(shown.get("side")),
        contracts=size,
        filled=filled,
        limit_price=money(shown.get("price"), "the limit"),
        status=status,
        reduce_only=truth(shown.get("reduceOnly")),
        post_only=shown.get("timeInForce") == "PostOnly",
        at_ms=stamp(shown.get("time")),
    )


def orders(listed: Listed, body: object) -> tuple[Order, ...]:
    shown = rows(good(body), "data", "orders")
    if len(shown) >= PAGE:
        raise Malformed(f"{PAGE} orders or more, and the rest is not shown")
    return tuple(order(listed, item) for item in shown if item.get("symbol") == listed.market_id)


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    """By our id, or (own is "") the order of a fill. One that does not show our id is not proven to be ours."""
    told = mapping(good(body), "data")
    shown = orders(listed, body) if "orders" in told else (order(listed, only(told.get("order"), listed)),)
    return next((item for item in shown if own in {"", item.client_id}), None)


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    """The client id is not told: the venue's order id stands in its place. A fee is minus what was paid."""
    if inverse(listed):
        shown = rows(good(body), "data")
        if len(shown) >= PAGE:
            raise Malformed(f"an order has {PAGE} trades or more, and the rest is not shown")
        return Page(tuple(fill(listed, item, "volume", "tradePrice", stamp(item.get("tradeTime"))) for item in shown))
    told = mapping(good(body), "data")
    shown = rows(told, "fill_history_orders")
    found = [fill(listed, item, "qty", "price", moment(item.get("filledTime"), "the time of a trade")) for item in shown]
    return Page(tuple(found), found[-1].trade_id if len(shown) >= PAGE else None)


def fill(listed: Listed, item: Mapping[str, Any], size: str, at: str, at_ms: int) -> Fill:
    if item.get("symbol") != listed.market_id:
        raise Malformed("a trade is another contract's")
    asset = item.get("commissionAsset") or item.get("currency")
    return Fill(
        trade_id=named(item.get("tradeId"), "the trade id"),
        client_id=named(item.get("orderId"), "the order id"),
        symbol=listed.instrument.symbol,
        side=side(item.get("side")),
        contracts=listed.counts(item.get(size), "the traded amount"),
        price=price(item.get(at), "the traded price"),
        fee_coins=ZERO - money(item.get("commission"), "the fee") if asset in {None, listed.instrument.settle} else ZERO,
        maker=truth(item.get("maker")) if "maker" in item else str(item.get("role")).lower() == "maker",
        at_ms=at_ms,
    )


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    """Plus is received, in USDT. Neither rate nor mark is told."""
    shown = rows(good(bodies[0]), "data")
    if len(shown) >= PAGE:
        raise Malformed(f"{PAGE} payments or more, and the rest is not shown")
    return Page(
        tuple(
            FundingPayment(
                payment_id=named(item.get("tranId"), "the payment id"),
                symbol=listed.instrument.symbol,
                rate=ZERO,
                mark=ZERO,
                coins=money(item.get("income"), "the funding"),
                at_ms=stamp(item.get("time")),
            )
            for item in shown
            if item.get("symbol") == listed.market_id and item.get("incomeType") == "FUNDING_FEE"
        )
    )


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    """The mode of inverse contracts is told by an open position only. What a key may do is not read: its answer is not documented."""
    margin, mode = bodies
    dual: bool | None = None
    if mode is not None:
        told = good(mode).get("data")
        if isinstance(told, Mapping) and "dualSidePosition" in told:
            dual = truth(told.get("dualSidePosition"))
        elif isinstance(told, list) and told:
            dual = any(hedged(item) for item in rows(good(mode), "data"))
    return Account(
        one_way=None if dual is None else not dual,
        cross=None if margin is None else mapping(good(margin), "data").get("marginType") == "CROSSED",
    )


def read_fees(listed: Listed, bodies: Bodies) -> tuple[Decimal, Decimal]:
    told = mapping(good(bodies[0]), "data") if inverse(listed) else mapping(good(bodies[0]), "data", "commission")
    return money(told.get("makerCommissionRate"), "the maker fee"), money(told.get("takerCommissionRate"), "the taker fee")


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    """Only ids come back: those of an inverse order at the top of the answer, or with no id at all."""
    told = mapping(body)
    if "orderId" not in told:
        data = mapping(good(body), "data")
        told = mapping(data, "order") if "order" in data else data
    if told.get("symbol") != listed.market_id:
        raise Malformed("the answer is about another order")
    return Placed(named(told.get("orderId"), "the order id"))


def read_cancelled(body: object) -> str:
    data = mapping(good(body), "data")
    named((mapping(data, "order") if "order" in data else data).get("orderId"), "the order id")
    return ""


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    code = str(body.get("code")) if isinstance(body, Mapping) else "None"
    return (*((code,) if code not in {"None", "0", ""} else ()), *status_code(status))
