"""Alert rules, their tests and runbooks, and dashboards: they name only metrics that the services have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from posada.cluster.address import TARGETS, write_targets
from shared.contracts.topics import SERVICES
from tests.support.paths import ROOT

RULES = sorted((ROOT / "deploy/prometheus/rules").glob("*.yml"))
RULE_TESTS = ROOT / "deploy/prometheus/tests"
DASHBOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
RUNBOOKS = ROOT / "docs/runbooks"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
METRIC = re.compile(r"\b(?:posada|process|python)_[a-z_]+\b")
LABEL_LIST = re.compile(r"(?:by|on|without|ignoring) \(([^)]*)\)")
OF_THE_PROCESS = ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds")
ENGINES = {"job", "instance", "le"}  # labels that come with scraping, or with a histogram
PROMTOOL = shutil.which("promtool") or ""
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed (Debian: prometheus)")


def known_metrics() -> dict[str, set[str]]:
    """The labels of each time series that the services show, by its name."""
    for service in SERVICES:
        import_module(f"services.{service}.app")
    known = {}
    for collector in set(REGISTRY._collector_to_names):
        for family in collector.describe() if hasattr(collector, "describe") else ():
            labels = set(getattr(collector, "_labelnames", ()))
            known |= {family.name + suffix: labels for suffix in SUFFIXES.get(family.type, ("",))}
    return known


def promtool(*arguments: str | Path) -> None:
    told = subprocess.run([PROMTOOL, *arguments], check=False, capture_output=True, text=True, cwd=RULE_TESTS)
    assert told.returncode == 0, told.stdout + told.stderr


def rules() -> Iterator[dict[str, Any]]:
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            if panel["type"] != "row":
                yield file.stem, panel


EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in rules()] + [
    (f"{board}: {panel['title']}", target["expr"]) for board, panel in panels() for target in panel["targets"]
]


@pytest.mark.parametrize("expression", [one[1] for one in EXPRESSIONS], ids=[one[0] for one in EXPRESSIONS])
def test_an_expression_names_metrics_and_labels_that_there_are(expression: str) -> None:
    known = known_metrics() | {name: set() for name in OF_THE_PROCESS}
    named = set(METRIC.findall(expression))
    assert named <= known.keys(), named - known.keys()
    assert named or "up{" in expression
    listed = {label.strip() for labels in LABEL_LIST.findall(expression) for label in labels.split(",")}
    offered = set().union(*(known[name] for name in named)) | ENGINES
    assert listed <= offered, listed - offered


@pytest.mark.parametrize("expression", [one[1] for one in EXPRESSIONS], ids=[one[0] for one in EXPRESSIONS])
def test_what_others_show_too_is_asked_of_ours_alone(expression: str) -> None:
    """Another team's job may be called payments, and every Python process shows when it started."""
    for name in ("up", *OF_THE_PROCESS):
        for labels in re.findall(rf"(?<![\w:]){name}(?!\w)(\{{[^}}]*\}})?", expression):
            assert 'system="posada"' in labels, name


def test_scrape_configurations_say_what_is_ours() -> None:
    ours = {"target_label": "system", "replacement": "posada"}
    for file in ("prometheus.yml", "local.yml"):
        config = yaml.safe_load((ROOT / "deploy" / "prometheus" / file).read_text())
        assert all(ours in one["relabel_configs"] for one in config["scrape_configs"])


def test_every_metric_of_ours_is_on_a_dashboard() -> None:
    shown = {name for board, panel in panels() for one in panel["targets"] for name in METRIC.findall(one["expr"])}
    behind = {
        f"posada_{name}"
        for name in ("build_info", "gauges_read_timestamp_seconds", "consumer_last_progress_timestamp_seconds")
    }
    ours = {name for name in known_metrics() if name.startswith("posada_")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours if name.replace("_count", "") not in behind}
    missing = {name for name in families if not any(one.startswith(name) for one in shown)} - behind
    assert not missing


@pytest.mark.parametrize("rule", list(rules()), ids=lambda rule: rule["alert"])
def test_an_alert_has_a_runbook_that_speaks_of_it(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert rule["annotations"]["summary"]
    page = ROOT / rule["annotations"]["runbook"]
    assert page.parent == RUNBOOKS
    assert f"`{rule['alert']}`" in page.read_text()


def test_a_service_that_never_came_up_is_missed() -> None:
    down = next(rule["expr"] for rule in rules() if rule["alert"] == "PosadaServiceDown")
    assert set(re.findall(r'absent\(up\{system="posada", job="(\w+)"\}\)', down)) == set(SERVICES)
    listed = re.search(r'up\{system="posada", job=~"([\w|]+)"\}', down)
    assert listed
    assert set(listed[1].split("|")) == set(SERVICES)


def test_no_runbook_speaks_of_an_alert_that_is_no_more() -> None:
    named = {alert for page in RUNBOOKS.glob("*.md") for alert in re.findall(r"Alert `(\w+)`", page.read_text())}
    assert named == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_a_runbook_names_metrics_and_pages_that_there_are(page: Path) -> None:
    text = page.read_text()
    named = set(METRIC.findall(text))
    known = known_metrics()
    families = known.keys() | {re.sub(r"_(bucket|sum|count)$", "", name) for name in known}
    assert named <= families, named - families
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert (page.parent / link).is_file(), link


def test_every_alert_is_tried_both_ways() -> None:
    """Each rule has a test in which it fires; that nothing fires too early is for the same tests."""
    fired = set()
    for file in RULE_TESTS.glob("*.yml"):
        for test in yaml.safe_load(file.read_text())["tests"]:
            fired |= {one["alertname"] for one in test["alert_rule_test"] if one.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in rules()}


@needs_promtool
@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_promtool_finds_the_rules_right(file: Path) -> None:
    promtool("check", "rules", file)


@needs_promtool
@pytest.mark.parametrize("file", RULES, ids=lambda file: file.stem)
def test_promtool_finds_that_the_rules_do_what_they_should(file: Path) -> None:
    promtool("test", "rules", file.name)


@needs_promtool
def test_promtool_parses_every_expression_of_the_dashboards(tmp_path: Path) -> None:
    made = [
        {"record": f"posada:{number}", "expr": expression.replace("$__rate_interval", "1m").replace("$job", ".*")}
        for number, (_, expression) in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": made}]}))
    promtool("check", "rules", file)


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_can_be_provisioned(file: Path) -> None:
    board = json.loads(file.read_text())
    assert board["uid"] == file.stem
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    uids = {source["uid"] for source in sources["datasources"]}
    assert {panel["datasource"]["uid"] for panel in board["panels"] if "datasource" in panel} <= uids
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24


def test_prometheus_reads_the_list_that_a_running_posada_keeps(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/local.yml").read_text())
    (file,) = config["scrape_configs"][0]["file_sd_configs"][0]["files"]
    assert (ROOT / "deploy/prometheus" / file).resolve() == ROOT / ".posada" / TARGETS
    write_targets(tmp_path, {"booking": ["http://127.0.0.1:1", "http://127.0.0.1:2"]})
    targets = json.loads((tmp_path / TARGETS).read_text())
    assert targets == [{"targets": ["127.0.0.1:1", "127.0.0.1:2"], "labels": {"job": "booking"}}]
    if PROMTOOL:
        promtool("check", "config", ROOT / "deploy/prometheus/local.yml")
