"""How does the unmodified ccxt client reach the server, and which words does each venue want for the same order?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import ccxt.async_support as ccxt
from ccxt import pro

from tests.venue_server.server import VenueServer
from tests.venue_server.wire import KEY, PASSPHRASE, SECRET

BTC: Final = "BTC/USD:BTC"
ETH: Final = "ETH/USD:ETH"


def rebased(node: Any, base_url: str) -> Any:
    """Every address of a tree of addresses, moved to the server; the paths stay."""
    if isinstance(node, dict):
        return {name: rebased(value, base_url) for name, value in node.items()}
    if not isinstance(node, str) or "://" not in node:
        return node
    return (base_url.replace("http", "ws", 1) if node.startswith("ws") else base_url) + urlsplit(node).path


@asynccontextmanager
async def plain_client(server: VenueServer, *, streams: bool = False, **options: Any) -> AsyncIterator[Any]:
    """ccxt as it comes, with every section of urls['api'] pointing at the server."""
    keys = {"apiKey": KEY, "secret": SECRET, "password": PASSPHRASE}
    client = getattr(pro if streams else ccxt, server.venue)({**keys, "enableRateLimit": False, **SETUP.get(server.venue, {}), **options})
    if server.venue == "okx":
        client.set_sandbox_mode(True)
    client.urls["api"] = rebased(client.urls["api"], server.base_url)
    client.timeout_on_exit = 0  # ccxt waits a quarter of a second for its sockets
    try:
        yield client
    finally:
        await client.close()


SETUP: Final[dict[str, dict[str, Any]]] = {}


@dataclass(frozen=True)
class Words:
    """What one venue calls things, through ccxt: the row of its position, its parameters, its codes."""

    lot_usd: Callable[[str], int]  # USD in one unit of the venue's amount
    kinds: dict[str, dict[str, Any]]
    position: tuple[float, float, str, float | None]  # contractSize, contracts, side, notional
    balance: dict[str, Any]
    total: float | None
    equity: Callable[[Any], float]
    position_of: Callable[[Any], Awaitable[Any]]
    prices: Callable[[Any], Awaitable[tuple[float, float, float, float]]]  # mark, index, bid, ask
    status_of_create: str | None
    unique: str
    duplicate: str
    post_only: str
    funds: str
    funding: Callable[[Any], Awaitable[Any]]
    funding_seen: Any
    cancel: Callable[[Any, str], Awaitable[Any]]
    leverage: dict[str, Any] | None
    leverage_unchanged: str
    client_id_of_trade: Callable[[Any], str | None]
    sends_on_a_broken_connection: int = 1  # aiohttp sends a GET again when a kept-alive connection ends under it


def amount_of(venue: str, usd: int, symbol: str) -> float:
    return usd / WORDS[venue].lot_usd(symbol)


def identity(venue: str, client_id: str) -> dict[str, Any]:
    return {{"deribit": "label"}.get(venue, "clientOrderId"): client_id}


async def find(client: Any, venue: str, client_id: str, symbol: str = BTC) -> Any:
    """Look one order up by its client id, in the venue's own way."""
    if venue == "bybit":
        return (await client.fetch_open_orders(symbol, params={"orderLinkId": client_id}))[0]
    if venue == "deribit":
        rows = (await client.privateGetGetOrderStateByLabel({"currency": client.market(symbol)["settle"], "label": client_id}))["result"]
        return client.parse_order(rows[-1])
    if venue == "krakenfutures":
        return await client.fetch_order("", symbol, {"cliOrdIds": [client_id]})
    return await client.fetch_order(None, symbol, {"clientOrderId": client_id})


async def first_position(client: Any, **params: Any) -> Any:
    return next(row for row in await client.fetch_positions([BTC], params) if row["symbol"] == BTC)


async def ticker_prices(client: Any) -> tuple[float, float, float, float]:
    seen = await client.fetch_ticker(BTC)
    return seen["markPrice"], seen["indexPrice"], seen["bid"], seen["ask"]


async def funding_rows(client: Any) -> list[tuple[str, float]]:
    return [(row["code"], row["amount"]) for row in await client.fetch_funding_history(BTC)]


BYBIT: Final = Words(
    lot_usd=lambda symbol: 1,
    kinds={"post_only": {"postOnly": True}, "ioc": {"timeInForce": "IOC"}, "reduce_only": {"timeInForce": "IOC", "reduceOnly": True}},
    position=(1, 60_000, "short", 1.2),
    balance={},
    total=1.0,
    equity=lambda balance: float(balance["info"]["result"]["list"][0]["coin"][0]["equity"]),
    position_of=first_position,
    prices=ticker_prices,
    status_of_create=None,
    unique="ever",
    duplicate="110072",
    post_only="cancelled",
    funds="110007",
    funding=funding_rows,
    funding_seen=[("USD", -0.001)],
    cancel=lambda client, client_id: client.cancel_order(None, BTC, {"orderLinkId": client_id}),
    leverage={},
    leverage_unchanged="110043",
    client_id_of_trade=lambda trade: trade["info"]["orderLinkId"],
)


async def deribit_funding(client: Any) -> list[tuple[str, float]]:
    span = {"currency": "BTC", "start_timestamp": 0, "end_timestamp": 4_000_000_000_000}
    logs = (await client.privateGetGetTransactionLog(span))["result"]["logs"]
    return [(row["currency"], row["interest_pl"]) for row in logs]


DERIBIT: Final = Words(
    lot_usd=lambda symbol: 1,
    kinds={"post_only": {"postOnly": True}, "ioc": {"timeInForce": "IOC"}, "reduce_only": {"timeInForce": "IOC", "reduceOnly": True}},
    position=(10, -60_000, "short", 1.2),
    balance={},
    total=1.2,
    equity=lambda balance: balance["BTC"]["total"],
    position_of=first_position,
    prices=ticker_prices,
    status_of_create="open",
    unique="never",
    duplicate="",
    post_only="11054",
    funds="10009",
    funding=deribit_funding,
    funding_seen=[("BTC", 0.001)],
    cancel=lambda client, client_id: cancel_found(client, "deribit", client_id),
    leverage=None,
    leverage_unchanged="",
    client_id_of_trade=lambda trade: trade["info"]["label"],
    sends_on_a_broken_connection=2,
)


async def cancel_found(client: Any, venue: str, client_id: str) -> Any:
    return await client.cancel_order((await find(client, venue, client_id))["id"], BTC)


async def okx_prices(client: Any) -> tuple[float, float, float, float]:
    touch, mark = await client.fetch_ticker(BTC), await client.fetch_mark_price(BTC)
    index = (await client.publicGetMarketIndexTickers({"instId": "BTC-USD"}))["data"][0]["idxPx"]
    return mark["markPrice"], float(index), touch["bid"], touch["ask"]


OKX: Final = Words(
    lot_usd=lambda symbol: 100 if symbol == BTC else 10,
    kinds={"post_only": {"postOnly": True}, "ioc": {"timeInForce": "IOC"}, "reduce_only": {"timeInForce": "IOC", "reduceOnly": True}},
    position=(100, 600, "short", 1.2),
    balance={},
    total=1.2,
    equity=lambda balance: balance["BTC"]["total"],
    position_of=first_position,
    prices=okx_prices,
    status_of_create=None,
    unique="ever",
    duplicate="51016",
    post_only="cancelled",
    funds="51008",
    funding=funding_rows,
    funding_seen=[("BTC", 0.001)],
    cancel=lambda client, client_id: client.cancel_order(None, BTC, {"clientOrderId": client_id}),
    leverage={},
    leverage_unchanged="",
    client_id_of_trade=lambda trade: trade["info"]["clOrdId"],
)


async def binance_prices(client: Any) -> tuple[float, float, float, float]:
    mark = await client.fetch_mark_price(BTC)
    touch = (await client.fetch_bids_asks([BTC]))[BTC]
    return mark["markPrice"], mark["indexPrice"], touch["bid"], touch["ask"]


BINANCECOINM: Final = Words(
    lot_usd=lambda symbol: 100 if symbol == BTC else 10,
    kinds={"post_only": {"postOnly": True}, "ioc": {"timeInForce": "IOC"}, "reduce_only": {"timeInForce": "IOC", "reduceOnly": True}},
    position=(100, 600, "short", 1.2),
    balance={"type": "swap", "subType": "inverse"},
    total=1.2,
    equity=lambda balance: balance["BTC"]["total"],
    position_of=first_position,
    prices=binance_prices,
    status_of_create="open",
    unique="open",
    duplicate="-4116",
    post_only="-5022",
    funds="-2019",
    funding=funding_rows,
    funding_seen=[("BTC", 0.001)],
    cancel=lambda client, client_id: client.cancel_order(None, BTC, {"clientOrderId": client_id}),
    leverage={},
    leverage_unchanged="",
    client_id_of_trade=lambda trade: trade["info"].get("clientOrderId"),
)


async def kraken_funding(client: Any) -> list[tuple[str, float]]:
    logs = (await client.historyGetAccountLog({"info": "funding rate change"}))["logs"]
    return [(row["asset"], float(row["realized_funding"])) for row in logs]


KRAKENFUTURES: Final = Words(
    lot_usd=lambda symbol: 1,
    kinds={"post_only": {"postOnly": True}, "ioc": {"timeInForce": "ioc"}, "reduce_only": {"timeInForce": "ioc", "reduceOnly": True}},
    position=(1, 60_000, "short", None),
    balance={"type": "fi_xbtusd"},
    total=1.2,
    equity=lambda balance: balance["BTC"]["total"],
    position_of=first_position,
    prices=ticker_prices,
    status_of_create="open",
    unique="ever",
    duplicate="clientOrderIdAlreadyExist",
    post_only="postWouldExecute",
    funds="insufficientAvailableFunds",
    funding=kraken_funding,
    funding_seen=[("xbt", 0.001)],
    cancel=lambda client, client_id: client.cancel_order("", BTC, {"cliOrdId": client_id}),
    leverage=None,
    leverage_unchanged="",
    client_id_of_trade=lambda trade: trade["info"]["cliOrdId"],
)


WORDS: Final[dict[str, Words]] = {
    "binancecoinm": BINANCECOINM,
    "bybit": BYBIT,
    "deribit": DERIBIT,
    "krakenfutures": KRAKENFUTURES,
    "okx": OKX,
}
