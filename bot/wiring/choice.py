"""Which contract does a leg take where the configuration leaves it open? The inverse perpetual, else (`allow_linear`) the linear one."""

from collections.abc import Mapping

import structlog

from bot.core.memory import State
from bot.ports import Exchange, Misconfigured
from bot.settings import Settings
from bot.settings_check import unarmed

log = structlog.get_logger("hedgebot")


async def chosen(exchange: Exchange, settings: Settings) -> Settings:
    """The same settings with every contract named, as the venue lists them now. Raise Misconfigured or NotSent."""
    left_open = [asset for asset, hedge in settings.hedges.items() if hedge.allow_linear]
    if settings.venue.name == "paper" or not left_open:  # paper lists the inverse contract of every asset
        return settings
    from adapters.exchanges.ccxt_exchange import CcxtExchange

    assert isinstance(exchange, CcxtExchange)
    settings = with_instruments(settings, {asset: await exchange.choose(asset) for asset in left_open})
    for finding in unarmed(settings):
        raise Misconfigured(f"{finding.key} {finding.problem}: {finding.remedy}; nothing was sent")
    for asset in left_open:
        log.info("instrument.chosen", asset=asset, instrument=settings.hedges[asset].instrument)
    return settings


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
