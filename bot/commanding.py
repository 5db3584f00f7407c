"""How does an operator's word reach the next turn? May it be taken, does it change anything, and is it carried out?"""

import asyncio
from dataclasses import dataclass
from typing import Final

from bot.core.decision import Mode
from bot.core.events import CommandGiven
from bot.core.memory import State
from bot.core.pin import ACCEPT, refusal
from bot.core.rules import Rules

KILL_FILE: Final = "the kill file is there"


@dataclass(slots=True)
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


def refused(command: CommandGiven, rules: Rules, sealed: str, state: State) -> str:
    """Why it is not taken; empty if it is. `sealed`: why this bot can only look."""
    if command.name == "dry-run-off" and not rules.live:
        return "mode: dry-run in the configuration: set `mode: live` and restart to let the bot send orders"
    if command.name == "dry-run-off" and sealed:
        return sealed
    if command.name == "flatten" and not state.armed:
        return "dry-run is on: no order is sent, so nothing can be flattened; `hedgebot dry-run off` first"
    if command.name in ("rearm", ACCEPT) and not command.reason.strip():
        return f"{command.name} needs a reason: it goes on record"
    if command.name == ACCEPT:
        return refusal(state, command.asset)
    return ""


def nothing_new(state: State, command: CommandGiven) -> bool:
    """A second kill changes nothing and is no second event, unless it gives the reason for which the file was written."""
    killed = command.name == "kill" and state.killed is not None and not state.flattening
    return killed and not (state.killed == KILL_FILE and command.reason)


def carried_out(command: CommandGiven, state: State) -> bool:
    match command.name:
        case "dry-run-on":
            return not state.draining and not state.armed
        case "kill" | "flatten":
            return state.mode is Mode.HALTED
        case "cancel-all":
            return not state.cancel_all
    return True


def told(command: CommandGiven, done: bool, note: str) -> str:
    """What the operator hears. `note` is said in the place of what became of it."""
    said = note or f"{command.name} is {'done' if done else 'being carried out'}"
    if done:
        return said
    return f"{said}: {'not every leg is flat yet' if command.name == 'flatten' else 'own orders are not gone yet'}"
