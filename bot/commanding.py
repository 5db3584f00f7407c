"""How does an operator's word reach the next turn? May it be taken, does it change anything, and is it carried out?"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bot.core.decision import Mode
from bot.core.events import CommandGiven
from bot.core.memory import State
from bot.core.pin import ACCEPT, refusal
from bot.core.rules import Rules
from bot.ports import KillSwitch, Misconfigured

KILL_FILE: Final = "the kill file is there"
LOOK_SECONDS: Final = 0.1


@dataclass(slots=True, eq=False)
class Said:
    """An operator's word on its way into the next turn."""

    command: CommandGiven
    applied: asyncio.Future[None]


class Bell:
    """Rings at the end of each turn, for those who wait for it."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    def ring(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    def rings(self) -> asyncio.Future[None]:
        """Done when it rings next."""
        self._waiting.append(asyncio.get_running_loop().create_future())
        return self._waiting[-1]


def at_once(words: Iterable[Said]) -> bool:
    """Is one of them to cancel own orders, and nothing besides?"""
    return any(word.command.name in ("kill", "stop") for word in words)


def unfinished(words: Iterable[Said]) -> list[Said]:
    """Those of them that are to cancel own orders and are not on record yet."""
    return [word for word in words if not word.applied.done() and at_once([word])]


async def heeded(hurried: Callable[[], bool], wake: Callable[[], None]) -> None:
    """Begin a turn as soon as own orders are to be cancelled at once: nobody but us says that there is a kill file now."""
    was = False
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = hurried()
        if now and not was:
            wake()
        was = now


def refused(command: CommandGiven, rules: Rules, sealed: str, state: State) -> str:
    """Why it is not taken; empty if it is. `sealed`: why this bot can only look."""
    if command.name == "dry-run-off" and not rules.live:
        return "mode: dry-run in the configuration: set `mode: live` and restart to let the bot send orders"
    if command.name == "dry-run-off" and sealed:
        return sealed
    if command.name == "flatten" and not state.armed:
        return "dry-run is on: no order is sent, so nothing can be flattened; `hedgebot dry-run off` first"
    if command.name == "flatten" and state.killed and is_open(state):
        return f"halted ({state.killed}): no order is sent, so nothing can be flattened; `hedgebot rearm --reason …` first"
    if command.name in ("rearm", ACCEPT) and not command.reason.strip():
        return f"{command.name} needs a reason: it goes on record"
    if command.name == ACCEPT:
        return refusal(state, command.asset)
    return ""


def pull_or_release(switch: KillSwitch, command: CommandGiven) -> str:
    """The kill file goes with the word; what is wrong with it is said and does not stop the word."""
    try:
        if command.name == "kill":
            switch.set(command.reason or f"kill by {command.by}")
        elif command.name == "rearm":
            switch.clear()
    except Misconfigured as error:
        return str(error)
    return ""


def nothing_new(state: State, command: CommandGiven) -> bool:
    """A second kill changes nothing and is no second event, unless it gives the reason for which the file was written."""
    return command.name == "kill" and state.killed is not None and not (state.killed == KILL_FILE and command.reason)


def carried_out(command: CommandGiven, state: State) -> bool:
    match command.name:
        case "dry-run-on":
            return not state.draining and not state.armed
        case "kill":
            return state.mode is Mode.HALTED
        case "flatten":
            return state.mode is Mode.HALTED and not is_open(state)  # a kill on the way halts too, and leaves the hedge
        case "cancel-all":
            return not state.cancel_all
    return True


def is_open(state: State) -> bool:
    return any(leg.contracts for leg in state.legs)


def told(command: CommandGiven, done: bool, note: str) -> str:
    """What the operator hears. `note` is said in the place of what became of it."""
    said = note or f"{command.name} is {'done' if done else 'being carried out'}"
    if done:
        return said
    return f"{said}: {'not every leg is flat yet' if command.name == 'flatten' else 'own orders are not gone yet'}"
