"""How is a key spelt outside the file: in the environment, and in a secrets folder?"""

from collections.abc import Collection
from typing import Final

PREFIX: Final = "HEDGEBOT__"  # of every environment variable


def folded(name: str) -> str:
    """What the environment can tell of a name: no shell takes a dash in one, and the case is nobody's business."""
    return name.lower().replace("-", "_")


def variable(key: tuple[str, ...]) -> str:
    """The environment variable of a key."""
    return PREFIX + "__".join(key).upper().replace("-", "_")


def own_variable(key: tuple[str, ...], account: str, accounts: Collection[str]) -> str:
    """The variable that gives a value to this one of the accounts alone."""
    return variable(("accounts", account, *key) if len(accounts) > 1 else key)
