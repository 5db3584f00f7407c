"""The disk of the record is full while orders work: what is sent, what is said, and what follows when there is space again?"""

import resource
from pathlib import Path

from tests.incidents.scene import scene

TIMES = 2


async def test_with_a_full_disk_it_sends_no_order_cancels_what_is_open_says_so_and_goes_on_by_itself(tmp_path: Path) -> None:
    async with scene("bybit", tmp_path) as place:
        market, server = place.place.market, place.place.server
        bot = await place.runs()
        for _ in range(TIMES):
            market.takes = True
            await bot.says("order.intent", len(bot.said("order.intent")) + 3)
            market.takes = False
            await bot.until(server.core.open_orders, "an order rests")
            failed, recovered = len(bot.said("audit.failed")), len(bot.said("audit.recovered"))
            bot.largest_file(0)
            await bot.says("audit.failed", failed + 1)
            sent = place.sent()
            await bot.until(lambda: not server.core.open_orders(), "its time is up, and it is cancelled")
            probed = await place.hb("probe", "--json")
            assert probed.code == 1
            failing = {check["name"] for check in probed.json["checks"] if not check["ok"]}
            assert "database" in failing
            assert failing <= {"database", "reconciled"}  # what was asked for last is in doubt until its outcome can be written
            assert place.sent() == sent
            bot.largest_file(resource.RLIM_INFINITY)
            await bot.says("audit.recovered", recovered + 1)
        market.takes = True
        assert await bot.ended() == 0
        assert bot.said("audit.failed")[0]["did"] == "nothing was sent; cancels still go out"
        assert place.problems() == []
