"""What is the paper exchange when its prices are a venue's own? The same book, margins and fees, over what the venue shows to everybody.

Mark, index, best bid and ask and the funding rate are the venue's, read without a key once for each look; contracts, fees and margins stay
the paper exchange's. When the venue cannot be read, the last quote stands with its old time: it goes stale, the view says why, and the
core trades no more. Nothing is made up: neither a price for the time without one, nor funding for an interval whose rate nobody read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from adapters.exchanges.ccxt_exchange import CcxtExchange
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_feed import Print
from adapters.exchanges.paper_matching import Touch
from adapters.exchanges.paper_venue import HOUR_MS
from bot.core.decision import Approved, Transfer
from bot.core.model import Ask, Instrument, Order, Quote, SpotSeen, View
from bot.ports import Clock, NotSent, SpotAsk

OWN_INTERVAL_HOURS: Final = 8  # between two settlements at the paper exchange


@dataclass(frozen=True, slots=True)
class Heard:
    """A quote, and when we read it by our own clock."""

    quote: Quote
    rate: Decimal | None  # of funding, for the paper exchange's interval
    at_ms: int


class LiveFeed(Touch):
    """The venue's last words, as the paper exchange asks for them: prints, best prices, funding rates."""

    def __init__(self, spread_bps: Decimal) -> None:
        """`spread_bps` is for contracts whose quote was not read yet."""
        super().__init__(spread_bps)
        self._heard: dict[str, tuple[Heard, ...]] = {}  # by asset: the last two, since a settlement falls between two looks
        self._quotes: dict[str, Quote] = {}  # by symbol

    def hear(self, instrument: Instrument, quote: Quote, at_ms: int) -> None:
        rate = quote.funding_rate
        if rate is not None:
            rate = rate * OWN_INTERVAL_HOURS / instrument.funding_interval_hours
        before = self._heard.get(instrument.asset, ())
        self._heard[instrument.asset] = (*before[-1:], Heard(quote, rate, at_ms))
        self._quotes[quote.symbol] = quote

    def shown(self, spec: Instrument) -> Quote | None:
        """The last quote as the paper exchange shows it; its time is the venue's."""
        quote = self._quotes.get(spec.symbol)
        if quote is None:
            return None
        bid, ask = self.of(spec, quote.mark)
        return replace(quote, bid=bid, ask=ask, funding_rate=self._heard[spec.asset][-1].rate)

    def of(self, spec: Instrument, price: Decimal) -> tuple[Decimal, Decimal]:
        """The venue's best prices, outwards to the paper contract's ticks."""
        quote = self._quotes.get(spec.symbol)
        if quote is None:
            return super().of(spec, price)
        bid = (quote.bid / spec.tick).to_integral_value(ROUND_FLOOR) * spec.tick
        return bid, (quote.ask / spec.tick).to_integral_value(ROUND_CEILING) * spec.tick

    def prints(self, after_ms: int, until_ms: int) -> Sequence[Print]:
        newest = [Print(asset, heard[-1].quote.mark, heard[-1].at_ms) for asset, heard in self._heard.items()]
        return sorted((one for one in newest if after_ms < one.at_ms <= until_ms), key=lambda one: one.at_ms)

    def funding_rate(self, asset: str, settles_at_ms: int) -> Decimal | None:
        """The rate last read before the settlement, if that was within its interval; else none was seen, and none is settled."""
        since_ms = settles_at_ms - OWN_INTERVAL_HOURS * HOUR_MS
        rates = [heard.rate for heard in self._heard.get(asset, ()) if since_ms <= heard.at_ms < settles_at_ms]
        return rates[-1] if rates else None


class LivePaper:
    """The Exchange port over both: public reads of a venue, and a paper book that follows them."""

    name: str = "paper"
    environment: str | None = None
    moves_collateral: bool = True
    absence_ms: int = 0  # its reads cannot lag
    absence_polls: int = 1

    def __init__(
        self, source: CcxtExchange, feed: LiveFeed, clock: Clock, opened: Callable[[Mapping[str, Decimal]], PaperExchange]
    ) -> None:
        """`source` carries no key. `opened` opens the paper exchange, given the first price of each asset."""
        self._source = source
        self._feed = feed
        self._clock = clock
        self._opened = opened
        self._paper: PaperExchange | None = None
        self._followed: dict[str, Instrument] = {}

    @property
    def source(self) -> CcxtExchange:
        """The venue whose prices these are."""
        return self._source

    @property
    def paper(self) -> PaperExchange:
        if self._paper is None:
            raise NotSent("the paper exchange is not connected: nothing was sent")
        return self._paper

    async def connect(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        """Raise NotSent while the venue shows no price: a paper exchange without one is not opened."""
        self._followed = await self._source.connect(symbols)
        problems = await self._listen()
        if problems:
            raise NotSent(
                f"paper.feed: {self._source.venue.title} shows no price ({'; '.join(problems.values())}); "
                "the paper exchange was not opened: start again when it answers, or write another feed"
            )
        self._paper = self._opened({first.asset: first.price for first in self._feed.prints(0, self._clock.now_ms())})
        return await self._paper.connect(symbols)

    async def look(self, asks: Sequence[Ask]) -> tuple[View, ...]:
        problems = await self._listen()
        return tuple(self._live(view, problems) for view in await self.paper.look(asks))

    async def _listen(self) -> dict[str, str]:
        """Read every quote; the symbols that could not be read, with the reason."""
        quotes, problems = await self._source.quotes(list(self._followed))
        now_ms = self._clock.now_ms()
        for symbol, quote in quotes.items():
            self._feed.hear(self._followed[symbol], quote, now_ms)
        return problems

    def _live(self, view: View, problems: Mapping[str, str]) -> View:
        symbol = view.instrument.symbol
        why = problems.get(symbol)
        told = () if why is None else (f"{self._source.venue.title} could not be read, the last price stands: {why}",)
        return replace(view, quote=self._feed.shown(view.instrument) if view.quote is not None else None, errors=(*view.errors, *told))

    async def server_time_ms(self) -> int:
        return await self.paper.server_time_ms()

    async def place(self, order: Approved) -> Order:
        return await self.paper.place(order)

    async def cancel(self, symbol: str, client_id: str) -> None:
        await self.paper.cancel(symbol, client_id)

    async def spots(self, asks: Sequence[SpotAsk]) -> tuple[SpotSeen, ...]:
        return await self.paper.spots(asks)

    async def transfer(self, wanted: Transfer) -> None:
        await self.paper.transfer(wanted)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        await self.paper.set_leverage(symbol, leverage)

    async def close(self) -> None:
        if self._paper is not None:
            await self._paper.close()
        await self._source.close()
