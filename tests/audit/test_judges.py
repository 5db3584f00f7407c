"""Decisions made again by several processes come out as by one, whatever becomes of the others."""

import os
import time
from concurrent.futures import Future
from multiprocessing import parent_process

import pytest

from bot.audit.again import Entry
from bot.audit.codec import at_ms, encode
from bot.audit.judges import AHEAD, Judges
from bot.core.decide import RULES_VERSION, decide
from bot.core.events import DecisionMade
from tests.audit.worlds import RULES, session

MADE = [event for event in session("aa") if isinstance(event, DecisionMade)]
KNOWN = {MADE[0].rules_hash: RULES}
BATCHES = 12


def batches() -> list[list[Entry]]:
    """Each of one decision more than the one before."""
    entries = [Entry(seq, "DecisionMade", at_ms(MADE[seq % len(MADE)]), encode(MADE[seq % len(MADE)])) for seq in range(1, BATCHES + 1)]
    return [entries[:count] for count in range(1, BATCHES + 1)]


def dies_elsewhere(state, seen, rules):
    if parent_process() is not None:
        os._exit(1)
    return decide(state, seen, rules)


def late_elsewhere(state, seen, rules):
    """So that this process is ahead of the other."""
    if parent_process() is not None:
        time.sleep(0.02)
    return decide(state, seen, rules)


def told(processes: int, decide=decide) -> list[int]:
    with Judges(decide, RULES_VERSION, processes) as judges:
        return [came.decided_again for answers in (*(judges.judge(batch, KNOWN) for batch in batches()), judges.rest()) for came in answers]


@pytest.mark.parametrize("judge", [decide, late_elsewhere, dies_elsewhere])
def test_every_batch_is_told_once_and_in_its_order(judge):
    assert told(2, judge) == told(0) == list(range(1, BATCHES + 1))


def test_where_no_process_can_be_started_everything_is_judged_here(monkeypatch):
    def refused(count):
        raise OSError("too many processes")

    monkeypatch.setattr("bot.audit.judges.helpers", refused)
    assert told(2) == told(0)


def test_others_have_a_few_batches_in_advance_and_no_more():
    """What is not judged yet is held in memory."""
    with Judges(late_elsewhere, RULES_VERSION, 1) as judges:
        for _ in range(10):
            for batch in batches():
                list(judges.judge(batch, KNOWN))
                assert sum(isinstance(one.came, Future) and not one.came.done() for one in judges.under_way) <= AHEAD
        list(judges.rest())


def test_behind_a_broken_decision_nothing_is_told():
    good, *_ = batches()
    forged = [good[0]._replace(record=good[0].record.replace('"why":"', '"why":"otherwise ', 1))]
    with Judges(decide, RULES_VERSION, 1) as judges:
        came = [one for batch in (good, forged, good, good) for one in judges.judge(batch, KNOWN)]
        came += judges.rest()
    assert [one.broken is None for one in came] == [True, False]
