"""What does a read that failed mean to the person at the desk, and what is to be done? Told by the code of the venue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.ccxt_client import Failed, Unreachable
from adapters.exchanges.outcomes import Codes
from adapters.request_budget import Silenced


@dataclass(frozen=True, slots=True)
class Trouble:
    """In both, {venue} and {environment} stand for those of the configuration."""

    what: str
    remedy: str
    passes: bool = False  # no setting is wrong: somebody must wait, or look at the account or the machine


TROUBLES: Final[Mapping[str, Trouble]] = {
    "no key": Trouble("no key is configured", "set HEDGEBOT__VENUE__API_KEY_FILE and HEDGEBOT__VENUE__API_SECRET_FILE"),
    "key": Trouble(
        "{venue} does not accept the key",
        "see that HEDGEBOT__VENUE__API_KEY is the whole key, that it has not expired or been deleted, and that it was made for "
        "{environment}: a key of one environment is unknown to the others",
    ),
    "secret": Trouble("{venue} does not accept the signature", "see that HEDGEBOT__VENUE__API_SECRET is the whole secret of this very key"),
    "passphrase": Trouble(
        "{venue} does not accept the passphrase", "set HEDGEBOT__VENUE__PASSPHRASE to the one given when the key was made"
    ),
    "environment": Trouble(
        "the key belongs to another environment of {venue}", "use a key made for {environment}, or write the environment of this key"
    ),
    "rights": Trouble("the key lacks a right at {venue}", "give it the rights to read and to trade contracts, and nothing else"),
    "address": Trouble("{venue} does not take this key from this address", "add the address of this machine to those the key allows"),
    "clock": Trouble("{venue} does not accept our time", "set this machine's clock by NTP", passes=True),
    "shut out": Trouble(
        "{venue} lets nothing in from this address",
        "ask nothing of it for ten minutes, with no other program either; if it goes on, see whether it serves the country of this machine",
        passes=True,
    ),
    "down": Trouble("{venue} is under maintenance or out of order", "see its status page, and start again when it is back", passes=True),
    "rate": Trouble("{venue} asks for silence", "ask nothing of it until then, with no other program either", passes=True),
    "away": Trouble("{venue} cannot be reached", "see that this machine is online and that the venue is up", passes=True),
}
TEXTS: Final = ("retMsg", "msg", "message", "error", "errors")  # where venues put words for people
STATUSES: Final = {"http:429": "rate", "http:418": "rate"}


def words(codes: Codes, error: Failed) -> str:
    """What the venue itself said, in short: its code and its text, not the whole body."""
    said = error.body
    while isinstance(said, Mapping) and isinstance(inner := said.get("error"), Mapping):
        said = inner
    if not isinstance(said, Mapping):
        return f"HTTP {error.status}" if error.status is not None else str(error)
    code = next((each for each in codes.read(error.status, error.body) if not each.startswith("http:")), f"HTTP {error.status}")
    text = next((said[name] for name in TEXTS if isinstance(said.get(name), str) and said[name] not in {"", code}), "")
    return f"{code}: {text}" if text else code


def trouble(codes: Codes, error: BaseException, *, has_key: bool = True) -> Trouble | None:
    """None for an answer that nobody foresaw."""
    if isinstance(error, Silenced):
        return TROUBLES["rate"]
    if isinstance(error, Unreachable):
        return TROUBLES["away"]
    if not isinstance(error, Failed):
        return None
    if not has_key and not error.signed:
        return TROUBLES["no key"]
    if error.banned and error.status == 403:
        return TROUBLES["shut out"]
    for code in codes.read(error.status, error.body):
        word = codes.troubles.get(code) or STATUSES.get(code) or ("down" if code.startswith("http:5") else "")
        if word:
            return TROUBLES[word]
    return TROUBLES["away"] if error.status is None else None
