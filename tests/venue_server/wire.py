"""What do all wire protocols share? A call, an answer, the listing that every venue carries, and the duties of a wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Protocol

from aiohttp import web

from tests.venue_server.core import Core
from tests.venue_server.faults import Faults
from tests.venue_server.nouns import Contract, Order, Quote, Refused

KEY: Final = "venue-test-key-canary"
SECRET: Final = "dmVudWUtdGVzdC1zZWNyZXQtY2FuYXJ5"  # base64, as Kraken's secrets are
PASSPHRASE: Final = "venue-test-passphrase-canary"
EXPIRY_MS: Final = 1_924_905_600_000  # 2030-12-31 08:00 UTC


@dataclass(slots=True)
class Call:
    """One request, as a wire sees it. `args` is the query and the body in one, as text or JSON values."""

    method: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]
    args: dict[str, Any]

    def text(self, *names: str) -> str:
        for name in names:
            if (value := self.args.get(name)) not in (None, ""):
                return str(value)
        return ""

    def flag(self, name: str) -> bool:
        return str(self.args.get(name, "")).lower() == "true"

    def number(self, name: str) -> Decimal | None:
        return Decimal(value) if (value := self.text(name)) else None


class Answer(Exception):
    """What goes back: an HTTP status and a body."""

    def __init__(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.headers = dict(headers or {})
        self.text = body if isinstance(body, str) else json.dumps(body, default=_number)


@dataclass(frozen=True, slots=True)
class Route:
    endpoint: str  # the class that faults address
    handle: Callable[[Call], Any]
    private: bool = False


@dataclass(slots=True)
class Rights:
    """What the key may do, and how the account is set up; tests change it while the server runs."""

    trade: bool = True
    withdraw: bool = False
    transfer: bool = True
    extra: dict[str, Any] = field(default_factory=dict)


def plain(value: Decimal | int | None, places: int = 12) -> str:
    """A number as venues write it in JSON strings: no exponent, no trailing zeros."""
    if value is None:
        return ""
    text = f"{Decimal(value):.{places}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _number(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)


class Stream(Protocol):
    socket: web.WebSocketResponse

    async def serve(self, request: web.Request) -> web.StreamResponse: ...


class Wire:
    """One venue's REST protocol over the core."""

    unique_ids: str
    default_leverage = 10
    environments: tuple[str, ...] = ("testnet", "production")

    def __init__(self, environment: str, markets: int) -> None:
        self.environment = environment
        self.rights = Rights()
        self.faults = Faults()
        self.silent = False  # streams stay connected and say nothing more
        contracts = {symbol_of(c): c for c in self.listing()}
        for n in range(markets - len(contracts)):
            filler = self.filler(f"X{n:04d}")
            contracts[symbol_of(filler)] = filler
        self.core = Core(contracts=contracts, unique_ids=self.unique_ids, default_leverage=self.default_leverage)  # type: ignore[arg-type]
        for symbol, contract in contracts.items():
            price = {"BTC": Decimal(60_000), "ETH": Decimal(3_000), "SOL": Decimal(150)}.get(contract.base, Decimal(10))
            self.core.quotes[symbol] = Quote(price, price, price - contract.tick, price + contract.tick)

    # What a venue's wire says for itself

    def listing(self) -> list[Contract]:
        raise NotImplementedError

    def filler(self, coin: str) -> Contract:
        """One of the thousands of markets that nobody asked for."""
        raise NotImplementedError

    def routes(self) -> dict[tuple[str, str], Route]:
        raise NotImplementedError

    def read(self, call: Call) -> None:
        """Fill call.args in the venue's encoding of bodies."""
        raise NotImplementedError

    def authorise(self, call: Call, route: Route) -> None:
        """Raise the venue's answer to a wrong key, signature, clock or right."""
        raise NotImplementedError

    def wrap(self, call: Call, result: Any) -> Answer:
        raise NotImplementedError

    def error(self, code: str, text: str = "", call: Call | None = None) -> Answer:
        """The venue's way of saying its error `code`."""
        raise NotImplementedError

    def refusal(self, call: Call, refused: Refused) -> Answer:
        """The venue's way of saying what the core refused."""
        raise NotImplementedError

    def maintenance(self) -> Answer:
        raise NotImplementedError

    def stream(self, path: str) -> Stream | None:
        """One connection of the venue's public websocket at this path, where this server speaks it."""
        return None

    # What they share

    def answer(self, call: Call, route: Route) -> Answer:
        self.core.fire_dead_man()
        try:
            if route.private:
                self.authorise(call, route)
            return self.wrap(call, route.handle(call))
        except Refused as refused:
            return self.refusal(call, refused)
        except Answer as answer:
            return answer

    def find(self, venue_id: str, *kinds: str) -> tuple[str, Contract]:
        for symbol, contract in self.core.listed.items():
            if contract.id == venue_id and (not kinds or contract.kind in kinds):
                return symbol, contract
        raise Refused("symbol", venue_id)

    def order(self, venue_id: str = "", client_id: str = "") -> Order | None:
        """By the venue's id if given, else the newest with the client id."""
        if venue_id:
            return self.core.orders.get(int(venue_id)) if venue_id.isdigit() else None
        known = self.core.by_client_id(client_id)
        return known[-1] if known else None


def symbol_of(contract: Contract) -> str:
    """The unified symbol, under which tests know a contract at every venue."""
    if contract.kind == "spot":
        return f"{contract.base}/{contract.quote}"
    expiry = "-301231" if contract.expiry_ms else ""
    return f"{contract.base}/{contract.quote}:{contract.settle}{expiry}"
