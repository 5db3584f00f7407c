"""Whom does the configuration name to be told?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from adapters.notify import SEVERITIES, Channel, LogNotifier, Messenger, channels
from bot.ports import Clock
from bot.settings import Settings

if TYPE_CHECKING:
    from pydantic import SecretStr


def given_channels(settings: Settings) -> Mapping[str, list[Channel]]:
    """The channels of each severity that has any. Raise Misconfigured."""
    secrets: dict[str, SecretStr | None] = {severity: getattr(settings.notify, f"{severity}_urls") for severity in SEVERITIES}
    return {
        severity: channels(secret.get_secret_value(), f"notify.{severity}_urls")
        for severity, secret in secrets.items()
        if secret is not None
    }


def open_notifier(settings: Settings, clock: Clock) -> LogNotifier | Messenger:
    given = given_channels(settings)
    if not given:
        return LogNotifier()
    notify = settings.notify
    return Messenger(
        given,
        whose=settings.account,
        clock=clock,
        quiet_ms=int(notify.quiet_seconds * 1000),
        most_per_hour=notify.most_per_hour,
    )
