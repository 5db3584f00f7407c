"""The wall clock steps by an hour while orders work: is anything wrong sent, and do orders live as long as they should?"""

from pathlib import Path

import pytest

from tests.incidents.scene import scene

HOUR_MS = 3_600_000
TTL_S = 1.0


@pytest.mark.parametrize(("venue", "by_ms"), [("bybit", HOUR_MS), ("deribit", -HOUR_MS)])
async def test_it_holds_with_the_reason_while_the_clock_is_off_by_an_hour_and_goes_on_when_it_is_right(
    tmp_path: Path, venue: str, by_ms: int
) -> None:
    async with scene(venue, tmp_path) as place:
        place.place.ttl = "1"
        place.write()
        market, server = place.place.market, place.place.server
        bot = await place.runs()
        await bot.says("order.intent", 4)
        market.takes = False
        await bot.until(server.core.open_orders, "an order rests")
        place.step_clock(by_ms)
        await place.turns(bot, 1)
        sent = place.sent()
        said = await place.status()
        assert all(leg["why"].startswith("UNKNOWN: ") for leg in said["legs"]), said["legs"]
        await place.turns(bot, 5)
        assert place.sent() == sent
        place.step_clock(0)
        market.takes = True
        assert await bot.ended() == 0
        assert place.problems() == []
        assert (await place.hb("audit", "verify")).code == 0


@pytest.mark.parametrize("by_ms", [HOUR_MS, -HOUR_MS])
async def test_an_order_lives_for_its_time_whatever_the_wall_clock_says(tmp_path: Path, by_ms: int) -> None:
    """The venue refuses cancels that are stamped wrong: they are asked for when the time is up, and again until the clock is right."""
    async with scene("deribit", tmp_path) as place:
        place.place.ttl = str(TTL_S)
        place.write()
        market, server = place.place.market, place.place.server
        market.takes = False
        bot = await place.runs()
        await bot.until(lambda: len(server.core.open_orders()) == 2, "an order rests for each leg")
        before = server.log[: server.log.index(server.asked("place")[0])]
        looked = max(row.at_mono for row in before if row.endpoint.startswith("read"))  # an order lives from the look that asked for it
        place.step_clock(by_ms)
        await bot.until(lambda: server.asked("cancel"), "a cancel is asked for")
        assert server.asked("cancel")[0].at_mono - looked > TTL_S - 0.002  # the bot counts whole milliseconds
        place.step_clock(0)
        market.takes = True
        assert await bot.ended() == 0
        assert place.problems() == []
