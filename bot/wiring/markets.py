"""What were the prices of several markets? Candles of a venue, of the paper exchange, or of files, without a bot."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.candles import candles_of
from adapters.clock import SystemClock
from adapters.exchanges.paper import PaperExchange
from adapters.history import read_bars
from bot.ports import Candle, Misconfigured, NotSent, Past, Wanted
from bot.settings import Settings
from bot.wiring.choice import chosen, chosen_market, venue_of
from bot.wiring.measures import open_past
from bot.wiring.start import paper_aside
from bot.wiring.venue import open_exchange


def candles_of_files(files: Mapping[str, Path], length_ms: int, from_ms: int | None, to_ms: int | None) -> dict[str, Sequence[Candle]]:
    """Raise HistoryError naming file and line, or Misconfigured if a file's bars are longer than a candle."""
    bars = {asset: read_bars(path, from_ms=from_ms, to_ms=to_ms, allow_gaps=True) for asset, path in files.items()}
    return {asset: candles_of(read, length_ms, asset) for asset, read in bars.items()}


async def candles_of_venue(settings: Settings, assets: Sequence[str], length_ms: int, most: int) -> tuple[str, dict[str, Sequence[Candle]]]:
    """Where from, and the newest `most` closed candles of each asset's market. Nothing is signed. Raise Misconfigured or NotSent."""
    clock = SystemClock()
    with paper_aside(settings) as aside:
        exchange = open_exchange(aside, clock, None)
        try:
            settings = await chosen(exchange, settings)
            source = venue_of(exchange)
            if source is None:
                assert isinstance(exchange, PaperExchange)
                if exchange.feed is None:
                    raise Misconfigured("paper.feed has no past: give the prices of each asset with --prices ASSET=FILE")
                title, symbols = "the paper exchange", {asset: asset for asset in assets}
            else:
                own = {asset: leg.instrument for asset, leg in settings.legs.items()}
                given = {asset: cross.market for asset, cross in settings.crosses.items()}
                symbols = {
                    asset: own.get(asset) or chosen_market(source, asset, given.get(asset, ""), await source.markets_of(asset))
                    for asset in assets
                }
                await exchange.connect([leg.instrument for leg in settings.legs.values()])
                title = source.venue.title
            async with open_past(exchange, clock) as past:
                return title, await read(past, symbols, length_ms, most)
        finally:
            await exchange.close()


async def read(past: Past, symbols: Mapping[str, str], length_ms: int, most: int) -> dict[str, Sequence[Candle]]:
    found = {}
    for asset, symbol in symbols.items():
        series = await past.read(Wanted(asset, symbol, length_ms, most))
        if series.problems:
            raise NotSent(f"{symbol}: {'; '.join(series.problems)}")
        found[asset] = series.candles
    return found
