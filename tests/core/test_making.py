"""A maker makes what its class makes, and what it makes is as frozen."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

import pytest

from bot.core.decision import Decision, LegPlan, Mode
from bot.core.making import maker
from bot.core.model import Ask, Basis, Quote

QUOTE = ("BTC/USD:BTC", Decimal(60000), None, Decimal(59999), Decimal(60001), None, 7)
PLAN: dict[str, Any] = {one.name: None for one in fields(LegPlan)} | {"asset": "BTC", "basis": Basis.COINS, "why": "inside the band"}


def test_what_is_made_equals_what_the_class_makes_by_place_and_by_keyword() -> None:
    assert maker(Quote)(*QUOTE) == Quote(*QUOTE)
    assert maker(LegPlan)(**PLAN) == LegPlan(**PLAN)
    assert hash(maker(Quote)(*QUOTE)) == hash(Quote(*QUOTE))


def test_defaults_are_those_of_the_class() -> None:
    assert maker(Decision)(1, 2, True, ()) == Decision(1, 2, True, ())
    assert maker(Decision)(1, 2, True, ()).mode is Mode.STARTING
    assert maker(Ask)("X", 1, 2) == Ask("X", 1, 2)


def test_what_is_made_is_of_the_class_and_frozen() -> None:
    made = maker(Quote)(*QUOTE)
    assert type(made) is Quote
    with pytest.raises(FrozenInstanceError):
        made.mark = Decimal(1)  # type: ignore[misc]
    assert replace(made, at_ms=8) == replace(Quote(*QUOTE), at_ms=8)
    assert pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("words", [{}, {"symbol": "X"}, {"nothing": 1}])
def test_what_is_missing_or_unknown_is_refused_as_by_the_class(words: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Quote(**words)
    with pytest.raises(TypeError):
        maker(Quote)(**words)


@dataclass(frozen=True, slots=True)
class Checked:
    amount: int

    def __post_init__(self) -> None:
        raise ValueError(self.amount)


@dataclass(frozen=True, slots=True)
class Fresh:
    found: list[int] = field(default_factory=list)


@pytest.mark.parametrize("kind", [Checked, Fresh])
def test_a_class_that_does_more_than_keep_its_fields_has_no_maker(kind: type) -> None:
    with pytest.raises(AssertionError):
        maker(kind)
