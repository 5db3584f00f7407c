"""How is the body of a request read? At most 64 KiB, as JSON whose numbers stay exact, into a known shape."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from bot.words import Misspoken

MOST_BYTES: Final = 64 * 1024


def one_line(text: str) -> str:
    """A reason is shown in logs, tables and terminals: no line breaks, no control characters."""
    if not text.isprintable():
        raise ValueError("must be one line of printable text")
    return text


def meant(confirmed: bool) -> bool:
    if not confirmed:
        raise ValueError("must be true: flattening leaves the bag without a hedge")
    return confirmed


Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(one_line)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Body):
    """A command without parameters; `{}` and an empty body are the same."""


class Why(Body):
    """kill: a reason for the record, if there is one."""

    reason: Reason = ""


class MustSayWhy(Body):
    """rearm: the reason is recorded and may not be empty."""

    reason: Annotated[Reason, StringConstraints(min_length=1)]


class AcceptBody(MustSayWhy):
    """accept-contract: whose contract, and why it is good as it is now."""

    asset: str


class OnOff(Body):
    """dry-run: whether orders are planned only."""

    on: bool


class Confirmed(Body):
    """flatten: a flattened hedge is a naked bag, so the caller says that it is meant."""

    confirm: Annotated[bool, AfterValidator(meant)]


class TargetBody(Body):
    asset: str
    ratio: Any  # text, int or Decimal: words.ratio_from reads it
    until: str | None = None


class TooLarge(Exception):
    """More than MOST_BYTES."""


Shape = TypeVar("Shape", bound=Body)


async def read_body(request: Request, shape: type[Shape]) -> Shape:
    """The body as `shape`. Raise TooLarge, or Misspoken naming the field."""
    collected = bytearray()
    async for part in request.stream():
        collected += part
        if len(collected) > MOST_BYTES:
            raise TooLarge
    said = decoded(bytes(collected)) if collected.strip() else {}
    if not isinstance(said, dict):
        raise Misspoken("body", f"must be a JSON object such as {{}}, not {type(said).__name__}")
    try:
        return shape.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Misspoken(".".join(str(part) for part in first["loc"]) or "body", explained(first["type"], first["msg"], shape)) from None


def decoded(text: bytes) -> Any:
    """JSON with exact numbers: a float never comes into being, NaN is refused, and so is a key that is given twice."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=no_constant, object_pairs_hook=each_key_once)
    except Misspoken:
        raise
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Misspoken("body", f"is not JSON: {error}") from None


def no_constant(name: str) -> None:
    raise Misspoken("body", f"holds {name}, which is not JSON")


def each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key, value in pairs:
        if key in said:
            raise Misspoken(key, "is given twice")
        said[key] = value
    return said


def explained(kind: str, message: str, shape: type[Body]) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        known = ", ".join(shape.model_fields) or "none"
        return f"is not a field of this command (known: {known})"
    if kind in ("too_short", "string_too_short"):
        return "must say why"
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
