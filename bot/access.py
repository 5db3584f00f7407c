"""Who may command the bot? The bearer token, and the file beside the database that hands it to the command line."""

import os
import secrets
from pathlib import Path
from typing import Final

import structlog
from pydantic import SecretStr

from bot.logs import keep_secret
from bot.ports import Misconfigured

log = structlog.get_logger(__name__)

TOKEN_BYTES: Final = 32
OWNER_ONLY: Final = 0o600
OTHERS: Final = 0o077


def ensure_token(path: Path) -> SecretStr:
    """The token of `path`, made there at random if there is none. Call it as the holder of the lease: the last writer wins.

    Raise Misconfigured if the file cannot be read or written.
    """
    token = read_token(path)
    if token is not None:
        return token
    made = secrets.token_urlsafe(TOKEN_BYTES)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, OWNER_ONLY)
        try:
            os.fchmod(descriptor, OWNER_ONLY)
            os.write(descriptor, f"{made}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.replace(path)  # a reader sees no token or all of it
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Misconfigured(f"cannot write the API token to {path}: {error.strerror}; make its folder writable or set api.token") from error
    keep_secret(made)
    return SecretStr(made)


def read_token(path: Path) -> SecretStr | None:
    """The token of a file, None if there is no file. Warn if others can read it; raise Misconfigured if it holds no token."""
    try:
        text = path.read_text("ascii").strip()
        readable_by_others = path.stat().st_mode & OTHERS
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"cannot read the API token in {path}: {error}; mend or remove the file") from error
    if not text:
        raise Misconfigured(f"{path} is empty: it should hold the API token; remove it and start the bot again")
    if readable_by_others:
        log.warning("token.readable", path=str(path), remedy=f"other users of this machine can command the bot: chmod 600 {path}")
    keep_secret(text)
    return SecretStr(text)
