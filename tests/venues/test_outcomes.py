"""Is every answer to a placement read by its venue and code, and everything else in doubt?"""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ccxt_client import Failed
from adapters.exchanges.ccxt_open import VENUES
from adapters.exchanges.outcomes import WORDS, Verdict, classify
from bot.ports import NotSent


def body(venue: str, code: str) -> Any:
    """How each venue wraps a code."""
    return {
        "bybit": {"retCode": code, "retMsg": "words"},
        "okx": {"code": "1", "data": [{"sCode": code, "sMsg": "words"}], "msg": ""},
        "deribit": {"error": {"code": code, "message": "words"}},
        "krakenfutures": {"result": "error", "error": code},
        "binancecoinm": {"code": code, "msg": "words"},
        "binance": {"code": code, "msg": "words"},
        "bingx": {"code": code, "msg": "words"},
        "mexc": {"success": False, "code": code, "message": "words"},
        "weex": {"code": code, "msg": "words"},
    }[venue]


def verdict(venue: str, answer: Any, status: int | None = 200) -> tuple[Verdict, str]:
    outcome = classify(VENUES[venue].codes, Failed("words", status=status, body=answer))
    return outcome.verdict, outcome.code


@pytest.mark.parametrize(
    ("venue", "code"),
    [
        ("bybit", "10000"), ("bybit", "10016"), ("deribit", "13888"), ("deribit", "13028"), ("krakenfutures", "Server Error"),
        ("okx", "50004"), ("okx", "51149"), ("okx", "51603"), ("bybit", "110001"), ("deribit", "10004"), ("binancecoinm", "-2013"),
    ],
)  # fmt: skip
def test_an_error_that_may_hide_an_order_is_unknown(venue: str, code: str) -> None:
    assert verdict(venue, body(venue, code))[0] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("venue", "code"), [("bybit", "110072"), ("okx", "51016"), ("binancecoinm", "-4116"), ("krakenfutures", "clientOrderIdAlreadyExist")]
)
def test_a_duplicate_id_proves_that_the_order_exists(venue: str, code: str) -> None:
    assert verdict(venue, body(venue, code))[0] is Verdict.EXISTS


@pytest.mark.parametrize(
    ("venue", "code", "word"),
    [
        ("binancecoinm", "-2019", "margin"), ("bybit", "110007", "margin"), ("okx", "51008", "margin"), ("deribit", "10009", "margin"),
        ("binancecoinm", "-1111", "precision"), ("binancecoinm", "-4003", "contracts"), ("okx", "51121", "precision"),
        ("bybit", "10003", "auth"), ("bybit", "10004", "auth"), ("bybit", "10005", "auth"), ("binancecoinm", "-2015", "auth"),
        ("okx", "50105", "auth"), ("binancecoinm", "-1021", "clock"), ("bybit", "10002", "clock"), ("okx", "50102", "clock"),
        ("okx", "51006", "price-limit"), ("binancecoinm", "-2022", "reduce-only"), ("bybit", "110017", "reduce-only"),
        ("binancecoinm", "-5022", "post-only"), ("deribit", "11054", "post-only"), ("binancecoinm", "-1015", "rate-limit"),
        ("bybit", "10006", "rate-limit"), ("okx", "50011", "rate-limit"), ("binancecoinm", "-1008", "overload"),
    ],
)  # fmt: skip
def test_a_certain_rejection_is_refused_under_our_own_word(venue: str, code: str, word: str) -> None:
    assert verdict(venue, body(venue, code)) == (Verdict.REFUSED, word)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ({"code": -1, "msg": "Service Unavailable."}, Verdict.REFUSED),
        ({"code": -1, "msg": "Unknown error, please check your request or try again later."}, Verdict.UNKNOWN),
        ("<html>503 Service Unavailable</html>", Verdict.UNKNOWN),
    ],
)
def test_only_binances_own_words_make_a_503_a_rejection(words: Any, wanted: Verdict) -> None:
    assert verdict("binancecoinm", words, 503)[0] is wanted


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_a_429_was_not_taken_and_a_418_is_not_on_the_list(venue: str) -> None:
    assert verdict(venue, None, 429) == (Verdict.REFUSED, "rate-limit")
    assert verdict(venue, None, 418)[0] is Verdict.UNKNOWN


@pytest.mark.parametrize("venue", sorted(VENUES))
@pytest.mark.parametrize("status", [None, 200, 307, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("answer", [None, "", "null", {}, [], "<html>", {"retCode": None}, {"error": {}}, {"data": None}])
def test_an_answer_without_a_code_is_unknown(venue: str, status: int | None, answer: Any) -> None:
    assert verdict(venue, answer, status)[0] is Verdict.UNKNOWN


@pytest.mark.parametrize("venue", sorted(VENUES))
@given(code=st.text(max_size=12))
def test_a_code_nobody_listed_is_unknown(venue: str, code: str) -> None:
    codes = VENUES[venue].codes
    if code not in codes.refused and code not in codes.exists:
        assert verdict(venue, body(venue, code))[0] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (NotSent("refused"), Verdict.NOT_SENT),
        (Failed("no key", signed=False), Verdict.NOT_SENT),
        (Failed("timeout"), Verdict.UNKNOWN),
        (asyncio.CancelledError(), Verdict.UNKNOWN),
        (RuntimeError("a bug"), Verdict.UNKNOWN),
    ],
)
def test_what_ended_without_an_answer(error: BaseException, wanted: Verdict) -> None:
    assert classify(VENUES["bybit"].codes, error).verdict is wanted


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_every_refusal_has_one_of_our_words(venue: str) -> None:
    assert set(VENUES[venue].codes.refused.values()) <= set(WORDS)
    assert not set(VENUES[venue].codes.refused) & VENUES[venue].codes.exists
