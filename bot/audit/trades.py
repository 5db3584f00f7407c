"""As what was an order decided, and what has it traded?"""

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any

from bot.audit.codec import NotAnEvent, decode
from bot.audit.pages import FILLS_OF, INTENTS
from bot.audit.rows import FillRow
from bot.audit.store import Store
from bot.core.decision import Approved


def intents(store: Store, client_ids: Iterable[str]) -> dict[str, Approved]:
    """Orders of ours as they were decided, by their ids. Those that this version cannot read, or that are no longer kept, are left out."""
    orders = {}
    for (record,) in store.found(INTENTS, client_ids=list(set(client_ids))):
        with suppress(NotAnEvent):
            order = decided(record)
            orders[order.client_id] = order
    return orders


@lru_cache(500)  # a page of them: whoever watches asks for the newest orders again and again
def decided(record: str) -> Approved:
    intent: Any = decode(record)
    order: Approved = intent.order
    return order


def fills_of(store: Store, client_ids: Iterable[str]) -> dict[str, list[FillRow]]:
    """Fills of each of these orders, oldest first."""
    found: dict[str, list[FillRow]] = {}
    for row in store.found(FILLS_OF, client_ids=list(set(client_ids))):
        fill = FillRow.of(row)
        found.setdefault(fill.client_id, []).append(fill)
    return found
