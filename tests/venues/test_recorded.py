"""Do ccxt's own recorded requests and answers mean what the bot takes them for? A new difference fails, and so does a lost one."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import ccxt.async_support as ccxt
import pytest

from adapters.exchanges.ccxt_open import VENUES
from adapters.exchanges.ccxt_translate import Listed, Malformed, Misfit
from bot.core.model import OrderStatus
from tests.venues.markets import BASE, MARKETS

VENUE_FILES: Final = ["binance", "bybit", "deribit", "krakenfutures", "okx"]
SIGNING: Final = frozenset({"timestamp", "signature", "recvWindow"})
DRAWN: Final = frozenset({"newClientOrderId", "newClientStrategyId"})  # by chance, where no id was asked for
ORDER_TYPES: Final = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"]  # as Binance lists them
Case = dict[str, Any]


def known(symbol: str, market_id: str, **more: Any) -> dict[str, Any]:
    pair, _, settle = symbol.partition(":")
    base, quote = pair.split("/")
    inverse = settle == base
    return {
        "id": market_id, "symbol": symbol, "base": base, "quote": quote, "settle": settle or None, "baseId": base, "quoteId": quote,
        "settleId": settle or None, "type": "swap" if settle else "spot", "spot": not settle, "swap": bool(settle), "future": False,
        "option": False, "contract": bool(settle), "linear": bool(settle) and not inverse, "inverse": bool(settle) and inverse,
        "active": True, "contractSize": 1.0, "precision": {"amount": 0.001, "price": 0.01}, "limits": {},
        "info": {"orderTypes": ORDER_TYPES}, **more,
    }  # fmt: skip


LISTS: Final[dict[str, list[dict[str, Any]]]] = {
    "binance": [
        known("BTC/USD:BTC", "BTCUSD_PERP", contractSize=100.0), known("ETH/USD:ETH", "ETHUSD_PERP", contractSize=10.0),
        known("BTC/USDT:USDT", "BTCUSDT"), known("LTC/USDT:USDT", "LTCUSDT"),
    ],
    "bybit": [
        known("BTC/USD:BTC", "BTCUSD"), known("BTC/USDT:USDT", "BTCUSDT"), known("LTC/USDT:USDT", "LTCUSDT"), known("BTC/USDT", "BTCUSDT"),
        known("LTC/USDT", "LTCUSDT"),
    ],
    "deribit": [known("BTC/USD:BTC", "BTC-PERPETUAL"), known("BTC/USDT", "BTC_USDT")],
    "krakenfutures": [
        known("LTC/USD:USD", "PF_LTCUSD"), known("DOGE/USD:USD", "PF_DOGEUSD", precision={"amount": 1.0, "price": 0.00001}),
        known("BTC/USD:USD", "PF_XBTUSD"),
    ],
    "okx": [
        known("BTC/USD:BTC", "BTC-USD-SWAP", contractSize=100.0), known("ADA/USDT:USDT", "ADA-USDT-SWAP"),
        known("BTC/USDT:USDT", "BTC-USDT-SWAP"),
    ],
}  # fmt: skip
OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "bybit": {"enableUnifiedMargin": False, "enableUnifiedAccount": True, "unifiedMarginStatus": 6}
}
ALGO: Final = "4.5.90 names the id of a conditional inverse order clientAlgoId; the bot sends no conditional orders"
REQUESTS: Final[dict[str, dict[str, str]]] = {  # where the pinned ccxt sends something else, and why the bot does not mind
    "binance": {
        "Swap inverse market sell with stopLossPrice": ALGO,
        "Swap inverse limit sell with takeProfitPrice (type 2)": ALGO,
    },
    "deribit": {"fetch Closed Orders": "4.5.90 adds a count; the bot looks orders up by their label"},
}


def recordings(folder: Path, venue: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "ccxt_static" / f"{venue}.json").read_text(encoding="utf-8"))
    return found


def cases(folder: Path, venue: str, kind: str) -> list[Case]:
    found: list[Case] = recordings(folder, venue)[kind]
    return found


# ------------------------------------------------------------------------------------------------------------------ requests


class Sent(Exception):
    """What the client would have sent."""

    def __init__(self, url: str, body: str | None) -> None:
        super().__init__(url)
        self.url, self.body = url, body


def catching(venue: str, options: dict[str, Any]) -> Any:
    """The real client of a venue, whose first request goes nowhere."""

    class Caught(getattr(ccxt, venue)):  # type: ignore[misc]
        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            raise Sent(url, body)

    secret = "c2VjcmV0IG9mIHNvbWUgbGVuZ3Ro"  # base 64, for Kraken
    client = Caught({"apiKey": "key-of-some-length", "secret": secret, "password": "passphrase", "enableRateLimit": False})
    client.options.update(OPTIONS.get(venue, {}) | options)
    client.set_markets(LISTS[venue])
    return client


def fields(text: str, skipped: frozenset[str]) -> dict[str, Any]:
    said = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
    return {name: str(value) for name, value in said.items() if name not in skipped}


def question(url: str, body: str | None, skipped: frozenset[str]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Path, query and body, without what only signs; hosts differ between test networks and are proven elsewhere."""
    parts = urlsplit(url)
    return parts.path, fields(parts.query, skipped), fields(body or "", skipped)


async def differs(client: Any, case: Case) -> bool:
    skipped = SIGNING | DRAWN | frozenset(case.get("skipKeys", ()))
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in case["method"])
    try:
        await getattr(client, method)(*case["input"])
    except Sent as sent:
        return question(sent.url, sent.body, skipped) != question(case["url"], case.get("output"), skipped)
    return True


@pytest.mark.parametrize("venue", VENUE_FILES)
async def test_ccxt_sends_the_requests_that_were_recorded(venue: str, data_folder: Path) -> None:
    client = catching(venue, recordings(data_folder, venue).get("options", {}))
    try:
        found = {case["description"] for case in cases(data_folder, venue, "request") if await differs(client, case)}
    finally:
        await client.close()
    assert found == set(REQUESTS.get(venue, {}))


# ------------------------------------------------------------------------------------------------------------------ answers

SPOT: Final = "about a spot market, which the bot does not trade"
NOT_READ: Final[dict[str, dict[str, str]]] = {  # answers no quirk sheet reads, and why
    "binance": {
        "inverse index price": "candles: the bot reads the index of the moment",
        "swap orderbook (linear, kept for the T/nonce shape dapi shares)": "the book's depth: the bot reads its best bid and ask",
        "fetch portfolio margin funding history (linear)": "of a portfolio margin account, which the bot does not use",
    },
    "bybit": {"edit order using clientOrderId": "the bot edits no order", "spot private trade": SPOT, "Spot orderbook": SPOT},
    "deribit": {"public spot ticker": SPOT, "public spot trades": SPOT, "spot closed order (first record)": SPOT},
    "krakenfutures": {},
    "okx": {},
}
STATES: Final = {"open": {OrderStatus.OPEN, OrderStatus.PARTIAL}, "closed": {OrderStatus.FILLED}, "canceled": {OrderStatus.CANCELLED}}


def linear(name: str, symbol: str, market_id: str, lot: str) -> Listed:
    """A linear contract of Bybit, as ccxt lists it."""
    info = {"lotSizeFilter": {"minOrderQty": lot, "qtyStep": lot}, "fundingInterval": 480}
    market = known(symbol, market_id, info=info, precision={"amount": float(lot), "price": 0.1})
    return VENUES[name].contract(market)


def same(number: Any, told: Any) -> bool:
    return (None if told is None else Decimal(str(told))) == number


def positions_of_binance(case: Case) -> bool:
    sheet, listed = VENUES["binancecoinm"], VENUES["binancecoinm"].contract(BASE | MARKETS["binancecoinm"])
    held = sheet.read_position(listed, (case["httpResponse"],), 0)
    (told,) = case["parsedResponse"]
    sign = {"short": -1, "long": 1}[told["side"]]
    return held.contracts == sign * told["contracts"] and same(held.entry_price, told["entryPrice"])


def order_of_bybit(case: Case) -> bool:
    listed, told = linear("bybit", "BTC/USDT:USDT", "BTCUSDT", "0.001"), case["parsedResponse"]
    shown = VENUES["bybit"].read_found(listed, "", case["httpResponse"])
    assert shown is not None
    lot = listed.instrument.contract_size
    return (
        (shown.venue_id, shown.client_id, shown.side.value) == (told["id"], told["clientOrderId"] or "", told["side"])
        and same(shown.contracts * lot, told["amount"])
        and same(shown.filled * lot, told["filled"])
        and same(shown.limit_price, told["price"])
        and shown.status in STATES[told["status"]]
        and (shown.reduce_only, shown.post_only, shown.at_ms) == (told["reduceOnly"], told["postOnly"], told["timestamp"])
    )


def position_of_bybit(case: Case) -> bool:
    held = VENUES["bybit"].read_position(linear("bybit", "LTC/USDT:USDT", "LTCUSDT", "0.1"), (case["httpResponse"],), 0)
    told = case["parsedResponse"]
    return (held.contracts, held.entry_price, held.at_ms) == (told["contracts"], told["entryPrice"], told["timestamp"])


def ticker_of_bybit(case: Case) -> bool:
    quote = VENUES["bybit"].read_quote(linear("bybit", "BTC/USDT:USDT", "BTCUSDT", "0.001"), (case["httpResponse"],), 0)
    told = case["parsedResponse"]
    numbers = ((quote.bid, "bid"), (quote.ask, "ask"), (quote.mark, "markPrice"), (quote.index, "indexPrice"))
    return all(same(number, told[name]) for number, name in numbers)


def positions_of_kraken(case: Case) -> bool:
    """They are of multi-collateral contracts: the inverse one is flat beside them, and they are no contracts for a hedge."""
    sheet, listed = VENUES["krakenfutures"], VENUES["krakenfutures"].contract(BASE | MARKETS["krakenfutures"])
    answer = case["httpResponse"] | {"serverTime": "2024-02-06T22:24:34.849Z"}
    with pytest.raises(Misfit):
        sheet.contract(known("LTC/USD:USD", "PF_LTCUSD"))
    return sheet.read_position(listed, (answer,), 0).contracts == 0 and bool(case["parsedResponse"])


def trades_of_kraken(case: Case) -> bool:
    sheet, listed = VENUES["krakenfutures"], VENUES["krakenfutures"].contract(BASE | MARKETS["krakenfutures"])
    return sheet.read_fills(listed, case["httpResponse"]).items == () and bool(case["parsedResponse"])


READ: Final = {
    ("binance", "inverse positions"): positions_of_binance,
    ("bybit", "Fetch an open swap order by its ID and symbol"): order_of_bybit,
    ("bybit", "Fetch swap closed order by its ID and symbol"): order_of_bybit,
    ("bybit", "linear position (flat)"): position_of_bybit,
    ("bybit", "swap ticker"): ticker_of_bybit,
    ("krakenfutures", "open positions, regression test for #29710"): positions_of_kraken,
    ("krakenfutures", "user trades"): trades_of_kraken,
}
ANSWERS: Final[dict[tuple[str, str], str]] = {}  # where a quirk sheet reads something else, and why that is right


@pytest.mark.parametrize("venue", VENUE_FILES)
def test_every_recorded_answer_is_read_or_known_not_to_be(venue: str, data_folder: Path) -> None:
    found = {case["description"] for case in cases(data_folder, venue, "response")}
    assert found == {name for where, name in READ if where == venue} | set(NOT_READ[venue])


@pytest.mark.parametrize(("venue", "name"), sorted(READ))
def test_a_recorded_answer_means_to_us_what_it_means_to_ccxt(venue: str, name: str, data_folder: Path) -> None:
    (case,) = [case for case in cases(data_folder, venue, "response") if case["description"] == name]
    assert READ[venue, name](case) != ((venue, name) in ANSWERS)


def test_an_answer_that_was_changed_is_seen(data_folder: Path) -> None:
    (case,) = [case for case in cases(data_folder, "binance", "response") if case["description"] == "inverse positions"]
    case["httpResponse"][0]["positionAmt"] = "-4"
    assert not positions_of_binance(case)
    case["httpResponse"][0]["positionSide"] = "SHORT"
    with pytest.raises(Malformed, match="hedge mode"):
        positions_of_binance(case)
