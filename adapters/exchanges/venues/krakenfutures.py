"""How is Kraken Futures different? A margin account per contract, hourly funding in coins per contract, refusals inside of successes.

Sources: docs.kraken.com (futures: sendorder, cancelorder, openorders, orders/status, fills, accounts, openpositions, account-log,
rate limits).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
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
from adapters.exchanges.venues.sheet import Account, Bodies, Call, Notes, Page, Placed, Venue, call, full_hour, status_code
from adapters.request_budget import Allowance, Errand
from bot.core import contracts
from bot.core.decision import Approved
from bot.core.inverse import relative_funding_rate
from bot.core.model import ZERO, Depth, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote

PAGE: Final = 100  # fills of one answer
RATE_STEP: Final = Decimal("0.000000000001")
HISTORY: Final = 500  # events of one answer
TAKEN: Final = frozenset({"placed", "filled", "partiallyFilled"})
STATUS: Final = {
    "ENTERED_BOOK": OrderStatus.OPEN,
    "FULLY_EXECUTED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "untouched": OrderStatus.OPEN,
    "partiallyFilled": OrderStatus.PARTIAL,
    "filled": OrderStatus.FILLED,
}
EVENTS: Final = {  # of the order history, and where the order stands in them
    "OrderCancelled": ("order", OrderStatus.CANCELLED),
    "OrderRejected": ("order", OrderStatus.REJECTED),
    "OrderUpdated": ("newOrder", OrderStatus.OPEN),
    "OrderPlaced": ("order", OrderStatus.OPEN),
}
REASONS: Final = {  # of an event inside of an answer
    "POST_WOULD_EXECUTE": "postWouldExecute",
    "IOC_WOULD_NOT_EXECUTE": "iocWouldNotExecute",
    "WOULD_NOT_REDUCE_POSITION": "wouldNotReducePosition",
}


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is USD. Its linear contracts are settled in USD out of a basket of collateral, which this bot does not hedge with."""
    if fit(market) is not Kind.INVERSE:
        raise Misfit(f"{market.get('symbol')} is not margined in coins")
    info = mapping(market, "info")
    step = Decimal(1).scaleb(-int(money(info.get("contractValueTradePrecision", 0), "the precision")))
    listed = instrument(
        market, step=step, size=info.get("contractSize"), maker=Decimal("0.0002"), taker=Decimal("0.0005"), maintenance=Decimal("0.01"),
        hours=1,
    )  # fmt: skip
    return Listed(listed, named(market.get("id"), "the market id"), normal(step), str(info.get("feeScheduleUid") or ""))


def client_id(own: str) -> str:
    if not 0 < len(own) <= 100:
        raise ValueError("a cliOrdId has 1 to 100 characters")
    return own


def coin(listed: Listed) -> str:
    """Kraken's name of the coin: xbt of PI_XBTUSD."""
    return listed.market_id.split("_")[1][:-3].lower()


def same(name: object, listed: Listed) -> bool:
    return str(name).upper() == listed.market_id.upper()


def relative(absolute: Decimal, mark: Decimal) -> Decimal:
    """The rate as a share, without the noise of a division that the venue did in binary."""
    return normal(relative_funding_rate(absolute, mark).quantize(RATE_STEP))


def served_at(body: object) -> int:
    return moment(mapping(body).get("serverTime"))


# ------------------------------------------------------------------------------------------------------------------ reading


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    ticker = one((item for item in rows(bodies[0], "tickers") if same(item.get("symbol"), listed)), listed.market_id)
    mark = price(ticker.get("markPrice"), "the mark")
    absolute = optional(ticker.get("fundingRate"), "the funding rate")  # coins for a contract of 1 USD and an hour
    return Quote(
        symbol=listed.instrument.symbol,
        mark=mark,
        index=optional(ticker.get("indexPrice"), "the index"),
        bid=price(ticker.get("bid"), "the bid"),
        ask=price(ticker.get("ask"), "the ask"),
        funding_rate=None if absolute is None else relative(absolute, mark),
        at_ms=served_at(bodies[0]),
    )


def read_depth(listed: Listed, body: object, most: int, asked_ms: int) -> Depth:
    """The whole book comes, and the answer names no contract."""
    book = mapping(body, "orderBook")
    return depth(listed, book.get("bids"), book.get("asks"), most, served_at(body))


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    """Flat contracts have no row; an answer without the list of rows says nothing."""
    held = [item for item in rows(bodies[0], "openPositions") if same(item.get("symbol"), listed)]
    if len(held) > 1:
        raise Malformed(f"{listed.market_id} has {len(held)} positions")
    if held and held[0].get("maxFixedLeverage") is not None:
        raise Malformed("the position is on isolated margin")
    size = 0
    if held:
        if held[0].get("side") not in {"long", "short"}:
            raise Malformed(f"the position has side {held[0].get('side')!r}")
        size = signed(listed.counts(held[0].get("size"), "the position"), held[0].get("side"))
    return Position(
        symbol=listed.instrument.symbol,
        contracts=size,
        entry_price=entry(held[0].get("price"), size) if held else None,
        leverage_setting=None,  # setting one would change the margin mode
        at_ms=served_at(bodies[0]),
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    """Each inverse contract has an account of its own: fi_xbtusd. `pv` is its value with unrealised profit."""
    accounts = mapping(bodies[0], "accounts")
    name = f"fi_{coin(listed)}usd"
    wallet = equity = ZERO
    if name in accounts:  # the list names every account there is
        wallet = money(mapping(accounts, name, "balances").get(coin(listed)), "the wallet")
        equity = money(mapping(accounts, name, "auxiliary").get("pv"), "the equity")
    return Margin(listed.instrument.settle, wallet, equity, served_at(bodies[0]))


def made(
    listed: Listed, venue_id: object, own: object, way: object, size: int, filled: int, limit: object, status: OrderStatus, at_ms: int,
    *, reduce_only: object, post_only: bool, why: str = "",
) -> Order:  # fmt: skip
    if status is OrderStatus.OPEN and filled:
        status = OrderStatus.FILLED if filled >= size else OrderStatus.PARTIAL
    return Order(
        client_id=str(own or ""), venue_id=named(venue_id, "the order id"), symbol=listed.instrument.symbol, side=side(way), contracts=size,
        filled=filled, limit_price=optional(limit, "the limit") or ZERO, status=status, reduce_only=truth(reduce_only), post_only=post_only,
        at_ms=at_ms, why=why,
    )  # fmt: skip


def status_of(word: object) -> OrderStatus:
    if str(word) not in STATUS:
        raise Malformed(f"an order is {word!r}")
    return STATUS[str(word)]


def open_order(listed: Listed, shown: Mapping[str, Any]) -> Order:
    filled = listed.counts(shown.get("filledSize") or "0", "the filled amount")
    return made(
        listed, shown.get("order_id"), shown.get("cliOrdId"), shown.get("side"), filled + listed.counts(shown.get("unfilledSize")), filled,
        shown.get("limitPrice"), status_of(shown.get("status")), moment(shown.get("receivedTime")), reduce_only=shown.get("reduceOnly"),
        post_only=shown.get("orderType") == "post",
    )  # fmt: skip


def looked_up(listed: Listed, shown: Mapping[str, Any]) -> Order:
    told = mapping(shown, "order")
    if not same(told.get("symbol"), listed):
        raise Malformed("the answer is about an order of another contract")
    return made(
        listed, told.get("orderId"), told.get("cliOrdId"), told.get("side"), listed.counts(told.get("quantity")),
        listed.counts(told.get("filled") or "0", "the filled amount"), told.get("limitPrice"), status_of(shown.get("status")),
        moment(told.get("timestamp")), reduce_only=told.get("reduceOnly"), post_only=told.get("type") == "post",
    )  # fmt: skip


def remembered(listed: Listed, own: str, elements: list[Mapping[str, Any]]) -> Order | None:
    """The order as the newest of its events leaves it; the look-up by id forgets an ended order within seconds."""
    for element in elements:
        for name, event in mapping(element, "event").items():
            if name not in EVENTS or not isinstance(event, Mapping):
                continue
            where, status = EVENTS[name]
            told = event.get(where)
            if isinstance(told, Mapping) and told.get("clientId") == own and same(told.get("tradeable"), listed):
                return made(
                    listed, told.get("uid"), own, told.get("direction"), listed.counts(told.get("quantity")),
                    listed.counts(told.get("filled") or "0", "the filled amount"), told.get("limitPrice"), status,
                    stamp(told.get("timestamp")), reduce_only=told.get("reduceOnly"), post_only=told.get("orderType") == "Post",
                )  # fmt: skip
    return None


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    if "elements" in mapping(body):
        return remembered(listed, own, rows(body, "elements"))
    shown = (item for item in rows(body, "orders") if isinstance(item.get("order"), Mapping))
    return next((looked_up(listed, item) for item in shown if item["order"].get("cliOrdId") == own), None)


def older(asked: Call, body: object) -> Call | None:
    """The next page of ended orders; the order status, asked first, has one page only."""
    token = mapping(body).get("continuationToken")
    return Call(asked.method, tuple((asked.as_dict | {"continuation_token": token}).items()), asked.weight) if token else None


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    """The account's, newest first. No fee is told: it is worked out from the rate. Since 2026-06-22 another one may be charged."""
    shown = rows(body, "fills")
    found = []
    for item in shown:
        if not same(item.get("symbol"), listed):
            continue
        size, at = listed.counts(item.get("size"), "the traded amount"), price(item.get("price"), "the traded price")
        maker = item.get("fillType") == "maker"
        rate = listed.instrument.maker_fee_rate if maker else listed.instrument.taker_fee_rate
        found.append(
            Fill(
                trade_id=named(item.get("fill_id"), "the trade id"),
                client_id=str(item.get("cliOrdId") or ""),
                symbol=listed.instrument.symbol,
                side=side(item.get("side")),
                contracts=size,
                price=at,
                fee_coins=contracts.fee(listed.instrument, size, at, rate),
                maker=maker,
                at_ms=moment(item.get("fillTime")),
                liquidation=item.get("fillType") in {"liquidation", "assignor", "assignee", "unwindBankrupt", "unwindCounterparty"},
                fee_told=False,
            )
        )
    if len(shown) < PAGE:
        return Page(tuple(found))
    return Page(tuple(found), older_fills(shown), moment(shown[-1].get("fillTime")))


def older_fills(shown: list[Mapping[str, Any]]) -> str:
    """What the next page has to lie before. One order trades with many in one millisecond: those that were not shown yet are asked for
    with those that were."""
    newest, oldest = moment(shown[0].get("fillTime")), moment(shown[-1].get("fillTime"))
    if newest == oldest:
        raise Malformed(f"{len(shown)} trades or more in one millisecond, and the rest is not shown")
    return datetime.fromtimestamp((oldest + 1) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    """Plus is received; the rate is an amount of coin for a contract of 1 USD. Oldest first, so the next page begins where this ends."""
    found, shown = [], rows(bodies[0], "logs")
    for item in shown:
        coins = optional(item.get("realized_funding"), "the funding")
        if item.get("info") != "funding rate change" or not same(item.get("contract"), listed) or coins is None:
            continue
        mark = optional(item.get("mark_price"), "the mark of the settlement") or ZERO
        absolute = optional(item.get("funding_rate"), "the rate") or ZERO
        found.append(
            FundingPayment(
                payment_id=named(item.get("id"), "the payment id"),
                symbol=listed.instrument.symbol,
                rate=relative(absolute, mark),
                mark=mark,
                coins=coins,
                at_ms=moment(item.get("date")),
            )
        )
    return Page(tuple(found), str(moment(shown[-1].get("date"))) if len(shown) >= HISTORY else None)


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    """Positions are always net. A contract with a leverage preference is on isolated margin. What a key may do is not told."""
    isolated = None
    if bodies[0] is not None:
        isolated = any(same(item.get("symbol"), listed) for item in rows(bodies[0], "leveragePreferences"))
    return Account(one_way=True, cross=None if isolated is None else not isolated)


def read_fees(listed: Listed, bodies: Bodies) -> tuple[Decimal, Decimal]:
    """In percent, by the volume of the last 30 days."""
    schedule = one((item for item in rows(bodies[0], "feeSchedules") if item.get("uid") == listed.tier), "the fee schedule")
    volume = money(mapping(bodies[1], "volumesByFeeSchedule").get(listed.tier, 0), "the volume")
    reached = [tier for tier in rows(schedule, "tiers") if money(tier.get("usdVolume"), "a volume") <= volume]
    tier = max(reached, key=lambda each: money(each.get("usdVolume")))
    return normal(money(tier.get("makerFee"), "the maker fee") / 100), normal(money(tier.get("takerFee"), "the taker fee") / 100)


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    return call(
        "privatePostSendorder", 10, symbol=listed.market_id, side=wanted.side.value, size=listed.amount(wanted.contracts),
        cliOrdId=client_id(wanted.client_id), orderType="post" if wanted.post_only else "ioc", limitPrice=format(wanted.limit_price, "f"),
        **({"reduceOnly": "true"} if wanted.reduce_only else {}),
    )  # fmt: skip


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    """Refusals arrive as successes, with the reason in `status` or in an event. An IOC order that met nobody was never made."""
    told = mapping(body, "sendStatus")
    status = named(told.get("status"), "the status of the order")
    events = rows(told, "orderEvents") if "orderEvents" in told else []
    reasons = [REASONS[str(event.get("reason"))] for event in events if str(event.get("reason")) in REASONS]
    code = reasons[0] if reasons else status
    if code == "iocWouldNotExecute":
        return Placed(
            shown=Order(
                wanted.client_id, str(told.get("order_id") or ""), wanted.symbol, wanted.side, wanted.contracts, 0, wanted.limit_price,
                OrderStatus.EXPIRED, wanted.reduce_only, wanted.post_only, moment(told.get("receivedTime")), "nobody took it",
            )
        )  # fmt: skip
    if code not in TAKEN:
        return Placed(code=code)
    return Placed(named(told.get("order_id"), "the order id"))


def read_cancelled(body: object) -> str:
    status = named(mapping(body, "cancelStatus").get("status"), "the status of the cancel")
    return "" if status == "cancelled" else status


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    if not isinstance(body, Mapping):
        return status_code(status)
    errors = body.get("errors")
    first = errors[0].get("message") if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else None
    code = body.get("error") or first
    return (*((str(code),) if code else ()), *status_code(status))


KRAKENFUTURES: Final = Venue(
    name="krakenfutures",
    title="Kraken Futures",
    price_stream="watch_ticker",
    ccxt_id="krakenfutures",
    tested=True,
    hedges="inverse perpetuals (PI_) in steps of 1 USD, each with a margin account of its own in the coin",
    places={
        "demo": Place("sandbox", frozenset({"demo-futures.kraken.com"}), stream_hosts=frozenset({"demo-futures.kraken.com"})),
        "production": Place("none", frozenset({"futures.kraken.com"}), stream_hosts=frozenset({"futures.kraken.com"})),
    },
    writes={
        ("POST", "sendorder"): Errand.PLACE,
        ("POST", "cancelorder"): Errand.CANCEL,
        ("POST", "cancelallordersafter"): Errand.SETTING,
    },
    options=lambda linear: {},
    allowance=Allowance(burst=500, per_second=50),  # points
    absence_ms=120_000,  # a request has no receive window here
    absence_polls=3,
    funding="every hour; told in coins for a contract of 1 USD, so the rate is that times the mark; a positive one pays a short",
    dead_man="cancelallordersafter, for every order of the account",
    leverage_note="a leverage setting would change the contract to isolated margin: it is left alone",
    transfer_right=(
        "none but the one that withdraws to the spot wallet too: the bot does not ask for it"
    ),
    notes=Notes(
        contract="`PI_` contracts (`X/USD:X`): perpetual, traded now, settled in their own coin; the multi-collateral ones do not fit",
        amount="USD, whole",
        position="unsigned USD with side long or short; a contract that is not among the open positions is flat",
        equity="`pv` of the cash account of that contract (fi_xbtusd), not of the multi-collateral wallet",
        client_id="cliOrdId, unique for ever",
        look_up="the order status by cliOrdId",
        post_only="orderType post; an order that would take is refused, and that arrives as a success with the reason in its status",
        reduce_only="reduceOnly true; immediate-or-cancel is orderType ioc, in lower case",
        environments="demo has a host and accounts of its own",
        fees="fills tell none; worked out from the schedule of the contract and the account's volume (the demo has none: its lowest tier). "
        "Since 2026-06-22 Kraken may charge otherwise, so up to 10 bp of what traded within the last minute is no transfer",
    ),
    codes=Codes(
        read=read_codes,
        exists=frozenset({"clientOrderIdAlreadyExist"}),
        refused={
            "insufficientAvailableFunds": "margin", "postWouldExecute": "post-only", "wouldNotReducePosition": "reduce-only",
            "invalidSize": "contracts", "invalidPrice": "precision", "invalidOrderType": "precision", "invalidSide": "precision",
            "outsidePriceCollar": "price-limit", "maxPositionViolation": "limit", "tooManySmallOrders": "limit",
            "marketSuspended": "symbol",
            "marketInactive": "symbol", "contractNotFound": "symbol", "selfFill": "self-trade", "authenticationError": "auth",
            "apiLimitExceeded": "rate-limit", "http:429": "rate-limit",
        },
        gone=frozenset({"notFound", "filled"}),
        troubles={"authenticationError": "key", "apiLimitExceeded": "rate", "Unavailable": "down", "Server Error": "down"},
    ),
    contract=contract,
    client_id=client_id,
    time=call("publicGetTickers"),
    read_time=served_at,
    quote=lambda listed: (call("publicGetTickers"),),
    read_quote=read_quote,
    depth=lambda listed, most: call("publicGetOrderbook", symbol=listed.market_id),
    read_depth=read_depth,
    position=lambda listed: (call("privateGetOpenpositions", 2),),
    read_position=read_position,
    margin=lambda listed: (call("privateGetAccounts", 2),),
    read_margin=read_margin,
    open_orders=lambda listed, page: call("privateGetOpenorders", 2),
    read_open_orders=lambda listed, body: Page(
        tuple(open_order(listed, item) for item in rows(body, "openOrders") if same(item.get("symbol"), listed))
    ),
    find=lambda listed, own: (
        call("privateGetOrdersStatus", 2, orderIds=("",), cliOrdIds=(own,)),
        call("historyGetOrders", count=HISTORY, sort="desc", tradeable=listed.market_id),
    ),
    read_found=read_found,
    find_more=older,
    dates_trades=True,
    payments_are_dear=True,  # histories draw on a pool of 100 points, filled again in ten minutes; a page of the account log takes 3
    fills=lambda listed, since_ms, now_ms, page: call("privateGetFills", 25 if page else 2, **({"lastFillTime": page} if page else {})),
    read_fills=read_fills,
    payments=lambda listed, since_ms, now_ms, page: (
        call("historyGetAccountLog", info="funding rate change", since=int(page or full_hour(since_ms)), sort="asc", count=HISTORY),
    ),
    read_payments=read_payments,
    account=lambda listed: (call("privateGetLeveragepreferences", 2),),
    read_account=read_account,
    fees=lambda listed: (call("publicGetFeeschedules"), call("privateGetFeeschedulesVolumes")),
    read_fees=read_fees,
    place=place,
    read_placed=read_placed,
    cancel=lambda listed, own, venue_id: call("privatePostCancelorder", 10, cliOrdId=own),
    read_cancelled=read_cancelled,
    countdown=lambda listed, timeout_ms: call("privatePostCancelallordersafter", timeout=timeout_ms // 1000),
    countdown_reaches=call("privateGetOpenorders"),
    read_reached=lambda body: tuple(str(order.get("cliOrdId") or "") for order in rows(body, "openOrders")),
    leverage=lambda listed, times: None,
)  # fmt: skip
