"""How is a running bot asked? Its API, found by the files beside its database and opened with its token."""

import socket
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx

from bot.access import read_token
from bot.cli_exit import Wrong
from bot.exit_codes import Exit
from bot.settings import Settings
from bot.settings_values import sqlite_file

PATIENCE_SECONDS: Final = 15.0  # a command waits five seconds to be carried out, after a turn that may take a while
NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)
ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104  (not bound here: translated into the loopback)


class NoAnswer(Exception):
    """Nobody answers at the address of the API. `sent`: somebody there has the request, and may still carry it out."""

    def __init__(self, why: str, *, sent: bool = False) -> None:
        super().__init__(why)
        self.sent = sent


def token_file(settings: Settings) -> Path:
    return beside(settings, ".token")


def tokens_file(settings: Settings) -> Path:
    """The hashes of the tokens that were given out by `hedgebot token add`."""
    return beside(settings, ".tokens")


def address_file(settings: Settings) -> Path:
    """Where a running bot says at which address its API is, also when `api.port: 0` took a free one."""
    return beside(settings, ".api")


def beside(settings: Settings, suffix: str) -> Path:
    """A file beside a SQLite database; for a server, one in the working directory, named after the only account."""
    database = sqlite_file(settings.audit.url)
    whose = f"-{settings.account}" if len(settings.accounts) == 1 else ""
    return database.with_name(database.name + suffix) if database is not None else Path(f"hedgebot{whose}{suffix}")


def base_url(host: str, port: int) -> str:
    name = ANYWHERE.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def address_outside(host: str, port: int) -> str:
    """As other machines reach it: whoever listens everywhere is found by the name of his machine."""
    return f"http://{socket.gethostname()}:{port}" if host in ANYWHERE else base_url(host, port)


def address(settings: Settings) -> str:
    """Where the API of the leader is: on a server the lease says so, beside a file the file of the address does."""
    if sqlite_file(settings.audit.url) is None:
        from bot.wiring.record import led_at  # a probe does not load the database layer

        if (recorded := led_at(settings)) is not None:
            return recorded
    return address_here(settings)


def address_here(settings: Settings) -> str:
    """Where the API of a bot on this machine is."""
    try:
        return address_file(settings).read_text("ascii").strip() or base_url(settings.api.host, settings.api.port)
    except (OSError, UnicodeDecodeError):
        return base_url(settings.api.host, settings.api.port)


def ask(settings: Settings, method: str, path: str, body: dict[str, Any] | None = None, url: str | None = None) -> httpx.Response:
    """One request, to the leader of the account if no `url` is given.

    Raise NoAnswer where nobody answers, Wrong where the token is refused or the answer is not a bot's.
    """
    token = settings.api.token or read_token(token_file(settings))
    headers = {} if token is None else {"authorization": f"Bearer {token.get_secret_value()}"}
    url = url or address(settings)
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            answer = client.request(method, path, json=body, params={"account": settings.account})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NoAnswer(f"{url}: {error or type(error).__name__}", sent=not isinstance(error, NEVER_SENT)) from error
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        remedy = "correct HEDGEBOT__API__TOKEN_FILE" if settings.api.token else f"it should lie in {token_file(settings)}"
        raise Wrong(Exit.CONFIGURATION, f"the bot at {url} does not take this token: {remedy}; nothing was changed")
    if not answer.headers.get("content-type", "").startswith("application/json"):
        raise NoAnswer(f"{url}: something else answers there (not the API of a hedgebot)")
    return answer


def exact(answer: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer, as an object."""
    said = answer.json(parse_float=Decimal)
    if not isinstance(said, dict):
        raise NoAnswer(f"{answer.url}: something else answers there (not the API of a hedgebot)")
    return said
