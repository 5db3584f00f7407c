"""How is a frozen value made that every turn makes anew?

A frozen dataclass sets each of its fields through `object.__setattr__`, and a class that is called with keywords packs them into a dict
first: of the thirty fields of a plan that is most of what deciding costs. A maker sets them in a twin of the class that is not frozen, and
gives the value its own class last. Nobody ever holds the twin.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def maker(frozen: Callable[P, T]) -> Callable[P, T]:
    """A function that takes what the class takes and makes what the class makes. `frozen`: a dataclass with slots, without defaults that
    are made anew and without a `__post_init__`."""
    assert isinstance(frozen, type)
    names, kept = [field.name for field in fields(frozen)], frozen.__dict__["__slots__"]
    assert set(kept) == set(names), f"{frozen.__name__} keeps other things than its fields"
    assert not hasattr(frozen, "__post_init__"), f"{frozen.__name__} does more than keep its fields"
    assert all(field.default_factory is MISSING for field in fields(frozen)), f"{frozen.__name__} makes a default anew"
    given: dict[str, Any] = {field.name: field.default for field in fields(frozen) if field.default is not MISSING}
    twin = type(frozen.__name__, frozen.__bases__, {"__slots__": kept})
    known: dict[str, Any] = {"new": object.__new__, "twin": twin, "frozen": frozen, "given": given}
    words = ", ".join(f"{name}=given[{name!r}]" if name in given else name for name in names)
    lines = [f"def make({words}):", "one = new(twin)", *(f"one.{name} = {name}" for name in names), "one.__class__ = frozen", "return one"]
    exec("\n    ".join(lines), known)  # noqa: S102 - as the dataclass itself makes its __init__
    make: Callable[P, T] = known["make"]
    return make
