"""Where is a real browser? Debian's `chromium`; CI names what it must find by HEDGEBOT_CHROMIUM."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    wanted = os.environ.get("HEDGEBOT_CHROMIUM")
    found = wanted or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no chromium is installed here: apt-get install chromium, or name one by HEDGEBOT_CHROMIUM")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
