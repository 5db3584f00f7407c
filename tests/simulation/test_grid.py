"""Does the bot survive a death at each moment of an order, whatever the venue answers? And would the grid notice if it did not?"""

from dataclasses import replace

import bot.engine
from bot.core import ledger
from bot.core.events import IntentRecorded, RunStarted
from bot.core.model import OrderStatus
from bot.rehearsal.grid import ANSWERS, POLICIES, Point, column, columns, deadly, grid, ran, telling
from bot.rehearsal.process import TURN_BEGINS
from bot.rehearsal.wire import SIGNED_NOW
from bot.wiring.rehearsed import rehearsed

STRIDE = 53  # `hedgebot simulate --grid` runs every point


def placing_turn(moments):
    """The turn in which the first order is signed."""
    signed = moments.index(SIGNED_NOW)
    began = max(at for at, where in enumerate(moments[:signed]) if where == TURN_BEGINS)
    ended = next((at for at, where in enumerate(moments) if at > signed and where == TURN_BEGINS), len(moments))
    return moments[began:ended]


def test_every_sampled_death_ends_with_one_order_for_each_intent_and_every_promise_kept():
    whole = grid(rehearsed, STRIDE, cores=1)
    assert whole.problems == ()
    assert whole.points == whole.died + len(columns())
    assert whole.died >= len(columns())


def test_there_are_twelve_answers_and_three_policies_each_under_a_name_of_its_own():
    assert len({reply.name for reply in ANSWERS}) == len(ANSWERS) == 12
    assert len(set(POLICIES)) == len(POLICIES) == 3


def test_a_turn_that_places_has_moments_before_and_after_each_commit_and_each_request():
    lives = ran(rehearsed, Point("exists", ANSWERS[0]))
    assert lives.problem == ""
    moments = placing_turn(lives.moments)
    for where in ("before COMMIT", "after COMMIT", "before a look", "after a look", "an order is under way", "an order was answered"):
        assert where in moments, where
    assert moments.count("before a commit") == moments.count("after a commit") == 2
    assert moments.index("after a commit") < moments.index("an order is under way"), "the intent is committed before the request"
    assert "while it waits" in moments


def test_a_life_has_moments_of_its_start_its_cancels_its_end_and_of_the_start_that_follows():
    moments = ran(rehearsed, Point("taken", next(one for one in ANSWERS if one.name == "post-only order cancelled"))).moments
    taken = [at for at, where in enumerate(moments) if where == "before the lease is committed"]
    assert len(taken) >= 2
    assert moments[taken[0] :].index(TURN_BEGINS) > 1
    again = moments[taken[-1] :]
    assert again.index("before a look") < again.index(TURN_BEGINS), "before it leads, it looks for epochs that the record has forgotten"
    assert moments.count(SIGNED_NOW) == 2, "what was cancelled is placed anew"


def test_turns_that_only_wait_are_died_in_twice_and_not_for_ever():
    one, other = [TURN_BEGINS, "a", "b"], [TURN_BEGINS, "c"]
    assert telling(["start", *one, *one, *one, *one, *other, *one]) == [0, *range(1, 7), *range(13, 18)]


def test_no_answer_changes_what_happens_before_it():
    turns = [ran(rehearsed, Point("exists", reply)).moments for reply in ANSWERS[:3]]
    signed = turns[0].index("an order is under way")
    assert all(moments[: signed + 1] == turns[0][: signed + 1] for moments in turns)


def test_strides_of_all_offsets_together_come_by_every_moment_once():
    moments = range(7, 31)
    assert sorted(one for offset in range(5) for one in deadly(moments, 5, offset)) == list(moments)


def test_an_order_sent_before_its_intent_is_committed_is_found(monkeypatch):
    record = bot.engine.Engine.record

    async def sent_before(engine, events, thought=None):
        for event in events:
            if isinstance(event, IntentRecorded) and event.status is OrderStatus.INTENT:
                await engine.hands.place(event.order)
        return await record(engine, events, thought)

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
