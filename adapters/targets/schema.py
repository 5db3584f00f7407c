"""What may a target document say? `{"version": 1, "targets": {"BTC": 0.8, "ETH": {"ratio": "0.5", "until": "2026-12-31"}}}` and no more.

Every number is read as text, so no float takes part. One wrong entry spoils the document: half of somebody's intent is not their intent.
"""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bot.core.model import Target, TargetSource
from bot.words import Misspoken, ratio_from, shortened, until_ms_from


class Spoilt(ValueError):
    """The document cannot be trusted; the text says why."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Entry(_Part):
    ratio: str
    until: str | None = None


class _Document(_Part):
    version: Literal["1"]
    targets: dict[str, Annotated[_Entry, BeforeValidator(lambda said: {"ratio": said} if isinstance(said, str) else said)]]


def targets_from(body: bytes, *, assets: Collection[str], allow_over_hedge: bool) -> tuple[Target, ...]:
    """The targets of a document, in order of asset. Raise Spoilt naming the entry and what is wrong with it."""
    try:
        document = _Document.model_validate(_json(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Spoilt(f"{'.'.join(str(part) for part in first['loc']) or 'the document'}: {first['msg']}") from None
    return tuple(_target(asset, entry, assets, allow_over_hedge) for asset, entry in sorted(document.targets.items()))


def _target(asset: str, entry: _Entry, assets: Collection[str], allow_over_hedge: bool) -> Target:
    if asset not in assets:
        raise Spoilt(f"targets.{shortened(asset)}: is not hedged here; the assets are {', '.join(sorted(assets))}")
    try:
        ratio = ratio_from(entry.ratio, allow_over_hedge=allow_over_hedge, field=f"targets.{asset}.ratio")
        # an end that has passed is no error: the target is over, and whoever reads it sees that
        until_ms = None if entry.until is None else until_ms_from(entry.until, now_ms=0, field=f"targets.{asset}.until")
    except Misspoken as error:
        raise Spoilt(str(error)) from None
    return Target(asset, ratio, TargetSource.DOCUMENT, until_ms)


def _json(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Spoilt("is not UTF-8 text") from None
    if text.lstrip()[:1] == "<":
        raise Spoilt("is HTML or XML, not JSON")
    try:
        return json.loads(text, parse_float=_digits, parse_int=_digits, parse_constant=_no_number, object_pairs_hook=_each_once)
    except RecursionError:
        raise Spoilt("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Spoilt(f"is not JSON ({error.msg} in line {error.lineno})") from None


def _digits(text: str) -> str:
    if len(text) > 40:
        raise Spoilt(f"{shortened(text)} is not a sensible number")
    return text


def _no_number(text: str) -> NoReturn:
    raise Spoilt(f"{text} is not a number")


def _each_once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Spoilt("names a key twice")
    return found
