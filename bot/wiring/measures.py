"""What do policies and cross-hedges go by at this venue? Its own candles, funding and prices; on paper, what the paper exchange printed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from adapters.exchanges.paper import PaperExchange
from bot.core.decide import RULES_VERSION
from bot.core.rules import Rules
from bot.ports import Clock, Crosses, Exchange, Measures, Past, Prices
from bot.settings import Settings, to_rules
from bot.wiring.choice import venue_of


@dataclass(frozen=True, slots=True)
class Measuring:
    """What is measured. None where nobody needs it."""

    measures: Measures | None = None
    crosses: Crosses | None = None


NOTHING_MEASURED: Final = Measuring()


def measuring(past: Past, prices: Prices, rules: Rules) -> Measuring:
    from bot.signs import Crossed, Measured  # loads numpy

    measured = Measured(past, rules) if judged(rules) else None
    return Measuring(measured, Crossed(prices, past, rules) if rules.crosses else None)


def judged(rules: Rules) -> bool:
    """Does a policy go by candles or funding?"""
    return any(policies.from_candles or policies.funding is not None for policies in rules.policies)


@asynccontextmanager
async def open_past(exchange: Exchange, clock: Clock) -> AsyncIterator[Past]:
    """The candles and the funding of its markets: a venue's own, or what the paper exchange printed."""
    source = venue_of(exchange)
    if source is None:
        from adapters.candles import NoPast, PrintedPast

        assert isinstance(exchange, PaperExchange)
        yield NoPast() if exchange.feed is None else PrintedPast(clock, exchange.feed, exchange.opened.born_ms)
        return
    from adapters.venue_past import VenuePast

    past = VenuePast(source.client, clock)
    try:
        yield past
    finally:
        await past.close()


@asynccontextmanager
async def open_measures(exchange: Exchange, settings: Settings, clock: Clock) -> AsyncIterator[Measuring]:
    """Nothing is read before the first turn: by then the venue is connected."""
    rules = to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls)
    source = venue_of(exchange)
    if (not judged(rules) and not rules.crosses) or (source is None and not isinstance(exchange, PaperExchange)):
        yield NOTHING_MEASURED
        return
    async with open_past(exchange, clock) as past:
        if source is None:
            assert isinstance(exchange, PaperExchange)
            yield measuring(past, exchange, rules)
            return
        from adapters.venue_prices import VenuePrices

        yield measuring(past, VenuePrices(source.client, clock, dates_trades=source.venue.dates_trades), rules)
