"""Which metrics do rules and dashboards speak of? Read from the files as they are deployed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent.parent.parent
PROMETHEUS: Final = HERE / "deploy/prometheus"
DASHBOARDS: Final = sorted((HERE / "deploy/grafana/dashboards").glob("*.json"))
RECORDED: Final = re.compile(r"\b[a-z]+:hedgebot_[a-z0-9_:]+")
PLAIN: Final = re.compile(r"(?<![:\w])hedgebot_[a-z0-9_]+")
LABELS: Final = re.compile(r"\b([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"|\b(?:by|on|without)\s*\(([^)]*)\)")
SERIES: Final = ("_bucket", "_count", "_sum")  # what Prometheus makes of a histogram


def rules(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((PROMETHEUS / name).read_text("utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return rules("alerts.yml")


def recorded() -> set[str]:
    return {rule["record"] for rule in rules("rules.yml")}


def panels(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["panels"]
    return found


def queries(path: Path) -> Iterator[tuple[str, str]]:
    """Each query of a dashboard with its panel's title, the variables standing for everything."""
    for panel in panels(path):
        for target in panel["targets"]:
            yield panel["title"], re.sub(r"\$(account|asset)", ".*", target["expr"])


def variables(path: Path) -> Iterator[tuple[str, str]]:
    """Metric and label of each `label_values(…)`."""
    for variable in json.loads(path.read_text("utf-8"))["templating"]["list"]:
        found = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["query"])
        assert found, variable["query"]
        yield found[1], found[2]


def metric_names(expression: str) -> set[str]:
    """Names of the registry, without what Prometheus appends to a histogram."""
    return set(PLAIN.findall(RECORDED.sub("", expression)))


def label_names(expression: str) -> set[str]:
    said = set()
    for matched, listed in LABELS.findall(expression):
        said |= {matched} if matched else {name.strip() for name in listed.split(",") if name.strip()}
    return said
