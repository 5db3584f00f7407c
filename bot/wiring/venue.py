"""Which exchange, which prices, which targets does the configuration name?"""

import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import structlog

from adapters.clock import SystemClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_feed import Feed, Opened, Print, ScriptedFeed, SyntheticFeed
from adapters.exchanges.paper_matching import Touch
from adapters.history import read_bars
from adapters.kill_file import KillFile
from bot.core.model import Kind
from bot.core.rules import Band
from bot.gate import SignGate
from bot.ports import Clock, Countdown, Exchange, KillSwitch, Misconfigured, Mover
from bot.settings import Settings
from bot.settings_check import unarmed

if TYPE_CHECKING:
    from adapters.targets.document import TargetDocument

log = structlog.get_logger("hedgebot")


def real_time() -> Clock:
    return SystemClock()


def kill_switch(settings: Settings) -> KillSwitch:
    """Of one account among several: its own file beside the one that stops them all."""
    everyone = Path(settings.kill_file)
    if len(settings.accounts) == 1:
        return KillFile(everyone)
    return KillFile(everyone.with_name(f"{everyone.name}.{settings.account}"), everyone)


def open_exchange(
    settings: Settings, clock: Clock, gate: SignGate | None, absence: tuple[int, int] | None = None, *, every_market: bool = False
) -> Exchange:
    """The venue of the configuration. Raise Misconfigured.

    `absence`: milliseconds and polls that prove an order absent, where the venue's reads are known not to lag; else its sheet says.
    `every_market`: load what the configuration does not need too.
    """
    if settings.venue.name != "paper":
        return open_real(settings, clock, gate, absence, every_market=every_market)
    if settings.venue.streams:
        raise Misconfigured("venue.streams is true, and the paper exchange has no websocket: write `venue.streams: false`")
    paper = settings.paper
    if paper.feed.startswith("live:"):
        return open_live(settings, clock, gate, every_market=every_market)
    assets = (*settings.assets, *(paper.price if every_market and paper.feed == "synthetic" else ()))
    prices = {asset: paper.price.get(asset) or first_price(settings, asset) for asset in assets}
    return open_paper(settings, clock, gate, prices, lambda opened: open_feed(settings, opened))


def open_paper(
    settings: Settings,
    clock: Clock,
    gate: SignGate | None,
    prices: Mapping[str, Decimal],
    feed: Callable[[Opened], Feed],
    touch: Touch | None = None,
) -> PaperExchange:
    paper = settings.paper
    return PaperExchange(
        clock,
        paper.url,
        prices,
        paper.collateral,
        spread_bps=paper.spread_bps,
        seed=paper.seed,
        feed=feed,
        matching="book",
        touch=touch,
        spot=paper.wallet,
        gate=gate,
    )


def open_live(settings: Settings, clock: Clock, gate: SignGate | None, *, every_market: bool = False) -> Exchange:
    """The paper exchange on the public prices of a venue's live market, read without a key."""
    from adapters.ccxt_client import Keys
    from adapters.exchanges.ccxt_open import open_venue
    from adapters.exchanges.live_feed import LiveFeed, LivePaper

    name = settings.paper.feed.removeprefix("live:")
    source = open_venue(
        name,
        "production",
        Keys(),
        clock,
        None,
        base_url=settings.paper.base_url,
        allow_base_url_production=True,  # nothing is signed without a key
        linear=every_market or needs_linear(settings),
        spot=every_market or bool(settings.crosses),
    )
    feed = LiveFeed(settings.paper.spread_bps)
    return LivePaper(source, feed, clock, lambda prices: open_paper(settings, clock, gate, prices, lambda _: feed, feed))


def open_real(
    settings: Settings, clock: Clock, gate: SignGate | None, absence: tuple[int, int] | None = None, *, every_market: bool = False
) -> Exchange:
    """A venue behind the network; nothing is sent yet. Raise Misconfigured."""
    from adapters.ccxt_client import Keys  # whoever trades on paper loads no client
    from adapters.exchanges.ccxt_open import open_venue

    for finding in unarmed(settings):
        raise Misconfigured(f"{finding.key} {finding.problem}: {finding.remedy}; nothing was sent")
    venue = settings.venue
    secrets_ = (venue.api_key, venue.api_secret, venue.passphrase)
    return open_venue(
        venue.name,
        venue.environment,
        Keys(*(None if secret is None else secret.get_secret_value() for secret in secrets_)),
        clock,
        gate,
        base_url=venue.base_url,
        allow_base_url_production=venue.allow_base_url_production,
        linear=every_market or needs_linear(settings),
        spot=every_market or bool(settings.crosses),
        streams=venue.streams,
        absence=absence,
    )


def needs_linear(settings: Settings) -> bool:
    """Must linear contracts be loaded too: to trade them, or to look at their prices?"""
    kinds = (hedge.allow_linear or settings.kind(asset) is Kind.LINEAR for asset, hedge in settings.legs.items())
    return bool(settings.crosses) or any(kinds)


def open_streams(
    exchange: Exchange, settings: Settings, clock: Clock, wake: Callable[[], None], told: Callable[[bool], None]
) -> AbstractAsyncContextManager[None]:
    """What wakes the bot between its cycles while the context lasts: with `venue.streams` the venue's websockets, else nothing."""
    if not settings.venue.streams:
        return nullcontext()
    from adapters.exchanges.ccxt_exchange import CcxtExchange
    from adapters.exchanges.streams import Streams, Watched

    assert isinstance(exchange, CcxtExchange)
    watched = [Watched(hedge.instrument, worth_a_look(settings.band_of(asset))) for asset, hedge in settings.legs.items()]
    has_key = settings.venue.api_key is not None
    return Streams(exchange.venue, exchange.client, clock, watched, wake, told=told, own_orders=has_key).listening()


def worth_a_look(band: Band) -> Decimal:
    """Which move of the price, as a share of it, may have brought a leg near the edge of its band: a fifth of the narrower side."""
    return min(1 - band.low, band.high - 1) / 5


def first_price(settings: Settings, asset: str) -> Decimal:
    return read_bars(Path(settings.paper.feed), allow_gaps=True)[0].open


def open_feed(settings: Settings, opened: Opened) -> Feed:
    """Synthetic prices, or a file replayed from the moment the venue was made."""
    if settings.paper.feed == "synthetic":
        return SyntheticFeed(opened)
    bars = read_bars(Path(settings.paper.feed), allow_gaps=True)
    shift = opened.born_ms - bars[0].at_ms
    asset = next(iter(settings.hedges))
    return ScriptedFeed([Print(asset, price, at_ms + shift) for bar in bars for at_ms, price in bar.prints()])


def mover(exchange: Exchange) -> Mover | None:
    """Who moves collateral at this venue; None where nobody does."""
    return cast(Mover, exchange) if getattr(exchange, "moves_collateral", False) else None


def countdown(settings: Settings, exchange: Exchange) -> Countdown | None:
    """The venue's dead man's switch, if the configuration asks for it."""
    if not settings.dead_mans_switch:
        return None
    from adapters.exchanges.ccxt_exchange import CcxtExchange

    assert isinstance(exchange, CcxtExchange)  # the settings refuse it on paper
    return exchange


@asynccontextmanager
async def open_document(settings: Settings, clock: Clock) -> AsyncIterator["TargetDocument | None"]:
    """The target document of the configuration, read while the context lasts; None if there is none."""
    document = settings.targets
    if document is None:
        yield None
        return
    import httpx  # only who reads a document pays for the client

    from adapters.targets.document import TargetDocument

    targets = TargetDocument(
        httpx.AsyncClient(),
        document.url,
        poll_ms=int(document.poll_seconds * 1000),
        max_age_ms=int(document.max_age_seconds * 1000),
        clock=clock,
        assets=settings.assets,
        allow_over_hedge=settings.risk.allow_over_hedge,
        chance=random.Random(),  # noqa: S311  # jitter, not a secret
    )
    try:
        yield targets
    finally:
        await targets.close()
