"""Do the promises hold on bad days, and can a rehearsal be repeated?"""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from bot.rehearsal.faults import FAULTS, PROFILES, named, strength, swarm
from bot.rehearsal.invariants import CHECKS
from bot.rehearsal.sweep import Progress, command_of, shrunk, swept
from bot.rehearsal.world import Outcome, Plan
from bot.wiring.rehearsed import rehearsed
from tests.simulation.planted import PLANTED

TWO_HOURS = Decimal(2)
SHORTEST = Decimal("0.5")


@pytest.mark.parametrize("first", range(1, 26, 5))
def test_promises_hold_in_two_hours_of_drawn_faults(first):
    outcomes = [rehearsed(Plan(seed, TWO_HOURS)) for seed in range(first, first + 5)]
    assert [(one.seed, one.invariant, one.problem) for one in outcomes if one.invariant] == []
    assert all(one.turns >= 100 and one.checks > one.turns for one in outcomes)


@pytest.mark.parametrize("profile", PROFILES)
def test_promises_hold_with_every_fault_of_a_profile_at_once(profile):
    outcomes = [rehearsed(Plan(seed, SHORTEST, named((profile,)))) for seed in (101, 102, 103)]
    assert [(one.seed, one.invariant, one.problem) for one in outcomes if one.invariant] == []


def test_a_day_that_ends_in_the_turn_in_which_an_order_was_filled_breaks_no_promise():
    outcome = rehearsed(Plan(6_611_070, TWO_HOURS, ("respec", "step")))
    assert (outcome.invariant, outcome.problem) == ("", "")


def test_a_day_without_faults_ends_hedged_and_strikes_nothing():
    outcome = rehearsed(Plan(1, SHORTEST, ()))
    assert (outcome.invariant, outcome.struck, outcome.runs) == ("", (), 1)
    assert outcome.orders == outcome.trades > 0


def test_the_same_seed_gives_the_same_trace_in_another_process_with_another_hash_seed():
    """Five seeds here, and again where sets have another order."""
    here = [rehearsed(Plan(seed, SHORTEST)).hash for seed in range(1, 6)]
    program = (
        "from decimal import Decimal\nfrom bot.logs import configure\n"
        "from bot.rehearsal.world import Plan\nfrom bot.wiring.rehearsed import rehearsed\n"
        "configure(None, 'critical')\nprint(*(rehearsed(Plan(seed, Decimal('0.5'))).hash for seed in range(1, 6)))"
    )
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": hash_seed}
        )
        assert ran.stdout.split() == here


def test_another_seed_gives_another_trace():
    assert rehearsed(Plan(1, SHORTEST)).hash != rehearsed(Plan(2, SHORTEST)).hash


def test_keeping_the_trace_changes_nothing():
    kept = rehearsed(Plan(3, SHORTEST, trace=True))
    assert kept.lines
    assert kept.hash == rehearsed(Plan(3, SHORTEST)).hash


def test_taking_one_fault_away_leaves_the_others_as_they_were():
    assert strength(7, "crash") == strength(7, "crash") != strength(8, "crash")
    with_it = rehearsed(Plan(7, SHORTEST, ("slow", "forgetful")))
    without = rehearsed(Plan(7, SHORTEST, ("slow",)))
    assert dict(with_it.struck)["slow"] == pytest.approx(dict(without.struck)["slow"], rel=0.2)


def test_every_fault_is_on_in_some_of_a_hundred_seeds_and_none_in_all():
    seeds = [set(swarm(seed)) for seed in range(100)]
    for name in FAULTS:
        assert 0 < sum(name in seed for seed in seeds) < 100, name


def test_every_fault_strikes_somewhere():
    """A fault that never strikes would prove nothing."""
    struck: set[str] = set()
    ending = {"crash", "usurped", "restored"}  # one more process each: a day of its own
    for seed in range(1, 13):
        left = tuple(sorted(set(FAULTS) - struck - ending))
        struck |= {name for name, _ in rehearsed(Plan(seed, TWO_HOURS, left)).struck} if left else set()
    struck |= {name for name, _ in rehearsed(Plan(3, TWO_HOURS, tuple(sorted(ending)))).struck}
    assert set(FAULTS) - struck == set()


def test_a_promise_that_no_planted_bug_breaks_is_named_here():
    """The oracle is tested by its bugs; these promises check the judge itself, or what the type checker and the database hold as well."""
    promises = {check.__name__ for checks in CHECKS.values() for check in checks}
    aimed_at = {name for name in promises for planted in PLANTED for prefix in planted.finds if name.startswith(prefix)}
    assert promises - aimed_at == {
        "i30_amounts_are_exact",
        "i31_nothing_grows_without_bound",
    }


# ------------------------------------------------------------------------------------------------------------------ many seeds


def broken(plan: Plan):
    """A rehearsal in which the faults `lag` and `crash` break a promise together, whatever else is on."""
    fails = {"lag", "crash"} <= set(plan.on)
    return Outcome(
        plan.seed, 1, 1, 0, 0, 1, f"h{plan.seed}", plan.on, tuple((name, 1) for name in plan.on), "i8" if fails else "", "too much", 5
    )


def test_a_failing_seed_is_shrunk_to_the_faults_it_needs():
    plan = Plan(4, TWO_HOURS, named(("all",)))
    least = shrunk(broken, plan, broken(plan))
    assert set(least.on) == {"lag", "crash"}
    assert command_of(least) == "hedgebot simulate --seed 4 --hours 2 --fault lag --fault crash --trace"


def test_a_failing_seed_that_needs_no_fault_says_so():
    assert command_of(Plan(4, SHORTEST, ())) == "hedgebot simulate --seed 4 --hours 0.5 --fault none --trace"


def test_a_sweep_goes_on_where_it_was_interrupted(tmp_path):
    plan = Plan(0, TWO_HOURS, ("slow",))
    first = swept(broken, plan, range(1, 4), cores=1, progress=Progress(tmp_path, plan))
    assert (first.seeds, first.skipped) == (3, 0)
    progress = Progress(tmp_path, plan)
    with progress.file.open("a") as out:
        out.write("4 h4")  # torn by a kill
    again = swept(broken, plan, range(1, 6), cores=1, progress=progress)
    assert (again.seeds, again.skipped) == (2, 3)


def test_a_seed_that_finished_after_a_torn_line_is_kept(tmp_path):
    plan = Plan(0, TWO_HOURS, ("slow",))
    progress = Progress(tmp_path, plan)
    progress.file.write_text("4 h")
    progress.add(broken(replace(plan, seed=5)))
    assert progress.finished() == {5: "h5"}


def test_a_trace_is_compared_with_that_of_the_sweep_before_it(tmp_path):
    plan = Plan(0, TWO_HOURS, ("slow",))
    swept(broken, plan, range(1, 4), cores=1, progress=Progress(tmp_path, plan))

    def drifted(plan: Plan):
        return replace(broken(plan), hash="x")

    again = swept(drifted, plan, range(1, 4), compare=2, cores=1, progress=Progress(tmp_path, plan))
    assert (again.seeds, again.skipped, again.compared) == (0, 3, 2)
    assert [one.invariant for one in again.failed] == ["i25_same_seed_same_trace"] * 2


def test_a_sweep_with_other_parameters_begins_anew(tmp_path):
    swept(broken, Plan(0, TWO_HOURS, ("slow",)), range(1, 4), cores=1, progress=Progress(tmp_path, Plan(0, TWO_HOURS, ("slow",))))
    other = Plan(0, SHORTEST, ("slow",))
    assert swept(broken, other, range(1, 4), cores=1, progress=Progress(tmp_path, other)).seeds == 3


def test_a_failed_seed_is_not_finished(tmp_path):
    plan = Plan(0, TWO_HOURS, ("lag", "crash"))
    assert len(swept(broken, plan, range(1, 3), cores=1, progress=Progress(tmp_path, plan)).failed) == 2
    assert swept(broken, plan, range(1, 3), cores=1, progress=Progress(tmp_path, plan)).seeds == 2


def test_traces_of_the_first_seeds_are_compared():
    hashes = iter("abcabx")

    def drifting(plan: Plan):
        return replace(broken(plan), hash=next(hashes))

    tally = swept(drifting, Plan(0, TWO_HOURS, ("slow",)), range(1, 4), compare=3, cores=1)
    assert tally.compared == 3
    assert [(one.seed, one.invariant) for one in tally.failed] == [(3, "i25_same_seed_same_trace")]


# -------------------------------------------------------------------------------------------------------------- the command line


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "bot", "simulate", *words], capture_output=True, text=True, check=False)


def test_the_command_runs_seeds_and_exits_0():
    ran = simulate("--seeds", "2", "--hours", "0.5", "--compare", "1", "--cores", "2")
    assert ran.returncode == 0, ran.stderr
    assert "2 seeds, " in ran.stdout
    assert "1 traces compared" in ran.stdout
    assert ran.stdout.rstrip().endswith("0 violations")


def test_a_sweep_that_is_killed_loses_no_finished_seed_and_leaves_no_worker_behind(tmp_path):
    words = ("--seeds", "12", "--hours", "0.5", "--compare", "1", "--cores", "2", "--progress", str(tmp_path / "kept"))
    with subprocess.Popen([sys.executable, "-m", "bot", "simulate", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sweep:
        while not (kept := finished(tmp_path / "kept")):
            assert sweep.poll() is None
            time.sleep(0.02)
        workers = psutil.Process(sweep.pid).children(recursive=True)
        sweep.kill()
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    kept = finished(tmp_path / "kept")
    again = json.loads(simulate(*words, "--json").stdout)
    assert (again["skipped"], again["seeds"], again["violations"]) == (len(kept), 12 - len(kept), [])
    assert finished(tmp_path / "kept").items() >= kept.items()


def finished(folder: Path) -> dict[int, str]:
    return Progress(folder, Plan(0, SHORTEST)).finished()


def test_a_trace_is_of_one_seed_and_ends_with_its_hash():
    ran = simulate("--seed", "1", "--hours", "0.5", "--fault", "none", "--trace")
    assert ran.returncode == 0
    assert ran.stdout.splitlines()[-1] == f"trace {rehearsed(Plan(1, SHORTEST, ())).hash}: all promises held"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fault", "sunspots"), "sunspots: no such fault"),
        (("--hours", "a day"), "--hours a day"),
        (("--hours", "0"), "--hours 0"),
        (("--trace",), "name it with --seed"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_with_the_remedy(words, said):
    ran = simulate(*words)
    assert ran.returncode == 2
    assert said in ran.stderr


SOL = (
    "--set",
    "hedges.SOL.instrument=SOL/USDT:USDT",
    "--set",
    "bag.SOL.coins=1",
    "--set",
    "paper.price.SOL=100",
    "--set",
    "paper.collateral.USDT=100",
)


@pytest.mark.parametrize("cores", ["1", "2"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (SOL, "hedges.SOL: a rehearsal plays BTC/USD:BTC, BTC/USDT:USDT, ETH/USD:ETH and ETH/USDT:USDT and no other contract"),
        (("--set", "hedges.ETH.ratio=1", "--set", "bag.ETH.coins=1", "--set", "paper.price.ETH=3000"), "paper.collateral.ETH"),
        (("--set", "risk.max_leverag=2", "--set", "risk.hard_leverag=3"), "hard_leverag"),
    ],
)
def test_a_configuration_that_cannot_be_rehearsed_is_one_line_also_from_another_process(words, said, cores):
    ran = simulate("--first", "2", "--seeds", "2", "--hours", "0.5", "--cores", cores, *words)
    assert (ran.returncode, "Traceback" in ran.stderr) == (4, False)
    assert said in ran.stderr


def test_without_assertions_nothing_would_be_checked_so_it_refuses():
    ran = subprocess.run([sys.executable, "-O", "-m", "bot", "simulate", "--seeds", "1"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "without -O" in ran.stderr
