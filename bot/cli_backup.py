"""How is the record kept safe, and brought back?"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from bot.audit import lease
from bot.audit.copies import Copied, beside, copy, fill, put_back, verified
from bot.audit.database import connect, require_current
from bot.audit.owners import owners
from bot.audit.store import Store
from bot.cli_exit import Wrong
from bot.exit_codes import Exit
from bot.ports import PortError
from bot.settings import Settings
from bot.settings_values import plain, sqlite_file
from bot.wiring.record import password
from bot.wiring.venue import real_time


def backed_up(settings: Settings, file: Path) -> dict[str, Any]:
    """Raise Misconfigured; then no file was written."""
    with closing(connect(settings.audit.url, password=password(settings), read_only=True)) as source:
        require_current(source, create=False)
        return told(copy(source, file), file)


def restored(settings: Settings, file: Path, *, force: bool) -> dict[str, Any]:
    """Raise Misconfigured, Wrong, or LeaseHeld while a bot runs; then everything is as it was."""
    found = verified(file)
    strangers = sorted({one.account for one in found} - set(settings.accounts))
    if strangers:
        raise Wrong(
            Exit.CONFIGURATION,
            f"{file} holds the record of {', '.join(strangers)}, and this configuration is about {', '.join(settings.accounts)}; "
            "nothing was changed: name the configuration that the copy belongs to",
        )
    target = sqlite_file(settings.audit.url)
    if target is None:
        with closing(connect(settings.audit.url, password=password(settings))) as server:
            fill(file, server)
        return told(found, file)
    target = target.absolute()
    with nobody_leading(settings, target):
        if target.exists() and not force:
            raise Wrong(
                Exit.USAGE,
                f"{target} is there already and was left as it is: --force puts the copy in its place and keeps the old one beside",
            )
        before = standing_words(target) if target.exists() else ()
        kept = set_aside(target) if target.exists() else None
        answer = told(put_back(file, target), file, kept)
        now = standing_words(target)
        return {**answer, "words_lost": [word for word in before if word not in now]}


def standing_words(file: Path) -> tuple[str, ...]:
    """What operators said and did not take back, by a record; none where that cannot be read."""
    found: list[str] = []
    url, kept = f"sqlite:///{file}", []
    with suppress(PortError), closing(connect(url, read_only=True)) as database:
        require_current(database, create=False)
        kept = owners(database)
    for owner in kept:
        with (
            suppress(PortError),
            closing(Store.read(url, account=owner.account, venue=owner.venue, environment=owner.environment)) as store,
        ):
            state = store.state()
            whose = f"{owner.account}: " if len(kept) > 1 else ""
            found += [f"{whose}dry-run {'on' if state.dry_run_word else 'off'}"] if state.dry_run_word is not None else []
            found += [f"{whose}pause"] if state.paused else []
            found += [f"{whose}kill ({state.killed})"] if state.killed else []
            found += [f"{whose}target set {one.asset} {plain(one.ratio)}" for one in state.targets]
    return tuple(found)


def set_aside(target: Path) -> Path:
    """Move a database that nobody leads out of the way, whole."""
    stamp = datetime.fromtimestamp(real_time().now_ms() / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{target.name}.before-{stamp}"
    again = (target.with_name(f"{name}-{number}") for number in count(2))
    kept = next(one for one in chain([target.with_name(name)], again) if not one.exists())
    with closing(connect(f"sqlite:///{target}", create=True)) as database, closing(database.connection()) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    target.rename(kept)
    for left in beside(target):
        left.unlink(missing_ok=True)
    return kept


@contextmanager
def nobody_leading(settings: Settings, target: Path) -> Iterator[None]:
    """No bot runs on that file, and none begins to. Raise LeaseHeld."""
    with ExitStack() as held:
        for account in settings.accounts:
            try:
                held.callback(lease.FileLock(f"{os.path.realpath(target)}.{account}.lock").release)
            except BlockingIOError:
                raise lease.LeaseHeld(account, None) from None
        yield


def told(found: Sequence[Copied], file: Path, kept: Path | None = None) -> dict[str, Any]:
    accounts = [{"account": one.account, "seq": one.head.seq, "head": one.head.hash, "rows": one.rows} for one in found]
    return {"file": str(file), "verified": True, "accounts": accounts, "kept": None if kept is None else str(kept)}


def summary(said: dict[str, Any], done: str) -> str:
    lines = [f"{one['account']}: {one['seq']} entries, head {one['seq']} {one['head']}" for one in said["accounts"]]
    kept = [f"the record before lies in {said['kept']}"] if said["kept"] else []
    lost = [f"said since the copy and not in it, give it again if it is to hold: {word}" for word in said.get("words_lost", ())]
    return "\n".join([f"{done} and verified", *lines, *kept, *lost])
