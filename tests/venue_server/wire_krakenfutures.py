"""How does Kraken Futures speak? Everything in the query, and many a refusal inside an answer that calls itself a success."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs

from tests.venue_server.nouns import Contract, Order, Refused, Trade
from tests.venue_server.wire import EXPIRY_MS, KEY, SECRET, Answer, Call, Route, Wire

API: Final = "/derivatives/api/v3/"
REFUSALS: Final = {
    "symbol": "contractNotFound", "frozen": "marketSuspended", "duplicate": "clientOrderIdAlreadyExist", "size": "invalidSize",
    "precision": "invalidPrice", "reduce_only": "wouldNotReducePosition", "funds": "insufficientAvailableFunds",
    "post_only": "postWouldExecute", "ioc": "iocWouldNotExecute", "no_order": "notFound", "done": "notFound", "leverage": "invalidArgument",
}  # fmt: skip
IN_STATUS: Final = {*REFUSALS.values()} - {"contractNotFound", "invalidArgument"} | {
    "maxPositionViolation",
    "outsidePriceCollar",
    "tooManySmallOrders",
    "selfFill",
    "marketInactive",
}
HTTP: Final = {"Server Error": 500, "Unavailable": 503}
REMEMBERS_MS: Final = 5_000
"""How long the look-up of orders still knows one that ended."""


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def kraken_coin(coin: str) -> str:
    return {"BTC": "xbt"}.get(coin, coin.lower())


class KrakenFutures(Wire):
    unique_ids = "ever"
    default_leverage = 50
    environments = ("demo", "production")

    def listing(self) -> list[Contract]:
        one = Decimal(1)
        return [
            Contract("PI_XBTUSD", "inverse", "BTC", "USD", "BTC", one, one, Decimal("0.5")),
            Contract("PI_ETHUSD", "inverse", "ETH", "USD", "ETH", one, one, Decimal("0.05")),
            Contract("FI_XBTUSD_301231", "inverse", "BTC", "USD", "BTC", one, one, Decimal("0.5"), expiry_ms=EXPIRY_MS),
            Contract("PF_XBTUSD", "linear", "BTC", "USD", "USD", Decimal("0.0001"), Decimal("0.0001"), one),
            Contract("PF_SOLUSD", "linear", "SOL", "USD", "USD", Decimal("0.01"), Decimal("0.01"), Decimal("0.01")),
        ]

    def filler(self, coin: str) -> Contract:
        return Contract(f"PF_{coin}USD", "linear", coin, "USD", "USD", Decimal("0.01"), Decimal("0.01"), Decimal("0.0001"))

    def routes(self) -> dict[tuple[str, str], Route]:
        routes = {
            ("GET", API + "instruments"): Route("public-markets", self.instruments),
            ("GET", API + "tickers"): Route(
                "public-ticker", lambda call: {"tickers": [self.ticker(s, c) for s, c in self.core.listed.items()]}
            ),
            ("GET", API + "orderbook"): Route("public-book", self.book),
            ("GET", API + "feeschedules"): Route("public-fees", self.fees),
            ("GET", "/derivatives/api/v4/historicalfundingrates"): Route("public-funding", self.funding_rates),
        }
        for c in self.core.listed.values():
            routes["GET", f"{API}tickers/{c.id}"] = Route("public-ticker", self.one_ticker)
        private = {
            ("GET", "accounts"): ("read-balance", self.accounts),
            ("GET", "openpositions"): ("read-position", self.positions),
            ("GET", "openorders"): ("read-open-orders", self.open_orders),
            ("GET", "orders/status"): ("read-order", self.states),
            ("GET", "fills"): ("read-trades", self.fills),
            ("GET", "leveragepreferences"): ("read-account", self.leverage),
            ("PUT", "leveragepreferences"): ("set-leverage", self.set_leverage),
            ("GET", "feeschedules/volumes"): ("read-fees", lambda call: {"volumesByFeeSchedule": {"standard": 0}}),
            ("POST", "sendorder"): ("place", self.place),
            ("POST", "cancelorder"): ("cancel", self.cancel),
            ("POST", "cancelallorders"): ("cancel-all", self.cancel_all),
            ("POST", "cancelallordersafter"): ("dead-man", self.dead_man),
        }
        routes |= {(method, API + name): Route(*how, private=True) for (method, name), how in private.items()}
        routes["GET", "/api/history/v2/orders"] = Route("read-closed-orders", self.history, private=True)
        routes["GET", "/api/history/v3/account-log"] = Route("read-funding", self.account_log, private=True)
        return routes

    # ── envelope ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, call: Call) -> None:
        many = parse_qs(call.query)
        call.args = {name: values if name in ("orderIds", "cliOrdIds") else values[-1] for name, values in many.items()}

    def wrap(self, call: Call, result: Any) -> Answer:
        return Answer(
            result if call.path.startswith("/api/history/") else {"result": "success", "serverTime": iso(self.core.clock_ms()), **result}
        )

    def error(self, code: str, text: str = "", call: Call | None = None) -> Answer:
        where = {"sendorder": "sendStatus", "cancelorder": "cancelStatus"}.get(call.path.removeprefix(API)) if call is not None else None
        if call is not None and where is not None and code in IN_STATUS:
            return self.wrap(call, {where: {"status": code, "receivedTime": iso(self.core.clock_ms()), "orderEvents": []}})
        return Answer({"result": "error", "error": code, "serverTime": iso(self.core.clock_ms())}, HTTP.get(code, 200))

    def refusal(self, call: Call, refused: Refused) -> Answer:
        return self.error(REFUSALS[refused.reason], call=call)

    def maintenance(self) -> Answer:
        return self.error("Unavailable")

    def authorise(self, call: Call, route: Route) -> None:
        key, sign = call.headers.get("APIKey", ""), call.headers.get("Authent", "")
        signed = hashlib.sha256((call.query + call.path.removeprefix("/derivatives")).encode()).digest()
        true = base64.b64encode(hmac.new(base64.b64decode(SECRET), signed, hashlib.sha512).digest()).decode()
        if key != KEY or not hmac.compare_digest(true, sign) or (call.method != "GET" and not self.rights.trade):
            raise self.error("authenticationError")

    # ── public ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def instruments(self, call: Call) -> Any:
        rows = []
        for c in self.core.listed.values():
            row = {
                "symbol": c.id, "type": "futures_inverse" if c.kind == "inverse" else "flexible_futures",
                "tradeable": c.id not in self.core.closed,
                "contractSize": c.size,
                "tickSize": c.tick, "contractValueTradePrecision": -int(c.lot.normalize().as_tuple().exponent) if c.lot < 1 else 0,
                "underlying": f"rr_{kraken_coin(c.base)}usd", "impactMidSize": 1, "maxPositionSize": 1e6,
                "openingDate": "2018-08-31T00:00:00.000Z",
                "fundingRateCoefficient": 8, "maxRelativeFundingRate": 0.001, "isin": "", "feeScheduleUid": "standard", "postOnly": False,
                "pair": f"{c.base}:{c.quote}", "base": c.base, "quote": c.quote,
            }  # fmt: skip
            rows.append(row | ({"lastTradingTime": iso(c.expiry_ms)} if c.expiry_ms else {}))
        rows.append({"symbol": "in_xbtusd", "type": "spot index", "tradeable": False, "tickSize": 0.01, "contractValueTradePrecision": 0})
        return {"instruments": rows}

    def tickers(self, call: Call) -> Any:
        return {"tickers": [self.ticker(symbol, c) for symbol, c in self.core.listed.items()]}

    def one_ticker(self, call: Call) -> Any:
        return {"ticker": self.ticker(*self.find(call.path.rpartition("/")[2]))}

    def ticker(self, symbol: str, c: Contract) -> dict[str, Any]:
        """The funding rate is an amount of coin for one contract (for a linear one: of USD), not a share."""
        q = self.core.quotes[symbol]
        absolute = q.funding_rate / q.mark if c.kind == "inverse" else q.funding_rate * q.mark
        row = {
            "tag": "month" if c.expiry_ms else "perpetual", "pair": f"{kraken_coin(c.base)}:usd".upper(), "symbol": c.id,
            "markPrice": q.mark,
            "bid": q.bid, "bidSize": c.amount(q.bid_units), "ask": q.ask, "askSize": c.amount(q.ask_units), "vol24h": 0, "volumeQuote": 0,
            "openInterest": 0, "open24h": q.mark, "indexPrice": q.index, "last": q.mark, "lastTime": iso(self.core.clock_ms()),
            "lastSize": 1,
            "suspended": self.core.frozen, "postOnly": False, "change24h": 0,
        }  # fmt: skip
        return row if c.expiry_ms else row | {"fundingRate": absolute, "fundingRatePrediction": absolute}

    def book(self, call: Call) -> Any:
        symbol, c = self.find(call.text("symbol"))
        bids, asks = ([[p, c.amount(u)] for p, u in side] for side in self.core.book(symbol))
        return {"orderBook": {"bids": bids, "asks": asks}}

    def fees(self, call: Call) -> Any:
        tier = {"makerFee": self.core.maker_fee * 100, "takerFee": self.core.taker_fee * 100, "usdVolume": 0}
        return {"feeSchedules": [{"uid": "standard", "name": "Standard", "tiers": [tier]}]}

    def funding_rates(self, call: Call) -> Any:
        symbol, c = self.find(call.text("symbol"))
        q = self.core.quotes[symbol]
        past = [(p.at_ms, p.rate, p.mark) for p in self.core.payments if p.symbol == symbol]
        hour = self.core.clock_ms() // 3_600_000 * 3_600_000
        rows = []
        for at_ms, rate, mark in [*past, (hour, q.funding_rate, q.mark)]:
            absolute = rate / mark if c.kind == "inverse" else rate * mark
            rows.append({"timestamp": iso(at_ms), "fundingRate": absolute, "relativeFundingRate": rate})
        return {"rates": rows}

    # ── account ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def accounts(self, call: Call) -> Any:
        shown: dict[str, Any] = {
            "cash": {"type": "cashAccount", "balances": {}},
            "flex": {"type": "multiCollateralMarginAccount", "currencies": {}, "availableMargin": 0, "marginEquity": 0},
        }
        for coin, cash in self.core.wallets.items():
            name, margin = kraken_coin(coin), self.core.margin_in(coin)
            shown[f"fi_{name}usd"] = {
                "type": "marginAccount", "currency": name, "balances": {name: cash}, "marginRequirements": {"im": margin, "mm": margin / 2},
                "auxiliary": {
                    "usd": 0, "pv": self.core.equity(coin), "pnl": self.core.unrealised_in(coin), "af": self.core.available(coin),
                    "funding": 0,
                },
            }  # fmt: skip
        return {"accounts": shown}

    def positions(self, call: Call) -> Any:
        rows = []
        for symbol, held in self.core.positions.items():
            c = self.core.contracts[symbol]
            if held.units:
                row = {
                    "side": "long" if held.units > 0 else "short",
                    "symbol": c.id,
                    "price": self.core.entry(symbol),
                    "size": c.amount(abs(held.units)),
                }
                isolated = {"maxFixedLeverage": self.core.leverage(symbol)} if symbol in self.core.isolated else {}
                rows.append(row | isolated | {"fillTime": "2023-11-14T22:13:20.000Z", "unrealizedFunding": 0, "pnlCurrency": c.settle})
        return {"openPositions": rows}

    def leverage(self, call: Call) -> Any:
        """Only contracts in isolated mode have a row."""
        return {
            "leveragePreferences": [{"symbol": self.core.contracts[s].id, "maxLeverage": self.core.leverage(s)} for s in self.core.isolated]
        }

    def set_leverage(self, call: Call) -> Any:
        symbol, _ = self.find(call.text("symbol"))
        self.core.isolated.discard(symbol)
        if wanted := call.text("maxLeverage"):
            self.core.leverages[symbol] = int(Decimal(wanted))
            self.core.isolated.add(symbol)
        return {}

    def account_log(self, call: Call) -> Any:
        since, before = int(call.text("since") or 0), int(call.text("before") or 10**15)
        logs = []
        for p in self.core.payments if call.text("sort") == "asc" else reversed(self.core.payments):
            c = self.core.contracts[p.symbol]
            if since <= p.at_ms <= before and call.text("info") in ("", "funding rate change"):
                logs.append({
                    "id": p.id, "date": iso(p.at_ms), "asset": kraken_coin(c.settle), "info": "funding rate change",
                    "booking_uid": str(p.id),
                    "contract": c.id.lower(), "margin_account": f"f-{kraken_coin(c.base)}:usd", "mark_price": p.mark,
                    "realized_funding": p.received,
                    "funding_rate": p.rate / p.mark, "old_balance": 0, "new_balance": 0, "fee": None, "realized_pnl": None,
                    "trade_price": None,
                })  # fmt: skip
        return {"accountUid": "test", "logs": logs[: int(call.text("count") or 500)]}

    def dead_man(self, call: Call) -> Any:
        seconds = int(call.text("timeout"))
        due = self.core.set_dead_man(seconds * 1000)
        return {"status": {"currentTime": iso(self.core.clock_ms()), "triggerTime": iso(due) if due else "0"}}

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, call: Call) -> Any:
        symbol, c = self.find(call.text("symbol"))
        kind, before = call.text("orderType"), len(self.core.trades)
        if kind not in ("lmt", "post", "ioc", "mkt"):
            return self.said("sendStatus", "invalidOrderType", [])
        side: Any = call.text("side")
        order = self.core.place(
            symbol, side, c.units(Decimal(call.text("size"))), call.number("limitPrice"), client_id=call.text("cliOrdId"),
            tif="ioc" if kind == "ioc" else "gtc", post_only=kind == "post", reduce_only=call.flag("reduceOnly"), on_cross="reject",
        )  # fmt: skip
        made = [t for t in self.core.trades[before:] if t.order_id == order.id]
        if kind == "ioc" and not made:
            del self.core.orders[order.id]
            raise Refused("ioc")
        events = [self.execution(order, t) for t in made] or [{"type": "PLACE", "order": self.placed(order), "reducedQuantity": None}]
        return self.said("sendStatus", "placed", events, order)

    def said(self, where: str, status: str, events: list[Any], order: Order | None = None) -> Any:
        ids = {"order_id": str(order.id), "cliOrdId": order.client_id} if order else {}
        return {where: {"status": status, "receivedTime": iso(self.core.clock_ms()), "orderEvents": events, **ids}}

    def placed(self, o: Order, filled: int | None = None) -> dict[str, Any]:
        c = self.core.contracts[o.symbol]
        kind = "post" if o.post_only else "ioc" if o.tif == "ioc" else "lmt"
        return {
            "orderId": str(o.id), "cliOrdId": o.client_id or None, "type": kind, "symbol": c.id, "side": o.side,
            "quantity": c.amount(o.units),
            "filled": c.amount(o.filled if filled is None else filled), "limitPrice": o.price, "reduceOnly": o.reduce_only,
            "timestamp": iso(o.created_ms), "lastUpdateTimestamp": iso(o.updated_ms),
        }  # fmt: skip

    def execution(self, o: Order, t: Trade) -> dict[str, Any]:
        amount = self.core.contracts[t.symbol].amount(t.units)
        before = self.placed(o, filled=0)
        return {
            "type": "EXECUTION",
            "executionId": str(t.id),
            "price": t.price,
            "amount": amount,
            "orderPriorEdit": None,
            "orderPriorExecution": before,
        }

    def cancel(self, call: Call) -> Any:
        order = self.order(call.text("order_id"), call.text("cliOrdId"))
        if order is not None and order.status == "filled":
            return self.said("cancelStatus", "filled", [], order)
        order = self.core.cancel(order)
        return self.said("cancelStatus", "cancelled", [{"type": "CANCEL", "uid": str(order.id), "order": self.placed(order)}], order)

    def cancel_all(self, call: Call) -> Any:
        symbol = self.find(call.text("symbol"))[0] if call.text("symbol") else None
        gone = [self.core.cancel(o) for o in self.core.open_orders(symbol)]
        ids = [{"order_id": str(o.id), "cliOrdId": o.client_id} for o in gone]
        return {"cancelStatus": {"cancelOnly": "all", "status": "cancelled" if gone else "noOrdersToCancel", "cancelledOrders": ids}}

    def states(self, call: Call) -> Any:
        """Open orders, and for a few seconds those that ended."""
        ids, names = set(call.args.get("orderIds", [])), set(call.args.get("cliOrdIds", []))
        now = self.core.clock_ms()
        known = [o for o in self.core.orders.values() if o.status == "open" or now - o.updated_ms <= REMEMBERS_MS]
        seen = self.faults.visible("read-order", [o for o in known if str(o.id) in ids or (o.client_id and o.client_id in names)])
        words = {"open": "ENTERED_BOOK", "filled": "FULLY_EXECUTED", "cancelled": "CANCELLED"}
        return {"orders": [{"order": self.placed(o), "status": words[o.status], "updateReason": None, "error": None} for o in seen]}

    def open_orders(self, call: Call) -> Any:
        rows = []
        for o in self.faults.visible("read-open-orders", self.core.open_orders()):
            c = self.core.contracts[o.symbol]
            rows.append({
                "order_id": str(o.id), "cliOrdId": o.client_id or None, "symbol": c.id, "side": o.side,
                "orderType": "post" if o.post_only else "lmt",
                "limitPrice": o.price, "unfilledSize": c.amount(o.left), "filledSize": c.amount(o.filled), "reduceOnly": o.reduce_only,
                "status": "partiallyFilled" if o.filled else "untouched", "receivedTime": iso(o.created_ms),
                "lastUpdateTime": iso(o.updated_ms),
            })  # fmt: skip
        return {"openOrders": rows}

    def history(self, call: Call) -> Any:
        since, before = int(call.text("since") or 0), int(call.text("before") or 10**15)
        rows = []
        for o in reversed(self.faults.visible("read-closed-orders", list(self.core.orders.values()))):
            c = self.core.contracts[o.symbol]
            if call.text("tradeable").upper() not in ("", c.id.upper()):
                continue
            order = {
                "uid": str(o.id), "accountUid": "test", "tradeable": c.id, "direction": o.side.capitalize(),
                "quantity": str(c.amount(o.units)),
                "filled": str(c.amount(o.filled)), "limitPrice": str(o.price), "orderType": "Post" if o.post_only else "Limit",
                "clientId": o.client_id, "reduceOnly": o.reduce_only, "timestamp": o.created_ms, "lastUpdateTimestamp": o.updated_ms,
            }  # fmt: skip
            ended = {"OrderUpdated": {"reason": "full_fill", "newOrder": order, "oldOrder": order}}
            if o.status == "cancelled":
                ended = {"OrderCancelled": {"reason": "cancelled_by_user" if o.why == "user" else o.why, "order": order}}
            events = [(o.created_ms, {"OrderPlaced": {"reason": "new_user_order", "order": {**order, "filled": "0"}}})]
            events = [(o.updated_ms, ended), *events] if o.status != "open" else events
            rows += [{"uid": f"{o.id}-{at_ms}", "timestamp": at_ms, "event": event} for at_ms, event in events if since <= at_ms <= before]
        first, size = int(call.text("continuation_token") or 0), int(call.text("count") or 1000)
        more = {"continuationToken": str(first + size)} if first + size < len(rows) else {}
        return {"accountUid": "test", "len": len(rows), "elements": rows[first : first + size], **more}

    def fills(self, call: Call) -> Any:
        rows = []
        for t in reversed(self.faults.visible("read-trades", self.core.trades)):
            c = self.core.contracts[t.symbol]
            ids = {"fill_id": str(t.id), "order_id": str(t.order_id), "cliOrdId": t.client_id or None, "symbol": c.id, "side": t.side}
            rows.append(
                {
                    **ids,
                    "size": c.amount(t.units),
                    "price": t.price,
                    "fillTime": iso(t.at_ms),
                    "fillType": "liquidation" if t.liquidation else "maker" if t.maker else "taker",
                }
            )
        last = call.text("lastFillTime")
        return {"fills": [row for row in rows if not last or row["fillTime"] < last][:100]}
