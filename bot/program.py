"""Which version of the program is this?"""

from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

PACKAGES: Final = ("bot", "adapters")


def program_version() -> str:
    try:
        return version("hedgebot")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


def code_hash() -> str:
    """SHA-256 of the program: every source file of it, by name."""
    root = Path(__file__).resolve().parents[1]
    digest = sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
