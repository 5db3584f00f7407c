"""Which tokens were given out, and what may each of them do? A file beside the database that knows no token, only their hashes."""

import hashlib
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from bot.ports import Misconfigured

TOKEN_BYTES: Final = 32
NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)
HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
OWNER_ONLY: Final = 0o600


class Role(StrEnum):
    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Given:
    """A token that somebody holds. It was random with 256 bits, so that a plain hash of it tells nothing."""

    name: str
    role: Role
    sha256: str
    at: str  # UTC, ISO 8601


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def hash_in(text: object) -> str:
    """As `hashed` writes it. Raise ValueError."""
    if not isinstance(text, str) or not HASH.fullmatch(text):
        raise ValueError(f"{text!r:.20} is no SHA-256 hash")
    return text


def given_in(path: Path) -> tuple[Given, ...]:
    """The tokens of a file; none if there is no file. Raise Misconfigured if it cannot be read."""
    try:
        listed = json.loads(path.read_text("utf-8"))["tokens"]
        return tuple(Given(str(one["name"]), Role(one["role"]), hash_in(one["sha256"]), str(one["at"])) for one in listed)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"{path} should hold the tokens that were given out and cannot be read ({error}); mend it, or remove it to revoke them all"
        ) from error


def give(path: Path, name: str, role: Role, at: str) -> str:
    """A new token, to be shown once. Raise Misconfigured if the name is taken or cannot be one."""
    if not NAME.fullmatch(name):
        raise Misconfigured(f"{name!r} cannot name a token: write up to 32 of a-z, 0-9, - and _, such as `grafana`")
    known = given_in(path)
    if any(one.name == name for one in known):
        raise Misconfigured(f"a token named {name} was given out already: `hedgebot token revoke {name}` first, or take another name")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write(path, (*known, Given(name, role, hashed(token), at)))
    return token


def revoke(path: Path, name: str) -> None:
    """It opens nothing from the next request on. Raise Misconfigured if there is no such token."""
    known = given_in(path)
    left = tuple(one for one in known if one.name != name)
    if len(left) == len(known):
        names = ", ".join(one.name for one in known) or "none"
        raise Misconfigured(f"no token named {name} was given out (known: {names}); nothing was changed")
    write(path, left)


def write(path: Path, tokens: tuple[Given, ...]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    text = json.dumps({"tokens": [asdict(one) for one in tokens]}, indent=1) + "\n"
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise Misconfigured(f"cannot write {path}: {error.strerror}; nothing was changed: make its folder writable") from error
