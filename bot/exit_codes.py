"""How did it end, in one number that scripts rely on?"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    DONE = 0
    FAILURE = 1  # a port taken, a disk full, a chain broken
    USAGE = 2
    ATTENTION = 3  # drift left, collateral missing, halted, lease held elsewhere, shutdown not verified, adoption asked
    CONFIGURATION = 4
    TIMEOUT = 5


BADNESS: Final = (Exit.DONE, Exit.ATTENTION, Exit.TIMEOUT, Exit.USAGE, Exit.CONFIGURATION, Exit.FAILURE)


def worst(codes: Iterable[Exit]) -> Exit:
    """The end of several runs in one number."""
    return max(codes, key=BADNESS.index, default=Exit.DONE)
