"""Own trades on record against those of the venue: complete, not only untampered."""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.audit.completeness import Completeness, compare, with_trades
from bot.audit.rows import FillRow
from bot.audit.verify import Verdict, verify
from bot.core.model import Fill, Side
from tests.audit.worlds import NOW, SYMBOL

LOOKED = NOW + 120_000


def fill(trade_id: str, at_ms: int = NOW) -> Fill:
    return Fill(trade_id, "hbaa001x", SYMBOL, Side.SELL, 500, Decimal("60000.50"), Decimal("0.00001"), True, at_ms)


def row(trade_id: str, at_ms: int = NOW, seq: int = 7) -> FillRow:
    one = fill(trade_id)
    amounts = {"notional_usd": Decimal(50000), "fee_coins": one.fee_coins, "realised": Decimal(0)}
    return FillRow(
        SYMBOL,
        trade_id,
        seq,
        "BTC",
        one.client_id,
        one.side,
        500,
        one.price,
        **amounts,
        maker=True,
        ours=True,
        liquidation=False,
        at_ms=at_ms,
    )


def judged(recorded, known) -> Completeness:
    return compare(recorded, {SYMBOL: known}, looked_ms=LOOKED)


def test_the_same_trades_on_both_sides_are_good():
    assert judged([row("1"), row("2")], [fill("2"), fill("1")]) == Completeness(
        Verdict.GOOD, "2 own trades, the same at the venue and on record"
    )
    assert judged([], []).verdict is Verdict.GOOD


@pytest.mark.parametrize(("age_ms", "verdict"), [(60_000, Verdict.BROKEN), (59_999, Verdict.UNCLEAR)])
def test_a_trade_that_the_record_lacks_is_a_gap_once_it_had_time_to_be_told(age_ms, verdict):
    found = judged([row("1")], [fill("1"), fill("2", LOOKED - age_ms)])
    assert found.verdict is verdict
    assert "2" in found.what


@pytest.mark.parametrize(
    "change",
    [{"contracts": 501}, {"price": Decimal("60000.51")}, {"side": Side.BUY}, {"client_id": "hbaa001y"}],
    ids=lambda change: next(iter(change)),
)
def test_a_trade_that_is_told_otherwise_is_found_with_its_entry(change):
    found = judged([row("1")], [replace(fill("1"), **change)])
    assert (found.verdict, found.bad_seq) == (Verdict.BROKEN, 7)


@pytest.mark.parametrize(("at_ms", "verdict"), [(NOW + 1, Verdict.BROKEN), (NOW, Verdict.UNCLEAR), (NOW - 1, Verdict.UNCLEAR)])
def test_an_invented_trade_shows_unless_the_venue_has_forgotten_that_time(at_ms, verdict):
    assert judged([row("1"), row("2", at_ms)], [fill("1")]).verdict is verdict


def test_one_verdict_of_chain_and_trades_is_the_worse_of_both(store):
    good = verify(store)
    assert with_trades(good, judged([], [])).verdict is Verdict.GOOD
    worse = with_trades(good, judged([row("1")], [fill("1"), fill("2")]))
    assert (worse.verdict, worse.exit_code) == (Verdict.BROKEN, 1)
    assert good.what in worse.notes
    assert with_trades(replace(good, verdict=Verdict.BROKEN), judged([row("1")], [])).verdict is Verdict.BROKEN
