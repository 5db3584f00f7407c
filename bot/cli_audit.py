"""What does the record say, and can it be trusted? Reading, explaining, verifying and exporting it; bringing its tables up to date."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy.engine import make_url

from bot.audit import lease
from bot.audit.completeness import Completeness, compare, with_trades
from bot.audit.database import Database, upgrade
from bot.audit.explain import NotOnRecord, explain
from bot.audit.export import export
from bot.audit.pruning import prune
from bot.audit.roles import as_owner, set_up
from bot.audit.verify import Verdict, Verification, verify
from bot.audit.witness import heads_in
from bot.cli_exit import Wrong
from bot.cli_picture import require_place, whole
from bot.core.events import TookCharge
from bot.core.model import Ask, Fill
from bot.core.planner import is_ours
from bot.exit_codes import Exit
from bot.logs import keep_secret
from bot.ports import Misconfigured, NotSent, PortError
from bot.record_face import entry_json, whole_entry_json
from bot.settings import Settings
from bot.wiring.record import files_of, holder, open_store, password, read_store
from bot.wiring.venue import real_time
from bot.words import moment_ms_from

EVERY: Final = 2**62  # rows, however many there are


def tail(settings: Settings, count: int) -> list[dict[str, Any]]:
    """The newest entries, oldest first."""
    with closing(read_store(settings)) as store:
        return [entry_json(row) for row in store.entries(after_seq=max(0, store.head().seq - count))]


def entry(settings: Settings, seq: int) -> dict[str, Any]:
    """One entry with everything in it. Raise NotOnRecord."""
    with closing(read_store(settings)) as store:
        row = store.entry(seq)
        if row is None:
            raise NotOnRecord(f"entry {seq} is not on record: {store.extent()}")
        return whole_entry_json(row)


def story(settings: Settings, identity: str) -> str:
    with closing(read_store(settings)) as store:
        return explain(store, identity)


def verified(settings: Settings, heads: Path | None, *, online: bool = False) -> Verification:
    """Exit code 0 good, 1 broken, 3 could not tell: also where the database cannot be read at all."""
    witnessed = None
    if heads is not None:
        try:
            witnessed = heads_in(heads.read_text("utf-8", "replace").splitlines())
        except OSError as error:
            raise Wrong(
                Exit.USAGE, f"--heads {heads}: cannot be read ({error.strerror}); name a file with lines SEQ HASH, or a log"
            ) from None
    with closing(read_store(settings)) as store:
        found = verify(store, witnessed)
        if not online or found.verdict is Verdict.BROKEN:
            return found
        made = store.last_decision()
        if made is None:
            return with_trades(found, Completeness(Verdict.UNCLEAR, "the bot has never looked at the venue: there is nothing to compare"))
        charges = [row.event for row in store.entries(kinds=(TookCharge.__name__,))]
        since_ms = {leg.symbol: leg.charged_at_ms for leg in made.state.legs if leg.contracts is not None}  # where older ones were dropped
        since_ms |= {event.symbol: event.at_ms for event in reversed(charges) if isinstance(event, TookCharge)}
        try:
            known = asyncio.run(own_trades(settings, store.instance, since_ms))
        except PortError as error:
            return with_trades(found, Completeness(Verdict.UNCLEAR, f"the venue's trades could not be read: {error}"))
        recorded = [row for row in store.fills(limit=EVERY) if row.ours]
        return with_trades(found, compare(recorded, known, looked_ms=made.seen.now_ms))


async def own_trades(settings: Settings, instance: str, since_ms: Mapping[str, int]) -> dict[str, list[Fill]]:
    """Every trade of ours at the venue, by symbol, from the moment in which each leg became ours. Raise PortError."""
    from bot.wiring.start import looking

    found: dict[str, list[Fill]] = {}
    async with looking(settings) as engine:
        symbols = [rule.symbol for rule in engine.rules.legs if rule.symbol in since_ms]
        for symbol in symbols:
            shown: dict[str, Fill] = {}
            from_ms = since_ms[symbol]
            while True:  # a venue tells so many at a time
                (view,) = await engine.parts.exchange.look([Ask(symbol, from_ms, engine.parts.clock.now_ms())])
                if view.fills is None:
                    raise NotSent("; ".join(view.errors) or f"{symbol}: no trades were told")
                fresh = [fill for fill in view.fills if fill.trade_id not in shown]
                shown |= {fill.trade_id: fill for fill in fresh}
                if not fresh:
                    break
                from_ms = max(fill.at_ms for fill in fresh)
            found[symbol] = [fill for fill in shown.values() if is_ours(fill.client_id, instance) and fill.at_ms >= since_ms[symbol]]
    return found


def verification_json(found: Verification) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "what": found.what,
        "bad_seq": found.bad_seq,
        "head_seq": found.head.seq,
        "head_hash": found.head.hash,
        "heads_checked": found.heads_checked,
        "decided_again": found.decided_again,
        "hash_only": found.hash_only,
        "notes": list(found.notes),
    }


def verification_lines(found: Verification) -> list[str]:
    word = {Verdict.GOOD: "good", Verdict.BROKEN: "BROKEN", Verdict.UNCLEAR: "could not tell"}[found.verdict]
    lines = [f"{word}: {found.what}"]
    lines.append(f"{found.decided_again} decisions decided again, the same bit for bit; {found.hash_only} by hash only")
    lines.append(f"head {found.head.seq} {found.head.hash}")
    return [*lines, *(f"note: {note}" for note in found.notes)]


def write_export(settings: Settings, form: Literal["csv", "jsonl"], output: Path | None, config: Path | None) -> None:
    if output is not None:
        require_place(output, "--output", files_of(settings, config))
    with closing(read_store(settings)) as store:
        if output is None:
            sys.stdout.writelines(export(store, form))
            sys.stdout.flush()
            return
        with whole(output, "--output") as file:
            file.writelines(line.encode() for line in export(store, form))


def set_up_server(settings: Settings, admin: str, admin_password: Path | None) -> str:
    """Where the database lies that is now ready for the bot. Raise Misconfigured."""
    return set_up(settings.audit.url, bot_password=password(settings), admin=admin, admin_password=word_in(admin_password))


def word_in(admin_password: Path | None) -> str | None:
    if admin_password is None:
        return None
    try:
        word = admin_password.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"--admin-password-file {admin_password} cannot be read ({error}); nothing was changed") from error
    keep_secret(word)
    return word


def pruned(settings: Settings, before: str, archive: Path, admin: str | None, admin_password: Path | None) -> dict[str, Any]:
    """Drop what is older than `before`. Raise Misspoken, LeaseHeld while a bot runs, or PortError; then nothing was dropped."""
    before_ms, now_ms = moment_ms_from(before, field="--before"), real_time().now_ms()
    with closing(open_store(settings, bounded=False)) as store:
        store.lead(f"{holder()} for `audit prune`")
        if admin is None:
            found = asyncio.run(prune(store, store.database, archive, before_ms=before_ms, now_ms=now_ms))
        else:
            with closing(as_owner(make_url(settings.audit.url), admin, word_in(admin_password))) as owner:
                found = asyncio.run(prune(store, owner, archive, before_ms=before_ms, now_ms=now_ms))
        if found is None:
            return {"account": settings.account, "dropped": 0, "upto_seq": None, "hash": None, "checkpoint_seq": None, "archive": None}
        return {
            "account": settings.account,
            "dropped": found.checkpoint.upto_seq - found.first_seq + 1,
            "upto_seq": found.checkpoint.upto_seq,
            "hash": found.checkpoint.entry_hash,
            "checkpoint_seq": found.checkpoint_seq,
            "archive": str(archive),
        }


def pruned_lines(said: dict[str, Any]) -> list[str]:
    if not said["dropped"]:
        return [f"{said['account']}: nothing to drop: no entry is that old, but for what the bot still needs; no file was written"]
    return [
        f"{said['account']}: {said['dropped']} entries dropped, up to {said['upto_seq']}; {said['archive']} holds them, verified",
        f"the chain goes on from {said['upto_seq']} {said['hash']}, as entry {said['checkpoint_seq']} says",
    ]


def upgraded(settings: Settings) -> str:
    """Where the database lies that now has this program's tables. Raise LeaseHeld while a bot runs on it."""
    held: list[lease.Lock] = []

    def guard(database: Database) -> None:
        for account, leader in (lease.holders(database) or {settings.account: None}).items():
            try:
                held.append(lease.locked(database, account))
            except BlockingIOError:
                raise lease.LeaseHeld(account, leader) from None

    try:
        return upgrade(settings.audit.url, password=password(settings), guard=guard)
    finally:
        for lock in held:
            lock.release()
