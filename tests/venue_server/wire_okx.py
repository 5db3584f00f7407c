"""How does OKX speak? Contracts of 100 USD in tenths, errors inside a list, and a header that tells demo from real money."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.venue_server.nouns import Contract, Order, Refused, Trade
from tests.venue_server.okx_codes import HTTP, REFUSALS, SOURCE, TEXTS
from tests.venue_server.wire import EXPIRY_MS, KEY, PASSPHRASE, SECRET, Answer, Call, Route, Wire, plain

TYPE: Final = {"inverse": "SWAP", "quanto": "SWAP", "linear": "SWAP", "spot": "SPOT"}


class Okx(Wire):
    unique_ids = "ever"
    default_leverage = 3

    def listing(self) -> list[Contract]:
        def swap(
            kind: Any, name: str, base: str, quote: str, settle: str, size: str, lot: str, tick: str, expiry: int | None = None
        ) -> Contract:
            unit = Decimal(size) * Decimal(lot)
            return Contract(
                name, kind, base, quote, settle, unit, Decimal(lot), Decimal(tick), expiry_ms=expiry, max_leverage=100, size=Decimal(size)
            )

        return [
            swap("inverse", "BTC-USD-SWAP", "BTC", "USD", "BTC", "100", "0.1", "0.1"),
            swap("inverse", "ETH-USD-SWAP", "ETH", "USD", "ETH", "10", "1", "0.01"),
            swap("inverse", "BTC-USD-301231", "BTC", "USD", "BTC", "100", "1", "0.1", EXPIRY_MS),
            swap("quanto", "ETH-USD_BTC-SWAP", "ETH", "USD", "BTC", "10", "1", "0.01"),
            swap("linear", "BTC-USDT-SWAP", "BTC", "USDT", "USDT", "0.01", "0.01", "0.1"),
            swap("linear", "SOL-USDT-SWAP", "SOL", "USDT", "USDT", "1", "0.01", "0.01"),
            Contract("BTC-USDT", "spot", "BTC", "USDT", "", Decimal("0.00000001"), Decimal("0.00000001"), Decimal("0.1"), min_units=1000),
        ]

    def filler(self, coin: str) -> Contract:
        return Contract(f"{coin}-USDT-SWAP", "linear", coin, "USDT", "USDT", Decimal(1), Decimal(1), Decimal("0.0001"))

    def routes(self) -> dict[tuple[str, str], Route]:
        public = {
            "public/time": ("public-time", lambda call: [{"ts": str(self.core.clock_ms())}]),
            "public/instruments": ("public-markets", self.instruments),
            "public/mark-price": ("public-mark", self.mark),
            "public/funding-rate": ("public-funding", self.funding_rate),
            "market/index-tickers": ("public-index", self.index),
            "market/ticker": ("public-ticker", self.tickers),
            "market/tickers": ("public-ticker", self.tickers),
            "market/books": ("public-book", self.book),
        }
        get = {
            "account/config": ("read-account", self.config),
            "account/balance": ("read-balance", self.balance),
            "account/positions": ("read-position", self.positions),
            "account/leverage-info": ("read-account", self.leverage),
            "account/trade-fee": ("read-fees", self.fees),
            "account/bills": ("read-funding", self.bills),
            "account/bills-archive": ("read-funding", self.bills),
            "asset/currencies": ("read-account", lambda call: []),
            "trade/order": ("read-order", self.state),
            "trade/orders-pending": ("read-open-orders", self.pending),
            "trade/orders-history": ("read-closed-orders", self.history),
            "asset/balances": ("read-spot", self.funding_account),
            "asset/transfer-state": ("read-transfers", self.transfer_state),
            "trade/fills": ("read-trades", self.fills),
            "trade/fills-history": ("read-trades", self.fills),
        }
        post = {
            "trade/order": ("place", self.place),
            "trade/batch-orders": ("place", self.place),
            "trade/cancel-order": ("cancel", self.cancel),
            "trade/cancel-batch-orders": ("cancel", self.cancel),
            "trade/cancel-all-after": ("dead-man", self.dead_man),
            "asset/transfer": ("transfer", self.transfer),
            "account/set-leverage": ("set-leverage", self.set_leverage),
            "account/set-position-mode": ("set-mode", self.set_position_mode),
        }
        routes = {("GET", f"/api/v5/{name}"): Route(*how) for name, how in public.items()}
        routes |= {("GET", f"/api/v5/{name}"): Route(*how, private=True) for name, how in get.items()}
        return routes | {("POST", f"/api/v5/{name}"): Route(*how, private=True) for name, how in post.items()}

    # ── envelope ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, call: Call) -> None:
        body = json.loads(call.body) if call.body else dict(parse_qsl(call.query))
        call.args = {"many": body} if isinstance(body, list) else body

    def wrap(self, call: Call, result: Any) -> Answer:
        failed = any(row.get("sCode", "0") != "0" for row in result) if call.method == "POST" else False
        return Answer({"code": "1" if failed else "0", "data": result, "msg": "All operations failed" if failed else ""})

    def error(self, code: str, text: str = "", call: Call | None = None) -> Answer:
        message = text or TEXTS.get(code, "error")
        if call is not None and call.method == "POST" and "/trade/" in call.path and code.startswith("51"):
            self.read(call)
            return self.wrap(call, [self.no(row, code, message) for row in call.args.get("many", [call.args])])
        return Answer({"code": code, "data": [], "msg": message}, HTTP.get(code, 200))

    def refusal(self, call: Call, refused: Refused) -> Answer:
        return self.error(REFUSALS[refused.reason], call=call)

    def maintenance(self) -> Answer:
        return self.error("50001")

    @staticmethod
    def no(row: dict[str, Any], code: str, message: str = "") -> dict[str, Any]:
        return {"ordId": row.get("ordId", ""), "clOrdId": row.get("clOrdId", ""), "tag": "", "sCode": code, "sMsg": message or TEXTS[code]}

    def authorise(self, call: Call, route: Route) -> None:
        key, sign, stamp, word = (call.headers.get(f"OK-ACCESS-{name}", "") for name in ("KEY", "SIGN", "TIMESTAMP", "PASSPHRASE"))
        if not (key and sign and stamp):
            raise self.error("50103")
        if key != KEY:
            raise self.error("50111")
        if (call.headers.get("x-simulated-trading") == "1") != (self.environment != "production"):
            raise self.error("50101")
        if word != PASSPHRASE:
            raise self.error("50105")
        path = f"{call.path}?{call.query}" if call.query else call.path
        digest = hmac.new(SECRET.encode(), f"{stamp}{call.method}{path}{call.body}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.b64encode(digest).decode(), sign):
            raise self.error("50113")
        if abs(self.core.clock_ms() - datetime.fromisoformat(stamp).timestamp() * 1000) > 30_000:
            raise self.error("50102")
        allowed = self.rights.transfer if route.endpoint == "transfer" else self.rights.trade
        if call.method == "POST" and not allowed:
            raise self.error("50120")

    # ── public ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def kind(self, c: Contract) -> str:
        return "FUTURES" if c.expiry_ms else TYPE[c.kind]

    def listed(self, call: Call) -> list[tuple[str, Contract]]:
        kind, name = call.text("instType"), call.text("instId")
        rows = [(s, c) for s, c in self.core.listed.items() if kind in ("", self.kind(c)) and (not name or c.id in name.split(","))]
        if name and not rows:
            raise Refused("symbol")
        return rows

    def instruments(self, call: Call) -> Any:
        return [
            {
                "instId": c.id, "instType": self.kind(c), "uly": "" if c.kind == "spot" else f"{c.base}-{c.quote}",
                "instFamily": f"{c.base}-{c.quote}",
                "baseCcy": c.base if c.kind == "spot" else "", "quoteCcy": c.quote if c.kind == "spot" else "", "settleCcy": c.settle,
                "ctVal": "" if c.kind == "spot" else plain(c.size), "ctMult": "1", "ctValCcy": "USD" if c.kind == "inverse" else c.base,
                "ctType": "inverse" if c.kind == "inverse" else "linear", "lotSz": plain(c.lot), "minSz": plain(c.amount(c.min_units)),
                "tickSz": plain(c.tick), "maxLmtSz": plain(c.amount(c.max_units)), "maxMktSz": plain(c.amount(c.max_units)),
                "state": "suspend" if c.id in self.core.closed else "live",
                "lever": str(c.max_leverage), "expTime": str(c.expiry_ms or ""), "listTime": "1611916828000", "ruleType": "normal",
                "instIdCode": 1,
            }
            for _, c in self.listed(call)
        ]  # fmt: skip

    def mark(self, call: Call) -> Any:
        now = str(self.core.clock_ms())
        return [
            {"instType": self.kind(c), "instId": c.id, "markPx": plain(self.core.quotes[s].mark), "ts": now} for s, c in self.listed(call)
        ]

    def index(self, call: Call) -> Any:
        for symbol, c in self.core.listed.items():
            if f"{c.base}-{c.quote}" == call.text("instId"):
                return [{"instId": call.text("instId"), "idxPx": plain(self.core.quotes[symbol].index), "ts": str(self.core.clock_ms())}]
        raise Refused("symbol")

    def funding_rate(self, call: Call) -> Any:
        hours8 = 8 * 3_600_000
        due = (self.core.clock_ms() // hours8 + 1) * hours8
        return [
            {
                "instId": c.id, "instType": "SWAP", "fundingRate": plain(self.core.quotes[s].funding_rate), "fundingTime": str(due),
                "method": "current_period",
                "nextFundingRate": plain(self.core.quotes[s].next_rate), "nextFundingTime": str(due + hours8),
                "ts": str(self.core.clock_ms()),
            }
            for s, c in self.listed(call)
        ]  # fmt: skip

    def tickers(self, call: Call) -> Any:
        rows = []
        for symbol, c in self.listed(call):
            q = self.core.quotes[symbol]
            row = {
                "instId": c.id,
                "instType": self.kind(c),
                "last": plain(q.mark),
                "bidPx": plain(q.bid),
                "askPx": plain(q.ask),
                "open24h": plain(q.mark),
            }
            row |= {
                "bidSz": plain(c.amount(q.bid_units)),
                "askSz": plain(c.amount(q.ask_units)),
                "high24h": plain(q.mark),
                "low24h": plain(q.mark),
            }
            rows.append(row | {"vol24h": "0", "volCcy24h": "0", "ts": str(self.core.clock_ms())})
        return rows

    def book(self, call: Call) -> Any:
        ((symbol, c),) = self.listed(call)
        sides = self.core.book(symbol, int(call.text("sz") or 1))
        bids, asks = ([[plain(p), plain(c.amount(u)), "0", "1"] for p, u in side] for side in sides)
        return [{"bids": bids, "asks": asks, "ts": str(self.core.clock_ms()), "seqId": 1}]

    # ── account ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def config(self, call: Call) -> Any:
        perm = ["read_only", *(["trade"] if self.rights.trade else []), *(["withdraw"] if self.rights.withdraw else [])]
        mode = "long_short_mode" if self.core.hedge_mode else "net_mode"
        row = {
            "uid": "1",
            "mainUid": "1",
            "acctLv": "2",
            "posMode": mode,
            "perm": ",".join(perm),
            "label": "test",
            "ip": "",
            "level": "Lv1",
        }
        return [row | {"autoLoan": False, "greeksType": "PA", "roleType": "0", "type": "0"} | self.rights.extra]

    def transfer(self, call: Call) -> Any:
        """Between the funding (6) and the trading account (18) of one user."""
        ends = (call.text("from"), call.text("to"))
        if ends not in (("6", "18"), ("18", "6")) or call.text("type") not in ("", "0"):
            raise self.error("51000")
        own, amount = call.text("clientId"), Decimal(call.text("amt"))
        moved = self.core.transfer(own, call.text("ccy"), amount, into_account=ends[0] == "6")
        return [{"transId": str(moved.id), "clientId": own, "ccy": moved.coin, "amt": plain(amount), "from": ends[0], "to": ends[1]}]

    def transfer_state(self, call: Call) -> Any:
        made = self.core.transfers.get(call.text("clientId"))
        if made is None:
            return []
        into = made.amount > 0
        return [
            {
                "transId": str(made.id), "clientId": made.client_id, "ccy": made.coin, "amt": plain(abs(made.amount)), "type": "0",
                "from": "6" if into else "18", "to": "18" if into else "6", "state": "success" if made.done else "pending",
            }
        ]  # fmt: skip

    def funding_account(self, call: Call) -> Any:
        coins = {name: held for name, held in self.core.funding_wallets.items() if call.text("ccy") in ("", name)}
        return [{"ccy": name, "bal": plain(held), "availBal": plain(held), "frozenBal": "0"} for name, held in coins.items()]

    def balance(self, call: Call) -> Any:
        details = [
            {
                "ccy": coin, "eq": plain(self.core.equity(coin)), "cashBal": plain(cash), "availEq": plain(self.core.available(coin)),
                "availBal": plain(self.core.available(coin)), "upl": plain(self.core.unrealised_in(coin)),
                "imr": plain(self.core.margin_in(coin)),
                "frozenBal": plain(self.core.margin_in(coin)), "isoEq": "0", "eqUsd": "0", "liab": "", "mgnRatio": "",
                "uTime": str(self.core.clock_ms()),
            }
            for coin, cash in self.core.wallets.items()
            if call.text("ccy") in ("", coin)
        ]  # fmt: skip
        return [{"totalEq": "0", "adjEq": "", "isoEq": "0", "details": details, "uTime": str(self.core.clock_ms())}]

    def positions(self, call: Call) -> Any:
        return [self.position(s, c) for s, c in self.listed(call) if s in self.core.positions and self.core.position(s).units]

    def position(self, symbol: str, c: Contract) -> dict[str, Any]:
        held, mark = self.core.position(symbol), self.core.quotes[symbol].mark
        margin = abs(c.value(held.units, mark)) / self.core.leverage(symbol)
        side = "net" if not self.core.hedge_mode else "long" if held.units > 0 else "short"
        return {
            "instId": c.id, "instType": self.kind(c), "posId": "1", "posSide": side, "ccy": c.settle, "posCcy": "",
            "pos": plain(c.amount(held.units if side == "net" else abs(held.units))), "availPos": "",
            "avgPx": plain(self.core.entry(symbol)),
            "markPx": plain(mark), "last": plain(mark), "upl": plain(self.core.unrealised(symbol)), "uplRatio": "0",
            "lever": str(self.core.leverage(symbol)),
            "liqPx": "", "mgnMode": "isolated" if symbol in self.core.isolated else "cross", "margin": "", "imr": plain(margin),
            "mmr": plain(margin / 10),
            "mgnRatio": "10", "notionalUsd": plain(abs(held.units * c.unit) * (1 if c.kind == "inverse" else mark)),
            "realizedPnl": plain(held.realised),
            "cTime": "1700000000000", "uTime": str(self.core.clock_ms()), "adl": "1", "tradeId": "1",
        }  # fmt: skip

    def leverage(self, call: Call) -> Any:
        mode = call.text("mgnMode")
        return [{"instId": c.id, "mgnMode": mode, "posSide": "net", "lever": str(self.core.leverage(s))} for s, c in self.listed(call)]

    def set_leverage(self, call: Call) -> Any:
        ((symbol, c),) = self.listed(call)
        try:
            self.core.set_leverage(symbol, int(call.text("lever")))
        except Refused as refused:
            if refused.reason != "unchanged":  # setting what is set is no error here
                raise
        return [{"instId": c.id, "mgnMode": call.text("mgnMode"), "posSide": "net", "lever": call.text("lever")}]

    def set_position_mode(self, call: Call) -> Any:
        if self.core.open_orders() or any(p.units for p in self.core.positions.values()):
            raise self.error("59000")
        self.core.hedge_mode = call.text("posMode") == "long_short_mode"
        return [{"posMode": call.text("posMode")}]

    def fees(self, call: Call) -> Any:
        maker, taker = plain(-self.core.maker_fee), plain(-self.core.taker_fee)
        return [{"instType": call.text("instType"), "maker": maker, "taker": taker, "makerU": maker, "takerU": taker, "level": "Lv1"}]

    def bills(self, call: Call) -> Any:
        rows = []
        for p in reversed(self.core.payments):
            c = self.core.contracts[p.symbol]
            begin, end = int(call.text("begin") or 0), int(call.text("end") or 10**15)
            before = int(call.text("after") or 10**15)
            if call.text("type") in ("", "8") and call.text("ccy") in ("", c.settle) and begin <= p.at_ms <= end and p.id < before:
                rows.append({
                    "billId": str(p.id), "type": "8", "subType": "174" if p.received > 0 else "173", "instId": c.id,
                    "instType": self.kind(c), "ccy": c.settle,
                    "balChg": plain(p.received), "posBalChg": "0", "pnl": plain(p.received), "px": plain(p.mark),
                    "sz": plain(c.amount(abs(p.units))),
                    "ts": str(p.at_ms), "mgnMode": "cross",
                })  # fmt: skip
        return rows[: int(call.text("limit") or 100)]

    def dead_man(self, call: Call) -> Any:
        seconds = int(call.text("timeOut"))
        if seconds and not 10 <= seconds <= 120:
            raise self.error("51000")
        due = self.core.set_dead_man(seconds * 1000)
        return [{"triggerTime": str(due), "ts": str(self.core.clock_ms())}]

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, call: Call) -> Any:
        return [self.place_one(row) for row in call.args.get("many", [call.args])]

    def place_one(self, row: dict[str, Any]) -> dict[str, Any]:
        kind, client_id = row["ordType"], row.get("clOrdId", "")
        if len(client_id) > 32 or (client_id and not client_id.isalnum()) or row.get("tdMode") not in ("cross", "isolated"):
            return self.no(row, "51000")
        try:
            symbol, c = self.find(row["instId"])
            if (row.get("posSide", "net") != "net") != self.core.hedge_mode:
                raise Refused("mode")
            order = self.core.place(
                symbol, row["side"], c.units(Decimal(row["sz"])), Decimal(row["px"]) if kind != "market" else None, client_id=client_id,
                tif=kind if kind in ("ioc",
                "fok") else "gtc", post_only=kind == "post_only", reduce_only=str(row.get("reduceOnly")).lower() == "true",
            )  # fmt: skip
        except Refused as refused:
            return self.no(row, REFUSALS[refused.reason])
        return self.yes(order)

    def yes(self, order: Order) -> dict[str, Any]:
        return {"ordId": str(order.id), "clOrdId": order.client_id, "tag": "", "sCode": "0", "sMsg": "", "ts": str(order.updated_ms)}

    def cancel(self, call: Call) -> Any:
        rows = []
        for row in call.args.get("many", [call.args]):
            try:
                rows.append(self.yes(self.core.cancel(self.order(row.get("ordId", ""), row.get("clOrdId", "")))))
            except Refused as refused:
                rows.append(self.no(row, REFUSALS[refused.reason]))
        return rows

    def state(self, call: Call) -> Any:
        order = self.order(call.text("ordId"), call.text("clOrdId"))
        if order is None or not self.faults.visible("read-order", [order]):
            raise Refused("no_order")
        return [self.row(order)]

    def pending(self, call: Call) -> Any:
        return self.page(call, self.faults.visible("read-open-orders", self.core.open_orders()), self.row)

    def history(self, call: Call) -> Any:
        ended = self.faults.visible("read-closed-orders", self.core.done_orders())
        wanted = {"filled": "filled", "canceled": "cancelled"}.get(call.text("state"))
        return self.page(call, [o for o in ended if wanted in (None, o.status)], self.row)

    def fills(self, call: Call) -> Any:
        begin, end = int(call.text("begin") or 0), int(call.text("end") or 10**15)
        seen = self.faults.visible("read-trades", self.core.trades)
        mine = [t for t in seen if begin <= t.at_ms <= end and call.text("ordId") in ("", str(t.order_id))]
        return self.page(call, mine, self.fill)

    def page(self, call: Call, items: list[Any], spell: Any) -> list[Any]:
        """Newest first, at most 100; `after` asks for what is older than an id."""
        kind, name, after = call.text("instType"), call.text("instId"), int(call.text("after") or 10**15)
        kept = []
        for item in reversed(items):
            c = self.core.contracts[item.symbol]
            if name in ("", c.id) and kind in ("", self.kind(c)) and item.id < after:
                kept.append(spell(item))
        return kept[: int(call.text("limit") or 100)]

    def row(self, o: Order) -> dict[str, Any]:
        c = self.core.contracts[o.symbol]
        state = {"open": "partially_filled" if o.filled else "live", "filled": "filled", "cancelled": "canceled"}[o.status]
        return {
            "ordId": str(o.id), "clOrdId": o.client_id, "instId": c.id, "instType": self.kind(c), "side": o.side, "posSide": "net",
            "tdMode": "cross",
            "ordType": "post_only" if o.post_only else "limit" if o.tif == "gtc" else o.tif, "px": plain(o.price),
            "sz": plain(c.amount(o.units)),
            "accFillSz": plain(c.amount(o.filled)), "avgPx": plain(self.core.average(o)), "fillPx": "", "fillSz": "", "fee": plain(-o.fee),
            "feeCcy": c.settle, "state": state, "cancelSource": SOURCE.get(o.why, ""), "reduceOnly": str(o.reduce_only).lower(),
            "lever": "3",
            "cTime": str(o.created_ms), "uTime": str(o.updated_ms), "tag": "", "category": "normal", "tgtCcy": "", "pnl": "0",
            "rebate": "0",
        }  # fmt: skip

    def fill(self, t: Trade) -> dict[str, Any]:
        c = self.core.contracts[t.symbol]
        return {
            "tradeId": str(t.id), "billId": str(t.id), "ordId": str(t.order_id), "clOrdId": t.client_id, "instId": c.id,
            "instType": self.kind(c),
            "side": t.side, "posSide": "net", "fillPx": plain(t.price), "fillSz": plain(c.amount(t.units)), "fee": plain(-t.fee),
            "feeCcy": c.settle,
            "execType": "M" if t.maker else "T", "ts": str(t.at_ms), "fillTime": str(t.at_ms), "tag": "", "fillPnl": plain(t.realised),
            "subType": ("105" if t.side == "buy" else "104") if t.liquidation else ("1" if t.side == "buy" else "2"),
        }  # fmt: skip
