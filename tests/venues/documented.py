"""Answers of the venues that are recorded only, in the shapes their documentation and ccxt's own readers show.

One account in all of them: short 60,000 USD of BTC entered at 60,000, mark 50,000, wallet 1.0 BTC, equity 1.2; and short 1.5 SOL at 200,
mark 150, wallet 1000 USDT, equity 1075. One order of ours traded in part.
"""

from typing import Any

NOW = 1_700_000_000_000
OURS = "hbaa001qwertyuiopasdfghjk"

# ------------------------------------------------------------------------------------------------------------------ BingX


def bingx(data: Any, **more: Any) -> dict[str, Any]:
    return {"code": 0, "msg": "", "data": data, **more}


def bingx_inverse_order(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTC-USD", "orderId": "1816013900044320768", "side": "SELL", "positionSide": "Both", "type": "LIMIT", "quantity": 10,
        "origQty": "1000.00000000", "price": "61000.0", "executedQty": "300.00000000", "avgPrice": "61000.0", "status": "Pending",
        "time": NOW, "updateTime": NOW, "clientOrderId": OURS, "timeInForce": "PostOnly", **changes,
    }  # fmt: skip


def bingx_linear_order(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "SOL-USDT", "orderId": 1736007506620112100, "side": "SELL", "positionSide": "BOTH", "type": "LIMIT", "origQty": "1.50",
        "price": "200.000", "executedQty": "0.50", "avgPrice": "200.000", "status": "PARTIALLY_FILLED", "time": NOW, "updateTime": NOW,
        "clientOrderId": OURS, "reduceOnly": False, "timeInForce": "PostOnly", **changes,
    }  # fmt: skip


BINGX: dict[str, Any] = {
    "GET /openApi/spot/v1/common/symbols": bingx({"symbols": []}),
    "GET /openApi/cswap/v1/market/contracts": bingx(
        [{"symbol": "BTC-USD", "pricePrecision": 1, "minTickSize": "100", "minTradeValue": "100", "minQty": "1.00000000", "status": 1,
          "timeOnline": NOW}]
    ),
    "GET /openApi/swap/v2/quote/contracts": bingx(
        [{"contractId": "100", "symbol": "SOL-USDT", "size": "1", "quantityPrecision": 2, "pricePrecision": 3, "makerFeeRate": 0.0002,
          "takerFeeRate": 0.0005, "tradeMinQuantity": 0.01, "tradeMinUSDT": 2, "currency": "USDT", "asset": "SOL", "status": 1,
          "apiStateOpen": "true", "apiStateClose": "true"}]
    ),
    "GET /openApi/swap/v2/server/time": bingx({"serverTime": NOW}),
    "GET /openApi/cswap/v1/user/commissionRate": bingx({"takerCommissionRate": "0.0004", "makerCommissionRate": "0.0001"}),
    "GET /openApi/swap/v2/user/commissionRate": bingx({"commission": {"takerCommissionRate": 0.0004, "makerCommissionRate": 0.0001}}),
    "GET /openApi/cswap/v1/market/premiumIndex": bingx(
        [{"symbol": "BTC-USD", "lastFundingRate": "0.0001", "markPrice": "50000.0", "indexPrice": "50010.0", "nextFundingTime": NOW}],
        timestamp=NOW,
    ),
    "GET /openApi/cswap/v1/market/ticker": bingx(
        [{"symbol": "BTC-USD", "lastPrice": "50000", "bidPrice": "49999.5", "bidQty": "372", "askPrice": "50000.5", "askQty": "58"}]
    ),
    "GET /openApi/swap/v2/quote/premiumIndex": bingx(
        {"symbol": "SOL-USDT", "markPrice": "150.000", "indexPrice": "150.010", "lastFundingRate": "0.00009900", "nextFundingTime": NOW,
         "fundingIntervalHours": 8, "updateTime": NOW}
    ),
    "GET /openApi/swap/v2/quote/bookTicker": bingx(
        {"book_ticker": {"symbol": "SOL-USDT", "bid_price": 149.99, "bid_qty": 7, "ask_price": 150.01, "ask_qty": 3}}
    ),
    "GET /openApi/cswap/v1/user/positions": bingx(
        [{"symbol": "BTC-USD", "positionId": "1813080351385337856", "positionSide": "BOTH", "isolated": False, "positionAmt": "-600",
          "availableAmt": "-600", "unrealizedProfit": "0.2", "liquidationPrice": 0, "avgPrice": "60000.0", "leverage": 5,
          "markPrice": "50000.0", "updateTime": NOW}]
    ),
    "GET /openApi/swap/v2/user/positions": bingx(
        [{"positionId": "1792480725958881280", "symbol": "SOL-USDT", "currency": "USDT", "positionAmt": "1.50", "availableAmt": "1.50",
          "positionSide": "SHORT", "isolated": False, "avgPrice": "200.000", "leverage": 3, "unrealizedProfit": "75.0",
          "liquidationPrice": 0, "onlyOnePosition": True, "updateTime": NOW}]
    ),
    "GET /openApi/cswap/v1/trade/leverage": bingx({"symbol": "BTC-USD", "longLeverage": 4, "shortLeverage": 5, "maxShortLeverage": 50}),
    "GET /openApi/swap/v2/trade/leverage": bingx({"longLeverage": 2, "shortLeverage": 3, "maxShortLeverage": 125}),
    "GET /openApi/cswap/v1/user/balance": bingx(
        [{"asset": "BTC", "balance": "1.0", "equity": "1.2", "unrealizedProfit": "0.2", "availableMargin": "1", "usedMargin": "0.2"}]
    ),
    "GET /openApi/swap/v3/user/balance": bingx(
        [{"asset": "USDT", "balance": "1000.0", "equity": "1075.0", "unrealizedProfit": "75.0", "availableMargin": "900"}]
    ),
    "GET /openApi/cswap/v1/trade/openOrders": bingx({"orders": [bingx_inverse_order()]}),
    "GET /openApi/cswap/v1/trade/orderHistory": bingx(
        {"orders": [bingx_inverse_order(orderId="18160", clientOrderId="other", status="Filled", executedQty="0.00000000", quantity=2,
                                        origQty="200.00000000")]}
    ),
    "GET /openApi/cswap/v1/trade/orderDetail": bingx({"order": bingx_inverse_order()}),
    "GET /openApi/cswap/v1/trade/allFillOrders": bingx(
        [{"orderId": "1816013900044320768", "symbol": "BTC-USD", "type": "LIMIT", "side": "SELL", "positionSide": "BOTH",
          "tradeId": "97244554", "volume": "3", "tradePrice": "61000.0", "amount": "300.00000000", "realizedPnl": "0.0",
          "commission": "-0.00000049", "currency": "BTC", "buyer": False, "maker": True, "tradeTime": NOW}]
    ),
    "GET /openApi/swap/v2/trade/openOrders": bingx({"orders": [bingx_linear_order()]}),
    "GET /openApi/swap/v2/trade/order": bingx({"order": bingx_linear_order()}),
    "GET /openApi/swap/v2/trade/fillHistory": bingx(
        {"fill_history_orders": [{"symbol": "SOL-USDT", "qty": "0.50", "price": "200.000", "quoteQty": "100.00", "commission": "-0.0200",
                                  "commissionAsset": "USDT", "orderId": "1736007506620112100", "tradeId": "3361",
                                  "filledTime": "2023-11-15T06:13:20.000+0800", "side": "SELL", "positionSide": "BOTH", "role": "maker"}]}
    ),
    "GET /openApi/swap/v2/user/income": bingx(
        [{"symbol": "SOL-USDT", "incomeType": "FUNDING_FEE", "income": "0.0292", "asset": "USDT", "info": "Funding Fee", "time": NOW,
          "tranId": "1706", "tradeId": "1706"}]
    ),
    "GET /openApi/cswap/v1/trade/marginType": bingx({"symbol": "BTC-USD", "marginType": "CROSSED"}),
    "GET /openApi/swap/v2/trade/marginType": bingx({"marginType": "CROSSED"}),
    "GET /openApi/swap/v1/positionSide/dual": bingx({"dualSidePosition": "false"}),
    "POST /openApi/cswap/v1/trade/order": {
        "orderId": 1816013900044320768, "symbol": "BTC-USD", "positionSide": "BOTH", "side": "SELL", "type": "LIMIT", "price": 61000,
        "quantity": 10, "stopPrice": 0, "workingType": "", "timeInForce": "PostOnly",
    },
    "POST /openApi/swap/v2/trade/order": bingx(
        {"order": {"symbol": "SOL-USDT", "orderId": 1736007506620112100, "side": "SELL", "positionSide": "BOTH", "type": "LIMIT",
                   "clientOrderID": OURS}}
    ),
    "DELETE /openApi/cswap/v1/trade/cancelOrder": bingx({"order": bingx_inverse_order(status="CANCELLED")}),
    "DELETE /openApi/swap/v2/trade/order": bingx({"order": bingx_linear_order(status="CANCELLED")}),
    "POST /openApi/cswap/v1/trade/leverage": bingx({"symbol": "BTC-USD", "longLeverage": 5, "shortLeverage": 5}),
    "POST /openApi/swap/v2/trade/leverage": bingx({"leverage": 5, "symbol": "SOL-USDT"}),
}  # fmt: skip

# ------------------------------------------------------------------------------------------------------------------ MEXC


def mexc(data: Any) -> dict[str, Any]:
    return {"success": True, "code": 0, "data": data}


def mexc_contract(symbol: str, **changes: Any) -> dict[str, Any]:
    base, quote = symbol.split("_")
    return {
        "symbol": symbol, "baseCoin": base, "quoteCoin": quote, "settleCoin": base if quote == "USD" else quote, "contractSize": 100,
        "minLeverage": 1, "maxLeverage": 125, "priceScale": 1, "volScale": 0, "priceUnit": 0.5, "volUnit": 1, "minVol": 1,
        "maxVol": 1000000, "takerFeeRate": 0.0006, "makerFeeRate": 0.0002, "maintenanceMarginRate": 0.004, "state": 0, **changes,
    }  # fmt: skip


def mexc_order(symbol: str = "BTC_USD", **changes: Any) -> dict[str, Any]:
    return {
        "orderId": "264995729269765120", "symbol": symbol, "positionId": 0, "price": 61000, "vol": 10, "leverage": 5, "side": 3,
        "category": 1, "orderType": 2, "dealAvgPrice": 61000, "dealVol": 3, "orderMargin": 0, "takerFee": 0, "makerFee": 0, "profit": 0,
        "feeCurrency": "BTC", "openType": 2, "state": 2, "externalOid": OURS, "errorCode": 0, "usedMargin": 0, "createTime": NOW,
        "updateTime": NOW, "positionMode": 2, **changes,
    }  # fmt: skip


SETTINGS = [
    {"level": 1, "maxVol": 463300, "mmr": 0.004, "imr": 0.005, "positionType": side, "openType": 2, "leverage": leverage}
    for side, leverage in ((1, 20), (2, 5))
]
PRIVATE = "/api/v1/private"
MEXC: dict[str, Any] = {
    "GET /api/v3/exchangeInfo": {"symbols": []},
    "GET /api/v1/contract/detail": mexc([mexc_contract("BTC_USD"), mexc_contract("SOL_USDT", contractSize=0.1, priceUnit=0.01)]),
    "GET /api/v1/contract/ping": mexc(NOW),
    "GET /api/v1/contract/ticker": mexc(
        {"symbol": "BTC_USD", "lastPrice": 50000, "bid1": 49999.5, "ask1": 50000.5, "indexPrice": 50010, "fairPrice": 50000,
         "fundingRate": 0.0001, "timestamp": NOW}
    ),
    f"GET {PRIVATE}/position/open_positions": mexc(
        [{"positionId": 1394650, "symbol": "BTC_USD", "positionType": 2, "openType": 2, "state": 1, "holdVol": 600, "frozenVol": 0,
          "holdAvgPrice": 60000, "openAvgPrice": 60000, "liquidatePrice": 0, "leverage": 5, "updateTime": NOW}]
    ),
    f"GET {PRIVATE}/position/position_mode": mexc(2),
    f"GET {PRIVATE}/position/leverage": mexc(SETTINGS),
    f"GET {PRIVATE}/account/assets": mexc(
        [{"currency": "BTC", "positionMargin": 1.1, "availableBalance": 0.05, "cashBalance": 0.1, "frozenBalance": 0.05, "equity": 1.2,
          "unrealized": 0.2, "bonus": 0}]
    ),
    f"GET {PRIVATE}/order/list/open_orders": mexc([mexc_order()]),
    f"GET {PRIVATE}/order/external/BTC_USD/{OURS}": mexc(mexc_order()),
    f"GET {PRIVATE}/order/get/264995729269765120": mexc(mexc_order()),
    f"GET {PRIVATE}/order/list/order_deals": mexc(
        [{"id": "299444585", "symbol": "BTC_USD", "side": 3, "vol": 3, "price": 61000, "feeCurrency": "BTC", "fee": 0.00000098,
          "timestamp": NOW, "profit": 0, "category": 1, "orderId": "264995729269765120", "positionMode": 2, "taker": False}]
    ),
    f"GET {PRIVATE}/position/funding_records": mexc(
        {"pageSize": 100, "totalCount": 1, "totalPage": 1, "currentPage": 1,
         "resultList": [{"id": 7423910, "symbol": "BTC_USD", "positionType": 2, "positionValue": 1.2, "funding": 0.00012, "rate": 0.0001,
                         "settleTime": NOW}]}
    ),
    f"POST {PRIVATE}/order/create": mexc({"orderId": "264995729269765120", "ts": NOW}),
    f"POST {PRIVATE}/order/cancel_with_external": mexc({"symbol": "BTC_USD", "externalOid": OURS}),
    f"POST {PRIVATE}/position/change_leverage": {"success": True, "code": 0},
}  # fmt: skip

# ------------------------------------------------------------------------------------------------------------------ Binance USDⓈ-M


def binance_order(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT", "orderId": 2042350400, "clientOrderId": OURS, "price": "200.0000", "origQty": "1.50", "executedQty": "0.50",
        "status": "PARTIALLY_FILLED", "timeInForce": "GTX", "type": "LIMIT", "reduceOnly": False, "side": "SELL", "positionSide": "BOTH",
        "time": NOW, "updateTime": NOW, **changes,
    }  # fmt: skip


SOLUSDT = {
    "symbol": "SOLUSDT", "pair": "SOLUSDT", "contractType": "PERPETUAL", "deliveryDate": 4133404800000, "onboardDate": NOW,
    "status": "TRADING", "baseAsset": "SOL", "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 4, "quantityPrecision": 2,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.0010", "maxPrice": "10000", "tickSize": "0.0010"},
        {"filterType": "LOT_SIZE", "stepSize": "0.01", "minQty": "0.01", "maxQty": "1000000"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ],
}  # fmt: skip
BINANCE: dict[str, Any] = {
    "GET /fapi/v1/exchangeInfo": {"symbols": [SOLUSDT]},
    "GET /fapi/v1/time": {"serverTime": NOW},
    "GET /fapi/v1/commissionRate": {"symbol": "SOLUSDT", "makerCommissionRate": "0.0001", "takerCommissionRate": "0.0004"},
    "GET /fapi/v1/premiumIndex": {
        "symbol": "SOLUSDT", "markPrice": "150.0000", "indexPrice": "150.0100", "lastFundingRate": "0.00010000", "time": NOW,
    },
    "GET /fapi/v1/ticker/bookTicker": {"symbol": "SOLUSDT", "bidPrice": "149.9900", "askPrice": "150.0100", "time": NOW},
    "GET /fapi/v2/positionRisk": [
        {"symbol": "SOLUSDT", "positionAmt": "-1.50", "entryPrice": "200.0", "markPrice": "150.0000", "unRealizedProfit": "75.0",
         "liquidationPrice": "0", "leverage": "5", "marginType": "cross", "positionSide": "BOTH", "updateTime": NOW},
    ],
    "GET /fapi/v3/account": {
        "assets": [{"asset": "USDT", "walletBalance": "1000.0", "unrealizedProfit": "75.0", "marginBalance": "1075.0"}]
    },
    "GET /fapi/v2/account": {"positions": [{"symbol": "SOLUSDT", "isolated": False, "positionSide": "BOTH"}]},
    "GET /fapi/v1/positionSide/dual": {"dualSidePosition": False},
    "GET /fapi/v1/openOrders": [binance_order()],
    "GET /fapi/v1/order": binance_order(),
    "GET /fapi/v1/userTrades": [
        {"id": 698759, "orderId": 2042350400, "symbol": "SOLUSDT", "side": "SELL", "qty": "0.30", "price": "200.0000", "maker": True,
         "commission": "0.0120", "commissionAsset": "USDT", "time": NOW},
        {"id": 698760, "orderId": 2042350400, "symbol": "SOLUSDT", "side": "SELL", "qty": "0.20", "price": "200.0000", "maker": True,
         "commission": "0.00002", "commissionAsset": "BNB", "time": NOW},
    ],
    "GET /fapi/v1/income": [
        {"symbol": "SOLUSDT", "incomeType": "FUNDING_FEE", "income": "0.0225", "asset": "USDT", "time": NOW, "tranId": 9689322392}
    ],
    "GET /fapi/v1/fundingRate": [{"symbol": "SOLUSDT", "fundingRate": "0.00010000", "fundingTime": NOW, "markPrice": "150.00000000"}],
    "POST /fapi/v1/order": binance_order(status="NEW", executedQty="0"),
    "DELETE /fapi/v1/order": binance_order(status="CANCELED"),
    "POST /fapi/v1/leverage": {"leverage": 5, "maxNotionalValue": "1000000", "symbol": "SOLUSDT"},
}  # fmt: skip

# ------------------------------------------------------------------------------------------------------------------ WEEX

WEEX: dict[str, Any] = {
    "GET /api/v3/exchangeInfo": {"symbols": []},
    "GET /capi/v3/market/exchangeInfo": {
        "symbols": [
            {"symbol": "SOLUSDT", "baseAsset": "SOL", "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": "2",
             "quantityPrecision": "2", "contractVal": "0.01", "makerFeeRate": "0.0002", "takerFeeRate": "0.0008", "minOrderSize": "0.01"}
        ]
    },
    "GET /capi/v3/market/time": {"serverTime": NOW},
    "GET /capi/v3/market/premiumIndex": [
        {"symbol": "SOLUSDT", "markPrice": "150.00", "indexPrice": "150.01", "forecastFundingRate": "0.0001", "lastFundingRate": "0.00002",
         "nextFundingTime": NOW, "time": NOW, "collectCycle": 480}
    ],
    "GET /capi/v3/market/ticker/bookTicker": [
        {"symbol": "SOLUSDT", "bidPrice": "149.99", "bidQty": "7", "askPrice": "150.01", "askQty": "3", "time": NOW}
    ],
    "GET /capi/v3/account/position/singlePosition": [
        {"id": 737191855967437160, "asset": "USDT", "symbol": "SOLUSDT", "side": "SHORT", "marginType": "CROSSED",
         "separatedMode": "COMBINED", "leverage": "20.00", "size": "1.50", "openValue": "300.00", "unrealizePnl": "75.0"}
    ],
    "GET /capi/v3/account/balance": [
        {"asset": "USDT", "balance": "1000.0", "availableBalance": "990", "frozen": "10", "unrealizePnl": "75.0"}
    ],
    "GET /capi/v3/openOrders": [],
    "GET /capi/v3/userTrades": [
        {"id": 737074389731770728, "orderId": 737074043320009064, "symbol": "SOLUSDT", "buyer": False, "commission": "0.06",
         "commissionAsset": "USDT", "maker": True, "price": "200.00", "qty": "1.50", "side": "SELL", "positionSide": "SHORT", "time": NOW}
    ],
    "GET /capi/v3/account/symbolConfig": [{"symbol": "SOLUSDT", "marginType": "CROSSED", "separatedType": "COMBINED"}],
}  # fmt: skip
