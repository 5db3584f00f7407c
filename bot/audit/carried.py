"""What do orders, fills and funding say of entries that were dropped?

Those rows stay when their entries go, so that a trade is never booked twice and an order keeps its story. A checkpoint holds their digest:

    SHA-256 over one line of canonical JSON for each row, [table, columns…], table by table in the order of the chain
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Table

from bot.audit.chain import canonical
from bot.audit.tables import FILLS, FUNDING, ORDERS

CARRIED: Final = (ORDERS, FILLS, FUNDING)  # no slot: nothing is unfinished at a checkpoint
PAGE: Final = 500  # rows held in memory at once
LAST: Final = 2**63 - 1  # the highest place there can be


def raw_rows(connection: Connection, table: Table, account: str, upto_seq: int = LAST) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of the chain, as the driver reads them: a changed byte must not vanish in a conversion."""
    columns, marker = ", ".join(table.c.keys()), "?" if connection.dialect.name == "sqlite" else "%s"
    wanted = f"SELECT {columns} FROM {table.name} WHERE account = {marker} AND seq <= {marker} ORDER BY seq"  # noqa: S608 (our own names)
    for row in connection.exec_driver_sql(wanted, (account, upto_seq), execution_options={"yield_per": PAGE}):
        yield tuple(row)


class Digest:
    """Of rows, as they are added."""

    def __init__(self) -> None:
        self.sum = sha256()

    def add(self, table: Table, row: tuple[Any, ...]) -> None:
        said = [plain(value) for value in row]
        self.sum.update(canonical([table.name, *said]).encode("utf-8", "surrogateescape") + b"\n")

    @property
    def hex(self) -> str:
        return self.sum.hexdigest()


def plain(value: object) -> str | int | None:
    """Flags are numbers in a SQLite file, which also holds anything that somebody put into it."""
    if value is None or isinstance(value, str):
        return value
    return int(value) if isinstance(value, int) else repr(value)


def digest(connection: Connection, account: str, upto_seq: int) -> str:
    found = Digest()
    for table in CARRIED:
        for row in raw_rows(connection, table, account, upto_seq):
            found.add(table, row)
    return found.hex
