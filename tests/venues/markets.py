"""Contracts and accounts of venues.md's example, for tests that need no server: short 60,000 USD entered at 60,000, mark 50,000."""

from decimal import Decimal
from typing import Any

from adapters.exchanges.ccxt_open import VENUES
from adapters.exchanges.ccxt_translate import Listed
from adapters.exchanges.venues.sheet import Venue

D = Decimal
SYMBOL = "BTC/USD:BTC"
BASE: dict[str, Any] = {
    "symbol": SYMBOL, "base": "BTC", "quote": "USD", "settle": "BTC", "swap": True, "future": False, "active": True, "inverse": True,
    "linear": False, "precision": {"price": 0.5, "amount": 1.0},
}  # fmt: skip
MARKETS: dict[str, dict[str, Any]] = {
    "bybit": {"id": "BTCUSD", "contractSize": 1.0, "info": {"lotSizeFilter": {"minOrderQty": "1", "qtyStep": "1"}, "fundingInterval": 480}},
    "binancecoinm": {
        "id": "BTCUSD_PERP",
        "contractSize": 100.0,
        "info": {"contractSize": 100, "filters": [{"filterType": "LOT_SIZE", "stepSize": "1", "minQty": "1"}]},
    },
    "okx": {"id": "BTC-USD-SWAP", "contractSize": 100.0, "info": {"ctVal": "100", "ctMult": "1", "lotSz": "0.1", "minSz": "0.1"}},
    "deribit": {
        "id": "BTC-PERPETUAL",
        "contractSize": 10.0,
        "info": {"min_trade_amount": 10, "contract_size": 10, "maker_commission": "0", "taker_commission": "0.0005"},
    },
    "krakenfutures": {
        "id": "PI_XBTUSD",
        "contractSize": 1.0,
        "info": {"contractSize": 1, "contractValueTradePrecision": 0, "feeScheduleUid": "standard"},
    },
}
NOW = 1_700_000_000_000
ISO = "2023-11-14T22:13:20.000Z"
POSITION: dict[str, tuple[Any, ...]] = {  # the answers to the sheet's question for the position
    "bybit": (
        {"time": NOW, "result": {"list": [{"symbol": "BTCUSD", "positionIdx": 0, "side": "Sell", "size": "60000", "avgPrice": "60000",
                                           "leverage": "10", "liqPrice": ""}]}},
    ),
    "binancecoinm": (
        [{"symbol": "BTCUSD_PERP", "positionAmt": "-600", "entryPrice": "60000.0", "leverage": "20", "positionSide": "BOTH",
          "marginType": "cross", "liquidationPrice": "0"}],
    ),
    "okx": (
        {"code": "0", "data": [{"instId": "BTC-USD-SWAP", "pos": "-600", "posSide": "net", "mgnMode": "cross", "avgPx": "60000"}]},
        {"code": "0", "data": [{"instId": "BTC-USD-SWAP", "lever": "3"}]},
    ),
    "deribit": (
        {"usOut": NOW * 1000, "result": [{"instrument_name": "BTC-PERPETUAL", "kind": "future", "direction": "sell", "size": "-60000.0",
                                          "average_price": "60000.0", "total_profit_loss": "0.2", "floating_profit_loss": "0.2"}]},
    ),
    "krakenfutures": ({"serverTime": ISO, "openPositions": [{"symbol": "pi_xbtusd", "side": "short", "size": 60000, "price": "60000.0"}]},),
}  # fmt: skip
MARGIN: dict[str, tuple[Any, ...]] = {
    "bybit": (
        {"time": NOW, "result": {"list": [{"accountType": "UNIFIED", "coin": [{"coin": "BTC", "walletBalance": "1.0", "equity": "1.2"}]}]}},
    ),
    "binancecoinm": ({"assets": [{"asset": "BTC", "walletBalance": "1.00000000", "marginBalance": "1.20000000"}]},),
    "okx": ({"code": "0", "data": [{"details": [{"ccy": "BTC", "cashBal": "1", "eq": "1.2"}]}]},),
    "deribit": (
        {"usOut": NOW * 1000, "result": {"currency": "BTC", "balance": "1.0", "equity": "1.2", "session_upl": "0.2"}},
        POSITION["deribit"][0],
    ),
    "krakenfutures": (
        {"serverTime": ISO, "accounts": {"fi_xbtusd": {"balances": {"xbt": "1.0"}, "auxiliary": {"pv": "1.2", "pnl": "0.2"}}}},
    ),
}  # fmt: skip


def listed(name: str) -> Listed:
    return VENUES[name].contract(BASE | MARKETS[name])


def venue(name: str) -> Venue:
    return VENUES[name]
