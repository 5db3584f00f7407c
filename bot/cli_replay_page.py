"""How does a replay become a page or a picture?"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from bot.cli_picture import require_picture, require_place, write, write_picture
from bot.replay import Replay
from bot.replay_page import Told, page, picture
from bot.settings import Settings
from bot.wiring.past import Recorded, drawn, extremes

POINTS: Final = 100_000  # moments of a curve: hours of eleven years, or of a longer one each stretch's lowest and highest


class Named(Protocol):
    @property
    def report(self) -> Path | None: ...
    @property
    def png(self) -> Path | None: ...


def require_pages(named: Named, taken: Iterable[Path]) -> None:
    """Can both be written? Raise Wrong: before anything is run."""
    if named.report is not None:
        require_place(named.report, "--report", taken)
    if named.png is not None:
        require_picture(named.png, "--png", {*taken, named.report} if named.report is not None else taken)


def write_pages(runs: Mapping[str, tuple[Settings, Replay, Mapping[str, Any]]], read: Recorded, named: Named) -> None:
    funded = bool(read.rates)
    told = [Told(name, answer, drawn(run, read, POINTS), bands(run), carried(run), funded) for name, (_, run, answer) in runs.items()]
    prices = extremes(read)
    if named.report is not None:
        write(page(told, prices).encode(), named.report, "--report")
    if named.png is not None:
        write_picture(picture(told, prices), named.png, "--png")


def bands(run: Replay) -> dict[str, tuple[float, float]]:
    """Of the legs whose band stands as it was written: that of one that carries others is made anew at each look."""
    told = [rule for rule in run.engine.rules.legs if rule.auto is None and rule.asset not in carried(run)]
    return {rule.asset: (float(rule.band.low), float(rule.band.high)) for rule in told}


def carried(run: Replay) -> dict[str, list[str]]:
    """By the asset whose contract is shorted for them."""
    found: dict[str, list[str]] = {}
    for rule in run.engine.rules.crosses:
        found.setdefault(rule.hedge, []).append(rule.asset)
    return found
