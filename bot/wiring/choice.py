"""Which contract and which prices are taken where the configuration leaves it open?

Of a leg the inverse perpetual, else (`allow_linear`) the linear one, and as long as a hedge is open the one it is open in; of an asset that
another leg carries the first market that is listed.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from bot.core.memory import State
from bot.ports import Exchange, Misconfigured
from bot.settings import Settings
from bot.settings_check import unarmed

if TYPE_CHECKING:
    from adapters.exchanges.ccxt_exchange import CcxtExchange

MARKETS: Final = ("{}/USDT:USDT", "{}/USDC:USDC", "{}/USD:USD", "{0}/USD:{0}", "{}/USDT", "{}/USDC", "{}/USD")  # the first one counts
log = structlog.get_logger("hedgebot")


async def chosen(exchange: Exchange, settings: Settings, remembered: State | None = None) -> Settings:
    """The same settings with every contract and market named, as the venue lists them now. Raise Misconfigured or NotSent."""
    held = {leg.asset: leg.symbol for leg in remembered.legs if leg.is_open} if remembered is not None else {}
    left_open = [asset for asset, hedge in settings.hedges.items() if hedge.allow_linear]
    if settings.venue.name != "paper" and left_open:  # paper lists the inverse contract of every asset
        from adapters.exchanges.ccxt_exchange import CcxtExchange

        assert isinstance(exchange, CcxtExchange)
        settings = with_instruments(settings, {asset: held.get(asset) or await exchange.choose(asset) for asset in left_open})
        for finding in unarmed(settings):
            raise Misconfigured(f"{finding.key} {finding.problem}: {finding.remedy}; nothing was sent")
        for asset in left_open:
            log.info("instrument.chosen", asset=asset, instrument=settings.hedges[asset].instrument)
    source = venue_of(exchange) if settings.crosses else None
    if source is None:
        return settings
    markets = {}
    for asset, cross in settings.crosses.items():
        markets[asset] = chosen_market(source, asset, cross.market, await source.markets_of(asset))
        log.info("market.chosen", asset=asset, market=markets[asset])
    return with_markets(settings, markets)


def chosen_market(source: "CcxtExchange", asset: str, market: str, listed: Sequence[str]) -> str:
    """The market whose prices count. Raise Misconfigured where it is not listed."""
    for symbol in [market] if market else [one.format(asset) for one in MARKETS]:
        if symbol in listed:
            return symbol
    there = ", ".join(listed) or "none"
    raise Misconfigured(
        f"hedges.{asset}.cross.market: {source.venue.title} lists {f'no {market}' if market else f'no market of {asset}'} here "
        f"(of {asset}: {there}); nothing was sent: write one of those, or hedge at a venue that has one"
    )


def venue_of(exchange: Exchange) -> "CcxtExchange | None":
    """The venue whose public markets are read; None on paper with prices of its own."""
    from adapters.exchanges.paper import PaperExchange

    if isinstance(exchange, PaperExchange):
        return None
    from adapters.exchanges.ccxt_exchange import CcxtExchange
    from adapters.exchanges.live_feed import LivePaper

    source = exchange.source if isinstance(exchange, LivePaper) else exchange
    return source if isinstance(source, CcxtExchange) else None


def as_recorded(settings: Settings, state: State) -> Settings:
    """The same settings with the contracts that the last run took."""
    left_open = {asset for asset, hedge in settings.hedges.items() if hedge.allow_linear}
    return with_instruments(settings, {leg.asset: leg.symbol for leg in state.legs if leg.asset in left_open})


def with_instruments(settings: Settings, symbols: Mapping[str, str]) -> Settings:
    hedges = {
        asset: hedge.model_copy(update={"instrument": symbols[asset]}) if asset in symbols else hedge
        for asset, hedge in settings.hedges.items()
    }
    return settings.model_copy(update={"hedges": hedges})


def with_markets(settings: Settings, markets: Mapping[str, str]) -> Settings:
    hedges = {
        asset: hedge.model_copy(update={"cross": hedge.cross.model_copy(update={"market": markets[asset]})})
        if hedge.cross is not None
        else hedge
        for asset, hedge in settings.hedges.items()
    }
    return settings.model_copy(update={"hedges": hedges})
