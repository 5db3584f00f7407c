"""How is the API described to a program? Bodies, answers and refusals in the words of OpenAPI."""

from typing import Any, Final

from fastapi import FastAPI

from bot.api_body import Body, MustSayWhy
from bot.core.decision import Mode

Schema = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]

DECIMAL: Final[Schema] = {"type": "string", "description": "a decimal number, every digit of it"}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}


def an_object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def a_list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


WHOLE: Final[Schema] = {"type": "integer"}
TEXT: Final[Schema] = {"type": "string"}
SWITCH: Final[Schema] = {"type": "boolean"}
STATE: Final[Schema] = {"type": "string", "enum": [mode.value for mode in Mode]}
REFUSAL: Final = an_object(detail=TEXT, field=or_null(TEXT))
RESULT: Final = an_object(
    accepted=SWITCH, done=SWITCH, state=STATE, code={"type": "string", "enum": ["ok", "draining", "refused"]}, message=TEXT
)
RATIO: Final[Schema] = {
    "description": "a share of the bag; up to 2 where risk.allow_over_hedge is set",
    "anyOf": [
        {"type": "string", "pattern": "^(0(\\.[0-9]{1,12})?|1(\\.0{1,12})?)$"},
        {"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.0001},
    ],
}
UNTIL: Final[Schema] = {
    "description": "the target ends with this day (UTC), which must lie ahead; or a moment with its zone",
    "anyOf": [{"type": "string", "pattern": "^20[3-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"}, {"type": "null"}],
}
PRINTABLE: Final = "[!-~\u00a1-\u00ac\u00ae-\u02af]"
REASON: Final[Schema] = {
    "type": "string",
    "pattern": f"^({PRINTABLE}( ?{PRINTABLE}){{0,200}})?$",
    "description": "one line, for the record",
}
MUST_SAY: Final[Schema] = {**REASON, "pattern": f"^{PRINTABLE}( ?{PRINTABLE}){{0,200}}$"}
LEG: Final = an_object(
    asset=TEXT,
    instrument=TEXT,
    basis={"type": "string", "enum": ["coins", "value"]},
    ratio_target=or_null(DECIMAL),
    ratio_actual=or_null(DECIMAL),
    delta_coins=or_null(DECIMAL),
    position_usd=or_null(DECIMAL),
    leverage=or_null(DECIMAL),
    liquidation_price=or_null(DECIMAL),
    aligned=SWITCH,
    why=TEXT,
    orders=a_list({"type": "object"}),
)
PLAN: Final = an_object(
    mode={"type": "string", "enum": ["dry-run", "live"]},
    armed=SWITCH,
    state=STATE,
    venue=TEXT,
    environment=or_null(TEXT),
    account=TEXT,
    as_of=or_null(MOMENT),
    legs=a_list(LEG),
    missing=a_list(TEXT),
    alerts=a_list(TEXT),
)
ENTRY: Final = an_object(seq=WHOLE, at=MOMENT, kind=TEXT, hash=TEXT, says=TEXT)
ENTRIES_PAGE: Final = an_object(entries=a_list(ENTRY), next=or_null(WHOLE), head=an_object(seq=WHOLE, hash=TEXT))
SAID: Final = {
    401: "no token, or none of ours",
    403: "this token may only read",
    404: "no such thing here",
    409: "refused",
    413: "more than 64 KiB",
    422: "cannot be meant; `field` names what is wrong",
    429: "too many wrong tokens from this address; `retry-after` says for how long",
    503: "could not be read or recorded: nothing happened",
}


def refusals(*codes: int) -> Responses:
    return {code: {"description": SAID[code], "content": {"application/json": {"schema": REFUSAL}}} for code in codes}


def ok(schema: Schema, description: str = "the answer") -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def page_of(name: str) -> Schema:
    """Newest first; `next` is the `before` of the next page."""
    return an_object(**{name: a_list(an_object(seq=WHOLE, at=MOMENT)), "next": or_null(WHOLE)})


def described(schema: Schema | None = None, *, missing: bool = True) -> Responses:
    """The answers of a read."""
    return {200: ok(schema or {"type": "object"}), **refusals(401, 413, 422, 429, 503), **(refusals(404) if missing else {})}


def commanded(*, missing: bool = True) -> Responses:
    """The answers of a command."""
    return {
        200: ok(RESULT, "carried out"),
        202: ok(RESULT, "on record, and still being carried out"),
        **refusals(401, 403, 409, 413, 422, 429, 503),
        **(refusals(404) if missing else {}),
    }


STREAM: Final[Responses] = {
    200: {"description": "entries as they are recorded", "content": {"text/event-stream": {"schema": TEXT}}},
    **refusals(401, 404, 413, 422, 429, 503),
}


def body_of(shape: type[Body]) -> dict[str, Any]:
    """What a command takes, for a handler that reads its body itself."""
    schema = shape.model_json_schema()
    told = {
        "ratio": RATIO,
        "until": UNTIL,
        "reason": MUST_SAY if issubclass(shape, MustSayWhy) else REASON,
        "confirm": {"const": True, "description": "flattening leaves the bag without a hedge"},
    }
    for name in schema.get("properties", {}):  # what the handler's own reading takes, as far as a pattern can say it
        schema["properties"][name] = told.get(name, schema["properties"][name])
    return {"requestBody": {"required": bool(schema.get("required")), "content": {"application/json": {"schema": schema}}}}


def openapi(app: FastAPI) -> dict[str, Any]:
    """The whole description. Every path asks for a token, save the probes."""
    found = app.openapi()
    found.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["components"].get("schemas", {}).pop("HTTPValidationError", None)
    found["components"].get("schemas", {}).pop("ValidationError", None)
    for path, operations in found["paths"].items():
        if path.startswith("/api/"):
            for operation in operations.values():
                operation["security"] = [{"token": []}]
    return found
