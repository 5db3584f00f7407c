"""Does each venue that was never traded on send what its documentation asks for, and read what it shows? The unmodified ccxt signs."""

import copy
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.ccxt_client import Keys
from adapters.exchanges.ccxt_exchange import CcxtExchange
from adapters.exchanges.ccxt_open import VENUES, open_venue
from adapters.exchanges.ccxt_translate import Malformed, json_number
from adapters.exchanges.preflight import Wish, preflight, read_account
from adapters.request_budget import Errand
from bot.core.decision import Approved
from bot.core.model import Ask, Kind, OrderStatus, Side, View
from bot.ports import Misconfigured, NotSent, Refused, Unknown
from bot.settings import Settings, load
from bot.venue_offers import OFFERS, Proof
from bot.wiring.start import looking
from tests.contract.ccxt_driver import Clock
from tests.contract.driver import D
from tests.settings.conftest import LIMITS
from tests.venue_server import KEY, PASSPHRASE, SECRET
from tests.venues import documented
from tests.venues.documented import NOW, OURS
from tests.venues.recorded_server import Recorded, recorded

BTC, SOL = "BTC/USD:BTC", "SOL/USDT:USDT"
MEXC_LINEAR = {
    "GET /api/v1/contract/ticker": documented.mexc(
        {
            "symbol": "SOL_USDT",
            "bid1": 149.99,
            "ask1": 150.01,
            "indexPrice": 150.01,
            "fairPrice": 150,
            "fundingRate": 0.0001,
            "timestamp": NOW,
        }
    ),
    f"GET {documented.PRIVATE}/position/open_positions": documented.mexc(
        [{"symbol": "SOL_USDT", "positionType": 2, "openType": 2, "holdVol": 15, "holdAvgPrice": 200, "leverage": 5}]
    ),
    f"GET {documented.PRIVATE}/account/assets": documented.mexc([{"currency": "USDT", "equity": 1075, "unrealized": 75}]),
    f"GET {documented.PRIVATE}/order/list/open_orders": documented.mexc([documented.mexc_order("SOL_USDT", price=200, vol=15, dealVol=5)]),
    f"GET {documented.PRIVATE}/order/external/SOL_USDT/{OURS}": documented.mexc(
        documented.mexc_order("SOL_USDT", price=200, vol=15, dealVol=5)
    ),
    f"GET {documented.PRIVATE}/order/list/order_deals": documented.mexc([]),
    f"GET {documented.PRIVATE}/position/funding_records": documented.mexc({"totalPage": 0, "currentPage": 1, "resultList": []}),
}
ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("bingx", BTC): documented.BINGX,
    ("bingx", SOL): documented.BINGX,
    ("mexc", BTC): documented.MEXC,
    ("mexc", SOL): documented.MEXC | MEXC_LINEAR,
    ("binance", SOL): documented.BINANCE,
    ("weex", SOL): documented.WEEX,
}
ALL = sorted(ANSWERS)
SENDING = [each for each in ALL if each[0] != "weex"]


@dataclass(slots=True)
class Desk:
    exchange: CcxtExchange
    server: Recorded
    clock: Clock
    symbol: str

    def order(self, side: Side = Side.SELL, *, post_only: bool = True, reduce_only: bool = False, price: str = "") -> Approved:
        instrument = self.exchange.listed(self.symbol).instrument
        limit = D(price or ("61000" if self.symbol == BTC else "200"))
        contracts = 10 if self.symbol == BTC else int(D("1.5") / instrument.contract_size)
        return Approved(
            client_id=OURS, asset=instrument.asset, symbol=self.symbol, side=side, contracts=contracts, limit_price=limit,
            reduce_only=reduce_only, post_only=post_only, reference_price=limit, notional_usd=D(1000), deadline_mono_ms=1 << 60, why="test",
        )  # fmt: skip

    async def view(self, *client_ids: str) -> View:
        (view,) = await self.exchange.look([Ask(self.symbol, NOW - 1000, NOW - 1000, client_ids)])
        return view


class Still(Clock):
    """The moment at which the answers were made."""

    def now_ms(self) -> int:
        return NOW + self.shift_ms


@asynccontextmanager
async def at(name: str, symbol: str, answers: dict[str, Any] | None = None) -> AsyncIterator[Desk]:
    clock = Still()
    environment = "demo" if name == "binance" else "production"
    async with recorded(copy.deepcopy(answers or ANSWERS[name, symbol])) as server:
        exchange = open_venue(
            name, environment, Keys(KEY, SECRET, PASSPHRASE), clock, None, base_url=server.base_url, allow_base_url_production=True,
            linear=symbol == SOL,
        )  # fmt: skip
        try:
            await exchange.connect([symbol])
            yield Desk(exchange, server, clock, symbol)
        finally:
            await exchange.close()


# ------------------------------------------------------------------------------------------------------------------ reading


@pytest.mark.parametrize(("name", "symbol"), ALL)
async def test_the_position_the_equity_and_the_prices_are_those_of_the_account(name: str, symbol: str) -> None:
    async with at(name, symbol) as desk:
        view = await desk.view()
    assert view.errors == ()
    assert view.position is not None
    assert view.margin is not None
    assert view.quote is not None
    held = view.position.contracts * view.instrument.contract_size
    if symbol == BTC:
        assert (held, view.position.entry_price) == (-60000, 60000)
        assert (view.margin.currency, view.margin.wallet, view.margin.equity) == ("BTC", D("1.0"), D("1.2"))
        assert (view.quote.mark, view.quote.bid, view.quote.ask) == (50000, D("49999.5"), D("50000.5"))
    else:
        assert (held, view.position.entry_price) == (D("-1.5"), 200)
        assert (view.margin.currency, view.margin.wallet, view.margin.equity) == ("USDT", 1000, 1075)
        assert (view.quote.mark, view.quote.bid, view.quote.ask) == (150, D("149.99"), D("150.01"))
    assert view.quote.at_ms == NOW
    assert desk.server.writes == []


@pytest.mark.parametrize(("name", "symbol"), SENDING)
async def test_an_order_filled_in_part_is_seen_and_found_by_our_id(name: str, symbol: str) -> None:
    async with at(name, symbol) as desk:
        view = await desk.view(OURS)
    assert view.open_orders is not None
    assert view.found is not None
    (shown,), (found,) = view.open_orders, view.found
    assert shown == found
    assert (shown.client_id, shown.side, shown.status) == (OURS, Side.SELL, OrderStatus.PARTIAL)
    assert (shown.post_only, shown.reduce_only) == (True, False)
    size = view.instrument.contract_size
    assert (shown.contracts * size, shown.filled * size) == ((1000, 300) if symbol == BTC else (D("1.5"), D("0.5")))


@pytest.mark.parametrize(("name", "symbol"), [each for each in SENDING if each != ("mexc", SOL)])
async def test_fills_carry_our_id_a_fee_that_is_paid_and_their_moment(name: str, symbol: str) -> None:
    async with at(name, symbol) as desk:
        fills = (await desk.view()).fills
    assert fills
    assert {fill.client_id for fill in fills} <= {OURS, "other"}
    first = next(fill for fill in fills if fill.client_id == OURS)
    assert first.side is Side.SELL
    assert first.fee_coins > 0
    assert first.maker
    assert first.at_ms == NOW


async def test_a_fee_in_bnb_takes_nothing_from_the_margin() -> None:
    async with at("binance", SOL) as desk:
        fills = (await desk.view()).fills
    assert fills is not None
    assert [fill.fee_coins for fill in fills] == [D("0.0120"), 0]


@pytest.mark.parametrize(
    ("name", "symbol", "coins"), [("bingx", SOL, "0.0292"), ("mexc", BTC, "0.00012"), ("binance", SOL, "0.0225")]
)  # fmt: skip
async def test_funding_that_a_short_received_is_positive(name: str, symbol: str, coins: str) -> None:
    async with at(name, symbol) as desk:
        funding = (await desk.view()).funding
    assert funding is not None
    assert [(payment.coins, payment.at_ms) for payment in funding] == [(D(coins), NOW)]


@pytest.mark.parametrize(("name", "symbol"), ALL)
async def test_the_account_is_told_to_be_one_way_and_cross(name: str, symbol: str) -> None:
    async with at(name, symbol) as desk:
        account = await read_account(desk.exchange, desk.exchange.listed(symbol))
    assert account.one_way is True
    assert account.cross is True
    assert account.may_withdraw is None


async def told(desk: Desk, smallest: Decimal) -> set[str]:
    """What stands against orders of so many USD."""
    wish = Wish(live=True, min_order_usd=smallest, max_order_usd=smallest, max_position_usd=D(100_000))
    return {f"{each.severity} {each}" for each in await preflight(desk.exchange, [desk.symbol], desk.clock, wish)}


@pytest.mark.parametrize(("name", "symbol", "smallest"), [("binance", SOL, 5), ("bingx", BTC, 100), ("mexc", SOL, 15), ("weex", SOL, 2)])
async def test_orders_below_the_smallest_one_are_told_with_an_amount_that_suffices(name: str, symbol: str, smallest: int) -> None:
    """What one contract comes to, or what the venue says if that is more; rounded up to whole dollars."""
    async with at(name, symbol) as desk:
        below = await told(desk, smallest - D("0.01"))
        assert not any("takes no order of" in each for each in await told(desk, D(smallest)))
    said = f"takes no order of {symbol} below {smallest} USD: write"
    assert {each.partition(" ")[0] for each in below if f"{said} at least execution.max_order_usd: {smallest}" in each} == {"error"}
    assert {each.partition(" ")[0] for each in below if f"{said} band.min_order_usd: {smallest}; until" in each} == {"warning"}


@pytest.mark.parametrize("given", [True, False])
async def test_a_leverage_setting_that_a_venue_does_not_tell_is_asked_of_a_person(given: bool) -> None:
    async with at("binance", SOL) as desk:
        if not given:
            del desk.server.answers["GET /fapi/v2/positionRisk"][0]["leverage"]
        asked = [each for each in await told(desk, D(100)) if f"did not tell the leverage setting of {SOL}" in each]
    assert [each.partition(" ")[0] for each in asked] == ([] if given else ["warning"])


HEDGED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("bingx", BTC, "GET /openApi/cswap/v1/user/positions", {"positionSide": "SHORT", "positionAmt": "600"}),
    ("bingx", SOL, "GET /openApi/swap/v2/user/positions", {"onlyOnePosition": False}),
    ("binance", SOL, "GET /fapi/v2/positionRisk", {"positionSide": "SHORT"}),
]
ISOLATED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("bingx", BTC, "GET /openApi/cswap/v1/user/positions", {"isolated": True}),
    ("mexc", BTC, f"GET {documented.PRIVATE}/position/open_positions", {"openType": 1}),
    ("binance", SOL, "GET /fapi/v2/positionRisk", {"marginType": "isolated"}),
    ("weex", SOL, "GET /capi/v3/account/position/singlePosition", {"marginType": "ISOLATED"}),
]


@pytest.mark.parametrize(("name", "symbol", "path", "change", "why"), [
    *((*each, "hedge mode") for each in HEDGED), *((*each, "isolated margin") for each in ISOLATED),
])  # fmt: skip
async def test_a_position_of_another_mode_is_unknown(name: str, symbol: str, path: str, change: dict[str, Any], why: str) -> None:
    async with at(name, symbol) as desk:
        rows = desk.server.answers[path]
        (rows if isinstance(rows, list) else rows["data"])[0].update(change)
        view = await desk.view()
    assert view.position is None
    assert why in " ".join(view.errors)


async def test_hedge_mode_of_mexc_is_unknown_even_without_a_position() -> None:
    answers = documented.MEXC | {
        f"GET {documented.PRIVATE}/position/position_mode": documented.mexc(1),
        f"GET {documented.PRIVATE}/position/open_positions": documented.mexc([]),
    }
    async with at("mexc", BTC, answers) as desk:
        assert (await desk.view()).position is None
        assert (await read_account(desk.exchange, desk.exchange.listed(BTC))).one_way is False


async def test_an_order_of_bingx_that_does_not_show_our_id_is_not_ours() -> None:
    answers = documented.BINGX | {
        "GET /openApi/cswap/v1/trade/orderDetail": documented.bingx({"order": documented.bingx_inverse_order(clientOrderId="")}),
        "GET /openApi/cswap/v1/trade/openOrders": documented.bingx({"orders": []}),
    }
    async with at("bingx", BTC, answers) as desk:
        view = await desk.view(OURS)
    assert view.found == ()


async def test_a_part_of_an_inverse_order_of_bingx_without_its_scale_is_unknown_not_guessed() -> None:
    answers = documented.BINGX | {
        "GET /openApi/cswap/v1/trade/openOrders": documented.bingx({"orders": [documented.bingx_inverse_order(origQty="")]}),
    }
    async with at("bingx", BTC, answers) as desk:
        view = await desk.view()
    assert view.open_orders is None


# ------------------------------------------------------------------------------------------------------------------ sending


async def sent(name: str, symbol: str, **order: Any) -> tuple[Any, Recorded]:
    async with at(name, symbol) as desk:
        await desk.exchange.place(desk.order(**order))
        (row,) = desk.server.writes
        return row, desk.server


@pytest.mark.parametrize(
    ("symbol", "path", "quantity", "price"),
    [(BTC, "/openApi/cswap/v1/trade/order", "10", "61000"), (SOL, "/openApi/swap/v2/trade/order", "1.5", "200")],
)
async def test_a_resting_sell_at_bingx_says_both_sides_and_is_signed_over_its_query(
    symbol: str, path: str, quantity: str, price: str
) -> None:
    row, _ = await sent("bingx", symbol)
    assert (row.method, row.path, row.body) == ("POST", path, "")
    assert row.words == {
        "symbol": "BTC-USD" if symbol == BTC else "SOL-USDT", "type": "LIMIT", "side": "SELL", "positionSide": "BOTH",
        "quantity": quantity, "price": price, "timeInForce": "PostOnly", "clientOrderID": OURS,
    }  # fmt: skip
    query, _, signature = row.query.partition("&signature=")
    assert hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest() == signature
    assert row.headers["X-BX-APIKEY"] == KEY


async def test_a_closing_buy_at_bingx_is_reduce_only_and_immediate() -> None:
    row, _ = await sent("bingx", BTC, side=Side.BUY, post_only=False, reduce_only=True)
    assert (row.words["side"], row.words["reduceOnly"], row.words["timeInForce"]) == ("BUY", "true", "IOC")


@pytest.mark.parametrize(
    ("side", "reduce_only", "number"), [(Side.BUY, False, 1), (Side.BUY, True, 2), (Side.SELL, False, 3), (Side.SELL, True, 4)]
)
async def test_the_sides_of_mexc_are_numbers_and_closing_ones_reduce(side: Side, reduce_only: bool, number: int) -> None:
    row, _ = await sent("mexc", BTC, side=side, reduce_only=reduce_only)
    assert row.path == "/api/v1/private/order/create"
    assert row.words == {
        "symbol": "BTC_USD", "price": 61000, "vol": 10, "side": number, "type": 2, "openType": 2, "positionMode": 2, "externalOid": OURS,
    }  # fmt: skip
    signed = KEY + row.headers["Request-Time"] + row.body
    assert hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest() == row.headers["Signature"]


async def test_immediate_or_cancel_at_mexc_is_its_own_type_and_never_a_resting_order() -> None:
    row, _ = await sent("mexc", BTC, post_only=False)
    assert row.words["type"] == 3


async def test_a_price_reaches_mexc_digit_by_digit() -> None:
    row, _ = await sent("mexc", BTC, price="60999.5")
    assert '"price":60999.5,' in row.body.replace(" ", "")


def test_a_number_that_json_would_bend_is_not_sent() -> None:
    assert json.dumps([json_number(D("60999.5")), json_number(D("10.0")), json_number(D("0.0001"))]) == "[60999.5, 10, 0.0001]"
    with pytest.raises(Malformed, match="too many digits"):
        json_number(D("60999.12345678901234567"))


async def test_an_order_at_binance_goes_to_the_usd_margined_futures() -> None:
    row, _ = await sent("binance", SOL, side=Side.BUY, post_only=False, reduce_only=True)
    assert (row.method, row.path) == ("POST", "/fapi/v1/order")
    assert row.words == {
        "symbol": "SOLUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "IOC", "quantity": "1.5", "price": "200",
        "newClientOrderId": OURS, "newOrderRespType": "RESULT", "reduceOnly": "true",
    }  # fmt: skip


CANCELS = {
    ("bingx", BTC): ("DELETE", "/openApi/cswap/v1/trade/cancelOrder", {"symbol": "BTC-USD", "clientOrderID": OURS}),
    ("bingx", SOL): ("DELETE", "/openApi/swap/v2/trade/order", {"symbol": "SOL-USDT", "clientOrderID": OURS}),
    ("mexc", BTC): ("POST", "/api/v1/private/order/cancel_with_external", {"symbol": "BTC_USD", "externalOid": OURS}),
    ("binance", SOL): ("DELETE", "/fapi/v1/order", {"symbol": "SOLUSDT", "origClientOrderId": OURS}),
}
LEVERAGES = {
    ("bingx", BTC): ("/openApi/cswap/v1/trade/leverage", {"symbol": "BTC-USD", "side": "BOTH", "leverage": "5"}),
    ("bingx", SOL): ("/openApi/swap/v2/trade/leverage", {"symbol": "SOL-USDT", "side": "BOTH", "leverage": "5"}),
    ("mexc", BTC): (
        "/api/v1/private/position/change_leverage",
        {"symbol": "BTC_USD", "leverage": 5, "openType": 2, "positionType": 2},
    ),
    ("binance", SOL): ("/fapi/v1/leverage", {"symbol": "SOLUSDT", "leverage": "5"}),
}


@pytest.mark.parametrize(("name", "symbol"), sorted(CANCELS))
async def test_a_cancel_names_our_id(name: str, symbol: str) -> None:
    async with at(name, symbol) as desk:
        await desk.exchange.cancel(symbol, OURS)
        (row,) = desk.server.writes
    assert (row.method, row.path, row.words) == CANCELS[name, symbol]


@pytest.mark.parametrize(("name", "symbol"), sorted(LEVERAGES))
async def test_the_leverage_of_the_short_side_is_set_in_cross_margin(name: str, symbol: str) -> None:
    async with at(name, symbol) as desk:
        await desk.exchange.set_leverage(symbol, 5)
        (row,) = desk.server.writes
    assert (row.method, row.path, row.words) == ("POST", *LEVERAGES[name, symbol])


REFUSALS = [
    ("bingx", BTC, "POST /openApi/cswap/v1/trade/order", {"code": 101204, "msg": "Insufficient margin", "data": {}}, "margin"),
    ("mexc", BTC, f"POST {documented.PRIVATE}/order/create", {"success": False, "code": 2005, "message": "Balance insufficient"}, "margin"),
    ("mexc", BTC, f"POST {documented.PRIVATE}/order/create", {"success": False, "code": 2009, "message": "Position"}, "reduce-only"),
    ("binance", SOL, "POST /fapi/v1/order", (400, {"code": -4164, "msg": "Order's notional must be no smaller than 5"}), "contracts"),
    ("binance", SOL, "POST /fapi/v1/order", (400, {"code": -5022, "msg": "Post Only order will be rejected"}), "post-only"),
]


@pytest.mark.parametrize(("name", "symbol", "path", "answer", "word"), REFUSALS)
async def test_a_certain_refusal_is_one(name: str, symbol: str, path: str, answer: Any, word: str) -> None:
    async with at(name, symbol) as desk:
        desk.server.answers[path] = answer
        with pytest.raises(Refused) as refused:
            await desk.exchange.place(desk.order())
    assert refused.value.code == word


DOUBTS = [
    ("bingx", BTC, "POST /openApi/cswap/v1/trade/order", {"code": 100500, "msg": "busy", "data": {}}),
    ("bingx", BTC, "POST /openApi/cswap/v1/trade/order", {}),
    ("mexc", BTC, f"POST {documented.PRIVATE}/order/create", {"success": False, "code": 500, "message": "Internal error"}),
    ("mexc", BTC, f"POST {documented.PRIVATE}/order/create", {"success": True, "code": 0}),
    ("binance", SOL, "POST /fapi/v1/order", (503, {"code": -1, "msg": "Unknown error, please check your request or try again later."})),
]


@pytest.mark.parametrize(("name", "symbol", "path", "answer"), DOUBTS)
async def test_an_answer_that_proves_nothing_leaves_the_order_unknown_and_sent_once(name: str, symbol: str, path: str, answer: Any) -> None:
    async with at(name, symbol) as desk:
        desk.server.answers[path] = answer
        with pytest.raises(Unknown):
            await desk.exchange.place(desk.order())
        assert len(desk.server.writes) == 1
        await desk.exchange.place(desk.order())  # looked up, not sent again
        assert len(desk.server.writes) == 1


async def test_a_second_order_of_one_id_at_bingx_is_the_first_one() -> None:
    async with at("bingx", BTC) as desk:
        desk.server.answers["POST /openApi/cswap/v1/trade/order"] = {"code": 101481, "msg": "the order id exists already", "data": {}}
        assert (await desk.exchange.place(desk.order())).venue_id == "1816013900044320768"


@pytest.mark.parametrize(
    ("name", "symbol", "path", "answer"),
    [
        ("bingx", BTC, "DELETE /openApi/cswap/v1/trade/cancelOrder", {"code": 80016, "msg": "order not exist", "data": {}}),
        ("mexc", BTC, f"POST {documented.PRIVATE}/order/cancel_with_external", {"success": False, "code": 2041, "message": "state"}),
        ("mexc", BTC, f"POST {documented.PRIVATE}/order/cancel_with_external", documented.mexc([{"orderId": "1", "errorCode": 2040}])),
        ("binance", SOL, "DELETE /fapi/v1/order", (400, {"code": -2011, "msg": "Unknown order sent."})),
    ],
)
async def test_an_order_that_is_gone_needs_no_cancel(name: str, symbol: str, path: str, answer: Any) -> None:
    async with at(name, symbol) as desk:
        desk.server.answers[path] = answer
        await desk.exchange.cancel(symbol, OURS)


# ------------------------------------------------------------------------------------------------------------------ the whole bot

PLANS = {
    ("weex", SOL): ("SOL", D("750")),  # USD short: 5 SOL outside at 150: 1.5 are hedged
    ("bingx", BTC): ("BTC", D("110000")),  # 1 BTC outside and 1.2 inside at 50,000
    ("mexc", BTC): ("BTC", D("110000")),
}


def read(text: str) -> Settings:
    Path("hedge.yaml").write_text(text, encoding="utf-8")
    secrets = {"API_KEY": KEY, "API_SECRET": SECRET, "PASSPHRASE": PASSPHRASE}
    return load(Path("hedge.yaml"), {f"HEDGEBOT__VENUE__{name}": word for name, word in secrets.items()}, {})


@pytest.mark.parametrize(("name", "symbol"), sorted(PLANS))
async def test_a_dry_run_plans_and_sends_nothing(name: str, symbol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asset, wanted = PLANS[name, symbol]
    async with recorded(ANSWERS[name, symbol], {str(NOW): lambda: str(time.time_ns() // 1_000_000)}) as server:
        settings = read(
            f"venue: {{name: {name}, environment: production, base_url: '{server.base_url}', allow_base_url_production: true}}\n"
            f"bag: {{{asset}: {{coins: {5 if asset == 'SOL' else 1}}}}}\nhedges: {{{asset}: {{instrument: '{symbol}'}}}}\n{LIMITS}"
        )
        async with looking(settings) as engine:
            await engine.turn()  # the first look only reconciles
            decision = await engine.turn()
        assert decision is not None
        (leg,) = decision.legs
        assert leg.missing == ()
        assert leg.target_usd == wanted
        assert [order.side for order in decision.orders] == [Side.SELL]
        assert server.writes == []


# ------------------------------------------------------------------------------------------------------------------ what may not be


async def test_nothing_is_ever_signed_at_weex_that_could_change_something() -> None:
    async with at("weex", SOL) as desk:
        with pytest.raises(Refused):
            await desk.exchange.place(desk.order())
        with pytest.raises(Refused):
            await desk.exchange.set_leverage(SOL, 5)
        for method in ("contractPrivatePostCapiV3Order", "contractPrivateDeleteCapiV3Order", "contractPrivatePostCapiV3AccountLeverage"):
            for errand in Errand:
                with pytest.raises(NotSent, match="not among"):
                    await desk.exchange.client.call(method, {}, errand)
        assert desk.server.writes == []
    assert VENUES["weex"].never_armed


@pytest.mark.parametrize("name", ["mexc", "bingx", "weex"])
@pytest.mark.parametrize("environment", ["testnet", "demo"])
def test_a_test_environment_that_is_not_there_is_refused_before_ccxt_is_asked(name: str, environment: str) -> None:
    with pytest.raises(Misconfigured, match=f"environment is {environment}.*has production"):
        open_venue(name, environment, Keys(KEY, SECRET, PASSPHRASE), Clock(), None)


@pytest.mark.parametrize(("name", "symbol"), [("binance", BTC), ("weex", BTC)])
async def test_a_contract_of_the_other_kind_is_refused_with_the_reason(name: str, symbol: str) -> None:
    async with recorded(ANSWERS[name, SOL]) as server:
        exchange = open_venue(
            name, VENUES[name].places and next(iter(VENUES[name].places)), Keys(KEY, SECRET, PASSPHRASE), Still(), None,
            base_url=server.base_url, allow_base_url_production=True,
        )  # fmt: skip
        with pytest.raises(Misconfigured, match="not listed"):
            await exchange.connect([symbol])
        await exchange.close()


def test_the_offers_and_the_quirk_sheets_agree() -> None:
    assert set(OFFERS) - {"paper"} == set(VENUES)
    for name, sheet in VENUES.items():
        offer = OFFERS[name]
        assert offer.environments == tuple(sheet.places)
        assert (offer.inverse is Proof.FIRST_CLASS) == sheet.tested
        assert (Proof.PLAN in {offer.inverse, offer.linear}) == bool(sheet.never_armed)
        assert offer.proof(Kind.LINEAR) is not Proof.FIRST_CLASS
