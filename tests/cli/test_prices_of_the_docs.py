"""Does the script that docs/replay.md gives to somebody without prices write files that a replay reads?"""

import re
from decimal import Decimal as D
from typing import Any

import ccxt
import pytest

from adapters.clock import SystemClock
from tests.cli.desk import Desk
from tests.cli.venue_desk import serving
from tests.docs_from_code import HERE
from tests.venue_server.plain_client import rebased
from tests.venues.test_cross_at_a_venue import BTC, HOUR, SOL, hours

CANDLES, SETTLEMENTS = 1_500, 450  # more than one page of each


def test_the_script_writes_every_hour_and_settlement_once_and_a_replay_takes_both_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (script,) = re.findall(r"```python\n(# prices\.py.*?)```", (HERE / "docs" / "replay.md").read_text("utf-8"), flags=re.DOTALL)
    now_ms = SystemClock().now_ms()
    last = now_ms - now_ms % (8 * HOUR)
    with serving("bybit") as server:

        class Local(ccxt.bybit):
            def __init__(self) -> None:
                super().__init__({"options": {"fetchMarkets": {"types": ["inverse"]}, "fetchCurrencies": False}, "enableRateLimit": False})
                self.has["fetchCurrencies"] = False
                self.urls["api"] = rebased(self.urls["api"], server.base_url)

            def parse8601(self, timestamp: Any = None) -> int | None:
                return last - SETTLEMENTS * 8 * HOUR if timestamp == "2024-01-01T00:00:00Z" else super().parse8601(timestamp)

        hours(server, SOL, 1.0, CANDLES)
        server.core.funding_rates[BTC] = [(last - n * 8 * HOUR, D("0.00001")) for n in range(SETTLEMENTS, -1, -1)]
        monkeypatch.setattr(ccxt, "bybit", Local)
        monkeypatch.chdir(desk.folder)
        exec(compile(script, "prices.py", "exec"), {})
    rows = {name: (desk.folder / name).read_text().splitlines()[1:] for name in ("btc.csv", "funding.csv")}
    assert {name: len(found) for name, found in rows.items()} == {"btc.csv": CANDLES + 1, "funding.csv": SETTLEMENTS + 1}
    said = desk.good("replay", "--prices", "btc.csv", "--funding", "funding.csv", "--bag", "2", "--collateral", "3", "--json")
    assert (said.json["steps"], said.json["liquidated"]) == (CANDLES + 1, False)
