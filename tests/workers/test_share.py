"""Which account does a worker take next? Its rule alone, without a server or a clock."""

import random

import pytest

from bot.workers import Choice, Seen, Share

TWENTY = tuple(f"a{number:02}" for number in range(20))
NOBODY = frozenset()


def share(accounts=TWENTY) -> Share:
    return Share(accounts, ttl_ms=15_000, chance=random.Random(1))


@pytest.mark.parametrize(("workers", "fair"), [(1, 20), (2, 10), (3, 7), (20, 1), (30, 1)])
def test_a_worker_takes_free_accounts_up_to_its_fair_share(workers, fair):
    mine, worker = set(), share()
    for look in range(30):
        choice = worker.next(Seen(workers, frozenset(mine), dict.fromkeys(mine, look)), frozenset(mine), NOBODY, look * 100)
        if choice is not None:
            assert choice.over_beat_ms is None
            mine.add(choice.account)
    assert len(mine) == fair


def test_an_account_that_nobody_wants_is_taken_beyond_the_share_after_the_ttl():
    worker, mine = share(("a", "b")), frozenset("a")
    seen = Seen(2, frozenset("a"), {"a": 1})
    assert worker.next(seen, mine, NOBODY, 0) is None
    assert worker.next(seen, mine, NOBODY, 14_999) is None
    assert worker.next(seen, mine, NOBODY, 15_000) == Choice("b")


def test_a_holder_whose_beat_stands_still_for_the_ttl_is_succeeded():
    worker = share(("a",))
    seen = Seen(2, frozenset("a"), {"a": 77})
    assert worker.next(seen, NOBODY, NOBODY, 1_000) is None
    assert worker.next(seen, NOBODY, NOBODY, 15_999) is None
    assert worker.next(seen, NOBODY, NOBODY, 16_000) == Choice("a", over_beat_ms=77)


def test_a_beat_that_moves_starts_the_watch_again_whatever_the_stamp_says():
    worker = share(("a",))
    for look, beat in enumerate((5_000, 3_605_000, 5_001, 2)):  # the server's clock stepped by an hour and back
        assert worker.next(Seen(2, frozenset("a"), {"a": beat}), NOBODY, NOBODY, look * 14_000) is None


def test_a_holder_that_has_not_told_of_itself_yet_is_left_alone():
    worker, seen = share(("a",)), Seen(2, frozenset("a"), {})
    assert worker.next(seen, NOBODY, NOBODY, 0) is None
    assert worker.next(seen, NOBODY, NOBODY, 60_000) is None


def test_an_account_that_ended_badly_here_is_left_to_others():
    worker, seen = share(("a",)), Seen(1, NOBODY, {})
    assert worker.next(seen, NOBODY, frozenset("a"), 0) is None
    assert worker.next(seen, NOBODY, NOBODY, 1) == Choice("a")
