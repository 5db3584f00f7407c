"""How is MEXC different? Sides are numbers, an order goes out as JSON, and one-way mode is the only one in which they mean what they say.

ccxt's own create_order sends an immediate-or-cancel order as a resting one; here the order type is the venue's own number.
Sources: www.mexc.com/api-docs/futures (order/create, order/external, order/list, position/open_positions, account/assets, error codes).
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
    entry,
    fit,
    instrument,
    json_number,
    mapping,
    money,
    named,
    normal,
    one,
    optional,
    price,
    rows,
    stamp,
    truth,
)
from adapters.exchanges.outcomes import Codes
from adapters.exchanges.venues.sheet import Account, Bodies, Call, Notes, Page, Placed, Venue, call, status_code
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved
from bot.core.model import ZERO, Fill, FundingPayment, Margin, Order, OrderStatus, Position, Quote, Side

OPEN_LONG, CLOSE_SHORT, OPEN_SHORT, CLOSE_LONG = 1, 2, 3, 4
SIDES: Final = {OPEN_LONG: Side.BUY, CLOSE_SHORT: Side.BUY, OPEN_SHORT: Side.SELL, CLOSE_LONG: Side.SELL}
REDUCES: Final = frozenset({CLOSE_SHORT, CLOSE_LONG})
POST_ONLY, IMMEDIATE = 2, 3  # types of an order
CROSS, ISOLATED = 2, 1
ONE_WAY: Final = 2
SHORT: Final = 2  # type of a position
STATUS: Final = {
    1: OrderStatus.OPEN,
    2: OrderStatus.OPEN,
    3: OrderStatus.FILLED,
    4: OrderStatus.CANCELLED,
    5: OrderStatus.REJECTED,
}
NOT_ASKED_FOR: Final = frozenset({2, 4})  # categories of a trade: taken over in a liquidation, or reduced to cover others
PAGE: Final = 100
LONGEST_MS: Final = 89 * 24 * 3_600_000  # one question may cover 90 days


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is contracts: of 100 USD on BTC_USD, of a part of a coin on linear ones."""
    fit(market)
    info = mapping(market, "info")
    return Listed(
        instrument(
            market, step=info.get("volUnit"), size=price(info.get("contractSize"), "the contract size"), least=info.get("minVol"),
            maker=money(info.get("makerFeeRate"), "the maker fee"), taker=money(info.get("takerFeeRate"), "the taker fee"),
            maintenance=money(info.get("maintenanceMarginRate"), "the maintenance rate"), hours=8,
        ),
        named(market.get("id"), "the market id"),
        normal(money(info.get("volUnit"), "the lot")),
    )  # fmt: skip


def client_id(own: str) -> str:
    if not 0 < len(own) <= 32:
        raise ValueError("an externalOid has 1 to 32 characters")
    return own


def good(body: object) -> Mapping[str, Any]:
    answer = mapping(body)
    if answer.get("success") is not True or str(answer.get("code")) not in {"0", "200"}:
        raise Malformed("the answer is no success")
    return answer


def number(value: object, what: str) -> int:
    """A code that is an integer, in whatever spelling."""
    found = money(value, what)
    if found != found.to_integral_value():
        raise Malformed(f"{what} is {value!r}")
    return int(found)


# ------------------------------------------------------------------------------------------------------------------ reading


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    ticker = mapping(good(bodies[0]), "data")
    if ticker.get("symbol") != listed.market_id:
        raise Malformed("the ticker is another contract's")
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(ticker.get("fairPrice"), "the mark"),
        index=optional(ticker.get("indexPrice"), "the index"),
        bid=price(ticker.get("bid1"), "the bid"),
        ask=price(ticker.get("ask1"), "the ask"),
        funding_rate=optional(ticker.get("fundingRate"), "the funding rate"),
        at_ms=stamp(ticker.get("timestamp")),
    )


def one_way(body: object) -> bool:
    return number(good(body).get("data"), "the position mode") == ONE_WAY


def settings_of_shorts(body: object) -> list[Mapping[str, Any]]:
    return [item for item in rows(good(body), "data") if number(item.get("positionType"), "the side of a setting") == SHORT]


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    """A contract without a row is flat. In hedge mode a reduce-only buy would close a long, so nothing is read there."""
    held = [item for item in rows(good(bodies[0]), "data") if item.get("symbol") == listed.market_id and money(item.get("holdVol"))]
    if not one_way(bodies[1]):
        raise Malformed("the account is in hedge mode (long and short positions apart)")
    if any(number(item.get("openType"), "the margin mode") != CROSS for item in held):
        raise Malformed("the position is on isolated margin")
    if len(held) > 1:
        raise Malformed(f"{listed.market_id} has {len(held)} positions")
    contracts = 0
    if held:
        way = number(held[0].get("positionType"), "the side of the position")
        if way not in {1, SHORT}:
            raise Malformed(f"the position has side {way}")
        contracts = listed.counts(held[0].get("holdVol"), "the position") * (-1 if way == SHORT else 1)
    of_shorts = settings_of_shorts(bodies[2])
    return Position(
        symbol=listed.instrument.symbol,
        contracts=contracts,
        entry_price=entry(held[0].get("holdAvgPrice"), contracts) if held else None,
        leverage_setting=optional(of_shorts[0].get("leverage"), "the leverage") if of_shorts else None,
        at_ms=asked_ms,
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    """ccxt's total is what is available and frozen only; `equity` is all of it."""
    currency = listed.instrument.settle
    coins = [item for item in rows(good(bodies[0]), "data") if item.get("currency") == currency]
    held = one(coins, currency) if coins else {"equity": "0", "unrealized": "0"}  # the list names every coin there is
    equity = money(held.get("equity"), "the equity")
    return Margin(currency, equity - money(held.get("unrealized"), "the unrealised profit"), equity, asked_ms)


def order(listed: Listed, shown: Mapping[str, Any]) -> Order:
    word, way = number(shown.get("state"), "the state of an order"), number(shown.get("side"), "the side")
    if word not in STATUS or way not in SIDES:
        raise Malformed(f"an order is in state {word} on side {way}")
    status, filled = STATUS[word], listed.counts(shown.get("dealVol") or 0, "the filled amount")
    if status is OrderStatus.OPEN and filled:
        status = OrderStatus.PARTIAL
    code = str(shown.get("errorCode") or "0")
    return Order(
        client_id=str(shown.get("externalOid") or ""),
        venue_id=named(shown.get("orderId"), "the order id"),
        symbol=listed.instrument.symbol,
        side=SIDES[way],
        contracts=listed.counts(shown.get("vol")),
        filled=filled,
        limit_price=optional(shown.get("price"), "the limit") or ZERO,
        status=status,
        reduce_only=way in REDUCES,
        post_only=number(shown.get("orderType"), "the type of an order") == POST_ONLY,
        at_ms=stamp(shown.get("createTime")),
        why="" if code == "0" else f"ended by the venue ({code})",
    )


def read_open_orders(listed: Listed, body: object) -> Page[Order]:
    shown = rows(good(body), "data")
    if len(shown) >= PAGE:
        raise Malformed(f"there are {PAGE} open orders or more, and the rest is not shown")
    return Page(tuple(order(listed, item) for item in shown if item.get("symbol") == listed.market_id))


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    """By our id, or (own is "") the order of a fill."""
    told = good(body).get("data")
    if told is None:
        return None
    shown = order(listed, mapping(told))
    if mapping(told).get("symbol") != listed.market_id or own not in {"", shown.client_id}:
        raise Malformed("the answer is about another order")
    return shown


def fills(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> Call:
    """Newest first; an older page ends where the last one began."""
    return call(
        "contractPrivateGetOrderListOrderDeals", symbol=listed.market_id, start_time=max(since_ms, now_ms - LONGEST_MS),
        page_size=PAGE, **({"end_time": int(page)} if page else {}),
    )  # fmt: skip


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    """The client id is not told: the venue's order id stands in its place until the exchange has put ours there."""
    shown = rows(good(body), "data")
    found = []
    for item in shown:
        if item.get("symbol") != listed.market_id:
            continue
        way = number(item.get("side"), "the side")
        if way not in SIDES:
            raise Malformed(f"a trade is on side {way}")
        found.append(
            Fill(
                trade_id=named(item.get("id"), "the trade id"),
                client_id=named(item.get("orderId"), "the order id"),
                symbol=listed.instrument.symbol,
                side=SIDES[way],
                contracts=listed.counts(item.get("vol"), "the traded amount"),
                price=price(item.get("price"), "the traded price"),
                fee_coins=money(item.get("fee"), "the fee"),
                maker=not truth(item.get("taker")),
                at_ms=stamp(item.get("timestamp")),
                liquidation=number(item.get("category", 1), "the category") in NOT_ASKED_FOR,
            )
        )
    return Page(tuple(found), str(min(stamp(item.get("timestamp")) for item in shown)) if len(shown) >= PAGE else None)


def payments(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> tuple[Call, ...]:
    return (call("contractPrivateGetPositionFundingRecords", symbol=listed.market_id, page_num=int(page or 1), page_size=PAGE),)


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    """Plus is received, in the settle currency. The mark of the settlement is not told."""
    told = mapping(good(bodies[0]), "data")
    found = tuple(
        FundingPayment(
            payment_id=named(item.get("id"), "the payment id"),
            symbol=listed.instrument.symbol,
            rate=money(item.get("rate"), "the rate"),
            mark=ZERO,
            coins=money(item.get("funding"), "the funding"),
            at_ms=stamp(item.get("settleTime")),
        )
        for item in rows(told, "resultList")
        if item.get("symbol") == listed.market_id
    )
    current, last = number(told.get("currentPage"), "the page"), number(told.get("totalPage"), "the number of pages")
    return Page(found, str(current + 1) if current < last else None)


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    mode, settings = bodies
    cross = None
    if settings is not None:
        told = settings_of_shorts(settings)
        cross = all(number(item.get("openType"), "the margin mode") == CROSS for item in told) if told else None
    return Account(one_way=None if mode is None else one_way(mode), cross=cross)


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    """A closing side never turns a position round, which is what reduce-only means here."""
    opens, closes = (OPEN_LONG, CLOSE_SHORT) if wanted.side is Side.BUY else (OPEN_SHORT, CLOSE_LONG)
    return call(
        "contractPrivatePostOrderCreate", symbol=listed.market_id, price=json_number(wanted.limit_price),
        vol=json_number(listed.step * wanted.contracts), side=closes if wanted.reduce_only else opens,
        type=POST_ONLY if wanted.post_only else IMMEDIATE, openType=CROSS, positionMode=ONE_WAY, externalOid=client_id(wanted.client_id),
    )  # fmt: skip


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    """Only the venue's id comes back, as an object or on its own."""
    told = good(body).get("data")
    return Placed(named(told.get("orderId") if isinstance(told, Mapping) else told, "the order id"))


def read_cancelled(body: object) -> str:
    told = good(body).get("data")
    if isinstance(told, list):
        told = one(rows({"data": told}, "data"), "the cancel")
    code = str(told.get("errorCode") or "0") if isinstance(told, Mapping) else "0"
    return "" if code == "0" else code


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    code = str(body.get("code")) if isinstance(body, Mapping) else "None"
    return (*((code,) if code not in {"None", "0", "200", ""} else ()), *status_code(status))


MEXC: Final = Venue(
    name="mexc",
    title="MEXC",
    ccxt_id="mexc",
    tested=False,
    hedges="inverse perpetuals of 100 USD (BTC) and less, margined in the coin; linear USDT contracts too; one-way mode only",
    places={"production": Place("none", frozenset({"api.mexc.com"}))},  # set_sandbox_mode raises TypeError: there is nothing to switch to
    writes={
        ("POST", "order/create"): Errand.PLACE,
        ("POST", "order/cancel_with_external"): Errand.CANCEL,
        ("POST", "position/change_leverage"): Errand.SETTING,
    },
    options=lambda linear: {},
    allowance=Allowance(burst=20, per_second=10),
    absence_ms=120_000,  # no receive window is told
    absence_polls=3,
    funding="every 8 hours; plus means received, in the settle currency; a positive rate pays a short",
    dead_man="none",
    leverage_note="change_leverage names the margin mode (cross) and the side (short), so it sets that of shorts only",
    transfer_right="not proven on the wire: the bot does not ask for it",
    notes=Notes(
        contract="`X/USD:X` or `X/USDT:USDT` swaps: perpetual, traded now, settled in their own coin or in USDT",
        amount="contracts, whole ones: 100 USD on BTC_USD, a part of a coin on linear ones",
        position="unsigned holdVol with positionType 1 (long) or 2 (short); hedge mode and isolated margin are refused; no row is flat",
        equity="`equity` of the currency; ccxt's total is what is available and frozen only",
        client_id="externalOid, up to 32 characters; the bot never signs one twice",
        look_up="the order by external id; fills tell the venue's order id only, and the order behind it is asked for once",
        post_only="type 2; the order is taken and cancelled where it would take",
        reduce_only="the closing side (2 closes a short), which is safe in one-way mode only; immediate-or-cancel is type 3",
        environments="there is no test environment",
        fees="those of the list of contracts",
    ),
    codes=Codes(
        read=read_codes,
        refused={
            "2005": "margin", "2009": "reduce-only", "2003": "price-limit", "2011": "contracts", "1001": "symbol", "1002": "symbol",
            "401": "auth", "402": "auth", "406": "auth", "602": "auth", "701": "auth", "702": "auth", "703": "auth", "704": "auth",
            "510": "rate-limit", "http:429": "rate-limit",
        },
        gone=frozenset({"2040", "2041"}),
        absent=frozenset({"2040"}),
        troubles={
            "401": "key", "402": "key", "602": "secret", "406": "address", "511": "rights", "701": "rights", "702": "rights",
            "703": "rights", "704": "rights", "510": "rate", "501": "down", "503": "down", "604": "down", "801": "down",
        },
    ),
    contract=contract,
    client_id=client_id,
    time=call("contractPublicGetPing"),
    read_time=lambda body: stamp(good(body).get("data")),
    quote=lambda listed: (call("contractPublicGetTicker", symbol=listed.market_id),),
    read_quote=read_quote,
    position=lambda listed: (
        call("contractPrivateGetPositionOpenPositions", symbol=listed.market_id),
        call("contractPrivateGetPositionPositionMode"),
        call("contractPrivateGetPositionLeverage", symbol=listed.market_id),
    ),
    read_position=read_position,
    margin=lambda listed: (call("contractPrivateGetAccountAssets"),),
    read_margin=read_margin,
    open_orders=lambda listed, page: call("contractPrivateGetOrderListOpenOrders", symbol=listed.market_id, page_num=1, page_size=PAGE),
    read_open_orders=read_open_orders,
    find=lambda listed, own: (
        call("contractPrivateGetOrderExternalSymbolExternalOid", symbol=listed.market_id, external_oid=own),
    ),
    read_found=read_found,
    fills=fills,
    read_fills=read_fills,
    payments=payments,
    read_payments=read_payments,
    account=lambda listed: (
        call("contractPrivateGetPositionPositionMode"),
        call("contractPrivateGetPositionLeverage", symbol=listed.market_id),
    ),
    read_account=read_account,
    fees=lambda listed: (),  # the list of contracts names them
    read_fees=lambda listed, bodies: (listed.instrument.maker_fee_rate, listed.instrument.taker_fee_rate),
    place=place,
    read_placed=read_placed,
    cancel=lambda listed, own, venue_id: call("contractPrivatePostOrderCancelWithExternal", symbol=listed.market_id, externalOid=own),
    read_cancelled=read_cancelled,
    leverage=lambda listed, times: call(
        "contractPrivatePostPositionChangeLeverage", symbol=listed.market_id, leverage=times, openType=CROSS, positionType=SHORT
    ),
    fills_name_orders=False,
    order_of_fill=lambda listed, venue_id: call("contractPrivateGetOrderGetOrderId", order_id=venue_id),
)  # fmt: skip
