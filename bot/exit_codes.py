"""How did it end, in one number that scripts rely on?"""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILURE = 1  # a port taken, a disk full, a chain broken
    USAGE = 2
    ATTENTION = 3  # drift left, collateral missing, halted, lease held elsewhere, shutdown not verified, adoption asked
    CONFIGURATION = 4
    TIMEOUT = 5
