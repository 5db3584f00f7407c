"""How does a request reach a venue, and what exactly came back? The only file that imports ccxt.

What ccxt does here: it loads markets, knows every venue's addresses, and signs. What it may not do is queue, retry, follow a redirect,
log, or decide what an answer means: requests wait in our own budget *before* they are signed, the gate is asked inside `sign()`, every
address is checked, and the answer's status and body are kept so that its meaning is read from the venue's code and not from the class of
an exception (exchanges/outcomes.py). ccxt is imported when a client is made, so whoever trades on paper never loads it.
"""

import asyncio
import base64
import importlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import SplitResult, quote, quote_plus, urlsplit, urlunsplit

from adapters.request_budget import Errand, RequestBudget
from adapters.venue_sessions import IN_FLIGHT, Sending, Sessions, never_connected, tls
from bot.core.decision import Approved, Transfer
from bot.ports import Gate, Misconfigured, NotSent, PortError

TIMEOUT_MS: Final = 10_000
SILENCE_MS: Final = {429: 1_000, 418: 60_000, 403: 60_000}  # after a warning, and after bans, where the venue does not say how long
TOO_FREQUENT: Final = "access too frequent"  # Bybit's word for a ban of the address, which lasts
TOO_FREQUENT_MS: Final = 600_000
LEAST_SILENCE_MS: Final = 1_000
NOT_ADDRESSES: Final = frozenset({"logo", "www", "doc", "fees", "referral", "api_management"})  # for people, never called
LONGEST_TEXT: Final = 400  # of a venue's words in an error message
SHORTEST_KEY: Final = 5  # a shorter word would blot out half of every message
SIGNATURES: Final = re.compile(r"(?i)\b(signature|sign|sig|apikey|api_key|api-key|passphrase|secret)(=|%3D|\"?:\s*\"?)[^&\s\"',]+")


@dataclass(frozen=True, slots=True)
class Keys:
    """What proves who we are. Never printed."""

    api_key: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    passphrase: str | None = field(default=None, repr=False)

    @property
    def words(self) -> tuple[str, ...]:
        """In each spelling in which a venue may throw them back, the longest first."""
        held = [word for word in (self.api_key, self.secret, self.passphrase) if word and len(word) >= SHORTEST_KEY]
        spelled = {text for word in held for text in (word, quote(word, safe=""), quote(word), quote_plus(word), in_base64(word))}
        return tuple(sorted(spelled, key=lambda text: (-len(text), text)))


def in_base64(word: str) -> str:
    """Without the padding, which a longer text has elsewhere."""
    return base64.b64encode(word.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Place:
    """Which of a venue's environments, how ccxt is switched to it, and what proves that the switch worked."""

    switch: str  # "none", "sandbox" (set_sandbox_mode) or "demo" (enable_demo_trading)
    hosts: frozenset[str]  # every signed request goes to one of these
    header: tuple[str, str] | None = None  # and carries this
    stream_hosts: frozenset[str] = frozenset()  # every websocket goes to one of these


@dataclass(frozen=True, slots=True)
class Access:
    """What a venue's client needs to know before it speaks."""

    ccxt_id: str
    place: Place
    writes: Mapping[tuple[str, str], Errand]  # (method, path) of every request that may change something, and what it is for
    get_reads: tuple[str, ...] = ()  # private GETs must begin with one of these, where a venue changes things by GET too
    options: Mapping[str, Any] = field(default_factory=dict)
    base_url: str | None = None
    streams: bool = False  # with ccxt.pro's websockets


class Failed(PortError):
    """A request that brought no good answer. What that means for an order is decided by exchanges/outcomes.py."""

    def __init__(self, text: str, *, status: int | None = None, body: object = None, signed: bool = True, banned: bool = False) -> None:
        """`body` is the parsed JSON, or the text where it is none; `banned`: the venue wants silence."""
        super().__init__(text)
        self.status = status
        self.body = body
        self.signed = signed
        self.banned = banned


class Unreachable(NotSent):
    """No connection could be made: not a byte was sent."""


def parsed(body: str) -> object:
    """A JSON body with every fraction as text, so that no amount passes through binary; None for what is no JSON."""
    try:
        return json.loads(body, parse_float=str, parse_constant=_no_number)
    except ValueError:
        return None


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


def own_rate(row: Mapping[str, Any]) -> Decimal:
    """The rate of the interval that ended. Deribit tells of each hour the hour's own rate, and what the last eight came to."""
    told = row.get("info")
    hourly = told.get("interest_1h") if isinstance(told, Mapping) else None
    return Decimal(str(row["fundingRate"] if hourly is None else hourly))


class CcxtClient:
    """One venue's API under one set of keys."""

    def __init__(self, access: Access, keys: Keys, *, budget: RequestBudget, gate: Gate | None) -> None:
        """Raise Misconfigured if ccxt lacks the venue or the environment, or an address is left that leads elsewhere."""
        self._access = access
        self._keys = keys
        self._budget = budget
        self._gate = gate
        self._sessions = Sessions(bool(access.get_reads), self.last_look)
        self._api = self._made()
        self._hosts = access.place.hosts
        self._stream_hosts = access.place.stream_hosts
        self._switch()
        if access.base_url is not None:
            self._hosts = self._stream_hosts = self._moved(access.base_url)
        self.prove()

    def __repr__(self) -> str:
        return f"CcxtClient({self._access.ccxt_id}, {sorted(self._hosts)})"

    @property
    def api_key(self) -> str:
        """The public half, for venues that list keys."""
        return self._keys.api_key or ""

    @property
    def silent_until(self) -> str:
        """When the silence that the venue asked for ends; empty if it asked for none."""
        return self._budget.silent_until

    # ---------------------------------------------------------------------------------------------------------------- set up

    def _made(self) -> Any:
        quiet()
        try:
            module = importlib.import_module("ccxt.pro" if self._access.streams else "ccxt.async_support")
            base = getattr(module, self._access.ccxt_id)
        except (ImportError, AttributeError) as error:
            raise Misconfigured(f"ccxt does not know {self._access.ccxt_id}: install the version this bot pins") from error
        config = {
            "apiKey": self._keys.api_key,
            "secret": self._keys.secret,
            "password": self._keys.passphrase,
            "enableRateLimit": False,  # our own budget stands before it
            "timeout": TIMEOUT_MS,
            "verbose": False,
            "enableLastHttpResponse": False,
            "enableLastJsonResponse": False,
            "enableLastResponseHeaders": False,
            "timeout_on_exit": 0,
            "has": {"fetchCurrencies": False},  # a request that needs more rights than a hedge does
            "session": self._sessions,
            "ssl_context": tls(),  # ours go over our own sessions; ccxt would read the certificates once more
            "options": {"maxRetriesOnFailure": 0, "adjustForTimeDifference": False, **self._access.options},
        }
        return guarded(base, self)({name: value for name, value in config.items() if value is not None})

    def _switch(self) -> None:
        switch, name = self._access.place.switch, self._access.ccxt_id
        try:
            if switch == "sandbox":
                self._api.set_sandbox_mode(True)
            elif switch == "demo":
                self._api.enable_demo_trading(True)
        except Exception as error:  # ccxt raises TypeError where a venue has none
            raise Misconfigured(
                f"ccxt could not switch {name} to its test environment: {type(error).__name__}; nothing was sent"
            ) from error

    def _moved(self, base_url: str) -> frozenset[str]:
        """Every address onto the host of `base_url`, the paths as they are."""
        base = urlsplit(base_url)
        if base.scheme not in {"http", "https"} or not base.netloc:
            raise Misconfigured(f"venue.base_url is {base_url}, which is no address: write https://host or http://host:port")
        self._api.urls = {
            name: part if name in NOT_ADDRESSES else moved(part, base, self._api.hostname or "") for name, part in self._api.urls.items()
        }
        return frozenset({base.netloc.lower()})

    def prove(self) -> None:
        """Raise Misconfigured unless everything this client can sign leads to the environment it was made for."""
        strays = sorted({host for host in hosts(self._api.urls.get("api"), self._api.hostname or "") if host not in self._hosts})
        if self._access.base_url is not None and strays:
            raise Misconfigured(f"{self._access.ccxt_id}: some addresses still lead to {', '.join(strays)}; nothing was sent")
        header = self._access.place.header
        if header is not None and not carries(self._api.headers or {}, header):
            raise Misconfigured(
                f"{self._access.ccxt_id}: the header {header[0]}: {header[1]} is missing, so this is production; nothing was sent"
            )

    def prove_section(self, section: str) -> None:
        """Raise NotSent unless what is signed in this section of ccxt's addresses goes to this environment. Closed where in doubt."""
        addresses = self._api.urls.get("api")
        address = addresses.get(section, addresses.get("rest")) if isinstance(addresses, Mapping) else None
        leads_to = hosts(address, self._api.hostname or "")
        if not leads_to or not leads_to <= self._hosts:
            where, known = ", ".join(sorted(leads_to)) or "nowhere", ", ".join(sorted(self._hosts))
            raise NotSent(f"{where} is not a host of this environment ({known}): nothing was signed")
        header = self._access.place.header
        if header is not None and not carries(self._api.headers or {}, header):
            raise NotSent(f"the header {header[0]}: {header[1]} is missing, so this is production: nothing was signed")

    # ---------------------------------------------------------------------------------------------------------------- requests

    def make_ready(self) -> None:
        """What an order needs and what tells nobody anything yet is begun, if orders may be sent at all."""
        address = self._api.urls["api"].get("rest")
        if self._gate is None or not isinstance(address, str):
            return
        with suppress(NotSent):
            self._gate.check(None)
            self.admit(address, self._api.headers)
            self._sessions.make_ready(address)

    async def markets(self) -> dict[str, dict[str, Any]]:
        """Every listed market by its unified symbol, as ccxt describes it. Raise Failed or NotSent."""
        loaded = await self._through(Sending(Errand.READ), self._api.load_markets, True)
        return dict(loaded) if isinstance(loaded, Mapping) else {}

    async def call(
        self,
        method: str,
        params: Mapping[str, Any],
        errand: Errand = Errand.READ,
        order: Approved | Transfer | None = None,
        deadline_mono_ms: int | None = None,
        weight: int = 1,
    ) -> object:
        """One request by the name of ccxt's implicit method. The parsed body of a good answer. Raise Failed or NotSent."""
        await self._budget.take(errand, weight=weight, deadline_mono_ms=deadline_mono_ms)
        return await self._through(Sending(errand, order), getattr(self._api, method), dict(params))

    async def candles(self, symbol: str, timeframe: str, since_ms: int) -> Sequence[Sequence[object]]:
        """Public candles [opened_ms, open, high, low, close, volume] from `since_ms` on, one page. Raise Failed or NotSent."""
        await self._budget.take(Errand.READ)
        rows = await self._through(Sending(Errand.READ), lambda since: self._api.fetch_ohlcv(symbol, timeframe, since), since_ms)
        return rows if isinstance(rows, list) else ()

    async def ticker(self, symbol: str) -> Mapping[str, Any]:
        """Best prices and last trade of a market, as ccxt describes them. Raise Failed or NotSent."""
        await self._budget.take(Errand.READ)
        told = await self._through(Sending(Errand.READ), self._api.fetch_ticker, symbol)
        return told if isinstance(told, Mapping) else {}

    async def funding_rates(self, symbol: str, since_ms: int) -> Sequence[tuple[int, Decimal]]:
        """Settled funding rates with their times from `since_ms` on, one page. Raise Failed or NotSent."""
        await self._budget.take(Errand.READ)
        rows = await self._through(Sending(Errand.READ), lambda since: self._api.fetch_funding_rate_history(symbol, since), since_ms)
        return [(int(row["timestamp"]), own_rate(row)) for row in rows] if isinstance(rows, list) else ()

    def sent_as(self, symbol: str, amount: str, price: str) -> tuple[Decimal, Decimal]:
        """What ccxt would make of an amount and a price: the venue's own steps, read a second way."""
        steps = self._api.market(symbol)["precision"]
        sent = self._api.amount_to_precision(symbol, amount) if steps["amount"] is not None else amount  # without a step it goes as it is
        return Decimal(sent), Decimal(self._api.price_to_precision(symbol, price))

    async def watch(self, method: str, symbol: str | None) -> object:
        """The next message of a stream, by the name of ccxt's watcher; opens its connection where there is none. Raise Failed or NotSent.

        What a watcher asks over REST on the way is a read, and not counted by the budget: it is once for each connection.
        """
        try:
            return await self._through(Sending(Errand.READ), getattr(self._api, method), symbol)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise Failed("the websocket was closed") from None  # ccxt cancels whoever waits for a connection that it closes

    async def end_streams(self) -> None:
        """Close every websocket and forget it: the next `watch` connects anew, at once. Never raises."""
        try:
            await self._api.close_ws_clients()
        except Exception as error:
            logging.getLogger("hedgebot").warning("closing the streams of %s: %s", self._access.ccxt_id, type(error).__name__)
        self._api.clients, self._api.ws_dial_backoff = {}, {}  # how long to wait is our own business (exchanges/streams.py)
        await self._sessions.close_streams()

    async def _through(self, sending: Sending, method: Any, argument: Any) -> object:
        token = IN_FLIGHT.set(sending)
        try:
            answer = await method(argument)
        except PortError:
            raise
        except Exception as error:
            raise self._failed(error, sending) from None  # ccxt's text and its chain carry addresses with keys in them
        finally:
            IN_FLIGHT.reset(token)
        if sending.status is not None and not 200 <= sending.status < 300:
            raise self._failed(None, sending)
        return answer

    def _failed(self, error: Exception | None, sending: Sending) -> PortError:
        said = f"{type(error).__name__}: " if error is not None and sending.status is None else ""
        words = sending.body if sending.status is not None else str(error)
        text = f"{said}{f'HTTP {sending.status} ' if sending.status is not None else ''}{self.scrubbed(words)}".strip()
        if never_connected(error):
            return Unreachable(f"{self._access.ccxt_id} cannot be reached: nothing was sent")
        body = parsed(sending.body)
        for_ms = silence_ms(sending, body)
        if for_ms:
            why = "this address is shut out" if sending.status == 403 else "too many requests"
            self._budget.hold(for_ms, f"{self._access.ccxt_id} answered {sending.status}: {why}")
        return Failed(text, status=sending.status, body=sending.body if body is None else body, signed=sending.signed, banned=for_ms > 0)

    def scrubbed(self, text: str) -> str:
        """A text without keys and signatures."""
        for word in self._keys.words:
            text = text.replace(word, "***")
        return SIGNATURES.sub(r"\1\2***", text)[:LONGEST_TEXT]

    # ---------------------------------------------------------------------------------------------------------------- the last look

    def permit(self, path: str, method: str, section: str) -> None:
        """Asked inside `sign()`, after every queue. Raise NotSent if this may not be signed now."""
        private = "rivate" in section
        sending = IN_FLIGHT.get(None)
        if sending is None:
            raise NotSent(f"{method} {path} was not asked for by the bot: it was not signed")
        self.prove_section(section)
        errand = self._access.writes.get((method, path))
        if errand is None:
            reads = method == "GET" and (not private or not self._access.get_reads or path.startswith(self._access.get_reads))
            if not reads or sending.errand is not Errand.READ:
                raise NotSent(f"{method} {path} is not among the requests this bot signs")
            return
        if errand is not sending.errand:
            raise NotSent(f"{method} {path} is for {errand.value}, and {sending.errand.value} was asked for: it was not signed")
        if self._gate is not None:
            self._gate.check(sending.order)

    def last_look(self) -> None:
        """Asked again when the connection stands and nothing is written yet. Raise NotSent: since the signature a new connection was made,
        and this process may have slept; not every venue lets a signature grow too old."""
        sending = IN_FLIGHT.get(None)
        if sending is not None and self._gate is not None:
            self._gate.check(sending.order)

    def admit(self, url: str, headers: Mapping[str, str] | None) -> None:
        """Asked before a byte leaves: does it go where it may?"""
        host = urlsplit(url).netloc.lower()
        if host not in self._hosts:
            raise NotSent(f"{host} is not a host of this environment ({', '.join(sorted(self._hosts))}): nothing was sent")
        header = self._access.place.header
        if header is not None and not carries(headers or {}, header):
            raise NotSent(f"the header {header[0]} is missing: nothing was sent")

    def admit_stream(self, url: str) -> None:
        """Asked before a websocket is opened."""
        host = urlsplit(url).netloc.lower()
        if host not in self._stream_hosts:
            known = ", ".join(sorted(self._stream_hosts)) or "none is known"
            raise NotSent(f"{host} is not a websocket host of this environment ({known}): it was not opened")

    async def close(self) -> None:
        """Release connections. Never raises."""
        try:
            await self._api.close()
        except Exception as error:
            logging.getLogger("hedgebot").warning("closing %s: %s", self._access.ccxt_id, type(error).__name__)
        await self._sessions.close()


MUTE: Final = logging.Logger("ccxt, which prints keys and signatures", level=logging.CRITICAL + 1)  # stands below no other logger


def guarded(base: Any, client: CcxtClient) -> Any:
    """A venue's ccxt class whose `sign()` asks the gate and whose requests keep to their hosts."""

    class Guarded(base):  # type: ignore[misc]
        logger = MUTE

        def sign(self, path: str, api: Any = "public", method: str = "GET", params: Any = None, *rest: Any) -> Any:
            section = api[0] if isinstance(api, (list, tuple)) else api
            sending = IN_FLIGHT.get(None)
            client.permit(path, method, section)
            signed = super().sign(path, api, method, {} if params is None else params, *rest)
            if sending is not None:
                sending.signed = True
            return signed

        async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
            client.admit(url, self.prepare_request_headers(headers))
            return await super().fetch(url, method, headers, body)

        def client(self, url: str) -> Any:
            client.admit_stream(url)
            return super().client(url)

        def on_rest_response(self, code: int, reason: str, url: str, method: str, headers: Any, *rest: Any) -> Any:
            text = super().on_rest_response(code, reason, url, method, headers, *rest)
            sending = IN_FLIGHT.get(None)
            if sending is not None:
                sending.status, sending.body, sending.silence_ms = code, text, retry_after_ms(headers)
            return text

        def on_json_response(self, response_body: str) -> Any:
            return json.loads(response_body, parse_float=str, parse_constant=_no_number)

    Guarded.__name__ = Guarded.__qualname__ = base.__name__
    return Guarded


def quiet() -> None:
    """ccxt's debug log prints keys and signatures: it has no voice here, whatever level is asked for."""
    ccxt_log = logging.getLogger("ccxt")
    ccxt_log.disabled = True
    ccxt_log.propagate = False
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("ccxt.")]:
        logging.getLogger(name).disabled = True


def silence_ms(sending: Sending, body: object) -> int:
    """For how long nothing may be asked; 0: the venue did not ask for silence.

    A 403 with a code in it is the venue's and about this request. A page is of the gate before it, which shuts out an address.
    """
    if sending.status == 403 and TOO_FREQUENT in sending.body.lower():
        return TOO_FREQUENT_MS
    if sending.status not in SILENCE_MS or (sending.status == 403 and isinstance(body, Mapping)):
        return 0
    return SILENCE_MS[sending.status] if sending.silence_ms is None else max(LEAST_SILENCE_MS, sending.silence_ms)


def retry_after_ms(headers: Mapping[str, str] | None) -> int | None:
    """How long an answer asks us to wait: `Retry-After`, in seconds or as a date. None where it says nothing we can read."""
    told = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    said = told.get("retry-after", "")
    if said.isdecimal():
        return int(said) * 1000
    try:
        wait = parsedate_to_datetime(said) - parsedate_to_datetime(told.get("date", ""))  # both by the venue's clock
    except (TypeError, ValueError):
        return None
    return max(0, int(wait.total_seconds() * 1000))


def carries(headers: Mapping[str, str], header: tuple[str, str]) -> bool:
    return {name.lower(): value for name, value in headers.items()}.get(header[0]) == header[1]


def hosts(part: object, hostname: str) -> set[str]:
    """Every host that is named anywhere in a section of ccxt's addresses."""
    if isinstance(part, Mapping):
        return {host for inner in part.values() for host in hosts(inner, hostname)}
    if isinstance(part, str) and "://" in part:
        return {urlsplit(part.replace("{hostname}", hostname)).netloc.lower()}
    return set()


def moved(part: Any, base: SplitResult, hostname: str) -> Any:
    """The same addresses on another host."""
    if isinstance(part, Mapping):
        return {name: moved(inner, base, hostname) for name, inner in part.items()}
    if isinstance(part, list):
        return [moved(inner, base, hostname) for inner in part]
    if not isinstance(part, str) or "://" not in part:
        return part
    was = urlsplit(part.replace("{hostname}", hostname))
    scheme = base.scheme if was.scheme.startswith("http") else {"http": "ws", "https": "wss"}[base.scheme]
    return urlunsplit((scheme, base.netloc, base.path.rstrip("/") + was.path, was.query, ""))
