"""Does the hedge come about, and stay?"""

from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from adapters.exchanges.paper_faults import Fault, Trouble
from bot.audit.verify import verify
from bot.core.decision import Mode
from bot.core.events import AlertRaised, CommandGiven
from bot.core.model import OrderStatus, Side, Target, TargetSource
from bot.exit_codes import Exit
from bot.running import Until, finished
from tests.engine.bots import Document, Phone, in_full, only


async def test_a_bag_of_five_btc_is_hedged_in_full_with_limit_orders_only(bots):
    bot = await bots.start()
    await bot.until_aligned()
    assert in_full(bot)
    assert abs(only(bot)) < Decimal("0.02")
    assert all(order.limit_price for order in bot.orders())
    assert bot.mode is Mode.WATCHING


async def test_btc_eth_and_sol_align_together(bots):
    bot = await bots.start(assets=("BTC", "ETH", "SOL"))
    await bot.until_aligned()
    assert all(contracts < 0 for contracts in bot.contracts.values())
    for leg in bot.decision.legs:
        assert abs(leg.ratio_actual - 1) < Decimal("0.005")


async def test_an_inverse_and_a_linear_leg_align_together(bots):
    flags = {"hedges.SOL.instrument": "SOL/USDT:USDT", "paper.collateral.USDT": "100000"}
    bot = await bots.start(flags, assets=("BTC", "SOL"))
    await bot.until_aligned()
    assert in_full(bot)
    (leg,) = [leg for leg in bot.decision.legs if leg.asset == "SOL"]
    assert leg.spot_coins == 500
    assert abs(leg.delta_coins) <= 5  # inside the band of 0.5 % of 500 coins, or a lot


async def test_two_linear_legs_on_one_account_leave_each_other_the_room_that_they_need(bots):
    flags = {f"hedges.{asset}.instrument": f"{asset}/USDT:USDT" for asset in ("ETH", "SOL")}
    bot = await bots.start({**flags, "paper.collateral.USDT": "90000"}, assets=("ETH", "SOL"))
    await bot.until_aligned()
    assert bot.contracts == {"ETH": -2000, "SOL": -5000}
    assert not [order for order in bot.orders() if "margin" in order.moved_why]


async def test_price_moves_alone_never_ask_for_a_trade_at_ratio_one(bots):
    bot = await bots.start({"band.cooldown_seconds": "1"}, fed=False, matching="print")
    await bot.until_aligned()
    orders = len(bot.orders())
    for price in ("48000", "36000", "45000", "60000", "72000"):
        bot.venue.print("BTC", Decimal(price), bot.clock.now_ms())
        await bot.turns(3)
        assert bot.aligned
    assert len(bot.orders()) == orders


async def test_the_intent_is_committed_before_the_order_reaches_the_venue(bots):
    bot = await bots.start()
    seen: list[tuple[str, str]] = []
    place = bot.venue.place

    async def watched(order):
        row = bot.store.order(order.client_id)
        seen.append((row.client_id, row.status))
        return await place(order)

    bot.venue.place = watched
    await bot.until_aligned()
    assert seen
    assert {status for _, status in seen} == {"INTENT"}
    assert len({identity for identity, _ in seen}) == len(seen)


async def test_one_instrument_never_has_two_unfinished_orders(bots):
    bot = await bots.start({"execution.max_order_usd": "20000"})
    for _ in range(60):
        await bot.turn()
        assert len(bot.store.orders(open_only=True)) <= 1
        assert bot.engine.own_open_orders() <= 1


async def test_every_order_is_a_chunk_of_at_most_max_order_usd(bots):
    bot = await bots.start({"execution.max_order_usd": "25000"})
    await bot.until_aligned()
    assert in_full(bot)
    assert max(order.contracts for order in bot.orders()) == 250


async def test_a_maker_order_is_cancelled_after_its_time_and_the_rest_crosses_within_the_slippage(bots):
    bot = await bots.start(fed=False, matching="print")
    await bot.until_aligned()
    makers = [order for order in bot.orders() if order.post_only]
    crossing = [order for order in bot.orders() if not order.post_only]
    assert [order.status for order in makers] == ["CANCELLED"] * len(makers)
    assert len(makers) >= 4
    assert [order.status for order in crossing] == ["FILLED"] * 3
    assert all(Decimal(order.limit_price) >= Decimal("60000") * (1 - Decimal("0.002")) for order in crossing)
    assert crossing[0].at_ms - makers[0].at_ms >= 120_000


async def test_a_lower_target_buys_back_reduce_only(bots):
    bot = await bots.start()
    await bot.until_aligned()
    before = len(bot.orders())
    await bot.say("target-set", asset="BTC", ratio=Decimal("0.5"))
    await bot.until_aligned()
    later = bot.orders()[before:]
    assert {order.side for order in later} == {"buy"}
    assert all(order.reduce_only for order in later)
    assert abs(bot.decision.legs[0].ratio_actual - Decimal("0.5")) < Decimal("0.01")


async def test_a_target_of_zero_closes_to_flat_and_stays_flat(bots):
    bot = await bots.start()
    await bot.until_aligned()
    await bot.say("target-set", asset="BTC", ratio=Decimal(0))
    await bot.until_aligned()
    assert bot.contracts == {"BTC": 0}
    await bot.turns(20)
    assert bot.contracts == {"BTC": 0}


async def test_the_operators_target_counts_before_the_documents_and_the_documents_before_the_configs(bots):
    document = Document((Target("BTC", Decimal("0.6"), TargetSource.DOCUMENT),))
    bot = await bots.start(document=document)
    await bot.turns(2)
    assert bot.decision.legs[0].ratio_target == Decimal("0.6")
    await bot.say("target-set", asset="BTC", ratio=Decimal("0.4"), until_ms=bot.clock.now_ms() + 60_000)
    assert bot.decision.legs[0].ratio_target == Decimal("0.4")
    await bot.turn(61)
    assert bot.decision.legs[0].ratio_target == Decimal("0.6")
    document.targets = ()
    await bot.turn()
    assert bot.decision.legs[0].ratio_target == Decimal(1)


async def test_an_untrusted_document_takes_no_new_risk_and_says_so(bots):
    document = Document(None)
    bot = await bots.start(document=document)
    await bot.turns(5)
    assert bot.orders() == []
    assert "target" in bot.decision.legs[0].why
    assert "target document" in bot.decision.legs[0].missing[0]
    document.targets = ()
    await bot.until_aligned()


async def test_a_document_that_is_not_believed_is_told_once_each_time(bots):
    document = Document(None)
    bot = await bots.start(document=document)
    phone = Phone(bot)
    for _ in range(2):
        await bot.turns(3)
        document.targets = ()
        await bot.turns(3)
        document.targets = None
    assert phone.told.count(("warning", "target document: is HTML, not JSON")) == 2


async def test_a_price_that_stays_old_is_told_after_three_turns_and_once(bots):
    bot = await bots.start()
    await bot.until_aligned()
    phone = Phone(bot)
    bot.venue.faults.add(Fault(Trouble.READ_STALE, times=9, part="quote"))
    await bot.until(lambda: bot.decision.legs[0].why.startswith("UNKNOWN: price"))
    old = bot.decision.legs[0].why
    await bot.turn()
    assert phone.told == []
    await bot.turns(2)
    assert phone.told == [("warning", f"BTC: nothing new is risked, {old}")]


async def test_a_kill_file_that_cannot_be_read_is_told_after_three_turns_and_once(bots):
    bot = await bots.start()
    await bot.until_aligned()
    phone = Phone(bot)
    bot.engine.parts.gate.kill_switch.path = bot.kill_file / "below" / "a" / "file"
    bot.kill_file.touch()  # a file where a folder is looked for: neither there nor not there
    await bot.turns(2)
    assert phone.told == []
    await bot.turns(3)
    assert phone.told == [("warning", "BTC: nothing new is risked, UNKNOWN: the kill file cannot be read")]


@pytest.mark.parametrize("kind", ["full", "away"])
async def test_a_record_that_cannot_be_written_is_told_as_critical_after_three_turns_and_again_when_it_happens_again(bots, kind):
    bot = await bots.start()
    await bot.until_aligned()
    phone = Phone(bot)
    why = {"full": "database or disk is full (test)", "away": "the server does not answer (test)"}[kind]
    text = f"the record cannot be written: {why}; nothing is sent, and cancels still go out"
    for times in (1, 2):
        setattr(bot.store, kind, True)
        bot.engine.hear(CommandGiven("pause", "test", bot.clock.now_ms()))  # something that must be written
        await bot.turns(2)
        assert phone.told.count(("critical", text)) == times - 1
        await bot.turns(4)
        assert phone.told.count(("critical", text)) == times
        setattr(bot.store, kind, False)
        await bot.say("resume")
        await bot.turn()
    assert {severity for severity, _ in phone.told} == {"critical"}


async def test_a_liquidation_is_told_at_once_as_critical_and_takes_nothing_off_the_bag(bots):
    bot = await bots.start(fed=False, matching="print")
    bot.venue.print("BTC", Decimal(60_000), bots.clock.now_ms())
    await bot.turn()
    bot.venue.print("BTC", Decimal(60_100), bots.clock.now_ms())
    await bot.until_aligned()
    phone = Phone(bot)
    bot.venue.print("BTC", Decimal(200_000), bots.clock.now_ms())
    with capture_logs() as lines:
        await bot.turns(3)
    assert [(line["asset"], line["log_level"]) for line in lines if line["event"] == "leg.halted"] == [("BTC", "error")]
    assert bot.contracts == {"BTC": 0}
    assert phone.told.count(("critical", "halted: BTC: the venue liquidated this position")) == 1
    assert bot.decision.legs[0].spot_coins == 2
    assert "CoinsMoved" not in bot.kinds()
    await bot.say("rearm", reason="looked at it")
    bot.venue.deposit("BTC", Decimal(1))
    await bot.turns(2)
    assert bot.decision.legs[0].spot_coins == 1  # what somebody moves afterwards is moved


async def test_a_position_that_is_taken_as_it_is_is_told_once(bots):
    bot = await bots.start()
    await bot.until_aligned()
    phone = Phone(bot)
    raised = AlertRaised("BTC/USD:BTC shows -2900 contracts where own fills lead to -3000; taken as it is", bots.clock.now_ms())
    await bot.engine.tell(bot.decision, [raised])
    await bot.turns(3)
    assert phone.told == [("warning", raised.what)]


async def test_coins_moved_into_the_account_change_neither_delta_nor_the_hedge(bots):
    bot = await bots.start()
    await bot.until_aligned()
    await bot.turn()
    orders, delta = len(bot.orders()), only(bot)
    bot.venue.deposit("BTC", Decimal(1))
    await bot.turns(3)
    (leg,) = bot.decision.legs
    assert leg.spot_coins == 1
    assert abs(only(bot) - delta) < Decimal("0.01")
    assert len(bot.orders()) == orders


async def test_a_hedge_that_collateral_limits_goes_as_far_as_it_may_and_names_what_is_missing(bots):
    bot = await bots.start({"bag.BTC.coins": "4", "paper.collateral.BTC": "1"})
    await bot.until(lambda: not bot.engine.busy and bot.decision.legs[0].why == "limited by collateral")
    (leg,) = bot.decision.legs
    assert -leg.position_usd == pytest.approx(118_800, rel=0.01)  # N_max is 120,000 at the mark alone, less room for the collar
    assert not leg.aligned
    assert "BTC in the account" in leg.missing[0]
    assert leg.leverage <= 2
    assert "BTC: limited by collateral" in bot.decision.alerts


async def test_an_answer_that_is_lost_leads_to_one_order_and_no_second_one(bots):
    bot = await bots.start()
    bot.venue.faults.add(Fault(Trouble.PLACE_ANSWER_LOST, times=3))
    await bot.until_aligned()
    assert in_full(bot)
    moves = [row.event.now for row in bot.store.entries(kinds=["OrderMoved"])]
    assert OrderStatus.UNKNOWN in moves
    assert OrderStatus.ABSENT not in moves
    assert sum(order.filled for order in bot.orders()) == 3000


async def test_an_error_that_nobody_foresaw_leaves_the_order_in_doubt_and_sends_no_second_one(bots):
    bot = await bots.start()
    place, broken = bot.venue.place, []

    async def breaks_after_the_venue_took_it(order):
        await place(order)
        broken.append(order.client_id)
        raise RuntimeError("a bug in the client (test)")

    bot.venue.place = breaks_after_the_venue_took_it
    await bot.until(lambda: bool(broken))
    bot.venue.place = place
    assert bot.store.order(broken[0]).status == "UNKNOWN"
    await bot.until_aligned()
    assert in_full(bot)
    assert bot.store.order(broken[0]).filled > 0


async def test_an_order_that_never_arrived_is_proven_absent_before_a_new_intent_is_made(bots):
    bot = await bots.start()
    bot.venue.faults.add(Fault(Trouble.PLACE_LOST))
    await bot.until_aligned()
    first, second, *_ = bot.orders()
    assert first.status == "ABSENT"
    assert second.client_id != first.client_id
    assert in_full(bot)


async def test_an_order_that_was_not_sent_is_absent_at_once(bots):
    bot = await bots.start()
    bot.venue.faults.add(Fault(Trouble.PLACE_NOT_SENT))
    await bot.turns(2)
    (order,) = bot.orders()
    assert order.status == "ABSENT"
    assert "not sent" in order.moved_why


async def test_a_rejection_waits_for_the_cooldown(bots):
    bot = await bots.start({"band.cooldown_seconds": "30"})
    bot.venue.faults.add(Fault(Trouble.PLACE_REJECTED))
    await bot.turns(2)
    assert [order.status for order in bot.orders()] == ["REJECTED"]
    await bot.turns(5)
    assert len(bot.orders()) == 1
    await bot.turns(2)
    assert len(bot.orders()) == 2


async def test_a_lost_cancel_is_asked_for_again(bots):
    bot = await bots.start(fed=False, matching="print")
    await bot.turns(2)
    bot.venue.faults.add(Fault(Trouble.CANCEL_LOST))
    await bot.until(lambda: bot.orders()[0].status == "CANCELLED", 12)


@pytest.mark.parametrize("part", ["quote", "position", "margin"])
async def test_a_missing_read_takes_no_new_risk_and_is_never_zero(bots, part):
    bot = await bots.start()
    bot.venue.faults.add(Fault(Trouble.READ_FAILS, times=6, part=part))
    await bot.turns(6)
    assert bot.orders() == []
    (leg,) = bot.decision.legs
    assert leg.why.startswith("UNKNOWN")
    assert leg.position_usd is None
    assert not leg.aligned
    await bot.until_aligned()


async def test_stale_prices_stop_new_orders(bots):
    bot = await bots.start()
    await bot.turn()
    bot.venue.faults.add(Fault(Trouble.READ_STALE, times=50, part="quote"))
    await bot.turns(4)
    assert bot.orders()[1:] == []  # at most the one placed while the price was still young
    assert "stale" in bot.decision.legs[0].why or bot.orders() == []


async def test_orders_per_minute_are_limited(bots):
    bot = await bots.start({"risk.max_orders_per_minute": "2", "execution.max_order_usd": "2000", "execution.order_ttl_seconds": "5"})
    await bot.turns(12)
    stamps = [order.at_ms for order in bot.orders()]
    assert max(sum(1 for other in stamps if 0 <= stamp - other < 60_000) for stamp in stamps) == 2


async def test_a_bounded_run_goes_on_where_a_hedge_takes_more_orders_than_a_minute_may_have(bots):
    bot = await bots.start({"risk.max_orders_per_minute": "1", "execution.max_order_usd": "100000", "execution.cross_after_seconds": "1"})
    await bot.turns(2)
    at_once = set()
    while (end := finished(bot.engine, bot.decision, Until(aligned=True))) is None:
        await bot.turn()
        if bot.decision.legs[0].refused:
            at_once.add(finished(bot.engine, bot.decision, Until(once=True)))
    assert (end, bot.aligned) == (Exit.DONE, True)
    assert Exit.ATTENTION in at_once


async def test_placements_without_a_fill_raise_an_alert_and_go_on(bots):
    bot = await bots.start(
        {"execution.max_reprices": "3", "execution.cross_after_seconds": "600", "execution.order_ttl_seconds": "5"},
        fed=False,
        matching="print",
    )
    await bot.until(lambda: any("max_reprices" in alert for alert in bot.decision.alerts), 20)
    placed = len(bot.orders())
    await bot.turns(6)
    assert len(bot.orders()) > placed


async def test_what_is_remembered_is_the_fold_of_the_record(bots):
    bot = await bots.start(assets=("BTC", "ETH"))
    await bot.until_aligned()
    await bot.say("pause")
    await bot.say("target-set", asset="ETH", ratio=Decimal("0.3"))
    remembered = bot.store.state()
    assert remembered.legs == bot.engine.state.legs
    assert remembered.targets == bot.engine.state.targets
    assert remembered.paused


async def test_every_decision_on_record_is_decided_again_the_same(bots):
    bot = await bots.start(assets=("BTC", "ETH"))
    await bot.until_aligned()
    result = verify(bot.store)
    assert result.exit_code == 0, result.what
    assert result.decided_again > 5
    assert result.hash_only == 0


async def test_a_quiet_minute_leaves_one_decision_on_record(bots):
    bot = await bots.start(fed=False, matching="print")
    await bot.until_aligned()
    await bot.turns(3)
    before = bot.kinds().count("DecisionMade")
    await bot.turns(60)  # five minutes
    assert bot.kinds().count("DecisionMade") - before == 5


async def test_the_same_seed_gives_the_same_trades(bots, tmp_path):
    from tests.engine.bots import Bots

    trades = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        own = Bots(folder)
        bot = await own.start()
        await bot.until_aligned()
        trades.append([(fill.trade_id, fill.price, fill.contracts, fill.at_ms) for fill in bot.store.fills(limit=1000)])
        own.close()
    assert trades[0] == trades[1]
    assert trades[0]


async def test_a_position_that_a_stranger_changed_halts_the_account(bots):
    bot = await bots.start()
    await bot.until_aligned()
    bot.venue.manual_trade("BTC/USD:BTC", Side.BUY, 100)
    await bot.turns(2)
    assert bot.mode is Mode.HALTED
    assert "somebody else" in bot.engine.state.killed
    orders = len(bot.orders())
    await bot.turns(10)
    assert len(bot.orders()) == orders


async def test_a_strangers_trade_is_absorbed_where_the_configuration_says_so(bots):
    bot = await bots.start({"reconcile.foreign": "absorb"})
    await bot.until_aligned()
    bot.venue.manual_trade("BTC/USD:BTC", Side.BUY, 100)
    await bot.until_aligned()
    assert in_full(bot)


async def test_a_strangers_order_is_left_alone_and_halts_the_account(bots):
    bot = await bots.start()
    await bot.until_aligned()
    stranger = bot.venue.manual_order("BTC/USD:BTC", Side.SELL, 10, Decimal("90000"), post_only=True)
    await bot.turns(3)
    assert bot.mode is Mode.HALTED
    (view,) = bot.engine.seen.views
    assert [order.venue_id for order in view.open_orders] == [stranger.venue_id]


async def test_a_position_that_is_cached_after_a_fill_is_unknown_and_nothing_is_sold_again(bots):
    bot = await bots.start(fed=False, matching="print")
    await bot.turns(2)
    bot.venue.faults.add(Fault(Trouble.READ_STALE, times=100, part="position"))
    bot.venue.print("BTC", Decimal("60100"), bot.clock.now_ms())  # the resting order is filled
    await bot.turns(8)
    (leg,) = bot.engine.decision.legs
    assert (bot.mode, leg.position_usd) == (Mode.RECONCILING, None)
    assert "the position is" in leg.missing[-1]
    assert " ms old" in leg.missing[-1]
    assert sum(order.filled for order in bot.orders()) == 1000
    bot.venue.faults.clear()
    await bot.turns(2)
    assert bot.mode is Mode.WORKING  # on the rest, once the position is shown as it is
