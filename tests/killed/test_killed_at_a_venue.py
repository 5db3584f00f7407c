"""Is there one order for each client id, one position and one chain, however often the bot is killed at a venue?"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.audit import database
from tests.killed.rounds import series
from tests.venue_server import Core

ROUNDS = int(os.environ.get("HEDGEBOT_KILLS", "50"))
LONG = pytest.mark.timeout(300 + 15 * ROUNDS)


@LONG
async def test_killed_again_and_again_on_a_file_it_never_doubles_or_loses_an_order(tmp_path: Path) -> None:
    told = await series(ROUNDS, "bybit", tmp_path, f"sqlite:///{tmp_path}/hedgebot.db")
    assert not told.problems
    assert told.kills > ROUNDS * 0.8  # the others died idle
    assert told.orders > ROUNDS / 2


@LONG
async def test_killed_again_and_again_on_a_server_it_never_doubles_or_loses_an_order(tmp_path: Path, fresh_server_url: str) -> None:
    database.upgrade(fresh_server_url)
    told = await series(ROUNDS, "deribit", tmp_path, fresh_server_url, seed=2)
    assert not told.problems
    assert told.kills > ROUNDS * 0.8  # the others died idle
    assert told.orders > ROUNDS / 2


def twice(core: Core) -> None:
    first = next(iter(core.orders.values()))
    core.orders[-1] = replace(first, id=-1)


def moved(core: Core) -> None:
    core.stranger_trade("BTC/USD:BTC", "sell", 1)


def unheard_of(core: Core) -> None:
    first = next(iter(core.orders.values()))
    core.orders[-1] = replace(first, id=-1, client_id="hb00000000000000000000000")


@pytest.mark.parametrize(("meddle", "told"), [(twice, "is 2 orders"), (moved, "BTC/USD:BTC holds"), (unheard_of, "not on record")])
async def test_the_comparison_finds_what_is_falsified(tmp_path: Path, meddle: Callable[[Core], None], told: str) -> None:
    found = await series(1, "bybit", tmp_path, f"sqlite:///{tmp_path}/hedgebot.db", meddle=meddle)
    assert any(told in problem for problem in found.problems)
