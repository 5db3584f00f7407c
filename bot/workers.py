"""How do any number of processes share the accounts of one configuration? Everything that several workers need is here.

PostgreSQL is the coordination. A worker alive is a session that holds the shared advisory lock of all workers; an account led is a
session that holds the account's own (bot/audit/lease.py); both end with their process. Once a second each worker looks, and takes at most
one account: a free one while it leads less than its fair share, accounts / workers rounded up, or one that nobody wanted for the lease's
TTL, whatever its share. An account whose leader holds its lock but stopped beating is watched for the TTL and then succeeded.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.audit.database import Database, connect, require_current
from bot.audit.lease import LOCK_NAME, TTL_MS, is_led, key_of, lease_of, require_own_session
from bot.audit.owners import owners, require_ours, require_room
from bot.exit_codes import Exit, worst
from bot.face import iso_utc
from bot.ports import Clock, Misconfigured, PortError
from bot.settings import Settings

log = structlog.get_logger("hedgebot")
LOOK_SECONDS: Final = 1.0
ANEW_MS: Final = 60_000  # before this worker tries an account again that ended badly here; another worker may try at once
WORKERS_KEY: Final = key_of("hedgebot workers")
LOCKS: Final = (
    "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)

Keep = Callable[[Settings, int | None], Coroutine[Any, Any, Exit]]  # lead one account; over a silent holder if its beat is given


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at the server."""

    workers: int  # alive, this one among them
    taken: frozenset[str]  # accounts whose lock somebody holds
    beats: Mapping[str, int | None]  # the last proof of life of each account's leader


@dataclass(frozen=True, slots=True)
class Choice:
    """An account to lead. `over_beat_ms`: its holder was silent for the TTL."""

    account: str
    over_beat_ms: int | None = None


class Share:
    """What this worker takes next. Nothing here asks a server or a clock: times are this process's own, in milliseconds."""

    def __init__(self, accounts: Sequence[str], *, ttl_ms: int = TTL_MS, chance: random.Random | None = None) -> None:
        self.accounts = tuple(accounts)
        self.ttl_ms = ttl_ms
        self.chance = chance or random.Random()  # noqa: S311  # so that workers do not all reach for the same account
        self.since: dict[str, tuple[object, int]] = {}  # what an account looked like, and since when it has looked like that

    def next(self, seen: Seen, mine: frozenset[str], resting: frozenset[str], mono_ms: int) -> Choice | None:
        """`mine` are led here, `resting` ended badly here a short time ago."""
        fair = -(-len(self.accounts) // max(1, seen.workers))
        free, silent = [], []
        for account in self.accounts:
            look: object = seen.beats.get(account) if account in seen.taken else "free"
            was, since_ms = self.since.get(account, (None, mono_ms))
            if was != look:
                since_ms = mono_ms
            self.since[account] = (look, since_ms)
            if account in mine or account in resting:
                continue
            unchanged_ms = mono_ms - since_ms
            if account not in seen.taken:
                free += [account] if len(mine) < fair or unchanged_ms >= self.ttl_ms else []
            elif unchanged_ms >= self.ttl_ms and seen.beats.get(account) is not None:
                silent.append(account)
        if silent:
            account = self.chance.choice(silent)
            return Choice(account, seen.beats[account])
        return Choice(self.chance.choice(free)) if free else None


class Worker:
    """This process among the workers of one server."""

    def __init__(self, database: Database, accounts: Sequence[str]) -> None:
        self.database = database
        self.keys = {key_of(f"{LOCK_NAME} {account}"): account for account in accounts}
        self.session: Any = None

    def look(self) -> Seen:
        """Raise NotSent or Misconfigured where the server cannot be asked; the next look tries again."""
        try:
            if self.session is None:
                self.join()
            locks = self.session.execute(LOCKS).fetchall()
            beats = dict(self.session.execute("SELECT account, beat_ms FROM accounts").fetchall())
        except self.database.errors as error:
            self.leave()
            raise PortError(f"audit database {self.database.where}: {self.database.reason(error)}") from error
        alive = sum(key == WORKERS_KEY for (key,) in locks)
        return Seen(max(1, alive), frozenset(self.keys[key] for (key,) in locks if key in self.keys), beats)

    def join(self) -> None:
        session = self.database.connection()
        try:
            session.autocommit = True
            require_own_session(self.database, session)
            session.execute("SELECT pg_advisory_lock_shared(%s)", (WORKERS_KEY,))
        except BaseException:
            session.close()
            raise
        self.session = session

    def leave(self) -> None:
        if self.session is not None:
            with suppress(self.database.errors):
                self.session.close()
        self.session = None


def require_server(accounts: Sequence[Settings]) -> None:
    if not accounts[0].audit.url.startswith("postgres"):
        raise Misconfigured(
            f"--worker needs a PostgreSQL server, and audit.url is {accounts[0].audit.url}: workers agree through the server who leads "
            "which account, and a file cannot tell them; name a server, or run all accounts in one process by `hedgebot run`"
        )


async def work(accounts: Sequence[Settings], password: str | None, keep: Keep, stop: asyncio.Event, clock: Clock) -> Exit:
    """Lead a fair share of `accounts` until told to stop, then end them all."""
    by_name = {settings.account: settings for settings in accounts}
    runs: dict[str, asyncio.Task[Exit]] = {}
    ended: dict[str, int] = {}  # when an account ended here, by our own clock
    share, codes = Share(tuple(by_name)), [Exit.DONE]
    with closing(connect(accounts[0].audit.url, password=password, bounded=True)) as database:
        await asyncio.to_thread(require_current, database, create=False)
        worker = Worker(database, tuple(by_name))
        try:
            while not stop.is_set():
                for account in [account for account, run in runs.items() if run.done()]:
                    code = runs.pop(account).result()
                    ended[account] = clock.mono_ms()
                    log.warning("worker.released", account=account, code=int(code))
                resting = frozenset(account for account, since_ms in ended.items() if clock.mono_ms() - since_ms < ANEW_MS)
                try:
                    seen = await asyncio.to_thread(worker.look)
                except PortError as error:
                    log.warning("worker.blind", error=str(error), did="takes no account; those it leads go on while their leases hold")
                else:
                    choice = share.next(seen, frozenset(runs), resting, clock.mono_ms())
                    if choice is not None:
                        log.info("worker.takes", account=choice.account, workers=seen.workers, leads=len(runs))
                        runs[choice.account] = asyncio.create_task(keep(by_name[choice.account], choice.over_beat_ms))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
        finally:
            worker.leave()  # what is left is ended below; the others may divide it among themselves
            codes += await asyncio.gather(*runs.values())
    return worst(codes)


def listed(accounts: Sequence[Settings], password: str | None) -> list[dict[str, Any]]:
    """Every account of the configuration and who leads it. A process that died goes on being named by the record: it is told as `gone`.

    Raise Misconfigured where the record is somebody else's: that nobody leads here would be no answer.
    """
    with closing(connect(accounts[0].audit.url, password=password, read_only=True)) as database:
        require_current(database, create=False)
        known = {owner.account: owner for owner in owners(database)}
        for settings in accounts:
            name, venue = settings.account, settings.venue
            if name in known:
                require_ours(database, known[name], name, venue.name, venue.environment)
            elif known.keys().isdisjoint(settings.accounts):
                require_room(database, name, venue.name, venue.environment, settings.accounts)
        leases = {name: (is_led(database, name), lease_of(database, name)) for name, owner in known.items() if owner.holder is not None}
    found = []
    for settings in accounts:
        owner = known.get(settings.account)
        led, lease = leases.get(settings.account, (False, None))
        age_ms = lease.age_ms if lease is not None else None
        found.append(
            {
                "account": settings.account,
                "holder": owner.holder if owner and led is not False else None,
                "gone": owner.holder if owner and led is False else None,
                "silent": bool(led and database.on_server and age_ms is not None and age_ms >= TTL_MS),
                "epoch": owner.epoch if owner else 0,
                "since": None if owner is None or owner.since_ms is None else iso_utc(owner.since_ms),
                "beat": None if owner is None or owner.beat_ms is None else iso_utc(owner.beat_ms),
                "api": owner.address if owner and led is not False else None,
            }
        )
    return found


def leader_in_words(one: Mapping[str, Any]) -> str:
    if one["gone"] is not None:
        return f"nobody ({one['gone']} died)"
    return f"{one['holder']} (silent: its lease has run out)" if one["silent"] else one["holder"] or "nobody"
