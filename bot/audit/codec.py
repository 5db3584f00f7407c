"""How does an event become a record, and a record the same event again?

A record is `{"event":{...},"kind":"..."}` in canonical JSON. Amounts are text with every digit and exponent they had (`"1E+3"` stays
`"1E+3"`), so a decision read back is equal to the last bit. pydantic knows the shape of every event from its dataclass; its
serialisers are asked for the fields in sorted order, which saves parsing and sorting each record again.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, SchemaSerializer, SchemaValidator, ValidationError

from bot.core.events import KINDS, DecisionMade, Event, FillSeen, FundingSeen
from bot.core.memory import State
from bot.core.model import Snapshot

OPENING: Final = '{"event":'


class NotAnEvent(ValueError):
    """A record that this version of the program cannot read."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """A recorded decision without what it came to: as DecisionMade, but for that."""

    state: State
    seen: Snapshot
    rules_hash: str


def encode(event: Event) -> str:
    """The record of `event`: canonical JSON. Raise TypeError if a field does not hold what its type says."""
    kind = type(event).__name__
    try:
        body = serializer(kind).to_json(event, warnings="error")
    except PydanticSerializationError as error:
        body = serializer(kind).to_json(encodable(event, error), warnings="error")
    return f'{OPENING}{body.decode()},"kind":"{kind}"}}'


def decode(record: str) -> Event:
    """The event of `record`. Raise NotAnEvent, naming the kind and the first field that does not fit."""
    kind = kind_of(record)
    if kind not in KINDS:
        raise NotAnEvent(f"an event of kind {kind!r}, which this version does not know")
    body = record[len(OPENING) : -len(closing(kind))]
    try:
        event: Event = validator(kind).validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise NotAnEvent(f"{kind}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return event


def inputs(record: str) -> Inputs:
    """What a recorded decision was made from. Raise NotAnEvent where the record is none, or cannot be read."""
    kind = DecisionMade.__name__
    if kind_of(record) != kind:
        raise NotAnEvent("no decision")
    try:
        found: Inputs = inputs_validator().validate_json(record[len(OPENING) : -len(closing(kind))], strict=True)
    except ValidationError as error:
        raise NotAnEvent("a decision whose inputs cannot be read") from error
    return found


def kind_of(record: str) -> str:
    """The kind that the record itself states."""
    _, found, tail = record.rpartition(',"kind":"')
    if not (found and record.startswith(OPENING) and tail.endswith('"}')):
        raise NotAnEvent("no event: a record reads {event, kind}")
    return tail[:-2]


def closing(kind: str) -> str:
    return f',"kind":"{kind}"}}'


def at_ms(event: Event) -> int:
    """The moment an event is about."""
    match event:
        case DecisionMade():
            return event.decision.at_ms
        case FillSeen():
            return event.fill.at_ms
        case FundingSeen():
            return event.payment.at_ms
    return event.at_ms


def prepare() -> None:
    """Make what encodes and decodes each kind now, not when the first of it waits to be recorded or read: the longest takes 10 ms."""
    for kind in KINDS:
        serializer(kind), validator(kind)


@cache
def schema(kind: str) -> Any:
    return in_order(TypeAdapter(KINDS[kind]).core_schema)


@cache
def serializer(kind: str) -> SchemaSerializer:
    return SchemaSerializer(words_as_text(schema(kind)))


@cache
def validator(kind: str) -> SchemaValidator:
    return SchemaValidator(schema(kind))


@cache
def inputs_validator() -> SchemaValidator:
    return SchemaValidator(in_order(TypeAdapter(Inputs).core_schema))


def in_order(part: Any) -> Any:
    """The same schema with the fields of every dataclass sorted by name, and infinite amounts allowed ("no liquidation price")."""
    if isinstance(part, list):
        return [in_order(each) for each in part]
    if not isinstance(part, dict):
        return part
    whole = {key: value if key in {"cls", "metadata", "default"} else in_order(value) for key, value in part.items()}
    match part.get("type"):
        case "dataclass":
            whole["fields"] = sorted(whole["fields"])
        case "dataclass-args":
            whole["fields"] = sorted(whole["fields"], key=lambda field: str(field["name"]))
        case "decimal":
            whole["allow_inf_nan"] = True
    return whole


def words_as_text(part: Any) -> Any:
    """The same schema with the words of enumerations written as the text they are: asking each for its value costs a seventh of it all."""
    if isinstance(part, list):
        return [words_as_text(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "enum" and part.get("sub_type") == "str":
        return {"type": "str", **({"ref": part["ref"]} if "ref" in part else {})}
    return {key: value if key in {"cls", "metadata", "default"} else words_as_text(value) for key, value in part.items()}


def encodable(event: Event, error: PydanticSerializationError) -> Event:
    """The same event with text that UTF-8 cannot hold (bytes of a file name, half a character) replaced by question marks."""
    kind = type(event).__name__
    plain = TypeAdapter(KINDS[kind]).dump_python(event, warnings=False)
    clean = without_surrogates(plain)
    if clean == plain:
        raise TypeError(f"{kind} cannot be recorded: {error}") from error
    replaced: Event = validator(kind).validate_python(clean)
    return replaced


def without_surrogates(value: Any) -> Any:
    match value:
        case Decimal() | int() | None:
            return value
        case str():
            return type(value)(value.encode("utf-8", "replace").decode())
        case dict():
            return {key: without_surrogates(part) for key, part in value.items()}
        case list() | tuple():
            return type(value)(without_surrogates(part) for part in value)
    return value
