"""Do the charts of the console set the same coins side by side, with the hedge and without?"""

from decimal import Decimal

from bot.console.history import of_decision, sampled, unhedged_usd
from bot.console.page import facts
from bot.core.decision import Baseline, CrossPlan
from bot.core.events import DecisionMade
from bot.core.memory import LegState, State
from bot.core.model import Basis, Margin
from bot.face import plan_json
from tests.api.worlds import NOW_MS, decision, leg, snapshot, status, view

D = Decimal
COINS = (("BTC", D(5)), ("SOL", D(10)), ("XRP", D(1000)))


def legs(equity="3000"):
    """5 BTC in all, and two legs on one account in USDT."""
    made = decision(
        leg(),
        leg("SOL", spot_coins=D(10), equity_coins=D(equity) / 100, mark=D(100)),
        leg("XRP", spot_coins=D(1000), equity_coins=D(equity) / 2, mark=D(2)),
    )
    usdt = Margin("USDT", D(3000), D(equity), NOW_MS)
    return made, snapshot(view(), view("SOL", margin=usdt), view("XRP", margin=usdt))


def test_usdt_that_was_posted_stands_on_both_sides_and_what_the_hedge_earned_on_one():
    samples = []
    for equity in ("3000", "3400"):
        made, seen = legs(equity)
        samples.append(sampled(status(decision=made, seen=seen, baselines=COINS)))
    assert [sample.hedged_usd for sample in samples] == [5 * 60_000 + 1000 + 2000 + 3000, 5 * 60_000 + 1000 + 2000 + 3400]
    assert unhedged_usd(samples) == [5 * 60_000 + 1000 + 2000 + 3000] * 2


def test_the_record_counts_an_account_that_legs_share_once_as_the_running_bot_does():
    made, seen = legs()
    known = tuple(LegState(asset, "", Baseline(coins, D(1), Basis.COINS, NOW_MS)) for asset, coins in COINS)
    remembered = of_decision(DecisionMade(State("main", "aa", legs=known), seen, "hash", made))
    assert remembered == sampled(status(decision=made, seen=seen, baselines=COINS))


def test_without_the_coins_that_a_ratio_refers_to_nothing_is_drawn_for_the_unhedged():
    made, seen = legs()
    assert unhedged_usd([sampled(status(decision=made, seen=seen, baselines=COINS[:2]))]) == [None]


def test_the_page_names_the_currency_of_the_account_and_says_usd_once():
    carried = CrossPlan("DOGE", D(1), D(1), None, D("1.2"), None, None, D(100), D(1), D(100), D(120), D(120), "")
    shown = plan_json(status(decision=decision(leg(crosses=(carried,)), leg("SOL"))))["legs"]
    assert dict(facts(shown[0]))["in the account"] == "3 BTC"
    assert dict(facts(shown[0]))["carries DOGE"] == "120 USD, β 1.2"
    assert dict(facts(shown[1]))["in the account"] == "3 SOL as USDT"
