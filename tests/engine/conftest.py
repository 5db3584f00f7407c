import pytest

from tests.engine.bots import Bots


@pytest.fixture
def bots(tmp_path):
    made = Bots(tmp_path)
    yield made
    made.close()
