from tests.cli.conftest import desk, forks

__all__ = ["desk", "forks"]
