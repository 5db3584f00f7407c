"""As what was an order decided, and what has it traded?"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from sqlalchemy import select

from bot.audit.codec import NotAnEvent, decode
from bot.audit.rows import FillRow
from bot.audit.store import Store
from bot.audit.tables import ENTRIES, FILLS, ORDERS
from bot.core.decision import Approved


def intents(store: Store, client_ids: Iterable[str]) -> dict[str, Approved]:
    """Orders of ours as they were decided, by their ids. Those that this version cannot read, or that are no longer kept, are left out."""
    wanted = select(ENTRIES.c.record).join(ORDERS, (ORDERS.c.account == ENTRIES.c.account) & (ORDERS.c.seq == ENTRIES.c.seq))
    orders = {}
    for row in store.rows(wanted.where(ORDERS.c.account == store.account, ORDERS.c.client_id.in_(set(client_ids)))):
        with suppress(NotAnEvent):
            intent: Any = decode(row["record"])
            orders[intent.order.client_id] = intent.order
    return orders


def fills_of(store: Store, client_ids: Iterable[str]) -> dict[str, list[FillRow]]:
    """Fills of each of these orders, oldest first."""
    wanted = select(FILLS).where(FILLS.c.account == store.account, FILLS.c.client_id.in_(set(client_ids))).order_by(FILLS.c.seq)
    found: dict[str, list[FillRow]] = {}
    for row in store.rows(wanted):
        found.setdefault(row["client_id"], []).append(FillRow.of(row))
    return found
