from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.cli.forks import Forks


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    with closing(Forks()) as process:
        yield process


@pytest.fixture(scope="module")
def loaded() -> Iterator[Forks]:
    """For commands at a venue: its client is loaded once, not by each of them."""
    with closing(
        Forks("ccxt.async_support", "bot.wiring.start", "adapters.exchanges.ccxt_open", "adapters.exchanges.preflight")
    ) as process:
        yield process


@pytest.fixture
def desk(tmp_path: Path, forks: Forks) -> Desk:
    return Desk(tmp_path, forks)


@pytest.fixture(scope="session")
def aligned(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Desk:
    """A desk whose bot aligned its hedge and stopped: for whoever only reads."""
    desk = Desk(tmp_path_factory.mktemp("aligned"), forks)
    desk.write()
    desk.good("run", "--live", "--until-aligned", "--timeout", "60")
    return desk
