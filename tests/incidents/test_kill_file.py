"""The kill file cannot be read while orders work: nothing is signed, it says so, and nobody has to release anything afterwards."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.incidents.scene import scene


def a_folder_in_its_place(switch: Path) -> Callable[[], None]:
    (switch / "hedgebot.kill").mkdir()
    return (switch / "hedgebot.kill").rmdir


def a_file_where_its_folder_was(switch: Path) -> Callable[[], None]:
    aside = switch.rename(switch.with_name("aside"))
    switch.touch()

    def back() -> None:
        switch.unlink()
        aside.rename(switch)

    return back


@pytest.mark.parametrize("spoil", [a_folder_in_its_place, a_file_where_its_folder_was])
async def test_while_the_kill_file_cannot_be_read_nothing_is_sent_and_no_flag_is_set(
    tmp_path: Path, spoil: Callable[[Path], Callable[[], None]]
) -> None:
    switch = tmp_path / "switch"
    switch.mkdir()
    async with scene("bybit", tmp_path, changes={f"{tmp_path}/hedgebot.kill": f"{switch}/hedgebot.kill"}) as place:
        bot = await place.runs()
        await bot.says("order.intent", 5)
        restored = spoil(switch)
        await place.turns(bot, 1)
        sent = place.sent()
        said = await place.status()
        assert {leg["why"] for leg in said["legs"]} == {"UNKNOWN: the kill file cannot be read"}
        assert said["state"] != "HALTED"
        assert place.sent() == sent
        restored()
        assert await bot.ended() == 0
        assert place.problems() == []
        assert (await place.hb("audit", "verify")).code == 0
