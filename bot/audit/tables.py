"""What does the audit database hold? One chain of entries, and what follows from it, kept at hand.

`entries` is the record: rows are only ever added, and triggers of the database refuse anything else. `orders`, `fills`, `funding` and
`slots` are projections, written in the same transaction as the entries they come from and rebuilt from them by `audit verify`.
Amounts are text on every database, so that none of them rounds. `seq` is always the place in the chain.
"""

from sqlalchemy import BigInteger, Boolean, Index, MetaData, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class AuditTable(SQLModel, registry=registry(metadata=MetaData())):
    """Tables of the audit database, apart from those of any other database in the process."""


class AccountTable(AuditTable, table=True):
    """Whose records these are, and which writer may add to each."""

    __tablename__ = "accounts"
    account: str = Field(sa_type=Text, primary_key=True)
    venue: str = Field(sa_type=Text)
    environment: str | None = Field(sa_type=Text, nullable=True)
    instance: str = Field(sa_type=Text)  # two characters, drawn once; part of every client id
    epoch: int = Field(sa_type=BigInteger)  # of the lease; a writer with an older one is refused
    holder: str | None = Field(sa_type=Text, nullable=True)  # of the lease; None when released
    created_at: str = Field(sa_type=Text)
    since_ms: int | None = Field(sa_type=BigInteger, nullable=True)  # when the holder began to lead; like `beat_ms` by the database's clock
    beat_ms: int | None = Field(sa_type=BigInteger, nullable=True)  # when it proved last that it lives (on a server)
    session: str | None = Field(sa_type=Text, nullable=True)  # the name of its sessions on the server
    address: str | None = Field(sa_type=Text, nullable=True)  # of its API


class EntryTable(AuditTable, table=True):
    """The chain (chain.py)."""

    __tablename__ = "entries"
    __table_args__ = (Index("entries_by_kind", "account", "kind", "seq"),)
    account: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(sa_type=Text)
    at_ms: int = Field(sa_type=BigInteger)
    record: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)


class OrderTable(AuditTable, table=True):
    """Every order ever intended, as it stands now."""

    __tablename__ = "orders"
    __table_args__ = (Index("orders_by_seq", "account", "seq", unique=True),)
    account: str = Field(sa_type=Text, primary_key=True)
    client_id: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(sa_type=BigInteger)  # of the intent
    decision_seq: int = Field(sa_type=BigInteger)  # of the decision it came from; 0 if none precedes it
    moved_seq: int = Field(sa_type=BigInteger)  # of its last move
    asset: str = Field(sa_type=Text)
    symbol: str = Field(sa_type=Text)
    side: str = Field(sa_type=Text)
    contracts: int = Field(sa_type=BigInteger)
    limit_price: str = Field(sa_type=Text)
    reduce_only: bool = Field(sa_type=Boolean)
    post_only: bool = Field(sa_type=Boolean)
    reference_price: str = Field(sa_type=Text)
    notional_usd: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    filled: int = Field(sa_type=BigInteger)
    venue_id: str = Field(sa_type=Text)
    epoch: int = Field(sa_type=BigInteger)
    cycle: int = Field(sa_type=BigInteger)
    why: str = Field(sa_type=Text)  # it was planned
    moved_why: str = Field(sa_type=Text)  # it stands as it does
    at_ms: int = Field(sa_type=BigInteger)
    moved_at_ms: int = Field(sa_type=BigInteger)


class SlotTable(AuditTable, table=True):
    """The one unfinished order of each instrument: a second one cannot be written."""

    __tablename__ = "slots"
    account: str = Field(sa_type=Text, primary_key=True)
    symbol: str = Field(sa_type=Text, primary_key=True)
    client_id: str = Field(sa_type=Text)
    seq: int = Field(sa_type=BigInteger)


class FillTable(AuditTable, table=True):
    """Every trade of the account, once."""

    __tablename__ = "fills"
    __table_args__ = (Index("fills_by_seq", "account", "seq", unique=True), Index("fills_by_order", "account", "client_id", "seq"))
    account: str = Field(sa_type=Text, primary_key=True)
    symbol: str = Field(sa_type=Text, primary_key=True)
    trade_id: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(sa_type=BigInteger)
    asset: str = Field(sa_type=Text)
    client_id: str = Field(sa_type=Text)
    side: str = Field(sa_type=Text)
    contracts: int = Field(sa_type=BigInteger)
    price: str = Field(sa_type=Text)
    notional_usd: str = Field(sa_type=Text)
    fee_coins: str = Field(sa_type=Text)
    realised: str = Field(sa_type=Text)
    maker: bool = Field(sa_type=Boolean)
    ours: bool = Field(sa_type=Boolean)
    liquidation: bool = Field(sa_type=Boolean)
    at_ms: int = Field(sa_type=BigInteger)


class FundingTable(AuditTable, table=True):
    """Every funding payment, once."""

    __tablename__ = "funding"
    __table_args__ = (Index("funding_by_seq", "account", "seq", unique=True),)
    account: str = Field(sa_type=Text, primary_key=True)
    symbol: str = Field(sa_type=Text, primary_key=True)
    payment_id: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(sa_type=BigInteger)
    asset: str = Field(sa_type=Text)
    rate: str = Field(sa_type=Text)
    mark: str = Field(sa_type=Text)
    coins: str = Field(sa_type=Text)
    at_ms: int = Field(sa_type=BigInteger)


ACCOUNTS = AuditTable.metadata.tables["accounts"]
ENTRIES = AuditTable.metadata.tables["entries"]
ORDERS = AuditTable.metadata.tables["orders"]
SLOTS = AuditTable.metadata.tables["slots"]
FILLS = AuditTable.metadata.tables["fills"]
FUNDING = AuditTable.metadata.tables["funding"]
PROJECTIONS = (ORDERS, SLOTS, FILLS, FUNDING)
