"""What does a sheet make of an answer that is broken somewhere? A noun, or Malformed: never a crash, never a number that was not told.

Real answers are collected once from each venue's local server; then one value deep inside is removed, retyped or replaced.
"""

import asyncio
import copy
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.exchanges.ccxt_open import sheet
from adapters.exchanges.ccxt_translate import Malformed, Misfit
from adapters.exchanges.preflight import Wish, preflight
from adapters.exchanges.venues.sheet import Venue
from bot.core.model import Side
from tests.contract.ccxt_driver import ENVIRONMENT, under_test
from tests.contract.driver import D, Wanted, approved, open_at, seen

READERS = tuple(field.name for field in fields(Venue) if field.name.startswith("read_"))
TOLD_AS_NONE = {None, ""}
# These take one body for each call.
OF_SEVERAL = {"read_quote", "read_position", "read_margin", "read_payments", "read_account", "read_fees"}
Example = tuple[str, tuple[Any, ...], int]  # reader, its arguments, which of them is the answer


@cache
def examples(name: str) -> tuple[Example, ...]:
    return tuple(asyncio.run(collected(name)))


async def collected(name: str) -> list[Example]:
    """Every answer of a short life: connect, pre-flight, an order that rests and is cancelled, one that trades, a funding payment."""
    found: dict[tuple[str, str], Example] = {}

    def note(reader: str, arguments: tuple[Any, ...]) -> None:
        index = max(i for i, one in enumerate(arguments) if isinstance(one, (dict, list, tuple)))
        found.setdefault((reader, shape(arguments[index])), (reader, copy.deepcopy(arguments), index))

    async with under_test(name, Wanted({"BTC": D(1)})) as venue:
        exchange = venue.exchange
        true_sheet = exchange.venue

        def noting(reader: str) -> Any:
            true = getattr(true_sheet, reader)

            def read(*arguments: Any) -> Any:
                if any(isinstance(one, (dict, list, tuple)) for one in arguments):
                    note(reader, arguments)
                return true(*arguments)

            return read

        exchange.line.venue = replace(true_sheet, **{reader: noting(reader) for reader in READERS})
        await exchange.connect([venue.inverse.symbol])
        wish = Wish(live=True, min_order_usd=D(100), max_order_usd=D(100000), max_position_usd=D(1000000))
        await preflight(exchange, [venue.inverse.symbol], venue.clock, wish)
        await open_at(venue, 10, "60000", client_id="hb00001trades")
        await exchange.place(approved(venue, "hb00001rests", Side.SELL, 10, 61000))
        await venue.settle_funding(D("0.0001"))
        await seen(venue, "hb00001trades", "hb00001rests")
        await exchange.cancel(venue.inverse.symbol, "hb00001rests")
        await seen(venue, "hb00001rests")
    return list(found.values())


def shape(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{shape(one)}" for key, one in sorted(value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(sorted({shape(one) for one in value})) + "]"
    return "" if value in TOLD_AS_NONE else type(value).__name__


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    if path:
        yield path
    for key, one in below:
        yield from places(one, (*path, key))


def bent(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    """`value` with what stands at `path` replaced, or removed where `change` is REMOVED."""
    head, *rest = path
    copied = copy.copy(value)
    if rest:
        copied[head] = bent(copied[head], tuple(rest), change)
    elif change is REMOVED:
        del copied[head]
    else:
        copied[head] = change
    return copied


REMOVED = object()
WRONG = st.one_of(
    st.just(REMOVED),
    st.none(),
    st.booleans(),
    st.sampled_from(["", " ", "NaN", "-Infinity", "1e999999", "0x10", "null", "1,5", "-1", "0", "🙈", "2026-13-45T00:00:00Z"]),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def numbers(value: Any) -> Iterator[Decimal]:
    if isinstance(value, Decimal):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from numbers(getattr(value, field.name))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from numbers(one)


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
@given(data=st.data())
def test_a_broken_answer_becomes_a_noun_or_malformed_and_never_anything_else(name: str, data: st.DataObject) -> None:
    reader, arguments, index = data.draw(st.sampled_from(examples(name)), label="answer")
    several = reader in OF_SEVERAL
    bodies = list(arguments[index]) if several else [arguments[index]]
    which = data.draw(st.integers(0, len(bodies) - 1), label="body")
    paths = list(places(bodies[which]))
    if paths:
        bodies[which] = bent(bodies[which], data.draw(st.sampled_from(paths), label="path"), data.draw(WRONG, label="change"))
    else:
        bodies[which] = data.draw(WRONG.filter(lambda one: one is not REMOVED), label="change")
    broken = tuple(bodies) if several else bodies[0]
    try:
        answer = getattr(sheet(name), reader)(*arguments[:index], broken, *arguments[index + 1 :])
    except (Malformed, Misfit):
        return
    assert all(number.is_finite() for number in numbers(answer))


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_what_is_collected_covers_every_reader_that_matters(name: str) -> None:
    matter = {"read_time", "read_quote", "read_position", "read_margin", "read_open_orders", "read_found", "read_fills", "read_placed"}
    assert matter <= {reader for reader, _, _ in examples(name)}


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_an_unharmed_answer_is_read_the_same_twice(name: str) -> None:
    for reader, arguments, _ in examples(name):
        first, second = (getattr(sheet(name), reader)(*copy.deepcopy(arguments)) for _ in range(2))
        assert first == second, reader
