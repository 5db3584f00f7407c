"""What follows from the chain? Each event's effect on orders, slots, fills and funding, through the driver's own cursor.

The statements are built once with SQLAlchemy Core and then run without it: this is the path between a decision and its order.
`audit verify` runs the same statements on an empty database and compares.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from sqlalchemy import ClauseElement, bindparam, case, delete, func, insert, literal_column, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from bot.audit.tables import ACCOUNTS, ENTRIES, FILLS, FUNDING, ORDERS, SLOTS
from bot.core.events import DecisionMade, Event, FillSeen, FundingSeen, IntentRecorded, OrderMoved
from bot.core.model import TERMINAL

Run = Callable[[str, dict[str, Any]], Any]  # cursor.execute
PROJECTED: Final = (IntentRecorded, OrderMoved, FillSeen, FundingSeen)
TERMINAL_NAMES: Final = sorted(status.value for status in TERMINAL)


class Statements:
    """The SQL of one kind of database, with named parameters."""

    def __init__(self, dialect: Dialect) -> None:
        def compiled(statement: ClauseElement) -> str:
            return str(statement.compile(dialect=dialect))

        or_ignore = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        own_order = (ORDERS.c.account == bindparam("of_account")) & (ORDERS.c.client_id == bindparam("of_client_id"))
        unfinished = text(f"orders.status NOT IN ({', '.join(repr(name) for name in TERMINAL_NAMES)})")  # a terminal state never changes
        filled = bindparam("seen_filled", type_=ORDERS.c.filled.type)
        venue_id = bindparam("seen_venue_id", type_=ORDERS.c.venue_id.type)
        leading = (ACCOUNTS.c.account == bindparam("account")) & (ACCOUNTS.c.epoch == bindparam("epoch"))
        values = select(*(bindparam(column.name, type_=column.type) for column in ENTRIES.c)).where(leading)
        self.entry = compiled(
            insert(ENTRIES).from_select(ENTRIES.c.keys(), values.with_for_update(read=True))
        )  # nothing, if we do not lead
        newest = select(func.max(ENTRIES.c.seq)).where(ENTRIES.c.account == bindparam("account"))
        decided = newest.where(ENTRIES.c.kind == literal_column(f"'{DecisionMade.__name__}'"))
        here = (ENTRIES.c.account == bindparam("account")) & (ENTRIES.c.seq == newest.scalar_subquery())
        self.end = compiled(select(ENTRIES.c.seq, ENTRIES.c.hash, decided.scalar_subquery()).where(here))  # of the chain
        self.order = compiled(insert(ORDERS))
        self.slot = compiled(insert(SLOTS))
        self.fill = compiled(or_ignore(FILLS).on_conflict_do_nothing())
        self.funding = compiled(or_ignore(FUNDING).on_conflict_do_nothing())
        self.free_slot = compiled(
            delete(SLOTS).where(
                SLOTS.c.account == bindparam("of_account"),
                SLOTS.c.symbol == bindparam("of_symbol"),
                SLOTS.c.client_id == bindparam("of_client_id"),
            )
        )
        self.move = compiled(
            update(ORDERS)
            .where(own_order, unfinished)
            .values(
                status=bindparam("status"),
                filled=case((ORDERS.c.filled < filled, filled), else_=ORDERS.c.filled),  # never shrinks
                venue_id=case((venue_id != literal_column("''"), venue_id), else_=ORDERS.c.venue_id),
                moved_seq=bindparam("moved_seq"),
                moved_why=bindparam("moved_why"),
                moved_at_ms=bindparam("moved_at_ms"),
            )
        )


@cache
def statements(*, on_server: bool) -> Statements:
    dialect: Dialect = postgresql.dialect(paramstyle="pyformat") if on_server else sqlite.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    return Statements(dialect)


def plain(text: str) -> str:
    """Text as every database takes it: PostgreSQL holds no NUL."""
    return text.replace("\0", "\ufffd")


def intend(run: Run, sql: Statements, account: str, seq: int, event: IntentRecorded, *, decision_seq: int) -> None:
    order = event.order
    if not event.status.terminal:
        run(sql.slot, {"account": account, "symbol": order.symbol, "client_id": order.client_id, "seq": seq})
    run(
        sql.order,
        {
            "account": account,
            "client_id": order.client_id,
            "seq": seq,
            "decision_seq": decision_seq,
            "moved_seq": seq,
            "asset": order.asset,
            "symbol": order.symbol,
            "side": order.side.value,
            "contracts": order.contracts,
            "limit_price": str(order.limit_price),
            "reduce_only": order.reduce_only,
            "post_only": order.post_only,
            "reference_price": str(order.reference_price),
            "notional_usd": str(order.notional_usd),
            "status": event.status.value,
            "filled": 0,
            "venue_id": "",
            "epoch": event.epoch,
            "cycle": event.cycle,
            "why": plain(order.why),
            "moved_why": "",
            "at_ms": event.at_ms,
            "moved_at_ms": event.at_ms,
        },
    )


def move(run: Run, sql: Statements, account: str, seq: int, event: OrderMoved) -> None:
    run(
        sql.move,
        {
            "of_account": account,
            "of_client_id": event.client_id,
            "status": event.now.value,
            "seen_filled": event.filled,
            "seen_venue_id": plain(event.venue_id),
            "moved_seq": seq,
            "moved_why": plain(event.why),
            "moved_at_ms": event.at_ms,
        },
    )
    if event.now.terminal:
        run(sql.free_slot, {"of_account": account, "of_symbol": event.symbol, "of_client_id": event.client_id})


def book_fill(run: Run, sql: Statements, account: str, seq: int, event: FillSeen) -> None:
    fill = event.fill
    run(
        sql.fill,
        {
            "account": account,
            "symbol": fill.symbol,
            "trade_id": plain(fill.trade_id),
            "seq": seq,
            "asset": event.asset,
            "client_id": plain(fill.client_id),
            "side": fill.side.value,
            "contracts": fill.contracts,
            "price": str(fill.price),
            "notional_usd": str(event.notional_usd),
            "fee_coins": str(fill.fee_coins),
            "realised": str(event.realised),
            "maker": fill.maker,
            "ours": event.ours,
            "liquidation": fill.liquidation,
            "at_ms": fill.at_ms,
        },
    )


def book_funding(run: Run, sql: Statements, account: str, seq: int, event: FundingSeen) -> None:
    payment = event.payment
    run(
        sql.funding,
        {
            "account": account,
            "symbol": payment.symbol,
            "payment_id": plain(payment.payment_id),
            "seq": seq,
            "asset": event.asset,
            "rate": str(payment.rate),
            "mark": str(payment.mark),
            "coins": str(payment.coins),
            "at_ms": payment.at_ms,
        },
    )


def project(run: Run, sql: Statements, account: str, seq: int, event: Event, *, decision_seq: int) -> None:
    """Write what `event`, recorded at `seq`, changes; `decision_seq` is the last decision at or before it."""
    match event:
        case IntentRecorded():
            intend(run, sql, account, seq, event, decision_seq=decision_seq)
        case OrderMoved():
            move(run, sql, account, seq, event)
        case FillSeen():
            book_fill(run, sql, account, seq, event)
        case FundingSeen():
            book_funding(run, sql, account, seq, event)
