"""How is BingX different? Two APIs of two generations, one for inverse and one for linear contracts.

bingx_answers.py reads what they answer. The fills of an inverse contract are told order by order, and its funding
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
    fit,
    instrument,
    mapping,
    money,
    named,
    normal,
    optional,
    stamp,
)
from adapters.exchanges.outcomes import Codes
from adapters.exchanges.venues.bingx_answers import (
    PAGE,
    good,
    inverse,
    orders,
    read_account,
    read_cancelled,
    read_codes,
    read_fees,
    read_fills,
    read_found,
    read_margin,
    read_payments,
    read_placed,
    read_position,
    read_quote,
)
from adapters.exchanges.venues.sheet import ByOrder, Call, Notes, Page, Venue, call
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved
from bot.core.model import ZERO, Kind

DAY_MS: Final = 24 * 3_600_000
WEEK_MS: Final = 7 * DAY_MS  # the longest history that one question may cover


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


def account(listed: Listed) -> tuple[Call, ...]:
    params = {"symbol": listed.market_id}
    if inverse(listed):
        return call("cswapV1PrivateGetTradeMarginType", 2, **params), call("cswapV1PrivateGetUserPositions", 2, **params)
    return call("swapV2PrivateGetTradeMarginType", 5, **params), call("swapV1PrivateGetPositionSideDual", 5)


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    return call(
        "cswapV1PrivatePostTradeOrder" if inverse(listed) else "swapV2PrivatePostTradeOrder", 2, symbol=listed.market_id, type="LIMIT",
        side=wanted.side.value.upper(), positionSide="BOTH", quantity=listed.amount(wanted.contracts),
        price=format(wanted.limit_price, "f"), timeInForce="PostOnly" if wanted.post_only else "IOC",
        clientOrderID=client_id(wanted.client_id), **({"reduceOnly": "true"} if wanted.reduce_only else {}),
    )  # fmt: skip


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
    transfer_right="not proven on the wire: the bot does not ask for it",
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
        troubles={
            "100413": "key", "100001": "secret", "100412": "secret", "100004": "rights", "100419": "address", "100410": "down",
            "100500": "down", "109500": "down", "110500": "down",
        },
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
