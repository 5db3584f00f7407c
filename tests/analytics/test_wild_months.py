"""Does the table of the wild months still say what a replay says? And was nobody liquidated?"""

from decimal import Decimal, localcontext
from pathlib import Path

import pytest

from tests.analytics.pictures import DOCS, PICTURES, drawn, row
from tests.analytics.windows import CHOICES, WINDOWS, Window, result, stated
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


@needs_data
@pytest.mark.parametrize("choice", ["always hedged", "funding", "all but schedule"])
@pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.name)
async def test_the_statement_of_a_wild_month_adds_up_to_what_was_booked_and_to_what_the_replay_came_to(window: Window, choice: str) -> None:
    said, row = await stated(window, choice)
    coins = {name: Decimal(amount) for name, amount in row["coins"].items()}
    with localcontext(prec=60):
        assert coins["hedge"] == coins["price"] + coins["funding"] - coins["fees"] + coins["rounding"]
        assert coins["wallet_end"] == 3 + coins["realised"] + coins["funding"] - coins["fees"] + coins["rounding"]
        assert Decimal(row["value_end_usd"]) == Decimal(row["unhedged_end_usd"]) + Decimal(row["hedge_usd"])
    assert abs(coins["rounding"]) < Decimal("1e-7")
    assert coins["moved"] == 0
    assert (coins["funding"], coins["fees"]) == (Decimal(said["funding_coin"]), Decimal(said["fees_coin"]))
    assert Decimal(row["premium_usd"]) == sum(map(Decimal, row["premium"].values()))
    assert abs(Decimal(row["premium"]["fees_usd"]) - Decimal(said["fees_usd"])) < Decimal("0.01")
    assert abs(Decimal(row["premium"]["funding_usd"]) + Decimal(said["funding_usd"])) < Decimal("0.01")
    assert Decimal(row["unhedged_end_usd"]) == Decimal(said["unhedged_value_end_usd"])
    assert abs(Decimal(row["value_end_usd"]) - Decimal(said["value_end_usd"])) < Decimal("0.01")
    assert not said["liquidated"]


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
