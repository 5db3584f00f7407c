"""How does a test freeze a PostgreSQL server? Its connections stay open, and nothing answers, as on a machine whose disk hangs."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg


@contextmanager
def frozen(url: str) -> Iterator[None]:
    """Whatever happens meanwhile, it thaws."""
    with psycopg.connect(url) as connection:
        master = psutil.Process(connection.info.backend_pid).parent()
    assert master is not None
    master.suspend()  # it forks no session any more
    stopped = [master]
    try:
        for session in master.children(recursive=True):
            session.suspend()
            stopped.append(session)
        yield
    finally:
        for process in reversed(stopped):
            if process.is_running():
                os.kill(process.pid, signal.SIGCONT)
