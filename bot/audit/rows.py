"""What do readers of the record get? Plain values, with amounts as Decimal."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

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
    def of(cls, row: Mapping[str, Any]) -> "OrderRow":
        amounts = {name: Decimal(row[name]) for name in ("limit_price", "reference_price", "notional_usd")}
        return cls(**{**own(row), **amounts, "side": Side(row["side"]), "status": OrderStatus(row["status"])})


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
    def of(cls, row: Mapping[str, Any]) -> "FillRow":
        amounts = {name: Decimal(row[name]) for name in ("price", "notional_usd", "fee_coins", "realised")}
        return cls(**{**own(row), **amounts, "side": Side(row["side"])})


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
    def of(cls, row: Mapping[str, Any]) -> "FundingRow":
        return cls(**{**own(row), **{name: Decimal(row[name]) for name in ("rate", "mark", "coins")}})


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


def own(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without the account, which its reader has chosen."""
    return {name: value for name, value in row.items() if name != "account"}
