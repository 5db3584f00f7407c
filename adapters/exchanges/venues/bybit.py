"""How is Bybit different? v5, unified account. Inverse contracts count in USD; a post-only order is taken and then cancelled.

Sources: bybit-exchange.github.io/docs/v5 (order, position, account, market, user/apikey-info, error, rate-limit).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
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
    rate_of,
    rows,
    side,
    signed,
    stamp,
    truth,
)
from adapters.exchanges.outcomes import Codes
from adapters.exchanges.venues.sheet import Account, Bodies, Call, Notes, Page, Placed, Transfers, Venue, call, status_code
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved, Transfer
from bot.core.model import ZERO, Depth, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote, TransferStatus

DAY_MS: Final = 24 * 3_600_000
SPAN_MS: Final = 7 * DAY_MS - 60_000  # a question covers a week from its start, here a minute less: the clock there may be ahead of ours
REACH_MS: Final = 730 * DAY_MS
TRANSFERRED: Final = {"SUCCESS": TransferStatus.DONE, "FAILED": TransferStatus.REFUSED}
STATUS: Final = {
    "Created": OrderStatus.OPEN,
    "New": OrderStatus.OPEN,
    "Untriggered": OrderStatus.OPEN,  # somebody's stop: it is listed among the open orders
    "Triggered": OrderStatus.OPEN,
    "PartiallyFilled": OrderStatus.PARTIAL,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "PartiallyFilledCanceled": OrderStatus.CANCELLED,
    "Deactivated": OrderStatus.CANCELLED,
    "Rejected": OrderStatus.REJECTED,
}
POST_ONLY: Final = "EC_PostOnlyWillTakeLiquidity"
TRADES: Final = frozenset({"Trade", "AdlTrade", "BustTrade"})


def category(listed: Listed) -> str:
    return "inverse" if listed.instrument.kind is Kind.INVERSE else "linear"


def scope(listed: Listed) -> dict[str, str]:
    """Without both, Bybit answers for USDT contracts, and "flat" would be about something else."""
    return {"category": category(listed), "symbol": listed.market_id}


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is USD on inverse contracts, coins on linear ones; ccxt's contractSize repeats the minimum and means nothing."""
    fit(market)
    lots = mapping(market, "info", "lotSizeFilter")
    step = lots.get("qtyStep") or lots.get("minOrderQty")
    return Listed(
        instrument(
            market, step=step, size="1", least=lots.get("minOrderQty"), maker=Decimal("0.0002"), taker=Decimal("0.00055"),
            maintenance=Decimal("0.005") if market["base"] == "BTC" else Decimal("0.01"), hours=hours(market),
        ),
        named(market.get("id"), "the market id"),
        normal(money(step, "the lot")),
    )  # fmt: skip


def hours(market: Mapping[str, Any]) -> int:
    minutes = optional(mapping(market, "info").get("fundingInterval"))
    return int(minutes) // 60 if minutes is not None and minutes >= 60 else 8


def client_id(own: str) -> str:
    if not 0 < len(own) <= 36:
        raise ValueError("an orderLinkId has 1 to 36 characters")
    return own


# ------------------------------------------------------------------------------------------------------------------ reading


def row(body: object, listed: Listed) -> Mapping[str, Any]:
    return one((item for item in rows(body, "result", "list") if item.get("symbol") == listed.market_id), listed.market_id)


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    ticker = row(bodies[0], listed)
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(ticker.get("markPrice"), "the mark"),
        index=optional(ticker.get("indexPrice"), "the index"),
        bid=price(ticker.get("bid1Price"), "the bid"),
        ask=price(ticker.get("ask1Price"), "the ask"),
        funding_rate=optional(ticker.get("fundingRate"), "the funding rate"),
        at_ms=stamp(mapping(bodies[0]).get("time")),
    )


def read_depth(listed: Listed, body: object, most: int, asked_ms: int) -> Depth:
    book = mapping(body, "result")
    if book.get("s") != listed.market_id:
        raise Malformed("the book is another contract's")
    return depth(listed, book.get("b"), book.get("a"), most, stamp(book.get("ts")))


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    held = row(bodies[0], listed)
    if str(held.get("positionIdx", 0)) != "0":
        raise Malformed("the contract is in hedge mode (two positions at once)")
    size = listed.counts(held.get("size"), "the position")
    if size and str(held.get("side")) not in {"Buy", "Sell"}:
        raise Malformed(f"the position has side {held.get('side')!r}")
    contracts = signed(size, held.get("side"))
    return Position(
        symbol=listed.instrument.symbol,
        contracts=contracts,
        entry_price=entry(held.get("avgPrice") or held.get("entryPrice"), contracts),
        leverage_setting=optional(held.get("leverage"), "the leverage"),
        at_ms=stamp(mapping(bodies[0]).get("time")),
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    """ccxt's total leaves the unrealised profit out; `equity` holds it."""
    currency = listed.instrument.settle
    account = one((item for item in rows(bodies[0], "result", "list") if item.get("accountType") == "UNIFIED"), "the unified account")
    coins = [item for item in rows(account, "coin") if item.get("coin") == currency]
    held = one(coins, currency) if coins else {"walletBalance": "0", "equity": "0"}  # the list names every coin there is
    return Margin(
        currency,
        wallet=money(held.get("walletBalance"), "the wallet"),
        equity=money(held.get("equity"), "the equity"),
        at_ms=stamp(mapping(bodies[0]).get("time")),
    )


def order(listed: Listed, shown: Mapping[str, Any]) -> Order:
    word = str(shown.get("orderStatus"))
    if word not in STATUS:
        raise Malformed(f"an order is {word!r}")
    status, filled = STATUS[word], listed.counts(shown.get("cumExecQty"), "the filled amount")
    reason = str(shown.get("rejectReason") or "")
    post_only = shown.get("timeInForce") == "PostOnly"
    if status is OrderStatus.CANCELLED and reason == POST_ONLY and not filled:
        status = OrderStatus.REJECTED
    return Order(
        client_id=str(shown.get("orderLinkId") or ""),
        venue_id=named(shown.get("orderId"), "the order id"),
        symbol=listed.instrument.symbol,
        side=side(shown.get("side")),
        contracts=listed.counts(shown.get("qty")),
        filled=filled,
        limit_price=optional(shown.get("price"), "the limit") or ZERO,
        status=status,
        reduce_only=truth(shown.get("reduceOnly")),
        post_only=post_only,
        at_ms=stamp(shown.get("createdTime")),
        why="post-only would take" if reason == POST_ONLY else "" if reason in {"", "EC_NoError", "EC_PerCancelRequest"} else reason,
    )


def orders(listed: Listed, body: object) -> list[Order]:
    return [order(listed, item) for item in rows(body, "result", "list") if item.get("symbol") == listed.market_id]


def read_open_orders(listed: Listed, body: object) -> Page[Order]:
    shown = orders(listed, body)
    return Page(tuple(item for item in shown if not item.status.terminal), more(body, bool(shown)))


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    return next((item for item in orders(listed, body) if item.client_id == own), None)


def more(body: object, any_rows: bool) -> str | None:
    cursor = mapping(body, "result").get("nextPageCursor")
    return str(cursor) if cursor and any_rows else None


def history(listed: Listed, since_ms: int, now_ms: int, page: str | None, **kind: str) -> Call:
    return call(
        "privateGetV5ExecutionList", **scope(listed), **kind, startTime=since_ms, limit=100, **({"cursor": page} if page else {})
    )  # fmt: skip


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    shown = rows(body, "result", "list")
    fills = [
        Fill(
            trade_id=named(item.get("execId"), "the trade id"),
            client_id=str(item.get("orderLinkId") or ""),
            symbol=listed.instrument.symbol,
            side=side(item.get("side")),
            contracts=listed.counts(item.get("execQty"), "the traded amount"),
            price=price(item.get("execPrice"), "the traded price"),
            fee_coins=money(item.get("execFee"), "the fee"),
            maker=truth(item.get("isMaker")),
            at_ms=stamp(item.get("execTime")),
            liquidation=item.get("execType") in {"AdlTrade", "BustTrade"},
        )
        for item in shown
        if item.get("symbol") == listed.market_id and item.get("execType", "Trade") in TRADES
    ]
    return Page(tuple(fills), more(body, bool(shown)))


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    """Bybit books funding as a fee: minus is received, and the currency ccxt names is wrong (it is the coin)."""
    shown = rows(bodies[0], "result", "list")
    return Page(
        tuple(payment(listed, item) for item in shown if item.get("symbol") == listed.market_id and item.get("execType") == "Funding"),
        more(bodies[0], bool(shown)),
    )


def payment(listed: Listed, item: Mapping[str, Any]) -> FundingPayment:
    coins = -money(item.get("execFee"), "the funding")
    mark = price(item.get("execPrice"), "the mark of the settlement")
    told = optional(item.get("feeRate"), "the rate")
    rate = abs(told).copy_sign(coins) if told is not None else rate_of(coins, mark, listed, listed.counts(item.get("execQty")))
    return FundingPayment(
        named(item.get("execId"), "the payment id"), listed.instrument.symbol, rate, mark, coins + ZERO, stamp(item.get("execTime"))
    )


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    key, info, held = bodies
    permissions = mapping(key, "result", "permissions") if key is not None else None
    mode = mapping(info, "result").get("marginMode") if info is not None else None
    positions = rows(held, "result", "list") if held is not None else None
    return Account(
        one_way=None if positions is None else all(str(item.get("positionIdx", 0)) == "0" for item in positions),
        cross=None if mode is None else mode == "REGULAR_MARGIN",
        may_trade=None if permissions is None else str(mapping(key, "result").get("readOnly")) == "0",
        may_withdraw=None if permissions is None else "Withdraw" in (permissions.get("Wallet") or ()),
        may_transfer=None if permissions is None else "AccountTransfer" in (permissions.get("Wallet") or ()),
    )


def read_fees(listed: Listed, bodies: Bodies) -> tuple[Decimal, Decimal]:
    told = row(bodies[0], listed)
    return money(told.get("makerFeeRate"), "the maker fee"), money(told.get("takerFeeRate"), "the taker fee")


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    return call(
        "privatePostV5OrderCreate", **scope(listed), side=wanted.side.value.capitalize(), orderType="Limit",
        qty=listed.amount(wanted.contracts), price=format(wanted.limit_price, "f"), timeInForce="PostOnly" if wanted.post_only else "IOC",
        orderLinkId=client_id(wanted.client_id), reduceOnly=wanted.reduce_only, positionIdx=0,
    )  # fmt: skip


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    """Only ids come back: the order was taken, and a post-only one may be cancelled already."""
    result = mapping(body, "result")
    if result.get("orderLinkId") not in {None, "", wanted.client_id}:
        raise Malformed("the answer is about another order")
    return Placed(named(result.get("orderId"), "the order id"))


def read_cancelled(body: object) -> str:
    named(mapping(body, "result").get("orderId"), "the order id")
    return ""


def transfer_id(wanted: Transfer) -> str:
    """Bybit takes a UUID: one that follows from our id."""
    return str(uuid5(NAMESPACE_OID, wanted.transfer_id))


def read_spot(asset: str, body: object) -> Decimal:
    """Of the funding wallet; a coin without a row is not held. What is bonus or locked cannot be moved."""
    held = [item for item in rows(body, "result", "balance") if item.get("coin") == asset]
    return money(held[0].get("transferBalance"), "the funding wallet") if held else ZERO


def read_asked(wanted: Transfer, body: object) -> TransferStatus:
    result = mapping(body, "result")
    if result.get("transferId") != transfer_id(wanted):
        raise Malformed("the answer is about another transfer")
    return TRANSFERRED.get(str(result.get("status", "SUCCESS")), TransferStatus.UNKNOWN)


def read_transferred(wanted: Transfer, body: object) -> TransferStatus:
    made = [item for item in rows(body, "result", "list") if item.get("transferId") == transfer_id(wanted)]
    return TRANSFERRED.get(str(made[0].get("status")), TransferStatus.UNKNOWN) if made else TransferStatus.ABSENT


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    code = body.get("retCode", body.get("ret_code")) if isinstance(body, Mapping) else None
    return (*((str(code),) if code is not None else ()), *status_code(status))


BYBIT: Final = Venue(
    name="bybit",
    title="Bybit",
    price_stream="watch_ticker",
    order_stream="watch_orders",
    ccxt_id="bybit",
    tested=True,
    hedges="inverse perpetuals in USD steps, margined in the coin inside the unified account; linear USDT contracts too",
    places={
        "testnet": Place("sandbox", frozenset({"api-testnet.bybit.com"}), stream_hosts=frozenset({"stream-testnet.bybit.com"})),
        "demo": Place("demo", frozenset({"api-demo.bybit.com"}), stream_hosts=frozenset({"stream.bybit.com", "stream-demo.bybit.com"})),
        "production": Place("none", frozenset({"api.bybit.com"}), stream_hosts=frozenset({"stream.bybit.com"})),
    },
    writes={
        ("POST", "v5/order/create"): Errand.PLACE,
        ("POST", "v5/order/cancel"): Errand.CANCEL,
        ("POST", "v5/position/set-leverage"): Errand.SETTING,
        ("POST", "v5/asset/transfer/inter-transfer"): Errand.TRANSFER,
    },
    lists_spot=True,
    options=lambda linear: {"fetchMarkets": {"types": ["inverse", "linear"] if linear else ["inverse"]}},
    allowance=Allowance(burst=200, per_second=40),
    absence_ms=60_000,
    absence_polls=3,
    funding="every 8 hours; booked as a fee in the execution list, where minus means received; a positive rate pays a short",
    dead_man="none over REST (only over the websocket)",
    leverage_note="set-leverage takes buy and sell alike; asking for what is set already answers 110043 and is no error",
    transfer_right=(
        "AccountTransfer, a right of its own beside Withdraw: from the Funding wallet into the unified account, with a transferId"
    ),
    notes=Notes(
        contract=(
            "`X/USD:X` of category inverse, or `X/USDT:USDT` of category linear: perpetual, traded now, settled in its own coin or in"
            " USDT"
        ),
        amount=(
            "USD on an inverse contract, coins on a linear one, in steps of the lot; the contract size that ccxt shows repeats the "
            "minimum and is not used"
        ),
        position=(
            "one row for the symbol, asked with category and symbol; the size is unsigned, the side is Buy or Sell; a positionIdx "
            "other than 0 is hedge mode and refused"
        ),
        equity="`equity` of the coin in the unified account; ccxt's total leaves the unrealised profit out",
        client_id="orderLinkId, up to 36 characters; the venue refuses a second order with the same one",
        look_up=(
            "open and recent orders by orderLinkId, then the order history by it; `clientOrderId` would be ignored and another order "
            "returned"
        ),
        post_only="timeInForce PostOnly; the order is taken and cancelled at once where it would take, which reads as rejected",
        reduce_only="reduceOnly true; immediate-or-cancel is timeInForce IOC",
        environments=(
            "testnet and demo have hosts of their own, proven before the first request; demo keys are made on the live site and fit "
            "nowhere else"
        ),
        fees="the account's rates, asked when connecting",
    ),
    codes=Codes(
        read=read_codes,
        exists=frozenset({"110072"}),
        refused={
            "110004": "margin", "110006": "margin", "110007": "margin", "110012": "margin", "110044": "margin", "110045": "margin",
            "110052": "margin", "110017": "reduce-only", "110003": "price-limit", "10002": "clock", "10003": "auth", "10004": "auth",
            "10005": "auth", "10010": "auth", "10006": "rate-limit", "10018": "rate-limit", "http:429": "rate-limit",
            "110013": "leverage", "110016": "limit", "110020": "limit", "110021": "limit", "110094": "contracts",
        },
        gone=frozenset({"110001", "110008", "110010"}),
        unchanged=frozenset({"110043"}),
        absent=frozenset({"110001"}),
        troubles={
            "10003": "key", "33004": "key", "10004": "secret", "10005": "rights", "10010": "address", "10002": "clock", "10006": "rate",
            "10018": "rate", "10000": "down", "10016": "down",
        },
    ),
    contract=contract,
    client_id=client_id,
    time=call("publicGetV5MarketTime"),
    read_time=lambda body: stamp(mapping(body).get("time")),
    quote=lambda listed: (call("publicGetV5MarketTickers", **scope(listed)),),
    read_quote=read_quote,
    depth=lambda listed, most: call("publicGetV5MarketOrderbook", **scope(listed), limit=most),
    read_depth=read_depth,
    position=lambda listed: (call("privateGetV5PositionList", **scope(listed), limit=200),),
    read_position=read_position,
    margin=lambda listed: (call("privateGetV5AccountWalletBalance", accountType="UNIFIED"),),
    read_margin=read_margin,
    open_orders=lambda listed, page: call("privateGetV5OrderRealtime", **scope(listed), limit=50, **({"cursor": page} if page else {})),
    read_open_orders=read_open_orders,
    find=lambda listed, own: (  # `clientOrderId` would be ignored, and another order returned
        call("privateGetV5OrderRealtime", **scope(listed), orderLinkId=own),
        call("privateGetV5OrderHistory", **scope(listed), orderLinkId=own),
    ),
    read_found=read_found,
    fills=history,
    read_fills=read_fills,
    payments=lambda listed, since_ms, now_ms, page: (history(listed, since_ms, now_ms, page, execType="Funding"),),
    read_payments=read_payments,
    account=lambda listed: (
        call("privateGetV5UserQueryApi"),
        call("privateGetV5AccountInfo"),
        call("privateGetV5PositionList", **scope(listed), limit=200),
    ),
    read_account=read_account,
    fees=lambda listed: (call("privateGetV5AccountFeeRate", **scope(listed)),),
    read_fees=read_fees,
    place=place,
    read_placed=read_placed,
    cancel=lambda listed, own, venue_id: call("privatePostV5OrderCancel", **scope(listed), orderLinkId=own),
    read_cancelled=read_cancelled,
    leverage=lambda listed, times: call(
        "privatePostV5PositionSetLeverage", **scope(listed), buyLeverage=str(times), sellLeverage=str(times)
    ),
    span_ms=SPAN_MS,
    reach_ms=REACH_MS,
    transfers=Transfers(
        spot=lambda asset: call("privateGetV5AssetTransferQueryAccountCoinsBalance", 20, accountType="FUND", coin=asset),
        read_spot=read_spot,
        ask=lambda wanted: call(
            "privatePostV5AssetTransferInterTransfer", 40, transferId=transfer_id(wanted), coin=wanted.asset,
            amount=format(abs(wanted.coins), "f"), fromAccountType="FUND" if wanted.coins > 0 else "UNIFIED",
            toAccountType="UNIFIED" if wanted.coins > 0 else "FUND",
        ),
        read_asked=read_asked,
        find=lambda wanted: call("privateGetV5AssetTransferQueryInterTransferList", 40, transferId=transfer_id(wanted)),
        read_found=read_transferred,
        refused={
            "10005": "the key may not transfer (AccountTransfer)", "10003": "the key is not valid", "10004": "the signature is wrong",
            "10010": "this address is not allowed", "10002": "the clocks disagree", "10006": "too many requests",
            "131210": "the amount has too many digits", "131212": "the balance does not suffice", "131215": "the amount is wrong",
            "131208": "transfers are forbidden", "131217": "its risk check says no", "131231": "no transfers into this account",
            "131232": "no transfers out of this account",
        },
        exists=frozenset({"131214"}),
    ),
)  # fmt: skip
