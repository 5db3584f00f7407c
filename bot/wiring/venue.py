"""Which exchange, which prices, which targets does the configuration name?"""

import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from adapters.clock import SystemClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_feed import Feed, Opened, Print, ScriptedFeed, SyntheticFeed
from adapters.history import read_bars
from adapters.kill_file import KillFile
from bot.core.model import Kind
from bot.gate import SignGate
from bot.ports import Clock, Exchange, KillSwitch, Misconfigured
from bot.settings import Settings

if TYPE_CHECKING:
    from adapters.targets.document import TargetDocument

log = structlog.get_logger("hedgebot")


def real_time() -> Clock:
    return SystemClock()


def kill_switch(settings: Settings) -> KillSwitch:
    return KillFile(Path(settings.kill_file))


def open_exchange(settings: Settings, clock: Clock, gate: SignGate | None, absence: tuple[int, int] | None = None) -> Exchange:
    """The venue of the configuration. Raise Misconfigured.

    `absence`: milliseconds and polls that prove an order absent, where the venue's reads are known not to lag; else its sheet says.
    """
    if settings.venue.name != "paper":
        return open_real(settings, clock, gate, absence)
    paper = settings.paper
    assets = dict.fromkeys(settings.hedges)
    return PaperExchange(
        clock,
        paper.url,
        {asset: paper.price.get(asset) or first_price(settings, asset) for asset in assets},
        paper.collateral,
        spread_bps=paper.spread_bps,
        seed=paper.seed,
        feed=lambda opened: open_feed(settings, opened),
        matching="book",
        gate=gate,
    )


def open_real(settings: Settings, clock: Clock, gate: SignGate | None, absence: tuple[int, int] | None = None) -> Exchange:
    """A venue behind the network; nothing is sent yet. Raise Misconfigured."""
    from adapters.ccxt_client import Keys  # whoever trades on paper loads no client
    from adapters.exchanges.ccxt_open import open_venue, sheet

    venue = settings.venue
    unproven = not sheet(venue.name).tested or venue.environment == "production"  # a changed contract would not be noticed there yet
    if settings.mode == "live" and unproven and not venue.untested_ok:
        raise Misconfigured(
            f"venue {venue.name} in environment {venue.environment} is unproven in this version: use a test environment or "
            f"`mode: dry-run`, or write `venue.untested_ok: true` to arm it anyway"
        )
    secrets_ = (venue.api_key, venue.api_secret, venue.passphrase)
    return open_venue(
        venue.name,
        venue.environment,
        Keys(*(None if secret is None else secret.get_secret_value() for secret in secrets_)),
        clock,
        gate,
        base_url=venue.base_url,
        allow_base_url_production=venue.allow_base_url_production,
        linear=any(settings.kind(asset) is Kind.LINEAR for asset in settings.hedges),
        absence=absence,
    )


async def fit_to_hedge(exchange: Exchange, settings: Settings, symbols: Sequence[str], clock: Clock) -> None:
    """Pre-flight of a real venue, once it is connected. Raise Misconfigured with the first thing that must change."""
    if settings.venue.name == "paper" or settings.venue.api_key is None:
        return
    from adapters.exchanges.ccxt_exchange import CcxtExchange
    from adapters.exchanges.preflight import preflight

    assert isinstance(exchange, CcxtExchange)
    found = await preflight(
        exchange, symbols, clock, min_order_usd=settings.band.min_order_usd, allow_withdraw_key=settings.venue.allow_withdraw_key
    )
    for finding in found:
        (log.error if finding.severity == "error" else log.warning)("preflight", what=finding.what, next=finding.remedy)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        raise Misconfigured("; ".join(str(finding) for finding in errors) + "; nothing was sent")


def first_price(settings: Settings, asset: str) -> Decimal:
    return read_bars(Path(settings.paper.feed), allow_gaps=True)[0].open


def open_feed(settings: Settings, opened: Opened) -> Feed:
    """Synthetic prices, or a file replayed from the moment the venue was made."""
    if settings.paper.feed == "synthetic":
        return SyntheticFeed(opened)
    if settings.paper.feed.startswith("live:"):
        raise Misconfigured(f"paper.feed {settings.paper.feed} is not available in this version: use synthetic or a CSV file")
    bars = read_bars(Path(settings.paper.feed), allow_gaps=True)
    shift = opened.born_ms - bars[0].at_ms
    asset = next(iter(settings.hedges))
    return ScriptedFeed([Print(asset, price, at_ms + shift) for bar in bars for at_ms, price in bar.prints()])


def open_targets(settings: Settings, clock: Clock) -> "TargetDocument | None":
    document = settings.targets
    if document is None:
        return None
    import httpx  # only who reads a document pays for the client

    from adapters.targets.document import TargetDocument

    return TargetDocument(
        httpx.AsyncClient(),
        document.url,
        poll_ms=int(document.poll_seconds * 1000),
        max_age_ms=int(document.max_age_seconds * 1000),
        clock=clock,
        assets=tuple(settings.hedges),
        allow_over_hedge=settings.risk.allow_over_hedge,
        chance=random.Random(),  # noqa: S311  # jitter, not a secret
    )
