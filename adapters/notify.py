"""Whom do we tell when something needs a person? The log."""

import logging
from typing import Final

import structlog

log = structlog.get_logger(__name__)

LEVELS: Final = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


class LogNotifier:
    """A `Notifier` that writes one log line, at the level of the severity; a severity it does not know counts as a warning."""

    async def notify(self, severity: str, text: str) -> None:
        log.log(LEVELS.get(severity, logging.WARNING), "alert", severity=severity, text=text)
