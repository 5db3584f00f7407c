"""What do the policies go by at this venue? Its own candles and funding; on paper, what the paper exchange printed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.exchanges.paper import PaperExchange
from bot.core.decide import RULES_VERSION
from bot.ports import Clock, Exchange, Measures
from bot.settings import Settings, to_rules


@asynccontextmanager
async def open_measures(exchange: Exchange, settings: Settings, clock: Clock) -> AsyncIterator[Measures | None]:
    """None where no policy needs anything measured. Nothing is read before the first turn: by then the venue is connected."""
    rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
    legs = [leg for leg in rules.legs if leg.policies.from_candles or leg.policies.funding is not None]
    if not legs:
        yield None
        return
    from bot.analytics.candles import depth  # loads numpy
    from bot.signs import Measured

    depths = {leg.asset: depth(leg.policies) for leg in legs}
    if isinstance(exchange, PaperExchange):
        from adapters.candles import PrintedPast

        if exchange.feed is None:
            yield None
            return
        yield Measured(PrintedPast(clock, exchange.feed, exchange.opened.born_ms, depths), legs)
        return
    from adapters.exchanges.ccxt_exchange import CcxtExchange
    from adapters.exchanges.live_feed import LivePaper
    from adapters.venue_past import VenuePast

    source = exchange.source if isinstance(exchange, LivePaper) else exchange
    if not isinstance(source, CcxtExchange):
        yield None
        return
    past = VenuePast(source.client, clock, depths)
    try:
        yield Measured(past, legs)
    finally:
        await past.close()
