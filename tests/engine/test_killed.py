"""What is left when a running bot is killed at random moments? One position, one order per client id, a chain that verifies."""

import json
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Timer

from bot.audit.store import Store
from bot.audit.verify import verify

ROUNDS = 20
CONFIG = """\
version: 1
mode: live
cycle_seconds: 0.02
paper: {collateral: {BTC: 3}, url: "sqlite:///paper.db"}
bag: {BTC: {coins: 2}}
hedges: {BTC: {ratio: 1.0}}
band: {min_order_usd: 100, cooldown_seconds: 0.1}
execution: {order_ttl_seconds: 0.3, cross_after_seconds: 0.6, max_order_usd: 1500}
risk: {max_orders_per_minute: 10000, max_turnover_usd_per_day: 1000000000}
api: {port: 0}
"""


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "bot", "run", "--live", "--adopt", "-c", "hedge.yaml", *words]


def test_killed_at_twenty_random_moments_and_started_again_it_never_doubles_or_loses_an_order(tmp_path: Path):
    chance = random.Random(20)
    (tmp_path / "hedge.yaml").write_text(CONFIG)
    working = 0
    for _ in range(ROUNDS):
        with subprocess.Popen(command(), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as bot:
            assert bot.stderr is not None
            guard = Timer(30, bot.kill)  # a bot that falls silent fails the test instead of holding it up
            guard.start()
            wanted = chance.randrange(1, 60)
            for line in bot.stderr:  # killed after so many steps of orders, wherever that is
                wanted -= "order.intent" in line or "order.moved" in line
                if wanted <= 0:
                    break
            bot.kill()
            guard.cancel()
        working += wanted <= 0
    assert working == ROUNDS, "every kill came while orders worked"

    ended = subprocess.run(
        command("--until-aligned", "--timeout", "60"), cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]

    venue = sqlite3.connect(tmp_path / "paper.db")
    venue_ids = [identity for (identity,) in venue.execute("SELECT client_id FROM paper_order")]
    truth = venue.execute("SELECT sum(CASE side WHEN 'buy' THEN contracts ELSE -contracts END) FROM paper_fill").fetchone()[0]
    venue.close()
    store = Store.read(f"sqlite:///{tmp_path / 'hedgebot.db'}")
    try:
        result = verify(store)
        assert result.exit_code == 0, result.what
        fills = store.fills(limit=1_000_000)
        orders = store.orders(limit=1_000_000)
        state = store.state()
    finally:
        store.close()
    assert len(venue_ids) == len(set(venue_ids)) > ROUNDS
    assert set(venue_ids) <= {order.client_id for order in orders}
    position = sum(fill.contracts if fill.side == "buy" else -fill.contracts for fill in fills)
    assert state.legs[0].contracts == position == truth
    by_order: dict[str, int] = {}
    for fill in fills:
        by_order[fill.client_id] = by_order.get(fill.client_id, 0) + fill.contracts
    assert {order.client_id: order.filled for order in orders if order.filled} == by_order
    shown = json.loads(
        subprocess.run(
            [sys.executable, "-m", "bot", "plan", "--json", "-c", "hedge.yaml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
    )
    assert int(shown["legs"][0]["position_usd"]) == position * 100
