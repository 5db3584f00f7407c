"""Decisions made again by several processes come out as by one, whatever becomes of the others."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock
from multiprocessing import parent_process
from pathlib import Path

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


@contextmanager
def others_wait() -> Iterator[None]:
    """Where `late_elsewhere` judges: so this process is ahead of the other."""
    with Path(__file__).open() as file:
        flock(file, LOCK_EX)
        try:
            yield
        finally:
            flock(file, LOCK_UN)


def late_elsewhere(state, seen, rules):
    if parent_process() is not None:
        with Path(__file__).open() as file:
            flock(file, LOCK_SH)
    return decide(state, seen, rules)


def told(processes: int, decide=decide) -> list[int]:
    with Judges(decide, RULES_VERSION, processes) as judges:
        with others_wait():
            came = [one for batch in batches() for one in judges.judge(batch, KNOWN)]
        return [one.decided_again for one in (*came, *judges.rest())]


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
        with others_wait():
            for _ in range(10):
                for batch in batches():
                    list(judges.judge(batch, KNOWN))
                    assert (ahead := sum(isinstance(one.came, Future) and not one.came.done() for one in judges.under_way)) <= AHEAD
        assert ahead == AHEAD
        list(judges.rest())


def test_behind_a_broken_decision_nothing_is_told():
    good, *_ = batches()
    forged = [good[0]._replace(record=good[0].record.replace('"why":"', '"why":"otherwise ', 1))]
    with Judges(decide, RULES_VERSION, 1) as judges:
        came = [one for batch in (good, forged, good, good) for one in judges.judge(batch, KNOWN)]
        came += judges.rest()
    assert [one.broken is None for one in came] == [True, False]
