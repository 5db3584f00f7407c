"""How does Deribit speak? JSON-RPC over GET, orders included: amounts in USD, sizes signed, labels that need not be unique."""

from __future__ import annotations

import hashlib
import hmac
import re
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.venue_server.nouns import Contract, Order, Refused, Trade
from tests.venue_server.wire import EXPIRY_MS, KEY, SECRET, Answer, Call, Route, Wire

TEXTS: Final = {
    "-32602": "Invalid params", "10002": "qty_too_low", "10004": "order_not_found", "10009": "not_enough_funds", "10010": "already_closed",

    "10019": "locked_by_admin", "10021": "invalid_amount", "10028": "too_many_requests", "10040": "retry",
    "10041": "settlement_in_progress",
    "10043": "price_wrong_tick", "11030": "other_reject reduce_only", "11044": "not_open_order", "11051": "system_maintenance",
    "11054": "post_only_reject", "13004": "invalid_credentials", "13009": "unauthorized", "13020": "not_found", "13021": "forbidden",
    "13028": "temporarily_unavailable", "13888": "timed_out",
}  # fmt: skip
REFUSALS: Final = {
    "symbol": "13020", "frozen": "10019", "size": "10002", "precision": "10021", "reduce_only": "11030", "funds": "10009",
    "no_order": "10004", "done": "11044", "post_only": "11054",
}  # fmt: skip
KIND: Final = {"inverse": "future", "quanto": "future", "linear": "future", "spot": "spot"}
CREDENTIALS: Final = re.compile(r"deri-hmac-sha256 id=(?P<id>[^,]*),ts=(?P<ts>\d+),sig=(?P<sig>[0-9a-f]*),nonce=(?P<nonce>.*)")
TIFS: Final = {"good_til_cancelled": "gtc", "immediate_or_cancel": "ioc", "fill_or_kill": "fok"}


class Deribit(Wire):
    unique_ids = "never"
    default_leverage = 50

    def listing(self) -> list[Contract]:
        ten, one = Decimal(10), Decimal(1)
        return [
            Contract("BTC-PERPETUAL", "inverse", "BTC", "USD", "BTC", ten, ten, Decimal("0.5"), size=ten),
            Contract("ETH-PERPETUAL", "inverse", "ETH", "USD", "ETH", one, one, Decimal("0.05"), size=one),
            Contract("BTC-31DEC30", "inverse", "BTC", "USD", "BTC", ten, ten, Decimal("2.5"), expiry_ms=EXPIRY_MS, size=ten),
            Contract("ETH_BTC-PERPETUAL", "quanto", "ETH", "USD", "BTC", one, one, Decimal("0.05"), size=one),
            Contract(
                "SOL_USDC-PERPETUAL", "linear", "SOL", "USDC", "USDC", Decimal("0.1"), Decimal("0.1"), Decimal("0.01"), size=Decimal("0.1")
            ),
            Contract("BTC_USDC", "spot", "BTC", "USDC", "", Decimal("0.0001"), Decimal("0.0001"), one, size=Decimal("0.0001")),
        ]

    def filler(self, coin: str) -> Contract:
        return Contract(f"{coin}_USDC-PERPETUAL", "linear", coin, "USDC", "USDC", Decimal(1), Decimal(1), Decimal("0.0001"))

    def routes(self) -> dict[tuple[str, str], Route]:
        public = {
            "get_time": ("public-time", lambda call: self.core.clock_ms()),
            "get_currencies": ("public-markets", lambda call: []),
            "get_instruments": ("public-markets", self.instruments),
            "ticker": ("public-ticker", self.ticker),
            "get_order_book": ("public-book", self.book),
            "get_funding_rate_value": ("public-funding", lambda call: self.core.quotes[self.wanted(call)[0]].funding_rate),
            "auth": ("read-account", self.token),
        }
        private = {
            "get_account_summary": ("read-balance", self.summary),
            "get_account_summaries": ("read-balance", self.summaries),
            "list_api_keys": ("read-account", lambda call: [{"client_id": KEY, "enabled": True, "max_scope": self.scope(), "id": 1}]),
            "get_positions": ("read-position", self.positions),
            "get_position": ("read-position", lambda call: self.position(*self.wanted(call))),
            "get_transaction_log": ("read-funding", self.transactions),
            "buy": ("place", self.place),
            "sell": ("place", self.place),
            "cancel": ("cancel", self.cancel),
            "cancel_by_label": ("cancel", self.cancel_many),
            "cancel_all": ("cancel-all", self.cancel_many),
            "cancel_all_by_instrument": ("cancel-all", self.cancel_many),
            "get_order_state": ("read-order", self.state),
            "get_order_state_by_label": ("read-order", self.states_by_label),
            "get_open_orders_by_instrument": ("read-open-orders", self.open_orders),
            "get_open_orders_by_currency": ("read-open-orders", self.open_orders),
            "get_open_orders_by_label": ("read-open-orders", self.open_orders),
            "get_open_orders": ("read-open-orders", self.open_orders),
            "get_order_history_by_instrument": ("read-closed-orders", self.history),
            "get_order_history_by_currency": ("read-closed-orders", self.history),
            "get_user_trades_by_instrument": ("read-trades", self.trades),
            "get_user_trades_by_instrument_and_time": ("read-trades", self.trades),
            "get_user_trades_by_currency": ("read-trades", self.trades),
            "get_user_trades_by_currency_and_time": ("read-trades", self.trades),
            "get_user_trades_by_order": ("read-trades", lambda call: self.trades(call)["trades"]),
        }
        routes = {("GET", f"/api/v2/public/{name}"): Route(*how) for name, how in public.items()}
        return routes | {("GET", f"/api/v2/private/{name}"): Route(*how, private=True) for name, how in private.items()}

    # ── envelope ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, call: Call) -> None:
        call.args = dict(parse_qsl(call.query))

    def wrap(self, call: Call, result: Any) -> Answer:
        now = self.core.clock_ms() * 1000
        return Answer(
            {"jsonrpc": "2.0", "result": result, "usIn": now, "usOut": now, "usDiff": 0, "testnet": self.environment == "testnet"}
        )

    def error(self, code: str, text: str = "", call: Call | None = None) -> Answer:
        now = self.core.clock_ms() * 1000
        problem = {"message": text or TEXTS.get(code, "error"), "code": int(code)}
        status = 429 if code == "10028" else 400
        testnet = self.environment == "testnet"
        return Answer({"jsonrpc": "2.0", "error": problem, "usIn": now, "usOut": now, "usDiff": 0, "testnet": testnet}, status)

    def refusal(self, call: Call, refused: Refused) -> Answer:
        return self.error(REFUSALS[refused.reason])

    def maintenance(self) -> Answer:
        return self.error("11051")

    def authorise(self, call: Call, route: Route) -> None:
        shown = CREDENTIALS.fullmatch(call.headers.get("Authorization", ""))
        if shown is None:
            raise self.error("13009")
        if shown["id"] != KEY:
            raise self.error("13004")
        path = f"{call.path}?{call.query}" if call.query else call.path
        signed = f"{shown['ts']}\n{shown['nonce']}\n{call.method}\n{path}\n{call.body}\n"
        if not hmac.compare_digest(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest(), shown["sig"]):
            raise self.error("13004")
        if abs(self.core.clock_ms() - int(shown["ts"])) > 60_000:
            raise self.error("13009", "unauthorized bad_timestamp")
        if route.endpoint in ("place", "cancel", "cancel-all") and not self.rights.trade:
            raise self.error("13021", "forbidden required scope trade:read_write")

    def scope(self) -> str:
        wallet, trade = ("read_write" if granted else "read" for granted in (self.rights.withdraw, self.rights.trade))
        return f"account:read trade:{trade} wallet:{wallet} block_trade:none"

    def token(self, call: Call) -> Any:
        if (call.text("client_id"), call.text("client_secret")) != (KEY, SECRET):
            raise self.error("13004")
        return {"token_type": "bearer", "scope": self.scope(), "access_token": "-", "refresh_token": "-", "expires_in": 900}

    # ── public ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def wanted(self, call: Call) -> tuple[str, Contract]:
        return self.find(call.text("instrument_name"))

    def instruments(self, call: Call) -> Any:
        return [
            {
                "instrument_name": c.id, "kind": KIND[c.kind], "base_currency": c.base, "counter_currency": c.quote,
                "quote_currency": c.quote,
                "settlement_currency": c.settle or None, "contract_size": c.size, "min_trade_amount": c.amount(c.min_units),
                "tick_size": c.tick, "settlement_period": None if c.kind == "spot" else "month" if c.expiry_ms else "perpetual",
                "instrument_type": "reversed" if c.kind == "inverse" else "linear", "max_leverage": c.max_leverage,
                "is_active": c.id not in self.core.closed,
                "taker_commission": self.core.taker_fee, "maker_commission": self.core.maker_fee, "price_index": f"{c.base}_usd".lower(),
                "expiration_timestamp": c.expiry_ms or 32_503_708_800_000, "creation_timestamp": 1_534_242_287_000, "instrument_id": 1,
            }
            for c in self.core.listed.values()
        ]  # fmt: skip

    def ticker(self, call: Call) -> Any:
        symbol, c = self.wanted(call)
        q = self.core.quotes[symbol]
        row = {
            "instrument_name": c.id, "timestamp": self.core.clock_ms(), "state": "open", "last_price": q.mark, "mark_price": q.mark,
            "index_price": q.index, "best_bid_price": q.bid, "best_bid_amount": c.amount(q.bid_units), "best_ask_price": q.ask,
            "best_ask_amount": c.amount(q.ask_units), "open_interest": 0, "min_price": q.mark * Decimal("0.985"),
            "max_price": q.mark * Decimal("1.015"), "settlement_price": q.mark, "estimated_delivery_price": q.index,
            "stats": {"high": q.mark, "low": q.mark, "volume": 0, "volume_usd": 0, "price_change": 0},
        }  # fmt: skip
        return row if c.expiry_ms or c.kind == "spot" else row | {"funding_8h": q.funding_rate, "current_funding": q.next_rate}

    def book(self, call: Call) -> Any:
        symbol, c = self.wanted(call)
        bids, asks = ([[p, c.amount(u)] for p, u in side] for side in self.core.book(symbol, int(call.text("depth") or 5)))
        sides = {"bids": bids, "asks": asks}
        return self.ticker(call) | sides | {"change_id": self.core.next_id()}

    # ── account ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def summary(self, call: Call) -> Any:
        coin, core = call.text("currency"), self.core
        margin = core.margin_in(coin)
        fees = [{"instrument_type": kind, "maker_fee": core.maker_fee, "taker_fee": core.taker_fee} for kind in ("perpetual", "future")]
        return {
            "currency": coin, "balance": core.wallets.get(coin, Decimal(0)), "equity": core.equity(coin),
            "margin_balance": core.equity(coin),
            "available_funds": core.available(coin), "available_withdrawal_funds": core.available(coin), "initial_margin": margin,
            "maintenance_margin": margin / 2, "session_upl": core.unrealised_in(coin), "session_rpl": 0,
            "total_pl": core.unrealised_in(coin),
            "futures_session_upl": core.unrealised_in(coin), "margin_model": "segregated_sm", "portfolio_margining_enabled": False,
            "cross_collateral_enabled": False, "fee_balance": 0, "fees": fees, "type": "main", "id": 1,
        }  # fmt: skip

    def summaries(self, call: Call) -> Any:
        rows = [self.summary(Call("GET", "", "", "", {}, {"currency": coin})) for coin in self.core.wallets]
        return {"id": 1, "type": "main", "username": "test", "summaries": rows}

    def positions(self, call: Call) -> Any:
        """Every contract that was ever held shows a row, flat ones too."""
        coin = call.text("currency")
        return [
            self.position(symbol, c)
            for symbol, c in self.core.listed.items()
            if (symbol in self.core.positions or c.id == "BTC-PERPETUAL") and coin in ("", "any", c.settle)
        ]

    def position(self, symbol: str, c: Contract) -> dict[str, Any]:
        held, q = self.core.position(symbol), self.core.quotes[symbol]
        coins = c.value(held.units, q.mark) if c.kind == "inverse" else held.units * c.unit
        return {
            "instrument_name": c.id, "kind": "future", "direction": "buy" if held.units > 0 else "sell" if held.units < 0 else "zero",
            "size": c.amount(held.units), "size_currency": coins, "average_price": self.core.entry(symbol) or 0, "mark_price": q.mark,
            "index_price": q.index, "settlement_price": q.mark, "floating_profit_loss": self.core.unrealised(symbol),
            "total_profit_loss": self.core.unrealised(symbol), "realized_profit_loss": held.realised, "realized_funding": 0, "delta": coins,
            "leverage": self.core.leverage(symbol), "initial_margin": abs(c.value(held.units, q.mark)) / self.core.leverage(symbol),
            "maintenance_margin": abs(c.value(held.units, q.mark)) / 100, "open_orders_margin": 0, "estimated_liquidation_price": None,
        }  # fmt: skip

    def transactions(self, call: Call) -> Any:
        first, last = int(call.text("start_timestamp") or 0), int(call.text("end_timestamp") or 10**15)
        rows = []
        for p in reversed(self.core.payments):
            c = self.core.contracts[p.symbol]
            if c.settle == call.text("currency") and first <= p.at_ms <= last:
                rows.append({
                    "id": p.id, "type": "settlement", "instrument_name": c.id, "currency": c.settle, "timestamp": p.at_ms, "side": "-",
                    "position": c.amount(p.units), "mark_price": p.mark, "interest_pl": p.received, "change": p.received, "session_rpl": 0,
                    "cashflow": p.received, "balance": self.core.wallets[c.settle], "info": {},
                })  # fmt: skip
        return {"logs": rows, "continuation": None}

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def place(self, call: Call) -> Any:
        symbol, c = self.wanted(call)
        label = call.text("label")
        if len(label) > 64:
            raise self.error("-32602")
        before = len(self.core.trades)
        order = self.core.place(
            symbol, "buy" if call.path.endswith("/buy") else "sell", c.units(Decimal(call.text("amount"))), call.number("price"),
            client_id=label, tif=TIFS[call.text("time_in_force") or "good_til_cancelled"], post_only=call.flag("post_only"),
            reduce_only=call.flag("reduce_only"), on_cross="reject" if call.flag("reject_post_only") else "reprice",
        )  # fmt: skip
        return {"order": self.row(order), "trades": [self.trade(t) for t in self.core.trades[before:] if t.order_id == order.id]}

    def cancel(self, call: Call) -> Any:
        return self.row(self.core.cancel(self.order(call.text("order_id")), "user_request"))

    def cancel_many(self, call: Call) -> Any:
        return len([self.core.cancel(o, "user_request") for o in self.chosen(call, self.core.open_orders())])

    def state(self, call: Call) -> Any:
        order = self.order(call.text("order_id"))
        if order is None or not self.faults.visible("read-order", [order]):
            raise Refused("no_order")
        return self.row(order)

    def states_by_label(self, call: Call) -> Any:
        return [self.row(o) for o in self.faults.visible("read-order", self.chosen(call, list(self.core.orders.values())))]

    def open_orders(self, call: Call) -> Any:
        return [self.row(o) for o in self.faults.visible("read-open-orders", self.chosen(call, self.core.open_orders()))]

    def history(self, call: Call) -> Any:
        """Ended orders, newest first; those without a fill only when asked for."""
        ended = [o for o in self.chosen(call, self.core.done_orders()) if o.filled or call.flag("include_unfilled")]
        seen = self.faults.visible("read-closed-orders", ended)
        first = int(call.text("offset") or 0)
        return [self.row(o) for o in reversed(seen)][first : first + int(call.text("count") or 20)]

    def trades(self, call: Call) -> Any:
        first, last = int(call.text("start_timestamp") or 0), int(call.text("end_timestamp") or 10**15)
        mine = [
            t for t in self.chosen(call, self.core.trades) if first <= t.at_ms <= last and call.text("order_id") in ("", str(t.order_id))
        ]
        seen = [t for t in self.faults.visible("read-trades", mine) if t.id >= int(call.text("start_id") or 0)]
        ordered = seen if call.text("sorting") == "asc" else seen[::-1]
        count = int(call.text("count") or 10)
        return {"trades": [self.trade(t) for t in ordered[:count]], "has_more": len(ordered) > count}

    def chosen(self, call: Call, items: list[Any]) -> list[Any]:
        coin, name, label = call.text("currency"), call.text("instrument_name"), call.text("label")
        kept = []
        for item in items:
            c = self.core.contracts[item.symbol]
            if coin in ("", "any", c.settle) and name in ("", c.id) and label in ("", item.client_id):
                kept.append(item)
        return kept

    def row(self, o: Order) -> dict[str, Any]:
        c = self.core.contracts[o.symbol]
        return {
            "order_id": str(o.id), "label": o.client_id, "instrument_name": c.id, "direction": o.side, "order_type": "limit",
            "order_state": o.status, "price": "market_price" if o.price is None else o.price, "amount": c.amount(o.units),
            "filled_amount": c.amount(o.filled), "average_price": self.core.average(o) or 0, "contracts": o.units, "commission": o.fee,
            "time_in_force": {short: long for long, short in TIFS.items()}[o.tif], "post_only": o.post_only, "reduce_only": o.reduce_only,
            "creation_timestamp": o.created_ms, "last_update_timestamp": o.updated_ms, "api": o.own, "web": not o.own, "replaced": False,
            "is_liquidation": o.why == "liquidation" and not o.own, "max_show": c.amount(o.units),
            "profit_loss": 0, **({"cancel_reason": o.why} if o.why else {}),
        }  # fmt: skip

    def trade(self, t: Trade) -> dict[str, Any]:
        c = self.core.contracts[t.symbol]
        return {
            **({"liquidation": "T"} if t.liquidation else {}), "trade_id": f"{c.base}-{t.id}", "trade_seq": t.id,
            "order_id": str(t.order_id), "label": t.client_id, "instrument_name": c.id,
            "direction": t.side, "price": t.price, "amount": c.amount(t.units), "fee": t.fee, "fee_currency": c.settle,
            "timestamp": t.at_ms, "liquidity": "M" if t.maker else "T", "order_type": "limit", "state": "filled", "mark_price": t.price,
            "index_price": t.price,
            "profit_loss": t.realised, "post_only": t.maker, "reduce_only": False, "self_trade": False,
        }  # fmt: skip
