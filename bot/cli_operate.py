"""How does an operator's word reach the bot? Through its API while it runs; else onto the record, under the lease, in one transaction."""

import asyncio
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import httpx

from bot.audit.lease import LeaseHeld
from bot.cli_call import NoAnswer, ask, exact
from bot.cli_exit import Wrong, say
from bot.core.events import CommandGiven
from bot.core.pin import ACCEPT, acceptance, refusal
from bot.exit_codes import Exit
from bot.ports import KillSwitch, Misconfigured, PortError
from bot.settings import Settings
from bot.wiring.record import holder, open_store, recorded_state
from bot.wiring.venue import kill_switch, real_time
from bot.words import Misspoken, carried_along, ratio_from, until_ms_from

NEEDS_A_BOT: Final = ("cancel-all", "flatten")
REMEMBERED: Final = {
    "pause": "paused: no new orders from the next `hedgebot run` on, until `hedgebot resume`",
    "resume": "resumed",
    "dry-run-on": "dry-run is on: the next `hedgebot run` plans only, until `hedgebot dry-run off`",
    "dry-run-off": "dry-run is off: the next `hedgebot run` sends orders",
    "kill": "killed: nothing is sent until `hedgebot rearm --reason …`",
    "rearm": "re-armed",
    "target-set": "target set",
    "target-clear": "target cleared",
    ACCEPT: "the changed contract is accepted: the next `hedgebot run` takes the position as the venue shows it",
}


@dataclass(frozen=True, slots=True)
class Word:
    """An operator's word, and how the API spells it."""

    command: CommandGiven
    method: str
    path: str
    body: dict[str, Any]


def simple(name: str, *, reason: str = "") -> Word:
    body: dict[str, Any] = {"confirm": True} if name == "flatten" else {"reason": reason} if reason else {}
    return Word(CommandGiven(name, "cli", real_time().now_ms(), reason=reason), "POST", f"/api/v1/{name}", body)


def dry_run(on: bool) -> Word:
    name = "dry-run-on" if on else "dry-run-off"
    return Word(CommandGiven(name, "cli", real_time().now_ms()), "POST", "/api/v1/dry-run", {"on": on})


def target_set(settings: Settings, asset: str, ratio: str, until: str | None) -> Word:
    """Raise Misspoken naming what cannot be taken."""
    now_ms = real_time().now_ms()
    require_hedged(settings, asset, settings.assets)
    wanted = ratio_from(ratio, allow_over_hedge=settings.risk.allow_over_hedge)
    until_ms = None if until is None else until_ms_from(until, now_ms=now_ms)
    body = {"asset": asset, "ratio": ratio.strip(), **({} if until is None else {"until": until})}
    return Word(CommandGiven("target-set", "cli", now_ms, asset, wanted, until_ms), "POST", "/api/v1/target", body)


def target_clear(settings: Settings, asset: str) -> Word:
    if asset not in settings.assets:  # a word for one that left the configuration would hold again when it comes back
        state = recorded_state(settings)
        given = () if state is None else (target.asset for target in state.targets)
        require_hedged(settings, asset, settings.assets if asset not in given else (asset,))
    return Word(CommandGiven("target-clear", "cli", real_time().now_ms(), asset), "DELETE", f"/api/v1/target/{asset}", {})


def accept_contract(settings: Settings, asset: str, reason: str) -> Word:
    if asset in settings.crosses:
        raise Misspoken("asset", carried_along(asset, settings.crosses[asset].with_))
    require_hedged(settings, asset, settings.legs)
    command = CommandGiven(ACCEPT, "cli", real_time().now_ms(), asset, reason=reason)
    return Word(command, "POST", f"/api/v1/{ACCEPT}", {"asset": asset, "reason": reason})


def require_hedged(settings: Settings, asset: str, known: Iterable[str]) -> None:
    if asset not in known:
        raise Misspoken("asset", f"{asset!r} is not hedged by account {settings.account} (known: {', '.join(sorted(known))})")


def give(settings: Settings, word: Word) -> tuple[Exit, dict[str, Any]]:
    """Hand the word over. Raise Wrong, PortError or LeaseHeld when it did not arrive."""
    command = word.command
    if command.name == "dry-run-off" and settings.mode != "live":
        raise Wrong(Exit.CONFIGURATION, "mode: dry-run in the configuration: set `mode: live` there and restart to let the bot send orders")
    kill_file = kill_switch(settings)
    pulled = command.name == "kill" and pull(kill_file, command)
    try:
        return Exit.DONE, on_record(settings, command, kill_file)
    except LeaseHeld as held:
        return to_bot(settings, word, held, pulled=pulled)
    except PortError:
        if pulled:
            say("note: the kill file is written: it stops a bot that runs, and the next one; only the record does not say so yet")
        raise


def pull(kill_file: KillSwitch, command: CommandGiven) -> bool:
    """Before anything else: the file stops the bot even where neither database nor API can be reached."""
    try:
        kill_file.set(command.reason or f"kill by {command.by}")
    except Misconfigured as error:
        say(f"warning: {error}")
        return False
    return True


def on_record(settings: Settings, command: CommandGiven, kill_file: KillSwitch) -> dict[str, Any]:
    """Take the lease for one transaction. Raise LeaseHeld while a bot runs."""
    with closing(open_store(settings)) as store:
        store.lead(f"{holder()} for `{command.name}`")
        if command.name in NEEDS_A_BOT:
            raise Wrong(
                Exit.ATTENTION,
                f"no bot runs for account {settings.account}, and {command.name} works through one: start it with `hedgebot run`, "
                f"then give {command.name} again; nothing was changed",
            )
        if command.name == ACCEPT and (why := refusal(store.state(), command.asset)):
            raise Wrong(Exit.ATTENTION, f"{why}; nothing was changed")
        asyncio.run(store.append([command, *acceptance(store.state(), command)]))
        state = store.state()
        if command.name == "rearm":
            kill_file.clear()
    message = f"{REMEMBERED[command.name]}; no bot is running, so it is on record in {store.database.where}"
    return {"accepted": True, "done": True, "state": state.mode.value, "code": "ok", "message": message}


def to_bot(settings: Settings, word: Word, held: LeaseHeld, *, pulled: bool) -> tuple[Exit, dict[str, Any]]:
    name = word.command.name
    try:
        answer = ask(settings, word.method, word.path, word.body)
    except NoAnswer as error:
        if pulled:
            also = "; the kill file is written, and that stops it from sending"
        elif error.sent:
            also = f"; it may have taken the {name}, or take it as soon as it goes on: see `hedgebot status` before you give it again"
        else:
            also = "; nothing was changed"
        raise Wrong(
            Exit.FAILURE,
            f"{held.holder or 'another process'} leads account {settings.account}, but its API does not answer ({error}){also}: "
            "look at that process and its log, and end it if it hangs (its own orders may still be open)",
        ) from error
    said = exact(answer)
    match answer.status_code:
        case httpx.codes.OK:
            return Exit.DONE, said
        case httpx.codes.ACCEPTED:
            return Exit.ATTENTION, said
        case httpx.codes.CONFLICT:
            raise Wrong(Exit.CONFIGURATION if name == "dry-run-off" else Exit.ATTENTION, str(said.get("detail")))
        case httpx.codes.NOT_FOUND | httpx.codes.UNPROCESSABLE_ENTITY:
            raise Wrong(Exit.USAGE, str(said.get("detail")))
    raise Wrong(Exit.FAILURE, f"the bot answered {answer.status_code}: {said.get('detail')}")
