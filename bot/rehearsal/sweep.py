"""How are many seeds run? On all cores, each once for each state of the code; and a failing one with ever fewer faults, until each of
those left is needed.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from bot.helping import follow_parent
from bot.logs import configure
from bot.program import code_hash
from bot.rehearsal.world import Outcome, Plan

Rehearse = Callable[[Plan], Outcome]
AHEAD: Final = 3  # seeds that are handed to each core in advance


@dataclass(slots=True)
class Tally:
    """What came of all seeds."""

    seeds: int = 0
    skipped: int = 0  # finished in an earlier sweep of the same code
    turns: int = 0
    checks: int = 0
    orders: int = 0
    trades: int = 0
    runs: int = 0
    compared: int = 0
    struck: dict[str, int] = field(default_factory=dict)
    failed: list[Outcome] = field(default_factory=list)
    only: Outcome | None = None  # the last one

    def count(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.only = outcome
        self.turns += outcome.turns
        self.checks += outcome.checks
        self.orders += outcome.orders
        self.trades += outcome.trades
        self.runs += outcome.runs
        for name, times in outcome.struck:
            self.struck[name] = self.struck.get(name, 0) + times
        if outcome.invariant:
            self.failed.append(outcome)


class Progress:
    """Which seeds are finished, kept in a file named after the code and the parameters: another state of either begins anew."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        said = f"{code_hash()} {plan.hours} {plan.faults} {plan.settings}"
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"{sha256(said.encode()).hexdigest()[:16]}.txt"

    def finished(self) -> dict[int, str]:
        """Seeds and their trace hashes. The last line of a run that was killed may be torn: it does not count."""
        if not self.file.exists():
            return {}
        lines = (line.split() for line in self.file.read_text(encoding="ascii").splitlines())
        return {int(words[0]): words[1] for words in lines if len(words) == 3 and words[2] == "ok"}

    def add(self, outcome: Outcome) -> None:
        """After whatever a kill left of the line before."""
        torn = "\n" if self.file.exists() and not self.file.read_bytes().endswith(b"\n") else ""
        with self.file.open("a", encoding="ascii") as out:
            out.write(f"{torn}{outcome.seed} {outcome.hash} ok\n")


def swept(
    rehearse: Rehearse,
    plan: Plan,
    seeds: Iterable[int],
    *,
    compare: int = 0,
    cores: int | None = None,
    progress: Progress | None = None,
    tell: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Every seed once; the first `compare` of them a second time, in whatever process comes: the traces must be the same, also as those of
    an earlier sweep that was interrupted."""
    tally = Tally()
    seeds = list(seeds)
    twice = seeds[:compare]
    done = progress.finished() if progress is not None else {}
    hashes = {seed: done[seed] for seed in seeds if seed in done}
    counted = set(hashes)
    todo = [seed for seed in seeds if seed not in done]
    tally.skipped = len(seeds) - len(todo)
    for outcome in outcomes(rehearse, [replace(plan, seed=seed) for seed in (*todo, *twice)], cores):
        before = hashes.setdefault(outcome.seed, outcome.hash)
        if outcome.seed in counted:
            tally.compared += 1
            if before != outcome.hash:
                tally.failed.append(replace(outcome, invariant="i25_same_seed_same_trace", problem=f"{before} and then {outcome.hash}"))
            continue
        counted.add(outcome.seed)
        tally.count(outcome)
        if progress is not None and not outcome.invariant:
            progress.add(outcome)
        tell(tally)
    return tally


def outcomes(rehearse: Rehearse, plans: Sequence[Plan], cores: int | None) -> Iterator[Outcome]:
    """As they come."""
    cores = cores or os.cpu_count() or 1
    if cores == 1 or len(plans) == 1:
        yield from map(rehearse, plans)
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=quiet) as pool:
        left = iter(plans)
        running: set[Future[Outcome]] = set()
        while True:
            for plan in left:
                running.add(pool.submit(rehearse, plan))
                if len(running) >= AHEAD * cores:
                    break
            if not running:
                return
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for one in ready:
                yield one.result()


def quiet() -> None:
    """What bots say in a rehearsal is in its trace; a hundred of them need no log."""
    configure(None, "critical")
    follow_parent()


def shrunk(rehearse: Rehearse, plan: Plan, failed: Outcome) -> Plan:
    """The same seed with the fewest faults that still break the same invariant: each of them is needed."""

    def still(faults: tuple[str, ...]) -> bool:
        return rehearse(replace(plan, faults=faults, trace=False)).invariant == failed.invariant

    faults = failed.faults
    seen = {name for name, _ in failed.struck}
    struck = tuple(name for name in faults if name in seen)
    if struck != faults and still(struck):
        faults = struck
    size = max(1, len(faults) // 2)
    while True:
        for start in range(0, len(faults), size):
            fewer = faults[:start] + faults[start + size :]
            if still(fewer):
                faults = fewer
                break
        else:
            if size == 1:
                return replace(plan, faults=faults)
            size //= 2
            continue
        size = min(size, max(1, len(faults)))


def command_of(plan: Plan) -> str:
    """What to type to see this rehearsal again."""
    words = ["hedgebot", "simulate", f"--seed {plan.seed}", f"--hours {plan.hours:f}"]
    if plan.faults is not None:
        words += [f"--fault {name}" for name in plan.faults or ("none",)]
    words += [f"--set {key}={value}" for key, value in plan.settings]
    return " ".join((*words, "--trace"))
