"""Since when, with which sign of life, and at which address an account is led."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("since_ms", sa.BigInteger, nullable=True))
    op.add_column("accounts", sa.Column("beat_ms", sa.BigInteger, nullable=True))
    op.add_column("accounts", sa.Column("session", sa.Text, nullable=True))
    op.add_column("accounts", sa.Column("address", sa.Text, nullable=True))
