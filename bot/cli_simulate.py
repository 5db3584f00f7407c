"""What would the bot do on a bad day? Seeds on the command line become rehearsals on every core."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import typer

from bot.cli_config import flags_from
from bot.cli_exit import Wrong, say
from bot.exit_codes import Exit
from bot.rehearsal.faults import FAULTS, PROFILES, named
from bot.rehearsal.grid import grid
from bot.rehearsal.sweep import Progress, Tally, command_of, shrunk, swept
from bot.rehearsal.world import Outcome, Plan
from bot.wiring.rehearsed import rehearsed

MOST_HOURS: Final = Decimal(24 * 31)
MOST_SHRUNK: Final = 5  # failing seeds whose faults are narrowed down; the rest is listed as it is
TELL_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `simulate`, as it was typed."""

    seeds: int
    first: int
    hours: str
    faults: Sequence[str]
    seed: int | None
    trace: bool
    compare: int
    progress: Path | None
    cores: int | None
    sets: Sequence[str]


def simulated(asked: Asked) -> dict[str, Any]:
    """The fields of `simulate --json`. Raise Wrong."""
    plan = plan_of(asked)
    began = time.perf_counter()
    seeds = range(asked.first, asked.first + asked.seeds) if asked.seed is None else (asked.seed,)
    if asked.trace and asked.seed is None:
        raise Wrong(Exit.USAGE, "--trace: it is of one rehearsal: name it with --seed")
    progress = None if asked.progress is None else Progress(asked.progress, plan)
    tally = swept(rehearsed, plan, seeds, compare=asked.compare, cores=asked.cores, progress=progress, tell=Teller(len(seeds)))
    return {
        "seeds": tally.seeds,
        "skipped": tally.skipped,
        "cycles": tally.turns,
        "checks": tally.checks,
        "orders": tally.orders,
        "trades": tally.trades,
        "restarts": tally.runs - tally.seeds,
        "compared": tally.compared,
        "faults": dict(sorted(tally.struck.items())),
        "violations": [violation(plan, outcome, narrow=at < MOST_SHRUNK) for at, outcome in enumerate(tally.failed)],
        "hash": tally.only.hash if asked.seed is not None and tally.only is not None else None,
        "seconds": round(time.perf_counter() - began, 3),
    }


def traced(asked: Asked) -> Outcome:
    """One rehearsal with every line of its trace. Raise Wrong."""
    if asked.seed is None:
        raise Wrong(Exit.USAGE, "--trace: it is of one rehearsal: name it with --seed")
    return rehearsed(replace(plan_of(asked), seed=asked.seed, trace=True))


def require_assertions() -> None:
    if not __debug__:
        raise Wrong(Exit.USAGE, "python -O leaves the checks of a rehearsal out: run it without -O")


def plan_of(asked: Asked) -> Plan:
    require_assertions()
    try:
        hours = Decimal(asked.hours)
    except InvalidOperation:
        hours = Decimal(-1)
    if not hours.is_finite() or not 0 < hours <= MOST_HOURS:
        raise Wrong(Exit.USAGE, f"--hours {asked.hours}: write a number of hours up to {MOST_HOURS}, as in --hours 2")
    try:
        faults = named(asked.faults) if asked.faults else None
    except KeyError as error:
        known = f"profiles: {', '.join(PROFILES)}; faults: {', '.join(FAULTS)}; or none, or all"
        raise Wrong(Exit.USAGE, f"--fault {error.args[0]}: no such fault. {known}") from None
    return Plan(asked.seed or 0, hours, faults, settings=tuple(sorted(flags_from(asked.sets).items())))


class Teller:
    """A line on stderr now and then."""

    def __init__(self, seeds: int) -> None:
        self.seeds = seeds
        self.next_at = time.monotonic() + TELL_SECONDS

    def __call__(self, tally: Tally) -> None:
        if time.monotonic() >= self.next_at:
            self.next_at = time.monotonic() + TELL_SECONDS
            say(f"{tally.seeds:,} seeds, {tally.turns:,} cycles, {len(tally.failed)} violations")


def violation(plan: Plan, failed: Outcome, *, narrow: bool) -> dict[str, Any]:
    """What broke, and how to see it again: with the fewest faults that still break it."""
    whole = replace(plan, seed=failed.seed)
    least = shrunk(rehearsed, whole, failed) if narrow and not failed.invariant.startswith("i25") else whole
    return {
        "seed": failed.seed,
        "invariant": failed.invariant,
        "problem": failed.problem,
        "at_seconds": failed.at_ms // 1000,
        "faults": list(least.on),
        "replay": command_of(least),
    }


def gridded(cores: int | None) -> dict[str, Any]:
    """The fields of `simulate --grid --json`."""
    require_assertions()
    began = time.perf_counter()
    whole = grid(rehearsed, cores=cores)
    return {
        "points": whole.points,
        "answers": whole.answers,
        "policies": whole.policies,
        "moments": whole.moments,
        "deaths": whole.died,
        "violations": list(whole.problems),
        "seconds": round(time.perf_counter() - began, 3),
    }


def grid_told(said: dict[str, Any]) -> None:
    typer.echo(
        f"{said['points']:,} points in {said['seconds']:.1f} s: {said['answers']} answers of the venue, {said['policies']} ways to treat"
        f" a known client id, death at each of up to {said['moments']} moments of a life"
    )
    for one in said["violations"]:
        typer.echo(f"VIOLATION {one}")
    typer.echo(f"{len(said['violations'])} violations")


def told(said: dict[str, Any]) -> None:
    """The answer as lines."""
    skipped = f" ({said['skipped']:,} finished before)" if said["skipped"] else ""
    typer.echo(f"{said['seeds']:,} seeds{skipped}, {said['cycles']:,} cycles, {said['checks']:,} checks in {said['seconds']:.1f} s")
    typer.echo(f"{said['orders']:,} orders signed, {said['trades']:,} trades at the venue, {said['restarts']:,} restarts")
    typer.echo(f"{sum(said['faults'].values()):,} faults struck, of {len(said['faults'])} kinds")
    if said["compared"]:
        typer.echo(f"{said['compared']} traces compared")
    if said["hash"]:
        typer.echo(f"trace {said['hash']}")
    for one in said["violations"]:
        typer.echo(f"\nVIOLATION in seed {one['seed']} after {one['at_seconds']} s: {one['invariant']}: {one['problem']}")
        typer.echo(f"  faults needed: {', '.join(one['faults']) or 'none'}\n  see it again:  {one['replay']}")
    typer.echo(f"{len(said['violations'])} violations")
