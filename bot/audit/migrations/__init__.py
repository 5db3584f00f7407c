"""Is the database at the version this program writes? And if not, how does it get there?

Every revision is a file in versions/; a new one is made with `alembic revision` against this folder. Nothing outside the package is read.
"""

from pathlib import Path
from threading import Lock
from typing import Final

from sqlalchemy import Connection, inspect, text

HEAD: Final = "0003"  # the newest revision in versions/; a test holds the two equal
VERSION_TABLE: Final = "hedgebot_audit_version"
ALONE: Final = Lock()  # Alembic keeps what it works on in the module: two at once in one process would write into each other's database


def revision(connection: Connection) -> str | None:
    """The version of the database; None where hedgebot never wrote one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 (a constant)


def migrate(connection: Connection) -> None:
    """Bring the database to HEAD, in the transaction of `connection`."""
    from alembic import command  # noqa: PLC0415 (a fifth of a second that readers need not wait)
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    with ALONE:
        command.upgrade(config, "head")
