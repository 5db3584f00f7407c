"""Does a bot keep its collateral: once, within its limits, on record before it moves, and in words where it may or can not?"""

from decimal import Decimal

import pytest

from adapters.exchanges.paper_faults import Fault, Trouble
from bot.audit.explain import explain
from bot.audit.verify import Verdict, verify
from bot.core.model import TransferStatus
from bot.face import plan_json
from tests.engine.bots import Bot, Bots, only

D = Decimal
V2 = {"bag.BTC.coins": "4", "paper.collateral.BTC": "1", "paper.wallet.BTC": "4"}
AUTO = {
    **V2,
    "collateral.BTC.auto_transfer": "true",
    "collateral.BTC.max_transfer_coins": "3",
    "collateral.BTC.max_transfer_coins_per_day": "3",
}


def moves(bot: Bot) -> list[TransferStatus]:
    return [row.event.now for row in bot.store.entries(kinds=["TransferMoved"])]


def intended(bot: Bot) -> list[Decimal]:
    return [row.event.transfer.coins for row in bot.store.entries(kinds=["TransferIntended"])]


def moved_in(bot: Bot) -> Decimal:
    return bot.venue.moved_in().get("BTC", D(0))


async def test_a_hedge_that_lacks_collateral_takes_it_from_the_spot_wallet_and_becomes_whole(bots: Bots):
    bot = await bots.start(AUTO)
    await bot.until_aligned()
    await bot.turn()
    assert intended(bot)[0] >= D("1.5")
    assert set(moves(bot)) == {TransferStatus.DONE, TransferStatus.SEEN}
    assert -bot.contracts["BTC"] >= 2985
    assert abs(only(bot)) < D("0.01")
    (leg,) = bot.decision.legs
    assert leg.spot_coins == 4 - moved_in(bot)
    assert leg.leverage < D("1.8")
    assert verify(bot.store).verdict is Verdict.GOOD


async def test_what_is_recorded_comes_before_what_is_moved(bots: Bots):
    bot = await bots.start(AUTO)
    await bot.until(lambda: bool(intended(bot)))
    kinds = [kind for kind in bot.kinds() if kind in ("TransferIntended", "TransferMoved", "CoinsMoved")]
    assert kinds[:2] == ["TransferIntended", "TransferMoved"]
    bot.store.full = True
    before = bot.venue.moved_in()
    await bot.turns(5)
    assert bot.venue.moved_in() == before  # what cannot be written down does not happen


async def test_dry_run_plans_a_transfer_once_and_moves_nothing(bots: Bots):
    bot = await bots.start(AUTO, live_flag=False)
    await bot.turns(6)
    assert len(intended(bot)) == 1
    assert [row.event.status for row in bot.store.entries(kinds=["TransferIntended"])] == [TransferStatus.DRY_RUN]
    assert moved_in(bot) == 0
    (leg,) = plan_json(bot.engine.status())["legs"]
    assert D(leg["transfers"][0]["coins"]) >= D("1.5")
    assert leg["orders"]  # and what the account carries today is planned beside it
    assert verify(bot.store).verdict is Verdict.GOOD


@pytest.mark.parametrize("name", ["kill", "pause"])
async def test_nothing_moves_on_the_operators_word(bots: Bots, name: str):
    bot = await bots.start(AUTO)
    await bot.say(name, reason="test")
    await bot.turns(6)
    assert moved_in(bot) == 0
    assert intended(bot) == []


async def test_a_lost_answer_is_looked_up_and_never_asked_again(bots: Bots):
    bot = await bots.start(AUTO)
    bot.venue.faults.add(Fault(Trouble.TRANSFER_ANSWER_LOST))
    await bot.until_aligned()
    assert moves(bot)[:2] == [TransferStatus.UNKNOWN, TransferStatus.SEEN]
    assert sum(intended(bot)) == moved_in(bot)


async def test_a_lost_request_is_proven_absent_before_the_next_one(bots: Bots):
    bot = await bots.start(AUTO)
    bot.venue.faults.add(Fault(Trouble.TRANSFER_LOST))
    await bot.until(lambda: TransferStatus.ABSENT in moves(bot))
    assert moved_in(bot) == 0
    await bot.until_aligned()
    assert moves(bot)[:2] == [TransferStatus.UNKNOWN, TransferStatus.ABSENT]
    assert sum(intended(bot)[1:]) == moved_in(bot)


async def test_what_cannot_be_told_holds_further_transfers_and_somebody_is_called_after_a_minute(bots: Bots):
    bot = await bots.start({**AUTO, "collateral.BTC.max_transfer_coins_per_day": "6"})
    bot.venue.faults.add(Fault(Trouble.TRANSFER_LOST))
    await bot.until(lambda: bool(moves(bot)))
    bot.venue.faults.add(Fault(Trouble.SPOT_FAILS, times=100))
    await bot.turns(20)
    assert moves(bot) == [TransferStatus.UNKNOWN]
    assert len(intended(bot)) == 1
    assert any("the fate of transfer" in alert for alert in bot.decision.alerts)
    assert bot.engine.status().unknown_transfers == 1
    assert not bot.aligned
    await bot.say("rearm", reason="looked at the venue: it was never made")
    bot.venue.faults.clear()
    await bot.until_aligned()
    assert moved_in(bot) == sum(intended(bot)[1:])


async def test_a_refusal_is_said_and_not_repeated_within_the_hour(bots: Bots):
    bot = await bots.start(AUTO)
    bot.venue.faults.add(Fault(Trouble.TRANSFER_REFUSED))
    await bot.until(lambda: moves(bot) == [TransferStatus.REFUSED])
    await bot.until(lambda: not bot.engine.busy and bot.decision.legs[0].why == "limited by collateral")
    await bot.turns(20)
    assert len(intended(bot)) == 1
    (leg,) = plan_json(bot.engine.status())["legs"]
    assert D(leg["lacking_coins"]) > 1
    assert any("transfer refused" in text for text in bot.decision.legs[0].missing)
    assert any("the venue refused the last transfer" in text for text in bot.decision.alerts)
    assert bot.mode != "HALTED"  # and the hedge goes on as far as collateral carries it
    assert -bot.contracts["BTC"] > 1150
    await bot.turns(80, seconds=60)
    assert len(intended(bot)) > 1
    await bot.until_aligned()


@pytest.mark.parametrize("reached", [True, False])
async def test_a_process_that_dies_between_intent_and_outcome_leaves_nothing_to_chance(bots: Bots, reached: bool):
    """Killed with the request on its way: whether it arrived or not, the next run finds out, and asks no second time for it."""
    bot = await bots.start(AUTO)

    class Died(BaseException):
        pass

    real = bot.venue.transfer

    async def dies(wanted):
        if reached:
            await real(wanted)
        raise Died

    bot.venue.transfer = dies
    with pytest.raises(Died):
        await bot.turns(20)
    assert moves(bot) == []
    await bots.end(bot)
    again = await bots.start(AUTO)
    await again.until_aligned()
    assert moves(again)[0] is TransferStatus.SEEN if reached else moves(again)[:2] == [TransferStatus.UNKNOWN, TransferStatus.ABSENT]
    assert moved_in(again) == sum(intended(again)[0 if reached else 1 :])
    assert verify(again.store).verdict is Verdict.GOOD


async def test_the_days_limit_holds_and_counts_what_is_unknown(bots: Bots):
    few = {**AUTO, "collateral.BTC.max_transfer_coins": "0.5", "collateral.BTC.max_transfer_coins_per_day": "0.7"}
    bot = await bots.start(few)
    bot.venue.faults.add(Fault(Trouble.TRANSFER_ANSWER_LOST, times=5))
    await bot.turns(60)
    assert intended(bot) == [D("0.5"), D("0.2")]
    assert any("max_transfer_coins_per_day 0.7 is used up" in text for text in bot.decision.legs[0].missing)
    await bot.turn(86_400)
    await bot.turns(60)
    assert intended(bot)[2:] == [D("0.5"), D("0.2")]


def told_by(bot: Bot) -> list[str]:
    """What people are told from here on."""
    told: list[str] = []

    class Told:
        async def notify(self, severity: str, text: str) -> None:
            told.append(text)

    object.__setattr__(bot.engine.parts, "notifier", Told())
    return told


async def test_an_empty_spot_wallet_is_said_with_the_exact_amount(bots: Bots):
    bot = await bots.start({**AUTO, "paper.wallet.BTC": "0.2"})
    told = told_by(bot)
    await bot.turns(60)
    assert moved_in(bot) == D("0.2")
    (leg,) = bot.decision.legs
    assert "the venue's spot wallet holds 0" in leg.missing[-1]
    assert any(text.startswith("BTC: collateral is lacking") and f"move {D('1.3')}" in text for text in told), told


async def test_nobody_is_told_to_move_what_the_bot_moves_itself(bots: Bots):
    bot = await bots.start({**AUTO, "collateral.BTC.max_transfer_coins": "1.4"})
    told = told_by(bot)
    bot.venue.faults.add(Fault(Trouble.TRANSFER_LOST))
    await bot.until(lambda: moves(bot) == [TransferStatus.UNKNOWN])
    bot.venue.faults.add(Fault(Trouble.SPOT_FAILS, times=100))
    await bot.turns(20)
    (leg,) = bot.decision.legs
    assert D("0.1") <= leg.lacking_coins < D("0.2"), "1.5 are lacking, and 1.4 may be on their way"
    (asked,) = [text for text in told if "move" in text]
    assert ": move 0.12" in asked
    assert any("the transfer that is under way is to bring 1.4000: move 0.1" in text for text in leg.missing), leg.missing


async def test_without_leave_nothing_moves_and_the_amount_is_named(bots: Bots):
    bot = await bots.start(V2)
    await bot.turns(60)
    assert moved_in(bot) == 0
    (leg,) = bot.decision.legs
    assert D("1.5") <= leg.lacking_coins < D("1.56")
    assert "BTC: limited by collateral" in bot.decision.alerts


async def test_the_gate_stops_a_transfer_that_waited_until_the_kill_file_was_there(bots: Bots):
    bot = await bots.start(AUTO)
    real = bot.engine.parts.gate.check

    def killed_meanwhile(order):
        if order is not None and hasattr(order, "transfer_id"):
            bot.kill_file.write_text("test")
        real(order)

    bot.engine.parts.gate.check = killed_meanwhile
    await bot.turns(10)
    assert moves(bot) == [TransferStatus.ABSENT]
    assert moved_in(bot) == 0


async def test_it_can_be_explained(bots: Bots):
    bot = await bots.start(AUTO)
    await bot.until_aligned()
    seq = next(row.seq for row in bot.store.entries(kinds=["TransferIntended"]))
    assert "from the venue's spot wallet into the account" in explain(bot.store, str(seq))
    decided = max(row.seq for row in bot.store.entries(kinds=["DecisionMade"]) if row.seq < seq)
    assert "→ transfer hb" in explain(bot.store, str(decided))
    (first, *_) = [row.event.transfer.transfer_id for row in bot.store.entries(kinds=["TransferIntended"])]
    told = explain(bot.store, first).splitlines()
    assert len(told) == 3
    assert told[-1].endswith("is done: the coins are accounted for (the account shows it).")
