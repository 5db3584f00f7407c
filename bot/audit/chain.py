"""How does each row of the record vouch for all rows before it? Pure functions on text.

A record is canonical JSON: keys sorted by code point, no spaces, no escapes but those JSON demands, encoded as UTF-8.

    h_0 = SHA256( "hb1" ‖ canonical JSON of {"account", "environment", "instance", "venue"} )
    h_n = SHA256( "hb1" ‖ n as 8 bytes, big-endian ‖ h_(n-1) as 32 bytes ‖ record as UTF-8 )        n = 1, 2, 3, ...

Everything before the record has a fixed length, so no two different rows can be read as the same bytes. h_0 names the owner: a
chain cannot be moved to another account. Hashes are written as 64 lower-case hex digits.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

TAG: Final = b"hb1"
HEAD48_DIGITS: Final = 12  # hex digits of 48 bits


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link: sequence number (0 when nothing is recorded) and hash."""

    seq: int
    hash: str


def canonical(value: Any) -> str:
    """The one JSON text of `value` (strings, integers, booleans, None, lists and dicts of them; a number that is no integer is refused)."""
    refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def is_canonical(record: str) -> bool:
    """Is `record` the one text of what it says?"""
    try:
        return canonical(json.loads(record)) == record
    except ValueError:
        return False


def refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError(f"{value!r} is a binary fraction: amounts are recorded as text")
    if isinstance(value, dict):
        for part in value.values():
            refuse_floats(part)
    elif isinstance(value, list):
        for part in value:
            refuse_floats(part)


def genesis(account: str, venue: str, environment: str | None, instance: str) -> str:
    """h_0 of the chain of one account."""
    owner = canonical({"account": account, "environment": environment, "instance": instance, "venue": venue})
    return sha256(TAG + owner.encode()).hexdigest()


def link(seq: int, previous: str, record: str) -> str:
    """h_n of `record` at place n = `seq` after the hash `previous`."""
    return sha256(TAG + seq.to_bytes(8, "big") + bytes.fromhex(previous) + record.encode()).hexdigest()


def head48(head: str) -> int:
    """The first 48 bits of a hash: an integer that a floating-point gauge shows exactly."""
    return int(head[:HEAD48_DIGITS], 16)
