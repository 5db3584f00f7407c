"""A chain whose first entries were dropped at a checkpoint goes on, and may be copied: its first row is not entry 1."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRES:
        op.execute(statement)


# `audit verify` accepts another beginning than entry 1 only where an entry of the chain itself names it.
SQLITE = (
    "DROP TRIGGER entries_only_at_the_end",
    """CREATE TRIGGER entries_only_at_the_end BEFORE INSERT ON entries
    WHEN NEW.seq <> (SELECT coalesce(max(seq) + 1, NEW.seq) FROM entries WHERE account = NEW.account)
    BEGIN SELECT RAISE(ABORT, 'the audit chain is append-only: a row may only follow the last one'); END""",
)
POSTGRES = (
    """CREATE OR REPLACE FUNCTION entries_only_at_the_end() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.seq <> (SELECT coalesce(max(seq) + 1, NEW.seq) FROM entries WHERE account = NEW.account) THEN
            RAISE EXCEPTION 'the audit chain is append-only: a row may only follow the last one'
            USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
)
