"""Which audit database, and who leads it?"""

import os
import socket
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from bot.audit.database import connect, require_current
from bot.audit.lease import TTL_MS, is_led
from bot.audit.owners import owners
from bot.audit.store import NothingYet, Store
from bot.core.memory import State
from bot.ports import PortError
from bot.settings import DEFAULT_FILE, Settings
from bot.settings_values import sqlite_file

PUT_BACK: Final = "put the account back with `ratio: 0` until it is flat, or see that somebody closes it by hand"


def password(settings: Settings) -> str | None:
    secret = settings.audit.password
    return None if secret is None else secret.get_secret_value()


def open_store(settings: Settings, *, ttl_ms: int = TTL_MS, bounded: bool = True) -> Store:
    """The audit database, to lead and to write. Raise Misconfigured. Not `bounded`: for statements that take a server long."""
    return Store.open(
        settings.audit.url,
        account=settings.account,
        venue=settings.venue.name,
        environment=settings.venue.environment,
        password=password(settings),
        beside=settings.accounts,
        ttl_ms=ttl_ms,
        beside_the_loop=True,
        bounded=bounded,
    )


def read_store(settings: Settings) -> Store:
    """The audit database, to read beside a running bot. Raise Misconfigured."""
    return Store.read(
        settings.audit.url,
        account=settings.account,
        venue=settings.venue.name,
        environment=settings.venue.environment,
        password=password(settings),
        beside=settings.accounts,
    )


def recorded_state(settings: Settings) -> State | None:
    """What the record remembers, read beside whoever leads; None where there is no record yet. Raise Misconfigured."""
    file = sqlite_file(settings.audit.url)
    if file is not None and not file.exists():
        return None
    try:
        store = read_store(settings)
    except NothingYet:
        return None
    with closing(store):
        return store.state()


def forgotten(settings: Settings) -> dict[str, str]:
    """Accounts that left the configuration while their hedge was open, and what the record says that each holds. Raise PortError.

    One that a process leads is not forgotten: it may have gone to a configuration of its own.
    """
    file, url, secret = sqlite_file(settings.audit.url), settings.audit.url, password(settings)
    if file is not None and not file.exists():
        return {}
    with closing(connect(url, password=secret, read_only=True, bounded=True)) as database:
        require_current(database, create=False)
        outside = [owner for owner in owners(database) if owner.account not in settings.accounts]
        gone = [owner for owner in outside if not is_led(database, owner.account)]
    found = {}
    for one in gone:
        with closing(Store.read(url, account=one.account, venue=one.venue, environment=one.environment, password=secret)) as store:
            held = [f"{leg.contracts or 0} contracts of {leg.symbol}" for leg in store.state().legs if leg.is_open]
        if held:
            found[one.account] = f"{' and '.join(held)} on {one.venue}" + (f" {one.environment}" if one.environment else "")
    return found


def led_at(settings: Settings) -> str | None:
    """The address of the API of whoever leads the account; None where nobody does, or nobody said."""
    with suppress(PortError), closing(read_store(settings)) as store:
        return store.owner.address
    return None


def files_of(settings: Settings, config: Path | None) -> set[Path]:
    """What belongs to the bot, so that no answer is ever written over it: the configuration, and the databases with what lies beside."""
    from bot.audit.copies import beside  # loads what verifies a record

    databases = [file for url in (settings.audit.url, settings.paper.url) if (file := sqlite_file(url)) is not None]
    return {config or DEFAULT_FILE, *databases, *(left for file in databases for left in beside(file))}


def holder() -> str:
    return f"pid {os.getpid()} on {socket.gethostname()}"
