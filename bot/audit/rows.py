"""What do readers of the record get? Plain values, with amounts as Decimal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bot.audit.codec import decode
from bot.core.events import Event
from bot.core.model import OrderStatus, Side


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One link of the chain."""

    seq: int
    kind: str
    at_ms: int
    record: str
    hash: str

    @property
    def event(self) -> Event:
        """Raises codec.NotAnEvent if this version of the program cannot read the record."""
        return decode(self.record)


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order of ours as it stands. `seq` is its intent, `decision_seq` the decision behind it, `moved_seq` its last move."""

    client_id: str
    seq: int
    decision_seq: int
    moved_seq: int
    asset: str
    symbol: str
    side: Side
    contracts: int
    limit_price: Decimal
    reduce_only: bool
    post_only: bool
    reference_price: Decimal
    notional_usd: Decimal
    status: OrderStatus
    filled: int
    venue_id: str
    epoch: int
    cycle: int
    why: str
    moved_why: str
    at_ms: int
    moved_at_ms: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> "OrderRow":
        """From its columns, in this order."""
        return cls(*meant(row, ORDER_VALUES))


@dataclass(frozen=True, slots=True)
class FillRow:
    """A trade of the account; `ours` is False for one that no order of ours explains."""

    symbol: str
    trade_id: str
    seq: int
    asset: str
    client_id: str
    side: Side
    contracts: int
    price: Decimal
    notional_usd: Decimal
    fee_coins: Decimal
    realised: Decimal
    maker: bool
    ours: bool
    liquidation: bool
    at_ms: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> "FillRow":
        """From its columns, in this order."""
        return cls(*meant(row, FILL_VALUES))


@dataclass(frozen=True, slots=True)
class FundingRow:
    """A funding payment; positive `coins` were received."""

    symbol: str
    payment_id: str
    seq: int
    asset: str
    rate: Decimal
    mark: Decimal
    coins: Decimal
    at_ms: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> "FundingRow":
        """From its columns, in this order."""
        return cls(*meant(row, FUNDING_VALUES))


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose record this is, and who leads it."""

    account: str
    venue: str
    environment: str | None
    instance: str
    epoch: int
    holder: str | None
    since_ms: int | None = None
    beat_ms: int | None = None
    address: str | None = None  # of the holder's API

    @property
    def name(self) -> str:
        return f"account {self.account} on {self.venue}" + (f" {self.environment}" if self.environment else "")


def meant(row: Sequence[Any], values: Sequence[tuple[int, Callable[[str], Any]]]) -> list[Any]:
    """The same columns, those that are kept as text made what they mean."""
    made = list(row)
    for place, value in values:
        made[place] = value(made[place])
    return made


def values_of(row: type, **values: Callable[[str], Any]) -> tuple[tuple[int, Callable[[str], Any]], ...]:
    return tuple((row.__slots__.index(name), value) for name, value in values.items())  # type: ignore[attr-defined]


ORDER_VALUES: Final = values_of(OrderRow, side=Side, limit_price=Decimal, reference_price=Decimal, notional_usd=Decimal, status=OrderStatus)
FILL_VALUES: Final = values_of(FillRow, side=Side, price=Decimal, notional_usd=Decimal, fee_coins=Decimal, realised=Decimal)
FUNDING_VALUES: Final = values_of(FundingRow, rate=Decimal, mark=Decimal, coins=Decimal)
