"""Which client belongs to a configured venue? The environment is checked here, before anything is signed."""

from typing import Final

from adapters.ccxt_client import Access, CcxtClient, Keys
from adapters.exchanges.ccxt_exchange import CcxtExchange
from adapters.exchanges.venues.binance import BINANCE
from adapters.exchanges.venues.binancecoinm import BINANCECOINM
from adapters.exchanges.venues.bingx import BINGX
from adapters.exchanges.venues.bybit import BYBIT
from adapters.exchanges.venues.deribit import DERIBIT
from adapters.exchanges.venues.krakenfutures import KRAKENFUTURES
from adapters.exchanges.venues.mexc import MEXC
from adapters.exchanges.venues.okx import OKX
from adapters.exchanges.venues.sheet import Venue
from adapters.exchanges.venues.weex import WEEX
from adapters.request_budget import RequestBudget
from bot.ports import Clock, Gate, Misconfigured

VENUES: Final = {venue.name: venue for venue in (BYBIT, OKX, DERIBIT, KRAKENFUTURES, BINANCECOINM, BINANCE, BINGX, MEXC, WEEX)}


def sheet(name: str) -> Venue:
    """Raise Misconfigured for a venue without a quirk sheet."""
    if name not in VENUES:
        raise Misconfigured(f"venue {name} is not known: write one of paper, {', '.join(VENUES)}")
    return VENUES[name]


def open_venue(
    name: str,
    environment: str | None,
    keys: Keys,
    clock: Clock,
    gate: Gate | None,
    *,
    base_url: str | None = None,
    allow_base_url_production: bool = False,
    linear: bool = False,
    spot: bool = False,
    streams: bool = False,
    absence: tuple[int, int] | None = None,
) -> CcxtExchange:
    """The venue, ready to connect; nothing was sent yet. Raise Misconfigured.

    `linear`: load its linear contracts too; `spot`: and its spot markets, for their prices.
    """
    venue = sheet(name)
    if environment is None or environment not in venue.places:
        offered = " or ".join(venue.places)
        raise Misconfigured(f"venue.environment is {environment or 'not given'}, and {venue.title} has {offered}: write one of these")
    if base_url is not None and environment == "production" and not allow_base_url_production:
        raise Misconfigured(
            f"venue.base_url sends production orders of {venue.title} to {base_url}: "
            "write `venue.allow_base_url_production: true` if that is meant, or delete base_url"
        )
    if streams and not (venue.price_stream and venue.places[environment].stream_hosts):
        raise Misconfigured(
            f"venue.streams is true, and this bot knows no websocket of {venue.title} in {environment}: write `venue.streams: false`"
        )
    options = dict(venue.options(linear))
    if spot and venue.lists_spot:
        options["fetchMarkets"] = {"types": [*options["fetchMarkets"]["types"], "spot"]}
    access = Access(venue.ccxt_id, venue.places[environment], venue.writes, venue.get_reads, options, base_url, streams)
    client = CcxtClient(access, keys, budget=RequestBudget(clock, venue.allowance), gate=gate)
    return CcxtExchange(venue, client, clock, environment=environment, absence=absence, has_key=bool(keys.api_key))
