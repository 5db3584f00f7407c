"""What may be signed when the lease is in doubt? The gate asks no database: it goes by its own clock."""

import pytest

from adapters.clock import VirtualClock
from bot.core.memory import State, changed
from bot.gate import SignGate
from bot.ports import NotSent
from tests.api.worlds import order
from tests.engine.bots import BEGAN_MS

TTL_MS = 15_000
ORDER = order(deadline_mono_ms=10**9)


class Switch:
    """No kill file, until the test says otherwise."""

    there: bool | None = False

    def read(self) -> bool | None:
        return self.there

    def set(self, reason: str) -> None: ...

    def clear(self) -> None: ...


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(BEGAN_MS)


@pytest.fixture
def gate(clock) -> SignGate:
    made = SignGate(clock, Switch())
    made.state = State(account="main", instance="aa", live=True, armed=True)
    made.lease_held, made.lease_ttl_ms = True, TTL_MS
    return made


def wait(clock: VirtualClock, duration_ms: int) -> None:
    clock.advance_to(clock.now_ms() + duration_ms)


def test_a_lease_counts_for_the_ttl_after_it_was_asked_for_and_no_longer(gate, clock):
    wait(clock, TTL_MS - 1)
    gate.check(ORDER)
    wait(clock, 1)
    with pytest.raises(NotSent, match="slept past its lease"):
        gate.check(ORDER)


def test_a_process_that_slept_past_its_lease_signs_not_even_a_cancel(gate, clock):
    wait(clock, TTL_MS)
    with pytest.raises(NotSent, match="slept past its lease"):
        gate.check(None)


def test_while_the_database_does_not_answer_cancels_go_out_and_orders_do_not(gate, clock):
    gate.lease_asked_in_vain = True
    wait(clock, TTL_MS)
    gate.check(None)
    with pytest.raises(NotSent, match="could not be proven in time"):
        gate.check(ORDER)


def test_a_proof_counts_from_when_it_was_asked_for_not_from_when_it_arrived(gate, clock):
    asked = clock.mono_ms()
    wait(clock, TTL_MS - 1)
    gate.lease_proven(asked)
    wait(clock, 1)
    assert gate.lease_run_out()
    gate.lease_proven(clock.mono_ms())
    gate.check(ORDER)
    gate.lease_proven(asked)  # an answer that was overtaken takes nothing back
    gate.check(ORDER)


def test_a_lost_lease_signs_no_order_however_fresh_its_proof(gate):
    gate.lease_held = False
    with pytest.raises(NotSent, match="the lease on this account is not ours"):
        gate.check(ORDER)


def test_on_a_file_the_lease_lasts_as_long_as_the_process(gate, clock):
    gate.lease_ttl_ms = None
    wait(clock, 10**8)
    gate.check(order(deadline_mono_ms=10**9))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"armed": False}, "dry-run is on"),
        ({"killed": "by hand"}, "killed: by hand"),
        ({"paused": True}, "paused"),
        ({"stopping": True}, "stopping"),
    ],
)
def test_a_word_that_came_while_an_order_waited_stops_it_and_no_cancel(gate, said, why):
    gate.state = changed(gate.state, **said)
    with pytest.raises(NotSent, match=why):
        gate.check(ORDER)
    gate.check(None)


@pytest.mark.parametrize(("there", "why"), [(True, "the kill file is there"), (None, "the kill file cannot be read")])
def test_a_kill_file_that_is_there_or_cannot_be_read_stops_an_order_and_no_cancel(gate, there, why):
    gate.kill_switch.there = there
    with pytest.raises(NotSent, match=why):
        gate.check(ORDER)
    gate.check(None)


def test_an_order_may_be_signed_until_its_deadline_and_no_millisecond_later(gate, clock):
    waiting = order(deadline_mono_ms=clock.mono_ms() + 1_000)
    wait(clock, 1_000)
    gate.check(waiting)
    wait(clock, 1)
    with pytest.raises(NotSent, match="waited past its deadline"):
        gate.check(waiting)
    gate.check(None)


@pytest.mark.parametrize(
    "state", [None, State(account="main", instance="aa", live=False, armed=True)], ids=["no state yet", "mode: dry-run"]
)
def test_under_mode_dry_run_and_before_the_record_was_read_not_even_a_cancel_is_signed(gate, state):
    gate.state = state
    for asked in (ORDER, None):
        with pytest.raises(NotSent, match="mode: dry-run"):
            gate.check(asked)
