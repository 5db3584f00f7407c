"""Does an entry say what it claims, and would the program decide the same again?

A decision is read without what it came to, made again, and written again: if that is the record, character by character, everything about
it is proven at once. Only where it is not, the entry is looked at part by part, to say what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.audit import codec
from bot.audit.chain import is_canonical
from bot.core.decision import Decision
from bot.core.events import DecisionMade, Event
from bot.core.memory import State
from bot.core.model import Snapshot
from bot.core.rules import Rules

Decide = Callable[[State, Snapshot, Rules], Decision]


class Broken(Exception):
    """The first thing that is wrong."""

    def __init__(self, what: str, seq: int | None = None) -> None:
        super().__init__(what)
        self.seq = seq


class Entry(NamedTuple):
    """One row of the chain whose hash holds. A tuple: there are millions, and some are sent to other processes."""

    seq: int
    kind: str
    at_ms: int
    record: str


@dataclass(slots=True)
class Judged:
    """What came of some decisions."""

    decided_again: int = 0
    hash_only: int = 0
    unread: list[tuple[int, str]] = field(default_factory=list)  # of another version of the program: where, and why
    broken: tuple[str, int] | None = None  # the first one that is wrong; those after it were not looked at


def judged(decisions: Sequence[Entry], rules: Mapping[str, Rules], version: str, decide: Decide) -> Judged:
    """Each decision made again by the rules of its run, where they are of our `version`. May run in another process."""
    found = Judged()
    for entry in decisions:
        try:
            if made_again(entry, rules, version, decide):
                found.decided_again += 1
            else:
                found.hash_only += 1
        except codec.NotAnEvent as error:
            found.unread.append((entry.seq, str(error)))
        except Broken as error:
            found.broken = str(error), entry.seq
            break
    return found


def made_again(entry: Entry, rules: Mapping[str, Rules], version: str, decide: Decide) -> bool:
    """False where its rules are of another version. Raise Broken or NotAnEvent."""
    try:
        inputs = codec.inputs(entry.record)
    except codec.NotAnEvent:
        read(entry)  # says what is wrong
        raise
    rule = rules.get(inputs.rules_hash)
    if rule is None or rule.version != version:
        read(entry)
        return False
    try:
        made = decide(inputs.state, inputs.seen, rule)
    except Exception as error:  # whatever it is, the record claims that a decision came out
        read(entry)
        raise Broken(f"entry {entry.seq}: the decision cannot be made again from its inputs: {error!r}", entry.seq) from error
    again = codec.encode(DecisionMade(inputs.state, inputs.seen, inputs.rules_hash, made))
    if again != entry.record or made.at_ms != entry.at_ms:
        compared(entry, again)
    return True


def compared(entry: Entry, again: str) -> None:
    """What is wrong with an entry that is not, character by character, the decision made again?"""
    event = read(entry)
    if codec.encode(event) != again:
        raise Broken(f"entry {entry.seq}: the same inputs lead to another decision now, though the rules version is the same", entry.seq)


def read(entry: Entry) -> Event:
    """The event, agreeing with the columns beside it. Raise Broken; NotAnEvent if another version wrote it."""
    seq, record = entry.seq, entry.record
    try:
        if codec.kind_of(record) != entry.kind:
            raise Broken(f"entry {seq}: the column `kind` says {entry.kind!r}, the record does not", seq)
        event = codec.decode(record)
    except codec.NotAnEvent:
        if not is_canonical(record):
            raise Broken(f"entry {seq}: the record is not canonical JSON", seq) from None
        raise
    if codec.encode(event) != record and not is_canonical(record):
        raise Broken(f"entry {seq}: the record is not canonical JSON", seq)
    if codec.at_ms(event) != entry.at_ms:
        raise Broken(f"entry {seq}: the column `at_ms` says {entry.at_ms}, the record {codec.at_ms(event)}", seq)
    return event
