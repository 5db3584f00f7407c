"""Which statements read a page of the record? Built once: for twenty rows, building one anew took longer than running it."""

from typing import Any, Final

from sqlalchemy import BindParameter, Select, Table, bindparam, select

from bot.audit.rows import EntryRow, FillRow, FundingRow, OrderRow
from bot.audit.tables import ENTRIES, FILLS, FUNDING, ORDERS, SLOTS
from bot.core.events import DecisionMade

Statement = Select[Any]
LAST: Final = 2**63 - 1  # no place in a chain lies behind this one


def columns(table: Table, row: type[EntryRow | OrderRow | FillRow | FundingRow]) -> Statement:
    """The columns of a row, in its order, of the account that is given."""
    return select(*(table.c[name] for name in row.__slots__)).where(table.c.account == bindparam("account"))


def newest(table: Table, row: type[EntryRow | OrderRow | FillRow | FundingRow]) -> Statement:
    """Newest first: at most `limit` of those before the place `before`."""
    return columns(table, row).where(table.c.seq < bindparam("before")).order_by(table.c.seq.desc()).limit(bindparam("limit"))


NEWEST_ORDERS: Final = newest(ORDERS, OrderRow)
OPEN_ORDERS: Final = NEWEST_ORDERS.where(ORDERS.c.client_id.in_(select(SLOTS.c.client_id).where(SLOTS.c.account == bindparam("account"))))
NEWEST_FILLS: Final = newest(FILLS, FillRow)
NEWEST_FUNDING: Final = newest(FUNDING, FundingRow)
NEWEST_DECISIONS: Final = newest(ENTRIES, EntryRow).where(ENTRIES.c.kind == DecisionMade.__name__)
NEXT_ENTRIES: Final = (
    columns(ENTRIES, EntryRow)
    .where(ENTRIES.c.seq > bindparam("after"), ENTRIES.c.seq <= bindparam("until"))
    .order_by(ENTRIES.c.seq)
    .limit(bindparam("limit"))
)
"""Oldest first: at most `limit` of those behind `after`, up to `until`."""
IDS: Final[BindParameter[Any]] = bindparam("client_ids", expanding=True)
INTENTS: Final = (
    select(ENTRIES.c.record)
    .join(ORDERS, (ORDERS.c.account == ENTRIES.c.account) & (ORDERS.c.seq == ENTRIES.c.seq))
    .where(ORDERS.c.account == bindparam("account"), ORDERS.c.client_id.in_(IDS))
)
FILLS_OF: Final = columns(FILLS, FillRow).where(FILLS.c.client_id.in_(IDS)).order_by(FILLS.c.seq)
