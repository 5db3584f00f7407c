"""How is Binance COIN-M different? Whole contracts of 100 or 10 USD, client ids unique only while open, fills without a client id.

ccxt picks its error table by the address, so behind another host the same answer has another class: only the code in the body counts.
Sources: developers.binance.com, COIN-M futures (order, userTrades, income, positionRisk, account, positionSide/dual,
error-code; the special client ids: user data, ORDER_TRADE_UPDATE).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
    Misfit,
    depth,
    entry,
    fit,
    instrument,
    mapping,
    money,
    named,
    normal,
    one,
    optional,
    price,
    rows,
    side,
    stamp,
    truth,
)
from adapters.exchanges.outcomes import Codes
from adapters.exchanges.venues.sheet import HOUR_MS, Account, Bodies, Call, Notes, Page, Placed, Venue, call, full_hour, status_code
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved
from bot.core.model import ZERO, Depth, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote

DAY_MS: Final = 24 * 3_600_000
SPAN_MS: Final = 7 * DAY_MS - HOUR_MS - 60_000  # a question may cover a week, from a full hour: less a minute, the clock there may be ahead
REACH_MS: Final = 90 * DAY_MS - HOUR_MS
PAGE: Final = 1000
SAME_SETTLEMENT_MS: Final = 60_000  # a payment is booked within this of the rate it belongs to
FORCED: Final = ("autoclose-", "adl_autoclose", "settlement_autoclose-")  # ids of liquidation, deleveraging and delisting
STATUS: Final = {
    "NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "REJECTED": OrderStatus.REJECTED,
}


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is contracts, whole ones."""
    if fit(market) is not Kind.INVERSE:
        raise Misfit(f"{market.get('symbol')} is not margined in coins")
    info = mapping(market, "info")
    lot = one((item for item in rows(info, "filters") if item.get("filterType") == "LOT_SIZE"), "the lot")
    return Listed(
        instrument(
            market, step=lot.get("stepSize"), size=info.get("contractSize"), least=lot.get("minQty"), maker=Decimal("0.0001"),
            taker=Decimal("0.0005"), maintenance=Decimal("0.004") if market["base"] == "BTC" else Decimal("0.01"), hours=8,
        ),
        named(market.get("id"), "the market id"),
        normal(money(lot.get("stepSize"), "the lot")),
    )  # fmt: skip


def client_id(own: str) -> str:
    if not 0 < len(own) <= 36:
        raise ValueError("a newClientOrderId has 1 to 36 characters")
    return own


# ------------------------------------------------------------------------------------------------------------------ reading


def mine(body: object, listed: Listed) -> Mapping[str, Any]:
    return one((item for item in rows(body) if item.get("symbol") == listed.market_id), listed.market_id)


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    marks, touch = mine(bodies[0], listed), mine(bodies[1], listed)
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(marks.get("markPrice"), "the mark"),
        index=optional(marks.get("indexPrice"), "the index"),
        bid=price(touch.get("bidPrice"), "the bid"),
        ask=price(touch.get("askPrice"), "the ask"),
        funding_rate=optional(marks.get("lastFundingRate"), "the funding rate"),
        at_ms=stamp(marks.get("time")),
    )


def read_depth(listed: Listed, body: object, most: int, asked_ms: int) -> Depth:
    book = mapping(body)
    if book.get("symbol", listed.market_id) != listed.market_id:
        raise Malformed("the book is another contract's")
    return depth(listed, book.get("bids"), book.get("asks"), most, stamp(book.get("E")))


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    """Every contract has a row. Its time is that of its last change, which says nothing about its age."""
    held = [item for item in rows(bodies[0]) if item.get("symbol") == listed.market_id]
    if any(item.get("positionSide") != "BOTH" for item in held):
        raise Malformed("the account is in hedge mode (long and short positions apart)")
    shown = one(held, listed.market_id)
    if shown.get("marginType") == "isolated":
        raise Malformed("the contract is on isolated margin")
    contracts = listed.counts(shown.get("positionAmt"), "the position")
    return Position(
        symbol=listed.instrument.symbol,
        contracts=contracts,
        entry_price=entry(shown.get("entryPrice"), contracts),
        leverage_setting=optional(shown.get("leverage"), "the leverage"),
        at_ms=asked_ms,
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    currency = listed.instrument.settle
    coins = [item for item in rows(bodies[0], "assets") if item.get("asset") == currency]
    held = one(coins, currency) if coins else {"walletBalance": "0", "marginBalance": "0"}  # the list names every coin there is
    return Margin(currency, money(held.get("walletBalance"), "the wallet"), money(held.get("marginBalance"), "the equity"), asked_ms)


def order(listed: Listed, shown: Mapping[str, Any]) -> Order:
    word = str(shown.get("status"))
    if word not in STATUS:
        raise Malformed(f"an order is {word!r}")
    return Order(
        client_id=str(shown.get("clientOrderId") or ""),
        venue_id=named(shown.get("orderId"), "the order id"),
        symbol=listed.instrument.symbol,
        side=side(shown.get("side")),
        contracts=listed.counts(shown.get("origQty")),
        filled=listed.counts(shown.get("executedQty"), "the filled amount"),
        limit_price=optional(shown.get("price"), "the limit") or ZERO,
        status=STATUS[word],
        reduce_only=truth(shown.get("reduceOnly")),
        post_only=shown.get("timeInForce") == "GTX",
        at_ms=stamp(shown.get("time") or shown.get("updateTime")),
    )


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    """By our id, or (own is "") the order of a fill."""
    shown = order(listed, mapping(body))
    if mapping(body).get("symbol") != listed.market_id or own not in {"", shown.client_id}:
        raise Malformed("the answer is about another order")
    return shown


def stretch(from_ms: int, begun_ms: int, now_ms: int) -> dict[str, int]:
    """From `from_ms` to the end of the stretch that began at `begun_ms`: a past one is bounded, the last one is open."""
    ends_ms = begun_ms + SPAN_MS
    return {"startTime": from_ms, "endTime": ends_ms} if ends_ms < now_ms else {"startTime": from_ms}


def fills(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> Call:
    start = {"fromId": int(page)} if page else stretch(since_ms, since_ms, now_ms)
    return call("dapiPrivateGetUserTrades", 20, symbol=listed.market_id, limit=PAGE, **start)


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    """The client id is not told: the venue's order id stands in its place until the exchange has put ours there."""
    shown = rows(body)
    found = [
        Fill(
            trade_id=named(item.get("id"), "the trade id"),
            client_id=named(item.get("orderId"), "the order id"),
            symbol=listed.instrument.symbol,
            side=side(item.get("side")),
            contracts=listed.counts(item.get("qty"), "the traded amount"),
            price=price(item.get("price"), "the traded price"),
            fee_coins=money(item.get("commission"), "the fee"),
            maker=truth(item.get("maker")),
            at_ms=stamp(item.get("time")),
        )
        for item in shown
        if item.get("symbol") == listed.market_id
    ]
    newest = max((int(fill.trade_id) for fill in found), default=0)
    return Page(tuple(found), str(newest + 1) if len(shown) >= PAGE else None)


def payments(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> tuple[Call, ...]:
    """Of all contracts in one answer, since every answer weighs as much as twenty others."""
    start = stretch(int(page or full_hour(since_ms)), since_ms, now_ms)
    rates = call("dapiPublicGetFundingRate", symbol=listed.market_id, limit=PAGE, **start)
    return (
        call("dapiPrivateGetIncome", 20, incomeType="FUNDING_FEE", limit=PAGE, **start),
        Call(rates.method, rates.params, optional=True),
    )


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    """Plus is received. A payment tells neither rate nor mark: they come from the public history, and are 0 where that says nothing."""
    shown = rows(bodies[0])
    rates = rows(bodies[1]) if isinstance(bodies[1], list) else []
    found = []
    for item in shown:
        if item.get("symbol") != listed.market_id or item.get("incomeType") != "FUNDING_FEE":
            continue
        at_ms = stamp(item.get("time"))
        apart_ms = {abs(stamp(each.get("fundingTime")) - at_ms): each for each in rates}
        nearest_ms = min(apart_ms, default=SAME_SETTLEMENT_MS + 1)
        rate = apart_ms[nearest_ms] if nearest_ms <= SAME_SETTLEMENT_MS else {}
        found.append(
            FundingPayment(
                payment_id=named(item.get("tranId"), "the payment id"),
                symbol=listed.instrument.symbol,
                rate=optional(rate.get("fundingRate"), "the rate") or ZERO,
                mark=optional(rate.get("markPrice"), "the mark of the settlement") or ZERO,
                coins=money(item.get("income"), "the funding"),
                at_ms=at_ms,
            )
        )
    return Page(tuple(found), str(stamp(shown[-1].get("time"))) if len(shown) >= PAGE else None)


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    dual, account, rights = bodies
    held = [] if account is None else [item for item in rows(account, "positions") if item.get("symbol") == listed.market_id]
    may = mapping(rights) if rights is not None else {}
    return Account(
        one_way=None if dual is None else not truth(mapping(dual).get("dualSidePosition")),
        cross=not truth(held[0].get("isolated")) if held else None,
        may_trade=truth(may["enableFutures"]) if "enableFutures" in may else None,
        may_withdraw=truth(may["enableWithdrawals"]) if "enableWithdrawals" in may else None,
    )


def read_fees(listed: Listed, bodies: Bodies) -> tuple[Decimal, Decimal]:
    told = mapping(bodies[0])
    return money(told.get("makerCommissionRate"), "the maker fee"), money(told.get("takerCommissionRate"), "the taker fee")


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    return call(
        "dapiPrivatePostOrder", symbol=listed.market_id, side=wanted.side.value.upper(), type="LIMIT",
        timeInForce="GTX" if wanted.post_only else "IOC", quantity=listed.amount(wanted.contracts), price=format(wanted.limit_price, "f"),
        newClientOrderId=client_id(wanted.client_id), newOrderRespType="RESULT", **({"reduceOnly": "true"} if wanted.reduce_only else {}),
    )  # fmt: skip


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    shown = order(listed, mapping(body))
    if shown.client_id != wanted.client_id:
        raise Malformed("the answer is about another order")
    return Placed(shown.venue_id, shown)


def read_cancelled(body: object) -> str:
    named(mapping(body).get("orderId"), "the order id")
    return ""


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    """A 503 means either that the order's fate is unknown, or, in just these words, that it was not taken."""
    code = str(body.get("code")) if isinstance(body, Mapping) and "code" in body else None
    words = str(body.get("msg")) if isinstance(body, Mapping) else str(body)
    taken = ("http:503 unavailable",) if status == 503 and words.strip().rstrip(".") == "Service Unavailable" else ()
    return (*((code,) if code else ()), *taken, *status_code(status))


BINANCECOINM: Final = Venue(
    name="binancecoinm",
    title="Binance COIN-M",
    price_stream="watch_mark_price",
    ccxt_id="binancecoinm",
    tested=True,
    hedges="inverse perpetuals in whole contracts of 100 USD (BTC) and 10 USD (others), margined in the coin",
    places={
        "demo": Place(  # set_sandbox_mode would fail at the first private call
            "demo", frozenset({"demo-dapi.binance.com"}), stream_hosts=frozenset({"dstream.binancefuture.com"})
        ),
        "production": Place(  # the second host only for the rights of the key
            "none", frozenset({"dapi.binance.com", "api.binance.com"}), stream_hosts=frozenset({"dstream.binance.com"})
        ),
    },
    writes={
        ("POST", "order"): Errand.PLACE,
        ("DELETE", "order"): Errand.CANCEL,
        ("POST", "leverage"): Errand.SETTING,
        ("POST", "countdownCancelAll"): Errand.SETTING,
    },
    options=lambda linear: {"fetchMargins": False},
    allowance=Allowance(burst=2400, per_second=40),  # weights
    absence_ms=60_000,
    absence_polls=3,
    funding="every 8 hours; plus means received, in the coin; a positive rate pays a short",
    dead_man="countdownCancelAll, for each contract",
    leverage_note="one setting per contract; asking for what is set already is no error",
    transfer_right="Permits Universal Transfer, on the host of spot trading: not proven on the wire, so the bot does not ask for it",
    notes=Notes(
        contract="`X/USD:X` perpetuals of the COIN-M futures: traded now, settled in their own coin",
        amount="contracts, whole ones: 100 USD on BTC, 10 USD on others",
        position=(
            "signed positionAmt of the row with positionSide BOTH; LONG or SHORT there is hedge mode, isolated margin is told in the "
            "row, and both are refused"
        ),
        equity="`marginBalance` of the asset; `walletBalance` is without unrealised profit",
        client_id="newClientOrderId, up to 36 characters, unique only among open orders: the bot never signs one twice",
        look_up="the order by origClientOrderId; fills tell the venue's order id only, and the order behind it is asked for once",
        post_only="timeInForce GTX; an order that would take is refused (-5022)",
        reduce_only="reduceOnly true; immediate-or-cancel is timeInForce IOC",
        environments="demo has a host of its own; the older test network would fail at the first private request",
        fees="the account's rates, asked when connecting",
    ),
    codes=Codes(
        read=read_codes,
        exists=frozenset({"-4116"}),
        refused={
            "-2019": "margin", "-2022": "reduce-only", "-5022": "post-only", "-1111": "precision", "-4003": "contracts", "-2014": "auth",
            "-2015": "auth", "-1022": "auth", "-1021": "clock", "-1015": "rate-limit", "-1003": "rate-limit", "http:429": "rate-limit",
            "-1008": "overload", "http:503 unavailable": "overload", "-1121": "symbol", "-4108": "symbol", "-4028": "leverage",
            "-2028": "margin",
        },
        gone=frozenset({"-2011", "-2013"}),
        absent=frozenset({"-2013"}),
        troubles={
            "-2014": "key", "-2015": "key", "-1022": "secret", "-1002": "rights", "-1021": "clock", "-1003": "rate", "-1001": "down",
            "-1008": "down", "-1016": "down",
        },
    ),
    contract=contract,
    client_id=client_id,
    time=call("dapiPublicGetTime"),
    read_time=lambda body: stamp(mapping(body).get("serverTime")),
    quote=lambda listed: (call("dapiPublicGetPremiumIndex", 10), call("dapiPublicGetTickerBookTicker", 5)),  # of all contracts
    read_quote=read_quote,
    depth=lambda listed, most: call("dapiPublicGetDepth", 2, symbol=listed.market_id, limit=most),
    read_depth=read_depth,
    position=lambda listed: (call("dapiPrivateGetPositionRisk"),),
    read_position=read_position,
    margin=lambda listed: (call("dapiPrivateGetAccount", 5),),
    read_margin=read_margin,
    open_orders=lambda listed, page: call("dapiPrivateGetOpenOrders", symbol=listed.market_id),
    read_open_orders=lambda listed, body: Page(tuple(order(listed, item) for item in rows(body) if item.get("symbol") == listed.market_id)),
    find=lambda listed, own: (call("dapiPrivateGetOrder", symbol=listed.market_id, origClientOrderId=own),),
    read_found=read_found,
    fills=fills,
    read_fills=read_fills,
    payments=payments,
    read_payments=read_payments,
    account=lambda listed: (
        call("dapiPrivateGetPositionSideDual", 30),
        call("dapiPrivateGetAccount", 5),
        call("sapiGetAccountApiRestrictions"),
    ),
    read_account=read_account,
    fees=lambda listed: (call("dapiPrivateGetCommissionRate", 20, symbol=listed.market_id),),
    read_fees=read_fees,
    place=place,
    read_placed=read_placed,
    cancel=lambda listed, own, venue_id: call("dapiPrivateDeleteOrder", symbol=listed.market_id, origClientOrderId=own),
    read_cancelled=read_cancelled,
    countdown=lambda listed, timeout_ms: call(
        "dapiPrivatePostCountdownCancelAll", 10, symbol=listed.market_id, countdownTime=timeout_ms
    ),
    leverage=lambda listed, times: call("dapiPrivatePostLeverage", symbol=listed.market_id, leverage=times),
    fills_name_orders=False,
    forced=lambda own: own.startswith(FORCED),
    span_ms=SPAN_MS,
    reach_ms=REACH_MS,
    order_of_fill=lambda listed, venue_id: call("dapiPrivateGetOrder", symbol=listed.market_id, orderId=venue_id),
)  # fmt: skip
