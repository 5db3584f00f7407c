"""What is in the matching core? Contracts, orders, trades, payments, positions, quotes; a unit is the smallest lot of a contract."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

ZERO = Decimal(0)
FOREVER_UNITS = 10**9
"""What a side of the book holds unless a test says otherwise."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One market of a venue. `unit` is what one lot is worth: USD for an inverse contract, coins for the others."""

    id: str
    kind: Literal["inverse", "linear", "quanto", "spot"]
    base: str
    quote: str
    settle: str
    unit: Decimal
    lot: Decimal  # in the venue's own unit of amount
    tick: Decimal
    min_units: int = 1
    max_units: int = 10**8
    expiry_ms: int | None = None
    max_leverage: int = 50
    size: Decimal = Decimal(1)  # the venue's contract size, as it spells it

    def units(self, amount: Decimal) -> int:
        """Lots of an amount in the venue's unit; refuse what is no whole number of them."""
        lots = amount / self.lot
        if lots != lots.to_integral_value():
            raise Refused("precision", f"{amount} is no multiple of {self.lot}")
        return int(lots)

    def amount(self, units: int) -> Decimal:
        return units * self.lot

    def value(self, units: int, price: Decimal) -> Decimal:
        """The notional in the settling coin, signed like the units."""
        return units * self.unit / price if self.kind == "inverse" else units * self.unit * price


class Refused(Exception):
    """The venue says no. `reason` is a word of ours; each wire spells it with its own code."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


@dataclass(slots=True)
class Order:
    id: int
    client_id: str
    symbol: str
    side: Literal["buy", "sell"]
    units: int
    price: Decimal | None
    tif: str
    post_only: bool
    reduce_only: bool
    created_ms: int
    updated_ms: int
    own: bool = True
    filled: int = 0
    spent: Decimal = ZERO  # Σ units / price for an inverse contract, Σ units · price for the others
    fee: Decimal = ZERO
    status: Literal["open", "filled", "cancelled"] = "open"
    why: str = ""

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    @property
    def left(self) -> int:
        return self.units - self.filled


@dataclass(frozen=True, slots=True)
class Trade:
    id: int
    order_id: int
    client_id: str
    symbol: str
    side: Literal["buy", "sell"]
    units: int
    price: Decimal
    fee: Decimal
    fee_rate: Decimal
    maker: bool
    at_ms: int
    realised: Decimal
    liquidation: bool = False


@dataclass(frozen=True, slots=True)
class Payment:
    """Funding: `received` is positive when the account was paid."""

    id: int
    symbol: str
    received: Decimal
    rate: Decimal
    units: int
    mark: Decimal
    at_ms: int


@dataclass(slots=True)
class Moved:
    """A transfer of coins, positive into the account."""

    id: int
    client_id: str
    coin: str
    amount: Decimal
    at_ms: int
    done: bool = False


@dataclass(slots=True)
class Position:
    units: int = 0
    cost: Decimal = ZERO  # the value at which the units were entered, signed like them: the harmonic mean follows
    realised: Decimal = ZERO


@dataclass(slots=True)
class Quote:
    mark: Decimal
    index: Decimal
    bid: Decimal
    ask: Decimal
    bid_units: int = FOREVER_UNITS
    ask_units: int = FOREVER_UNITS
    funding_rate: Decimal = Decimal("0.0001")
    next_rate: Decimal = Decimal("0.0001")
