"""Rules, alerts, dashboards and runbook pages speak of metrics that exist and of each other."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics_core import Metric

from bot.metrics import Metrics
from tests.deploy.promql import (
    DASHBOARDS,
    HERE,
    RECORDED,
    SERIES,
    alerts,
    label_names,
    metric_names,
    panels,
    queries,
    recorded,
    rules,
    variables,
)  # fmt: skip

PROMISED = {
    "HedgeDrift",
    "HedgeWrongSide",
    "HedgeOrderUnknown",
    "HedgeLiquidationNear",
    "HedgeLeverageHigh",
    "HedgeFundingExpensive",
    "HedgeDataStale",
    "HedgeLoopStalled",
    "HedgeHalted",
    "HedgeAuditStuck",
    "HedgeApiErrors",
    "HedgeClockSkew",
    "HedgeLeaseLost",
    "HedgeDatabaseSlow",
}
OF_PROMETHEUS = {"job", "instance", "le", "alertname", "alertstate"}
EXPRESSIONS = [
    *((f"alert {rule['alert']}", rule["expr"]) for rule in alerts()),
    *((f"rule {rule['record']}", rule["expr"]) for rule in rules("rules.yml")),
    *((f"{path.stem}: {title}", query) for path in DASHBOARDS for title, query in queries(path)),
]


@pytest.fixture(scope="module")
def families() -> dict[str, Metric]:
    shown = Metrics("main", "paper", ("BTC",)).registry.collect()
    return {family.name + ("_total" if family.type == "counter" else ""): family for family in shown}


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_name_exists(families: dict[str, Metric], where: str, expression: str):
    histograms = {name + end for name, family in families.items() if family.type == "histogram" for end in SERIES}
    known = {name for name, family in families.items() if family.type != "histogram"} | histograms
    assert metric_names(expression) <= known, where
    assert set(RECORDED.findall(expression)) <= recorded(), where
    assert metric_names(expression) or RECORDED.findall(expression) or re.search(r"\b(up|ALERTS)\b", expression), (
        f"{where} asks for nothing of ours"
    )


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_label_exists(families: dict[str, Metric], where: str, expression: str):
    labels = {label for family in families.values() for sample in family.samples for label in sample.labels} | OF_PROMETHEUS
    assert label_names(expression) <= labels, where


def test_a_name_that_nobody_exports_would_be_seen(families: dict[str, Metric]):
    assert metric_names('rate(hedgebot_cycles_total{account="a"}[5m])') == {"hedgebot_cycles_total"}
    assert "hedgebot_cycles_total" not in families
    assert metric_names("asset:hedgebot_ratio_drift:abs > 1") == set()
    assert label_names('sum by (account, le) (x{class!="read"})') == {"account", "le", "class"}


def test_what_was_promised_wakes_somebody():
    assert {rule["alert"] for rule in alerts()} >= PROMISED
    assert next(rule for rule in alerts() if rule["alert"] == "HedgeDrift")["for"] == "1m"


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do_and_is_tested(rule: dict[str, object]):
    notes = rule["annotations"]
    assert isinstance(notes, dict)
    assert set(notes) == {"summary", "runbook"}
    page = HERE / notes["runbook"]
    assert page.read_text("utf-8").startswith(f"# {rule['alert']}\n")
    assert "## What to do" in page.read_text("utf-8")
    assert f"({page.name})" in (page.parent / "index.md").read_text("utf-8")
    cases = yaml.safe_load((HERE / "tests/deploy/alerts" / f"{page.stem}.yml").read_text("utf-8"))["tests"]
    verdicts = {bool(check["exp_alerts"]) for case in cases for check in case["alert_rule_test"]}
    assert verdicts == {True, False}  # both sides of its edge
    assert all(check["alertname"] == rule["alert"] for case in cases for check in case["alert_rule_test"])


def test_no_runbook_page_is_left_without_its_alert():
    pages = {path.stem for path in (HERE / "docs/runbooks").glob("*.md")} - {"index"}
    assert pages == {Path(rule["annotations"]["runbook"]).stem for rule in alerts()}
    assert {path.stem for path in (HERE / "tests/deploy/alerts").glob("*.yml")} == pages


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_laid_out_without_overlaps_and_reads_the_provisioned_source(families: dict[str, Metric], path: Path):
    taken: set[tuple[int, int]] = set()
    for panel in panels(path):
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["targets"], panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"prometheus"}
    assert len({panel["id"] for panel in panels(path)}) == len(panels(path))
    for metric, label in variables(path):
        assert label in next(iter(families[metric].samples)).labels
    source = yaml.safe_load((HERE / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    assert source["datasources"][0]["uid"] == "prometheus"


def test_there_is_a_dashboard_for_the_operator_and_one_for_the_audit():
    assert [path.stem for path in DASHBOARDS] == ["audit", "operator"]
