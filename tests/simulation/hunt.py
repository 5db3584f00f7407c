"""How is a planted bug hunted? Seed after seed under its faults, until a promise breaks."""

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.rehearsal.world import Outcome, Plan
from bot.wiring.rehearsed import rehearsed
from tests.simulation.planted import Planted

MOST_SEEDS: Final = 1_000
MOST_SECONDS: Final = 60.0  # of one core


@dataclass(frozen=True)
class Found:
    outcome: Outcome | None
    seeds: int
    seconds: float


def hunted(planted: Planted) -> Found:
    """The first broken promise; the first seed runs twice, so that a run which cannot be repeated is found too."""
    began = time.process_time()
    seeds = (seed for seed in range(planted.first, planted.first + MOST_SEEDS) if seed % 10)  # every tenth is verified by `audit verify`
    for count, seed in enumerate(seeds, 1):
        plan = Plan(seed, Decimal(planted.hours), planted.faults, settings=planted.settings)
        outcome = rehearsed(plan)
        if outcome.invariant:
            return Found(outcome, count, time.process_time() - began)
        if count == 1 and (again := rehearsed(plan)).hash != outcome.hash:
            return Found(
                Outcome(seed, 0, 0, 0, 0, 0, again.hash, (), (), "i25_same_seed_same_trace", f"{outcome.hash} and then {again.hash}"),
                count,
                time.process_time() - began,
            )
        if time.process_time() - began > MOST_SECONDS:
            break
    return Found(None, count, time.process_time() - began)
