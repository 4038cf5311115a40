"""The real Prometheus scrapes the API and a worker during an audit, and gives results for an operator's queries."""

import subprocess
import urllib.request

import pytest

from tests import machine
from tests.faults.gates import Point, closed
from tests.faults.stage import SUBJECT
from tests.metrics.prometheus_running import eventually
from tests.readiness import readiness

OPENMETRICS = "application/openmetrics-text;version=1.0.0"

pytestmark = pytest.mark.acceptance


def fetched(url: str, accept: str = "text/plain") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=30) as response:
        content: bytes = response.read()
        return content


ENDS = ("", "_low", "_high")


@pytest.mark.parametrize("name", ["overinterpretation_rate", "overinterpretation_rate_class_targeted"])
def test_the_headline_and_its_companion_are_those_of_the_audits_result_with_their_intervals(watched, name):
    measured = watched.audit.result().models[0].first.measure(name)
    version = 'project="default", model="m", version="1"'

    shown = [watched.prometheus.until(f"modicum_model_{name}{end}{{{version}}}") for end in ENDS]

    assert shown == [measured.value, measured.low, measured.high]


def test_the_images_are_those_of_the_headline(watched):
    rate = watched.audit.result().models[0].overinterpretation_rate

    assert watched.prometheus.until('modicum_model_audited_images{model="m", version="1"}') == rate.n


def test_one_query_gives_the_trend_over_a_models_versions_with_the_audit_behind_each(watched):
    trend = (
        'modicum_model_overinterpretation_rate{model="m"} * on (project, model, version) group_left (audit, dataset)'
    )
    samples = eventually(lambda: watched.prometheus.samples(f"{trend} modicum_model_last_audit_info"), "the trend")

    [labels] = [dict(labels) for labels in samples]
    assert labels["version"] == "1"
    assert labels["audit"] == watched.audit.name.rpartition("/")[2]
    assert labels["dataset"] == "pictures"
    assert watched.prometheus.until("time() - modicum_model_last_audit_timestamp_seconds") < 3600


@pytest.mark.parametrize(
    ("expression", "least"),
    [
        ("max(modicum_queue_age_seconds)", 0),
        ("max_over_time(sum(rate(modicum_worker_forward_passes_total[10m]))[1h:1s])", 0.1),
        ("max_over_time(modicum:worker_pass_equivalents:rate5m[1h])", 0.1),
        ("max_over_time(sum(modicum_worker_audit_duration_seconds_count)[1h:1s])", 1),
        ("max_over_time(sum(modicum_worker_queue_wait_seconds_count)[1h:1s])", 2),
        ("max_over_time(modicum_worker_torchserve_up[1h])", 1),
        ("max_over_time(max(modicum_worker_model_memory_bytes)[1h:1s])", 10_000_000),
    ],
)
def test_an_operators_queries_have_results(watched, expression, least):
    watched.prometheus.until(expression, lambda value: value >= least)


def test_promtool_finds_nothing_wrong_with_any_metric(watched):
    for url in (watched.stage.http_url, watched.worker_url):
        done = subprocess.run(
            [machine.program("promtool", package="prometheus"), "check", "metrics"],
            input=fetched(f"{url}/metrics"),
            capture_output=True,
            check=False,
            timeout=300,
        )

        assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_every_rule_can_be_evaluated(watched):
    def evaluated() -> list[dict[str, str]]:
        groups = watched.prometheus.get("rules")["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = eventually(evaluated, "every rule to be evaluated")

    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def test_only_known_labels_are_exposed_and_only_models_have_users_names(watched):
    data = watched.prometheus.get("series", **{"match[]": '{__name__=~"modicum_.*"}'})
    labels = {label for series in data for label in series} - {"__name__", "instance", "job"}
    named = {series["__name__"] for series in data if "model" in series}

    assert labels <= {
        *("method", "code", "le", "answer", "state", "reason", "dependency"),
        *("outcome", "stage", "level", "programs", "slot", "door", "transport"),
        *("project", "model", "version", "audit", "verdict", "dataset", "threshold", "alpha"),
        *("fill", "canvas", "passes", "found", "headline"),
    }
    assert all(name.startswith("modicum_model_") for name in named)


def test_exemplars_lead_from_a_spike_to_the_audit_or_the_log_line(watched):
    def exemplars(metric: str) -> list[dict[str, str]]:
        found = watched.prometheus.get("query_exemplars", query=metric, start="0", end="99999999999")
        return [exemplar["labels"] for series in found for exemplar in series["exemplars"]]

    audits = eventually(lambda: exemplars("modicum_worker_audit_duration_seconds_bucket"), "an exemplar of an audit")
    assert watched.audit.name in {labels["audit"] for labels in audits}

    creation = 'modicum_rpc_duration_seconds_bucket{method="/modicum.v1.AuditService/CreateAudit"}'
    requests = {labels["request_id"] for labels in eventually(lambda: exemplars(creation), "an exemplar of a call")}
    created = {line["request_id"]: line["audit"] for line in watched.stage.api.lines("audit_created")}
    assert watched.audit.name in {created[request] for request in requests}


def test_a_model_that_is_deleted_leaves_no_series_behind(watched):
    client, folder, prometheus = watched.stage.client(), watched.stage.folder, watched.prometheus
    client.models.register(
        "short-lived",
        weights=folder / "w.safetensors",
        architecture="modicum:cifar_resnet8",
        input=folder / "input.toml",
        class_labels=folder / "labels.txt",
    )
    audit = client.audits.create(models=["short-lived"], dataset="pictures", thresholds=[0.9], passes=10, controls=[])
    audit.wait()
    prometheus.until('modicum_model_overinterpretation_rate{model="short-lived"}')

    client.audits.delete(audit.name)
    client.models.delete("short-lived")

    eventually(lambda: not prometheus.samples('{model="short-lived"}'), "its series to be gone")
    prometheus.until('modicum_model_overinterpretation_rate{model="m"}')


@pytest.mark.long
def test_the_death_of_a_worker_with_an_audit_raises_an_alert(watched):
    stage, prometheus = watched.stage, watched.prometheus
    with closed(stage.database.url, Point.FINDING, project=SUBJECT, stored=0) as gate:
        audit = stage.client().audits.create(
            models=["m"], dataset="pictures", thresholds=[0.9], passes=100, controls=[], reuse=False
        )
        gate.wait_reached()
        # on a machine under load the worker may have come to the audit late: then an alert was right, and ends now
        eventually(lambda: not {"ModicumNoWorker", "ModicumWorkerDown"} & prometheus.firing(), "no alert before")
        with stage.worker.away():
            stage.worker.kill()
            gate.open()

            eventually(lambda: {"ModicumNoWorker", "ModicumWorkerDown"} <= prometheus.firing(), "both alerts")
            prometheus.until("max(modicum_queue_leases_overdue)", lambda overdue: overdue >= 1)

    stage.wait_whole()
    audit.wait()
    eventually(lambda: not {"ModicumNoWorker", "ModicumWorkerDown"} & prometheus.firing(), "the alerts to end")
    assert prometheus.until("max(modicum_queue_leases_expired_total)", lambda expired: expired >= 1)
    stage.client().audits.delete(audit.name)
    prometheus.until(f'modicum_model_last_audit_info{{audit="{watched.audit.name.rpartition("/")[2]}"}}')


def test_openmetrics_are_served_on_request(watched):
    for url in (watched.stage.http_url, watched.worker_url):
        assert fetched(f"{url}/metrics", OPENMETRICS).endswith(b"# EOF\n")
        assert b"# EOF" not in fetched(f"{url}/metrics")


def test_each_dependency_stands_on_a_line_of_its_own(watched):
    told = eventually(lambda: readiness(watched.stage.http_url), "the service to be ready")

    assert told.states == dict.fromkeys(("database", "schema", "artifact_store"), True)
    assert len(told.text.splitlines()) == 5
