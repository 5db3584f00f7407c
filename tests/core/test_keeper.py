"""Does collateral move exactly when and exactly as far as it should?"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import keeper, keeping, machine, stress
from bot.core.decision import Transfer
from bot.core.events import CoinsMoved, TransferIntended, TransferMoved
from bot.core.exposure import Exposure
from bot.core.keeper import Load, Move, Quiet, Short
from bot.core.memory import NOTHING_KEPT, Keeping, Moving
from bot.core.model import NO_LIQUIDATION, TransferStatus
from bot.core.rules import CollateralRule
from tests.core.worlds import BTC, NOW_MS, RISK, D

AUTO = CollateralRule(auto=True, most_coins=D(5), most_coins_per_day=D(10))
HAND = CollateralRule()
RISK_AT_MARK = replace(RISK, price_collar=D(0))
DAY = NOW_MS // keeper.DAY_MS
BEYOND = "beyond the transfer that is under way"


def load(short_usd: int | str, equity: str, *, mark: str = "60000", wanted: int | str | None = "same", missing: str = "0") -> Load:
    held = Exposure(
        instrument=BTC,
        mark=D(mark),
        spot_coins=D(4),
        wallet=D(equity),
        equity=D(equity),
        short=int(D(short_usd) / 100),
        hedged_usd=D(short_usd),
        long_coins=4 + D(equity),
        delta_coins=D(0),
        other_usd=D(0),
    )
    goal = None if wanted is None else D(short_usd) if wanted == "same" else D(wanted)
    return Load(held, D(short_usd), goal, D(missing))


def told(rule: CollateralRule, what: Load, keeping: Keeping = NOTHING_KEPT, spot: str | None = "4", now_ms: int = NOW_MS) -> object:
    return keeper.verdict(rule, what, RISK, keeping, None if spot is None else D(spot), now_ms)


@pytest.mark.parametrize(("short_usd", "moves"), [(108_000, False), (108_100, True)])
def test_it_tops_up_above_low_and_not_at_it(short_usd: int, moves: bool) -> None:
    found = told(AUTO, load(short_usd, "1"))  # at 60,000, 108,000 on one coin is 1.8
    assert isinstance(found, Move) is moves


def test_it_tops_up_to_the_middle_between_high_and_low() -> None:
    found = told(AUTO, load(150_000, "1"))
    assert found == Move(D("0.6667"), D(0), "leverage is above low 1.8")  # 150,000 / (60,000 * 1.6667) = 1.5, rounded up


@pytest.mark.parametrize(("equity", "coins"), [("0", "3.3334"), ("-0.25", "3.5834")])
def test_equity_that_is_gone_is_the_gravest_case_and_not_the_safest(equity: str, coins: str) -> None:
    """V25: the formula's negative leverage is not "below the cap"."""
    found = told(AUTO, load(300_000, equity), spot="4")
    assert isinstance(found, Move)
    assert found.coins == D(coins)


def test_v2_lacks_exactly_one_and_a_half_coins_at_the_mark() -> None:
    found = keeper.verdict(AUTO, load(0, "1", wanted=300_000, missing="1.5"), RISK_AT_MARK, NOTHING_KEPT, D(4), NOW_MS)
    assert found == Move(D("1.5000"), D(0), "the hedge lacks collateral")


def test_without_leave_the_amount_is_named_and_nothing_moves() -> None:
    assert told(HAND, load(150_000, "1")) == Short(D("0.6667"), True, "")
    said = keeper.kept("BTC", HAND, Short(D("0.6667"), True, ""), "", 0)
    assert (said.transfer, said.lacking, said.missing) == (None, D("0.6667"), ())
    assert said.alerts == ("BTC: collateral is lacking: leverage is above low 1.8",)


@pytest.mark.parametrize(
    ("spot", "most", "day", "spent", "coins"),
    [
        ("4", "5", "10", "0", "0.6667"),
        ("0.6667", "5", "10", "0", "0.6667"),
        ("0.66668", "5", "10", "0", "0.6666"),
        ("0.66659", "5", "10", "0", "0.6665"),
        ("4", "0.5", "10", "0", "0.5"),
        ("4", "5", "1", "0.4", "0.6"),
    ],
)
def test_it_moves_no_more_than_is_there_and_than_the_limits_allow(spot: str, most: str, day: str, spent: str, coins: str) -> None:
    rule = replace(AUTO, most_coins=D(most), most_coins_per_day=D(day))
    found = told(rule, load(150_000, "1"), Keeping(day=DAY, day_coins=D(spent)), spot)
    assert isinstance(found, Move)
    assert found.coins == D(coins)
    assert found.coins + found.lacking == D("0.6667")


def test_the_days_limit_begins_anew_with_the_day() -> None:
    rule = replace(AUTO, most_coins_per_day=D(1))
    spent = Keeping(day=DAY, day_coins=D(1))
    assert told(rule, load(150_000, "1"), spent) == Short(D("0.6667"), True, "max_transfer_coins_per_day 1 is used up")
    midnight = (DAY + 1) * keeper.DAY_MS
    assert isinstance(told(rule, load(150_000, "1"), spent, now_ms=midnight - 1), Short)
    assert isinstance(told(rule, load(150_000, "1"), spent, now_ms=midnight), Move)


def test_a_spot_wallet_that_is_unknown_is_not_empty_and_moves_nothing() -> None:
    assert told(AUTO, load(150_000, "1"), spot=None) == Short(D("0.6667"), True, "what the venue's spot wallet holds is UNKNOWN")
    assert told(AUTO, load(150_000, "1"), spot="0") == Short(D("0.6667"), True, "the venue's spot wallet holds 0.0000")


def moving(status: TransferStatus) -> Keeping:
    transfer = keeper.kept("BTC", AUTO, Move(D(1), D(0), "test"), "hbt1", 1).transfer
    assert transfer is not None
    return Keeping(moving=Moving(transfer, 1, status, NOW_MS, 0), topped_up_coins=D(3))


@pytest.mark.parametrize("status", [TransferStatus.INTENT, TransferStatus.UNKNOWN, TransferStatus.DONE])
def test_while_one_transfer_has_not_come_to_its_end_no_other_begins(status: TransferStatus) -> None:
    assert told(AUTO, load(150_000, "1"), moving(status)) == Quiet("")
    assert told(AUTO, load(300_000, "1"), moving(status)) == Short(D("1.3334"), True, BEYOND)
    assert told(AUTO, load(60_000, "3"), moving(status)) == Quiet("")


@pytest.mark.parametrize("rule", [AUTO, HAND])
@pytest.mark.parametrize(
    ("coins", "seen", "rest"),
    [
        ("0.6667", "0", None),
        ("0.6666", "0", "0.0001"),
        ("1", "0.3333", None),
        ("1", "0.3334", "0.0001"),
        ("1", "1", "0.6667"),
        ("1", "2", "0.6667"),  # what came beside it takes nothing away
        ("-0.5", "0", "1.1667"),  # on its way out
        ("-0.5", "-0.5", "0.6667"),
    ],
)
def test_what_a_transfer_under_way_will_bring_is_not_asked_for_a_second_time(
    rule: CollateralRule, coins: str, seen: str, rest: str | None
) -> None:
    under_way = Moving(Transfer("hbt1", "BTC", D(coins), 1, "test"), 1, TransferStatus.DONE, NOW_MS, 0, seen_coins=D(seen))
    found = told(rule, load(150_000, "1"), Keeping(moving=under_way))
    assert found == (Quiet("") if rest is None else Short(D(rest), True, BEYOND))


def test_after_a_refusal_it_waits_and_says_why() -> None:
    waiting = Keeping(wait_until_ms=NOW_MS + 1, wait_why="refused")
    assert told(AUTO, load(150_000, "1"), waiting) == Short(D("0.6667"), True, "refused")
    assert isinstance(told(AUTO, load(150_000, "1"), waiting, now_ms=NOW_MS + 1), Move)


@pytest.mark.parametrize(("equity", "moves"), [("2.5", False), ("2.5001", False), ("2.51", True)])
def test_it_sweeps_back_below_high_and_not_at_it(equity: str, moves: bool) -> None:
    found = told(AUTO, load(180_000, equity), Keeping(topped_up_coins=D(2)))  # 180,000 on 2.5 coins at 60,000 is 1.2
    assert isinstance(found, Move) is moves or equity == "2.5001"


def test_it_sweeps_back_no_more_than_it_moved_in_and_not_below_the_goal() -> None:
    below = load(90_000, "3")  # 0.5
    assert told(AUTO, below) == Quiet("")  # nothing was topped up: what lies there was posted
    assert told(AUTO, below, Keeping(topped_up_coins=D("0.4"))) == Move(D("-0.4"), D(0), "leverage is below high 1.2")
    assert told(AUTO, below, Keeping(topped_up_coins=D(9))) == Move(D("-2.0000"), D(0), "leverage is below high 1.2")  # 1 coin: 1.5
    assert told(AUTO, load(90_000, "3", wanted=300_000), Keeping(topped_up_coins=D(9))) == Quiet("")  # the whole hedge needs it
    assert told(AUTO, load(90_000, "3", wanted=None), Keeping(topped_up_coins=D(9))) == Quiet("")  # UNKNOWN


def test_what_is_swept_back_leaves_room_for_a_move_of_the_collar() -> None:
    narrow = replace(AUTO, low=D("1.51"), high=D("1.49"))
    found = told(narrow, load(90_000, "3"), Keeping(topped_up_coins=D(9)))
    assert isinstance(found, Move)
    left = 3 + found.coins
    at_collar = 90_000 / (60_000 * D("1.01") * left - 900)  # domain.md §3: a short of N loses N*move
    assert at_collar <= D("1.51")


@given(
    short=st.integers(-10, 3_000),
    equity=st.sampled_from(("-0.1", "0", "0.5", "1", "1.2", "2.5", "5")),
    rule=st.sampled_from((AUTO, HAND)),
    keeping=st.sampled_from((NOTHING_KEPT, Keeping(topped_up_coins=D(1)), Keeping(wait_until_ms=NOW_MS + 1, wait_why="refused"))),
)
def test_where_it_rests_there_would_be_nothing_to_move_and_nothing_to_say(
    short: int, equity: str, rule: CollateralRule, keeping: Keeping
) -> None:
    what = load(100 * short, equity)
    found = keeper.verdict(rule, replace(what, carried_usd=max(D(0), what.carried_usd)), RISK, keeping, D(4), NOW_MS)
    if keeper.rests(rule, what.held, keeping):
        assert keeper.kept("BTC", rule, found, "", 0) == keeper.NOTHING
    elif short >= 0 and not keeping.topped_up_coins:
        assert not isinstance(found, Quiet)


def test_it_does_not_rest_while_a_transfer_is_under_way() -> None:
    transfer = Transfer("t1", "BTC", D(1), NOW_MS, "collateral")
    moving = Moving(transfer, 1, TransferStatus.UNKNOWN, NOW_MS, NOW_MS)
    assert keeper.rests(HAND, load(60_000, "5").held, NOTHING_KEPT)
    assert not keeper.rests(HAND, load(60_000, "5").held, Keeping(moving=moving))


def after(kept: Keeping, coins: str, end: TransferStatus) -> Keeping:
    """One transfer from its intent to its end."""
    transfer = Transfer("t1", "BTC", D(coins), NOW_MS, "collateral")
    kept = keeping.intended(kept, TransferIntended(transfer, 1, 1, TransferStatus.INTENT, NOW_MS, NOW_MS))
    return keeping.moved(kept, TransferMoved("t1", "BTC", D(coins), TransferStatus.INTENT, end, "", NOW_MS, NOW_MS))


@pytest.mark.parametrize(
    ("transfers", "others", "topped_up", "spent"),
    [
        ([("2", TransferStatus.SEEN)], [], "2", "2"),
        ([("2", TransferStatus.SEEN), ("1", TransferStatus.SEEN)], [], "3", "3"),
        ([("2", TransferStatus.SEEN), ("-0.5", TransferStatus.SEEN)], [], "1.5", "2"),
        ([("2", TransferStatus.SEEN), ("1", TransferStatus.ABSENT), ("1", TransferStatus.REFUSED)], [], "2", "2"),
        ([("2", TransferStatus.SEEN)], ["-0.5"], "1.5", "2"),
        ([("2", TransferStatus.SEEN)], ["-3"], "0", "2"),
        ([("2", TransferStatus.SEEN)], ["4"], "2", "2"),
    ],
)
def test_what_own_transfers_brought_and_nobody_took_out_may_be_swept_back(
    transfers: list[tuple[str, TransferStatus]], others: list[str], topped_up: str, spent: str
) -> None:
    kept = NOTHING_KEPT
    for coins, end in transfers:
        kept = after(kept, coins, end)
    for coins in others:
        kept = keeping.coins_moved(kept, CoinsMoved("BTC", D(coins), NOW_MS))
    assert (kept.topped_up_coins, kept.day_coins, kept.moving) == (D(topped_up), D(spent), None)


def test_a_transfer_goes_only_to_where_the_table_says() -> None:
    ends = {status for status in TransferStatus if status.terminal}
    assert set(machine.TRANSFER_TRANSITIONS) == {TransferStatus.INTENT, TransferStatus.UNKNOWN, TransferStatus.DONE}
    assert not ends & set(machine.TRANSFER_TRANSITIONS)
    assert all(TransferStatus.SEEN in nexts for nexts in machine.TRANSFER_TRANSITIONS.values())


def test_v11_stress_follows_the_drift_of_leverage() -> None:
    found = stress.stressed(BTC, 3000, D("2.5"), D(60_000), D(119_400), D(0))  # 300,000 on 2.5 coins: 2
    drifted = {one.move_percent: one.leverage for one in found}
    # domain.md §3, V11: L(P) = 1/(1 - (P/E)(1 - 1/L0))
    assert drifted == {0: 2, 10: 1 / (1 - D("1.1") / 2), 25: 1 / (1 - D("1.25") / 2), 50: D(4), 100: D("Infinity")}
    assert round(found[0].liquidation_distance or D(0), 2) == D("0.99")
    assert (found[4].liquidation_distance or D(0)) < 0  # liquidated on the way


def test_stress_of_a_hedge_that_is_covered_has_no_liquidation() -> None:
    for one in stress.stressed(BTC, 3000, D(5), D(60_000), NO_LIQUIDATION, D(0)):
        assert one.leverage == 1
        assert one.liquidation_distance is None
