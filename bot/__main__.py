"""How does `hedgebot` begin? Loading takes a while, and whoever interrupts it by then is not shown where it was."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERRUPTED: Final = 128 + signal.SIGINT


def main() -> None:
    """The console script, and `python -m bot`."""
    try:
        with ended_by_interrupts():
            from bot.cli import main as commands
        commands()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None


@contextmanager
def ended_by_interrupts() -> Iterator[None]:
    """Nothing was opened or said yet, so the process ends on the spot: an exception would be shown, or swallowed, by whatever is loaded."""

    def end(number: int, frame: FrameType | None) -> None:
        os._exit(INTERRUPTED)

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # whoever began us in the background has it ignored
        yield
        return
    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    main()
