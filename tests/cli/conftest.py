from pathlib import Path

import pytest

from tests.cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk whose bot aligned its hedge and stopped: for whoever only reads."""
    desk = Desk(tmp_path_factory.mktemp("aligned"))
    desk.write()
    desk.good("run", "--live", "--until-aligned", "--timeout", "60")
    return desk
