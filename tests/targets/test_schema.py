"""What a target document may say, digit for digit, and that nothing else passes for one."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.targets.schema import Spoilt, targets_from
from bot.core.model import Target, TargetSource

DAY_MS = 86_400_000


def read(text: str | bytes, allow_over_hedge: bool = False) -> tuple[Target, ...]:
    body = text if isinstance(text, bytes) else text.encode()
    return targets_from(body, assets={"BTC", "ETH"}, allow_over_hedge=allow_over_hedge)


def document(targets: str) -> str:
    return f'{{"version": 1, "targets": {{{targets}}}}}'


def test_a_document_gives_targets_in_order_of_asset() -> None:
    text = document('"ETH": {"ratio": "0.5", "until": "1970-01-02"}, "BTC": 0.8')
    assert read(text) == (
        Target("BTC", Decimal("0.8"), TargetSource.DOCUMENT),
        Target("ETH", Decimal("0.5"), TargetSource.DOCUMENT, 2 * DAY_MS),
    )


def test_a_document_without_targets_has_none() -> None:
    assert read(document("")) == ()


@given(st.integers(0, 10**12))
def test_a_ratio_survives_from_json_to_decimal_exactly(digits: int) -> None:
    text = f"{digits // 10**12}.{digits % 10**12:012d}"
    assert read(document(f'"BTC": {text}'))[0].ratio.as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    ("until", "until_ms"),
    [
        ("1970-01-01", DAY_MS),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T02:00:00+01:00", 3_600_000),
        ("2026-12-31", 1798761600000),
    ],
)
def test_an_end_is_a_day_or_a_moment(until: str, until_ms: int) -> None:
    assert read(document(f'"BTC": {{"ratio": 1, "until": "{until}"}}'))[0].until_ms == until_ms


@pytest.mark.parametrize("ratio", ["0", "1", '"1.0"', "0.0", "1e-3"])
def test_a_ratio_from_0_to_1_is_taken(ratio: str) -> None:
    assert read(document(f'"BTC": {ratio}'))[0].ratio == Decimal(ratio.strip('"'))


def test_over_hedging_needs_permission() -> None:
    assert read(document('"BTC": 2'), allow_over_hedge=True)[0].ratio == 2
    with pytest.raises(Spoilt, match=r"targets\.BTC\.ratio: '2' is outside 0\.\.1"):
        read(document('"BTC": 2'))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not JSON"),
        ("<!DOCTYPE html><html>", "is HTML or XML, not JSON"),
        ("\n <html>", "is HTML or XML, not JSON"),
        ("{", "is not JSON"),
        ("[]", "the document: "),
        ("null", "the document: "),
        ("5", "the document: "),
        ('{"targets": {}}', "version: Field required"),
        ('{"version": 2, "targets": {}}', "version: Input should be '1'"),
        ('{"version": 1.0, "targets": {}}', "version"),
        ('{"version": true, "targets": {}}', "version"),
        ('{"version": 1}', "targets: Field required"),
        ('{"version": 1, "targets": []}', "targets"),
        ('{"version": 1, "targets": {}, "sent": 1}', "sent: Extra inputs"),
        (document('"BTC": 1.000000000001'), "outside 0..1"),
        (document('"BTC": -0.1'), "outside 0..1"),
        (document('"BTC": 85'), "for 85 percent write 0.85"),
        (document('"BTC": NaN'), "NaN is not a number"),
        (document('"BTC": "NaN"'), "not a finite number"),
        (document('"BTC": Infinity'), "Infinity is not a number"),
        (document('"BTC": "half"'), "is not a number"),
        (document('"BTC": null'), "targets.BTC"),
        (document('"BTC": true'), "targets.BTC"),
        (document('"BTC": [1]'), "targets.BTC"),
        (document('"BTC": {"until": "2026-12-31"}'), "targets.BTC.ratio: Field required"),
        (document('"BTC": {"ratio": null}'), "targets.BTC.ratio"),
        (document('"BTC": {"ratio": 1, "until": 5}'), "is not a date"),
        (document('"BTC": {"ratio": 1, "until": "soon"}'), "is not a date"),
        (document('"BTC": {"ratio": 1, "until": "2026-02-30"}'), "is not a date"),
        (document('"BTC": {"ratio": 1, "until": "9999-12-31"}'), "is not a date"),
        (document('"BTC": {"ratio": 1, "until": "2026-12-31T18:00"}'), "names no zone"),
        (document('"BTC": {"ratio": 1, "from": 1}'), "targets.BTC.from: Extra inputs"),
        (document('"DOGE": 1'), "targets.'DOGE': is not hedged here; the assets are BTC, ETH"),
        (document('"btc": 1'), "is not hedged here"),
        (document('"BTC": 1, "BTC": 0'), "names a key twice"),
        (document('"BTC": 1e-999999999'), "decimals"),
        (document('"BTC": ' + "9" * 5000), "is not a sensible number"),
        ("[" * 60000, "is nested too deeply"),
    ],
)
def test_what_is_no_target_document_is_spoilt(text: str, says: str) -> None:
    with pytest.raises(Spoilt) as caught:
        read(text)
    assert says in str(caught.value)


def test_what_is_not_utf8_is_spoilt() -> None:
    with pytest.raises(Spoilt, match="is not UTF-8"):
        read(b"\xff\xfe{}")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["BTC", "0.5", "2026-12-31", "1e400"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["version", "targets", "BTC", "ratio", "until"]), inner),
    max_leaves=8,
)


@given(
    st.binary(max_size=100)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | JSON.map(json.dumps).map(str.encode)
)
def test_a_hostile_document_is_nothing_worse_than_spoilt(body: bytes) -> None:
    try:
        targets = read(body)
    except Spoilt:
        return
    assert all(0 <= target.ratio <= 1 for target in targets)
