"""What would the operator have been told during a replay?"""

from decimal import Decimal

import pytest

pytest.importorskip("numpy")

from adapters.history import Bar, instant_ms
from bot.cli_replay_table import alerted
from bot.core.events import CommandGiven
from bot.wiring.past import Recorded
from tests.replay.test_jumping import same

HOUR = 3_600_000
BEGAN = instant_ms("2024-01-01")
THIN = {"bag.BTC.coins": "4", "paper.collateral.BTC": "1", "hedges.BTC.ratio": "1", "paper.price.BTC": "1"}


async def test_a_hedge_that_its_collateral_limits_says_from_when_to_when():
    bars = [Bar(BEGAN + hour * HOUR, HOUR, *([Decimal(60_000 + hour % 2)] * 4)) for hour in range(100)]
    less = CommandGiven("target-set", "test", BEGAN + 40 * HOUR, "BTC", Decimal("0.2"), until_ms=BEGAN + 60 * HOUR)
    jumped = await same(THIN, Recorded({"BTC": bars}, {}), [less])
    limited = [one for one in jumped.answer["alerts"] if one["alert"] == "BTC: limited by collateral"]
    assert [(one["from"][:16], one["to"] and one["to"][:16]) for one in limited] == [
        ("2024-01-01T00:00", "2024-01-02T16:00"),
        ("2024-01-03T12:00", None),
    ]
    assert jumped.replay.jumped > 90
    lines = alerted(jumped.answer)[0][1].splitlines()
    assert "BTC: limited by collateral (2 times, 2024-01-01 00:00 to the end)" in lines


async def test_a_hedge_of_which_nothing_is_to_be_told_has_no_alerts():
    bars = [Bar(BEGAN + hour * HOUR, HOUR, *([Decimal(60_000)] * 4)) for hour in range(10)]
    jumped = await same({**THIN, "paper.collateral.BTC": "9"}, Recorded({"BTC": bars}, {}))
    assert "alerts" not in jumped.answer
    assert alerted(jumped.answer) == []
