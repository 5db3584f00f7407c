"""Does a check of the rehearsal accuse whom it should, and nobody else? What no planted bug tells apart, on the judge's own books."""

from decimal import Decimal
from random import Random
from types import SimpleNamespace

import pytest

from bot.core.memory import LegState, changed
from bot.core.model import snapshot
from bot.rehearsal.evidence import FINISHED, Evidence, Violated
from bot.rehearsal.invariants import CHECKS, i7_at_rest_positions_agree
from bot.rehearsal.loop import BEGAN_MS
from bot.rehearsal.venue import OWN, PICO, Book, Venue

TRADED_MS = 100_000
BTC = "BTC/USD:BTC"
AT_REST = [i7_at_rest_positions_agree]


def case_of(contracts: int, owed: int) -> Evidence:
    """Short by 958 contracts, and by 6 more since an order traded that is on record as filled."""
    source = Random(1)
    book = Book(BTC, size=100, tick_cents=10, cents=43_000_00, wallet_pico=5 * PICO, swing_ppm=100, source=source, began_ms=BEGAN_MS)
    case = Evidence(Venue([book], source), "main", "r0", {**CHECKS, FINISHED: AT_REST}, keep_lines=False)
    book.trade("first", OWN, True, 958, book.cents)
    book.now_ms = TRADED_MS
    book.trade("second", OWN, True, 6, book.cents)
    leg = LegState("BTC", BTC, contracts=contracts, owed=owed, owed_id="second" if owed else "")
    case.state = changed(case.state, legs=(leg,))
    return case


def looked(at_ms: int) -> SimpleNamespace:
    seen = snapshot(now_ms=BEGAN_MS + at_ms, mono_ms=at_ms, views=(), bag=(("BTC", Decimal(5)),), documents=(), kill_file=False)
    return SimpleNamespace(seen=seen)


def test_what_an_order_filled_since_the_last_look_is_owed_and_accuses_nobody():
    case_of(-958, -6).judge(FINISHED, looked(TRADED_MS - 1))


@pytest.mark.parametrize(
    ("contracts", "owed", "looked_ms"),
    [
        (-958, -6, TRADED_MS + 1),  # a look could have read the fill
        (-958, -5, TRADED_MS - 1),
        (-958, 0, TRADED_MS - 1),
        (-964, -6, TRADED_MS - 1),  # and once more
        (-959, -6, TRADED_MS - 1),
    ],
)
def test_a_position_that_is_neither_on_record_nor_just_owed_is_found_at_the_end(contracts, owed, looked_ms):
    with pytest.raises(Violated, match="holds -964 contracts"):
        case_of(contracts, owed).judge(FINISHED, looked(looked_ms))
