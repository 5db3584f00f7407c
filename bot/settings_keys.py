"""Which key is meant? A walk over the models: every key that exists, how it is spelt, and which known one is nearest to a wrong one."""

import difflib
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.settings_root import Settings
from bot.settings_text import Key
from bot.settings_variables import folded

ANY: Final = "*"  # the name of an asset or of an account
PER_ACCOUNT: Final = (
    "venue",
    "paper",
    "bag",
    "hedges",
    "band",
    "execution",
    "risk",
    "collateral",
    "reconcile",
    "targets",
    "dead_mans_switch",
)


@dataclass(frozen=True, slots=True)
class Known:
    """One place in the tree of keys. `below` is None for a value."""

    field: FieldInfo | None
    below: dict[str, "Known"] | None = None
    nullable: bool = False
    secret: bool = False
    number_means_btc: bool = False  # a map of assets that may be written as one number

    @property
    def is_map(self) -> bool:
        return self.below is not None and ANY in self.below


class UnknownKey(Exception):
    """No such key. `nearest` is a full key that may have been meant, or ""."""

    def __init__(self, key: Key, nearest: Key, siblings: Sequence[str]) -> None:
        super().__init__(".".join(key))
        self.key = key
        self.nearest = nearest
        self.siblings = tuple(siblings)


@cache
def known() -> Known:
    """Every key of the file."""
    root = _section(Settings, None, nullable=False)
    assert root.below is not None
    account = Known(None, {name: root.below[name] for name in PER_ACCOUNT})
    return Known(None, {**root.below, "accounts": Known(None, {ANY: account})})


def _section(model: type[BaseModel], field: FieldInfo | None, *, nullable: bool) -> Known:
    return Known(field, {info.alias or name: _known(info) for name, info in model.model_fields.items()}, nullable=nullable)


def _known(field: FieldInfo) -> Known:
    kinds = [kind for kind in alternatives(field.annotation) if kind is not type(None)]
    nullable = len(kinds) < len(alternatives(field.annotation))
    kind = kinds[0]
    if get_origin(kind) is dict:
        values = alternatives(get_args(kind)[1])[0]
        if _is_model(values):
            return Known(field, {ANY: _section(values, None, nullable=False)})
        return Known(field, {ANY: Known(field)}, number_means_btc=True)
    if _is_model(kind):
        return _section(kind, field, nullable=nullable)
    return Known(field, nullable=nullable, secret=kind is SecretStr)


def alternatives(annotation: Any) -> list[Any]:
    """The types behind Annotated and X | None."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for one in get_args(annotation) for kind in alternatives(one)]
    return [annotation]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def leaves(prefix: Key = ()) -> Iterator[tuple[Key, Known]]:
    """Every value's key, in the order of the models; ANY stands for an asset. Accounts are left out: they repeat the rest."""

    def walk(place: Known, key: Key) -> Iterator[tuple[Key, Known]]:
        for name, child in (place.below or {}).items():
            if (*key, name) == ("accounts",):
                continue
            if child.below is None:
                yield (*key, name), child
            else:
                yield from walk(child, (*key, name))

    start = known()
    for name in prefix:
        assert start.below is not None
        start = start.below[name]
    yield from walk(start, prefix)


def find(key: Key) -> Known:
    """The place of an exact key; raises UnknownKey with the nearest known one."""
    return _follow(key, fold=False, given={})[1]


def find_folded(key: Key, given: dict[str, Any]) -> tuple[Key, Known]:
    """The place of a key written as the environment spells it, and its proper spelling.

    Assets and accounts are spelt as in `given`, the tree of the file; one that is not there is taken in upper case.
    """
    return _follow(key, fold=True, given=given)


def _follow(key: Key, *, fold: bool, given: dict[str, Any]) -> tuple[Key, Known]:
    place, here = known(), given
    spelt: list[str] = []
    for position, name in enumerate(key):
        below = place.below or {}
        proper = name
        if fold:
            names = list(here) if place.is_map else list(below)
            proper = next((candidate for candidate in names if folded(candidate) == folded(name)), name.upper() if place.is_map else name)
        child = below.get(ANY if place.is_map else proper)
        if child is None or not name:
            raise _unknown(key, position, tuple(spelt), below)
        spelt.append(proper)
        inner = here.get(proper)
        here = inner if isinstance(inner, dict) else {}
        place = child
    return tuple(spelt), place


def _unknown(key: Key, position: int, above: Key, below: dict[str, Known]) -> UnknownKey:
    wrong = key[position].lower()
    siblings = [name for name in below if name != ANY]
    close = difflib.get_close_matches(wrong, siblings, n=1, cutoff=0.6)
    if close:
        return UnknownKey(key, (*above, close[0], *key[position + 1 :]), siblings)
    everywhere = {leaf[-1]: leaf for leaf, _ in reversed(list(leaves()))} | {name: (name,) for name in known().below or ()}
    close = difflib.get_close_matches(wrong, everywhere, n=1, cutoff=0.75)
    if close:
        return UnknownKey(key, everywhere[close[0]], siblings)
    return UnknownKey(key, (), siblings)
