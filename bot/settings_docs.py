"""How do people and editors learn the keys? The file that `init` writes, its JSON Schema and the table in the docs, all from the models."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, Field, SecretStr
from pydantic.fields import FieldInfo

from bot.settings_bag import BELONGS, ESPLORA, KINDS, Holding, Source
from bot.settings_cross import Cross
from bot.settings_keys import ANY, PER_ACCOUNT, alternatives, leaves
from bot.settings_model import Collateral, Hedge, TargetDocument
from bot.settings_policies import Policies
from bot.settings_root import LIMITS, NO_LIMITS, Settings
from bot.settings_text import Key
from bot.settings_variables import variable

HEADER: Final = """\
# hedgebot: what to hedge, where, and within which limits. `hedgebot check` reads this file and says what is wrong with it.
# A flag beats the environment (HEDGEBOT__HEDGES__BTC__RATIO=0.5), the environment beats this file, and this file beats the defaults.
# Secrets never stand here: HEDGEBOT__VENUE__API_KEY_FILE=/path (or HEDGEBOT__VENUE__API_KEY), likewise __API_SECRET and __PASSPHRASE.
# On `environment: production` every key of band, execution (up to max_order_usd) and risk must stand here; elsewhere the defaults apply.
"""
BOUNDS: Final = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
POLICY_EXAMPLES: Final = {  # what stands in the file for a key without a default
    ("schedule", "until"): "2027-06-30",
    ("schedule", "start"): "2027-01-01",
    ("drawdown", "average_days"): "100",
    ("drawdown", "fall"): "0.15",
    ("drawdown", "fall_days"): "14",
    ("drawdown", "recover"): "0.075",
    ("funding", "resume"): "0.05",
    ("volatility", "target"): "0.3",
    ("ramp", "days"): "10",
    ("basis", "discount_bps"): "20",
    ("basis", "resume_bps"): "10",
}
CROSS_EXAMPLES: Final = {"with_": "ETH", "market": "BTC/USDT:USDT", "half_life": "180"}
SOURCE_EXAMPLES: Final = {  # a source of each kind, by the name it might have
    "coins": ("drawer", "0.5"),
    "exchange": ("kraken", "kraken"),
    "address": ("cold", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    "url": ("office", "https://example.org/bag.json"),
}
SOURCE_DETAILS: Final = {"api": ESPLORA, "path": "coins.BTC"}
MARGIN: Final = 44  # where the remarks begin


def example() -> Settings:
    """What `init` writes, as settings: 2 BTC outside, 3 posted on the paper exchange, all of it hedged."""
    return Settings(
        bag={"BTC": Holding(coins=Decimal(2))}, hedges={"BTC": Hedge(instrument="BTC/USD:BTC")}, collateral={"BTC": Collateral()}
    )


def example_yaml() -> str:
    """A commented hedge.yaml. Loading it gives `example()`."""
    lines = [HEADER]
    settings = example()
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if name == "targets":
            lines += ["", *(f"# {line}" for line in _document_section())]
        elif isinstance(value, BaseModel):
            lines += ["", f"# {_summary(type(value))}", f"{name}:", *_section(value, "  ")]
        elif isinstance(value, dict):
            lines += ["", f"# {_summary(type(next(iter(value.values()))))}", f"{name}:"]
            for asset, part in value.items():
                lines += [f"  {asset}:", *_section(part, "    ")]
                if isinstance(part, Holding):
                    lines += [f"# {line}" for line in _sources_section()]
                if isinstance(part, Hedge):
                    lines += [f"# {line}" for line in (*_cross_section(), *_policies_section())]
        else:
            lines += [*([""] if name == "dead_mans_switch" else []), _line(f"{name}: {written(value)}", field)]
    return "\n".join(lines) + "\n"


def _section(part: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if _is_secret(field) or isinstance(value, BaseModel) or name == "cross" or value == {}:
            continue
        if isinstance(value, dict):
            value = "{" + ", ".join(f"{asset}: {written(number)}" for asset, number in value.items()) + "}"
        yield _line(f"{indent}{name}: {written(value)}", field)


def _document_section() -> Iterator[str]:
    yield _summary(TargetDocument)
    yield "targets:"
    for name, field in TargetDocument.model_fields.items():
        yield _line(f"  {name}: {written('https://example.org/targets.json' if field.is_required() else field.default)}", field)


def _sources_section() -> Iterator[str]:
    """A source of each kind, to take some of."""
    fields = Source.model_fields
    yield _line("    sources:", Field(description=f"{_summary(Source)} Keys of exchanges are secrets"))
    for kind in KINDS:
        name, value = SOURCE_EXAMPLES[kind]
        yield f"      {name}:"
        yield _line(f"        {kind}: {value}", fields[kind])
        for key in [key for key, owner in BELONGS.items() if owner == kind and not _is_secret(fields[key])]:
            yield _line(f"        {key}: {SOURCE_DETAILS.get(key) or written(fields[key].default)}", fields[key])
        if kind != "coins":
            for key in ("poll_seconds", "max_age_seconds"):
                yield _line(f"        {key}: {written(fields[key].default)}", fields[key])


def _cross_section() -> Iterator[str]:
    """In place of an instrument."""
    yield _line("    cross:", Field(description=_summary(Cross)))
    for name, field in Cross.model_fields.items():
        value = CROSS_EXAMPLES.get(name) or written(field.default)
        yield _line(f"      {field.alias or name}: {value}", field)


def _policies_section() -> Iterator[str]:
    """Every policy there is, to take some of."""
    yield _line("    policies:", Field(description=_summary(Policies)))
    for name, field in Policies.model_fields.items():
        kind = alternatives(field.annotation)[0]
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            yield _line(f"      {name}: {written(field.default)}", field)
            continue
        yield _line(f"      {name}:", Field(description=_summary(kind)))
        for key, inner in kind.model_fields.items():
            yield _line(f"        {key}: {POLICY_EXAMPLES.get((name, key)) or written(inner.default)}", inner)


def _line(text: str, field: Any) -> str:
    return f"{text:<{MARGIN}}  # {field.description}"


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()


def written(value: Any) -> str:
    """A value as it stands in the file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in alternatives(field.annotation)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of hedge.yaml, for editors. Secrets are not in it: they may not stand in the file."""
    schema = Settings.model_json_schema()
    for part in schema["$defs"].values():
        for name, value in list(part.get("properties", {}).items()):
            if any(one.get("format") == "password" for one in value.get("anyOf", ())):
                del part["properties"][name]
    for part in (schema, *schema["$defs"].values()):
        for value in part["properties"].values():
            _plain_schema(value)
    schema["$defs"]["Holding"]["required"] = []  # `coins` may be left out beside sources
    own = {name: schema["properties"][name] for name in PER_ACCOUNT}
    schema["properties"]["accounts"] = {
        "type": "object",
        "description": "instead of `account`: each account by name, with what differs from the rest of the file",
        "additionalProperties": {"type": "object", "properties": own, "additionalProperties": False},
    }
    schema["properties"]["version"]["const"] = 1
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "hedge.yaml"}


def _plain_schema(value: dict[str, Any]) -> None:
    """Bounds under the names that JSON Schema knows, and a bare number wherever it may stand for BTC's."""
    for ours, theirs in BOUNDS.items():
        if ours in value:
            bound = value.pop(ours)
            value[theirs] = int(Decimal(bound)) if Decimal(bound) % 1 == 0 else float(bound)
    for one in value.get("anyOf", ()):
        _plain_schema(one)
    for inner in list(value.get("patternProperties", {}).values()):
        value["additionalProperties"] = False
        if "$ref" not in inner:
            _plain_schema(inner)
            names = ("type", "patternProperties", "additionalProperties")
            value["anyOf"] = [inner, {name: value.pop(name) for name in names}]


def config_table_markdown() -> str:
    """Every key with type, default and meaning; X stands for an asset such as BTC, N for a name.

    † marks the limits that production needs in the file."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, place in leaves():
        assert place.field is not None
        default = f"only `{variable(key)}` or `{variable(key)}_FILE`" if place.secret else _default(key, place.field)
        mark = " †" if key[0] in LIMITS and key not in NO_LIMITS else ""
        cells = (
            f"`{dotted(key)}`{mark}",
            _type(place.field),
            default,
            place.field.description or "",
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def dotted(key: Key) -> str:
    """X stands for an asset, N for the name of something of it."""
    first = key.index(ANY) if ANY in key else len(key)
    return ".".join(name if name != ANY else "X" if at == first else "N" for at, name in enumerate(key))


def _default(key: Key, field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if key[-1] in {"instrument", "market"}:
        return "`X/USD:X`" if key[-1] == "instrument" else "`X/USDT:USDT`"
    if isinstance(field.default, dict):
        return ", ".join(f"`{written(number)}` for {asset}" for asset, number in field.default.items())
    return f"`{written(field.default)}`"


def _type(field: FieldInfo) -> str:
    kinds = [kind for kind in alternatives(field.annotation) if kind is not type(None)]
    kind = kinds[0]
    if get_origin(kind) is Literal:
        return " | ".join(get_args(kind))
    if get_origin(kind) is dict:
        return "number"
    return {Decimal: "number", int: "whole number", bool: "true | false", SecretStr: "secret"}.get(kind, "text")
