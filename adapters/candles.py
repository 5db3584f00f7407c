"""What were the candles and the funding of a market? The bars of a file, or the prints of a paper feed, in candles of the length that a
policy goes by.

Only closed candles are ever shown, each only once its time is over: a policy that saw the running one would know the future in a replay.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final, Protocol, runtime_checkable

from adapters.history import Bar, Rate
from bot.ports import Candle, Clock, Misconfigured, Series, Settled, Wanted

FUNDING_MS: Final = 28_800_000  # between two settlements of the paper exchange
NOTHING: Final = Series(problems=("no history is known",))


def candles_of(bars: Sequence[Bar], length_ms: int, of: str = "the market") -> list[Candle]:
    """Bars joined to candles that begin at multiples of `length_ms` (UTC). The first and the last one count only if they are whole;
    one in between is made of the bars there are. Raise Misconfigured if a bar is longer than a candle."""
    if bars and length_ms % bars[0].length_ms:
        minutes = bars[0].length_ms // 60_000
        raise Misconfigured(
            f"prices of {of}: bars of {minutes} minutes make no candles of {length_ms // 60_000}: "
            "give finer prices, or write a longer candle (policies.candle, cross.candle, --candle)"
        )
    found: list[Candle] = []
    last_ms = bars[-1].at_ms + bars[-1].length_ms if bars else 0
    for begins_ms, first_ms, ends_ms, high, low, close in joined(bars, length_ms):
        whole = (found or first_ms == begins_ms) and ends_ms <= begins_ms + length_ms
        if whole and (ends_ms != last_ms or ends_ms == begins_ms + length_ms):
            found.append(Candle(begins_ms, high, low, close))
    return found


def joined(bars: Sequence[Bar], length_ms: int) -> Iterator[tuple[int, int, int, Decimal, Decimal, Decimal]]:
    """Of each stretch that begins at a multiple of the length: that moment, the first bar's and the last one's end; high, low and close."""
    if isinstance(bars, Joining):
        yield from bars.joined(length_ms)
        return
    for begins_ms, group in groupby(bars, key=lambda bar: bar.at_ms - bar.at_ms % length_ms):
        within = list(group)
        ends_ms = within[-1].at_ms + within[-1].length_ms
        yield begins_ms, within[0].at_ms, ends_ms, max(bar.high for bar in within), min(bar.low for bar in within), within[-1].close


@runtime_checkable
class Joining(Protocol):
    """Bars that join themselves, as those that are kept as arrays do."""

    def joined(self, length_ms: int) -> Iterator[tuple[int, int, int, Decimal, Decimal, Decimal]]: ...


class NoPast:
    """Of a market whose prices a driver pushes."""

    async def read(self, wanted: Wanted) -> Series:
        return NOTHING


class RecordedPast:
    """A history that was read before, shown up to the present of a clock."""

    def __init__(self, clock: Clock, bars: Mapping[str, Sequence[Bar]], rates: Mapping[str, Sequence[Rate]]) -> None:
        self._clock, self._bars = clock, bars
        self._rates = {asset: [Settled(one.at_ms, one.rate) for one in of] for asset, of in rates.items()}
        self._candles: dict[tuple[str, int], tuple[list[Candle], list[int]]] = {}
        self._shown: dict[Wanted, tuple[tuple[int, int], Series]] = {}

    async def read(self, wanted: Wanted) -> Series:
        now_ms, asset, length_ms = self._clock.now_ms(), wanted.asset, wanted.candle_ms
        if asset not in self._bars:
            return NOTHING
        candles, closes = self._closed(asset, length_ms) if wanted.candles else ([], [])
        rates = self._rates.get(asset, []) if wanted.funding_ms is not None else []
        until = bisect_right(closes, now_ms), bisect_right(rates, now_ms, key=lambda one: one.at_ms)
        shown = self._shown.get(wanted)
        if shown is None or shown[0] != until:
            newest = candles[max(0, until[0] - wanted.candles) : until[0]]
            shown = self._shown[wanted] = until, Series(newest, rates[: until[1]])
        return shown[1]

    def next_ms(self, wanted: Wanted, after_ms: int) -> int | None:
        """The moment after that one at which `read` has something new to tell."""
        if wanted.asset not in self._bars:
            return None
        closes = self._closed(wanted.asset, wanted.candle_ms)[1] if wanted.candles else []
        rates = [one.at_ms for one in self._rates.get(wanted.asset, [])] if wanted.funding_ms is not None else []
        found = [of[place] for of in (closes, rates) if (place := bisect_right(of, after_ms)) < len(of)]
        return min(found, default=None)

    def _closed(self, asset: str, length_ms: int) -> tuple[list[Candle], list[int]]:
        """Every candle, and when each was closed."""
        if (asset, length_ms) not in self._candles:
            made = candles_of(self._bars[asset], length_ms, asset)
            self._candles[asset, length_ms] = made, [candle.opened_ms + length_ms for candle in made]
        return self._candles[asset, length_ms]


class Printed(Protocol):
    @property
    def asset(self) -> str: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def at_ms(self) -> int: ...


class Prints(Protocol):
    """A feed that can be asked again."""

    def prints(self, after_ms: int, until_ms: int) -> Sequence[Printed]: ...
    def funding_rate(self, asset: str, settles_at_ms: int) -> Decimal | None: ...


class PrintedPast:
    """What a paper exchange has printed since it was made; before that there was no market."""

    def __init__(self, clock: Clock, feed: Prints, born_ms: int) -> None:
        self._clock, self._feed, self._born_ms = clock, feed, born_ms
        self._shown: dict[Wanted, tuple[int, Series]] = {}

    async def read(self, wanted: Wanted) -> Series:
        asset, length_ms = wanted.asset, wanted.candle_ms
        step_ms = min(length_ms, FUNDING_MS)
        now_ms = self._clock.now_ms()
        until_ms = now_ms - now_ms % step_ms
        shown = self._shown.get(wanted)
        if shown is not None and shown[0] == until_ms:
            return shown[1]
        candles = {candle.opened_ms: candle for candle in shown[1].candles} if shown is not None else {}
        rates = {one.at_ms: one for one in shown[1].rates} if shown is not None else {}
        oldest_ms = max(self._born_ms, now_ms - wanted.candles * length_ms)
        for opened_ms in range(-(-oldest_ms // length_ms) * length_ms, now_ms - length_ms + 1, length_ms):
            if opened_ms not in candles and wanted.candles:
                prices = [one.price for one in self._feed.prints(opened_ms - 1, opened_ms + length_ms - 1) if one.asset == asset]
                if prices:
                    candles[opened_ms] = Candle(opened_ms, max(prices), min(prices), prices[-1])
        if wanted.funding_ms is not None:
            since_ms = max(self._born_ms, now_ms - wanted.funding_ms - FUNDING_MS)
            for at_ms in range(-(-since_ms // FUNDING_MS) * FUNDING_MS, now_ms + 1, FUNDING_MS):
                rate = self._feed.funding_rate(asset, at_ms)
                if at_ms not in rates and rate is not None:
                    rates[at_ms] = Settled(at_ms, rate)
        newest = sorted(candles)[max(0, len(candles) - wanted.candles) :]
        series = Series([candles[at] for at in newest], [rates[at] for at in sorted(rates)])
        self._shown[wanted] = until_ms, series
        return series
