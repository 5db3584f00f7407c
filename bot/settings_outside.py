"""What do the environment, the command line and the secrets say? Names without case become keys, and each value knows who gave it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot.settings_keys import Known, UnknownKey, find, find_folded, leaves
from bot.settings_text import Finding, Key, Tree, scalar
from bot.settings_variables import PREFIX, folded, variable

SECRETS_DIR: Final = "HEDGEBOT_SECRETS_DIR"
USUAL_SECRETS_DIR: Final = Path("/run/secrets")  # where Docker and Kubernetes mount them
MAX_SECRET_BYTES: Final = 64 * 1024
VENUE_SECRETS: Final = ("api_key", "api_secret", "passphrase")


@dataclass(frozen=True, slots=True)
class Given:
    key: Key
    value: str | None = field(repr=False)  # may be a secret
    where: str


@dataclass(slots=True)
class Outside:
    """What one source gave, and what is wrong with it."""

    account: str  # the one whose settings these are: `accounts.NAME.venue` is then `venue`
    others: frozenset[str] = frozenset()  # accounts of the same configuration: what is about them is left to them
    values: list[Given] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, where: str, key: Key, problem: str, remedy: str) -> None:
        self.findings.append(Finding(where, ".".join(key), problem, remedy))

    def take(self, key: Key, place: Known, text: str, where: str) -> None:
        if len(key) > 2 and key[0] == "accounts":
            if folded(key[1]) in map(folded, self.others):
                return
            if folded(key[1]) != folded(self.account):
                named = ", ".join(sorted({self.account, *self.others}))
                self.refuse(where, key, "is about another account", f"the configuration names {named}: delete it")
                return
            key = key[2:]
        if place.number_means_btc:
            key = (*key, "BTC")
        elif place.below is not None:
            inside = next(iter(place.below))
            self.refuse(
                where, key, "is a section, not a value", f"name a key in it, such as {'.'.join(key)}.{'BTC' if inside == '*' else inside}"
            )
            return
        before = next((given for given in self.values if given.key == key), None)
        if before is not None:
            self.refuse(where, key, f"is given twice, also by {before.where}", "delete one of the two")
            return
        self.values.append(Given(key, text if place.secret else scalar(text), where))


def in_full(key: Key) -> Key:
    """A secret of an account may leave out that it is the venue's: ACCOUNTS__NAME__API_KEY."""
    if len(key) == 3 and key[0].lower() == "accounts" and key[2].lower().removesuffix("_file") in VENUE_SECRETS:
        return (*key[:2], "VENUE", key[2])
    return key


def read_environment(env: Mapping[str, str], account: str, tree: Tree, others: frozenset[str] = frozenset()) -> Outside:
    """Every HEDGEBOT__A__B. An empty variable counts as not set: that is how Compose passes on what nobody gave."""
    outside, tree = Outside(account, others), {**tree, "accounts": {account: tree}}
    for name, text in sorted(env.items()):
        if not name.upper().startswith(PREFIX) or text == "":
            continue
        key = in_full(tuple(name[len(PREFIX) :].split("__")))
        try:
            spelt, place = find_folded(key, tree)
        except UnknownKey as unknown:
            secret = _named_file(key, tree)
            if secret is None:
                remedy = (
                    f"did you mean {variable(unknown.nearest)}?" if unknown.nearest else f"the keys here are {', '.join(unknown.siblings)}"
                )
                outside.refuse(name, (), "is not a setting that exists", remedy)
            elif (content := _read_secret(Path(text), name, secret[0], outside)) is not None:
                outside.take(*secret, content, name)
            continue
        outside.take(spelt, place, text, name)
    return outside


def _named_file(key: Key, tree: Tree) -> tuple[Key, Known] | None:
    """The secret whose file is named by `…_FILE`."""
    if not key[-1].upper().endswith("_FILE"):
        return None
    try:
        spelt, place = find_folded((*key[:-1], key[-1][: -len("_FILE")]), tree)
    except UnknownKey:
        return None
    return (spelt, place) if place.secret else None


def read_flags(flags: Mapping[str, str], account: str, others: frozenset[str] = frozenset()) -> Outside:
    """Full keys as the command line gives them. A secret there would show in the list of processes: refused."""
    outside = Outside(account, others)
    for name, text in flags.items():
        key = tuple(name.split("."))
        try:
            place = find(key)
        except UnknownKey as unknown:
            remedy = f"did you mean {'.'.join(unknown.nearest)}?" if unknown.nearest else f"the keys here are {', '.join(unknown.siblings)}"
            outside.refuse("command line", key, "is not a key that exists", remedy)
            continue
        if place.secret:
            outside.refuse(
                "command line", key, "is a secret, and every process can read the command line", f"set {variable(key)}_FILE instead"
            )
        else:
            outside.take(key, place, text, "command line")
    return outside


def read_secrets(env: Mapping[str, str], account: str, tree: Tree, others: frozenset[str] = frozenset()) -> Outside:
    """The secrets folder: files named like the key (HEDGEBOT__VENUE__API_KEY, venue__api_key, venue.api_key), without case.

    The usual folder may hold the secrets of others, so only known names are read; a name with our prefix must be known.
    """
    outside, tree = Outside(account, others), {**tree, "accounts": {account: tree}}
    named = env.get(SECRETS_DIR)
    folder = Path(named) if named else USUAL_SECRETS_DIR
    try:
        files = sorted(os.listdir(folder))
    except (OSError, ValueError) as error:
        if named:
            outside.refuse(
                SECRETS_DIR, (), f"names {folder}, which cannot be listed ({_reason(error)})", "name the folder that holds the secrets"
            )
        return outside
    for name in files:
        ours = name.upper().startswith(PREFIX)
        key = in_full(tuple(name[len(PREFIX) if ours else 0 :].replace(".", "__").split("__")))
        try:
            spelt, place = find_folded(key, tree)
        except UnknownKey:
            place = None
        where = str(folder / name)
        if place is not None and place.secret:
            if (content := _read_secret(folder / name, where, spelt, outside)) is not None:
                outside.take(spelt, place, content, where)
        elif ours:
            names = ", ".join(variable(key) for key, place in leaves() if place.secret)
            outside.refuse(where, (), "is not a secret that exists", f"the secrets are {names}")
    return outside


def _read_secret(path: Path, where: str, key: Key, outside: Outside) -> str | None:
    """The text of a secret file without its last line break."""
    remedy = "write the secret into that file, readable for the user who runs the bot"
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SECRET_BYTES + 1)
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        outside.refuse(where, key, f"names {path}, which is not UTF-8 text", remedy)
    except (OSError, ValueError) as error:
        outside.refuse(where, key, f"names {path}, which cannot be read ({_reason(error)})", remedy)
    else:
        if text.strip() and len(raw) <= MAX_SECRET_BYTES:
            return text
        outside.refuse(where, key, f"names {path}, which is {'empty' if not text.strip() else 'too large for a secret'}", remedy)
    return None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
