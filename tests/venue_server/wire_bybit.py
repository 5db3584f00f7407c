"""How does Bybit speak? Its v5 REST protocol: inverse contracts count in USD, and errors come as HTTP 200 with a retCode."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

from tests.venue_server.nouns import Contract, Order, Refused
from tests.venue_server.stream_bybit import PATHS, PRIVATE_PATH, BybitPrivateStream, BybitStream
from tests.venue_server.wire import EXPIRY_MS, KEY, SECRET, Answer, Call, Route, Stream, Wire, plain

TEXTS: Final = {
    "10001": "params error", "10002": "invalid request, please check your server timestamp or recv_window param",
    "10003": "API key is invalid.", "10004": "error sign! origin_string", "10005": "Permission denied, please check your key permissions.",
    "10006": "Too many visits. Exceeded the API Rate Limit.", "10016": "Internal server error.", "10000": "Server Timeout",
    "110001": "order not exists or too late to cancel", "110007": "ab not enough for new order",
    "110017": "current position is zero, cannot fix reduce-only order qty", "110043": "leverage not modified",
    "131212": "Insufficient balance", "131214": "TransferId exist", "131215": "Amount error",
    "110072": "OrderLinkedID is duplicate", "110025": "Position mode is not modified", "110013": "cannot set leverage due to risk limit",
}  # fmt: skip
REFUSALS: Final = {
    "symbol": ("10001", "Not supported symbols"), "frozen": ("10016", "The trading is suspended"), "duplicate": ("110072", ""),
    "size": ("10001", "The number of contracts exceeds minimum limit allowed"), "precision": ("10001", "Qty invalid"),
    "reduce_only": ("110017", ""), "funds": ("110007", ""), "no_order": ("110001", ""), "done": ("110001", ""),
    "transfer_funds": ("131212", ""), "transfer_duplicate": ("131214", ""), "transfer_amount": ("131215", ""),
    "unchanged": ("110043", ""), "leverage": ("110013", ""),
    "leverage_margin": ("110044", "Available margin is insufficient"), "mode": ("10001", "position idx not match position mode"),
}  # fmt: skip
CATEGORY: Final = {"inverse": "inverse", "quanto": "inverse", "linear": "linear", "spot": "spot"}
WHY: Final = {"post_only": "EC_PostOnlyWillTakeLiquidity", "ioc": "EC_NoImmediateQtyToFill", "user": "EC_PerCancelRequest"}
WEEK_MS: Final = 7 * 86_400_000


class Bybit(Wire):
    unique_ids = "ever"
    environments = ("testnet", "demo", "production")

    def listing(self) -> list[Contract]:
        one, usd = Decimal(1), {"quote": "USD", "unit": Decimal(1), "lot": Decimal(1), "max_leverage": 100}
        return [
            Contract("BTCUSD", "inverse", "BTC", settle="BTC", tick=Decimal("0.1"), **usd),
            Contract("ETHUSD", "inverse", "ETH", settle="ETH", tick=Decimal("0.01"), **usd),
            Contract("BTCUSDZ30", "inverse", "BTC", settle="BTC", tick=Decimal("0.5"), expiry_ms=EXPIRY_MS, **usd),
            Contract("ETHUSDQ", "quanto", "ETH", settle="BTC", tick=Decimal("0.05"), **usd),
            Contract("BTCUSDT", "linear", "BTC", "USDT", "USDT", Decimal("0.001"), Decimal("0.001"), Decimal("0.1"), size=one),
            Contract("SOLUSDT", "linear", "SOL", "USDT", "USDT", Decimal("0.1"), Decimal("0.1"), Decimal("0.01"), size=one),
            Contract("BTCUSDT", "spot", "BTC", "USDT", "", Decimal("0.000001"), Decimal("0.000001"), Decimal("0.1")),
        ]

    def filler(self, coin: str) -> Contract:
        return Contract(f"{coin}USDT", "linear", coin, "USDT", "USDT", Decimal(1), Decimal(1), Decimal("0.0001"))

    def routes(self) -> dict[tuple[str, str], Route]:
        get, post = "GET", "POST"
        return {
            (get, "/v5/market/time"): Route("public-time", lambda call: {"timeSecond": str(self.core.clock_ms() // 1000)}),
            (get, "/v5/market/instruments-info"): Route("public-markets", self.instruments),
            (get, "/v5/market/tickers"): Route("public-ticker", self.tickers),
            (get, "/v5/market/orderbook"): Route("public-book", self.book),
            (get, "/v5/market/kline"): Route("public-candles", self.kline),
            (get, "/v5/market/funding/history"): Route("public-funding", self.funding_history),
            (get, "/v5/asset/coin/query-info"): Route("read-account", lambda call: {"rows": []}, private=True),
            (get, "/v5/user/query-api"): Route("read-account", self.key_info, private=True),
            (get, "/v5/account/info"): Route("read-account", self.account_info, private=True),
            (get, "/v5/account/wallet-balance"): Route("read-balance", self.wallet, private=True),
            (get, "/v5/account/fee-rate"): Route("read-fees", self.fees, private=True),
            (post, "/v5/account/set-margin-mode"): Route("set-mode", self.set_margin_mode, private=True),
            (get, "/v5/position/list"): Route("read-position", self.positions, private=True),
            (post, "/v5/position/set-leverage"): Route("set-leverage", self.set_leverage, private=True),
            (post, "/v5/position/switch-mode"): Route("set-mode", self.switch_mode, private=True),
            (post, "/v5/order/create"): Route("place", self.create, private=True),
            (post, "/v5/order/cancel"): Route("cancel", self.cancel, private=True),
            (post, "/v5/order/cancel-all"): Route("cancel-all", self.cancel_all, private=True),
            (get, "/v5/order/realtime"): Route("read-open-orders", self.realtime, private=True),
            (get, "/v5/order/history"): Route("read-closed-orders", self.history, private=True),
            (post, "/v5/asset/transfer/inter-transfer"): Route("transfer", self.transfer, private=True),
            (get, "/v5/asset/transfer/query-inter-transfer-list"): Route("read-transfers", self.transfers, private=True),
            (get, "/v5/asset/transfer/query-account-coins-balance"): Route("read-spot", self.funding_wallet, private=True),
            (get, "/v5/execution/list"): Route("read-trades", self.executions, private=True),
        }

    # ── envelope ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, call: Call) -> None:
        call.args = json.loads(call.body) if call.body else dict(parse_qsl(call.query))

    def wrap(self, call: Call, result: Any) -> Answer:
        return Answer({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": self.core.clock_ms()})

    def error(self, code: str, text: str = "", call: Call | None = None) -> Answer:
        message = text or TEXTS.get(code, "error")
        return Answer({"retCode": int(code), "retMsg": message, "result": {}, "retExtInfo": {}, "time": self.core.clock_ms()})

    def refusal(self, call: Call, refused: Refused) -> Answer:
        return self.error(*REFUSALS[refused.reason])

    def maintenance(self) -> Answer:
        return self.error("10016", "The system is under maintenance")

    def authorise(self, call: Call, route: Route) -> None:
        key, stamp, window = (call.headers.get(f"X-BAPI-{name}", "") for name in ("API-KEY", "TIMESTAMP", "RECV-WINDOW"))
        sign = call.headers.get("X-BAPI-SIGN", "")
        if not (key and stamp and sign):
            raise self.error("10001", f"empty value: apiTimestamp[{stamp}] apiKey[{key}] apiSignature[{sign}]")
        if key != KEY:
            raise self.error("10003")
        signed = f"{stamp}{key}{window}{call.body or call.query}"
        if not hmac.compare_digest(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest(), sign):
            raise self.error("10004")
        late = self.core.clock_ms() - int(stamp)
        if late > int(window or 5000) or late < -1000:
            raise self.error(
                "10002", f"invalid request, req_timestamp[{stamp}],server_timestamp[{self.core.clock_ms()}],recv_window[{window}]"
            )
        allowed = self.rights.transfer if route.endpoint == "transfer" else self.rights.trade
        if call.method == "POST" and not allowed:
            raise self.error("10005")

    # ── public ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def stream(self, path: str) -> Stream | None:
        if path == PRIVATE_PATH:
            return BybitPrivateStream(self)
        return BybitStream(self, path.rpartition("/")[2]) if path in PATHS else None

    def instruments(self, call: Call) -> Any:
        category = call.text("category")
        if call.text("status") == "PreLaunch" or category == "option":
            return {"category": category, "list": [], "nextPageCursor": ""}
        rows = [self.instrument(c) for c in self.core.listed.values() if CATEGORY[c.kind] == category]
        return self.page(call, rows, default=500, largest=1000, category=category)

    def instrument(self, c: Contract) -> dict[str, Any]:
        lots = {"minOrderQty": plain(c.amount(c.min_units)), "maxOrderQty": plain(c.amount(c.max_units)), "qtyStep": plain(c.lot)}
        row = {
            "symbol": c.id,
            "status": "Closed" if c.id in self.core.closed else "Trading",
            "baseCoin": c.base,
            "quoteCoin": c.quote,
            "priceFilter": {"tickSize": plain(c.tick)},
        }
        if c.kind == "spot":
            return row | {"lotSizeFilter": lots | {"basePrecision": plain(c.lot), "quotePrecision": "0.01"}, "marginTrading": "none"}
        kind = "Linear" if c.kind == "linear" else "Inverse"
        return row | {
            "contractType": kind + ("Futures" if c.expiry_ms else "Perpetual"),
            "settleCoin": c.settle,
            "launchTime": "1542211200000",
            "deliveryTime": str(c.expiry_ms or 0),
            "priceScale": "2",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": f"{c.max_leverage}.00", "leverageStep": "0.01"},
            "lotSizeFilter": lots,
            "unifiedMarginTrade": True,
            "fundingInterval": 480,
        }

    def tickers(self, call: Call) -> Any:
        category, wanted = call.text("category"), call.text("symbol")
        rows = [self.ticker(symbol, c) for symbol, c in self.core.listed.items() if CATEGORY[c.kind] == category and wanted in ("", c.id)]
        if wanted and not rows:
            raise Refused("symbol")
        return {"category": category, "list": rows}

    def ticker(self, symbol: str, c: Contract) -> dict[str, Any]:
        q = self.core.quotes[symbol]
        row = {"symbol": c.id, "lastPrice": plain(q.mark), "bid1Price": plain(q.bid), "bid1Size": plain(c.amount(q.bid_units))}
        row |= {"ask1Price": plain(q.ask), "ask1Size": plain(c.amount(q.ask_units)), "prevPrice24h": plain(q.mark), "price24hPcnt": "0"}
        row |= {"highPrice24h": plain(q.mark), "lowPrice24h": plain(q.mark), "turnover24h": "0", "volume24h": "0"}
        if c.kind == "spot":
            return row
        hours8 = 8 * 3_600_000
        row |= {"indexPrice": plain(q.index), "markPrice": plain(q.mark), "openInterest": "1", "openInterestValue": "1"}
        return row | {"fundingRate": plain(q.funding_rate), "nextFundingTime": str((self.core.clock_ms() // hours8 + 1) * hours8)}

    def book(self, call: Call) -> Any:
        return self.book_of(*self.wanted(call), int(call.text("limit") or 25))

    def kline(self, call: Call) -> Any:
        """Hours only. From `start` on, the oldest `limit` of them, told newest first."""
        symbol, c = self.wanted(call)
        if call.text("interval") != "60":
            raise self.error("10001", "this server keeps hours")
        start, most = int(call.text("start") or 0), int(call.text("limit") or 200)
        rows = [row for row in self.core.candles.get(symbol, []) if row[0] >= start][:most]
        told = [[*map(plain, map(Decimal, row)), "1", "1"] for row in rows[::-1]]
        return {"category": call.text("category"), "symbol": c.id, "list": told}

    def funding_history(self, call: Call) -> Any:
        symbol, c = self.wanted(call)
        start, end = int(call.text("startTime") or 0), int(call.text("endTime") or self.core.clock_ms())
        rows = [row for row in self.core.funding_rates.get(symbol, []) if start <= row[0] <= end][-200:]
        told = [{"symbol": c.id, "fundingRate": plain(rate), "fundingRateTimestamp": str(at_ms)} for at_ms, rate in rows[::-1]]
        return {"category": call.text("category"), "list": told}

    def book_of(self, symbol: str, c: Contract, most: int = 1) -> dict[str, Any]:
        now = self.core.clock_ms()
        bids, asks = ([[plain(p), plain(c.amount(u))] for p, u in side] for side in self.core.book(symbol, most))
        sides = {"b": bids, "a": asks}
        return {"s": c.id, "ts": now, "u": 1, "seq": 1, "cts": now} | sides

    # ── account ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def key_info(self, call: Call) -> Any:
        wallet = [*(["AccountTransfer"] if self.rights.transfer else []), "SubMemberTransfer"] + (
            ["Withdraw"] if self.rights.withdraw else []
        )
        trade = {"ContractTrade": ["Order", "Position"], "Spot": ["SpotTrade"], "Options": [], "Derivatives": ["DerivativesTrade"]}
        return {
            "id": "1", "note": "test", "apiKey": KEY, "readOnly": 0 if self.rights.trade else 1, "secret": "",
            "permissions": trade | {"Wallet": wallet, "Exchange": []}, "ips": ["*"], "type": 1, "uta": 1, "unified": 0,
        } | self.rights.extra  # fmt: skip

    def account_info(self, call: Call) -> Any:
        mode = {"cross": "REGULAR_MARGIN", "isolated": "ISOLATED_MARGIN"}[self.core.margin_mode]
        return {"marginMode": mode, "updatedTime": "0", "unifiedMarginStatus": 5, "dcpStatus": "OFF", "timeWindow": 10, "smpGroup": 0}

    def wallet(self, call: Call) -> Any:
        if call.text("accountType") != "UNIFIED":
            raise self.error("10001", "accountType only support UNIFIED.")
        coins = []
        for coin, amount in self.core.wallets.items():
            waiting = self.core.margin_in(coin)
            coins.append({
                "coin": coin, "equity": plain(self.core.equity(coin)), "walletBalance": plain(amount), "availableToWithdraw": "",
                "unrealisedPnl": plain(self.core.unrealised_in(coin)), "totalPositionIM": plain(waiting), "totalOrderIM": "0",
                "totalPositionMM": "0", "locked": "0", "borrowAmount": "0", "accruedInterest": "0", "cumRealisedPnl": "0", "usdValue": "0",
                "marginCollateral": True, "collateralSwitch": True,
            })  # fmt: skip
        return {"list": [{"accountType": "UNIFIED", "totalEquity": "0", "accountIMRate": "0", "accountMMRate": "0", "coin": coins}]}

    def transfer(self, call: Call) -> Any:
        """Between FUND and UNIFIED of one user; the id is a UUID of the client's own."""
        ends = (call.text("fromAccountType"), call.text("toAccountType"))
        if ends not in (("FUND", "UNIFIED"), ("UNIFIED", "FUND")) or str(UUID(call.text("transferId"))) != call.text("transferId"):
            raise self.error("10001")
        moved = self.core.transfer(call.text("transferId"), call.text("coin"), Decimal(call.text("amount")), into_account=ends[0] == "FUND")
        return {"transferId": moved.client_id, "status": "SUCCESS" if moved.done else "PENDING"}

    def transfers(self, call: Call) -> Any:
        made = [one for one in self.core.transfers.values() if call.text("transferId") in ("", one.client_id)]
        rows = [
            {
                "transferId": one.client_id, "coin": one.coin, "amount": plain(abs(one.amount)),
                "fromAccountType": "FUND" if one.amount > 0 else "UNIFIED", "toAccountType": "UNIFIED" if one.amount > 0 else "FUND",
                "timestamp": str(one.at_ms), "status": "SUCCESS" if one.done else "PENDING",
            }
            for one in made
        ]  # fmt: skip
        return {"list": rows, "nextPageCursor": ""}

    def funding_wallet(self, call: Call) -> Any:
        coin = call.text("coin")
        held = plain(self.core.funding_wallets.get(coin))
        rows = [{"coin": coin, "walletBalance": held, "transferBalance": held, "bonus": ""}] if held else []
        return {"memberId": "1", "accountType": call.text("accountType"), "balance": rows}

    def fees(self, call: Call) -> Any:
        _, c = self.wanted(call)
        return {"list": [{"symbol": c.id, "makerFeeRate": plain(self.core.maker_fee), "takerFeeRate": plain(self.core.taker_fee)}]}

    def positions(self, call: Call) -> Any:
        category, wanted, coin = call.text("category"), call.text("symbol"), call.text("settleCoin", "baseCoin")
        if category == "linear" and not (wanted or coin):
            raise self.error("10001", "Missing some parameters that must be filled in, symbol or settleCoin")
        rows = []
        for symbol, c in self.core.listed.items():
            held = self.core.positions.get(symbol)
            if CATEGORY[c.kind] == category and (c.id == wanted if wanted else held and held.units and coin in ("", c.settle, c.base)):
                rows += [self.position(symbol, c, index) for index in ((1, 2) if self.core.hedge_mode else (0,))]
        if wanted and not rows:
            raise Refused("symbol")
        return self.page(call, rows, default=20, largest=200, category=category)

    def position(self, symbol: str, c: Contract, index: int) -> dict[str, Any]:
        held = self.core.position(symbol)
        units = held.units if index == 0 or (index == 1) == (held.units > 0) else 0
        mark = self.core.quotes[symbol].mark
        return {
            "positionIdx": index, "symbol": c.id, "side": "" if not units else "Buy" if units > 0 else "Sell",
            "size": plain(c.amount(abs(units))), "avgPrice": plain(self.core.entry(symbol) if units else Decimal(0), 8),
            "positionValue": plain(abs(held.cost) if units else Decimal(0), 8), "markPrice": plain(mark), "liqPrice": "", "bustPrice": "",
            "unrealisedPnl": plain(self.core.unrealised(symbol) if units else Decimal(0), 8), "positionBalance": "0", "positionIM": "0",
            "positionMM": "0", "leverage": str(self.core.leverage(symbol)), "tradeMode": 0, "positionStatus": "Normal", "autoAddMargin": 0,
            "curRealisedPnl": plain(held.realised, 8), "cumRealisedPnl": plain(held.realised, 8), "takeProfit": "", "stopLoss": "",
            "createdTime": "1700000000000", "updatedTime": str(self.core.clock_ms()), "adlRankIndicator": 0, "seq": 1,
        }  # fmt: skip

    def set_margin_mode(self, call: Call) -> Any:
        self.core.margin_mode = "isolated" if call.text("setMarginMode") == "ISOLATED_MARGIN" else "cross"
        return {"reasons": []}

    def switch_mode(self, call: Call) -> Any:
        hedged = call.text("mode") == "3"
        if hedged == self.core.hedge_mode:
            raise self.error("110025")
        self.core.hedge_mode = hedged
        return {}

    def set_leverage(self, call: Call) -> Any:
        symbol, _ = self.wanted(call)
        self.core.set_leverage(symbol, int(Decimal(call.text("buyLeverage"))))
        return {}

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, call: Call) -> Any:
        symbol, c = self.wanted(call)
        if (int(call.text("positionIdx") or 0) != 0) != self.core.hedge_mode:
            raise Refused("mode")
        tif = call.text("timeInForce") or "GTC"
        client_id = call.text("orderLinkId")
        if len(client_id) > 36:
            raise self.error("10001", "orderLinkId too long")
        order = self.core.place(
            symbol, "buy" if call.text("side") == "Buy" else "sell", c.units(Decimal(call.text("qty"))), call.number("price"),
            client_id=client_id, tif=tif.lower() if tif in ("IOC", "FOK") else "gtc", post_only=tif == "PostOnly",
            reduce_only=call.flag("reduceOnly"), on_cross="cancel",
        )  # fmt: skip
        return {"orderId": str(order.id), "orderLinkId": order.client_id}

    def cancel(self, call: Call) -> Any:
        order = self.core.cancel(self.order(call.text("orderId"), call.text("orderLinkId")))
        return {"orderId": str(order.id), "orderLinkId": order.client_id}

    def cancel_all(self, call: Call) -> Any:
        gone = [self.core.cancel(o) for o in self.scope(call, self.core.open_orders())]
        return {"list": [{"orderId": str(o.id), "orderLinkId": o.client_id} for o in gone], "success": "1"}

    def realtime(self, call: Call) -> Any:
        """Open orders; with an id also recently ended ones. Parameters that it does not know it ignores, as the venue does."""
        orders = self.scope(call, list(self.core.orders.values()))
        if venue_id := call.text("orderId"):
            orders = [o for o in orders if str(o.id) == venue_id]
        elif client_id := call.text("orderLinkId"):
            orders = [o for o in orders if o.client_id == client_id]
        else:
            orders = [o for o in orders if o.status == "open"]
        return self.listed(call, "read-open-orders", orders)

    def history(self, call: Call) -> Any:
        orders = [o for o in self.scope(call, self.core.done_orders()) if call.text("orderId") in ("", str(o.id))]
        orders = [o for o in orders if call.text("orderLinkId") in ("", o.client_id)]
        if status := call.text("orderStatus"):
            orders = [o for o in orders if self.row(o)["orderStatus"] == status]
        return self.listed(call, "read-closed-orders", [o for o in orders if self.within(call, o.created_ms)])

    def executions(self, call: Call) -> Any:
        rows = []
        kind, order_id, client_id = call.text("execType"), call.text("orderId"), call.text("orderLinkId")
        if kind in ("", "Trade", "BustTrade"):
            for t in self.faults.visible("read-trades", self.scope(call, self.core.trades)):
                if (kind == "BustTrade" and not t.liquidation) or (kind == "Trade" and t.liquidation):
                    continue
                if order_id in ("", str(t.order_id)) and client_id in ("", t.client_id):
                    c = self.core.contracts[t.symbol]
                    rows.append((t.at_ms, {
                        "symbol": c.id, "orderId": str(t.order_id), "orderLinkId": t.client_id, "side": t.side.capitalize(),
                        "orderType": "Limit", "execId": str(t.id), "execPrice": plain(t.price), "execQty": plain(c.amount(t.units)),
                        "execType": "BustTrade" if t.liquidation else "Trade", "execValue": plain(abs(c.value(t.units, t.price)), 8),
                        "execFee": plain(t.fee),
                        "feeRate": plain(t.fee_rate), "isMaker": t.maker, "execTime": str(t.at_ms), "closedSize": "0", "feeCurrency": "",
                    }))  # fmt: skip
        if kind in ("", "Funding") and not (order_id or client_id):
            for p in self.scope(call, self.core.payments):
                c = self.core.contracts[p.symbol]
                rows.append((p.at_ms, {
                    "symbol": c.id, "orderId": f"{p.id}-f", "orderLinkId": "", "side": "Sell" if p.units > 0 else "Buy",
                    "orderType": "UNKNOWN",
                    "execId": str(p.id), "execPrice": plain(p.mark), "execQty": plain(c.amount(abs(p.units))), "execType": "Funding",
                    "execValue": plain(abs(c.value(p.units, p.mark)), 8), "execFee": plain(-p.received), "feeRate": plain(p.rate),
                    "isMaker": False, "execTime": str(p.at_ms), "closedSize": "0", "feeCurrency": "",
                }))  # fmt: skip
        newest = [row for at, row in sorted(rows, key=lambda r: (r[0], int(r[1]["execId"])), reverse=True) if self.within(call, at)]
        return self.page(call, newest, default=50, largest=100, category=call.text("category"))

    def row(self, o: Order) -> dict[str, Any]:
        c = self.core.contracts[o.symbol]
        status = {"open": "PartiallyFilled" if o.filled else "New", "filled": "Filled", "cancelled": "Cancelled"}[o.status]
        left = c.amount(o.left) if o.status == "open" else Decimal(0)
        return {
            "orderId": str(o.id), "orderLinkId": o.client_id, "symbol": c.id, "price": plain(o.price or Decimal(0)),
            "qty": plain(c.amount(o.units)), "side": o.side.capitalize(), "orderStatus": status,
            "cancelType": "UNKNOWN", "rejectReason": WHY.get(o.why, "EC_NoError"),
            "avgPrice": plain(self.core.average(o), 8), "leavesQty": plain(left), "cumExecQty": plain(c.amount(o.filled)),
            "cumExecValue": plain(abs(o.spent * c.unit), 8), "cumExecFee": plain(o.fee), "timeInForce": tif_of(o), "orderType": "Limit",
            "reduceOnly": o.reduce_only, "positionIdx": 0, "tpslMode": "", "triggerPrice": "", "takeProfit": "", "stopLoss": "",
            "createdTime": str(o.created_ms), "updatedTime": str(o.updated_ms),
        }  # fmt: skip

    # ── shared by the lists ──────────────────────────────────────────────────────────────────────────────────────────

    def wanted(self, call: Call) -> tuple[str, Contract]:
        kinds = [kind for kind, category in CATEGORY.items() if category == call.text("category")]
        return self.find(call.text("symbol"), *(kinds or ["none"]))

    def scope(self, call: Call, items: list[Any]) -> list[Any]:
        category, wanted, coin = call.text("category"), call.text("symbol"), call.text("settleCoin", "baseCoin")
        kept = []
        for item in items:
            c = self.core.contracts[item.symbol]
            if CATEGORY[c.kind] == category and wanted in ("", c.id) and coin in ("", c.settle, c.base):
                kept.append(item)
        return kept

    def within(self, call: Call, at_ms: int) -> bool:
        """The window of a history: seven days at most, from startTime, or back from endTime or now."""
        start, end = call.text("startTime"), call.text("endTime")
        first = int(start) if start else (int(end) if end else self.core.clock_ms()) - WEEK_MS
        last = int(end) if end else first + WEEK_MS
        if last - first > WEEK_MS:
            raise self.error("10001", "The time range between startTime and endTime cannot exceed 7 days.")
        return first <= at_ms <= last

    def listed(self, call: Call, endpoint: str, orders: list[Order]) -> Any:
        seen = self.faults.visible(endpoint, orders)
        rows = [self.row(o) for o in sorted(seen, key=lambda o: o.id, reverse=True)]
        return self.page(call, rows, default=20, largest=50, category=call.text("category"))

    def page(self, call: Call, rows: list[Any], *, default: int, largest: int, category: str) -> Any:
        first, size = int(call.text("cursor") or 0), min(int(call.text("limit") or default), largest)
        more = str(first + size) if first + size < len(rows) else ""
        return {"category": category, "list": rows[first : first + size], "nextPageCursor": more}


def tif_of(order: Order) -> str:
    return "PostOnly" if order.post_only else order.tif.upper()
