"""The metrics and probes of a running server."""

import re
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.acceptance_stage import ARCHITECTURE
from tests.readiness import readiness
from tests.waiting import eventually

AUDIT = ("audit", "flat", "--weights", "w.safetensors", "--architecture", ARCHITECTURE, "--input", "input.toml")
LABELS = frozenset(
    {
        *("method", "code", "door", "transport", "state", "outcome", "stage", "reason", "answer", "le", "dependency"),
        *("slot", "level", "programs"),
    }
)
#: Only these metrics have labels with users' names, for a bounded number of model versions and of projects.
WITH_NAMES = ("modicum_model_", "modicum_project_")


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read().decode()


def samples(url: str) -> dict[tuple[str, frozenset], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for metric in text_string_to_metric_families(fetched(url))
        for sample in metric.samples
    }


def total(values, name: str, **labels: str) -> float:
    return sum(
        value for (found, facts), value in values.items() if found == name and labels.items() <= dict(facts).items()
    )


@pytest.fixture
def audited(place):
    done = place.run("modicum", *AUDIT, "--passes", 40, "--no-reuse", "--quiet")
    assert done.code == 0, done.messages


@pytest.mark.long
def test_the_api_exposes_calls_audits_by_state_and_the_queue(server, audited):
    values = eventually(lambda: of_an_answering_database(samples(f"{server.http}/metrics")))

    assert total(values, "modicum_audits", state="SUCCEEDED") >= 1
    assert total(values, "modicum_audit_creations_total") >= 1
    assert total(values, "modicum_rpcs_total", code="OK") >= 5
    assert total(values, "modicum_rpc_duration_seconds_count") >= 5
    assert total(values, "modicum_upload_bytes_total") > 1000
    assert ("modicum_queue_age_seconds", frozenset()) in values


def of_an_answering_database(values):
    """The values of a scrape that did not wait too long for the database; a loaded machine can make one do so."""
    return values if total(values, "modicum_dependency_up", dependency="database") == 1 else None


@pytest.mark.long
def test_the_worker_exposes_images_passes_and_audit_durations(server, audited):
    values = eventually(lambda: ended(samples(f"{server.worker_http}/metrics")))

    assert total(values, "modicum_worker_images_total", outcome="subset") >= 1
    assert total(values, "modicum_worker_forward_passes_total") > 100
    assert total(values, "modicum_worker_backward_passes_total") > 100
    assert total(values, "modicum_worker_audit_duration_seconds_count", outcome="succeeded") >= 1
    assert total(values, "modicum_worker_shard_duration_seconds_count", stage="search", outcome="done") >= 1


def ended(values):
    return values if total(values, "modicum_worker_audits_ended_total", outcome="succeeded") else None


@pytest.mark.long
def test_labels_are_few_and_bounded_and_contain_no_users_name(server, audited):
    for text in (fetched(f"{server.http}/metrics"), fetched(f"{server.worker_http}/metrics")):
        plain = "\n".join(line for line in text.splitlines() if not line.startswith(WITH_NAMES))
        assert "projects/" not in text
        assert set(re.findall(r'[{,](\w+)="', plain)) <= LABELS


def test_probes_report_liveness_and_readiness(server):
    assert fetched(f"{server.http}/healthz") == "alive\n"
    assert eventually(lambda: dependencies(server), "a probe that did not wait too long for a dependency")


def dependencies(server):
    """What the service depends on, if it can use all of it."""
    told = readiness(server.http)
    return told.states if told and all(told.states.values()) else None
