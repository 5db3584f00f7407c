"""What must be put right before a bot may start: each refusal names it, has its exit code, and nothing reaches the venue."""

from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from bot.audit import database, migrations
from tests.incidents.scene import Scene, scene


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database in which nothing is yet."""
    return f"sqlite:///{tmp_path}/hedgebot.db" if request.param == "sqlite" else str(request.getfixturevalue("fresh_server_url"))


def bring_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    opened = database.connect(url, create=True)
    with closing(opened), opened.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


async def refused(place: Scene, *args: str) -> tuple[int, str]:
    """How `run` ended, and what it said. Nothing was asked of the venue that changes anything."""
    before = len(place.place.server.changes)
    answer = await place.hb("run", "--live", "--until-aligned", *args)
    assert len(place.place.server.changes) == before
    return answer.code, answer.err


async def test_a_missing_migration_is_exit_4_with_its_command_and_after_it_the_bot_works(tmp_path: Path, empty_url: str) -> None:
    async with scene("bybit", tmp_path, empty_url) as place:
        bring_to(empty_url, "0001")
        code, said = await refused(place)
        assert (code, "run `hedgebot db upgrade`" in said) == (4, True), said
        assert (await place.hb("db", "upgrade")).code == 0
        assert await (await place.runs()).ended() == 0
        assert place.problems() == []


async def test_a_lease_that_is_held_is_exit_3_naming_the_holder(tmp_path: Path, empty_url: str) -> None:
    async with scene("bybit", tmp_path, empty_url) as place:
        assert (await place.hb("db", "upgrade")).code == 0
        place.place.market.takes = False  # it stays at work
        first = await place.runs()
        await first.says("order.intent")
        second = await place.hb("run", "--live", "--until-aligned")
        assert (second.code, f"already led by pid {first.pid} on" in second.err) == (3, True), second.err
        place.place.market.takes = True
        assert await first.ended() == 0
        assert place.problems() == []


@pytest.mark.parametrize("now", ["account: other\nmode: live", "environment: demo"])
async def test_a_database_of_another_account_or_environment_is_exit_4_naming_both(tmp_path: Path, empty_url: str, now: str) -> None:
    async with scene("bybit", tmp_path, empty_url) as place:
        assert (await place.hb("db", "upgrade")).code == 0
        assert await (await place.runs()).ended() == 0
        place.write({"mode: live" if now.startswith("account") else "environment: testnet": now})
        code, said = await refused(place)
        assert code == 4, said
        assert "main" in said
        assert "bybit" in said
