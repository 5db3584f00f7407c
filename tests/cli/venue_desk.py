"""The same person with a real venue: a local server in a thread of its own, and a hedge.yaml that points at it."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.cli.desk import Desk
from tests.cli.forks import Forks
from tests.venue_server import KEY, PASSPHRASE, SECRET, VenueServer, serve

ENVIRONMENT: Final = {"bybit": "testnet", "okx": "demo", "deribit": "testnet", "krakenfutures": "demo", "binancecoinm": "demo"}
KEYS: Final = {"HEDGEBOT__VENUE__API_KEY": KEY, "HEDGEBOT__VENUE__API_SECRET": SECRET, "HEDGEBOT__VENUE__PASSPHRASE": PASSPHRASE}
CONFIG: Final = """\
version: 1
mode: {mode}
cycle_seconds: 0.2
venue: {{name: {venue}, environment: {environment}, base_url: "{url}"{more}}}
bag: {{{asset}: {{coins: 1}}}}
hedges: {{{asset}: {{ratio: 1.0, instrument: "{symbol}"}}}}
band: {{low: 0.995, safe_low: 1, safe_high: 1, high: 1.005, min_order_usd: {min_order}, cooldown_seconds: 0.1}}
execution: {{order_ttl_seconds: 2, max_reprices: 5, cross_after_seconds: 0.5, max_slippage_bps: 20, max_order_usd: {max_order}}}
risk: {{max_leverage: 3, hard_leverage: 4, max_position_usd: 1000000, max_turnover_usd_per_day: 5000000, max_orders_per_minute: 20,
  price_collar_bps: 100, max_data_age_seconds: 15, allow_over_hedge: false}}
api: {{port: 0}}
"""


class VenueDesk(Desk):
    """A desk at one venue; `keys` is what the environment holds."""

    def __init__(self, folder: Path, forks: Forks, server: VenueServer) -> None:
        super().__init__(folder, forks)
        self.server = server
        self.keys: dict[str, str] = dict(KEYS)
        server.core.deposit("BTC", 2)
        self.configure()

    @property
    def venue(self) -> str:
        return self.server.venue

    def configure(self, **changed: Any) -> None:
        words = {
            "mode": "live", "venue": self.venue, "environment": ENVIRONMENT[self.venue], "url": self.server.base_url, "more": "",
            "asset": "BTC", "symbol": "BTC/USD:BTC", "max_order": "200000", "min_order": "100",
        }  # fmt: skip
        self.write(CONFIG.format(**{**words, **changed}))

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        return super().environment({**self.keys, **(more or {})})

    def changed_nothing(self) -> bool:
        """Not one request at the venue asked for a change."""
        return self.server.changes == []


@contextmanager
def serving(venue: str, *, environment: str | None = None) -> Iterator[VenueServer]:
    """A venue whose loop runs in a thread, so that the test can wait for a process."""
    ready, over = threading.Event(), asyncio.Event()
    made: list[VenueServer] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        fees = {"maker_fee": Decimal(0), "taker_fee": Decimal(0)}
        async with serve(venue, environment=environment or ENVIRONMENT[venue], **fees) as server:
            made.append(server)
            loops.append(asyncio.get_running_loop())
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield made[0]
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)
