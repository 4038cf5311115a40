"""Each failing dependency changes readiness (HTTP, gRPC, metrics) but not liveness, and readiness recovers."""

import contextlib
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.faults.stage import Stage
from tests.metrics.prometheus_running import eventually
from tests.readiness import readiness
from tests.tiers import long

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
AUDITS = "modicum.v1.AuditService"
#: Prometheus' default scrape timeout.
SCRAPE_SECONDS = 10

pytestmark = pytest.mark.acceptance


@contextmanager
def postgres_stopped(stage: Stage) -> Iterator[None]:
    stage.database.halt()
    try:
        yield
    finally:
        stage.database.resume()


@contextmanager
def postgres_frozen(stage: Stage) -> Iterator[None]:
    """Postgres that accepts connections through the kernel but does not respond."""
    postmaster = psutil.Process(stage.database.pid)
    os.kill(postmaster.pid, signal.SIGSTOP)  # first: from then on it starts no new child
    frozen = [postmaster.pid, *(child.pid for child in postmaster.children(recursive=True))]
    try:
        for pid in frozen[1:]:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in reversed(frozen):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextmanager
def artifact_folder_gone(stage: Stage) -> Iterator[None]:
    away = stage.artifacts.with_name("unmounted")
    stage.artifacts.rename(away)
    try:
        yield
    finally:
        away.rename(stage.artifacts)


@contextmanager
def artifact_folder_unwritable(stage: Stage) -> Iterator[None]:
    """A folder that refuses new files even to root: one of the kernel's."""
    scratch, away = stage.artifacts / "scratch", stage.artifacts / "scratch-away"
    scratch.rename(away)
    scratch.symlink_to(Path("/proc"))
    try:
        yield
    finally:
        scratch.unlink()
        away.rename(scratch)


def down(stage: Stage) -> tuple[int, set[str]]:
    """The status of readiness, and which dependencies are down. On a busy machine a slow probe counts as one, too."""
    told = readiness(stage.http_url)
    return told.status, {name for name, up in told.states.items() if not up}


def lives(stage: Stage) -> bool:
    with urllib.request.urlopen(f"{stage.http_url}/healthz", timeout=30) as response:
        return bool(response.read() == b"alive\n")


def health(stage: Stage, service: str) -> int:
    with grpc.insecure_channel(stage.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        response = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30, wait_for_ready=True)
        return int(response.status)


@pytest.mark.parametrize(
    ("failing", "dependencies"),
    [
        long(postgres_stopped, {"database", "schema"}, id="Postgres stopped"),
        pytest.param(artifact_folder_gone, {"artifact_store"}, id="artifact folder missing"),
        long(artifact_folder_unwritable, {"artifact_store"}, id="artifact folder unwritable"),
    ],
)
def test_a_failing_dependency_turns_readiness_and_not_liveness_and_comes_back(
    watched, failing: Callable[[Stage], Iterator[None]], dependencies: set[str]
):
    stage = watched.stage
    eventually(lambda: readiness(stage.http_url), "the service to be ready")

    with failing(stage):
        eventually(lambda: down(stage) == (503, dependencies), f"{dependencies} to be down, and nothing else")
        assert lives(stage)
        for service in ("", AUDITS):
            eventually(lambda name=service: health(stage, name) == NOT_SERVING, f"{service!r} to be NOT_SERVING")
        assert health(stage, "liveness") == SERVING
        for name in dependencies:
            watched.prometheus.until(f'modicum_dependency_up{{dependency="{name}"}}', lambda up: up == 0)
        alert = "ModicumDatabaseUnreachable" if "database" in dependencies else "ModicumNotReady"
        pages = {"ModicumDatabaseUnreachable", "ModicumNotReady"}
        eventually(lambda: pages & watched.prometheus.firing() == {alert}, f"{alert} to fire, and it alone")

    eventually(lambda: readiness(stage.http_url), "readiness to come back")
    for service in ("", AUDITS):
        eventually(lambda name=service: health(stage, name) == SERVING, f"{service!r} to be SERVING again")
    for name in dependencies:
        watched.prometheus.until(f'modicum_dependency_up{{dependency="{name}"}}', lambda up: up == 1)


def test_without_a_database_the_scrape_works_and_has_a_gap(watched):
    with postgres_stopped(watched.stage):
        eventually(lambda: not watched.prometheus.samples("modicum_queue_age_seconds"), "the queue's age to be unknown")
        watched.prometheus.until('up{job="modicum-api"}', lambda up: up == 1)
        watched.prometheus.until('modicum_model_overinterpretation_rate{model="m"}')

    watched.prometheus.until("modicum_queue_age_seconds")


@pytest.mark.long
def test_a_hanging_database_delays_no_scrape_and_is_reported_down(watched):
    stage = watched.stage
    with postgres_frozen(stage):
        for _ in range(3):  # the later ones find the first one's query still open
            with urllib.request.urlopen(f"{stage.http_url}/metrics", timeout=SCRAPE_SECONDS) as response:
                text = response.read().decode()
            assert 'modicum_dependency_up{dependency="database"} 0.0' in text
            assert "\nmodicum_queue_age_seconds " not in text
            assert "\nmodicum_rpcs_total{" in text

    eventually(lambda: readiness(stage.http_url), "readiness to come back")
    watched.prometheus.until("modicum_queue_age_seconds")
