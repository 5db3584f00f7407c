"""Who else may ask the bot, and whom does it tell? Tokens that are given out, and a message on trial."""

import time
from dataclasses import asdict
from typing import Any

from bot.access_tokens import Role, give, given_in, revoke
from bot.cli_call import tokens_file
from bot.cli_exit import Wrong
from bot.exit_codes import Exit
from bot.face import iso_utc
from bot.settings import Settings
from bot.wiring.notify import given_channels
from bot.wiring.venue import real_time


def added(settings: Settings, name: str, *, operate: bool) -> dict[str, Any]:
    role = Role.OPERATE if operate else Role.READ
    return {"name": name, "role": role.value, "token": give(tokens_file(settings), name, role, iso_utc(real_time().now_ms()))}


def listed(settings: Settings) -> list[dict[str, str]]:
    return [{key: value for key, value in asdict(one).items() if key != "sha256"} for one in given_in(tokens_file(settings))]


def revoked(settings: Settings, name: str) -> None:
    revoke(tokens_file(settings), name)


def tried(settings: Settings) -> list[dict[str, Any]]:
    """Each address once for its own severity. Raise Wrong where there is none."""
    given = given_channels(settings)
    if not given:
        raise Wrong(
            Exit.CONFIGURATION,
            "no address is set: write one on each line of a file and set HEDGEBOT__NOTIFY__WARNING_URLS_FILE to it "
            "(also CRITICAL_URLS, INFO_URLS); nothing was sent",
        )
    found = []
    for severity, channels in given.items():
        for channel in channels:
            began = time.monotonic()
            sent = channel.send(severity, f"hedgebot {settings.account}: {severity}", "This is a test: messages of this kind arrive here.")
            found.append({"severity": severity, "channel": channel.name, "sent": sent, "seconds": f"{time.monotonic() - began:.1f}"})
    return found
