"""The components `monitoring` and `scaling` of deploy/kubernetes name metrics, jobs and alerts as they are."""

import re
import subprocess

import pytest
import yaml
from modicum_server.metrics.store_metrics import FACT_GAUGES
from modicum_server.settings import Settings

from tests import machine
from tests.deploy.dockerfile_reading import REPOSITORY
from tests.deploy.kubernetes_files import OVERLAYS, container, of_kind, one, only, pods, selected, variables
from tools import kubernetes

DASHBOARDS = REPOSITORY / "deploy/grafana/dashboards"
RULES = yaml.safe_load(kubernetes.RULES.read_text())["groups"]
MONITORED = [overlay for overlay in OVERLAYS if overlay in {"monitoring", "everything", "example"}]
QUEUED, HELD, ERASURES = (FACT_GAUGES[fact][0] for fact in ("queued", "held", "erasures_running"))
every_monitored_overlay = pytest.mark.parametrize("overlay", MONITORED)


def name_of(rule) -> str:
    return rule.get("alert") or rule["record"]


def trigger() -> dict[str, str]:
    metadata: dict[str, str] = only(one("scaling", "ScaledObject", "modicum-worker")["spec"]["triggers"])["metadata"]
    return metadata


def evaluates_to(folder, series: dict[str, str], expected: int | None) -> bool:
    """Whether Prometheus takes the query of the trigger for this number; None stands for no answer."""
    rule = {"record": "keda", "expr": trigger()["query"]}
    samples = [] if expected is None else [{"labels": "keda", "value": expected}]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": value} for name, value in series.items()],
        "promql_expr_test": [{"expr": "keda", "eval_time": "1m", "exp_samples": samples}],
    }
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "keda", "rules": [rule]}]}))
    (folder / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    program = machine.program("promtool", package="prometheus")
    return not subprocess.run(
        [program, "test", "rules", "test.yml"], cwd=folder, capture_output=True, check=False
    ).returncode


def series(pod: str, *, queued: int, held: int, erasures: int, namespace: str = "modicum") -> dict[str, str]:
    labels = f'{{namespace="{namespace}", pod="{pod}", job="modicum-api"}}'
    return {name + labels: f"{value}x5" for name, value in ((QUEUED, queued), (HELD, held), (ERASURES, erasures))}


def test_work_that_waits_work_that_is_held_and_erasures_ask_for_workers_once_for_all_apis(tmp_path):
    ours = series("one", queued=2, held=3, erasures=1) | series("two", queued=2, held=3, erasures=1)

    others = series("three", queued=9, held=9, erasures=9, namespace="other")

    assert evaluates_to(tmp_path, ours | others, 6)


def test_without_work_no_worker_is_asked_for(tmp_path):
    assert evaluates_to(tmp_path, series("one", queued=0, held=0, erasures=0), 0)


def test_while_the_database_is_away_the_query_says_nothing_and_nothing_is_not_zero(tmp_path):
    assert evaluates_to(tmp_path, {}, None)
    assert trigger()["ignoreNullValues"] == "false"


def test_a_worker_is_asked_for_each_slot_and_from_none():
    scaled = one("scaling", "ScaledObject", "modicum-worker")["spec"]
    target = one("scaling", "Deployment", scaled["scaleTargetRef"]["name"])["spec"]

    assert trigger()["threshold"] == variables("scaling", "worker")["MODICUM_SLOTS"]
    assert scaled["minReplicaCount"] == 0 < scaled["maxReplicaCount"]
    assert "replicas" not in target
    assert set(pods("scaling")) & selected("scaling", target["selector"]) == {"worker"}


@every_monitored_overlay
def test_the_jobs_have_the_names_that_the_rules_look_for(overlay):
    named = set(re.findall(r'job="([\w-]+)"', kubernetes.RULES.read_text()))
    found = {}
    for name, monitor in of_kind(overlay, "PodMonitor").items():
        endpoint = only(monitor["spec"]["podMetricsEndpoints"])
        assert only(endpoint["relabelings"]) == {"targetLabel": "job", "replacement": name}
        assert endpoint["path"] == "/metrics"
        (pod,) = selected(overlay, monitor["spec"]["selector"])
        assert endpoint["port"] in {each["name"] for each in container(overlay, pod)["ports"]}
        found[name] = endpoint

    assert found.keys() == named
    assert "credentials" in found["modicum-api"]["authorization"]
    has_tls = "MODICUM_TLS_CERT" in variables(overlay, "api")
    assert found["modicum-api"].get("scheme", "http") == ("https" if has_tls else "http")


@every_monitored_overlay
def test_a_worker_answers_prometheus_only_where_it_is_watched(overlay):
    assert variables(overlay, "worker")["MODICUM_WORKER_METRICS_HOST"] == "0.0.0.0"
    assert "MODICUM_WORKER_METRICS_HOST" not in variables("base", "worker")
    assert Settings.model_fields["worker_metrics_host"].default == "127.0.0.1"


def test_the_rules_are_those_of_prometheus():
    assert kubernetes.WRITTEN_RULES.read_text() == kubernetes.rules(), "run tools/kubernetes.py --write"


def test_no_rule_is_lost_and_those_for_a_constant_number_of_workers_go_with_scaling():
    found = of_kind("monitoring", "PrometheusRule")
    written = [rule for each in found.values() for group in each["spec"]["groups"] for rule in group["rules"]]
    alone = [rule for group in found["modicum-constant-workers"]["spec"]["groups"] for rule in group["rules"]]

    assert sorted(written, key=name_of) == sorted((rule for group in RULES for rule in group["rules"]), key=name_of)
    assert [rule["alert"] for rule in alone] == ["ModicumFewerWorkers"]
    assert of_kind("everything", "PrometheusRule").keys() == {"modicum"}


@every_monitored_overlay
def test_grafana_gets_every_dashboard_as_it_is(overlay):
    maps = [
        each
        for each in of_kind(overlay, "ConfigMap").values()
        if "grafana_dashboard" in each["metadata"].get("labels", {})
    ]
    found = {file: text for each in maps for file, text in each["data"].items()}

    assert found == {file.name: file.read_text() for file in DASHBOARDS.glob("*.json")}
