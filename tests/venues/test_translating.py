"""Does each venue's spelling of one position become the same nouns, and a wrong answer no number at all?"""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.exchanges.ccxt_translate import Malformed, Misfit, fit, largest, moment, money, signed, stamp
from bot.core.model import OrderStatus
from bot.core.planner import is_tagged
from tests.venues.markets import BASE, MARGIN, MARKETS, NOW, POSITION, D, listed, venue

NAMES = sorted(MARKETS)
USD_PER_COUNT = {"bybit": 1, "binancecoinm": 100, "okx": 10, "deribit": 10, "krakenfutures": 1}


@pytest.mark.parametrize("name", NAMES)
def test_one_count_is_worth_the_smallest_step_that_trades(name: str) -> None:
    assert listed(name).instrument.contract_size == USD_PER_COUNT[name]


@pytest.mark.parametrize(
    ("said", "counts"),
    [("100", 1000), (100, 1000), ("0.15", 1), ("0.1", 1), ("0.09", None), ("0", None), ("-5", None), ("many", None), (None, None)],
)
def test_the_largest_order_is_told_in_counts_and_nonsense_limits_nothing(said: object, counts: int | None) -> None:
    assert largest({"limits": {"amount": {"min": 1, "max": said}}}, D("0.1")) == counts


@pytest.mark.parametrize("name", NAMES)
def test_a_short_of_60000_usd_is_the_same_in_every_spelling(name: str) -> None:
    contract = listed(name)
    position = venue(name).read_position(contract, POSITION[name], NOW)
    assert position.contracts * contract.instrument.contract_size == -60000
    assert isinstance(position.contracts, int)
    assert position.entry_price == 60000


@pytest.mark.parametrize("name", NAMES)
def test_equity_holds_the_unrealised_profit_and_the_wallet_does_not(name: str) -> None:
    margin = venue(name).read_margin(listed(name), MARGIN[name], NOW)
    assert (margin.currency, margin.wallet, margin.equity) == ("BTC", D("1"), D("1.2"))


def test_what_deribit_settled_of_an_open_position_stays_out_of_the_wallet() -> None:
    """After the settlement at 08:00 UTC the balance holds the profit; nothing was deposited."""
    before = MARGIN["deribit"]
    summary, positions = copy.deepcopy(before)
    summary["result"] |= {"balance": "1.2", "session_upl": "0.0"}
    positions["result"][0]["floating_profit_loss"] = "0.0"
    sheet, contract = venue("deribit"), listed("deribit")
    assert sheet.read_margin(contract, (summary, positions), NOW) == sheet.read_margin(contract, before, NOW)


@pytest.mark.parametrize(
    ("amount", "word", "counts"), [(600, "short", -600), (-600, "both", -600), (600, "long", 600), (-600, "zero", -600)]
)
def test_the_sign_comes_from_the_side_or_else_from_the_amount(amount: int, word: str, counts: int) -> None:
    assert signed(amount, word) == counts


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"settle": "BTC", "base": "ETH"}, "settled in BTC"),
        ({"swap": False, "future": True}, "no perpetual"),
        ({"symbol": "BTC/USD:BTC-301231"}, "no perpetual"),
        ({"active": False}, "not traded"),
        ({"inverse": False, "linear": True, "settle": "USD"}, "settled in USD"),
    ],
)
def test_a_market_that_cannot_hedge_is_refused_with_its_reason(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Misfit, match=why):
        fit(BASE | change)


HEDGED = {
    "bybit": ("positionIdx", 1, "hedge mode"),
    "okx": ("posSide", "short", "hedge mode"),
    "binancecoinm": ("positionSide", "SHORT", "hedge mode"),
}


@pytest.mark.parametrize("name", sorted(HEDGED))
def test_a_position_of_hedge_mode_is_unknown_not_half_of_the_truth(name: str) -> None:
    field, value, why = HEDGED[name]
    answers = copy.deepcopy(POSITION[name])
    rows = answers[0] if name == "binancecoinm" else answers[0]["data"] if name == "okx" else answers[0]["result"]["list"]
    rows[0][field] = value
    with pytest.raises(Malformed, match=why):
        venue(name).read_position(listed(name), answers, NOW)


STOPS: dict[str, Any] = {  # somebody's stop on the whole position, as each venue lists it among the open orders
    "bybit": {
        "result": {"list": [{"orderId": "s1", "orderLinkId": "", "symbol": "BTCUSD", "price": "0", "qty": "0", "side": "Buy",
                             "orderStatus": "Untriggered", "rejectReason": "EC_NoError", "cumExecQty": "0", "timeInForce": "IOC",
                             "orderType": "Market", "stopOrderType": "StopLoss", "triggerPrice": "70000", "reduceOnly": True,
                             "closeOnTrigger": True, "createdTime": str(NOW)}]}
    },
    "binancecoinm": [{"orderId": 1, "symbol": "BTCUSD_PERP", "status": "NEW", "clientOrderId": "web_1", "price": "0", "origQty": "0",
                      "executedQty": "0", "timeInForce": "GTE_GTC", "type": "STOP_MARKET", "closePosition": True, "reduceOnly": True,
                      "side": "BUY", "positionSide": "BOTH", "stopPrice": "70000", "time": NOW}],
    "deribit": {"result": [{"order_id": "SLTB-1", "label": "", "instrument_name": "BTC-PERPETUAL", "order_state": "untriggered",
                            "order_type": "stop_market", "price": "market_price", "amount": 10.0, "filled_amount": 0.0, "direction": "buy",
                            "trigger_price": 70000.0, "reduce_only": True, "post_only": False, "creation_timestamp": NOW}]},
    "krakenfutures": {"openOrders": [{"order_id": "1", "symbol": "PI_XBTUSD", "side": "buy", "orderType": "stop", "stopPrice": 70000,
                                      "unfilledSize": 10, "filledSize": 0, "status": "untouched", "reduceOnly": True,
                                      "receivedTime": "2023-11-14T22:13:20.000Z"}]},
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(STOPS))
def test_a_stop_that_somebody_set_is_an_open_order_of_somebody_else_and_blinds_nobody(name: str) -> None:
    (shown,) = venue(name).read_open_orders(listed(name), STOPS[name]).items
    assert (shown.status, shown.filled, shown.post_only) == (OrderStatus.OPEN, 0, False)
    assert not is_tagged(shown.client_id)


def test_a_stop_of_deribit_that_has_struck_is_open_no_more_and_blinds_nobody() -> None:
    struck = {"result": [STOPS["deribit"]["result"][0] | {"order_state": "triggered"}]}
    assert venue("deribit").read_open_orders(listed("deribit"), struck).items == ()


EMPTY: list[Any] = [None, {}, [], "null", "<html>", {"result": {}}, {"code": "50001", "data": []}, {"openPositions": None}]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", EMPTY)
def test_an_answer_that_says_nothing_is_never_flat_and_never_a_balance(name: str, answer: Any) -> None:
    for read, size in ((venue(name).read_position, len(POSITION[name])), (venue(name).read_margin, len(MARGIN[name]))):
        with pytest.raises(Malformed):
            read(listed(name), (answer,) * size, NOW)


WRONG = st.one_of(
    st.none(), st.booleans(), st.sampled_from(["", "NaN", "Infinity", "-Infinity", "1e999999", "0x10", "null", "1,5", " "]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), st.just(float("nan")),
)  # fmt: skip
SIZES = {"bybit": "size", "binancecoinm": "positionAmt", "deribit": "size", "krakenfutures": "size"}


@pytest.mark.parametrize("name", sorted(SIZES))
@given(wrong=WRONG)
def test_a_size_that_is_no_number_is_no_position(name: str, wrong: Any) -> None:
    answers = copy.deepcopy(POSITION[name])
    rows = answers[0] if name == "binancecoinm" else answers[0]["openPositions"] if name == "krakenfutures" else answers[0]["result"]
    (rows["list"] if name == "bybit" else rows)[0][SIZES[name]] = wrong
    with pytest.raises(Malformed):
        venue(name).read_position(listed(name), answers, NOW)


@given(st.integers(min_value=-(10**9), max_value=10**9).filter(lambda amount: amount % 10))
def test_a_size_between_two_steps_is_no_position(amount: int) -> None:
    with pytest.raises(Malformed, match="multiple"):
        listed("deribit").counts(str(amount))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9))
def test_numbers_come_through_digit_by_digit(number: Any) -> None:
    assert money(str(number)) == number


def test_times_are_read_in_both_spellings() -> None:
    assert stamp(str(NOW)) == stamp(NOW) == moment("2023-11-14T22:13:20.000Z") == NOW
    for wrong in ("", None, "1.5", -1, True, 10**15):
        with pytest.raises(Malformed):
            stamp(wrong)
