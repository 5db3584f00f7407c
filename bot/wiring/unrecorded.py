"""What is every engine made of, and what is one that keeps no record?"""

from decimal import Decimal
from typing import Final, TypedDict

from bot.core.events import RunStarted
from bot.core.ledger import fold
from bot.core.memory import State
from bot.core.model import Instrument
from bot.core.rules import Rules
from bot.course import Course
from bot.engine import Engine, Parts
from bot.gate import SignGate
from bot.ports import Clock, Exchange, Holdings, Mover, Targets
from bot.program import program_version
from bot.replay import Unrecorded
from bot.settings import Settings, config_hash, overrides
from bot.wiring.bag import declared
from bot.wiring.measures import NOTHING_MEASURED, Measuring
from bot.wiring.venue import mover

NOBODY: Final = "00"  # the instance of whoever has no database


class CommonParts(TypedDict):
    """What every engine is given, whether its time and its record are real or not."""

    rules: Rules
    config_hash: str
    exchange: Exchange
    holdings: Holdings
    clock: Clock
    gate: SignGate
    cycle_ms: int
    run_id: str
    overrides: tuple[str, ...]
    unhedged: tuple[tuple[str, Decimal], ...]
    mover: Mover | None


def common_parts(
    settings: Settings, start: RunStarted, exchange: Exchange, clock: Clock, gate: SignGate, holdings: Holdings | None
) -> CommonParts:
    """Without `holdings` the bag is what is declared of it."""
    return CommonParts(
        rules=start.rules,
        config_hash=start.config_hash,
        exchange=exchange,
        holdings=holdings or declared(settings),
        clock=clock,
        gate=gate,
        cycle_ms=int(settings.cycle_seconds * 1000),
        run_id=start.run_id,
        overrides=start.overrides,
        unhedged=tuple(settings.unhedged.items()),
        mover=mover(exchange),
    )


def unrecorded_engine(
    settings: Settings,
    rules: Rules,
    instruments: dict[str, Instrument],
    exchange: Exchange,
    clock: Clock,
    gate: SignGate,
    remembered: State,
    *,
    run_id: str,
    armed: bool,
    measuring: Measuring = NOTHING_MEASURED,
    holdings: Holdings | None = None,
    targets: Targets | None = None,
    course: Course | None = None,
) -> Engine:
    """An engine that goes on from `remembered` and whose own record is kept nowhere; orders and fills in `course`, if there is one."""
    by_word = overrides(settings)
    start = RunStarted(run_id, program_version(), 1, config_hash(settings), rules, rules.live, armed, armed, clock.now_ms(), by_word)
    state = fold(remembered, start)
    gate.lease_held = True
    common = common_parts(settings, start, exchange, clock, gate, holdings)
    parts = Parts(
        **common,
        targets=targets,
        audit=Unrecorded(state, course),
        instruments=instruments,
        record_every_ms=None,
        measures=measuring.measures,
        crosses=measuring.crosses,
    )
    return Engine(parts, state)
