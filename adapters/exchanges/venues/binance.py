"""How is Binance USDⓈ-M different from COIN-M? Coins instead of contracts, single objects instead of lists, fees that may be in BNB.

What both share (orders, their answers, the codes) is read by the sheet of COIN-M.
Sources: developers.binance.com, USDⓈ-M futures (order, userTrades, income, positionRisk v2, account v3, positionSide/dual).
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
    Misfit,
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
    stamp,
)
from adapters.exchanges.venues import binancecoinm as coinm
from adapters.exchanges.venues.sheet import Bodies, Call, Notes, Page, call, full_hour
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved
from bot.core.model import ZERO, Fill, Kind, Quote


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is coins, in steps of the lot; an order also has a least value in USDT."""
    if fit(market) is not Kind.LINEAR:
        raise Misfit(f"{market.get('symbol')} is not margined in USDT; its inverse contracts are at the venue binancecoinm")
    filters = rows(mapping(market, "info"), "filters")
    lot = one((item for item in filters if item.get("filterType") == "LOT_SIZE"), "the lot")
    least = one((item for item in filters if item.get("filterType") == "MIN_NOTIONAL"), "the least value")
    made = instrument(
        market, step=lot.get("stepSize"), size="1", least=lot.get("minQty"), maker=Decimal("0.0002"), taker=Decimal("0.0005"),
        maintenance=Decimal("0.004") if market["base"] == "BTC" else Decimal("0.01"), hours=8,
    )  # fmt: skip
    return Listed(
        replace(made, min_notional_usd=money(least.get("notional"), "the least value")),
        named(market.get("id"), "the market id"),
        normal(money(lot.get("stepSize"), "the lot")),
    )


# ------------------------------------------------------------------------------------------------------------------ reading


def about(body: object, listed: Listed) -> Mapping[str, Any]:
    shown = mapping(body)
    if shown.get("symbol") != listed.market_id:
        raise Malformed("a price is another contract's")
    return shown


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    marks, touch = about(bodies[0], listed), about(bodies[1], listed)
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(marks.get("markPrice"), "the mark"),
        index=optional(marks.get("indexPrice"), "the index"),
        bid=price(touch.get("bidPrice"), "the bid"),
        ask=price(touch.get("askPrice"), "the ask"),
        funding_rate=optional(marks.get("lastFundingRate"), "the funding rate"),
        at_ms=stamp(marks.get("time")),
    )


def fills(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> Call:
    start = {"fromId": int(page)} if page else coinm.stretch(since_ms, since_ms, now_ms)
    return call("fapiPrivateGetUserTrades", 5, symbol=listed.market_id, limit=coinm.PAGE, **start)


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    """A fee taken in BNB leaves the margin in USDT as it is: then it is 0 here."""
    page = coinm.read_fills(listed, body)
    elsewhere = {str(item.get("id")) for item in rows(body) if item.get("commissionAsset") not in {None, listed.instrument.settle}}
    return Page(tuple(replace(fill, fee_coins=ZERO) if fill.trade_id in elsewhere else fill for fill in page.items), page.more)


def payments(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> tuple[Call, ...]:
    start = coinm.stretch(int(page or full_hour(since_ms)), since_ms, now_ms)
    rates = call("fapiPublicGetFundingRate", symbol=listed.market_id, limit=coinm.PAGE, **start)
    return (
        call("fapiPrivateGetIncome", 30, incomeType="FUNDING_FEE", limit=coinm.PAGE, **start),
        Call(rates.method, rates.params, optional=True),
    )


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    return replace(coinm.place(listed, wanted), method="fapiPrivatePostOrder")


BINANCE: Final = replace(
    coinm.BINANCECOINM,
    name="binance",
    title="Binance USDⓈ-M",
    ccxt_id="binanceusdm",
    price_stream="",
    countdown=None,  # it has one, which was never tried
    tested=False,
    hedges="linear perpetuals in coins, margined in USDT; its inverse contracts are at the venue binancecoinm",
    places={
        "demo": Place("demo", frozenset({"demo-fapi.binance.com"})),
        "production": Place("none", frozenset({"fapi.binance.com", "api.binance.com"})),  # the second only for the rights of the key
    },
    writes={
        ("POST", "order"): Errand.PLACE,
        ("DELETE", "order"): Errand.CANCEL,
        ("POST", "leverage"): Errand.SETTING,
    },
    options=lambda linear: {"fetchMargins": False, "fetchMarkets": {"types": ["linear"]}},
    allowance=Allowance(burst=2400, per_second=40),  # weights
    funding="every 8 hours on most contracts, every 4 or 1 on some; plus means received, in USDT; a positive rate pays a short",
    dead_man="countdownCancelAll, for each contract",
    notes=Notes(
        contract="`X/USDT:USDT` perpetuals of the USDⓈ-M futures: traded now, settled in USDT",
        amount="coins, in steps of the lot; each order also has a least value in USDT",
        position="signed positionAmt of the row with positionSide BOTH; LONG or SHORT is hedge mode, and like isolated margin refused",
        equity="`marginBalance` of USDT; `walletBalance` is without unrealised profit",
        client_id="newClientOrderId, up to 36 characters, unique only among open orders: the bot never signs one twice",
        look_up="the order by origClientOrderId; fills tell the venue's order id only, and the order behind it is asked for once",
        post_only="timeInForce GTX; an order that would take is refused (-5022)",
        reduce_only="reduceOnly true; immediate-or-cancel is timeInForce IOC",
        environments="demo has a host of its own; the older test network would fail at the first private request",
        fees="the account's rates, asked when connecting; a fee taken in BNB is booked as 0",
    ),
    codes=replace(coinm.BINANCECOINM.codes, refused={**coinm.BINANCECOINM.codes.refused, "-4164": "contracts"}),
    contract=contract,
    time=call("fapiPublicGetTime"),
    quote=lambda listed: (
        call("fapiPublicGetPremiumIndex", symbol=listed.market_id),
        call("fapiPublicGetTickerBookTicker", 2, symbol=listed.market_id),
    ),
    read_quote=read_quote,
    depth=lambda listed, most: call("fapiPublicGetDepth", 2, symbol=listed.market_id, limit=most),
    position=lambda listed: (call("fapiPrivateV2GetPositionRisk", 5, symbol=listed.market_id),),  # version 3 leaves flat ones out
    margin=lambda listed: (call("fapiPrivateV3GetAccount", 5),),
    open_orders=lambda listed, page: call("fapiPrivateGetOpenOrders", symbol=listed.market_id),
    find=lambda listed, own: (call("fapiPrivateGetOrder", symbol=listed.market_id, origClientOrderId=own),),
    fills=fills,
    read_fills=read_fills,
    payments=payments,
    account=lambda listed: (
        call("fapiPrivateGetPositionSideDual", 30),
        call("fapiPrivateV2GetAccount", 5),  # version 3 does not tell whether a flat contract is on isolated margin
        call("sapiGetAccountApiRestrictions"),
    ),
    fees=lambda listed: (call("fapiPrivateGetCommissionRate", 20, symbol=listed.market_id),),
    place=place,
    cancel=lambda listed, own, venue_id: call("fapiPrivateDeleteOrder", symbol=listed.market_id, origClientOrderId=own),
    leverage=lambda listed, times: call("fapiPrivatePostLeverage", symbol=listed.market_id, leverage=times),
    order_of_fill=lambda listed, venue_id: call("fapiPrivateGetOrder", symbol=listed.market_id, orderId=venue_id),
)
