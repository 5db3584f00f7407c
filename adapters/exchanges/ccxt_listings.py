"""Which contracts does a venue trade, and as what?"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from adapters.exchanges.ccxt_line import Line
from adapters.exchanges.ccxt_translate import Listed, Malformed, Misfit, fit, largest
from adapters.exchanges.relisting import Markets, Relisting
from bot.core.model import Instrument, Kind
from bot.ports import Misconfigured, NotSent, PortError, Unlisted

LISTED_IN_ERRORS: Final = 30


class Listings:
    """The contracts that were connected, as they are listed now."""

    def __init__(self, line: Line) -> None:
        self.line: Final = line
        self.known: dict[str, Listed] = {}
        self.unlisted: dict[str, str] = {}  # contracts that are not traded any more, and why
        self._markets: dict[str, dict[str, Any]] = {}  # as they were read to choose a contract, until it is connected
        self._relisting = Relisting(line.clock, line.client.markets)

    async def choose(self, asset: str) -> str:
        """The contract to hedge `asset` with: the inverse perpetual, else the linear one. Raise Misconfigured where none is listed."""
        markets = await self._read()
        for symbol in (f"{asset}/USD:{asset}", f"{asset}/USDT:USDT"):
            with suppress(Misfit, Malformed):
                if symbol in markets:
                    return self.line.venue.contract(markets[symbol]).instrument.symbol
        neither = f"neither {asset}/USD:{asset} nor {asset}/USDT:USDT"
        raise Misconfigured(f"{self.line.venue.title} lists {neither}: {asset} cannot be hedged there")

    async def markets_of(self, asset: str) -> tuple[str, ...]:
        """Where the price of `asset` can be read: its perpetuals, and its spot markets as far as they are loaded. Raise NotSent."""
        found = (one for one in (await self._read()).values() if one.get("base") == asset and (one.get("swap") or one.get("spot")))
        return tuple(sorted(str(one["symbol"]) for one in found))

    async def unfit(self, symbols: Sequence[str]) -> dict[str, str]:
        """Which of these contracts cannot be connected, and why. Raise NotSent."""
        markets, why = await self._read(), {}
        for symbol in symbols:
            try:
                self._contract(markets, symbol)
            except (Misfit, Malformed) as error:
                why[symbol] = f"{self.line.venue.title}: {error}"
        return why

    async def _read(self) -> dict[str, dict[str, Any]]:
        """Once for everything that is asked before `connect`. Raise NotSent."""
        self._markets = self._markets or await self.line.patiently(self.line.client.markets)
        return self._markets

    def _contract(self, markets: Markets, symbol: str) -> Listed:
        """Raise Misfit or Malformed."""
        market = markets.get(symbol)
        if market is None:
            raise Misfit(f"{symbol} is not listed")
        listed = self.line.venue.contract(market)
        return replace(listed, instrument=replace(listed.instrument, max_contracts=largest(market, listed.step)))

    async def lists(self, symbol: str) -> bool:
        """Traded or not. Raise NotSent; an empty list tells nothing."""
        markets = await self._read()
        if not markets:
            raise NotSent(f"{self.line.venue.title} showed an empty list of contracts")
        return symbol in markets

    async def connect(self, symbols: Sequence[str], *, to_trade: bool = True) -> dict[str, Instrument]:
        """As the port says. `to_trade`: one of them at least must be traded now; else they are only read."""
        markets, self._markets = await self._read(), {}
        found: dict[str, Instrument] = {}
        resting = {symbol: market for symbol in symbols if (market := self._resting(markets, symbol)) is not None}
        if to_trade and len(resting) == len(symbols):
            resting = {}  # without a contract that is traded there is nothing to start for
        for symbol in symbols:
            try:
                listed = self._contract(resting if symbol in resting else markets, symbol)
            except (Misfit, Malformed) as error:
                there = ", ".join(hedgeable(markets)) or "none"
                text = f"{self.line.venue.title}: {error}. Inverse perpetuals there: {there}{self._or_linear(symbol)}"
                if symbol not in markets:
                    raise Unlisted(text, symbol) from error
                raise Misconfigured(text) from error
            self.known[symbol] = await self._with_fees(listed)
            found[symbol] = self.known[symbol].instrument
            if symbol in resting:
                self.unlisted[symbol] = f"contract: {self.line.venue.title}: {symbol} is not traded now"
        return found

    def _resting(self, markets: Markets, symbol: str) -> dict[str, Any] | None:
        """A contract that is listed and not traded now, as it would be if it were: others of the account are hedged meanwhile."""
        market = markets.get(symbol)
        return {**market, "active": True} if market is not None and market.get("active") is False else None

    def _or_linear(self, symbol: str) -> str:
        """What to write for an asset without an inverse contract, where the venue has linear ones."""
        asset, _, settled = symbol.partition("/USD:")
        if settled != asset or self.line.venue.options(True) == self.line.venue.options(False):
            return ""
        return f". For its linear one write `hedges.{asset}.instrument: {asset}/USDT:USDT`, or `hedges.{asset}.allow_linear: true`"

    async def _with_fees(self, listed: Listed) -> Listed:
        """The account's own rates where the venue tells them, else those of its lowest tier."""
        asked = self.line.venue.fees(listed) if self.line.has_key else ()
        if not asked:
            return listed
        try:
            maker, taker = self.line.venue.read_fees(listed, [await self.line.ask(each) for each in asked])
        except (PortError, Malformed):
            return listed
        return replace(listed, instrument=replace(listed.instrument, maker_fee_rate=maker, taker_fee_rate=taker))

    def follow(self) -> None:
        """Take over what was listed anew meanwhile, and have it read again when it is time."""
        if (markets := self._relisting.arrived()) is not None:
            self._relist(markets)

    def read_soon(self) -> None:
        self._relisting.soon()

    async def close(self) -> None:
        await self._relisting.close()

    def _relist(self, markets: Markets) -> None:
        """Every contract as it is listed now; the account's fees stay."""
        self.unlisted = {}
        for symbol, known in self.known.items():
            try:
                if symbol not in markets:
                    raise Misfit(f"{symbol} is not listed any more")
                listed = self._contract(markets, symbol)
            except (Misfit, Malformed) as error:
                self.unlisted[symbol] = f"contract: {self.line.venue.title}: {error}"
                continue
            fees = known.instrument.maker_fee_rate, known.instrument.taker_fee_rate
            self.known[symbol] = replace(listed, instrument=replace(listed.instrument, maker_fee_rate=fees[0], taker_fee_rate=fees[1]))


def hedgeable(markets: dict[str, dict[str, object]]) -> list[str]:
    found = []
    for symbol, market in sorted(markets.items()):
        try:
            if fit(market) is Kind.INVERSE:
                found.append(symbol)
        except Misfit:
            continue
    return found[:LISTED_IN_ERRORS]
