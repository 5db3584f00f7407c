"""Real price history, where the test data folder is at hand."""

import os
from pathlib import Path

import pytest

FOLDER = os.environ.get("HEDGEBOT_TEST_DATA", "")
needs_data = pytest.mark.skipif(not FOLDER, reason="needs the test data: set HEDGEBOT_TEST_DATA to its folder")


def data(name: str) -> Path:
    return Path(FOLDER) / name
