"""Who leads what, when processes start, die, sleep and wake? Real processes on a real PostgreSQL server."""

import signal
import time
from contextlib import closing
from datetime import datetime

import pytest

from bot.audit.lease import TTL_MS
from bot.audit.store import Store
from bot.audit.verify import Verdict, verify
from bot.running import UNRECORDED_MS
from tests.audit.freezing import frozen
from tests.workers.crew import PATIENCE, Crew

BAG = "bag: {BTC: {coins: 2}}"


@pytest.fixture
def crew(tmp_path, fresh_server_url):
    made = []

    def make(accounts):
        made.append(Crew(tmp_path, fresh_server_url, accounts))
        return made[-1]

    yield make
    for one in made:
        one.close()


def seconds_between(first, then):
    return (datetime.fromisoformat(then["timestamp"]) - datetime.fromisoformat(first["timestamp"])).total_seconds()


def test_twenty_accounts_spread_over_three_workers_and_one_killed_are_all_led_again_none_twice(crew):
    desk = crew({f"a{number:02}": BAG for number in range(20)})
    workers = desk.start_at_once(3)
    desk.until(lambda: len(desk.holders()) == 20, "all led")
    assert len(desk.spread()) == 3
    for worker in workers:
        looks = worker.said("worker.takes")
        beyond = [one for one in looks if one["leads"] >= 7 and seconds_between(looks[0], one) < TTL_MS / 1000]
        assert not beyond  # more than its share only of what nobody wanted for so long
    dead = workers[0]
    lost = [account for account, holder in desk.holders().items() if f"pid {dead.pid} " in holder]
    desk.led_again_after(dead)
    for worker in workers[1:]:
        worker.signal(signal.SIGTERM)
    assert {worker.ended() for worker in workers[1:]} <= {0, 3}  # 3: stopped while it waited for what the dead one may have under way
    for account in desk.accounts:
        assert len(desk.epochs(account)) <= (2 if account in lost else 1)


def test_a_stopped_leader_is_succeeded_after_the_ttl_and_signs_nothing_when_it_wakes(crew, fresh_server_url):
    desk = crew({"": BAG})
    first = desk.start("--live")
    desk.until(lambda: first.said("order.intent"), "an order of the first")
    second = desk.start("--live")
    assert second.ended() == 3
    assert f"already led by pid {first.pid} on" in second.log[-1]["event"]
    first.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    third = desk.start("--live")
    while third.process.poll() is not None or not third.said("lease.taken_over"):
        if third.process.poll() is not None:  # it came before the beat was old: a supervisor starts it again
            assert third.process.returncode == 3
            assert time.monotonic() - stopped < PATIENCE
            third = desk.start("--live")
        time.sleep(0.1)
    assert time.monotonic() - stopped >= TTL_MS / 1000
    desk.until(lambda: third.said("order.intent"), "an order of the third")
    before = len(first.said("order.intent"))
    first.signal(signal.SIGCONT)
    assert first.ended() == 3
    assert first.said("lease.lost")
    assert len(first.said("order.intent")) == before
    third.signal(signal.SIGTERM)
    assert third.ended() == 0
    assert desk.epochs("main") == [1, 2]
    with closing(Store.read(fresh_server_url, account="main", venue="paper")) as store:
        assert verify(store).verdict is Verdict.GOOD
        assert store.orders(open_only=True) == []


def test_a_worker_told_to_stop_while_the_server_is_frozen_cancels_and_ends_within_seconds(crew, fresh_server_url):
    desk = crew({"a": BAG, "b": BAG})
    worker = desk.start("--worker", "--live")
    desk.until(lambda: {line["account"] for line in worker.said("order.moved") if line["now"] == "OPEN"} == {"a", "b"}, "orders rest")
    with frozen(fresh_server_url):
        began = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 3
        assert time.monotonic() - began < UNRECORDED_MS / 1000 + 7.0
    ended = worker.said("run.ended")
    assert {line["account"] for line in ended} == {"a", "b"}
    assert all("no own order is open, but the record cannot be written" in line["why"] for line in ended)


def test_one_account_that_is_led_elsewhere_or_cannot_start_leaves_the_others_alone(crew):
    desk = crew({"good": BAG, "taken": BAG, "bad": f"{BAG}, paper: {{feed: gone.csv}}"})
    elsewhere = desk.start("--live", "--account", "taken")
    desk.until(lambda: elsewhere.said("order.intent"), "the other process trades")
    both = desk.start("--live")
    desk.until(lambda: both.said("order.intent"), "the good account trades")
    assert {line["account"] for line in both.said("order.intent")} == {"good"}
    told = [line["event"] for line in both.log if str(line["event"]).startswith("error: account ")]
    assert any(f"account taken: account taken is already led by pid {elsewhere.pid}" in line for line in told)
    assert any(line.startswith("error: account bad: ") for line in told)
    both.signal(signal.SIGTERM)
    assert both.ended() == 4  # the worst of all accounts
    elsewhere.signal(signal.SIGTERM)
    assert elsewhere.ended() == 0
