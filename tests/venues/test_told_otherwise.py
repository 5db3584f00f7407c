"""Do the words of a tested venue that a short life never brings up mean what its documentation says?

Answers of its local server, with single words changed.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from adapters.exchanges.ccxt_open import VENUES
from adapters.exchanges.ccxt_translate import Malformed
from adapters.exchanges.venues.okx import rate_for_8_hours
from bot.core.model import FundingPayment, OrderStatus, Side
from tests.contract.ccxt_driver import ENVIRONMENT
from tests.contract.driver import D
from tests.venues.markets import BASE, MARGIN, MARKETS, NOW, POSITION, listed, venue
from tests.venues.test_malformed_answers import examples

TESTED = sorted(ENVIRONMENT)
TRADES = "hb00001trades"


def bent(value: Any, change: Callable[[str, Any], Any]) -> Any:
    """The same answer, each of its named values as `change` makes it."""
    if isinstance(value, dict):
        return {name: bent(change(name, one), change) for name, one in value.items()}
    return type(value)(bent(one, change) for one in value) if isinstance(value, (list, tuple)) else value


def with_words(value: Any, **words: Any) -> Any:
    return bent(copy.deepcopy(value), words.get)


def told(name: str, reader: str, holds: str = "", **words: Any) -> Any:
    """What the sheet makes of the first such answer that holds the text, with these words instead of its own."""
    arguments, index = next((a, i) for r, a, i in examples(name) if r == reader and holds in str(a[i]))
    return getattr(VENUES[name], reader)(*arguments[:index], with_words(arguments[index], **words), *arguments[index + 1 :])


# ------------------------------------------------------------------------------------------------------------------ orders

POST_ONLY_TOOK: dict[str, Any] = {"orderStatus": "Cancelled", "rejectReason": "EC_PostOnlyWillTakeLiquidity"}
ENDS = [
    ("bybit", {"orderStatus": "PartiallyFilledCanceled", "cumExecQty": "300"}, OrderStatus.CANCELLED, 3),
    ("bybit", {"orderStatus": "Deactivated", "cumExecQty": "0"}, OrderStatus.CANCELLED, 0),
    ("bybit", {"orderStatus": "Rejected", "cumExecQty": "0"}, OrderStatus.REJECTED, 0),
    ("bybit", {**POST_ONLY_TOOK, "cumExecQty": "0"}, OrderStatus.REJECTED, 0),
    ("bybit", {**POST_ONLY_TOOK, "cumExecQty": "300"}, OrderStatus.CANCELLED, 3),
    ("okx", {"state": "mmp_canceled", "accFillSz": "3"}, OrderStatus.CANCELLED, 3),
    ("okx", {"state": "canceled", "cancelSource": "31", "accFillSz": "0"}, OrderStatus.REJECTED, 0),
    ("okx", {"state": "canceled", "cancelSource": "31", "accFillSz": "3"}, OrderStatus.CANCELLED, 3),
    ("okx", {"state": "canceled", "cancelSource": "32", "accFillSz": "0"}, OrderStatus.CANCELLED, 0),
    ("deribit", {"order_state": "open", "filled_amount": 300}, OrderStatus.PARTIAL, 3),
    ("deribit", {"order_state": "untriggered", "filled_amount": 0}, OrderStatus.OPEN, 0),
    ("deribit", {"order_state": "rejected", "filled_amount": 0}, OrderStatus.REJECTED, 0),
    ("krakenfutures", {"status": "REJECTED", "filled": 0}, OrderStatus.REJECTED, 0),
    ("krakenfutures", {"status": "ENTERED_BOOK", "filled": 3}, OrderStatus.PARTIAL, 3),
    ("krakenfutures", {"status": "ENTERED_BOOK", "filled": 10}, OrderStatus.FILLED, 10),
    ("binancecoinm", {"status": "EXPIRED", "executedQty": "3"}, OrderStatus.EXPIRED, 3),
    ("binancecoinm", {"status": "EXPIRED_IN_MATCH", "executedQty": "3"}, OrderStatus.EXPIRED, 3),
    ("binancecoinm", {"status": "REJECTED", "executedQty": "0"}, OrderStatus.REJECTED, 0),
]


@pytest.mark.parametrize(("name", "words", "status", "filled"), ENDS)
def test_what_became_of_an_order_is_told_in_every_word_of_the_venue(
    name: str, words: dict[str, Any], status: OrderStatus, filled: int
) -> None:
    order = told(name, "read_found", TRADES, **words)
    assert (order.status, order.filled) == (status, filled)


@pytest.mark.parametrize("name", TESTED)
def test_an_order_in_a_state_that_nobody_knows_is_no_order_of_any_kind(name: str) -> None:
    word = {"bybit": "orderStatus", "okx": "state", "deribit": "order_state"}.get(name, "status")
    with pytest.raises(Malformed):
        told(name, "read_found", TRADES, **{word: "Conditional"})


@pytest.mark.parametrize("name", TESTED)
def test_an_order_of_another_id_is_never_the_one_that_was_looked_for(name: str) -> None:
    arguments, index = next((a, i) for r, a, i in examples(name) if r == "read_found" and TRADES in str(a[i]))
    assert VENUES[name].read_found(*arguments).client_id == TRADES  # type: ignore[union-attr]
    try:
        found = VENUES[name].read_found(arguments[0], "hb00001another", arguments[index])
    except Malformed:
        found = None
    assert found is None


@pytest.mark.parametrize("name", [name for name in TESTED if name != "krakenfutures"])
def test_an_answer_about_another_order_says_nothing_of_the_one_that_was_placed(name: str) -> None:
    """Kraken's tells no more than the venue's id, and then the order is looked up by ours."""
    word = {"bybit": "orderLinkId", "okx": "clOrdId", "deribit": "label", "binancecoinm": "clientOrderId"}[name]
    with pytest.raises(Malformed, match="another order"):
        told(name, "read_placed", **{word: "hb00001another"})


def test_of_several_orders_with_one_label_the_working_one_counts_and_else_the_newest() -> None:
    contract, _, body = next(a for r, a, _ in examples("deribit") if r == "read_found" and TRADES in str(a))
    row = body["result"][0]

    def shown(*rows: tuple[str, str, int]) -> str:
        made = [row | {"order_id": venue_id, "order_state": state, "creation_timestamp": at} for venue_id, state, at in rows]
        found = venue("deribit").read_found(contract, TRADES, {"result": made})
        assert found is not None
        return found.venue_id

    assert shown(("1", "cancelled", NOW), ("2", "open", NOW - 1), ("3", "filled", NOW + 1)) == "2"
    assert shown(("1", "cancelled", NOW), ("3", "filled", NOW + 1), ("2", "cancelled", NOW - 1)) == "3"


ABOUT_ONE = ("read_quote", "read_depth", "read_position", "read_open_orders", "read_found", "read_fills", "read_payments")
NAMELESS = {("okx", "read_depth"), ("krakenfutures", "read_depth")}  # the answer does not say which contract's book it is


@pytest.mark.parametrize("reader", ABOUT_ONE)
@pytest.mark.parametrize("name", TESTED)
def test_what_is_told_of_another_contract_is_never_taken_for_ours(name: str, reader: str) -> None:
    """Nothing, or Malformed; and no row of a contract is no position."""
    asked = [(arguments, index) for read, arguments, index in examples(name) if read == reader]
    assert asked or reader == "read_depth"
    for arguments, index in asked:
        ours = arguments[0].market_id.lower()

        def another(_: str, value: Any, ours: str = ours) -> Any:
            return "ANOTHER" if isinstance(value, str) and value.lower() == ours else value

        try:
            found = getattr(VENUES[name], reader)(*arguments[:index], bent(arguments[index], another), *arguments[index + 1 :])
        except Malformed:
            continue
        if reader == "read_position":
            assert found.contracts == 0
        elif (name, reader) not in NAMELESS:
            assert getattr(found, "items", found) in ((), None)


BOOKS: dict[str, Any] = {
    "bybit": {"result": {"s": "BTCUSD", "ts": NOW, "b": [["1", "1"]], "a": [["2", "1"]]}},
    "deribit": {"result": {"instrument_name": "BTC-PERPETUAL", "timestamp": NOW, "bids": [[1, 10]], "asks": [[2, 10]]}},
    "binancecoinm": {"symbol": "BTCUSD_PERP", "E": NOW, "bids": [["1", "1"]], "asks": [["2", "1"]]},
}


@pytest.mark.parametrize("name", sorted(BOOKS))
def test_a_book_of_another_contract_is_no_book(name: str) -> None:
    read = venue(name).read_depth
    assert read is not None
    assert read(listed(name), BOOKS[name], 5, NOW).bids == ((1, 1),)
    with pytest.raises(Malformed, match="another contract"):
        read(listed(name), with_words(BOOKS[name], s="ETHUSD", instrument_name="ETH-PERPETUAL", symbol="ETHUSD_PERP"), 5, NOW)


def test_an_ended_order_that_bybit_still_lists_is_not_open() -> None:
    assert told("bybit", "read_open_orders", "hb00001rests").items[0].status is OrderStatus.OPEN
    assert told("bybit", "read_open_orders", "hb00001rests", orderStatus="Cancelled").items == ()


# ------------------------------------------------------------------------------------------------------------------ trades and payments

SINCE, UNTIL = 1_000_000_000, 2_000_000_000
BEGINS: dict[str, str] = {"bybit": "startTime", "okx": "begin", "deribit": "start_timestamp", "binancecoinm": "startTime"}


@pytest.mark.parametrize("name", sorted(BEGINS))
def test_a_history_is_asked_for_from_its_cursor_on_that_moment_included(name: str) -> None:
    """Or from the full hour before it. Kraken's begins with what is newest, and ends where the cursor is reached."""
    payments = venue(name).payments(listed(name), SINCE, UNTIL, None)
    for asked in (venue(name).fills(listed(name), SINCE, UNTIL, None), *payments):
        begins = int(asked.as_dict[BEGINS[name]])
        assert begins == SINCE or (asked in payments and SINCE - 3_600_000 < begins < SINCE), asked.method
        ends = [int(value) for word, value in asked.as_dict.items() if word in {"endTime", "end", "end_timestamp"}]
        assert all(end >= min(UNTIL, SINCE + (venue(name).span_ms or UNTIL)) for end in ends)  # the next one begins there
        assert all(end - begins <= 7 * 86_400_000 - 60_000 for end in ends if venue(name).span_ms)


def test_deribit_is_asked_for_old_trades_too_and_up_to_beyond_a_clock_that_is_behind() -> None:
    asked = venue("deribit").fills(listed("deribit"), SINCE, UNTIL, None).as_dict
    assert (asked["include_old"], asked["sorting"]) == ("true", "asc")
    assert asked["end_timestamp"] >= UNTIL + 60_000


@pytest.mark.parametrize("name", TESTED)
def test_a_trade_without_a_name_cannot_be_counted_once_and_is_not_counted(name: str) -> None:
    word = {"bybit": "execId", "okx": "tradeId", "deribit": "trade_id", "krakenfutures": "fill_id", "binancecoinm": "id"}[name]
    for nothing in ("", None):
        with pytest.raises(Malformed):
            told(name, "read_fills", **{word: nothing})


FORCED = [
    *(("bybit", {"execType": word}) for word in ("AdlTrade", "BustTrade")),
    *(("okx", {"subType": str(word)}) for word in (*range(100, 108), *range(125, 129))),
    *(("deribit", {"order_type": word}) for word in ("liquidation",)),
    *(("krakenfutures", {"fillType": word}) for word in ("liquidation", "assignor", "assignee", "unwindBankrupt", "unwindCounterparty")),
]


@pytest.mark.parametrize(("name", "words"), FORCED)
def test_a_trade_that_the_venue_forced_is_told_as_a_liquidation(name: str, words: dict[str, Any]) -> None:
    assert [fill.liquidation for fill in told(name, "read_fills", TRADES).items] == [False]
    assert {fill.liquidation for fill in told(name, "read_fills", TRADES, **words).items} == {True}


@pytest.mark.parametrize("side", ["M", "T", "MT"])
def test_deribit_says_in_a_word_of_its_own_whose_trade_was_a_liquidation(side: str) -> None:
    contract, body = next(a for r, a, _ in examples("deribit") if r == "read_fills")
    trades = [trade | {"liquidation": side} for trade in body["result"]["trades"]]
    page = venue("deribit").read_fills(contract, {"result": {"trades": trades, "has_more": False}})
    assert [fill.liquidation for fill in page.items] == [True]


def test_one_list_of_bybit_holds_trades_and_funding_and_each_is_counted_as_what_it_is() -> None:
    contract, body = next(a for r, a, _ in examples("bybit") if r == "read_fills" and "Funding" in str(a))
    assert [fill.client_id for fill in venue("bybit").read_fills(contract, body).items] == [TRADES]
    (payment,) = venue("bybit").read_payments(contract, (body,)).items
    assert payment.coins > 0


@pytest.mark.parametrize(("fee", "rate"), [("0.01", "0.0001"), ("0.01", "-0.0001"), ("-0.01", "0.0001"), ("-0.01", "-0.0001")])
def test_bybit_books_what_a_short_paid_as_a_fee_whatever_the_sign_of_its_rate(fee: str, rate: str) -> None:
    (paid,) = told("bybit", "read_payments", execFee=fee, feeRate=rate).items
    assert isinstance(paid, FundingPayment)
    assert (paid.coins, paid.rate) == (-D(fee), D("0.0001").copy_sign(-D(fee)))


def test_okx_tells_funding_of_a_position_in_either_of_two_fields() -> None:
    (paid,) = told("okx", "read_payments", balChg="", posBalChg="-0.02").items
    assert paid.coins == D("-0.02")
    assert told("okx", "read_payments", type="2").items == ()


def test_a_payment_of_binance_far_from_every_rate_has_none() -> None:
    (near,) = told("binancecoinm", "read_payments").items
    (far,) = told("binancecoinm", "read_payments", fundingTime=1).items
    assert (near.rate, far.rate, far.mark, far.coins) == (D("0.0001"), 0, 0, near.coins)
    assert told("binancecoinm", "read_payments", incomeType="COMMISSION").items == ()


def test_what_kraken_logs_beside_funding_is_no_payment() -> None:
    assert told("krakenfutures", "read_payments", info="futures trade").items == ()


def test_what_deribit_logs_beside_settlements_is_no_payment() -> None:
    assert told("deribit", "read_payments", type="trade").items == ()


# ------------------------------------------------------------------------------------------------------------------ account

UNCLEAR = [
    ("bybit", {"side": ""}, "side"),
    ("bybit", {"side": "Short"}, "side"),
    ("okx", {"mgnMode": "isolated"}, "isolated"),
    ("deribit", {"direction": "zero"}, "direction"),
    ("krakenfutures", {"side": "both"}, "side"),
    ("krakenfutures", {"maxFixedLeverage": 5}, "isolated"),
    ("binancecoinm", {"marginType": "isolated"}, "isolated"),
]


@pytest.mark.parametrize(("name", "words", "why"), UNCLEAR)
def test_a_position_that_cannot_be_counted_is_unknown(name: str, words: dict[str, Any], why: str) -> None:
    answers = copy.deepcopy(POSITION[name])
    if "maxFixedLeverage" in words:
        answers[0]["openPositions"][0] |= words
    with pytest.raises(Malformed, match=why):
        venue(name).read_position(listed(name), with_words(answers, **words), NOW)


@pytest.mark.parametrize("name", TESTED)
def test_two_positions_of_one_contract_are_unknown(name: str) -> None:
    answers = copy.deepcopy(POSITION[name])
    where = {"okx": "data", "deribit": "result", "krakenfutures": "openPositions", "bybit": "result"}
    rows = answers[0][where[name]] if name in where else answers[0]
    rows = rows["list"] if name == "bybit" else rows
    rows.append(rows[0])
    with pytest.raises(Malformed, match=r"2 positions|2 instead of one"):
        venue(name).read_position(listed(name), answers, NOW)


def test_the_stamp_of_deribit_is_in_microseconds_and_that_of_kraken_in_words() -> None:
    assert venue("deribit").read_position(listed("deribit"), POSITION["deribit"], NOW + 9_000).at_ms == NOW
    assert venue("krakenfutures").read_position(listed("krakenfutures"), POSITION["krakenfutures"], NOW + 9_000).at_ms == NOW
    assert venue("bybit").read_position(listed("bybit"), POSITION["bybit"], NOW + 9_000).at_ms == NOW


def test_a_funding_rate_of_kraken_is_told_in_coins_for_a_contract_and_read_as_a_share() -> None:
    """0.000000002 BTC an hour for 1 USD, at 60,000 USD a coin: 0.012 per cent."""
    quote = told("krakenfutures", "read_quote", markPrice="60000", fundingRate="0.000000002")
    assert quote.funding_rate == D("0.00012")
    assert told("krakenfutures", "read_quote", fundingRate=None).funding_rate is None


@pytest.mark.parametrize(
    ("hours", "rate"),
    [(8, "0.0003"), (4, "0.0006"), (1, "0.0024"), (0, "0.0003"), (-1, "0.0003"), (24, "0.0003"), (None, "0.0003")],
)
def test_a_funding_rate_of_okx_that_is_paid_more_often_is_told_for_8_hours(hours: int | None, rate: str) -> None:
    times = {} if hours is None else {"fundingTime": str(NOW), "nextFundingTime": str(NOW + hours * 3_600_000)}
    assert rate_for_8_hours({"fundingRate": "0.0003", **times}) == D(rate)
    assert rate_for_8_hours({"fundingRate": "", **times}) is None
    assert rate_for_8_hours({"fundingRate": "0.0003", "fundingTime": str(NOW), "nextFundingTime": "soon"}) is None


def test_a_contract_of_binance_is_worth_what_its_listing_says() -> None:
    contract = VENUES["binancecoinm"].contract(BASE | with_words(MARKETS["binancecoinm"], contractSize=10))
    assert contract.instrument.contract_size == 10


@pytest.mark.parametrize("name", ["bybit", "okx", "binancecoinm"])
def test_the_smallest_order_may_be_more_than_one_step(name: str) -> None:
    contract = VENUES[name].contract(BASE | with_words(MARKETS[name], minOrderQty="4.5", minSz="0.45", minQty="4.5"))
    assert contract.instrument.min_contracts == 5  # never less than the venue takes


def test_a_contract_of_okx_is_worth_its_value_times_its_multiplier() -> None:
    contract = VENUES["okx"].contract(BASE | with_words(MARKETS["okx"], ctMult="10"))
    assert contract.instrument.contract_size == 10 * listed("okx").instrument.contract_size


@pytest.mark.parametrize(("ticker", "mark"), [(0, 9_000), (9_000, 0)])
def test_a_quote_of_okx_is_as_old_as_the_older_of_its_halves(ticker: int, mark: int) -> None:
    contract, bodies, asked = next(a for r, a, _ in examples("okx") if r == "read_quote")
    halves = (with_words(bodies[0], ts=str(NOW - ticker)), with_words(bodies[1], ts=str(NOW - mark)), *bodies[2:])
    assert venue("okx").read_quote(contract, halves, asked).at_ms == NOW - 9_000


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bybit", {"marginMode": "PORTFOLIO_MARGIN"}),
        ("bybit", {"marginMode": "ISOLATED_MARGIN"}),
        ("okx", {"acctLv": "1"}),
        ("binancecoinm", {"isolated": True}),
    ],
)
def test_an_account_that_does_not_share_its_margin_is_not_on_cross_margin(name: str, words: dict[str, Any]) -> None:
    assert told(name, "read_account").cross is True
    assert told(name, "read_account", **words).cross is False


RIGHTS = [
    ("bybit", {"readOnly": 1}, "may_trade", False),
    ("okx", {"perm": "read_only"}, "may_trade", False),
    ("okx", {"perm": "read_only,trade,withdraw"}, "may_withdraw", True),
    ("okx", {"posMode": "long_short_mode"}, "one_way", False),
    ("deribit", {"max_scope": "trade:read wallet:read"}, "may_trade", False),
    ("deribit", {"max_scope": "trade:read_write wallet:read_write"}, "may_withdraw", True),
    ("deribit", {"client_id": "the key of somebody else"}, "may_trade", None),
    ("binancecoinm", {"dualSidePosition": True}, "one_way", False),
]


@pytest.mark.parametrize(("name", "words", "what", "answer"), RIGHTS)
def test_what_a_key_may_and_how_positions_are_held_is_read_from_the_word_for_it(
    name: str, words: dict[str, Any], what: str, answer: bool | None
) -> None:
    usual = {"may_withdraw": False}.get(what, True)
    assert getattr(told(name, "read_account"), what) is usual
    assert getattr(told(name, "read_account", **words), what) is answer


def test_the_rights_of_a_key_of_binance_are_those_of_its_other_host_or_not_told() -> None:
    contract, (dual, account, _), key = next(a for r, a, _ in examples("binancecoinm") if r == "read_account")
    read = venue("binancecoinm").read_account
    silent = read(contract, (dual, account, None), key)
    assert (silent.may_trade, silent.may_withdraw) == (None, None)
    for futures, withdrawals in ((True, False), (False, True)):
        rights = {"enableFutures": futures, "enableWithdrawals": withdrawals}
        shown = read(contract, (dual, account, rights), key)
        assert (shown.may_trade, shown.may_withdraw) == (futures, withdrawals)


def test_a_contract_of_kraken_with_a_leverage_preference_is_on_isolated_margin() -> None:
    read, contract = venue("krakenfutures").read_account, listed("krakenfutures")
    for symbol, cross in (("PI_XBTUSD", False), ("PI_ETHUSD", True)):
        assert read(contract, ({"leveragePreferences": [{"symbol": symbol, "maxLeverage": 5}]},), "").cross is cross
    assert read(contract, (None,), "").cross is None


@pytest.mark.parametrize(("minutes", "hours"), [(60, 1), (240, 4), (480, 8), (None, 8)])
def test_funding_of_bybit_settles_as_often_as_its_listing_says(minutes: int | None, hours: int) -> None:
    contract = VENUES["bybit"].contract(BASE | with_words(MARKETS["bybit"], fundingInterval=minutes))
    assert contract.instrument.funding_interval_hours == hours


def test_an_order_of_bybit_is_looked_for_in_its_history_too_and_by_our_id_alone() -> None:
    asked = venue("bybit").find(listed("bybit"), TRADES)
    assert [(one.method, one.as_dict["orderLinkId"]) for one in asked] == [
        ("privateGetV5OrderRealtime", TRADES),
        ("privateGetV5OrderHistory", TRADES),
    ]


def test_the_next_page_of_payments_begins_where_this_one_ends() -> None:
    contract, bodies = next(a for r, a, _ in examples("deribit") if r == "read_payments" and "settlement" in str(a))
    assert venue("deribit").read_payments(contract, with_words(bodies, continuation=17)).more == "17"
    assert venue("deribit").payments(contract, SINCE, UNTIL, "17")[0].as_dict["continuation"] == 17
    contract, (income, rates) = next(a for r, a, _ in examples("binancecoinm") if r == "read_payments" and "FUNDING_FEE" in str(a))
    for rows, more in ((999, None), (1000, str(NOW + 999))):
        page = [income[0] | {"time": NOW + number, "tranId": number} for number in range(rows)]
        assert venue("binancecoinm").read_payments(contract, (page, rates)).more == more
    assert venue("binancecoinm").payments(contract, SINCE, UNTIL, str(NOW))[0].as_dict["startTime"] == NOW


def test_an_account_in_another_currency_is_not_ours() -> None:
    assert venue("deribit").read_margin(listed("deribit"), MARGIN["deribit"], NOW).currency == "BTC"
    with pytest.raises(Malformed, match="another currency"):
        venue("deribit").read_margin(listed("deribit"), with_words(MARGIN["deribit"], currency="ETH"), NOW)


def test_the_visible_book_holds_whole_contracts_and_no_more_levels_than_asked_for() -> None:
    rows = [["60000", "25"], ["59999", "9"], ["59998", "10"], ["59997", "30"]]
    read = venue("deribit").read_depth  # a contract of 10 USD
    assert read is not None
    book = {"result": {"instrument_name": "BTC-PERPETUAL", "timestamp": NOW, "bids": rows, "asks": []}}
    assert read(listed("deribit"), book, 2, NOW).bids == ((60000, 2), (59998, 1))


def test_the_wallet_of_deribit_counts_no_options_and_no_funding_before_it_is_booked() -> None:
    summary, positions = copy.deepcopy(MARGIN["deribit"])
    contract, read = listed("deribit"), venue("deribit").read_margin
    positions["result"][0]["realized_funding"] = "0.03"
    assert read(contract, (summary, positions), NOW).wallet == D("0.97")
    positions["result"].append(positions["result"][0] | {"kind": "option", "total_profit_loss": "0.5", "floating_profit_loss": "0.1"})
    assert read(contract, (summary, positions), NOW).wallet == D("0.97")


@pytest.mark.parametrize(
    ("volume", "maker", "taker"), [(0, "0.0002", "0.0005"), (99_999, "0.0002", "0.0005"), (100_000, "0.00015", "0.0004")]
)
def test_fees_of_kraken_are_per_cent_of_the_tier_that_the_volume_reached(volume: int, maker: str, taker: str) -> None:
    tiers = [{"usdVolume": 0, "makerFee": 0.02, "takerFee": 0.05}, {"usdVolume": 100_000, "makerFee": 0.015, "takerFee": 0.04}]
    bodies = ({"feeSchedules": [{"uid": "standard", "tiers": tiers}]}, {"volumesByFeeSchedule": {"standard": volume}})
    assert venue("krakenfutures").read_fees(listed("krakenfutures"), bodies) == (D(maker), D(taker))


@pytest.mark.parametrize(
    ("event", "where", "status"),
    [
        ("OrderPlaced", "order", OrderStatus.PARTIAL),
        ("OrderUpdated", "newOrder", OrderStatus.PARTIAL),
        ("OrderCancelled", "order", OrderStatus.CANCELLED),
        ("OrderRejected", "order", OrderStatus.REJECTED),
    ],
)
def test_the_order_history_of_kraken_tells_an_order_as_its_newest_event_left_it(event: str, where: str, status: OrderStatus) -> None:
    order = {
        "uid": "1", "clientId": TRADES, "tradeable": "PI_XBTUSD", "direction": "Sell", "quantity": "10", "filled": "3", "timestamp": NOW,
        "limitPrice": "60000", "orderType": "Post", "reduceOnly": True,
    }  # fmt: skip
    other = {"event": {event: {where: order | {"clientId": "another", "filled": "0"}}}}
    older = {"event": {"OrderPlaced": {"order": order | {"filled": "0"}}}}
    found = venue("krakenfutures").read_found(
        listed("krakenfutures"), TRADES, {"elements": [other, {"event": {event: {where: order}}}, older]}
    )
    assert found is not None
    assert (found.status, found.filled, found.contracts, found.side) == (status, 3, 10, Side.SELL)
    assert (found.post_only, found.reduce_only, found.client_id) == (True, True, TRADES)
