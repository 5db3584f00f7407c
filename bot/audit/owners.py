"""Whose records does a database hold, and may another account join them?"""

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from bot.audit.database import Database, naming
from bot.audit.rows import Owner
from bot.audit.tables import ACCOUNTS
from bot.ports import Misconfigured


def owners(database: Database) -> list[Owner]:
    """Whose records the database holds, by name."""
    with naming(database), database.engine.connect() as connection:
        rows = connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.account)).mappings().all()
    return [Owner(**{name: row[name] for name in Owner.__slots__}) for row in rows]


def find_owner(database: Database, account: str | None = None) -> Owner | None:
    """The one of that name; without a name, any."""
    return next((owner for owner in owners(database) if account in (None, owner.account)), None)


def require_room(database: Database, account: str, venue: str, environment: str | None, beside: Collection[str]) -> None:
    """A new account joins only a database whose accounts are all in the same configuration: else it is somebody else's."""
    for owner in owners(database):
        if owner.account not in beside:
            require_ours(database, owner, account, venue, environment)


def claim(database: Database, account: str, venue: str, environment: str | None, instance: str) -> Owner:
    """Give the account its row, unless another process was faster."""
    owner = Owner(account, venue, environment, instance, epoch=0, holder=None)
    with naming(database), database.engine.connect() as connection:
        try:
            connection.execute(insert(ACCOUNTS).values(**asdict(owner), created_at=func.current_timestamp()))
            connection.commit()
        except IntegrityError:
            connection.rollback()
    return find_owner(database, account) or owner


def require_ours(database: Database, owner: Owner, account: str, venue: str, environment: str | None) -> None:
    """A record belongs to one account of one venue and environment."""
    asked = Owner(account, venue, environment, owner.instance, 0, None)
    if (owner.account, owner.venue, owner.environment) != (account, venue, environment):
        raise Misconfigured(
            f"audit database {database.where} belongs to {owner.name}, but the configuration is for {asked.name}:"
            " name another database under `audit.url`, or correct `account` and `venue`"
        )
