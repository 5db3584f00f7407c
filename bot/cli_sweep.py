"""What would have happened in each of many ways? The replays of a grid, ranked, kept in Parquet, and drawn as a heat map."""

import asyncio
import gc
import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache, partial
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from bot.cli_exit import Wrong, say
from bot.cli_grid import Combination, Grid, grid_of
from bot.cli_picture import require_picture, require_place, write_picture
from bot.cli_replay import fitted, history_of, reads_of, untold, words_of
from bot.core.events import CommandGiven
from bot.core.model import settle_of
from bot.exit_codes import Exit
from bot.ports import Misconfigured
from bot.program import code_hash
from bot.settings import Settings, SettingsError
from bot.sweep import parquet
from bot.sweep.attempt import Answer, Ended, Failed, Files, Stopped, in_place
from bot.sweep.cores import on_cores
from bot.sweep.finished import Journal
from bot.sweep.heat import Heat, heat_map
from bot.sweep.results import COINS, HIGHER, MEASURES, SAID, Result, ranked, result
from bot.wiring.coverage import settlements_follow, spoken_before, uncovered, without_funding
from bot.wiring.past import History, Recorded, recorded, replay

TELL_SECONDS: Final = 10.0
PERIODS: Final = 16  # that are held in memory
OTHERS: Final = (  # endings that promise something else
    *(".csv", ".tsv", ".txt", ".json", ".jsonl", ".xls", ".xlsx", ".feather", ".arrow", ".ipc", ".html", ".svg", ".png", ".pdf"),
    *(".yaml", ".yml", ".journal", ".db", ".sqlite", ".gz", ".zip"),
)
MOST_REFUSED: Final = 5  # combinations that are named; the rest is counted

Named = tuple[tuple[str, str], ...]  # asset and file


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `sweep`, as it was typed."""

    grid: Path
    to: Path | None
    by: str | None
    top: int
    heat: Path | None
    x: str | None
    y: str | None
    cores: int | None
    scheduler: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """One replay: everything that its answer depends on, but for the program."""

    key: str
    history: History
    settings: Settings
    commands: Sequence[CommandGiven]


def swept(asked: Asked, tell: Callable[[dict[str, Any]], None] = untold) -> dict[str, Any]:
    """The fields of `sweep --json`; `tell` has them before the heat map is drawn. Raise Wrong, SettingsError or HistoryError."""
    began = time.perf_counter()
    grid = grid_of(asked.grid)
    by = measure_of(asked.by) or grid.rank_by or MEASURES[0]
    axes = None
    file = asked.to or Path(f"{asked.grid.stem}.parquet")
    reads = {one for combination in grid.combinations for one in reads_of(combination.asked)}
    require_place(file, "--to", {asked.grid, *reads})
    if asked.heat is not None:
        require_picture(asked.heat, "--heat", {asked.grid, file, *reads})
        axes = axes_of(asked, grid)
    if file.suffix.lower() in OTHERS:
        raise Wrong(Exit.USAGE, f"--to {file}: results are written in Parquet; name a file that ends in .parquet")
    try:
        parquet.require()
        with Journal(file.with_suffix(".journal")) as journal:
            require_own(file, journal)
            with uncollected():
                jobs = jobs_of(grid)
            require_one_currency(by, jobs)
            before = set(journal.finished) & {job.key for job in jobs}
            if strange := len(journal.finished) - len(before):
                say(f"note: {journal.file} also keeps {strange:,} results of another grid, other prices or another version of hedgebot")
            left = list({job.key: job for job in jobs if job.key not in before}.values())
            with interruptible():
                try:
                    failed = made(left, journal, asked, len(jobs))
                except KeyboardInterrupt:
                    kept = sum(job.key in journal.finished for job in jobs)
                    where = f"{kept:,} of {len(jobs):,} runs are kept in {journal.file}; the same command goes on from there"
                    say(f"interrupted: {where if kept else 'no run was finished, and nothing is kept'}")
                    raise
            each = [(job.key, one.varied) for job, one in zip(jobs, grid.combinations, strict=True)]
            found = [result(key, varied, journal.finished[key]) for key, varied in each if key in journal.finished]
            if found:  # a file with nothing in it would stand in the way of the same command, once the grid is mended
                parquet.write(found, file)
    except Stopped as stopped:
        raise Wrong(Exit.FAILURE, str(stopped)) from stopped
    best = ranked(found, by)
    answer = {
        "runs": len(jobs),
        "finished_before": sum(job.key in before for job in jobs),
        "failed": [{**varied, "why": failed[key]} for key, varied in each if key in failed],
        "ranked_by": by,
        "file": str(file) if found else None,
        "heat_map": None if asked.heat is None else str(asked.heat),
        "results": [one.row() for one in best],
        "seconds": round(time.perf_counter() - began, 3),
    }
    tell(answer)
    if asked.heat is not None and axes is not None:
        draw(grid, best, by, axes, asked.heat)
    return answer


@contextmanager
def uncollected() -> Iterator[None]:
    """Thousands of settings are made and all of them stay: looking again and again for those that could go costs a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def interruptible() -> Iterator[None]:
    """By the first Ctrl-C: a second one would disturb what makes an end."""

    def interrupted(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupted:
            signal.signal(signal.SIGINT, before)


@contextmanager
def to_the_end() -> Iterator[None]:
    """Ctrl-C counts after the block. Blocking the signal would not do: other threads hear it too, and Python then tells this one."""
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    for number in heard[:1]:
        signal.raise_signal(number)


def made(left: Sequence[Job], journal: Journal, asked: Asked, whole: int) -> dict[str, str]:
    """Every result into the journal as it comes; which runs failed, and why."""
    failed: dict[str, str] = {}
    with telling(len(left), whole - len(left)) as tell, closing(ended(left, asked)) as results:
        for came in results:
            failed |= {job.key: answer.why for job, answer in came if isinstance(answer, Failed)}
            with to_the_end():  # what came is kept and counted before Ctrl-C ends it
                journal.add({job.key: answer for job, answer in came if not isinstance(answer, Failed)})
            tell(len(came))
    return failed


def ended(left: Sequence[Job], asked: Asked) -> Ended:
    files = in_place(sorted({str(path) for job in left for path in (*job.history.bars.values(), *job.history.rates.values())}))
    if asked.scheduler is not None:
        from bot.sweep.cluster import on_cluster  # Dask is an extra

        return on_cluster(run, left, files, asked.scheduler, program, say)
    from bot.helping import cores

    return on_cores(run, left, files, asked.cores or cores())


@cache
def program() -> str:
    """Which code runs here."""
    return code_hash()


# ---------------------------------------------------------------------------------------------------------------- one run


def run(job: Job, files: Files) -> Answer:
    """What a replay answers. In whatever process; each reads a file once, and prepares a period once."""
    bars = tuple((asset, str(files[str(path)])) for asset, path in job.history.bars.items())
    rates = tuple((asset, str(files[str(path)])) for asset, path in job.history.rates.items())
    read = period(bars, rates, job.history.from_ms, job.history.to_ms)
    said = asyncio.run(driven(job, read))
    return {name: said[name] for name in (*SAID, "seconds")}


async def driven(job: Job, read: Recorded) -> Mapping[str, object]:
    return await (await replay(job.settings, read, job.commands)).run()


@lru_cache(maxsize=PERIODS)
def period(bars: Named, rates: Named, from_ms: int | None, to_ms: int | None) -> Recorded:
    return past(bars, rates).cut(from_ms, to_ms)


@cache
def past(bars: Named, rates: Named) -> Recorded:
    """Whole: periods are cut out of it. Whether it has gaps was asked before."""
    prices, funding = ({asset: Path(name) for asset, name in named} for named in (bars, rates))
    return recorded(History(prices, funding, allow_gaps=True))


# ---------------------------------------------------------------------------------------------------------------- which runs


def jobs_of(grid: Grid) -> list[Job]:
    """One for each combination, judged before any is run. Raise SettingsError, Wrong or HistoryError."""
    contents: dict[Path, str] = {}
    reads: dict[str, Recorded] = {}
    jobs: list[Job] = []
    refused: list[str] = []
    limits: set[str] = set()
    missing: list[str] = []
    for one in grid.combinations:
        try:
            history = history_of(one.asked)
            if (read := reads.get(repr(history))) is None:
                read = reads[repr(history)] = looked_at(history)
                missing += [f"{in_period(one)}{words}" for words in uncovered(read)]
            settings, widened = fitted(one.asked, read)
            commands = words_of(one.asked, settings, read)
        except (SettingsError, Wrong) as error:
            refused.append(grid.in_its_words(error, one))
            continue
        except Misconfigured as error:
            raise Wrong(Exit.CONFIGURATION, grid.in_its_words(error, one)) from error
        limits.add(widened)
        missing += without_funding(read, settings.legs)
        missing += [f"{in_period(one)}{words}" for words in spoken_before(commands, read)]
        files = {name: contents.get(path) or contents.setdefault(path, digest(path)) for name, path in named_files(history)}
        jobs.append(Job(key_of(one, history, files, settings, commands), history, settings, commands))
    if refused:
        more = [f"and {len(refused) - MOST_REFUSED:,} more combinations"] if len(refused) > MOST_REFUSED else []
        raise Wrong(Exit.CONFIGURATION, "\n".join([*refused[:MOST_REFUSED], *more, "nothing was run: mend the grid"]))
    for words in dict.fromkeys(missing):
        say(f"note: {words}")
    if wider := spans(limits - {""}):
        say(f"note: {wider}: ten times the bag, since nobody set them; `set` or `config` of the grid does")
    return jobs


def spans(limits: Iterable[str]) -> str:
    """Of each limit its value, or the lowest and the highest: a bag is worth as much as its period begins with."""
    found = defaultdict[str, set[Decimal]](set)
    for one in limits:
        for limit in one.split(", "):
            key, value = limit.split(" ")
            found[key].add(Decimal(value.replace(",", "")))
    return ", ".join(f"{key} {' to '.join(f'{value:,f}' for value in sorted({min(of), max(of)}))}" for key, of in found.items())


def in_period(one: Combination) -> str:
    return f"period {one.varied['period']}: " if "period" in one.varied else ""


def looked_at(history: History) -> Recorded:
    """Read here too, so that a file that cannot be trusted is refused before anything runs."""
    paths = (tuple((asset, str(path)) for asset, path in named.items()) for named in (history.bars, history.rates))
    bars, rates = paths
    if not history.allow_gaps and not gapless(bars, rates):
        recorded(history)  # names the line, if the gap lies in this window
    return period(bars, rates, history.from_ms, history.to_ms)


@cache
def gapless(bars: Named, rates: Named) -> bool:
    read = past(bars, rates)
    return all(one[-1].at_ms - one[0].at_ms == (len(one) - 1) * one[0].length_ms for one in read.bars.values()) and all(
        settlements_follow(one) for one in read.rates.values()
    )


def named_files(history: History) -> Iterator[tuple[str, Path]]:
    yield from ((f"prices {asset}", path) for asset, path in sorted(history.bars.items()))
    yield from ((f"funding {asset}", path) for asset, path in sorted(history.rates.items()))


def digest(path: Path) -> str:
    with path.open("rb") as file:
        whole = sha256()
        while block := file.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()


def key_of(one: Combination, history: History, files: Mapping[str, str], settings: Settings, commands: Sequence[CommandGiven]) -> str:
    """Of whatever the answer depends on."""
    said = [program(), files, history.from_ms, history.to_ms, settings.model_dump_json(), list(map(str, commands))]
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:24]


def require_own(file: Path, journal: Journal) -> None:
    """Nothing is written over a file that is not of this sweep."""
    if not file.exists():
        return
    if not journal.finished:
        raise Stopped(f"{file}: is there already, and no results in {journal.file}: name another place with --to, or move it away")
    if not parquet.whole(file):
        say(f"note: {file} was not a whole Parquet file: it is written anew from {journal.file}")


def measure_of(name: str | None) -> str | None:
    if name is not None and name not in MEASURES:
        raise Wrong(Exit.USAGE, f"--by {name}: no such figure; rank by one of {', '.join(MEASURES)}")
    return name


def require_one_currency(by: str, jobs: Sequence[Job]) -> None:
    settled = {settle_of(leg.instrument) for job in jobs for leg in job.settings.legs.values()}
    if by in COINS and len(settled) > 1:
        other = by.replace("coin", "usd")
        raise Wrong(Exit.USAGE, f"{by} would compare coins of {', '.join(sorted(settled))}: rank by {other}; nothing was run")


# ---------------------------------------------------------------------------------------------------------------- how far, and what of it


@contextmanager
def telling(left: int, done: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; elsewhere a line now and then."""
    from bot.cli_show import console

    on, whole = console(stderr=True), left + done
    if on.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        with Progress(BarColumn(bar_width=24), MofNCompleteColumn(), TimeRemainingColumn(), console=on, transient=True) as bar:
            task = bar.add_task("", total=whole, completed=done)
            yield lambda more: bar.advance(task, more)
        return
    count, next_at = done, time.monotonic() + TELL_SECONDS

    def tell(more: int) -> None:
        nonlocal count, next_at
        count += more
        if time.monotonic() >= next_at:
            next_at = time.monotonic() + TELL_SECONDS
            say(f"{count:,} of {whole:,} runs finished")

    yield tell


def axes_of(asked: Asked, grid: Grid) -> tuple[str, str]:
    """Of the heat map: those that were named, else the first two keys that have several values."""
    several = [key for key, values in grid.axes.items() if len(values) > 1]
    for option, key in (("--x", asked.x), ("--y", asked.y)):
        if key is not None and key not in grid.axes:
            raise Wrong(Exit.USAGE, f"{option} {key}: is not varied; there are {', '.join(grid.axes)}")
    free = [key for key in several if key not in (asked.x, asked.y)]
    x = asked.x or (free.pop(0) if free else None)
    y = asked.y or (free.pop(0) if free else None)
    if x is None or y is None or x == y:
        raise Wrong(Exit.USAGE, "--heat: a heat map needs two keys with several values each: vary another one")
    return x, y


def draw(grid: Grid, results: Sequence[Result], by: str, axes: tuple[str, str], file: Path) -> None:
    x, y = axes
    cells: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in results:
        cells[one.varied[x], one.varied[y]].append(float(one.figures[by]))
    others = [key for key, values in grid.axes.items() if key not in axes and len(values) > 1]
    over = f", mean over {', '.join(others)}" if others else ""
    means = {cell: fmean(values) for cell, values in cells.items()}
    heat = Heat(f"{by}{over}", (x, grid.axes[x]), (y, grid.axes[y]), means, partial(figure, by), by in HIGHER)
    write_picture(heat_map(heat), file, "--heat")


def shown(said: Mapping[str, Any], top: int) -> list[Any]:
    from bot.cli_show import Fitting

    rows, by = said["results"][:top], said["ranked_by"]
    varied = [key for key in (rows[0] if rows else {}) if key not in SAID and not key.endswith("_ratio")]
    figures = list(dict.fromkeys((by, "value_end_usd", "fees_usd", "funding_usd", "fills")))
    if any(row["liquidated"] for row in rows):
        figures.append("liquidated")
    heads = tuple(short(key) for key in (*varied, *figures))
    lines = [(str(at), *(row[key] for key in varied), *(figure(key, row[key]) for key in figures)) for at, row in enumerate(rows, 1)]
    table = Fitting(("#", *heads), lines, left=heads[: len(varied)], gap=0)
    made_before = f" ({said['finished_before']:,} of them before)" if said["finished_before"] else ""
    parts: list[Any] = [table] if rows else []
    tally = f"{len(said['results']):,} of {said['runs']:,} runs finished{made_before} in {said['seconds']:.1f} s"
    parts.append(f"{tally}, ranked by {by}: {said['file'] or 'no file was written'}")
    if said["heat_map"]:
        parts.append(f"heat map: {said['heat_map']}")
    for one in said["failed"]:
        what = ", ".join(f"{key}={value}" for key, value in one.items() if key != "why")
        parts.append(f"FAILED {what}: {one['why']}")
    return parts


def short(key: str) -> str:
    """`hedges.BTC.ratio` and `fees_usd` where less says enough."""
    return ".".join(key.split(".")[-2:]).removesuffix("_usd").removesuffix("_bps")


def figure(key: str, value: float) -> str:
    if isinstance(value, bool):
        return "YES" if value else "no"
    if key.endswith("_ratio"):
        return f"{value:+.4%}"
    return f"{value:,.0f}" if key.endswith("_usd") or isinstance(value, int) else f"{value:,.4f}"
