"""Is the running bot alive and ready? Asked every few seconds by whoever watches a container: loads no more than the question needs."""

from contextlib import suppress
from typing import Any

from bot.access import read_token
from bot.cli_call import NoAnswer, address_here, ask, exact, token_file
from bot.ports import Misconfigured
from bot.settings import Settings


def probe(settings: Settings) -> tuple[bool, dict[str, Any]]:
    """Is the bot alive and ready? For health checks: asks its API and nothing else."""
    with suppress(Misconfigured):
        read_token(token_file(settings))  # not needed for the probes; registers the secret for the log
    try:
        alive, ready = (exact(ask(settings, "GET", path, url=address_here(settings))) for path in ("/livez", "/readyz"))
    except NoAnswer as error:
        return False, {"alive": False, "ready": False, "why": str(error), "checks": []}
    if "alive" not in alive or "ready" not in ready:
        return False, {"alive": False, "ready": False, "why": f"{address_here(settings)} is not the API of a hedgebot", "checks": []}
    good = alive["alive"] is True and ready["ready"] is True
    return good, {"alive": alive["alive"], "ready": ready["ready"], "why": alive["why"], "checks": ready["checks"]}
