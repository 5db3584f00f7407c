"""Which heads of the chain were seen outside the database?

A chain vouches for its order, not for its end: a deleted tail or a chain rewritten from the start shows only against a head kept
elsewhere. The bot logs one with every transaction; this reads them back, from a log or from lines of `SEQ HASH`.
"""

import re
from collections.abc import Iterable
from typing import Final

from bot.audit.chain import Head

COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
PLAIN: Final = re.compile(r"\s*(\d+)\s+([0-9a-f]{12,64})\s*")
SEQ: Final = re.compile(r"(?<![a-z0-9])seq[\"']?\s*[=:]\s*[\"']?(\d+)")
HEAD: Final = re.compile(r"(?<![a-z0-9])head[\"']?\s*[=:]\s*[\"']?([0-9a-f]{12,64})(?![0-9a-f])")


def heads_in(lines: Iterable[str]) -> list[Head]:
    """The heads in a file: lines `SEQ HASH`, or log lines, console or JSON, with `seq` and `head`. Other lines are passed over.

    A hash may be cut to its first 12 digits (48 bits) or more.
    """
    found = []
    for line in lines:
        text = COLOUR.sub("", line)
        plain = PLAIN.fullmatch(text)
        if plain:
            found.append(Head(int(plain[1]), plain[2]))
        elif (seq := SEQ.search(text)) and (head := HEAD.search(text)):
            found.append(Head(int(seq[1]), head[1]))
    return found
