"""What may the bot's own database user do? Add to the record and read it; never change, delete or redefine it.

On a PostgreSQL server three parties keep apart: an administrator makes the database, an owner who cannot log in holds the tables, and
the bot's user gets what stands in MAY. `entries` is the record: INSERT and SELECT. The rest is the lease and the projections, and of
those only the columns that move.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.engine import URL, make_url

from bot.audit import migrations
from bot.audit.database import Database, migrate, naming, postgres_database, refuse_foreign
from bot.audit.tables import ACCOUNTS
from bot.ports import Misconfigured

OWNER: Final = "hedgebot_owner"
MAINTENANCE: Final = "postgres"  # the database that every server has
IDENTITY: Final = ("account", "venue", "environment", "instance", "created_at")  # the first link of the chain is made of these
LEASE: Final = tuple(column.name for column in ACCOUNTS.c if column.name not in IDENTITY)
MAY: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts": ("SELECT", "INSERT", f"UPDATE ({', '.join(LEASE)})"),
    "entries": ("SELECT", "INSERT"),
    "orders": ("SELECT", "INSERT", "UPDATE (status, filled, venue_id, moved_seq, moved_why, moved_at_ms)"),
    "slots": ("SELECT", "INSERT", "DELETE"),  # one for each unfinished order
    "fills": ("SELECT", "INSERT"),
    "funding": ("SELECT", "INSERT"),
    migrations.VERSION_TABLE: ("SELECT",),
}


def set_up(url: str, *, bot_password: str | None, admin: str, admin_password: str | None) -> str:
    """Make the owner, the bot's user, the database that `url` names and the tables of this version; return where it lies.

    What is there already stays; the bot's password and rights are set anew. Raise Misconfigured.
    """
    named = make_url(url)
    if named.get_backend_name() not in ("postgresql", "postgres"):
        raise Misconfigured("audit.url: a SQLite file has no users and needs no set-up: `hedgebot run` makes it")
    if not named.username or not named.database or bot_password is None:
        raise Misconfigured("audit.url must name the bot's user and its database, and HEDGEBOT__AUDIT__PASSWORD_FILE the user's password")
    if named.username in (admin, OWNER):
        raise Misconfigured(f"audit.url: {named.username} may change the record, and the bot must not: name a user of its own there")
    with (
        closing(as_admin(named.set(database=MAINTENANCE), admin, admin_password)) as server,
        naming(server),
        server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        make_roles(connection, named.username, bot_password)
        make_database(connection, named.database, named.username)
    with closing(as_owner(named, admin, admin_password)) as database:
        with naming(database), database.engine.connect() as connection:
            require_idle(database, connection, named.username)
        migrate(database)
        with naming(database), database.engine.begin() as connection:
            grant(connection, named.username)
    return named.set(password=None).render_as_string()


def require_idle(database: Database, connection: Connection, bot: str) -> None:
    """Nobody changes the tables of another program, or those of a bot that is at work."""
    found = migrations.revision(connection)
    if found is None:
        refuse_foreign(database, inspect(connection).get_table_names())
    elif found < migrations.HEAD:
        at_work = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = :bot")
        if connection.execute(at_work, {"bot": bot}).scalar():
            raise Misconfigured(
                f"audit database {database.where} is at version {found} and must be brought to {migrations.HEAD}, but {bot} is connected to"
                " it: stop the bot first (with Compose: docker compose stop bot), then do this again; nothing was changed"
            )


def as_admin(url: URL, admin: str, password: str | None) -> Database:
    database = postgres_database(url.set(username=admin, password=None), password, read_only=False, synchronous="FULL")
    return replace(database, origin="--admin-password-file")


def as_owner(url: URL, admin: str, password: str | None) -> Database:
    """Whose tables they are cannot log in: the administrator speaks for him."""
    database = as_admin(url, admin, password)
    event.listen(database.engine, "connect", become_owner)
    return database


def become_owner(connection: Any, _: object) -> None:
    """What is made from here on belongs to the owner, whoever logged in."""
    connection.autocommit = True  # else the first rollback would take it back
    connection.execute(f"SET ROLE {OWNER}")
    connection.autocommit = False


def make_roles(connection: Connection, bot: str, password: str) -> None:
    known = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
    if OWNER not in known:
        connection.exec_driver_sql(f"CREATE ROLE {OWNER} NOLOGIN")
    if bot not in known:
        connection.exec_driver_sql(f"CREATE ROLE {quoted(connection, bot)}")
    driver = connection.connection.driver_connection
    assert driver is not None
    verifier = driver.pgconn.encrypt_password(password.encode(), bot.encode(), b"scram-sha-256").decode()  # the server never sees the word
    connection.exec_driver_sql(
        f"ALTER ROLE {quoted(connection, bot)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '{verifier}'"
    )


def make_database(connection: Connection, name: str, bot: str) -> None:
    database = quoted(connection, name)
    if connection.execute(text("SELECT FROM pg_database WHERE datname = :name"), {"name": name}).first() is None:
        connection.exec_driver_sql(f"CREATE DATABASE {database} OWNER {OWNER}")
    connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {database} TO {quoted(connection, bot)}")


def grant(connection: Connection, bot: str) -> None:
    """Exactly MAY: rights that were given by hand are taken back."""
    user = quoted(connection, bot)
    for table, rights in MAY.items():
        connection.exec_driver_sql(f"REVOKE ALL ON {table} FROM PUBLIC, {user}")
        connection.exec_driver_sql(f"GRANT {', '.join(rights)} ON {table} TO {user}")


def quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)
