"""How does the paper exchange survive a kill -9? A SQLite database of its own, committed before the venue answers.

Only rows that changed are written; a read, or a print that moves nothing, writes nothing. Several processes may open one database
(a `plan` beside a `run`): each notices the other's commits and reads the state anew before it acts.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote

from sqlalchemy import JSON, BigInteger, Column, ColumnElement, Connection, Table, Text, bindparam, create_engine, inspect, select
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.orm import registry
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel
from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_random

from bot.ports import Misconfigured

SCHEMA: Final = 1
BUSY_MS: Final = 5000
INTEGER_BITS: Final = 64  # of SQLite, with the sign


class Begun(NamedTuple):
    """What the venue in a database began with, whatever the configuration says since."""

    seed: int
    prices: Mapping[str, Decimal]  # USD per coin
    collateral: Mapping[str, Decimal]


class StaleState(Exception):
    """Another process committed since we read: read again and do it over."""


class Exact(TypeDecorator[Decimal]):
    """A Decimal as text: what is read is what was written, digit for digit."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: object) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: object) -> Decimal | None:
        return None if value is None else Decimal(value)


class Units(TypeDecorator[int]):
    """A count of 1e-8 of a currency as text: coins worth next to nothing are held by the trillion, and 64 bits end at 92 billion.

    A larger one is grouped (`10_000`): a table of an earlier version has integer columns, in which SQLite would round the plain text to a
    float.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: object) -> str | None:
        if value is None:
            return None
        return str(value) if value.bit_length() < INTEGER_BITS else f"{value:_d}"

    def process_result_value(self, value: str | int | None, dialect: object) -> int | None:
        return None if value is None else int(value)  # an integer, where an earlier version made the table


class Base(SQLModel, registry=registry()):
    """Tables of the venue, apart from every other table of the program."""


def _exact(*, nullable: bool = False) -> Any:
    return Field(sa_column=Column(Exact, nullable=nullable))


def _big(*, index: bool = False) -> Any:
    return Field(sa_column=Column(BigInteger, nullable=False, index=index))


def _units() -> Any:
    return Field(sa_column=Column(Units, nullable=False))


class PaperVenue(Base, table=True):
    __tablename__ = "paper_venue"
    id: int = Field(primary_key=True)
    version: int
    seed: int
    born_ms: int = _big()
    now_ms: int = _big()
    next_seq: int = _big()
    collateral: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))


class PaperWallet(Base, table=True):
    __tablename__ = "paper_wallet"
    currency: str = Field(primary_key=True)
    units: int = _units()
    deposited: int = _units()
    realised: int = _units()
    fees: int = _units()
    funding: int = _units()
    insured: int = _units()


class PaperMarket(Base, table=True):
    __tablename__ = "paper_market"
    asset: str = Field(primary_key=True)
    price: Decimal = _exact()
    at_ms: int = _big()
    anchor_price: Decimal = _exact()
    anchor_ms: int = _big()
    pushed_rate: Decimal | None = _exact(nullable=True)


class PaperLeg(Base, table=True):
    __tablename__ = "paper_leg"
    symbol: str = Field(primary_key=True)
    position: int = _big()
    entry: Decimal | None = _exact(nullable=True)
    leverage: int
    funded_ms: int = _big()
    eaten: dict[str, int] = Field(sa_column=Column(JSON, nullable=False))
    fills: int = _big()
    turnover_usd: Decimal = _exact()
    fees: int = _units()
    fees_usd: Decimal = _exact()
    funding: int = _units()
    funding_usd: Decimal = _exact()
    liquidated: bool


class PaperOrder(Base, table=True):
    __tablename__ = "paper_order"
    seq: int = Field(primary_key=True)
    client_id: str | None = Field(default=None, unique=True)  # null for orders placed without one: the database itself refuses a second
    symbol: str
    side: str
    contracts: int = _big()
    filled: int = _big()
    limit_price: Decimal = _exact()
    reduce_only: bool
    post_only: bool
    rests: bool
    at_ms: int = _big()
    status: str = Field(index=True)
    ahead: int = _big()
    why: str
    code: str


class PaperFill(Base, table=True):
    __tablename__ = "paper_fill"
    seq: int = Field(primary_key=True)
    client_id: str
    symbol: str
    side: str
    contracts: int = _big()
    price: Decimal = _exact()
    fee: int = _units()
    maker: bool
    at_ms: int = _big(index=True)
    liquidation: bool


class PaperFunding(Base, table=True):
    __tablename__ = "paper_funding"
    seq: int = Field(primary_key=True)
    symbol: str
    rate: Decimal = _exact()
    mark: Decimal = _exact()
    units: int = _units()
    at_ms: int = _big(index=True)


class PaperSpot(Base, table=True):
    __tablename__ = "paper_spot"
    currency: str = Field(primary_key=True)
    units: int = _units()


class PaperTransfer(Base, table=True):
    __tablename__ = "paper_transfer"
    transfer_id: str = Field(primary_key=True)
    currency: str
    units: int = _units()
    at_ms: int = _big()


Row = dict[str, Any]
TABLES: Final[tuple[type[SQLModel], ...]] = (
    PaperVenue, PaperWallet, PaperMarket, PaperLeg, PaperOrder, PaperFill, PaperFunding, PaperSpot, PaperTransfer,
)  # fmt: skip
_TABLE: Final = {model: cast(Table, model.__table__) for model in TABLES}  # type: ignore[attr-defined]


def _upsert(table: Table) -> Insert:
    """Write a whole row by its key. A second row with the same client id stays an error."""
    statement = insert(table)
    key = set(table.primary_key.columns.keys())
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    )


_BY_CLIENT_ID: Final = select(_TABLE[PaperOrder]).where(_TABLE[PaperOrder].c.client_id == bindparam("wanted"))
_WRITE: Final = {model: _upsert(table) for model, table in _TABLE.items()}


class PaperStore:
    """One connection to one database. Every method is quick and synchronous."""

    def __init__(self, url: str, *, synchronous: str = "FULL") -> None:
        self._name = url
        self._connection = _connect(url)
        self._driver = cast(sqlite3.Connection, self._connection.connection.driver_connection)
        self._in_memory = make_url(url).database in (None, "", ":memory:")
        try:
            self._driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            self._use_wal()
            for pragma in (f"synchronous={synchronous}", "foreign_keys=ON"):
                self._driver.execute(f"PRAGMA {pragma}")
            self._prepare()
        except DatabaseError as error:
            self.close()
            raise Misconfigured(f"paper: {url} cannot be used as the paper exchange's database: {error.orig}. {REMEDY}") from error
        except sqlite3.DatabaseError as error:
            self.close()
            raise Misconfigured(f"paper: {url} cannot be used as the paper exchange's database: {error}. {REMEDY}") from error
        except Misconfigured:
            self.close()
            raise
        self._seen = self._data_version()

    @retry(
        retry=retry_if_exception_message(match="database is locked"),
        stop=stop_after_delay(BUSY_MS / 1000),
        wait=wait_random(0, 0.05),
        reraise=True,
    )
    def _use_wal(self) -> None:
        """Where several processes make the database at once, SQLite refuses this switch without waiting for its busy_timeout."""
        self._driver.execute("PRAGMA journal_mode=WAL").fetchall()

    def _prepare(self) -> None:
        names = set(inspect(self._connection).get_table_names())
        if names and PaperVenue.__tablename__ not in names:
            raise Misconfigured(
                f"paper: {self._name} is the database of something else (it holds {', '.join(sorted(names)[:3])}). "
                "Set paper.url to a file of its own; nothing was changed."
            )
        self._driver.execute("BEGIN IMMEDIATE")
        Base.metadata.create_all(self._connection)
        self._driver.execute("COMMIT")
        version = self._connection.execute(select(_TABLE[PaperVenue].c.version)).scalar()
        if version not in (None, SCHEMA):
            raise Misconfigured(
                f"paper: {self._name} was written by another version of the paper exchange (layout {version}, this is {SCHEMA}). "
                "Move it away or set paper.url to another file; nothing was changed."
            )

    def _data_version(self) -> int:
        return cast(int, self._driver.execute("PRAGMA data_version").fetchone()[0])

    def changed_elsewhere(self) -> bool:
        """Did another process commit since our last read or commit?"""
        return not self._in_memory and self._data_version() != self._seen

    def acknowledge(self) -> None:
        """What is read from here on is the present state."""
        if not self._in_memory:
            self._seen = self._data_version()

    def rows(self, model: type[SQLModel], *where: ColumnElement[bool], newest: int | None = None) -> list[Row]:
        """Rows of one table in the order of their key; with `newest`, the last so many."""
        table = _TABLE[model]
        key = next(iter(table.primary_key.columns))
        statement = select(table).where(*where)
        if newest is None:
            return [dict(row) for row in self._connection.execute(statement.order_by(key)).mappings()]
        return [dict(row) for row in self._connection.execute(statement.order_by(key.desc()).limit(newest)).mappings()][::-1]

    def order_of(self, client_id: str) -> Row | None:
        """The order with this client id, whatever became of it."""
        row = self._connection.execute(_BY_CLIENT_ID, {"wanted": client_id}).mappings().first()
        return None if row is None else dict(row)

    def column(self, model: type[SQLModel], name: str) -> ColumnElement[Any]:
        return _TABLE[model].c[name]

    def commit(self, changed: Iterable[tuple[type[SQLModel], Sequence[Row]]]) -> None:
        """Write these rows in one durable transaction. Raise StaleState if another process was faster, sqlite3.Error or
        DatabaseError if the database did not take them; then nothing was written."""
        self._driver.execute("BEGIN IMMEDIATE")
        try:
            if self.changed_elsewhere():
                raise StaleState
            for model, rows in changed:
                if rows:
                    self._connection.execute(_WRITE[model], rows)
            self._driver.execute("COMMIT")
        except BaseException:
            if self._driver.in_transaction:
                self._driver.execute("ROLLBACK")
            raise

    def close(self) -> None:
        engine = self._connection.engine
        self._connection.close()
        engine.dispose()


def begun(file: Path) -> Begun | None:
    """Read beside whoever uses it; None where there is no paper venue, or none that can be read."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as venue:
            head = venue.execute("SELECT seed, collateral FROM paper_venue").fetchone()
            prices = dict(venue.execute("SELECT asset, anchor_price FROM paper_market"))
    except sqlite3.Error:
        return None
    if head is None:
        return None
    posted = {currency: Decimal(amount) for currency, amount in json.loads(head[1]).items()}
    return Begun(head[0], {asset: Decimal(price) for asset, price in prices.items()}, posted)


REMEDY: Final = "Check that paper.url names a file in an existing folder that this user may write, on a disk that is not full."


def _connect(url: str) -> Connection:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Misconfigured(f"paper: paper.url {url!r} is not a database address; write sqlite:///FILE or sqlite:// (in memory)") from error
    if parsed.get_backend_name() != "sqlite":
        raise Misconfigured(
            f"paper: paper.url is {parsed.get_backend_name()}, but the paper exchange keeps its state in SQLite: sqlite:///FILE"
        )
    # StaticPool: one connection for good, also for a file; AUTOCOMMIT: transactions are ours, a read opens none
    engine = create_engine(parsed, poolclass=StaticPool, isolation_level="AUTOCOMMIT")
    try:
        return engine.connect()
    except OperationalError as error:
        engine.dispose()
        raise Misconfigured(f"paper: {url} cannot be opened: {error.orig}. {REMEDY}") from error
