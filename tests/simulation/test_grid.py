"""Does the bot survive a death at each moment of an order, whatever the venue answers? And would the grid notice if it did not?"""

from dataclasses import replace

import bot.engine
from bot.core import ledger
from bot.core.events import IntentRecorded, RunStarted
from bot.core.model import OrderStatus
from bot.rehearsal.grid import ANSWERS, POLICIES, Point, column, columns, deadly, grid, placing_turn, ran
from bot.wiring.rehearsed import rehearsed

STRIDE = 17  # `hedgebot simulate --grid` runs every point


def test_every_sampled_death_ends_with_one_order_for_each_intent_and_every_promise_kept():
    whole = grid(rehearsed, STRIDE, cores=1)
    assert whole.problems == ()
    assert whole.points == whole.died + len(columns())
    assert whole.died >= len(columns()) * (whole.moments // STRIDE)


def test_there_are_twelve_answers_and_three_policies_each_under_a_name_of_its_own():
    assert len({reply.name for reply in ANSWERS}) == len(ANSWERS) == 12
    assert len(set(POLICIES)) == len(POLICIES) == 3


def test_a_turn_that_places_has_moments_before_and_after_each_commit_and_each_request():
    lives = ran(rehearsed, Point("exists", ANSWERS[0]))
    assert lives.problem == ""
    moments = [lives.moments[at] for at in placing_turn(lives.moments)]
    for where in ("before COMMIT", "after COMMIT", "before a look", "after a look", "an order is under way", "an order was answered"):
        assert where in moments, where
    assert moments.count("before a commit") == moments.count("after a commit") == 2
    assert moments.index("after a commit") < moments.index("an order is under way"), "the intent is committed before the request"
    assert "while it waits" in moments


def test_no_answer_changes_what_happens_before_it():
    turns = [ran(rehearsed, Point("exists", reply)).moments for reply in ANSWERS[:3]]
    signed = turns[0].index("an order is under way")
    assert all(moments[: signed + 1] == turns[0][: signed + 1] for moments in turns)


def test_strides_of_all_offsets_together_come_by_every_moment_once():
    moments = range(7, 31)
    assert sorted(one for offset in range(5) for one in deadly(moments, 5, offset)) == list(moments)


def test_an_order_sent_before_its_intent_is_committed_is_found(monkeypatch):
    record = bot.engine.Engine.record

    async def sent_before(engine, events):
        for event in events:
            if isinstance(event, IntentRecorded) and event.status is OrderStatus.INTENT:
                await engine.hands.place(event.order)
        return await record(engine, events)

    monkeypatch.setattr(bot.engine.Engine, "record", sent_before)
    assert ran(rehearsed, Point("exists", ANSWERS[0])).problem.startswith("i1_")


def test_an_order_forgotten_by_a_restart_is_found(monkeypatch):
    started = ledger.STEPS[RunStarted]

    def forgetful(state, event):
        after = started(state, event)
        return replace(after, legs=tuple(replace(leg, working=None) for leg in after.legs))

    monkeypatch.setitem(ledger.STEPS, RunStarted, forgetful)
    found = [result.problem for result in column(rehearsed, "exists", ANSWERS[0], 4) if result.problem]
    assert found
