"""How is WEEX different? Linear contracts in hedge mode only, and a test environment that can neither cancel nor list an order.

So nothing is ever sent there: prices, position and balance are read, and the plan is shown.
Sources: www.weex.com/api-doc/contract (market, account, orders), and what ccxt reads of them.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
    Misfit,
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
from adapters.exchanges.venues.sheet import Account, Bodies, Call, Notes, Page, Placed, Venue, call, status_code
from adapters.request_budget import Allowance
from bot.core.decision import Approved
from bot.core.model import ZERO, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote

PAGE: Final = 100
NEVER: Final = "its test environment has no cancel and no list of open orders, so nothing the bot would send there could be proven"
STATUS: Final = {
    "NEW": OrderStatus.OPEN,
    "PENDING": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
}


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is coins, in steps of the smallest order."""
    if fit(market) is not Kind.LINEAR:
        raise Misfit(f"{market.get('symbol')} is inverse, and WEEX has linear contracts only")
    info, step = mapping(market, "info"), money(mapping(market, "precision").get("amount"), "the lot")
    least = info.get("minOrderSize")
    return Listed(
        instrument(
            market, step=step, size="1", least=least, maker=money(info.get("makerFeeRate"), "the maker fee"),
            taker=money(info.get("takerFeeRate"), "the taker fee"), maintenance=Decimal("0.01"), hours=8,
        ),
        named(market.get("id"), "the market id"),
        normal(step),
    )  # fmt: skip


def client_id(own: str) -> str:
    if not 0 < len(own) <= 36:
        raise ValueError("a newClientOrderId has 1 to 36 characters")
    return own


# ------------------------------------------------------------------------------------------------------------------ reading


def mine(body: object, listed: Listed, what: str) -> Mapping[str, Any]:
    shown = body if isinstance(body, list) else [body]
    return one((item for item in rows({"data": shown}, "data") if item.get("symbol") == listed.market_id), what)


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    marks, touch = mine(bodies[0], listed, "the mark"), mine(bodies[1], listed, "the book")
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(marks.get("markPrice"), "the mark"),
        index=optional(marks.get("indexPrice"), "the index"),
        bid=price(touch.get("bidPrice"), "the bid"),
        ask=price(touch.get("askPrice"), "the ask"),
        funding_rate=optional(marks.get("forecastFundingRate"), "the funding rate"),
        at_ms=stamp(marks.get("time")),
    )


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    """Long and short have a row each, and only one of them may hold something."""
    held = [item for item in rows(bodies[0]) if item.get("symbol") == listed.market_id and money(item.get("size"))]
    if any(item.get("marginType") != "CROSSED" for item in held):
        raise Malformed("the position is on isolated margin")
    if len(held) > 1 or any(item.get("side") not in {"LONG", "SHORT"} for item in held):
        raise Malformed(f"{listed.market_id} has {len(held)} positions at once")
    contracts = 0
    if held:
        contracts = listed.counts(held[0].get("size"), "the position") * (1 if held[0].get("side") == "LONG" else -1)
    at = price(held[0].get("openValue"), "the value at entry") / price(held[0].get("size")) if held else None
    return Position(
        symbol=listed.instrument.symbol,
        contracts=contracts,
        entry_price=entry(at, contracts),
        leverage_setting=optional(held[0].get("leverage"), "the leverage") if held else None,
        at_ms=asked_ms,
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    currency = listed.instrument.settle
    coins = [item for item in rows(bodies[0]) if item.get("asset") == currency]
    held = one(coins, currency) if coins else {"balance": "0", "unrealizePnl": "0"}  # the list names every coin there is
    wallet = money(held.get("balance"), "the balance")
    return Margin(currency, wallet, wallet + money(held.get("unrealizePnl"), "the unrealised profit"), asked_ms)


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
        limit_price=money(shown.get("price"), "the limit"),
        status=STATUS[word],
        reduce_only=truth(shown.get("reduceOnly")),
        post_only=False,
        at_ms=stamp(shown.get("time")),
    )


def read_open_orders(listed: Listed, body: object) -> Page[Order]:
    shown = rows(body)
    if len(shown) >= PAGE:
        raise Malformed(f"there are {PAGE} open orders or more, and the rest is not shown")
    return Page(tuple(order(listed, item) for item in shown if item.get("symbol") == listed.market_id))


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    raise Malformed("nothing is ever sent to WEEX, so there is nothing to look up")


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    """The client id is not told, and none is ours."""
    shown = rows(body)
    if len(shown) >= PAGE:
        raise Malformed(f"{PAGE} trades or more, and the rest is not shown")
    return Page(
        tuple(
            Fill(
                trade_id=named(item.get("id"), "the trade id"),
                client_id="",
                symbol=listed.instrument.symbol,
                side=side(item.get("side")),
                contracts=listed.counts(item.get("qty"), "the traded amount"),
                price=price(item.get("price"), "the traded price"),
                fee_coins=money(item.get("commission"), "the fee") if item.get("commissionAsset") == listed.instrument.settle else ZERO,
                maker=truth(item.get("maker")),
                at_ms=stamp(item.get("time")),
            )
            for item in shown
            if item.get("symbol") == listed.market_id
        )
    )


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    return Page(())


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    if bodies[0] is None:
        return Account()
    told = mine(bodies[0], listed, "the settings")
    return Account(one_way=told.get("separatedType") == "COMBINED", cross=told.get("marginType") == "CROSSED")


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    raise Malformed(NEVER)


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    raise Malformed(NEVER)


def cancel(listed: Listed, own: str, venue_id: str) -> Call:
    raise Malformed(NEVER)


def read_cancelled(body: object) -> str:
    raise Malformed(NEVER)


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    code = str(body.get("code")) if isinstance(body, Mapping) else "None"
    return (*((code,) if code not in {"None", "0", "200", ""} else ()), *status_code(status))


WEEX: Final = Venue(
    name="weex",
    title="WEEX",
    ccxt_id="weex",
    tested=False,
    hedges="nothing: it lists linear USDT contracts, and the bot reads them and shows its plan",
    places={"production": Place("none", frozenset({"api-contract.weex.com", "api-spot.weex.com"}))},
    writes={},  # nothing is signed that changes something
    options=lambda linear: {},
    allowance=Allowance(burst=100, per_second=10),
    absence_ms=120_000,
    absence_polls=3,
    funding="every 8 hours on most contracts; a positive rate pays a short; payments are asked for by POST, which the bot does not sign",
    dead_man="none",
    leverage_note="not called: nothing is ever sent there",
    transfer_right="none: nothing is sent there",
    notes=Notes(
        contract="`X/USDT:USDT` perpetuals: traded now, settled in USDT",
        amount="coins, in steps of the smallest order",
        position="one row with side LONG or SHORT and an unsigned size; two rows at once and isolated margin are refused",
        equity="balance plus unrealised profit of USDT",
        client_id="newClientOrderId; none is ever sent",
        look_up="none: nothing is sent",
        post_only="none",
        reduce_only="none",
        environments="its demo runs on the live host under other paths, without cancel and without a list of open orders; it is not used",
        fees="those of the list of contracts",
    ),
    codes=Codes(read=read_codes, refused={"http:429": "rate-limit"}),
    contract=contract,
    client_id=client_id,
    time=call("contractGetCapiV3MarketTime", 5),
    read_time=lambda body: stamp(mapping(body).get("serverTime")),
    quote=lambda listed: (
        call("contractGetCapiV3MarketPremiumIndex", 5, symbol=listed.market_id),
        call("contractGetCapiV3MarketTickerBookTicker", 5, symbol=listed.market_id),
    ),
    read_quote=read_quote,
    position=lambda listed: (call("contractPrivateGetCapiV3AccountPositionSinglePosition", 3, symbol=listed.market_id),),
    read_position=read_position,
    margin=lambda listed: (call("contractPrivateGetCapiV3AccountBalance", 10),),
    read_margin=read_margin,
    open_orders=lambda listed, page: call("contractPrivateGetCapiV3OpenOrders", 5, symbol=listed.market_id, limit=PAGE),
    read_open_orders=read_open_orders,
    find=lambda listed, own: (),
    read_found=read_found,
    fills=lambda listed, since_ms, now_ms, page: call(
        "contractPrivateGetCapiV3UserTrades", 5, symbol=listed.market_id, startTime=since_ms, limit=PAGE
    ),
    read_fills=read_fills,
    payments=lambda listed, since_ms, now_ms, page: (),
    read_payments=read_payments,
    account=lambda listed: (call("contractPrivateGetCapiV3AccountSymbolConfig", 10, symbol=listed.market_id),),
    read_account=read_account,
    fees=lambda listed: (),  # the list of contracts names them
    read_fees=lambda listed, bodies: (listed.instrument.maker_fee_rate, listed.instrument.taker_fee_rate),
    place=place,
    read_placed=read_placed,
    cancel=cancel,
    read_cancelled=read_cancelled,
    leverage=lambda listed, times: None,
    needs_passphrase=True,
    never_armed=NEVER,
)  # fmt: skip
