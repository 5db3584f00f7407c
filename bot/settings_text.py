"""What did the person write, and where? One YAML file becomes a tree of text in which every value knows its line.

Numbers stay text until a field turns them into Decimal, so 0.1 is exactly 0.1 and no float ever exists. YAML's surprises are
refused instead of guessed at: aliases, tags, lists and doubled keys have no place in this file, and `no` is never a boolean by accident.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import yaml

Key = tuple[str, ...]
Node = str | None | dict[str, "Node"]
Tree = dict[str, Node]

MAX_BYTES: Final = 256 * 1024  # a hedge.yaml has a few kilobytes; whatever is larger was named by mistake
MAX_DEPTH: Final = 12
NULLS: Final = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with the configuration, and what to do about it."""

    where: str  # "hedge.yaml:12", "HEDGEBOT__RISK__MAX_LEVERAGE", "command line"
    key: str  # "risk.max_leverage"; "" where no key is meant
    problem: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    exit_code: int = 4  # 3 where no setting is to blame: the account, the venue or this machine needs somebody

    def __str__(self) -> str:
        subject = f"{self.key} " if self.key else ""
        return printable(f"{self.where}: {subject}{self.problem}; {self.remedy}")


class SettingsError(Exception):
    """The configuration cannot be used. Nothing was started; every finding names its place and its remedy."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(findings)  # as one argument: it comes back from another process as it was
        self.findings = findings

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))


@dataclass(slots=True)
class Written:
    """A tree of text, and the place of every key in it."""

    tree: Tree = field(default_factory=dict)
    where: dict[Key, str] = field(default_factory=dict)


def printable(text: str) -> str:
    """One line for a terminal: what a hostile key or value brought along is escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def scalar(text: str) -> str | None:
    """An unquoted value: text, or nothing."""
    return None if text in NULLS else text


def read_file(path: Path) -> Written:
    """The tree of a YAML file; SettingsError names file and line of whatever is wrong with it."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _stop(str(path), "does not exist", "write one with `hedgebot init`, or name yours with -c FILE") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _stop(str(path), f"cannot be read ({reason})", "name a readable file with -c FILE") from None
    if len(raw) > MAX_BYTES:
        raise _stop(str(path), f"is larger than {MAX_BYTES // 1024} KiB", "name the bot's own configuration with -c FILE")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _stop(f"{path}:{line}", "is not UTF-8 text", "save the file as UTF-8") from None
    return read_text(text, str(path))


def read_text(text: str, name: str) -> Written:
    """The tree of a YAML text called `name` in messages."""
    read = _parsed(text, name)
    return Written(deepcopy(read.tree), dict(read.where))


@lru_cache(maxsize=1)
def _parsed(text: str, name: str) -> Written:
    """Once: every combination of a sweep stands on the same text."""
    try:
        return _Builder(name, yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        problem = (error.problem or error.context or "unreadable").removesuffix(".")
        raise _stop(place, f"is not YAML ({problem})", "mend that line, or start again with `hedgebot init`") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _stop(f"{name}:{line}", "contains a character that YAML forbids", "delete it and save the file as UTF-8") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # e.g. an escape beyond Unicode
        raise _stop(name, f"is not YAML ({error})", "mend it, or start again with `hedgebot init`") from None


def _stop(where: str, problem: str, remedy: str, key: Key = ()) -> SettingsError:
    return SettingsError([Finding(where, ".".join(key), problem, remedy)])


class _Builder:
    """Turns YAML events into the tree, without constructing anything that the text could ask for."""

    def __init__(self, name: str, events: Iterator[yaml.Event]) -> None:
        self.name = name
        self.events = events
        self.written = Written()

    def document(self) -> Written:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.refuse(event, (), "begins a second document", "keep one document in the file (a single ---)")
            elif isinstance(event, yaml.NodeEvent):
                root = self.node(event, ())
                if root is not None and not isinstance(root, dict):
                    raise self.refuse(event, (), "is not a map of keys", "write lines like `mode: dry-run`, or start with `hedgebot init`")
                self.written.tree = root or {}
        return self.written

    def node(self, event: yaml.Event, key: Key) -> Node:
        if isinstance(event, yaml.AliasEvent):
            raise self.refuse(event, key, "uses a YAML alias", "write the value out")
        if (tag := getattr(event, "tag", None)) is not None:
            raise self.refuse(event, key, f"has a YAML tag ({tag})", "write the plain value")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0]
            return scalar(event.value) if plain else str(event.value)
        if not isinstance(event, yaml.MappingStartEvent):
            raise self.refuse(event, key, "is a list", "no key of this file takes a list: write `name: value` pairs")
        if len(key) >= MAX_DEPTH:
            raise self.refuse(event, key[:3], "is nested too deeply", "no key of this file lies deeper than five levels")
        return self.mapping(key)

    def mapping(self, key: Key) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
                raise self.refuse(event, key, "has a key that is not plain text", "write `name: value` pairs")
            child = (*key, event.value)
            if event.value in found:
                raise self.refuse(event, child, f"is given twice, first at {self.written.where[child]}", "delete one of the two")
            self.written.where[child] = self.place(event)
            found[event.value] = self.node(next(self.events), child)
        return found

    def place(self, event: yaml.Event) -> str:
        return f"{self.name}:{event.start_mark.line + 1}" if event.start_mark else self.name

    def refuse(self, event: yaml.Event, key: Key, problem: str, remedy: str) -> SettingsError:
        return _stop(self.place(event), problem, remedy, key)
