"""How far is a run in virtual time? A bar that is drawn a few times a second, whatever the speed of the run."""

import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Drawn

from bot.cli_show import clock, usd
from bot.face import iso_utc
from bot.replay import Progress

EVERY_SECONDS: Final = 0.1


class Bar:
    """Give it to `Replay.run` as `tell`."""

    def __init__(self, on: Console, steps: int) -> None:
        columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"))
        self.drawn = Drawn(*columns, console=on, transient=True, auto_refresh=False)
        self.task = self.drawn.add_task("", total=steps)
        self.next_at = 0.0

    def __enter__(self) -> "Bar":
        self.drawn.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.drawn.stop()

    def __call__(self, now: Progress) -> None:
        if time.monotonic() >= self.next_at:
            self.next_at = time.monotonic() + EVERY_SECONDS
            words = f"{clock(iso_utc(now.at_ms))[:16]}  {usd(now.value_usd)} USD"
            self.drawn.update(self.task, completed=now.steps, description=words, refresh=True)
