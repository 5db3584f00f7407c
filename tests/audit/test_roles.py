"""The bot's own database user on a PostgreSQL server: what it may do, what it may not, and how it is made."""

from contextlib import closing

import pytest
from sqlalchemy.engine import make_url

from bot.audit.database import connect, migrations, require_current
from bot.audit.roles import MAY, OWNER, as_admin, as_owner, set_up
from bot.audit.store import Store
from bot.audit.tables import AuditTable
from bot.core.events import CommandGiven
from bot.ports import Misconfigured
from tests.audit.worlds import OWNER as ACCOUNT

PASSWORD = "p'ss \"w\\rd"
MAKING_OFF = (
    "UPDATE entries SET record = '{}'",
    "DELETE FROM entries",
    "TRUNCATE entries",
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "DROP TABLE entries",
    "DROP TRIGGER entries_never_change ON entries",
    "SET session_replication_role = replica",
    "DELETE FROM orders",
    "UPDATE orders SET contracts = 1",
    "UPDATE fills SET contracts = 1",
    "DELETE FROM fills",
    "UPDATE accounts SET instance = 'xx'",
    "DELETE FROM accounts",
    "UPDATE hedgebot_audit_version SET version_num = '0'",
    "CREATE TABLE mine (x int)",
    f"SET ROLE {OWNER}",
)


@pytest.fixture
def bot_url(server_url: str):
    """A server without our users and database, and the address that a bot would use. The server trusts its local users."""
    import psycopg

    url = make_url(server_url).set(username="hb_bot", database="hb_roles", password=None)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS hb_roles WITH (FORCE)")
        for role in ("hb_bot", OWNER):
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                connection.execute(f"DROP OWNED BY {role}")
                connection.execute(f"DROP ROLE {role}")
    return url.render_as_string(hide_password=False)


def made(bot_url: str) -> str:
    return set_up(bot_url, bot_password=PASSWORD, admin="postgres", admin_password=None)


def as_bot(bot_url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(bot_url) as connection:
        connection.execute(statement)


async def test_the_bot_records_and_reads_with_its_own_user(bot_url: str):
    made(bot_url)
    store = Store.open(bot_url, **ACCOUNT, password=PASSWORD)
    store.lead("pid 1 on test")
    assert await store.append([CommandGiven("pause", "test", 1)]) == 1
    store.close()
    reader = Store.read(bot_url, password=PASSWORD)
    assert reader.head().seq == 1
    reader.close()


@pytest.mark.parametrize("statement", MAKING_OFF)
def test_the_bot_cannot_make_off_with_its_record(bot_url: str, statement: str):
    import psycopg

    made(bot_url)
    store = Store.open(bot_url, **ACCOUNT, password=PASSWORD)
    store.close()
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.IntegrityConstraintViolation)):
        as_bot(bot_url, statement)


def test_every_table_has_its_rights_written_down():
    assert set(MAY) == {*AuditTable.metadata.tables, migrations.VERSION_TABLE}
    assert MAY["entries"] == ("SELECT", "INSERT")


def test_rights_given_by_hand_are_taken_back_and_the_rest_stays(bot_url: str, server_url: str):
    import psycopg

    made(bot_url)
    store = Store.open(bot_url, **ACCOUNT, password=PASSWORD)
    instance = store.instance
    store.close()
    admin = make_url(server_url).set(database="hb_roles").render_as_string(hide_password=False)
    with psycopg.connect(admin) as connection:
        connection.execute("GRANT DELETE ON fills TO hb_bot")
    as_bot(bot_url, "DELETE FROM fills")
    assert made(bot_url) == make_url(bot_url).render_as_string()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_bot(bot_url, "DELETE FROM fills")
    again = Store.open(bot_url, **ACCOUNT, password=PASSWORD)
    assert again.instance == instance
    again.close()


def test_the_password_reaches_the_server_as_a_verifier_only(bot_url: str, server_url: str):
    import psycopg

    made(bot_url)
    with psycopg.connect(server_url) as connection:
        stored = connection.execute("SELECT rolpassword, rolsuper FROM pg_authid WHERE rolname = 'hb_bot'").fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")
    assert stored[1] is False


@pytest.mark.parametrize(("found", "said"), [("0000", "stop the bot first"), ("9999", "install the newer hedgebot")])
def test_tables_are_not_changed_under_a_bot_at_work(bot_url: str, server_url: str, found: str, said: str):
    import psycopg

    made(bot_url)
    admin = make_url(server_url).set(database="hb_roles").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("UPDATE hedgebot_audit_version SET version_num = %s", (found,))
    with psycopg.connect(bot_url), pytest.raises(Misconfigured, match=said):
        made(bot_url)


@pytest.mark.parametrize(
    ("url", "password", "admin", "said"),
    [
        ("sqlite:///x.db", "x", "postgres", "a SQLite file has no users"),
        ("postgresql://h/db", "x", "postgres", "must name the bot's user"),
        ("postgresql://bot@h/db", None, "postgres", "HEDGEBOT__AUDIT__PASSWORD_FILE"),
        ("postgresql://postgres@h/db", "x", "postgres", "the bot must not"),
        (f"postgresql://{OWNER}@h/db", "x", "postgres", "the bot must not"),
    ],
)
def test_what_cannot_be_set_up_is_refused_before_anything_is_opened(url: str, password: str | None, admin: str, said: str):
    with pytest.raises(Misconfigured, match=said):
        set_up(url, bot_password=password, admin=admin, admin_password=None)


def test_a_database_of_another_program_is_left_alone(bot_url: str, server_url: str):
    import psycopg

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE hb_roles")
    with psycopg.connect(make_url(server_url).set(database="hb_roles").render_as_string(hide_password=False)) as connection:
        connection.execute("CREATE TABLE book (price text)")
    with pytest.raises(Misconfigured, match="it holds book"):
        made(bot_url)


def test_a_refused_administrator_is_not_looked_for_in_the_password_of_the_bot():
    url = make_url("postgresql://hb_bot@127.0.0.1:9/hb_roles")
    refused = Exception('FATAL: password authentication failed for user "postgres"')
    for open_as in (as_admin, as_owner):
        with closing(open_as(url, "postgres", "wrong")) as database:
            assert "check --admin-password-file (" in database.reason(refused)
    with closing(connect(url.render_as_string(), password="wrong")) as database:
        assert "check HEDGEBOT__AUDIT__PASSWORD_FILE (" in database.reason(refused)


def test_a_server_whose_name_nobody_knows_is_named_with_what_to_do():
    url = "postgresql://hb_bot@nobody.invalid/hb_roles"
    with pytest.raises(Misconfigured, match="nobody here is called so; start the server") as refused, closing(connect(url)) as database:
        require_current(database, create=False)
    assert "nobody.invalid" in str(refused.value)
