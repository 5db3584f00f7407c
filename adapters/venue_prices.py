"""What does a coin cost at a venue where nobody trades it here? The middle of its book, over the public API."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol

from bot.ports import Clock, PortError, Priced

LONGEST: Final = 200  # of a venue's words


class Source(Protocol):
    async def ticker(self, symbol: str) -> Mapping[str, Any]:
        """As ccxt describes it. Raise PortError."""


class VenuePrices:
    """The markets of one venue."""

    def __init__(self, source: Source, clock: Clock, *, dates_trades: bool = False) -> None:
        """`dates_trades`: the venue tells when it traded last, which says nothing about its book."""
        self._source, self._clock, self._dates_trades = source, clock, dates_trades

    async def price(self, asset: str, market: str) -> Priced:
        """Never raises. A venue that tells no time is taken at the moment it was asked."""
        asked_ms = self._clock.now_ms()
        try:
            told = await self._source.ticker(market)
            return priced({**told, "timestamp": None} if self._dates_trades else told, asked_ms)
        except (PortError, ArithmeticError, TypeError, ValueError, LookupError) as error:
            return Priced(problem=f"{market} could not be read: {error}"[:LONGEST])


def priced(told: Mapping[str, Any], asked_ms: int) -> Priced:
    bid, ask, last = (number(told.get(name)) for name in ("bid", "ask", "last"))
    stamp = told.get("timestamp")
    at_ms = asked_ms if stamp is None else int(stamp)
    if bid is not None and ask is not None:
        if bid >= ask:
            return Priced(problem=f"its book is crossed ({bid} … {ask})")
        return Priced((bid + ask) / 2, at_ms)
    if last is None:
        return Priced(problem="the venue shows neither a book nor a last trade")
    return Priced(last, at_ms)


def number(told: object) -> Decimal | None:
    """A price above zero."""
    try:
        found = Decimal(str(told))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None
