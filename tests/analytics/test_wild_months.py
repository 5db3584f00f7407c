"""Does the table of the wild months still say what a replay says? And was nobody liquidated?"""

from pathlib import Path

import pytest

from tests.analytics.pictures import DOCS, PICTURES, drawn, row
from tests.analytics.windows import CHOICES, WINDOWS, Window, result
from tests.replay.data import needs_data

TABLE = (DOCS / "index.md").read_text(encoding="utf-8")


@needs_data
@pytest.mark.parametrize(
    ("window", "choice"),
    [*((window, "all but schedule") for window in WINDOWS), (WINDOWS[0], "always hedged"), (WINDOWS[-1], "always hedged")],
    ids=lambda one: one if isinstance(one, str) else one.name,
)
async def test_a_row_of_the_table_is_what_a_replay_comes_to(window: Window, choice: str) -> None:
    one = await result(window, choice)
    assert row(window.name, choice, one) in TABLE.splitlines()
    assert not one.liquidated


def test_the_table_has_every_policy_in_every_window_and_nobody_is_liquidated() -> None:
    rows = TABLE.partition("<!-- months -->")[2].splitlines()
    for window in WINDOWS:
        for choice in CHOICES:
            (found,) = [one for one in rows if one.startswith(f"| {window.name} | {choice} |")]
            assert found.endswith("| no |")


@needs_data
@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
async def test_a_picture_shows_what_the_policy_does(picture) -> None:
    assert await drawn(picture) == (DOCS / f"{picture.name}.svg").read_text(encoding="utf-8")


def test_every_policy_has_its_page_with_its_picture() -> None:
    from bot.settings_policies import policies_by_name

    for name in policies_by_name():
        page = Path(DOCS / f"{name}.md").read_text(encoding="utf-8")
        assert "**Formula.**" in page
        assert "**Example.**" in page
        assert f"]({name}.svg)" in page
