"""Which version of the program is this?"""

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    try:
        return version("hedgebot")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"
