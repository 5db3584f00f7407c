"""Do the two machines move only by their tables?"""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core import machine
from bot.core.decision import Mode
from bot.core.machine import ORDER_TRANSITIONS, TRANSITIONS, BotEvent, Facts, IllegalMove
from bot.core.memory import State
from bot.core.model import TERMINAL, OrderStatus

PAIRS = list(itertools.product(Mode, BotEvent))
STATUSES = list(itertools.product(OrderStatus, OrderStatus))
FACTS = [Facts(*values) for values in itertools.product((False, True), repeat=4)]
STATES = [
    State("main", "aa", mode=mode, paused=paused, killed=killed, flattening=flattening, stopping=stopping)
    for mode, paused, killed, flattening, stopping in itertools.product(Mode, (False, True), (None, "why"), (False, True), (False, True))
]


@pytest.mark.parametrize(("mode", "event"), PAIRS)
def test_the_bot_moves_by_its_table_or_not_at_all(mode: Mode, event: BotEvent) -> None:
    if (mode, event) in TRANSITIONS:
        assert machine.step(mode, event) is TRANSITIONS[mode, event]
    else:
        with pytest.raises(IllegalMove, match=event):
            machine.step(mode, event)


@pytest.mark.parametrize(("was", "now"), STATUSES)
def test_an_order_moves_by_its_table_or_not_at_all(was: OrderStatus, now: OrderStatus) -> None:
    if was is now or now in ORDER_TRANSITIONS[was]:
        assert machine.order_step(was, now) is now
    else:
        with pytest.raises(IllegalMove, match=f"{was} to {now}"):
            machine.order_step(was, now)


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_terminal_order_stays_where_it_is(status: OrderStatus) -> None:
    assert ORDER_TRANSITIONS[status] == frozenset()
    assert machine.order_path(status, status) == ()


def test_exactly_the_terminal_states_have_no_way_out() -> None:
    assert {status for status in OrderStatus if not ORDER_TRANSITIONS[status]} == set(TERMINAL)


def test_every_order_state_is_reached_from_planned() -> None:
    reached = {OrderStatus.PLANNED}
    while more := {now for was in reached for now in ORDER_TRANSITIONS[was]} - reached:
        reached |= more
    assert reached == set(OrderStatus)


def test_every_row_of_the_bots_table_is_walked_by_some_turn() -> None:
    walked = {(move.was, move.event) for state in STATES for facts in FACTS for move in machine.moves(state, facts)}
    assert walked == {(mode, event.value) for mode, event in TRANSITIONS}


def test_no_turn_walks_a_step_without_a_row_and_each_one_comes_to_rest() -> None:
    for state, facts in itertools.product(STATES, FACTS):
        moves = machine.moves(state, facts)
        assert len(moves) <= 6
        for move in moves:
            assert TRANSITIONS[move.was, BotEvent(move.event)] is move.now
        for before, after in itertools.pairwise(moves):
            assert before.now is after.was
        rested = replace(state, mode=moves[-1].now) if moves else state
        if any(move.event == BotEvent.FLAT for move in moves):
            rested = replace(rested, killed="flattened", flattening=False)
        if state.mode is not Mode.STARTING:
            assert machine.moves(rested, facts) == (), "a second turn with the same facts moves nothing: no flapping"


def test_a_kill_or_a_stop_is_never_outranked() -> None:
    for state, facts in itertools.product(STATES, FACTS):
        moves = machine.moves(state, facts)
        end = moves[-1].now if moves else state.mode
        if state.stopping:
            assert end is Mode.STOPPING
        elif state.killed and state.mode not in (Mode.STARTING, Mode.STOPPING):
            assert end is (Mode.CANCEL_ONLY if facts.unfinished and state.mode is not Mode.HALTED else Mode.HALTED)


def test_a_flatten_called_off_by_rearm_leads_back_to_reconciling() -> None:
    facts = Facts(doubtful=True, working=False, unfinished=False, flat=False)
    (move,) = machine.moves(State("main", "aa", mode=Mode.REDUCING), facts)
    assert (move.event, move.now) == ("Rearmed", Mode.RECONCILING)


def test_trading_starts_with_the_turn_after_the_first_look() -> None:
    facts = Facts(doubtful=False, working=True, unfinished=False, flat=True)
    assert [move.now for move in machine.moves(State("main", "aa"), facts)] == [Mode.RECONCILING]


@given(st.sampled_from(OrderStatus), st.sampled_from(OrderStatus))
def test_an_order_path_is_a_walk_through_the_table_and_never_through_unknown(was: OrderStatus, now: OrderStatus) -> None:
    try:
        path = machine.order_path(was, now)
    except IllegalMove:
        return
    assert path[-1:] == (() if was is now else (now,))
    for step_was, step_now in itertools.pairwise((was, *path)):
        assert step_now in ORDER_TRANSITIONS[step_was]
    assert OrderStatus.UNKNOWN not in path[:-1]


@pytest.mark.parametrize(
    ("was", "now", "path"),
    [
        ("INTENT", "FILLED", ("SIGNED", "ACKED", "FILLED")),
        ("SIGNED", "OPEN", ("ACKED", "OPEN")),
        ("UNKNOWN", "CANCELLED", ("CANCELLED",)),
        ("PARTIAL", "FILLED", ("FILLED",)),
        ("INTENT", "ABSENT", ("ABSENT",)),
        ("OPEN", "ABSENT", None),
        ("CANCELLED", "OPEN", None),
        ("PARTIAL", "OPEN", None),
        ("OPEN", "REJECTED", None),
    ],
)
def test_the_shortest_way_of_an_order(was: str, now: str, path: tuple[str, ...] | None) -> None:
    if path is None:
        with pytest.raises(IllegalMove):
            machine.order_path(OrderStatus(was), OrderStatus(now))
    else:
        assert machine.order_path(OrderStatus(was), OrderStatus(now)) == path


def test_the_drawings_show_every_row() -> None:
    drawn = machine.mermaid()
    for (was, event), now in TRANSITIONS.items():
        if event is not BotEvent.STOP_ASKED:
            assert f"    {was} --> {now}: {event}" in drawn["bot"].splitlines()
    assert "StopAsked leads here from each of the other 8 states" in drawn["bot"]
    rows = {f"    {was} --> {now}" for was, nows in ORDER_TRANSITIONS.items() for now in nows}
    rows |= {f"    {status} --> [*]" for status in TERMINAL} | {"    [*] --> PLANNED"}
    assert set(drawn["order"].splitlines()[1:]) == rows
