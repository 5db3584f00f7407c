"""How does Binance COIN-M speak? Whole contracts, errors as HTTP 400 with a negative code, ids that are unique among open orders."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.venue_server.nouns import Contract, Order, Refused
from tests.venue_server.wire import EXPIRY_MS, KEY, SECRET, Answer, Call, Route, Wire, plain

TEXTS: Final = {
    "-1003": "Too many requests; current limit is 2400 requests per minute.",
    "-1008": "Server is currently overloaded with other requests. Please try again in a few minutes.",
    "-1015": "Too many new orders; current limit is 1200 orders per ONE_MINUTE.",
    "-1016": "This service is no longer available.",
    "-1021": "Timestamp for this request is outside of the recvWindow.",
    "-1022": "Signature for this request is not valid.",
    "-1102": "Mandatory parameter was not sent, was empty/null, or malformed.",
    "-1128": "Combination of optional parameters invalid.",
    "-1127": "More than 168 hours between startTime and endTime.",
    "-1111": "Precision is over the maximum defined for this asset.",
    "-1121": "Invalid symbol.",
    "-2011": "Unknown order sent.",
    "-2013": "Order does not exist.",
    "-2014": "API-key format invalid.",
    "-2015": "Invalid API-key, IP, or permissions for action.",
    "-2019": "Margin is insufficient.",
    "-2022": "ReduceOnly Order is rejected.",
    "-2028": "Leverage is smaller than permitted: insufficient margin balance.",
    "-4003": "Quantity less than or equal to zero.",
    "-4028": "Leverage is not valid",
    "-4046": "No need to change margin type.",
    "-4059": "No need to change position side.",
    "-4061": "Order's position side does not match user's setting.",
    "-4108": "This symbol is in delivering or delivered or settling or closed or preparing trading status.",
    "-4116": "ClientOrderId is duplicated.",
    "-5022": "Due to the order could not be executed as maker, the Post Only order will be rejected.",
}
REFUSALS: Final = {
    "symbol": "-1121", "frozen": "-4108", "duplicate": "-4116", "size": "-4003", "precision": "-1111", "reduce_only": "-2022",
    "funds": "-2019", "post_only": "-5022", "no_order": "-2013", "done": "-2011", "leverage": "-4028",
    "leverage_margin": "-2028", "mode": "-4061",
}  # fmt: skip
HTTP: Final = {"-1003": 429, "-1008": 503, "-1015": 429, "-1016": 503, "-2014": 401, "-2015": 401}
WEEK_MS: Final = 7 * 86_400_000
TIFS: Final = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "GTX": "gtc"}


class BinanceCoinM(Wire):
    unique_ids = "open"
    default_leverage = 20
    environments = ("demo", "production")

    def listing(self) -> list[Contract]:
        def coin_m(name: str, kind: Any, base: str, settle: str, size: int, tick: str, expiry: int | None = None) -> Contract:
            worth = Decimal(size)
            return Contract(
                name, kind, base, "USD", settle, worth, Decimal(1), Decimal(tick), expiry_ms=expiry, max_leverage=125, size=worth
            )

        return [
            coin_m("BTCUSD_PERP", "inverse", "BTC", "BTC", 100, "0.1"),
            coin_m("ETHUSD_PERP", "inverse", "ETH", "ETH", 10, "0.01"),
            coin_m("BTCUSD_301231", "inverse", "BTC", "BTC", 100, "0.1", EXPIRY_MS),
            coin_m("ETHUSD_BTC_PERP", "quanto", "ETH", "BTC", 10, "0.01"),
        ]

    def filler(self, coin: str) -> Contract:
        return Contract(f"{coin}USD_PERP", "inverse", coin, "USD", coin, Decimal(10), Decimal(1), Decimal("0.0001"), size=Decimal(10))

    def routes(self) -> dict[tuple[str, str], Route]:
        public = {
            "time": ("public-time", lambda call: {"serverTime": self.core.clock_ms()}),
            "exchangeInfo": ("public-markets", self.instruments),
            "premiumIndex": ("public-mark", self.premium),
            "ticker/24hr": ("public-ticker", self.tickers),
            "ticker/bookTicker": ("public-ticker", self.touch),
            "depth": ("public-book", self.book),
            "fundingRate": ("public-funding", self.funding_rates),
        }
        get = {
            "account": ("read-balance", self.account),
            "balance": ("read-balance", lambda call: self.account(call)["assets"]),
            "positionRisk": ("read-position", self.positions),
            "positionSide/dual": ("read-account", lambda call: {"dualSidePosition": self.core.hedge_mode}),
            "commissionRate": ("read-fees", self.fees),
            "income": ("read-funding", self.income),
            "order": ("read-order", self.state),
            "openOrder": ("read-order", self.state),
            "openOrders": ("read-open-orders", self.open_orders),
            "allOrders": ("read-closed-orders", self.all_orders),
            "userTrades": ("read-trades", self.trades),
        }
        post = {
            "order": ("place", self.place),
            "leverage": ("set-leverage", self.set_leverage),
            "marginType": ("set-mode", self.set_margin_mode),
            "positionSide/dual": ("set-mode", self.set_position_mode),
            "countdownCancelAll": ("dead-man", self.dead_man),
        }
        routes = {("GET", f"/dapi/v1/{name}"): Route(*how) for name, how in public.items()}
        routes |= {("GET", f"/dapi/v1/{name}"): Route(*how, private=True) for name, how in get.items()}
        routes |= {("POST", f"/dapi/v1/{name}"): Route(*how, private=True) for name, how in post.items()}
        routes |= {
            ("DELETE", "/dapi/v1/order"): Route("cancel", self.cancel, private=True),
            ("DELETE", "/dapi/v1/allOpenOrders"): Route("cancel-all", self.cancel_all, private=True),
            ("GET", "/dapi/v2/leverageBracket"): Route("read-account", self.brackets, private=True),
            ("GET", "/sapi/v1/account/apiRestrictions"): Route("read-account", self.restrictions, private=True),
        }
        lists = ("capital/config/getall", "margin/allPairs", "margin/isolated/allPairs")
        return routes | {("GET", f"/sapi/v1/{name}"): Route("read-account", lambda call: [], private=True) for name in lists}

    # ── envelope ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, call: Call) -> None:
        call.args = dict(parse_qsl(call.body or call.query))

    def wrap(self, call: Call, result: Any) -> Answer:
        return Answer(result)

    def error(self, code: str, text: str = "", call: Call | None = None) -> Answer:
        return Answer({"code": int(code), "msg": text or TEXTS.get(code, "error")}, HTTP.get(code, 400))

    def refusal(self, call: Call, refused: Refused) -> Answer:
        unknown_to_cancel = refused.reason == "no_order" and call.method == "DELETE"
        return self.error("-2011" if unknown_to_cancel else REFUSALS[refused.reason])

    def maintenance(self) -> Answer:
        return self.error("-1016")

    def authorise(self, call: Call, route: Route) -> None:
        key = call.headers.get("X-MBX-APIKEY", "")
        signed, _, sign = (call.body or call.query).rpartition("&signature=")
        if not key:
            raise self.error("-2014")
        if key != KEY:
            raise self.error("-2015")
        if not call.path.startswith("/sapi/v1/margin/") and not sign:
            raise self.error("-1102")
        if sign and not hmac.compare_digest(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest(), sign):
            raise self.error("-1022")
        late = self.core.clock_ms() - int(call.text("timestamp") or self.core.clock_ms())
        if late > int(call.text("recvWindow") or 5000) or late < -1000:
            raise self.error("-1021")
        if call.method != "GET" and not self.rights.trade:
            raise self.error("-2015")

    # ── public ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def instruments(self, call: Call) -> Any:
        return {
            "timezone": "UTC",
            "serverTime": self.core.clock_ms(),
            "symbols": [self.instrument(c) for c in self.core.listed.values()],
        }

    def instrument(self, c: Contract) -> dict[str, Any]:
        lots = {"minQty": plain(c.amount(c.min_units)), "maxQty": plain(c.amount(c.max_units)), "stepSize": plain(c.lot)}
        return {
            "symbol": c.id, "pair": f"{c.base}{c.quote}", "contractType": "CURRENT_QUARTER" if c.expiry_ms else "PERPETUAL",
            "deliveryDate": c.expiry_ms or 4_133_404_800_000, "onboardDate": 1_597_042_800_000,
            "contractStatus": "SETTLING" if c.id in self.core.closed else "TRADING",
            "contractSize": int(c.size), "quoteAsset": c.quote, "baseAsset": c.base, "marginAsset": c.settle, "pricePrecision": 2,
            "quantityPrecision": 0, "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN",
            "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": plain(c.tick), "maxPrice": "4520958", "tickSize": plain(c.tick)},
                {"filterType": "LOT_SIZE", **lots}, {"filterType": "MARKET_LOT_SIZE", **lots},
            ],
        }  # fmt: skip

    def listed(self, call: Call) -> list[tuple[str, Contract]]:
        """One contract, or all of them; both as a list."""
        return [self.find(call.text("symbol"))] if call.text("symbol") else list(self.core.listed.items())

    def premium(self, call: Call) -> Any:
        hours8 = 8 * 3_600_000
        rows = []
        for symbol, c in self.listed(call):
            q = self.core.quotes[symbol]
            rows.append({
                "symbol": c.id, "pair": f"{c.base}{c.quote}", "markPrice": plain(q.mark), "indexPrice": plain(q.index),
                "estimatedSettlePrice": plain(q.index), "lastFundingRate": "" if c.expiry_ms else plain(q.funding_rate),
                "interestRate": "" if c.expiry_ms else "0.0001", "time": self.core.clock_ms(),
                "nextFundingTime": 0 if c.expiry_ms else (self.core.clock_ms() // hours8 + 1) * hours8,
            })  # fmt: skip
        return rows

    def tickers(self, call: Call) -> Any:
        rows = []
        for symbol, c in self.listed(call):
            last = plain(self.core.quotes[symbol].mark)
            prices = {f"{name}Price": last for name in ("last", "open", "high", "low", "weightedAvg")}
            rows.append({"symbol": c.id, "volume": "0", "baseVolume": "0", "closeTime": self.core.clock_ms(), **prices})
        return [row | {"weightedAvgPrice": row["lastPrice"], "priceChange": "0", "priceChangePercent": "0"} for row in rows]

    def touch(self, call: Call) -> Any:
        rows = []
        for symbol, c in self.listed(call):
            q = self.core.quotes[symbol]
            sides = {
                "bidPrice": plain(q.bid),
                "bidQty": plain(c.amount(q.bid_units)),
                "askPrice": plain(q.ask),
                "askQty": plain(c.amount(q.ask_units)),
            }
            rows.append({"symbol": c.id, "pair": f"{c.base}{c.quote}", **sides, "time": self.core.clock_ms()})
        return rows

    def book(self, call: Call) -> Any:
        symbol, c = self.find(call.text("symbol"))
        sides = self.core.book(symbol, int(call.text("limit") or 500))
        bids, asks = ([[plain(price), plain(c.amount(units))] for price, units in side] for side in sides)
        return {"symbol": c.id, "lastUpdateId": 1, "E": self.core.clock_ms(), "T": self.core.clock_ms(), "bids": bids, "asks": asks}

    # ── account ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def account(self, call: Call) -> Any:
        assets = [
            {
                "asset": coin, "walletBalance": plain(cash, 8), "unrealizedProfit": plain(self.core.unrealised_in(coin), 8),
                "marginBalance": plain(self.core.equity(coin), 8), "balance": plain(cash, 8), "maintMargin": "0",
                "initialMargin": plain(self.core.margin_in(coin), 8), "availableBalance": plain(self.core.available(coin), 8),
                "crossWalletBalance": plain(cash, 8), "crossUnPnl": plain(self.core.unrealised_in(coin), 8),
                "maxWithdrawAmount": plain(self.core.available(coin), 8), "updateTime": self.core.clock_ms(),
            }
            for coin, cash in self.core.wallets.items()
        ]  # fmt: skip
        positions = [
            {"symbol": c.id, "leverage": str(self.core.leverage(s)), "isolated": s in self.core.isolated} for s, c in self.listed(call)
        ]
        return {
            "assets": assets,
            "positions": positions,
            "canTrade": True,
            "canDeposit": True,
            "canWithdraw": True,
            "feeTier": 0,
            "updateTime": 0,
        }

    def restrictions(self, call: Call) -> Any:
        rights = {"enableReading": True, "enableFutures": self.rights.trade, "enableWithdrawals": self.rights.withdraw, "ipRestrict": False}
        return rights | {"enableInternalTransfer": False, "permitsUniversalTransfer": False, **self.rights.extra}

    def brackets(self, call: Call) -> Any:
        step = {"bracket": 1, "initialLeverage": 125, "qtyCap": 10**9, "qtyFloor": 0, "maintMarginRatio": 0.004, "cum": 0}
        return [{"symbol": c.id, "brackets": [step]} for _, c in self.listed(call)]

    def positions(self, call: Call) -> Any:
        """Every contract has a row, flat ones too; in hedge mode one for each side."""
        sides = ("LONG", "SHORT") if self.core.hedge_mode else ("BOTH",)
        return [self.position(symbol, c, side) for symbol, c in self.listed(call) for side in sides]

    def position(self, symbol: str, c: Contract, side: str) -> dict[str, Any]:
        units = self.core.positions[symbol].units if symbol in self.core.positions else 0
        units = units if side == "BOTH" or (side == "LONG") == (units > 0) else 0
        mark = self.core.quotes[symbol].mark
        return {
            "symbol": c.id, "positionAmt": str(units), "entryPrice": plain(self.core.entry(symbol), 8) if units else "0.0",
            "markPrice": plain(mark, 8) if units else "0.00000000",
            "unRealizedProfit": plain(self.core.unrealised(symbol) if units else 0, 8),
            "liquidationPrice": "0", "leverage": str(self.core.leverage(symbol)), "maxQty": "100", "isAutoAddMargin": "false",
            "marginType": "isolated" if symbol in self.core.isolated else "cross", "isolatedMargin": "0.00000000", "isolatedWallet": "0",
            "positionSide": side, "notionalValue": plain(c.value(units, mark), 8), "updateTime": self.core.clock_ms() if units else 0,
        }  # fmt: skip

    def fees(self, call: Call) -> Any:
        _, c = self.find(call.text("symbol"))
        return {"symbol": c.id, "makerCommissionRate": plain(self.core.maker_fee), "takerCommissionRate": plain(self.core.taker_fee)}

    def income(self, call: Call) -> Any:
        rows = []
        for p in self.core.payments:
            c = self.core.contracts[p.symbol]
            if call.text("incomeType") in ("", "FUNDING_FEE") and call.text("symbol") in ("", c.id) and self.within(call, p.at_ms):
                row = {"symbol": c.id, "incomeType": "FUNDING_FEE", "income": plain(p.received), "asset": c.settle, "time": p.at_ms}
                rows.append(row | {"info": "", "tranId": p.id, "tradeId": ""})
        return rows[: int(call.text("limit") or 100)]

    def funding_rates(self, call: Call) -> Any:
        """Every rate that was settled, oldest first; each contract has one at a time."""
        symbol, c = self.find(call.text("symbol"))
        rates = {p.at_ms: p for p in self.core.payments if p.symbol == symbol and self.within(call, p.at_ms)}
        rows = [
            {"symbol": c.id, "fundingTime": at_ms, "fundingRate": plain(p.rate), "markPrice": plain(p.mark)} for at_ms, p in rates.items()
        ]
        return rows[: int(call.text("limit") or 100)]

    def set_leverage(self, call: Call) -> Any:
        symbol, c = self.find(call.text("symbol"))
        wanted = int(call.text("leverage"))
        if wanted != self.core.leverage(symbol):  # setting what is set is no error here
            self.core.set_leverage(symbol, wanted)
        return {"symbol": c.id, "leverage": wanted, "maxQty": "1000"}

    def set_margin_mode(self, call: Call) -> Any:
        symbol, _ = self.find(call.text("symbol"))
        isolated = call.text("marginType") == "ISOLATED"
        if isolated == (symbol in self.core.isolated):
            raise self.error("-4046")
        (self.core.isolated.add if isolated else self.core.isolated.discard)(symbol)
        return {"code": 200, "msg": "success"}

    def set_position_mode(self, call: Call) -> Any:
        if call.flag("dualSidePosition") == self.core.hedge_mode:
            raise self.error("-4059")
        self.core.hedge_mode = call.flag("dualSidePosition")
        return {"code": 200, "msg": "success"}

    def dead_man(self, call: Call) -> Any:
        symbol, c = self.traded(call)
        self.core.set_dead_man(int(call.text("countdownTime")), symbol)
        return {"symbol": c.id, "countdownTime": call.text("countdownTime")}

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def traded(self, call: Call) -> tuple[str, Contract]:
        symbol, c = self.find(call.text("symbol"))
        if c.id in self.core.closed:
            raise Refused("frozen")
        return symbol, c

    def place(self, call: Call) -> Any:
        symbol, c = self.traded(call)
        if (call.text("positionSide") or "BOTH") != "BOTH" if not self.core.hedge_mode else not call.text("positionSide"):
            raise Refused("mode")
        tif = call.text("timeInForce") or "GTC"
        order = self.core.place(
            symbol, "buy" if call.text("side") == "BUY" else "sell", c.units(Decimal(call.text("quantity"))), call.number("price"),
            client_id=call.text("newClientOrderId"), tif=TIFS[tif], post_only=tif == "GTX",
            reduce_only=call.flag("reduceOnly"), on_cross="reject",
        )  # fmt: skip
        return self.row(order)

    def wanted(self, call: Call) -> Order | None:
        symbol, _ = self.find(call.text("symbol"))
        order = self.order(call.text("orderId"), call.text("origClientOrderId"))
        return order if order is not None and order.symbol == symbol else None

    def cancel(self, call: Call) -> Any:
        return self.row(self.core.cancel(self.wanted(call)))

    def cancel_all(self, call: Call) -> Any:
        symbol, _ = self.find(call.text("symbol"))
        for order in self.core.open_orders(symbol):
            self.core.cancel(order)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def state(self, call: Call) -> Any:
        order = self.wanted(call)
        only_open = call.path.endswith("/openOrder")
        if order is None or not self.faults.visible("read-order", [order]) or (only_open and order.status != "open"):
            raise Refused("no_order")
        return self.row(order)

    def open_orders(self, call: Call) -> Any:
        symbol = self.find(call.text("symbol"))[0] if call.text("symbol") else None
        return [self.row(o) for o in self.faults.visible("read-open-orders", self.core.open_orders(symbol))]

    def all_orders(self, call: Call) -> Any:
        symbol, _ = self.find(call.text("symbol"))
        mine = [o for o in self.core.orders.values() if o.symbol == symbol and self.within(call, o.created_ms)]
        return [self.row(o) for o in self.faults.visible("read-closed-orders", mine)][-int(call.text("limit") or 50) :]

    def trades(self, call: Call) -> Any:
        symbol, c = self.find(call.text("symbol"))
        mine = [t for t in self.core.trades if t.symbol == symbol and self.within(call, t.at_ms)]
        if first := call.text("fromId"):
            if call.text("startTime") or call.text("endTime"):
                raise self.error("-1128")
            mine = [t for t in mine if t.id >= int(first)][: int(call.text("limit") or 50)]
        seen = [t for t in self.faults.visible("read-trades", mine) if call.text("orderId") in ("", str(t.order_id))]
        limit = int(call.text("limit") or 50)
        return [
            {
                "symbol": c.id, "id": t.id, "orderId": t.order_id, "pair": f"{c.base}{c.quote}", "side": t.side.upper(),
                "price": plain(t.price),
                "qty": str(t.units), "realizedPnl": plain(t.realised, 8), "marginAsset": c.settle,
                "baseQty": plain(abs(c.value(t.units, t.price)), 8),
                "commission": plain(t.fee), "commissionAsset": c.settle, "time": t.at_ms, "positionSide": "BOTH", "buyer": t.side == "buy",
                "maker": t.maker,
            }
            for t in (seen[:limit] if call.text("startTime") else seen[-limit:])
        ]  # fmt: skip

    def within(self, call: Call, at_ms: int) -> bool:
        """The window of a history: seven days at most, from startTime, or back from endTime or now; whoever asks by fromId has none."""
        if call.text("fromId"):
            return True
        start, end = call.text("startTime"), call.text("endTime")
        first = int(start) if start else (int(end) if end else self.core.clock_ms()) - WEEK_MS
        last = int(end) if end else first + WEEK_MS
        if last - first > WEEK_MS:
            raise self.error("-1127")
        return first <= at_ms <= last

    def row(self, o: Order) -> dict[str, Any]:
        c = self.core.contracts[o.symbol]
        status = {
            "open": "PARTIALLY_FILLED" if o.filled else "NEW",
            "filled": "FILLED",
            "cancelled": "EXPIRED" if o.why == "ioc" else "CANCELED",
        }
        return {
            "orderId": o.id, "symbol": c.id, "pair": f"{c.base}{c.quote}", "status": status[o.status],
            "clientOrderId": f"autoclose-{o.id}" if o.why == "liquidation" and not o.own else o.client_id,
            "price": plain(o.price), "avgPrice": plain(self.core.average(o) or Decimal(0), 8), "origQty": str(o.units),
            "executedQty": str(o.filled),
            "cumBase": plain(abs(o.spent * c.unit), 8), "timeInForce": "GTX" if o.post_only else o.tif.upper(), "type": "LIMIT",
            "reduceOnly": o.reduce_only, "closePosition": False, "side": o.side.upper(), "positionSide": "BOTH", "stopPrice": "0",
            "workingType": "CONTRACT_PRICE", "priceProtect": False, "origType": "LIMIT", "time": o.created_ms, "updateTime": o.updated_ms,
        }  # fmt: skip
