"""The chain, closed against change by the database itself, and its projections."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def upgrade() -> None:
    op.create_table(
        "accounts",
        text("account"),
        text("venue"),
        text("environment", nullable=True),
        text("instance"),
        number("epoch"),
        text("holder", nullable=True),
        text("created_at"),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "entries",
        text("account"),
        number("seq"),
        text("kind"),
        number("at_ms"),
        text("record"),
        text("hash"),
        sa.PrimaryKeyConstraint("account", "seq"),
    )
    op.create_index("entries_by_kind", "entries", ["account", "kind", "seq"])
    op.create_table(
        "orders",
        text("account"),
        text("client_id"),
        number("seq"),
        number("decision_seq"),
        number("moved_seq"),
        text("asset"),
        text("symbol"),
        text("side"),
        number("contracts"),
        text("limit_price"),
        flag("reduce_only"),
        flag("post_only"),
        text("reference_price"),
        text("notional_usd"),
        text("status"),
        number("filled"),
        text("venue_id"),
        number("epoch"),
        number("cycle"),
        text("why"),
        text("moved_why"),
        number("at_ms"),
        number("moved_at_ms"),
        sa.PrimaryKeyConstraint("account", "client_id"),
    )
    op.create_index("orders_by_seq", "orders", ["account", "seq"], unique=True)
    op.create_table(
        "slots",
        text("account"),
        text("symbol"),
        text("client_id"),
        number("seq"),
        sa.PrimaryKeyConstraint("account", "symbol"),
    )
    op.create_table(
        "fills",
        text("account"),
        text("symbol"),
        text("trade_id"),
        number("seq"),
        text("asset"),
        text("client_id"),
        text("side"),
        number("contracts"),
        text("price"),
        text("notional_usd"),
        text("fee_coins"),
        text("realised"),
        flag("maker"),
        flag("ours"),
        flag("liquidation"),
        number("at_ms"),
        sa.PrimaryKeyConstraint("account", "symbol", "trade_id"),
    )
    op.create_index("fills_by_seq", "fills", ["account", "seq"], unique=True)
    op.create_index("fills_by_order", "fills", ["account", "client_id", "seq"])
    op.create_table(
        "funding",
        text("account"),
        text("symbol"),
        text("payment_id"),
        number("seq"),
        text("asset"),
        text("rate"),
        text("mark"),
        text("coins"),
        number("at_ms"),
        sa.PrimaryKeyConstraint("account", "symbol", "payment_id"),
    )
    op.create_index("funding_by_seq", "funding", ["account", "seq"], unique=True)
    for statement in SQLITE_TRIGGERS if op.get_bind().dialect.name == "sqlite" else POSTGRES_TRIGGERS:
        op.execute(statement)


# An insert is refused anywhere but at the end, which also stops SQLite's INSERT OR REPLACE: it deletes without a delete trigger.
SQLITE_TRIGGERS = (
    """CREATE TRIGGER entries_only_at_the_end BEFORE INSERT ON entries
    WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries WHERE account = NEW.account)
    BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only: a row may only follow the last one'); END""",
    """CREATE TRIGGER entries_never_change BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only: no row is ever changed'); END""",
    """CREATE TRIGGER entries_never_go BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only: no row is ever deleted'); END""",
)
POSTGRES_TRIGGERS = (
    """CREATE FUNCTION entries_only_at_the_end() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM entries WHERE account = NEW.account) THEN
            RAISE EXCEPTION 'the audit chain is append-only: a row may only follow the last one'
            USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE FUNCTION entries_never_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the audit chain is append-only: no row is ever changed or deleted'
            USING ERRCODE = 'integrity_constraint_violation';
    END $$""",
    """CREATE TRIGGER entries_only_at_the_end BEFORE INSERT ON entries
    FOR EACH ROW EXECUTE FUNCTION entries_only_at_the_end()""",
    """CREATE TRIGGER entries_never_change BEFORE UPDATE OR DELETE ON entries
    FOR EACH ROW EXECUTE FUNCTION entries_never_change()""",
    """CREATE TRIGGER entries_never_truncated BEFORE TRUNCATE ON entries
    FOR EACH STATEMENT EXECUTE FUNCTION entries_never_change()""",
)
