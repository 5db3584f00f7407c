"""A container engine: the lab that DOCKER_LAB names (or /bin/true, for the Docker that is running here). The image is built once."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docker.deployment import BUILD_SECONDS, Deployment, Engine, clone_of_head

Deploy = Callable[..., Deployment]


@pytest.fixture(scope="session")
def engine() -> Engine:
    lab = os.environ.get("DOCKER_LAB")
    if not lab:
        pytest.skip("DOCKER_LAB is not set: no container engine here")
    subprocess.run([lab, "up"], check=True, capture_output=True, timeout=BUILD_SECONDS)
    said = subprocess.run([lab, "env"], check=True, capture_output=True, text=True).stdout
    pointing = dict(re.findall(r"^export (\w+)=(\S+)$", said, flags=re.MULTILINE))
    engine = Engine({**{name: value for name, value in os.environ.items() if not name.startswith(("HEDGEBOT", "COMPOSE_"))}, **pointing})
    engine.env.pop("TESTNET", None)
    engine.good("version")
    return engine


@pytest.fixture(scope="session")
def clone(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh clone, its image built."""
    folder = clone_of_head(tmp_path_factory.mktemp("clone"))
    Deployment(engine, folder).good("build", "bot", timeout=BUILD_SECONDS)
    return folder


@pytest.fixture(scope="module")
def deploy(engine: Engine, clone: Path) -> Iterator[Deploy]:
    """Makes deployments; each is taken down with its volumes at the end of the module."""
    made: list[Deployment] = []

    def one(**given: object) -> Deployment:
        made.append(Deployment(engine, clone, **given))  # type: ignore[arg-type]
        return made[-1]

    try:
        yield one
    finally:
        for deployment in made:
            deployment.down()
