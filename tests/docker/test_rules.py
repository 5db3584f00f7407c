"""promtool on what is deployed: rules that load, alerts that fire on one side of their edge only, configurations that parse."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.promql import HERE, PROMETHEUS
from tests.docker.deployment import Engine, Said, run

CASES = sorted((HERE / "tests/deploy/alerts").glob("*.yml"))
RULES = ("deploy/prometheus/rules.yml", "deploy/prometheus/alerts.yml")
Promtool = Callable[..., Said]


def in_image(engine: Engine, folder: Path, image: str, tool: str, *args: str) -> Said:
    held = ["--rm", "--network", "none", "--user", "0", "-v", f"{folder}:/clone:ro", "-w", "/clone"]
    return engine.docker("run", *held, "--entrypoint", tool, image, *args)


@pytest.fixture(scope="module")
def promtool(request: pytest.FixtureRequest) -> Promtool:
    """The installed one if there is one; else that of the image."""
    installed = shutil.which("promtool")
    if installed:
        return lambda *args, folder=HERE: run([installed, *args], env={"PATH": "/usr/bin"}, cwd=folder)
    engine: Engine = request.getfixturevalue("engine")
    return lambda *args, folder=HERE: in_image(engine, folder, "prom/prometheus:v2.53.3", "promtool", *args)


def test_the_rules_load(promtool: Promtool):
    said = promtool("check", "rules", *RULES)
    assert (said.code, said.text.count("SUCCESS")) == (0, 2), said.text


def test_the_configuration_of_prometheus_is_good(promtool: Promtool):
    said = promtool("check", "config", "deploy/prometheus/prometheus.yml")
    assert said.code == 0, said.text


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_an_alert_fires_on_one_side_of_its_edge_and_not_on_the_other(promtool: Promtool, case: Path):
    said = promtool("test", "rules", str(case.relative_to(HERE)))
    assert said.code == 0, said.text


@pytest.mark.parametrize("moved", ["> 0.049", "> 0.052"])
def test_a_threshold_that_moved_is_seen(promtool: Promtool, tmp_path: Path, moved: str):
    for path in (*RULES, "tests/deploy/alerts/hedge-drift.yml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / path, tmp_path / path)
    text = (PROMETHEUS / "alerts.yml").read_text("utf-8")
    (tmp_path / RULES[1]).write_text(text.replace("drift:abs > 0.05", f"drift:abs {moved}"), "utf-8")
    said = promtool("test", "rules", "tests/deploy/alerts/hedge-drift.yml", folder=tmp_path)
    assert said.code != 0
    assert "HedgeDrift" in said.text


def test_the_configuration_of_the_alertmanager_is_good(engine: Engine):
    said = in_image(engine, HERE, "prom/alertmanager:v0.28.1", "amtool", "check-config", "deploy/alertmanager/alertmanager.yml")
    assert said.code == 0, said.text
