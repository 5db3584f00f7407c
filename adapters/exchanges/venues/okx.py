"""How is OKX different? Contracts of 100 USD that trade in fractions, client ids without a hyphen, and a header for paper money.

Sources: www.okx.com/docs-v5 (trade/order, trade/fills-history, account/positions, account/balance, account/bills-archive,
account/config, error codes).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

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
from adapters.exchanges.outcomes import WORDS, Codes
from adapters.exchanges.venues.sheet import (
    HOUR_MS,
    Account,
    Bodies,
    Call,
    Notes,
    Page,
    Placed,
    Transfers,
    Venue,
    call,
    full_hour,
    status_code,
)
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved, Transfer
from bot.core.model import ZERO, Depth, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote, TransferStatus

TRANSFERRED: Final = {"success": TransferStatus.DONE, "failed": TransferStatus.REFUSED}
FUNDING, TRADING = "6", "18"  # accounts
EIGHT_HOURS_MS: Final = 8 * HOUR_MS
STATUS: Final = {
    "live": OrderStatus.OPEN,
    "partially_filled": OrderStatus.PARTIAL,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "mmp_canceled": OrderStatus.CANCELLED,
}
WOULD_TAKE: Final = "31"  # cancelSource of a post-only order that would have taken
ASKED_FOR: Final = frozenset({"", "0", "1"})  # nobody's, or the user's own cancel
PAGE: Final = 100  # the most rows of a history
FORCED: Final = frozenset(map(str, (*range(100, 108), *range(125, 129))))  # subType of bills and trades: (partial) liquidation, ADL
HEADER: Final = ("x-simulated-trading", "1")


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is contracts of ctVal USD each (coins on linear ones), in steps of lotSz, which may be a tenth."""
    fit(market)
    info = mapping(market, "info")
    return Listed(
        instrument(
            market, step=info.get("lotSz"), size=price(info.get("ctVal")) * price(info.get("ctMult") or "1"), least=info.get("minSz"),
            maker=Decimal("0.0002"), taker=Decimal("0.0005"), maintenance=Decimal("0.004") if market["base"] == "BTC" else Decimal("0.01"),
            hours=8,
        ),
        named(market.get("id"), "the market id"),
        normal(money(info.get("lotSz"), "the lot")),
    )  # fmt: skip


def client_id(own: str) -> str:
    if not 0 < len(own) <= 32 or not (own.isascii() and own.isalnum()):
        raise ValueError("a clOrdId has 1 to 32 letters and digits")
    return own


def scope(listed: Listed) -> dict[str, str]:
    return {"instType": "SWAP", "instId": listed.market_id}


def index_name(listed: Listed) -> str:
    return f"{listed.instrument.asset}-{'USD' if listed.instrument.kind is Kind.INVERSE else 'USDT'}"


def data(body: object) -> list[Mapping[str, Any]]:
    if str(mapping(body).get("code")) != "0":
        raise Malformed("the answer is no success")
    return rows(body, "data")


# ------------------------------------------------------------------------------------------------------------------ reading


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    ticker, mark, index, funding = (one(data(body), "a price") for body in bodies)
    if {ticker.get("instId"), mark.get("instId"), funding.get("instId")} != {listed.market_id}:
        raise Malformed("a price is another contract's")
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(mark.get("markPx"), "the mark"),
        index=optional(index.get("idxPx"), "the index"),
        bid=price(ticker.get("bidPx"), "the bid"),
        ask=price(ticker.get("askPx"), "the ask"),
        funding_rate=rate_for_8_hours(funding),
        at_ms=min(stamp(ticker.get("ts")), stamp(mark.get("ts"))),
    )


def rate_for_8_hours(funding: Mapping[str, Any]) -> Decimal | None:
    """While a rate is at its limit the venue may pay more often than every 8 hours; it tells when it pays this time and the next. None is
    UNKNOWN, also where it cannot be read when: nothing is traded by a rate, and prices do not depend on it."""
    rate = optional(funding.get("fundingRate"), "the funding rate")
    if rate is None or not funding.get("fundingTime") or not funding.get("nextFundingTime"):
        return rate
    try:
        apart_ms = stamp(funding.get("nextFundingTime")) - stamp(funding.get("fundingTime"))
    except Malformed:
        return None
    return rate * EIGHT_HOURS_MS / apart_ms if 0 < apart_ms < EIGHT_HOURS_MS else rate


def read_depth(listed: Listed, body: object, most: int, asked_ms: int) -> Depth:
    """The answer names no contract; a row ends with how many orders it is."""
    book = one(data(body), "the book")
    return depth(listed, book.get("bids"), book.get("asks"), most, stamp(book.get("ts")))


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    """A contract without a row is flat. Rows carry the time of their last change, which says nothing about their age."""
    held = [item for item in data(bodies[0]) if item.get("instId") == listed.market_id and optional(item.get("pos"))]
    if any(item.get("posSide") != "net" for item in held):
        raise Malformed("the account is in hedge mode (long and short positions apart)")
    if any(item.get("mgnMode") != "cross" for item in held):
        raise Malformed("the position is on isolated margin")
    if len(held) > 1:
        raise Malformed(f"{listed.market_id} has {len(held)} positions")
    contracts = signed(listed.counts(held[0].get("pos"), "the position"), "net") if held else 0
    setting = [item for item in data(bodies[1]) if item.get("instId") == listed.market_id]
    return Position(
        symbol=listed.instrument.symbol,
        contracts=contracts,
        entry_price=entry(held[0].get("avgPx"), contracts) if held else None,
        leverage_setting=optional(setting[0].get("lever"), "the leverage") if setting else None,
        at_ms=asked_ms,
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    currency = listed.instrument.settle
    coins = [item for item in rows(one(data(bodies[0]), "the account"), "details") if item.get("ccy") == currency]
    held = one(coins, currency) if coins else {"cashBal": "0", "eq": "0"}  # the list names every coin there is
    return Margin(currency, money(held.get("cashBal"), "the cash"), money(held.get("eq"), "the equity"), asked_ms)


def order(listed: Listed, shown: Mapping[str, Any]) -> Order:
    word = str(shown.get("state"))
    if word not in STATUS:
        raise Malformed(f"an order is {word!r}")
    status, filled = STATUS[word], listed.counts(shown.get("accFillSz") or "0", "the filled amount")
    source = str(shown.get("cancelSource") or "")
    why = "" if source in ASKED_FOR else f"cancelled by the venue ({source})"
    if status is OrderStatus.CANCELLED and source == WOULD_TAKE:
        status, why = (status if filled else OrderStatus.REJECTED), WORDS["post-only"]
    return Order(
        client_id=str(shown.get("clOrdId") or ""),
        venue_id=named(shown.get("ordId"), "the order id"),
        symbol=listed.instrument.symbol,
        side=side(shown.get("side")),
        contracts=listed.counts(shown.get("sz")),
        filled=filled,
        limit_price=optional(shown.get("px"), "the limit") or ZERO,
        status=status,
        reduce_only=truth(shown.get("reduceOnly")),
        post_only=shown.get("ordType") == "post_only",
        at_ms=stamp(shown.get("cTime")),
        why=why,
    )


def orders(listed: Listed, body: object) -> list[Order]:
    return [order(listed, item) for item in data(body) if item.get("instId") == listed.market_id]


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    return next((item for item in orders(listed, body) if item.client_id == own), None)


def older(shown: list[Mapping[str, Any]], name: str) -> str | None:
    """Histories come newest first; a full page asks for what is older than its last row."""
    return named(shown[-1].get(name), name) if len(shown) >= PAGE else None


def fills(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> Call:
    start = {"begin": since_ms} if since_ms > 0 else {}
    return call("privateGetTradeFillsHistory", **scope(listed), **start, **({"after": page} if page else {}))


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    shown = data(body)
    found = [
        Fill(
            trade_id=named(item.get("tradeId"), "the trade id"),
            client_id=str(item.get("clOrdId") or ""),
            symbol=listed.instrument.symbol,
            side=side(item.get("side")),
            contracts=listed.counts(item.get("fillSz"), "the traded amount"),
            price=price(item.get("fillPx"), "the traded price"),
            fee_coins=ZERO - money(item.get("fee"), "the fee"),  # minus is paid
            maker=item.get("execType") == "M",
            at_ms=stamp(item.get("ts")),
            liquidation=str(item.get("subType")) in FORCED,
        )
        for item in shown
        if item.get("instId") == listed.market_id
    ]
    return Page(tuple(found), older(shown, "billId"))


def payments(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> tuple[Call, ...]:
    """Of all swaps in one answer: no more than five are given in two seconds, and every leg asks in every turn."""
    start = {"begin": full_hour(since_ms)} if since_ms > 0 else {}
    return (call("privateGetAccountBillsArchive", type="8", instType="SWAP", **start, **({"after": page} if page else {})),)


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    """Plus is received, in the coin; the rate follows from coins, mark and size."""
    shown = data(bodies[0])
    found = []
    for item in shown:
        if item.get("instId") != listed.market_id or str(item.get("type")) != "8":
            continue
        coins = optional(item.get("balChg"), "the funding") or money(item.get("posBalChg") or "0", "the funding")
        mark, size = optional(item.get("px"), "the mark") or ZERO, listed.counts(item.get("sz") or "0")
        found.append(
            FundingPayment(
                named(item.get("billId"), "the payment id"), listed.instrument.symbol, rate_of(coins, mark, listed, size), mark, coins,
                stamp(item.get("ts")),
            )
        )  # fmt: skip
    return Page(tuple(found), older(shown, "billId"))


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    """The margin mode goes with each order (tdMode cross); a position on isolated margin is refused when it is read."""
    if bodies[0] is None:
        return Account(cross=True)
    config = one(data(bodies[0]), "the account")
    rights = str(config.get("perm") or "")
    return Account(
        one_way=config.get("posMode") == "net_mode",
        cross=str(config.get("acctLv")) != "1",  # level 1 is spot only
        may_trade="trade" in rights if rights else None,
        may_withdraw="withdraw" in rights if rights else None,
        may_transfer="trade" in rights if rights else None,
    )


def read_fees(listed: Listed, bodies: Bodies) -> tuple[Decimal, Decimal]:
    """Minus is paid."""
    told = one(data(bodies[0]), "the fees")
    names = ("maker", "taker") if listed.instrument.kind is Kind.INVERSE else ("makerU", "takerU")
    maker, taker = (money(told.get(name), "a fee") for name in names)
    return ZERO - maker, ZERO - taker


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    return call(
        "privatePostTradeOrder", instId=listed.market_id, tdMode="cross", side=wanted.side.value,
        ordType="post_only" if wanted.post_only else "ioc", sz=listed.amount(wanted.contracts), px=format(wanted.limit_price, "f"),
        clOrdId=client_id(wanted.client_id), **({"reduceOnly": True} if wanted.reduce_only else {}),
    )  # fmt: skip


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    """Only ids come back: the order was taken, and a post-only one may be cancelled already."""
    told = one(rows(body, "data"), "the order")
    code = str(told.get("sCode"))
    if code != "0":
        return Placed(code=code)
    if told.get("clOrdId") != wanted.client_id:
        raise Malformed("the answer is about another order")
    return Placed(named(told.get("ordId"), "the order id"))


def read_cancelled(body: object) -> str:
    code = str(one(rows(body, "data"), "the cancel").get("sCode"))
    return "" if code == "0" else code


def read_spot(asset: str, body: object) -> Decimal:
    """Of the funding account; a coin without a row is not held."""
    held = [item for item in data(body) if item.get("ccy") == asset]
    return money(held[0].get("availBal"), "the funding account") if held else ZERO


def read_asked(wanted: Transfer, body: object) -> TransferStatus:
    """Only that it was taken."""
    if one(data(body), "the transfer").get("clientId") != wanted.transfer_id:
        raise Malformed("the answer is about another transfer")
    return TransferStatus.UNKNOWN


def read_transferred(wanted: Transfer, body: object) -> TransferStatus:
    made = [item for item in data(body) if item.get("clientId") == wanted.transfer_id]
    return TRANSFERRED.get(str(made[0].get("state")), TransferStatus.UNKNOWN) if made else TransferStatus.ABSENT


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    if not isinstance(body, Mapping):
        return status_code(status)
    told = body.get("data")
    inner = [str(item.get("sCode")) for item in told if isinstance(item, Mapping)] if isinstance(told, list) else []
    codes = [code for code in (*inner, str(body.get("code"))) if code not in {"0", "1", "2", "None", ""}]
    return (*codes, *status_code(status))


OKX: Final = Venue(
    name="okx",
    title="OKX",
    price_stream="watch_mark_price",
    ccxt_id="okx",
    tested=True,
    hedges="inverse perpetuals of 100 USD (BTC) and 10 USD (others) in fractions, margined in the coin; linear USDT contracts too",
    places={
        "demo": Place(  # the same host as production: only the header tells
            "sandbox", frozenset({"www.okx.com"}), HEADER, stream_hosts=frozenset({"wspap.okx.com:443"})
        ),
        "production": Place("none", frozenset({"www.okx.com"}), stream_hosts=frozenset({"ws.okx.com:443"})),
    },
    writes={
        ("POST", "trade/order"): Errand.PLACE,
        ("POST", "trade/cancel-order"): Errand.CANCEL,
        ("POST", "account/set-leverage"): Errand.SETTING,
        ("POST", "trade/cancel-all-after"): Errand.SETTING,
        ("POST", "asset/transfer"): Errand.TRANSFER,
    },
    lists_spot=True,
    options=lambda linear: {"fetchMarkets": {"types": ["swap"]}, "brokerId": ""},
    allowance=Allowance(burst=100, per_second=30),
    absence_ms=60_000,
    absence_polls=3,
    funding="every 8 hours, at times more often (the rate is told for 8); plus means received, in the coin; a positive rate pays a short",
    dead_man="cancel-all-after, for every order of the account",
    leverage_note="set-leverage for cross margin; asking for what is set already is no error",
    transfer_right=(
        "the trade right: between the funding and the trading account, with a clientId; no right to withdraw is needed"
    ),
    notes=Notes(
        contract="`X/USD:X` or `X/USDT:USDT` swaps: perpetual, traded now, settled in their own coin or in USDT",
        amount=(
            "contracts of ctVal (100 USD on BTC, 10 USD on others, coins on linear ones) in steps of the lot, which may be a tenth of"
            " a contract"
        ),
        position=(
            "signed contracts of the row with posSide net; long or short there is hedge mode, mgnMode other than cross is isolated, "
            "and both are refused; no row is flat"
        ),
        equity="`eq` of the coin in the account's details; the cash beside it is without unrealised profit",
        client_id="clOrdId, letters and digits, up to 32; the venue refuses a second order with the same one",
        look_up="the order by clOrdId",
        post_only="ordType post_only; the order is taken and cancelled (source 31) where it would take, which reads as rejected",
        reduce_only="reduceOnly true; immediate-or-cancel is ordType ioc",
        environments="demo has the host of production: the header x-simulated-trading: 1 is proven on every request",
        fees="the account's rates, asked when connecting; minus is paid there",
    ),
    codes=Codes(
        read=read_codes,
        exists=frozenset({"51016"}),
        refused={
            "51008": "margin", "51121": "precision", "51006": "price-limit", "51169": "reduce-only", "51205": "reduce-only",
            "50101": "auth", "50105": "auth", "50111": "auth", "50113": "auth", "50120": "auth", "50102": "clock", "50011": "rate-limit",
            "http:429": "rate-limit", "51020": "contracts", "51001": "symbol", "51022": "symbol", "59102": "leverage", "59108": "margin",
        },
        gone=frozenset({"51400", "51401", "51402", "51410", "51603"}),
        absent=frozenset({"51603", "51001"}),
        troubles={
            "50101": "environment", "50105": "passphrase", "50111": "key", "50119": "key", "50113": "secret", "50120": "rights",
            "50110": "address", "50102": "clock", "50112": "clock", "50011": "rate", "50001": "down", "50013": "down", "50026": "down",
        },
    ),
    contract=contract,
    client_id=client_id,
    time=call("publicGetPublicTime"),
    read_time=lambda body: stamp(one(data(body), "the time").get("ts")),
    quote=lambda listed: (
        call("publicGetMarketTicker", instId=listed.market_id),
        call("publicGetPublicMarkPrice", instId=listed.market_id, instType="SWAP"),
        call("publicGetMarketIndexTickers", instId=index_name(listed)),
        call("publicGetPublicFundingRate", instId=listed.market_id),
    ),
    read_quote=read_quote,
    depth=lambda listed, most: call("publicGetMarketBooks", instId=listed.market_id, sz=most),
    read_depth=read_depth,
    position=lambda listed: (
        call("privateGetAccountPositions", **scope(listed)),
        call("privateGetAccountLeverageInfo", instId=listed.market_id, mgnMode="cross"),
    ),
    read_position=read_position,
    margin=lambda listed: (call("privateGetAccountBalance"),),
    read_margin=read_margin,
    open_orders=lambda listed, page: call("privateGetTradeOrdersPending", **scope(listed), **({"after": page} if page else {})),
    read_open_orders=lambda listed, body: Page(tuple(orders(listed, body)), older(data(body), "ordId")),
    find=lambda listed, own: (call("privateGetTradeOrder", instId=listed.market_id, clOrdId=own),),
    read_found=read_found,
    fills=fills,
    read_fills=read_fills,
    payments=payments,
    read_payments=read_payments,
    account=lambda listed: (call("privateGetAccountConfig"),),
    read_account=read_account,
    fees=lambda listed: (call("privateGetAccountTradeFee", instType="SWAP", instFamily=index_name(listed)),),
    read_fees=read_fees,
    place=place,
    read_placed=read_placed,
    cancel=lambda listed, own, venue_id: call("privatePostTradeCancelOrder", instId=listed.market_id, clOrdId=own),
    read_cancelled=read_cancelled,
    countdown=lambda listed, timeout_ms: call("privatePostTradeCancelAllAfter", timeOut=str(timeout_ms // 1000)),
    countdown_reaches=call("privateGetTradeOrdersPending"),
    read_reached=lambda body: tuple(str(order.get("clOrdId") or "") for order in data(body)),
    leverage=lambda listed, times: call("privatePostAccountSetLeverage", lever=str(times), mgnMode="cross", instId=listed.market_id),
    needs_passphrase=True,
    transfers=Transfers(
        spot=lambda asset: call("privateGetAssetBalances", 5, ccy=asset),
        read_spot=read_spot,
        ask=lambda wanted: call(
            "privatePostAssetTransfer", 15, ccy=wanted.asset, amt=format(abs(wanted.coins), "f"), type="0", clientId=wanted.transfer_id,
            **{"from": FUNDING if wanted.coins > 0 else TRADING, "to": TRADING if wanted.coins > 0 else FUNDING},
        ),
        read_asked=read_asked,
        find=lambda wanted: call("privateGetAssetTransferState", 3, clientId=wanted.transfer_id, type="0"),
        read_found=read_transferred,
        refused={
            "50120": "the key may not transfer", "50101": "the key is of another environment", "50105": "the passphrase is wrong",
            "50111": "the key is not valid", "50113": "the signature is wrong", "50110": "this address is not allowed",
            "50102": "the clocks disagree", "50011": "too many requests", "58101": "transfers are suspended", "58102": "too many transfers",
            "58110": "transfers are suspended", "58111": "funding is being settled", "58114": "the amount is wrong",
            "58116": "it is more than may be moved", "58125": "the coin cannot be moved", "58126": "the coin cannot be moved",
            "58350": "the balance does not suffice",
        },
    ),
)  # fmt: skip
