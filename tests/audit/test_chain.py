"""The links, and the record of every event there is."""

import re
from dataclasses import fields
from decimal import Decimal
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.audit import codec
from bot.audit.chain import canonical, genesis, head48, is_canonical, link
from bot.core.events import ALL, CommandGiven, DecisionMade, ErrorSeen, FillSeen, FundingSeen
from bot.core.memory import State
from bot.core.model import Fill, FundingPayment, Side
from tests.audit.worlds import decided, in_charge, seen

AMOUNTS = st.decimals(allow_nan=False) | st.sampled_from(
    [Decimal(text) for text in ("0E-8", "1E+3", "-0", "1.10", "Infinity", "0.1", "1000000000000000000000000000001")]
)
TEXTS = st.text() | st.sampled_from(["\x00", '"', "\\", "δ", "\u2028", "\x7f", "\U0001f600", "</script>", ',"kind":"Halted"}'])
COUNTS = st.integers()
st.register_type_strategy(Decimal, AMOUNTS)
st.register_type_strategy(str, TEXTS)
DECISION = decided(in_charge(State(account="main", instance="aa"))[0], seen())


def digits(value: object) -> str:
    """Equal only for values that are written alike: 1.0 is not 1.00 here. A word of an enumeration is its text."""
    return re.sub(r"<\w+\.\w+: ('\w*')>", r"\1", repr(value))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_event_comes_back_from_its_record_to_the_last_digit(kind, data):
    event = data.draw(st.builds(kind) if kind is not DecisionMade else st.just(DECISION))
    record = codec.encode(event)
    assert is_canonical(record)
    assert digits(codec.decode(record)) == digits(event)
    assert codec.kind_of(record) == kind.__name__


@given(rate=AMOUNTS, mark=AMOUNTS, coins=AMOUNTS, text=TEXTS, count=COUNTS)
def test_amounts_keep_their_digits_and_exponent(rate, mark, coins, text, count):
    event = FundingSeen(text, FundingPayment(text, text, rate, mark, coins, count))
    assert digits(codec.decode(codec.encode(event))) == digits(event)


def test_the_record_has_sorted_keys_no_spaces_and_its_kind():
    assert (
        codec.encode(CommandGiven("target-set", "cli", 5, "BTC", Decimal("1E+3"), reason="δ"))
        == '{"event":{"asset":"BTC","at_ms":5,"by":"cli","name":"target-set","ratio":"1E+3","reason":"δ","until_ms":null},'
        '"kind":"CommandGiven"}'
    )


def test_text_that_utf8_cannot_hold_is_recorded_with_question_marks():
    event = ErrorSeen("read", "file \udc80\ud83d", 1)
    assert codec.decode(codec.encode(event)) == ErrorSeen("read", "file ??", 1)


def test_a_field_of_the_wrong_type_is_refused_before_anything_is_written():
    with pytest.raises(TypeError, match="CommandGiven"):
        codec.encode(CommandGiven("target-set", "cli", 5, "BTC", 1))  # a ratio is a Decimal


@pytest.mark.parametrize(
    ("record", "names"),
    [
        ('{"event":{"at_ms":1},"kind":"Nothing"}', "Nothing"),
        ("{}", "no event"),
        ('{"event":{"at_ms":"1","error":"","where":""},"kind":"ErrorSeen"}', "at_ms"),
        ('{"event":{"at_ms":1,"where":""},"kind":"ErrorSeen"}', "error"),
    ],
)
def test_a_record_that_is_no_event_says_which_field(record, names):
    with pytest.raises(codec.NotAnEvent, match=names):
        codec.decode(record)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_event_says_when_it_happened(kind):
    if kind in {DecisionMade, FillSeen, FundingSeen}:
        assert codec.at_ms(DECISION) == DECISION.decision.at_ms
    else:
        assert "at_ms" in {field.name for field in fields(kind)}


def test_a_fill_is_dated_by_the_venue():
    fill = Fill("t", "", "s", Side.BUY, 1, Decimal(1), Decimal(0), False, 77)
    assert codec.at_ms(FillSeen("BTC", fill, False, Decimal(1), Decimal(0), 1, None)) == 77


def test_a_link_is_the_hash_of_tag_place_previous_and_record():
    zero = genesis("main", "paper", None, "a7")
    assert zero == sha256(b'hb1{"account":"main","environment":null,"instance":"a7","venue":"paper"}').hexdigest()
    expected = sha256(b"hb1" + b"\0\0\0\0\0\0\1\0" + bytes.fromhex(zero) + "δ".encode()).hexdigest()
    assert link(256, zero, "δ") == expected
    assert re.fullmatch("[0-9a-f]{64}", expected)


def test_another_owner_another_chain():
    owners = [
        ("main", "paper", None, "a7"),
        ("other", "paper", None, "a7"),
        ("main", "deribit", None, "a7"),
        ("main", "paper", "demo", "a7"),
    ]
    assert len({genesis(*owner) for owner in owners}) == 4


def test_every_flipped_bit_of_a_record_changes_the_hash():
    record = codec.encode(ErrorSeen("look", "timeout", 1))
    zero = genesis("main", "paper", None, "a7")
    flipped = {
        link(1, zero, record[:place] + chr(ord(record[place]) ^ 1 << bit) + record[place + 1 :])
        for place in range(len(record))
        for bit in range(7)
    }
    assert len(flipped) == 7 * len(record)
    assert link(1, zero, record) not in flipped


def test_the_first_48_bits_are_exact_in_a_float():
    assert head48("ffffffffffff" + "0" * 52) == 2**48 - 1
    assert int(float(head48("fffffffffffe" + "f" * 52))) == 2**48 - 2


def test_a_binary_fraction_has_no_canonical_form():
    with pytest.raises(ValueError, match="recorded as text"):
        canonical({"a": [1.5]})


@pytest.mark.parametrize("text", ['{"b":1,"a":2}', '{"a": 1}', '{"a":1,"a":1}', '{"a":"\\u0041"}', "{", '{"a":1.0}'])
def test_other_spellings_of_json_are_not_canonical(text):
    assert not is_canonical(text)
