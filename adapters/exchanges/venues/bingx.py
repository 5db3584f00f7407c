"""How is BingX different? Two APIs of two generations, one for inverse and one for linear contracts, that spell the same things otherwise.

In one-way mode the position is signed and its side says BOTH. The fills of an inverse contract are told order by order, and its funding
payments not at all.
Sources: bingx-api.github.io/docs (swapV2 and cswap: trade, account, market), and what ccxt reads of them.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
    entry,
    fit,
    instrument,
    mapping,
    moment,
    money,
    named,
    normal,
    one,
    optional,
    price,
    rows,
    side,
    signed,
    stamp,
    truth,
)
from adapters.exchanges.outcomes import Codes
from adapters.exchanges.venues.sheet import Account, Bodies, ByOrder, Call, Notes, Page, Placed, Venue, call, status_code
from adapters.request_budget import Allowance, Errand
from bot.core.model import ZERO, Approved, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote

DAY_MS: Final = 24 * 3_600_000
WEEK_MS: Final = 7 * DAY_MS  # the longest history that one question may cover
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


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is whole contracts of 100 or 10 USD on inverse contracts, coins on linear ones."""
    info = mapping(market, "info")
    if fit(market) is Kind.INVERSE:
        step, size, least = "1", info.get("minTickSize"), info.get("minQty")
    else:
        step, size, least = market.get("precision", {}).get("amount"), "1", info.get("tradeMinQuantity")
    made = instrument(
        market, step=step, size=size, least=least, maker=Decimal("0.0002"), taker=Decimal("0.0005"), maintenance=Decimal("0.01"), hours=8
    )
    smallest = optional(info.get("tradeMinUSDT"), "the least value") or ZERO
    return Listed(
        replace(made, min_notional_usd=smallest), named(market.get("id"), "the market id"), normal(money(step, "the lot"))
    )  # fmt: skip


def client_id(own: str) -> str:
    if not 0 < len(own) <= 40 or own != own.lower():
        raise ValueError("a clientOrderID has 1 to 40 characters, and the venue makes them lower case")
    return own


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


def fills(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> Call:
    """Of a linear contract; `page` is the last trade of the one before."""
    return call(
        "swapV2PrivateGetTradeFillHistory", 2, symbol=listed.market_id, startTs=max(since_ms, now_ms - WEEK_MS), endTs=now_ms,
        pageSize=PAGE, **({"lastFillId": page} if page else {}),
    )  # fmt: skip


def fills_by_order(listed: Listed) -> ByOrder | None:
    """Of an inverse contract: orders made up to a day before may trade now."""
    if not inverse(listed):
        return None
    return ByOrder(
        orders=lambda listed, since_ms, now_ms: (
            call("cswapV1PrivateGetTradeOrderHistory", 2, symbol=listed.market_id, limit=PAGE, startTime=history_start(since_ms, now_ms)),
            call("cswapV1PrivateGetTradeOpenOrders", 2, symbol=listed.market_id),
        ),
        read_orders=orders,
        fills=lambda listed, venue_id: call("cswapV1PrivateGetTradeAllFillOrders", 2, orderId=venue_id, pageSize=PAGE),
    )


def history_start(since_ms: int, now_ms: int) -> int:
    return max(since_ms - DAY_MS, now_ms - WEEK_MS)


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


def payments(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> tuple[Call, ...]:
    """The API has no history of the inverse contracts' funding."""
    if inverse(listed):
        return ()
    start = max(since_ms, now_ms - WEEK_MS)
    return (
        call(
            "swapV2PrivateGetUserIncome", 2, symbol=listed.market_id, incomeType="FUNDING_FEE", startTime=start, endTime=now_ms, limit=PAGE
        ),
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


def account(listed: Listed) -> tuple[Call, ...]:
    params = {"symbol": listed.market_id}
    if inverse(listed):
        return call("cswapV1PrivateGetTradeMarginType", 2, **params), call("cswapV1PrivateGetUserPositions", 2, **params)
    return call("swapV2PrivateGetTradeMarginType", 5, **params), call("swapV1PrivateGetPositionSideDual", 5)


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


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    return call(
        "cswapV1PrivatePostTradeOrder" if inverse(listed) else "swapV2PrivatePostTradeOrder", 2, symbol=listed.market_id, type="LIMIT",
        side=wanted.side.value.upper(), positionSide="BOTH", quantity=listed.amount(wanted.contracts),
        price=format(wanted.limit_price, "f"), timeInForce="PostOnly" if wanted.post_only else "IOC",
        clientOrderID=client_id(wanted.client_id), **({"reduceOnly": "true"} if wanted.reduce_only else {}),
    )  # fmt: skip


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


BINGX: Final = Venue(
    name="bingx",
    title="BingX",
    ccxt_id="bingx",
    tested=False,
    hedges="inverse perpetuals of 100 USD (BTC) and 10 USD (others), margined in the coin; linear USDT contracts too",
    places={"production": Place("none", frozenset({"open-api.bingx.com"}))},  # the virtual host lists no inverse market
    writes={
        ("POST", "trade/order"): Errand.PLACE,
        ("DELETE", "trade/cancelOrder"): Errand.CANCEL,
        ("DELETE", "trade/order"): Errand.CANCEL,
        ("POST", "trade/leverage"): Errand.SETTING,
    },
    options=lambda linear: {},
    allowance=Allowance(burst=20, per_second=5),
    absence_ms=60_000,
    absence_polls=3,
    funding=(
        "every 8 hours; plus means received; a positive rate pays a short; payments of inverse contracts are not told, "
        "so they look like coins moved into or out of the account"
    ),
    dead_man="none for inverse contracts",
    leverage_note="trade/leverage with side BOTH, which one-way mode needs",
    notes=Notes(
        contract="`X/USD:X` or `X/USDT:USDT` perpetuals: traded now, settled in their own coin or in USDT",
        amount="contracts of 100 USD (BTC) or 10 USD (others), whole ones, on inverse contracts; coins on linear ones",
        position="signed positionAmt with positionSide BOTH in one-way mode; LONG or SHORT is hedge mode, and like isolated margin refused",
        equity="`equity` of the asset, asked of the inverse or of the linear account",
        client_id="clientOrderID, up to 40 characters, lower case; the venue refuses a second order with the same one",
        look_up="the order by clientOrderID, then the open orders and the order history; one that does not show our id proves nothing",
        post_only="timeInForce PostOnly; what an order that would take becomes is not documented: it is looked up",
        reduce_only="reduceOnly true, which the venue documents for linear contracts only; immediate-or-cancel is timeInForce IOC",
        environments="its virtual host lists no inverse contract, so there is no test environment here",
        fees="the account's rates, asked when connecting",
    ),
    codes=Codes(
        read=read_codes,
        exists=frozenset({"101481", "109201"}),
        refused={
            "101204": "margin", "80012": "margin", "100202": "margin", "101205": "reduce-only", "101400": "contracts",
            "110425": "contracts", "100421": "symbol", "100490": "symbol", "109418": "symbol", "109425": "symbol", "100001": "auth",
            "100004": "auth", "100412": "auth", "100413": "auth", "100419": "auth", "http:429": "rate-limit",
        },
        gone=frozenset({"80016", "80017", "109421"}),
        absent=frozenset({"80016", "80017", "109421"}),
    ),
    contract=contract,
    client_id=client_id,
    time=call("swapV2PublicGetServerTime"),
    read_time=lambda body: stamp(mapping(good(body), "data").get("serverTime")),
    quote=lambda listed: (
        (
            call("cswapV1PublicGetMarketPremiumIndex", symbol=listed.market_id),
            call("cswapV1PublicGetMarketTicker", symbol=listed.market_id),
        )
        if inverse(listed)
        else (
            call("swapV2PublicGetQuotePremiumIndex", symbol=listed.market_id),
            call("swapV2PublicGetQuoteBookTicker", symbol=listed.market_id),
        )
    ),
    read_quote=read_quote,
    position=lambda listed: (
        call("cswapV1PrivateGetUserPositions" if inverse(listed) else "swapV2PrivateGetUserPositions", 2, symbol=listed.market_id),
        call("cswapV1PrivateGetTradeLeverage" if inverse(listed) else "swapV2PrivateGetTradeLeverage", 2, symbol=listed.market_id),
    ),
    read_position=read_position,
    margin=lambda listed: (call("cswapV1PrivateGetUserBalance" if inverse(listed) else "swapV3PrivateGetUserBalance", 2),),
    read_margin=read_margin,
    open_orders=lambda listed, page: call(
        "cswapV1PrivateGetTradeOpenOrders" if inverse(listed) else "swapV2PrivateGetTradeOpenOrders", 2, symbol=listed.market_id
    ),
    read_open_orders=lambda listed, body: Page(tuple(item for item in orders(listed, body) if not item.status.terminal)),
    find=lambda listed, own: (
        (
            call("cswapV1PrivateGetTradeOrderDetail", 2, symbol=listed.market_id, clientOrderID=own),
            call("cswapV1PrivateGetTradeOpenOrders", 2, symbol=listed.market_id),
            call("cswapV1PrivateGetTradeOrderHistory", 2, symbol=listed.market_id, limit=PAGE - 1),
        )
        if inverse(listed)
        else (
            call("swapV2PrivateGetTradeOrder", 2, symbol=listed.market_id, clientOrderID=own),
            call("swapV2PrivateGetTradeOpenOrders", 2, symbol=listed.market_id),
            call("swapV2PrivateGetTradeAllOrders", 2, symbol=listed.market_id, limit=PAGE - 1),
        )
    ),
    read_found=read_found,
    fills=fills,
    read_fills=read_fills,
    payments=payments,
    read_payments=read_payments,
    account=account,
    read_account=read_account,
    fees=lambda listed: (call("cswapV1PrivateGetUserCommissionRate" if inverse(listed) else "swapV2PrivateGetUserCommissionRate", 5),),
    read_fees=read_fees,
    place=place,
    read_placed=read_placed,
    cancel=lambda listed, own, venue_id: call(
        "cswapV1PrivateDeleteTradeCancelOrder" if inverse(listed) else "swapV2PrivateDeleteTradeOrder",
        2,
        symbol=listed.market_id,
        clientOrderID=own,
    ),
    read_cancelled=read_cancelled,
    leverage=lambda listed, times: call(
        "cswapV1PrivatePostTradeLeverage" if inverse(listed) else "swapV2PrivatePostTradeLeverage",
        2,
        symbol=listed.market_id,
        side="BOTH",
        leverage=times,
    ),
    fills_name_orders=False,
    order_of_fill=lambda listed, venue_id: call("swapV2PrivateGetTradeOrder", 2, symbol=listed.market_id, orderId=venue_id),
    fills_by_order=fills_by_order,
)  # fmt: skip
