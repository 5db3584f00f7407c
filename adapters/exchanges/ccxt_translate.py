"""What does a venue's answer say, in our nouns? Pure: answers in, numbers and nouns out; the last place where a float may exist.

A venue's number arrives as text or as an integer (the client parses JSON that way). ccxt's own market table is the one place that still
holds floats; they pass through their shortest decimal spelling, never through binary. Whatever is not a number raises Malformed, and the
part of the view that needed it is None: a wrong answer never becomes a wrong number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from bot.core.model import ZERO, Depth, Instrument, Kind, Levels, Side

LONGEST_NUMBER: Final = 60
LARGEST: Final = 30  # digits before the point; 1e999999 as an integer would fill the memory
RATE_STEP: Final = Decimal("0.00000001")  # of a rate that is worked out from the coins, which are rounded themselves


class Malformed(ValueError):
    """An answer that cannot mean anything. The message names the part."""


class Misfit(ValueError):
    """A market this bot does not hedge with. The message says why."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A contract as the bot and as the venue name it."""

    instrument: Instrument
    market_id: str
    step: Decimal  # the venue's `amount` of one of our counts
    tier: str = ""  # the fee schedule it belongs to, where the venue has several

    def amount(self, contracts: int) -> str:
        """The venue's spelling of a count."""
        return plain(self.step * contracts)

    def counts(self, amount: object, what: str = "amount") -> int:
        """Our count of a venue's amount. Raise Malformed where it is no whole number of steps."""
        count = money(amount, what) / self.step
        if count != count.to_integral_value():
            raise Malformed(f"{what} {amount} is no multiple of {self.step}")
        return int(count)


# ------------------------------------------------------------------------------------------------------------------ numbers


def money(value: object, what: str = "a number") -> Decimal:
    """An exact, finite number. Raise Malformed."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise Malformed(f"{what} is {value!r}"[:LONGEST_NUMBER])
    text = repr(value) if isinstance(value, float) else str(value)
    try:
        number = Decimal(text.strip()) if len(text) <= LONGEST_NUMBER else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number.adjusted() > LARGEST:
        raise Malformed(f"{what} is {text!r}"[:LONGEST_NUMBER])
    return number


def price(value: object, what: str = "a price") -> Decimal:
    number = money(value, what)
    if number <= 0:
        raise Malformed(f"{what} is {number}")
    return number


def optional(value: object, what: str = "a number") -> Decimal | None:
    """None and "" say that there is none."""
    return None if value is None or value == "" else money(value, what)


def entry(value: object, contracts: int) -> Decimal | None:
    """An entry price; a flat position has none, however the venue writes that."""
    return None if not contracts else price(value, "the entry price")


def stamp(value: object, what: str = "a time") -> int:
    """Milliseconds since the epoch, of a venue's integer. Raise Malformed where it is no such moment."""
    number = money(value, what)
    if number != number.to_integral_value() or not 0 <= number < 10**14:
        raise Malformed(f"{what} is {value!r}")
    return int(number)


def moment(value: object, what: str = "a time") -> int:
    """Milliseconds since the epoch, of an ISO 8601 text."""
    try:
        at = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise Malformed(f"{what} is {value!r}") from error
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def side(value: object) -> Side:
    word = str(value).lower()
    if word not in {"buy", "sell"}:
        raise Malformed(f"the side is {value!r}")
    return Side(word)


def signed(amount: int, word: object) -> int:
    """One signed count: by the side if it is one, else by the sign of the amount itself."""
    name = str(word or "").lower()
    if name in {"short", "sell"}:
        return -abs(amount)
    return abs(amount) if name in {"long", "buy"} else amount


def truth(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def plain(number: Decimal) -> str:
    """Without exponent and without trailing zeros."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def json_number(number: Decimal) -> int | float:
    """For a venue that takes numbers, not texts: what JSON spells digit by digit like `number`. Raise Malformed where none does."""
    spelled = int(number) if number == number.to_integral_value() else float(number)
    if Decimal(repr(spelled)) != number:
        raise Malformed(f"{number} has too many digits for a JSON number")
    return spelled


# ------------------------------------------------------------------------------------------------------------------ shapes


def mapping(value: object, *path: str) -> Mapping[str, Any]:
    """The object at a path of an answer. Raise Malformed."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping):
        raise Malformed(f"{'.'.join(path) or 'the answer'} is missing")
    return value


def rows(value: object, *path: str) -> list[Mapping[str, Any]]:
    """The list of objects at a path of an answer. Raise Malformed."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise Malformed(f"{'.'.join(path) or 'the list'} is missing")
    return value


def one(found: Iterable[Mapping[str, Any]], what: str) -> Mapping[str, Any]:
    """The only one. Raise Malformed where there is none, or a choice."""
    items = list(found)
    if len(items) != 1:
        raise Malformed(f"{what}: {len(items)} instead of one")
    return items[0]


def named(value: object, what: str) -> str:
    """An identity: a text or an integer that is not empty."""
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise Malformed(f"{what} is {value!r}"[:LONGEST_NUMBER])
    return str(value)


# ------------------------------------------------------------------------------------------------------------------ contracts


def fit(market: Mapping[str, Any]) -> Kind:
    """Inverse or linear, if this bot can hedge with it. Raise Misfit with the reason."""
    symbol = market.get("symbol")
    base, quote, settle = market.get("base"), market.get("quote"), market.get("settle")
    if not market.get("swap") or market.get("future") or "-" in str(symbol):  # ccxt writes the day of expiry after a hyphen
        raise Misfit(f"{symbol} is no perpetual")
    if market.get("active") is False:
        raise Misfit(f"{symbol} is not traded any more, or not yet")
    if market.get("inverse") and settle == base and quote == "USD":
        return Kind.INVERSE
    if market.get("linear") and settle == quote == "USDT":
        return Kind.LINEAR
    raise Misfit(f"{symbol} is settled in {settle}: only X/USD settled in X, or X/USDT settled in USDT, can be hedged with")


def instrument(
    market: Mapping[str, Any],
    *,
    step: object,
    size: object,
    maker: Decimal,
    taker: Decimal,
    maintenance: Decimal,
    hours: int,
    least: object = None,
) -> Instrument:
    """The contract in our words. `step`: the venue's smallest amount; `size`: USD (or coins) of one unit of `amount`."""
    kind = fit(market)
    lot = price(step, "the lot")
    smallest = money(least, "the minimum") / lot if least is not None else Decimal(1)
    return Instrument(
        symbol=named(market.get("symbol"), "the symbol"),
        asset=named(market.get("base"), "the coin"),
        kind=kind,
        settle=named(market.get("settle"), "the settle currency"),
        contract_size=normal(price(size, "the contract size") * lot),
        tick=normal(price(mapping(market, "precision").get("price"), "the tick")),
        maker_fee_rate=maker,
        taker_fee_rate=taker,
        maintenance_rate=maintenance,
        min_contracts=max(1, int(smallest.to_integral_value("ROUND_CEILING"))),
        lot=normal(lot),
        funding_interval_hours=hours,
    )


def largest(market: Mapping[str, Any], step: Decimal) -> int | None:
    """The most counts that one limit order may be of, where the venue's list of contracts tells it in a number that makes sense."""
    try:
        most = optional(mapping(market, "limits", "amount").get("max"))
    except Malformed:
        return None
    return int(most / step) if most is not None and most >= step else None


def normal(number: Decimal) -> Decimal:
    return Decimal(plain(number))


def rate_of(coins: Decimal, mark: Decimal, listed: Listed, contracts: int) -> Decimal:
    """The rate behind a funding payment where the venue tells only the coins: that of a short."""
    size = listed.instrument.contract_size * abs(contracts)
    if not size or mark <= 0:
        return ZERO
    value = size / mark if listed.instrument.kind is Kind.INVERSE else size * mark
    return normal((coins / value).quantize(RATE_STEP))


# ------------------------------------------------------------------------------------------------------------------ the book


def depth(listed: Listed, bids: object, asks: object, most: int, at_ms: int) -> Depth:
    """The best levels of each side, of rows that begin with a price and an amount. Raise Malformed."""
    return Depth(levels(listed, bids, most, falling=True), levels(listed, asks, most, falling=False), at_ms)


def levels(listed: Listed, told: object, most: int, *, falling: bool) -> Levels:
    """Best price first; what is less than a count is left out."""
    if not isinstance(told, list) or not all(isinstance(row, (list, tuple)) and len(row) >= 2 for row in told):
        raise Malformed("a side of the book is missing")
    found = [(price(row[0], "a level's price"), int(money(row[1], "a level's amount") / listed.step)) for row in told]
    return tuple(sorted(((at, count) for at, count in found if count > 0), reverse=falling)[:most])
