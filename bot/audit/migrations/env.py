"""Run by Alembic: applies the revisions over the connection that migrate() hands in."""

from alembic import context

from bot.audit.migrations import VERSION_TABLE
from bot.audit.tables import AuditTable

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=AuditTable.metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
