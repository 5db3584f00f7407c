"""Which contracts could hedge an asset at this venue, and what is known of each?

Its own inverse and linear one, and those of other assets: looked at as the venue shows them now, with the funding of a look-back and, for
another asset's, β and R² of closed candles. Nothing is signed but reads, and nothing is recorded.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from adapters.clock import SystemClock
from adapters.exchanges.paper import PaperExchange
from bot.analytics.costs import funding_cost
from bot.analytics.regression import fitted
from bot.core.cross_terms import CrossSeen
from bot.core.model import Ask, View
from bot.core.policy_terms import NO_POLICIES
from bot.core.ranking import Offer, Way
from bot.ports import Clock, Exchange, Misconfigured, Past, PortError, Wanted
from bot.settings import Settings
from bot.settings_cross import Cross
from bot.settings_root import WIDE_BAND
from bot.venue_offers import OFFERS, Proof
from bot.wiring.choice import chosen_market, venue_of
from bot.wiring.measures import open_past
from bot.wiring.start import paper_aside
from bot.wiring.venue import open_exchange

LEVELS: Final = 50  # of each side of the book
HOUR_MS: Final = 3_600_000
YEAR_HOURS: Final = 8_760
PUBLIC: Final = ("quote", "depth")  # parts of a look that need no key
USUAL: Final = ("BTC", "ETH")  # whose contracts are looked at besides those of the configuration


@dataclass(frozen=True, slots=True)
class Offers:
    venue: str
    looked_ms: int
    offers: tuple[Offer, ...]


async def offers_for(settings: Settings, asset: str, others: Sequence[str], lookback_ms: int) -> Offers:
    """Everything that could hedge `asset`. `others`: whose contracts; () for those of the configuration and the usual ones.

    Raise PortError where the venue does not answer at all; what else cannot be read is said in its offer.
    """
    clock = SystemClock()
    with paper_aside(settings) as aside:
        async with AsyncExitStack() as closing_time:
            exchange = open_exchange(aside, clock, None, every_market=True)
            closing_time.push_async_callback(exchange.close)
            bare = [*own_contracts(asset), *cross_contracts(settings, asset, others)]
            unfit = await connected(exchange, [offer.symbol for offer in bare])
            past = await closing_time.enter_async_context(open_past(exchange, clock))
            views = await look(exchange, [offer.symbol for offer in bare if offer.symbol not in unfit], clock)
            looked_ms = clock.now_ms()
            found = []
            for offer in bare:
                if offer.symbol in unfit:
                    found.append(replace(offer, troubles=(unfit[offer.symbol],)))
                    continue
                seen = shown(offer, views[offer.symbol], settings.venue.name)
                priced = await with_funding(seen, past, lookback_ms)
                found.append(await with_beta(priced, exchange, past, clock))
    source = venue_of(exchange)
    return Offers("the paper exchange" if source is None else source.venue.title, looked_ms, tuple(found))


def own_contracts(asset: str) -> list[Offer]:
    return [Offer(f"{asset}/USD:{asset}", Way.INVERSE, asset), Offer(f"{asset}/USDT:USDT", Way.LINEAR, asset)]


def cross_contracts(settings: Settings, asset: str, others: Sequence[str]) -> list[Offer]:
    """With the contract that the configuration takes for each of these assets, judged by its own terms if it is the one configured."""
    configured = settings.crosses.get(asset)
    first = () if configured is None else (configured.with_,)
    coins = dict.fromkeys(others or (*first, *settings.legs, *USUAL))
    found = []
    for coin in coins:
        if coin != asset:
            terms = configured if configured is not None and configured.with_ == coin else Cross.model_validate({"with": coin})
            rule = terms.rule(asset, Decimal(1), WIDE_BAND, NO_POLICIES)
            leg = settings.legs.get(coin)
            found.append(Offer(f"{coin}/USD:{coin}" if leg is None else leg.instrument, Way.CROSS, coin, rule=rule))
    return found


async def connected(exchange: Exchange, symbols: Sequence[str]) -> dict[str, str]:
    """Connect what fits; of the rest, why it does not."""
    source = venue_of(exchange)
    unfit = {} if source is None else await source.unfit(symbols)
    if isinstance(exchange, PaperExchange):
        for symbol in symbols:
            try:
                await exchange.connect([symbol])
            except Misconfigured as error:
                unfit[symbol] = str(error)
    else:
        await exchange.connect([symbol for symbol in symbols if symbol not in unfit])
    return unfit


async def look(exchange: Exchange, symbols: Sequence[str], clock: Clock) -> dict[str, View]:
    now_ms = clock.now_ms()
    views = await exchange.look([Ask(symbol, now_ms, now_ms, levels=LEVELS) for symbol in symbols])
    return dict(zip(symbols, views, strict=True))


def shown(offer: Offer, view: View, venue: str) -> Offer:
    """With what the venue shows now. What it does not show of the account is of no account here."""
    proof = OFFERS[venue].proof(view.instrument.kind)
    told = [error for error in view.errors if error.partition(": ")[0].split(", ")[0] in PUBLIC or view.quote is None]
    if proof is Proof.RECORDED:
        told.append(f"its contracts are recorded only at {venue}: `venue.untested_ok: true` arms them")
    return replace(
        offer,
        instrument=view.instrument,
        quote=view.quote,
        depth=view.depth,
        barred=OFFERS[venue].why_not if proof in (Proof.NONE, Proof.PLAN) else "",
        troubles=tuple(told),
    )


async def with_funding(offer: Offer, past: Past, lookback_ms: int) -> Offer:
    """Of the look-back; where that is not known, at the rate that runs now."""
    series = await past.read(Wanted(offer.hedge, offer.symbol, HOUR_MS, 0, lookback_ms))
    signs, lacking = funding_cost(series.rates, lookback_ms)
    if signs is not None:
        return replace(offer, funding=signs.cost)
    rate = None if offer.quote is None else offer.quote.funding_rate
    if rate is None or offer.instrument is None:
        return replace(offer, troubles=(*offer.troubles, *series.problems, *lacking))
    why = "; ".join(series.problems or lacking)
    now = -rate * YEAR_HOURS / offer.instrument.funding_interval_hours
    return replace(offer, funding=now, troubles=(*offer.troubles, f"its funding is taken at the rate of now ({why})"))


async def with_beta(offer: Offer, exchange: Exchange, past: Past, clock: Clock) -> Offer:
    """How much the asset moves with the coin whose contract this is."""
    rule = offer.rule
    if rule is None:
        return offer
    try:
        source = venue_of(exchange)
        market = rule.asset if source is None else chosen_market(source, rule.asset, "", await source.markets_of(rule.asset))
    except PortError as error:
        return replace(offer, seen=CrossSeen(rule.asset, unmeasured=str(error)))
    asset = await past.read(Wanted(rule.asset, market, rule.candle_ms, rule.lookback + 1))
    hedge = await past.read(Wanted(rule.hedge, offer.symbol, rule.candle_ms, rule.lookback + 1))
    fit, why = fitted(rule, asset.candles, hedge.candles)
    problems = "; ".join(dict.fromkeys((*asset.problems, *hedge.problems, *((why,) if why else ()))))
    close = asset.candles[-1].close if asset.candles else None
    return replace(offer, seen=CrossSeen(rule.asset, close, fit=fit, unmeasured=problems))
