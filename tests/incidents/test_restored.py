"""The database is put back as it was some orders ago: does the bot go on from the venue's truth, without a second order for an id?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.incidents.scene import Scene, scene
from tests.live.desk import held_usd, intended_usd


def doubled(place: Scene) -> list[str]:
    ids = [order.client_id for order in place.place.server.core.orders.values()]
    return [own for own in set(ids) if ids.count(own) > 1]


async def goes_on(place: Scene) -> None:
    """It reaches the hedge by itself, or stands halted with a reason until a person has looked."""
    bot = await place.runs()
    code = await bot.ended()
    if code == 3:
        said = await place.status()
        assert said["state"] == "HALTED", said
        assert (await place.hb("rearm", "--reason", "the backup is older than the venue")).code == 0
        code = await (await place.runs()).ended()
    assert code == 0
    assert doubled(place) == []
    held, intended = held_usd(place.place.server), intended_usd("0.5")
    assert all(abs(held[symbol] - intended[symbol]) <= abs(intended[symbol]) * 0.005 for symbol in held), (held, intended)
    assert not place.place.server.core.open_orders()
    assert (await place.hb("audit", "verify")).code == 0


@pytest.mark.parametrize("orders", [2, 8])
async def test_a_file_that_was_copied_while_orders_worked_and_put_back_is_caught_up_from_the_venue(tmp_path: Path, orders: int) -> None:
    async with scene("bybit", tmp_path) as place:
        file, kept = tmp_path / "hedgebot.db", tmp_path / "backup"
        bot = await place.runs()
        await bot.says("order.intent", orders)
        with closing(sqlite3.connect(file)) as live, closing(sqlite3.connect(kept)) as copy:
            live.backup(copy)
        await bot.says("order.intent", orders + 6)
        bot.process.kill()
        await bot.ended()
        for name in ("hedgebot.db-wal", "hedgebot.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        kept.replace(file)
        await goes_on(place)


async def test_a_server_database_that_was_put_back_is_caught_up_from_the_venue(tmp_path: Path, fresh_server_url: str) -> None:
    def server(*statements: str) -> None:
        address = psycopg.conninfo.make_conninfo(fresh_server_url, dbname="template1")
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    name = psycopg.conninfo.conninfo_to_dict(fresh_server_url)["dbname"]
    async with scene("deribit", tmp_path, fresh_server_url) as place:
        place.ttl_ms = 1_500
        assert (await place.hb("db", "upgrade")).code == 0
        try:
            bot = await place.runs()
            await bot.says("order.intent", 4)
            bot.process.kill()  # a template must have no session
            await bot.ended()
            ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            server(ended, "DROP DATABASE IF EXISTS backup", f'CREATE DATABASE backup TEMPLATE "{name}"')
            bot = await place.runs()
            await bot.says("order.intent", 6)
            bot.process.kill()
            await bot.ended()
            server(ended, f'DROP DATABASE "{name}"', f'CREATE DATABASE "{name}" TEMPLATE backup')
            await goes_on(place)
        finally:
            server("DROP DATABASE IF EXISTS backup")
